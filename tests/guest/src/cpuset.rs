// SPDX-License-Identifier: GPL-2.0

//! A control group of one's own that limits which nodes its tasks may use.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::file;
use crate::harness::faults;
use crate::takeover::list;

const ROOT: &str = "/sys/fs/cgroup";

/// An empty group; removed when dropped.
pub(crate) struct Cpuset {
    directory: PathBuf,
}

impl Cpuset {
    /// Makes a group whose tasks may use `nodes`.
    pub(crate) fn new(nodes: &BTreeSet<u32>) -> Result<Self> {
        file::write(Path::new(ROOT).join("cgroup.subtree_control"), "+cpuset")?;
        let directory = Path::new(ROOT).join("numaweave-test");
        fs::create_dir(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let cpuset = Self { directory };
        cpuset.set(nodes)?;
        Ok(cpuset)
    }

    /// Lets its tasks use `nodes` from now on.
    pub(crate) fn set(&self, nodes: &BTreeSet<u32>) -> Result<()> {
        file::write(self.directory.join("cpuset.mems"), list(nodes))
    }

    /// The options of `place` for a policy of `nodes` within it.
    pub(crate) fn options<'a>(
        &'a self,
        owner: &'a str,
        meaning: &'a str,
        nodes: &'a str,
    ) -> Result<[&'a str; 8]> {
        let group = self.directory.to_str().context("a path that is no text")?;
        Ok([
            "--cgroup",
            group,
            "--policy",
            owner,
            "--meaning",
            meaning,
            "--nodes",
            nodes,
        ])
    }
}

impl Drop for Cpuset {
    fn drop(&mut self) {
        let removed = fs::remove_dir(&self.directory)
            .with_context(|| format!("cannot remove {}", self.directory.display()));
        if let Err(error) = removed {
            faults::report(&error);
        }
    }
}
