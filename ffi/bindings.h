/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Input for bindgen: what the module needs of C and the kernel crate's own
 * bindings do not have. Kbuild turns this into bindings_generated.rs.
 */
#include <linux/fprobe.h>

#include "../include/numaweave.h"
#include "glue.h"
