// SPDX-License-Identifier: GPL-2.0

//! Faults anonymous pages in order and finds out where the kernel put each.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::ptr::NonNull;

use anyhow::{bail, ensure, Context, Result};
use nix::errno::Errno;
use nix::libc::{self, c_int, c_void};
use nix::sys::mman::{madvise, mmap_anonymous, mprotect, munmap, MapFlags, MmapAdvise, ProtFlags};
use serde::{Deserialize, Serialize};

const PAGE_SIZE: usize = 4096;

/// Pages counted by the node they lie on.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Placement {
    /// Pages faulted.
    pub(crate) pages: u32,
    /// The policy of the mapping, in the words of `numa_maps`.
    pub(crate) policy: String,
    /// Pages on each node that has any.
    pub(crate) nodes: BTreeMap<u32, u32>,
}

/// Entry of `numaweave-guest place`.
pub(crate) fn main(pages: u32, json: bool) -> Result<ExitCode> {
    let placement = place(pages)?;
    if json {
        println!("{}", serde_json::to_string(&placement)?);
    } else {
        for (node, count) in &placement.nodes {
            println!("{node} {count}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Maps and faults `pages` pages one after another and reads their nodes back, in two ways that
/// must agree.
fn place(pages: u32) -> Result<Placement> {
    let mapping = Mapping::new(usize::try_from(pages)?)?;
    mapping.fault();
    let nodes = mapping.nodes()?;
    let (policy, listed) = mapping.numa_maps()?;
    ensure!(
        nodes == listed,
        "move_pages(2) finds pages per node {nodes:?}, numa_maps says {listed:?}"
    );
    Ok(Placement {
        pages,
        policy,
        nodes,
    })
}

/// A private anonymous mapping of small pages, alone in its VMA.
///
/// # Invariants
///
/// `base..base + (pages + 2) * PAGE_SIZE` is a mapping of ours; its first and last page are
/// inaccessible, so that the kernel cannot merge the readable and writable pages between them with
/// any other mapping.
struct Mapping {
    base: NonNull<c_void>,
    pages: usize,
}

impl Mapping {
    fn new(pages: usize) -> Result<Self> {
        let length = pages
            .checked_add(2)
            .and_then(|all| all.checked_mul(PAGE_SIZE))
            .and_then(NonZeroUsize::new)
            .with_context(|| format!("{pages} pages do not fit the address space"))?;
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
        let base =
            unsafe { mmap_anonymous(None, length, ProtFlags::PROT_NONE, MapFlags::MAP_PRIVATE) }
                .with_context(|| format!("cannot map {pages} pages"))?;
        let mapping = Self { base, pages };
        let inner = pages * PAGE_SIZE;
        // SAFETY: the range lies within the mapping made above, and nobody holds a reference into
        // it.
        unsafe {
            mprotect(
                mapping.page(0),
                inner,
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
            )
        }
        .context("cannot make the mapping writable")?;
        // SAFETY: as above; the advice changes how the range is backed, not what it holds.
        match unsafe { madvise(mapping.page(0), inner, MmapAdvise::MADV_NOHUGEPAGE) } {
            // A kernel without transparent huge pages knows no such advice and needs none.
            Ok(()) | Err(Errno::EINVAL) => Ok(mapping),
            Err(error) => Err(error).context("cannot forbid huge pages"),
        }
    }

    /// Address of usable page `index`, counted from 0.
    fn page(&self, index: usize) -> NonNull<c_void> {
        // SAFETY: by the invariant the address is inside the mapping, one guard page after its
        // start.
        unsafe { self.base.byte_add((index + 1) * PAGE_SIZE) }
    }

    /// Writes to every page in order: one fault and one allocation each.
    fn fault(&self) {
        for index in 0..self.pages {
            // SAFETY: the page is mapped readable and writable, and only this thread knows of it.
            unsafe { self.page(index).cast::<u8>().write_volatile(1) };
        }
    }

    /// Node of every page, by `move_pages(2)` without a destination.
    fn nodes(&self) -> Result<BTreeMap<u32, u32>> {
        let addresses: Vec<*mut c_void> = (0..self.pages)
            .map(|index| self.page(index).as_ptr())
            .collect();
        let mut status: Vec<c_int> = vec![c_int::MIN; self.pages];
        // SAFETY: `addresses` and `status` hold one element for each of the pages, and outlive the
        // call; no array of destination nodes is given, so nothing moves.
        let done = unsafe {
            libc::syscall(
                libc::SYS_move_pages,
                0,
                addresses.len(),
                addresses.as_ptr(),
                std::ptr::null::<c_int>(),
                status.as_mut_ptr(),
                0,
            )
        };
        Errno::result(done)
            .context("move_pages(2) failed; does the kernel have NUMA_MIGRATION?")?;

        let mut nodes = BTreeMap::new();
        for (index, &node) in status.iter().enumerate() {
            match u32::try_from(node) {
                Ok(node) => *nodes.entry(node).or_insert(0) += 1,
                Err(_) => bail!("move_pages(2) gives page {index} status {node}, not a node"),
            }
        }
        Ok(nodes)
    }

    /// Policy and pages per node of the mapping, by `/proc/self/numa_maps`.
    fn numa_maps(&self) -> Result<(String, BTreeMap<u32, u32>)> {
        let path = "/proc/self/numa_maps";
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
        let start = format!("{:08x}", self.page(0).addr());
        let line = text
            .lines()
            .find(|line| line.split(' ').next() == Some(&start))
            .with_context(|| format!("{path} has no line for {start}"))?;
        parse_numa_maps(line)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: by the invariant the range is ours, and `self` was the last to know of it. An
        // unmapping that fails costs address space of a process that is about to end.
        let _ = unsafe { munmap(self.base, (self.pages + 2) * PAGE_SIZE) };
    }
}

/// Reads one line of `numa_maps`: policy (which may contain a blank) and the `N<node>=<pages>`
/// words.
fn parse_numa_maps(line: &str) -> Result<(String, BTreeMap<u32, u32>)> {
    let mut policy = Vec::new();
    let mut nodes = BTreeMap::new();
    for word in line.split_whitespace().skip(1) {
        let Some((key, value)) = word.split_once('=').filter(|_| !word.contains(':')) else {
            policy.push(word);
            continue;
        };
        let node = key
            .strip_prefix('N')
            .and_then(|node| node.parse::<u32>().ok());
        if let Some(node) = node {
            let pages = value
                .parse()
                .with_context(|| format!("numa_maps: {line:?}"))?;
            nodes.insert(node, pages);
        }
    }
    Ok((policy.join(" "), nodes))
}

#[cfg(test)]
mod tests {
    use super::parse_numa_maps;

    #[test]
    fn a_line_gives_policy_and_pages() {
        let line = "7f00 weighted interleave:0-2 anon=9 dirty=9 active=0 N0=6 N1=2 N2=1 kernelpagesize_kB=4";
        let (policy, nodes) = parse_numa_maps(line).unwrap();
        assert_eq!(policy, "weighted interleave:0-2");
        assert_eq!(
            nodes.into_iter().collect::<Vec<_>>(),
            [(0, 6), (1, 2), (2, 1)]
        );
    }
}
