// SPDX-License-Identifier: GPL-2.0
/*
 * C that Rust cannot express; see glue.h.
 */
#include <linux/fprobe.h>
#include <linux/gcd.h>
#include <linux/irq_work.h>
#include <linux/kobject.h>
#include <linux/mempolicy.h>
#include <linux/module.h>
#include <linux/node.h>
#include <linux/notifier.h>
#include <linux/percpu.h>
#include <linux/topology.h>

#include "../include/numaweave.h"
#include "exports.h"
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
NUMAWEAVE_PARAM(scope, "system",
		"Whose weights the takeover goes by: system (default) or initiator");

void numaweave_set_operations(void *attribute, void *show, void *store)
{
	struct kobj_attribute *attr = attribute;

	attr->show = show;
	attr->store = store;
}

void *numaweave_store_operation(void *attribute)
{
	struct kobj_attribute *attr = attribute;

	return attr->store;
}

int numaweave_register_fprobe(struct fprobe *fp, const char *symbol)
{
	return register_fprobe_syms(fp, &symbol, 1);
}

int numaweave_register_fprobe_at(struct fprobe *fp, unsigned long function)
{
	return register_fprobe_ips(fp, &function, 1);
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

unsigned long numaweave_ftrace_return_value(struct ftrace_regs *fregs)
{
#ifdef CONFIG_FPROBE
	return ftrace_regs_get_return_value(fregs);
#else
	return 0;	/* as above */
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

unsigned int numaweave_local_node(void)
{
	return numa_node_id();
}

void numaweave_init_irq_work(struct irq_work *work,
			     void (*func)(struct irq_work *work))
{
	init_irq_work(work, func);
}

/*
 * Counters of each CPU; they are zero at first. Rust knows no address spaces:
 * a number stands between the two kinds of pointers.
 */
static u64 __percpu *counter(void *base, size_t index)
{
	return (u64 __percpu __force *)(unsigned long)base + index;
}

void *numaweave_percpu_alloc(size_t len)
{
	u64 __percpu *counters = __alloc_percpu(array_size(len, sizeof(u64)),
						__alignof__(u64));

	return (void *)(__force unsigned long)counters;
}

void numaweave_percpu_inc(void *base, size_t index)
{
	this_cpu_inc(*counter(base, index));
}

u64 numaweave_percpu_sum(void *base, size_t index)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(counter(base, index), cpu));
	return sum;
}

static BLOCKING_NOTIFIER_HEAD(new_table);

int numaweave_register_notifier(struct notifier_block *nb)
{
	return blocking_notifier_chain_register(&new_table, nb);
}
EXPORT_SYMBOL_GPL(numaweave_register_notifier);

int numaweave_unregister_notifier(struct notifier_block *nb)
{
	return blocking_notifier_chain_unregister(&new_table, nb);
}
EXPORT_SYMBOL_GPL(numaweave_unregister_notifier);

void numaweave_call_notifiers(void)
{
	blocking_notifier_call_chain(&new_table, 0, NULL);
}

/*
 * The look-ups themselves are in Rust. What is inline in C and a call from Rust
 * is done here, around them: RCU and the counting. That leaves the Rust side a
 * leaf function, which need not save registers.
 */

/* Set before anybody can call and valid until nobody can. */
void *numaweave_decisions;

static unsigned int decided(unsigned int nid)
{
	this_cpu_inc(*counter(numaweave_decisions, nid));
	return nid;
}

notrace unsigned int numaweave_interleave_nid(const nodemask_t *nodes, int initiator,
				      pgoff_t ilx)
{
	unsigned int nid;

	rcu_read_lock();
	nid = decided(numaweave_find_nid(nodes, initiator, ilx));
	rcu_read_unlock();
	return nid;
}
EXPORT_SYMBOL_GPL(numaweave_interleave_nid);

notrace unsigned int numaweave_next_nid(const nodemask_t *nodes, int initiator,
				struct numaweave_cursor *cursor)
{
	unsigned int nid;

	rcu_read_lock();
	nid = decided(numaweave_step_nid(nodes, initiator, cursor));
	rcu_read_unlock();
	return nid;
}
EXPORT_SYMBOL_GPL(numaweave_next_nid);

int numaweave_node_weight(int node, int initiator)
{
	return numaweave_find_weight(node, initiator);
}
EXPORT_SYMBOL_GPL(numaweave_node_weight);

int numaweave_takeover_attach(void)
{
	return numaweave_attach();
}
EXPORT_SYMBOL_GPL(numaweave_takeover_attach);

void numaweave_takeover_detach(void)
{
	numaweave_detach();
}
EXPORT_SYMBOL_GPL(numaweave_takeover_detach);

void numaweave_reduce_weights(const unsigned int *bandwidth, u8 *weights)
{
	numaweave_fill_weights(bandwidth, weights);
}
EXPORT_SYMBOL_GPL(numaweave_reduce_weights);
