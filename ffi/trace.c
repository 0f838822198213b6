// SPDX-License-Identifier: GPL-2.0
/*
 * The trace points as functions: Rust's declare_trace! only knows events that
 * the kernel's own bindings contain.
 */
#define CREATE_TRACE_POINTS
#include "numaweave_trace.h"

#include "glue.h"

void numaweave_trace_perf_update(unsigned int node, u32 read, u32 write,
				 const char *origin, size_t length)
{
	trace_perf_update(node, read, write, origin, length);
}

bool numaweave_trace_weights_enabled(void)
{
	return trace_weights_enabled();
}

void numaweave_trace_weights(u64 generation, unsigned int node, u32 bandwidth,
			     u8 weight)
{
	trace_weights(generation, node, bandwidth, weight);
}
