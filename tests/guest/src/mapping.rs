// SPDX-License-Identifier: GPL-2.0

//! Memory to fault page by page, and where the kernel put each page.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use anyhow::{bail, Context, Result};
use clap::ValueEnum;
use nix::errno::Errno;
use nix::libc::{self, c_int, c_void};
use nix::mount::{mount, umount2, MntFlags, MsFlags};
use nix::sys::mman::{
    madvise, mmap, mmap_anonymous, mprotect, munmap, MapFlags, MmapAdvise, ProtFlags,
};
use serde::{Deserialize, Serialize};

const PAGE_SIZE: usize = 4096;
const HUGE_PAGE_SIZE: usize = 512 * PAGE_SIZE;

/// What the memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(crate) enum Backing {
    /// Private anonymous memory.
    Anonymous,
    /// The same in transparent huge pages.
    Thp,
    /// Shared anonymous memory: shmem.
    Shmem,
    /// A file in a tmpfs.
    Tmpfs,
    /// Private memory of hugetlbfs.
    Hugetlb,
    /// The page cache of a file that has no policy of its own (ramfs).
    PageCache,
}

/// A mapping of pages, alone in its VMA.
///
/// # Invariants
///
/// `base..base + length` is a mapping of ours; the `pages` pages of `page_size` bytes from `first` on
/// lie within it, are readable and writable, and none but this value knows of them.
pub(crate) struct Mapping {
    base: NonNull<c_void>,
    length: usize,
    first: NonNull<c_void>,
    pages: usize,
    page_size: usize,
}

impl Mapping {
    /// Maps `pages` pages; none is there yet.
    pub(crate) fn new(backing: Backing, pages: usize) -> Result<Self> {
        match backing {
            Backing::Anonymous => Self::anonymous(pages, PAGE_SIZE),
            Backing::Thp => Self::anonymous(pages, HUGE_PAGE_SIZE),
            Backing::Shmem => Self::map(pages, PAGE_SIZE, MapFlags::MAP_SHARED, None),
            Backing::Hugetlb => {
                let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_HUGETLB;
                Self::map(pages, HUGE_PAGE_SIZE, flags, None)
            }
            Backing::Tmpfs => Self::in_file("tmpfs", pages),
            Backing::PageCache => Self::in_file("ramfs", pages),
        }
    }

    /// Maps anonymous memory with an inaccessible page on both sides, so that the kernel cannot merge
    /// it with any other mapping; huge pages are aligned.
    fn anonymous(pages: usize, page_size: usize) -> Result<Self> {
        let inner = length(pages, page_size)?;
        let length = inner.checked_add(2 * page_size);
        let length = length
            .and_then(NonZeroUsize::new)
            .with_context(|| format!("{pages} pages do not fit the address space"))?;
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
        let base =
            unsafe { mmap_anonymous(None, length, ProtFlags::PROT_NONE, MapFlags::MAP_PRIVATE) }
                .with_context(|| format!("cannot map {pages} pages"))?;
        let offset = page_size - base.addr().get() % page_size;
        // SAFETY: `offset` is at most one page, and the mapping two pages longer than what is used.
        let first = unsafe { base.byte_add(offset) };
        let mapping = Self {
            base,
            length: length.get(),
            first,
            pages,
            page_size,
        };
        // SAFETY: the range lies within the mapping made above, and nobody holds a reference into
        // it.
        unsafe { mprotect(first, inner, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE) }
            .context("cannot make the mapping writable")?;
        let advice = if page_size == PAGE_SIZE {
            MmapAdvise::MADV_NOHUGEPAGE
        } else {
            MmapAdvise::MADV_HUGEPAGE
        };
        // SAFETY: as above; the advice changes how the range is backed, not what it holds.
        match unsafe { madvise(first, inner, advice) } {
            Ok(()) => Ok(mapping),
            // A kernel without transparent huge pages knows no such advice; small pages need none.
            Err(Errno::EINVAL) if page_size == PAGE_SIZE => Ok(mapping),
            Err(error) => Err(error).context("cannot choose the size of pages"),
        }
    }

