// SPDX-License-Identifier: GPL-2.0
/*
 * A probe that wants a function of mempolicy to itself, as the takeover does:
 * with a handler after the probed instruction it may change where execution goes
 * on, and the kernel lets one user of a function do that.
 *
 * For the torture and the case takeover.rival: beside it the takeover has to be
 * refused with EBUSY. Beside the takeover this probe has to be without effect;
 * whether its registration says so is up to the kernel (Linux 7.2's does not).
 */
#include <linux/kprobes.h>
#include <linux/module.h>

static int before(struct kprobe *probe, struct pt_regs *regs)
{
	return 0;
}

static void after(struct kprobe *probe, struct pt_regs *regs,
		  unsigned long flags)
{
}

static struct kprobe probe = {
	.symbol_name = "weighted_interleave_nid",
	.pre_handler = before,
	.post_handler = after,
};

static int __init rival_init(void)
{
	return register_kprobe(&probe);
}

static void __exit rival_exit(void)
{
	unregister_kprobe(&probe);
}

module_init(rival_init);
module_exit(rival_exit);
MODULE_AUTHOR("numaweave developers");
MODULE_DESCRIPTION("A probe that wants a function of mempolicy to itself");
MODULE_LICENSE("GPL");
