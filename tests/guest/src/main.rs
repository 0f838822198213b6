// SPDX-License-Identifier: GPL-2.0

//! `numaweave-guest`.

fn main() {}