    /// Maps memory that is a VMA of its own by its kind.
    fn map(pages: usize, page_size: usize, flags: MapFlags, file: Option<&File>) -> Result<Self> {
        let length = length(pages, page_size)?;
        let size = NonZeroUsize::new(length).context("no pages are asked for")?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists, and
        // the file, if any, is nobody else's.
        let base = unsafe {
            match file {
                Some(file) => mmap(None, size, access, flags, file, 0),
                None => mmap_anonymous(None, size, access, flags),
            }
        }
        .with_context(|| format!("cannot map {pages} pages of {page_size} bytes"))?;
        Ok(Self {
            base,
            length,
            first: base,
            pages,
            page_size,
        })
    }

    /// Maps a new file of a new file system, which goes with the mapping.
    fn in_file(kind: &str, pages: usize) -> Result<Self> {
        let folder = format!("/tmp/{kind}.{}", std::process::id());
        fs::create_dir(&folder).with_context(|| format!("cannot make {folder}"))?;
        mount(
            None::<&str>,
            folder.as_str(),
            Some(kind),
            MsFlags::empty(),
            None::<&str>,
        )
        .with_context(|| format!("cannot mount a {kind}"))?;
        let path = format!("{folder}/pages");
        let mapping = (|| {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path)
                .with_context(|| format!("cannot make {path}"))?;
            file.set_len(length(pages, PAGE_SIZE)?.try_into()?)?;
            fs::remove_file(&path)?;
            Self::map(pages, PAGE_SIZE, MapFlags::MAP_SHARED, Some(&file))
        })();
        // It goes for good with the last use of the file.
        umount2(folder.as_str(), MntFlags::MNT_DETACH)
            .with_context(|| format!("cannot unmount {folder}"))?;
        fs::remove_dir(&folder).with_context(|| format!("cannot remove {folder}"))?;
        mapping
    }

    /// Address of page `index`, counted from 0.
    fn page(&self, index: usize) -> NonNull<c_void> {
        // SAFETY: by the invariant the address is inside the mapping.
        unsafe { self.first.byte_add(index * self.page_size) }
    }

    /// The range of all pages, in bytes.
    pub(crate) fn range(&self) -> (NonNull<c_void>, usize) {
        (self.first, self.pages * self.page_size)
    }

    /// Writes to page `index`: one fault and one allocation where it was not there.
    pub(crate) fn fault_page(&self, index: usize) {
        assert!(index < self.pages, "there are only {} pages", self.pages);
        // SAFETY: the page is mapped readable and writable, and only this value knows of it.
        unsafe { self.page(index).cast::<u8>().write_volatile(1) };
    }

    /// Node of every page, by `move_pages(2)` without a destination; [`None`] for a page that has
    /// none at this moment, as it is being moved.
    pub(crate) fn order(&self) -> Result<Vec<Option<u32>>> {
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
        let node = |(index, status): (usize, &c_int)| match u32::try_from(*status) {
            Ok(node) => Ok(Some(node)),
            Err(_) if *status == -libc::ENOENT => Ok(None),
            Err(_) => bail!("move_pages(2) gives page {index} status {status}, not a node"),
        };
        status.iter().enumerate().map(node).collect()
    }

    /// Policy and pages per node of the mapping, by `/proc/self/numa_maps`.
    pub(crate) fn numa_maps(&self) -> Result<(String, BTreeMap<u32, u32>)> {
        let path = "/proc/self/numa_maps";
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
        let start = format!("{:08x}", self.first.addr());
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
        let _ = unsafe { munmap(self.base, self.length) };
    }
}

fn length(pages: usize, page_size: usize) -> Result<usize> {
    pages
        .checked_mul(page_size)
        .with_context(|| format!("{pages} pages do not fit the address space"))
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
