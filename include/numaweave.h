/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What numaweave.ko offers to other modules: the node for the next page, by
 * the weights and the order that /sys/kernel/numaweave shows.
 *
 * Every look-up runs in any context, interrupts included: it reads under RCU,
 * and neither sleeps nor allocates. A module that calls one of these functions
 * keeps numaweave loaded, as the module loader counts the reference; one that
 * finds them by symbol_get() returns them by symbol_put().
 */
#ifndef NUMAWEAVE_H
#define NUMAWEAVE_H

#include <linux/nodemask.h>
#include <linux/types.h>

struct notifier_block;

/**
 * NUMAWEAVE_LOCAL - stands for the initiator of the calling CPU
 *
 * Where /sys/kernel/numaweave/scope says "initiator" these are the weights of
 * the node that the CPU belongs to, else those that are the same for all.
 * NUMA_NO_NODE always stands for the latter, and the id of a node with CPUs
 * always for the weights of that node; any other node has those of the system.
 */
#define NUMAWEAVE_LOCAL (-2)

/**
 * struct numaweave_cursor - a place in the order of nodes
 * @node: node of the next page
 * @remaining: pages that @node still gets in this cycle, the next one
 *	included; 0 for a new start with the node after @node
 *
 * { .node = MAX_NUMNODES - 1 } starts with the first node. A cursor stays good
 * for any nodemask and table: one that no longer fits starts anew.
 */
struct numaweave_cursor {
	short node;
	u8 remaining;
};

/**
 * numaweave_node_weight() - the weight of a node
 * @node: id of the node
 * @initiator: id of a node with CPUs, NUMA_NO_NODE or %NUMAWEAVE_LOCAL
 *
 * Context: Any.
 * Return: The weight, 1 to 255 pages a cycle, or 0 where the takeover is
 * attached and the node is to take none; -ENODEV where the node has no memory.
 */
int numaweave_node_weight(int node, int initiator);

/**
 * numaweave_interleave_nid() - the node for a page by its index
 * @nodes: nodes to choose from; it may change during the call
 * @initiator: id of a node with CPUs, NUMA_NO_NODE or %NUMAWEAVE_LOCAL
 * @ilx: index of the page, as mempolicy counts them
 *
 * The same index gives the same node until a new table is published. Any run
 * of pages with ascending indices is spread over the nodes by their weights.
 * Where nodes times pages in a cycle are more than 4096, or nodes more than 64,
 * mainline's order answers until ours is cached, a moment after the first call.
 *
 * Context: Any.
 * Return: A node of @nodes; the node of the calling CPU where @nodes is empty.
 */
unsigned int numaweave_interleave_nid(const nodemask_t *nodes, int initiator,
				      pgoff_t ilx);

/**
 * numaweave_next_nid() - the node for the next page of a sequence
 * @nodes: nodes to choose from; it may change during the call
 * @initiator: id of a node with CPUs, NUMA_NO_NODE or %NUMAWEAVE_LOCAL
 * @cursor: place in the order; moved on by one page
 *
 * Context: Any; @cursor is the caller's alone.
 * Return: A node of @nodes; the node of the calling CPU where @nodes is empty.
 */
unsigned int numaweave_next_nid(const nodemask_t *nodes, int initiator,
				struct numaweave_cursor *cursor);

/**
 * numaweave_register_notifier() - learn of new tables
 * @nb: called after each table that is published, with action 0 and no data
 *
 * The callback may sleep and look up, but must not register or unregister, nor
 * write to /sys/kernel/numaweave, nor wait for memory hotplug, which may be
 * what has led to the table.
 *
 * Context: May sleep.
 * Return: 0 or -EEXIST.
 */
int numaweave_register_notifier(struct notifier_block *nb);

/**
 * numaweave_unregister_notifier() - learn of new tables no more
 * @nb: what was registered; no call of it runs any more on return
 *
 * Context: May sleep.
 * Return: 0 or -ENOENT.
 */
int numaweave_unregister_notifier(struct notifier_block *nb);

/**
 * numaweave_takeover_attach() - mempolicy's decisions are numaweave's now
 *
 * For numaweave_livepatch.ko, once its replacements are in force: the kernel's
 * table of weights becomes automatic where numaweave's weights are, and weights
 * of 0 are taken.
 *
 * Context: May sleep.
 * Return: 0, -EBUSY where it is attached already, or -ENOMEM.
 */
int numaweave_takeover_attach(void);

/**
 * numaweave_takeover_detach() - mempolicy's decisions are its own again
 *
 * For numaweave_livepatch.ko, once mainline's functions are back in force.
 *
 * Context: May sleep.
 */
void numaweave_takeover_detach(void);

/**
 * numaweave_reduce_weights() - what the kernel's table is to hold
 * @bandwidth: mempolicy's bandwidth of each node id, MB/s
 * @weights: place for the weight of each node id; those of nodes without
 *	memory are left as they are
 *
 * Does the work of mempolicy's reduce_interleave_weights(): numaweave's weights
 * where the takeover is attached and publishes, else mainline's for @bandwidth.
 * A weight of 0 is given as 1, since the kernel divides by their sum.
 *
 * Context: May sleep; mempolicy calls it under its own mutex.
 */
void numaweave_reduce_weights(const unsigned int *bandwidth, u8 *weights);

#endif /* NUMAWEAVE_H */
