// SPDX-License-Identifier: GPL-2.0

//! Kernel memory in use, counted finely enough to see one small object that is lost again and
//! again.
//!
//! `/proc/meminfo` alone will not do: its `Slab` counts pages, and 200 lost objects of 8 bytes fit
//! into half of one. `/proc/slabinfo` counts objects, but those that wait on a CPU to be used again
//! or to be freed count as in use; so the module `free_barrier` waits for all that is to be freed,
//! every cache is shrunk, which gives back the rest, and the least of several looks counts. What is left
//! is exact but for what other tasks keep, and kobjects that `DEBUG_KOBJECT_RELEASE` holds for seconds.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};

use crate::file;
use crate::module;

const SLABINFO: &str = "/proc/slabinfo";
const SLAB: &str = "/sys/kernel/slab";
const BARRIER: &str = "free_barrier";

/// Caches of what watches over the others on checking kernels: they grow with what is watched, and keep
/// what they have.
const WATCHERS: [&str; 2] = ["debug_objects_cache", "kmemleak_object"];

/// Looks at the counters that make a floor.
const LOOKS: u32 = 8;

/// Kernel memory in use at one time.
#[derive(Debug)]
pub(crate) struct Usage {
    /// By counter: objects of a slab cache, vmalloc areas, pages.
    counters: BTreeMap<String, u64>,
    /// Loaded modules.
    pub(crate) modules: usize,
}

impl Usage {
    /// The least that is in use in several looks one after another: what is lost is in use in all
    /// of them, a CPU's stock of objects that was filled again after the shrinking is not.
    pub(crate) fn floor() -> Result<Self> {
        let mut floor = Self::read()?;
        for _ in 1..LOOKS {
            floor.look_again()?;
        }
        Ok(floor)
    }

    /// Lowers this floor to what a further look shows, a little later.
    pub(crate) fn look_again(&mut self) -> Result<()> {
        thread::sleep(Duration::from_millis(100));
        let Self { counters, modules } = Self::read()?;
        self.modules = modules;
        for (name, count) in counters {
            let least = self.counters.entry(name).or_insert(0);
            *least = count.min(*least);
        }
        Ok(())
    }

    /// Has the kernel give back what it only keeps, and counts.
    fn read() -> Result<Self> {
        // Dentries and inodes of files that came and went are kept until memory is short.
        file::write("/proc/sys/vm/drop_caches", "2")?;
        if !module::is_loaded(BARRIER) {
            // For good: loading and unloading leaves objects to be freed as well.
            module::load_for_good(BARRIER)?;
        }
        file::write(format!("/sys/module/{BARRIER}/parameters/wait"), "1")?;
        for cache in fs::read_dir(SLAB).with_context(|| format!("cannot list {SLAB}"))? {
            let shrink = cache
                .with_context(|| format!("cannot list {SLAB}"))?
                .path()
                .join("shrink");
            file::write(shrink, "1")?;
        }

        let mut counters = BTreeMap::new();
        let slabinfo = file::read(SLABINFO).context(
            "the test kernel needs CONFIG_SLUB_DEBUG=y: see scripts/kernels/test.config",
        )?;
        for line in slabinfo.lines().skip(2) {
            let mut words = line.split_whitespace();
            let (name, active) = (words.next().unwrap_or_default(), words.next());
            let active = active.and_then(|word| word.parse().ok());
            let active = active.with_context(|| format!("{SLABINFO}: {line:?} is not a cache"))?;
            if WATCHERS.contains(&name) {
                continue;
            }
            counters.insert(format!("objects in {name}"), active);
        }
        ensure!(
            counters.len() > 20,
            "{SLABINFO} lists only {} caches",
            counters.len()
        );

        // Areas that are free but not yet purged have no caller to leak them.
        let areas = file::read("/proc/vmallocinfo")?;
        let areas = areas
            .lines()
            .filter(|line| !line.ends_with("unpurged vm_area"))
            .count();
        counters.insert("vmalloc areas".to_owned(), u64::try_from(areas)?);
        counters.insert("vmalloc pages".to_owned(), meminfo_pages("VmallocUsed:")?);
        // Objects too large for a cache have at least 16 KiB; less is room that caches keep.
        counters.insert(
            "slab blocks of 16 KiB".to_owned(),
            meminfo_pages("Slab:")? / 4,
        );
        let modules = file::read("/proc/modules")?.lines().count();
        Ok(Self { counters, modules })
    }

    /// Pages that nobody has.
    pub(crate) fn free_pages() -> Result<u64> {
        file::write("/proc/sys/vm/drop_caches", "3")?;
        meminfo_pages("MemFree:")
    }

    /// The counters that grew by `at_least` or more since `before`, and by how much.
    pub(crate) fn growth(&self, before: &Self, at_least: u64) -> Vec<String> {
        let grown = |name: &String, now: u64| {
            let then = before.counters.get(name).copied().unwrap_or(0);
            now.checked_sub(then).filter(|&more| more >= at_least)
        };
        let counters = self.counters.iter();
        counters
            .filter_map(|(name, &now)| Some(format!("{} more {name}", grown(name, now)?)))
            .collect()
    }
}

/// A line of `/proc/meminfo` in pages of 4 KiB.
fn meminfo_pages(name: &str) -> Result<u64> {
    let path = PathBuf::from("/proc/meminfo");
    let text = file::read(&path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(kilobytes.with_context(|| format!("{} has no line {name}", path.display()))? / 4)
}
