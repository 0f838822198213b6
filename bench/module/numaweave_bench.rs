// SPDX-License-Identifier: GPL-2.0

//! Counts the instructions that a decision of weighted interleave takes.
//!
//! ```text
//! # cd /sys/kernel/debug/numaweave_bench
//! # echo "FUNCTION NODES CALLS" > decide
//! # cat decide
//! ```
//!
//! calls FUNCTION, of the kernel or as `MODULE:FUNCTION` of a module, CALLS times: for a policy over
//! the first NODES node ids, with the indices from 0 on if it takes an index, by a new cursor if
//! it does not. Then `decide` holds three lines: what the CPU's cycle counter advanced by, what it
//! did for a function that only returns, and the nodes that were chosen.
//!
//! A cycle is an instruction in a guest under `-icount shift=0` (`scripts/vm --icount`); elsewhere
//! it is only a measure of time. `ENOENT` where there is no such function, `EINVAL` for a bad line.
//!
//! For `make bench` only: the kernel does what it is told, whatever FUNCTION is.

use edge::{Decider, NodeCount};
use kernel::{
    debugfs::{Dir, File},
    fmt,
    prelude::*,
    str::CStr,
    sync::{new_mutex, Mutex},
    uaccess::UserSliceReader,
};

mod edge;
#[path = "../../rust/kernel_ext/number.rs"]
mod number;

module! {
    type: Bench,
    name: "numaweave_bench",
    authors: ["numaweave developers"],
    description: "Counts the instructions of weighted interleave's decisions",
    license: "GPL",
}

/// Most calls of one request.
const CALLS_LIMIT: usize = 1 << 16;

/// The loaded module.
struct Bench {
    _decide: Pin<KBox<File<Outcomes>>>,
    _directory: Dir,
}

/// The outcome of the last request.
type Outcomes = Pin<KBox<Mutex<Outcome>>>;

/// What one request found.
struct Outcome {
    cycles: u64,
    overhead: u64,
    nodes: KVVec<u8>,
}

/// Carries out one line.
fn decide(outcome: &Outcomes, reader: &mut UserSliceReader) -> Result {
    let mut buffer = [0u8; 128];
    // The name must end with a NUL where the blank was.
    let line = buffer.get_mut(..reader.len()).ok_or(EINVAL)?;
    reader.read_slice(line)?;
    let end = line.iter().position(|byte| *byte == b' ').ok_or(EINVAL)?;
    *line.get_mut(end).ok_or(EINVAL)? = 0;

    let symbol = CStr::from_bytes_until_nul(line).map_err(|_| EINVAL)?;
    let rest = line.get(end.saturating_add(1)..).ok_or(EINVAL)?;
    let mut fields = rest
        .strip_suffix(b"\n")
        .unwrap_or(rest)
        .split(|byte| *byte == b' ');
    let mut field = || number::parse(fields.next().unwrap_or_default()).ok_or(EINVAL);
    let (count, calls) = (field()?, field()?);
    if fields.next().is_some() {
        return Err(EINVAL);
    }
    let count = NodeCount::new(count).ok_or(EINVAL)?;
    let calls = usize::try_from(calls).map_err(|_| EINVAL)?;
    if !(1..=CALLS_LIMIT).contains(&calls) {
        return Err(EINVAL);
    }

    let nodes = KVVec::from_elem(0, calls, GFP_KERNEL)?;
    let mut outcome = outcome.lock();
    outcome.nodes = nodes;
    // SAFETY: The writer, who is root, names a function of this shape in a module that stays.
    let decider = unsafe { Decider::find(symbol) }?;
    // SAFETY: One at a time, as the outcome is locked.
    outcome.overhead = unsafe { Decider::nothing().burst(count, &mut outcome.nodes) };
    // SAFETY: As above.
    outcome.cycles = unsafe { decider.burst(count, &mut outcome.nodes) };
    Ok(())
}

/// Prints what the last request found.
fn show(outcome: &Outcomes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let outcome = outcome.lock();
    writeln!(f, "{}\n{}", outcome.cycles, outcome.overhead)?;
    for node in outcome.nodes.iter() {
        write!(f, "{node} ")?;
    }
    writeln!(f)
}

impl kernel::Module for Bench {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let directory = Dir::new(c"numaweave_bench");
        let outcome = KBox::pin_init(
            new_mutex!(Outcome {
                cycles: 0,
                overhead: 0,
                nodes: KVVec::new(),
            }),
            GFP_KERNEL,
        )?;
        let decide = KBox::pin_init(
            directory.read_write_callback_file(c"decide", outcome, &show, &decide),
            GFP_KERNEL,
        )?;
        Ok(Self {
            _decide: decide,
            _directory: directory,
        })
    }
}
