// SPDX-License-Identifier: GPL-2.0
/*
 * C that Rust cannot express; see glue.h.
 */
#include <linux/fprobe.h>
#include <linux/gcd.h>
#include <linux/mempolicy.h>
#include <linux/module.h>
#include <linux/node.h>
#include <linux/topology.h>

#include "glue.h"

/* The kernel defines it as a type; to users it is the name of a parameter. */
#undef auto

/*
 * Module parameters are strings here and typed in Rust, so that users write
 * the same words at load as later in sysfs.
 */
#define NUMAWEAVE_PARAM(name, initial, description)			\
	char numaweave_param_##name[NUMAWEAVE_PARAM_SIZE] = initial;	\
	module_param_string(name, numaweave_param_##name,		\
			    NUMAWEAVE_PARAM_SIZE, 0444);		\
	MODULE_PARM_DESC(name, description)

NUMAWEAVE_PARAM(publish, "true",
		"Write the weights into the kernel's own table: true (default) or false");
NUMAWEAVE_PARAM(algorithm, "balanced",
		"How weights come from bandwidth: balanced (default) or mainline");
NUMAWEAVE_PARAM(metric, "min",
		"Bandwidth that balanced weighs by: min (default), read or write");
NUMAWEAVE_PARAM(max_cycle, "",
		"Upper bound of the sum of weights: number of nodes..4096 (default by the number of nodes)");
NUMAWEAVE_PARAM(target, "990",
		"Efficiency per mille at which balanced stops: 1..1000 (default 990)");
NUMAWEAVE_PARAM(auto, "true",
		"Follow bandwidth updates: true (default) or false");

int numaweave_register_fprobe(struct fprobe *fp, const char *symbol)
{
	return register_fprobe_syms(fp, &symbol, 1);
}

int numaweave_unregister_fprobe(struct fprobe *fp)
{
	return unregister_fprobe(fp);
}

unsigned long numaweave_ftrace_argument(struct ftrace_regs *fregs, unsigned int n)
{
#ifdef CONFIG_FPROBE
	return ftrace_regs_get_argument(fregs, n);
#else
	return 0;	/* no handler is ever called */
#endif
}

/* The hook's handler reads the arguments of this function by their place. */
static_assert(__same_type(&mempolicy_set_node_perf,
			  (int (*)(unsigned int, struct access_coordinate *))NULL));

/*
 * gcd() is exported, out of line, free of side effects and not on any hot
 * path: if an fprobe on it does not see this call, fprobes see nothing now.
 * It is a const function: without the returned value gcc would drop the call.
 */
unsigned long numaweave_call_canary(void)
{
	return gcd(2, 4);
}

int numaweave_register_node_notifier(struct notifier_block *nb)
{
	return register_node_notifier(nb);
}

void numaweave_unregister_node_notifier(struct notifier_block *nb)
{
	unregister_node_notifier(nb);
}

unsigned int numaweave_boot_cpu_node(void)
{
	return cpu_to_node(0);
}
