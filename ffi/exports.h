/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What rust/kernel_ext/exports.rs has behind the functions that ffi/glue.c
 * exports. The contracts are in include/numaweave.h; look-ups are called within
 * an RCU read-side critical section.
 */
#ifndef NUMAWEAVE_EXPORTS_H
#define NUMAWEAVE_EXPORTS_H

#include <linux/nodemask.h>
#include <linux/types.h>

struct numaweave_cursor;

unsigned int numaweave_find_nid(const nodemask_t *nodes, int initiator,
				pgoff_t ilx);
unsigned int numaweave_step_nid(const nodemask_t *nodes, int initiator,
				struct numaweave_cursor *cursor);
int numaweave_find_weight(int node, int initiator);
int numaweave_attach(void);
void numaweave_detach(void);
void numaweave_fill_weights(const unsigned int *bandwidth, u8 *weights);

#endif /* NUMAWEAVE_EXPORTS_H */
