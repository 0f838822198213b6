// SPDX-License-Identifier: GPL-2.0
/*
 * Two threads that change one word without saying so to each other: what a
 * kernel that looks for races has to find. The name is one of ours, as a race
 * that is not ours fails no run.
 */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

static unsigned long word;
static struct task_struct *threads[2];

static noinline void race(void)
{
	word++;
}

static int run(void *unused)
{
	while (!kthread_should_stop()) {
		race();
		cond_resched();
	}
	return 0;
}

static void stop(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(threads); i++)
		if (threads[i])
			kthread_stop(threads[i]);
}

static int __init racer_init(void)
{
	struct task_struct *thread;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		thread = kthread_run(run, NULL, "racer/%u", i);
		if (IS_ERR(thread)) {
			stop();
			return PTR_ERR(thread);
		}
		threads[i] = thread;
	}
	return 0;
}

static void __exit racer_exit(void)
{
	stop();
}

module_init(racer_init);
module_exit(racer_exit);
MODULE_AUTHOR("numaweave developers");
MODULE_DESCRIPTION("Two threads that race");
MODULE_LICENSE("GPL");
