// SPDX-License-Identifier: GPL-2.0
/*
 * Whoever writes to the parameter `wait` waits until all that was left to
 * kfree_rcu() and call_rcu() has been freed: what is in use then is in use, and
 * counts of objects can be compared exactly. Shrinking a cache from user space
 * does not do that: objects for kfree_rcu() gather in a sheaf for each CPU.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>

static void (*wait_for_kvfree_rcu)(void);

static int wait_for_frees(const char *value, const struct kernel_param *param)
{
	/* Not at load: parameters are set before the function is found. */
	if (!wait_for_kvfree_rcu)
		return -EAGAIN;
	/* Callbacks of call_rcu() may leave more to kfree_rcu(). */
	rcu_barrier();
	wait_for_kvfree_rcu();
	return 0;
}

static const struct kernel_param_ops wait_ops = {
	.set = wait_for_frees,
};

module_param_cb(wait, &wait_ops, NULL, 0200);
MODULE_PARM_DESC(wait, "written to wait for what RCU has still to free");

/* Linux 7.2 exports the function, 7.3 does not; a probe finds it in both. */
static int __init free_barrier_init(void)
{
	struct kprobe probe = { .symbol_name = "kvfree_rcu_barrier" };
	int error = register_kprobe(&probe);

	if (error)
		return error;
	wait_for_kvfree_rcu = (void (*)(void))probe.addr;
	unregister_kprobe(&probe);
	return 0;
}

static void __exit free_barrier_exit(void)
{
}

module_init(free_barrier_init);
module_exit(free_barrier_exit);
MODULE_AUTHOR("numaweave developers");
MODULE_DESCRIPTION("Waits for what is left to kfree_rcu()");
MODULE_LICENSE("GPL");
