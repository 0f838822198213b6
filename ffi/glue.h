/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C that Rust cannot express: macros and static inlines of kernel headers as
 * functions, module parameters that users type as words, trace points. No
 * logic lives here.
 */
#ifndef NUMAWEAVE_GLUE_H
#define NUMAWEAVE_GLUE_H

#include <linux/types.h>

struct fprobe;
struct ftrace_regs;
struct irq_work;
struct notifier_block;

/* Longest value of a word-valued module parameter, its NUL included. */
#define NUMAWEAVE_PARAM_SIZE 16

extern char numaweave_param_publish[NUMAWEAVE_PARAM_SIZE];
extern char numaweave_param_algorithm[NUMAWEAVE_PARAM_SIZE];
extern char numaweave_param_metric[NUMAWEAVE_PARAM_SIZE];
extern char numaweave_param_max_cycle[NUMAWEAVE_PARAM_SIZE];
extern char numaweave_param_target[NUMAWEAVE_PARAM_SIZE];
extern char numaweave_param_auto[NUMAWEAVE_PARAM_SIZE];
extern char numaweave_param_scope[NUMAWEAVE_PARAM_SIZE];

/*
 * The show and store of a struct kobj_attribute. From Linux 7.3 on the fields
 * are members of unnamed unions, which bindgen gives names of its own.
 */
void numaweave_set_operations(void *attribute, void *show, void *store);
void *numaweave_store_operation(void *attribute);

int numaweave_register_fprobe(struct fprobe *fp, const char *symbol);
int numaweave_register_fprobe_at(struct fprobe *fp, unsigned long function);
int numaweave_unregister_fprobe(struct fprobe *fp);
unsigned long numaweave_ftrace_argument(struct ftrace_regs *fregs, unsigned int n);
unsigned long numaweave_ftrace_return_value(struct ftrace_regs *fregs);
unsigned long numaweave_call_canary(void);

int numaweave_register_node_notifier(struct notifier_block *nb);
void numaweave_unregister_node_notifier(struct notifier_block *nb);
unsigned int numaweave_boot_cpu_node(void);
unsigned int numaweave_local_node(void);

void numaweave_init_irq_work(struct irq_work *work,
			     void (*func)(struct irq_work *work));

void *numaweave_percpu_alloc(size_t len);
void numaweave_percpu_inc(void *base, size_t index);
extern void *numaweave_decisions;
u64 numaweave_percpu_sum(void *base, size_t index);

void numaweave_call_notifiers(void);

void numaweave_trace_perf_update(unsigned int node, u32 read, u32 write,
				 const char *origin, size_t length);
bool numaweave_trace_weights_enabled(void);
void numaweave_trace_weights(u64 generation, unsigned int node, u32 bandwidth,
			     u8 weight);

#endif /* NUMAWEAVE_GLUE_H */
