// SPDX-License-Identifier: GPL-2.0

//! `numaweave-plan`.

fn main() {}
