// SPDX-License-Identifier: GPL-2.0
/*
 * Does what a kernel that checks has to notice: guilty_of=race, leak, inversion
 * or use_after_free. The name is one of ours, as what others do fails no run.
 */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>

static char *guilty_of = "";
module_param(guilty_of, charp, 0);

static unsigned long word;
static struct task_struct *threads[2];
static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static noinline void change(void)
{
	word++;
}

static int run(void *unused)
{
	while (!kthread_should_stop()) {
		change();
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

/* Two threads that change one word without saying so to each other. */
static int race(void)
{
	struct task_struct *thread;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		thread = kthread_run(run, NULL, "culprit/%u", i);
		if (IS_ERR(thread)) {
			stop();
			return PTR_ERR(thread);
		}
		threads[i] = thread;
	}
	return 0;
}

static noinline int leak(void)
{
	return kmalloc(256, GFP_KERNEL) ? 0 : -ENOMEM;
}

/* Nobody waits here: that one could is what lockdep has to say. */
static int inversion(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
	return 0;
}

static noinline int use_after_free(void)
{
	unsigned long *object = kmalloc(256, GFP_KERNEL);

	if (!object)
		return -ENOMEM;
	kfree(object);
	word = READ_ONCE(*object);
	return 0;
}

static int __init culprit_init(void)
{
	if (!strcmp(guilty_of, "race"))
		return race();
	if (!strcmp(guilty_of, "leak"))
		return leak();
	if (!strcmp(guilty_of, "inversion"))
		return inversion();
	if (!strcmp(guilty_of, "use_after_free"))
		return use_after_free();
	return -EINVAL;
}

static void __exit culprit_exit(void)
{
	stop();
}

module_init(culprit_init);
module_exit(culprit_exit);
MODULE_AUTHOR("numaweave developers");
MODULE_DESCRIPTION("Does what a kernel that checks has to notice");
MODULE_LICENSE("GPL");
