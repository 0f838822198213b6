// SPDX-License-Identifier: GPL-2.0

//! Reports a node's bandwidth to the kernel the way a CXL region does when it comes up.
//!
//! ```text
//! # echo "NODE READ WRITE" > /sys/kernel/debug/perf_injector/inject
//! ```
//!
//! with bandwidths in MB/s, 0 for unknown. `EINVAL` for anything else, `ENODEV` for a node that is
//! offline. For tests and demonstrations only: the kernel believes what it is told, and whoever
//! writes must not physically remove that node at the same time.

use kernel::{
    debugfs::{Dir, File},
    prelude::*,
    uaccess::UserSliceReader,
};
use node::NodeId;

#[path = "../rust/kernel_ext/node.rs"]
#[allow(dead_code, reason = "the module uses more of it")]
mod node;
#[path = "../rust/kernel_ext/number.rs"]
mod number;
#[path = "../rust/kernel_ext/report.rs"]
mod report;

module! {
    type: PerfInjector,
    name: "perf_injector",
    authors: ["numaweave developers"],
    description: "Reports node bandwidth from a debugfs file",
    license: "GPL",
}

/// The loaded module.
struct PerfInjector {
    _inject: Pin<KBox<File<()>>>,
    _directory: Dir,
}

/// Takes one line `NODE READ WRITE` and reports it.
fn inject(_: &(), reader: &mut UserSliceReader) -> Result {
    let mut buffer = [0u8; 64];
    let line = buffer.get_mut(..reader.len()).ok_or(EINVAL)?;
    reader.read_slice(line)?;
    let mut fields = line
        .strip_suffix(b"\n")
        .unwrap_or(line)
        .split(|byte| *byte == b' ');
    let mut field = || number::parse(fields.next().unwrap_or_default()).ok_or(EINVAL);
    let (node, read, write) = (field()?, field()?, field()?);
    if fields.next().is_some() {
        return Err(EINVAL);
    }
    let node = NodeId::new(node).ok_or(ENODEV)?;
    // SAFETY: The writer, who is root, keeps the node from being removed meanwhile, as the file's
    // description demands.
    unsafe { report::report_bandwidth(node, read, write) }
}

impl kernel::Module for PerfInjector {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let directory = Dir::new(c"perf_injector");
        let inject = KBox::pin_init(
            directory.write_callback_file(c"inject", (), &inject),
            GFP_KERNEL,
        )?;
        Ok(Self {
            _inject: inject,
            _directory: directory,
        })
    }
}
