// SPDX-License-Identifier: GPL-2.0
/*
 * C that Rust cannot express; see glue.h.
 */
#include <linux/bitmap.h>
#include <linux/irqflags.h>
#include <linux/kprobes.h>
#include <linux/mempolicy.h>
#include <linux/timex.h>

#include "glue.h"

/* As set_mempolicy(2) makes it, over the nodes below @count. One at a time. */
struct mempolicy *numaweave_bench_policy(unsigned int count)
{
	static struct mempolicy policy;

	policy = (struct mempolicy) {
		.refcnt = ATOMIC_INIT(1),
		.mode = MPOL_WEIGHTED_INTERLEAVE,
		.home_node = NUMA_NO_NODE,
	};
	bitmap_set(policy.nodes.bits, 0, count);
	return &policy;
}

/*
 * Static functions have no other door. The probe is never armed, so what it
 * points at stays as it is; livepatch leaves the function's address alone.
 */
int numaweave_bench_find(const char *symbol, void **address)
{
	struct kprobe probe = {
		.symbol_name = symbol,
		.flags = KPROBE_FLAG_DISABLED,
	};
	int error = register_kprobe(&probe);

	if (error)
		return error;
	*address = probe.addr;
	unregister_kprobe(&probe);
	return 0;
}

unsigned long numaweave_bench_irq_save(void)
{
	unsigned long flags;

	local_irq_save(flags);
	return flags;
}

void numaweave_bench_irq_restore(unsigned long flags)
{
	local_irq_restore(flags);
}

u64 numaweave_bench_cycles(void)
{
	return get_cycles();
}

/*
 * One instruction: its return. What comes back is what the register happens to
 * hold, and nobody looks at it.
 */
asm(
"	.pushsection .text\n"
"	.globl numaweave_bench_nothing\n"
"	.type numaweave_bench_nothing, @function\n"
"numaweave_bench_nothing:\n"
"	ret\n"
"	.size numaweave_bench_nothing, . - numaweave_bench_nothing\n"
"	.popsection\n"
);
