/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Input for bindgen: what the takeover needs of C and the kernel's own bindings
 * do not have. Kbuild turns this into bindings_generated.rs.
 */
#include <linux/livepatch.h>
#include <linux/mempolicy.h>

#include "../include/numaweave.h"
