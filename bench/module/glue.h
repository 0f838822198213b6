/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C that Rust cannot express: macros and static inlines of kernel headers as
 * functions, and what the kernel crate's bindings lack. No logic lives here.
 */
#ifndef NUMAWEAVE_BENCH_GLUE_H
#define NUMAWEAVE_BENCH_GLUE_H

#include <linux/types.h>

struct mempolicy;

struct mempolicy *numaweave_bench_policy(unsigned int count);
int numaweave_bench_find(const char *symbol, void **address);
unsigned long numaweave_bench_irq_save(void);
void numaweave_bench_irq_restore(unsigned long flags);
u64 numaweave_bench_cycles(void);
unsigned int numaweave_bench_nothing(struct mempolicy *policy, pgoff_t index);

#endif /* NUMAWEAVE_BENCH_GLUE_H */
