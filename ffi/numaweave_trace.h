/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events of numaweave: what came in and what went out. They appear
 * under events/numaweave/ in tracefs.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM numaweave

#if !defined(NUMAWEAVE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define NUMAWEAVE_TRACE_H

#include <linux/tracepoint.h>

/* A node's bandwidth changed: MB/s, 0 is unknown; origin as in nodeN/source. */
TRACE_EVENT(perf_update,
	TP_PROTO(unsigned int node, u32 read, u32 write, const char *origin,
		 size_t length),
	TP_ARGS(node, read, write, origin, length),
	TP_STRUCT__entry(
		__field(unsigned int, node)
		__field(u32, read)
		__field(u32, write)
		__string_len(origin, origin, length)
	),
	TP_fast_assign(
		__entry->node = node;
		__entry->read = read;
		__entry->write = write;
		__assign_str(origin);
	),
	TP_printk("node=%u read=%u write=%u origin=%s", __entry->node,
		  __entry->read, __entry->write, __get_str(origin))
);

/* One node's row of a newly published table. */
TRACE_EVENT(weights,
	TP_PROTO(u64 generation, unsigned int node, u32 bandwidth, u8 weight),
	TP_ARGS(generation, node, bandwidth, weight),
	TP_STRUCT__entry(
		__field(u64, generation)
		__field(unsigned int, node)
		__field(u32, bandwidth)
		__field(u8, weight)
	),
	TP_fast_assign(
		__entry->generation = generation;
		__entry->node = node;
		__entry->bandwidth = bandwidth;
		__entry->weight = weight;
	),
	TP_printk("generation=%llu node=%u bandwidth=%u weight=%u",
		  __entry->generation, __entry->node, __entry->bandwidth,
		  __entry->weight)
);

#endif /* NUMAWEAVE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE numaweave_trace
#include <trace/define_trace.h>
