// SPDX-License-Identifier: GPL-2.0

//! Instructions per page fault, and the workload that takes the faults.

use std::time::Instant;

use anyhow::{ensure, Context, Result};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::file;
use crate::mapping::{Backing, Mapping};
use crate::takeover::Takeover;
use crate::workload::{json_of, under_numactl};

/// Small pages in a round.
const SMALL_PAGES: u32 = 2048;

/// Huge pages in a round, each with 512 small ones to clear.
const HUGE_PAGES: u32 = 16;

/// Faults pages again and again.
#[derive(Clone, Debug, Args)]
pub(crate) struct Work {
    /// Pages in a round.
    #[arg(long)]
    pages: u32,
    /// Rounds.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Transparent huge pages rather than small ones.
    #[arg(long)]
    huge: bool,
}

/// What the workload saw.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Touched {
    /// Nanoseconds of each round.
    nanoseconds: Vec<u64>,
    /// Interleave index of the first page of the last round.
    pub(super) index: usize,
    /// Nodes of the pages of the last round.
    pub(super) order: Vec<u32>,
}

impl Work {
    /// Consecutive small pages, once.
    pub(super) fn once(pages: u32) -> Self {
        Self {
            pages,
            rounds: 1,
            huge: false,
        }
    }

    /// Does it, under the policy that is in force.
    pub(super) fn run(&self) -> Result<Touched> {
        let mut touched = Touched {
            nanoseconds: Vec::new(),
            index: 0,
            order: Vec::new(),
        };
        let pages = usize::try_from(self.pages)?;
        let backing = if self.huge {
            Backing::Thp
        } else {
            Backing::Anonymous
        };
        for _ in 0..self.rounds {
            let mapping = Mapping::new(backing, pages)?;
            let start = Instant::now();
            for page in 0..pages {
                mapping.fault_page(page);
            }
            let time = start.elapsed();
            touched.nanoseconds.push(u64::try_from(time.as_nanos())?);
            let (first, length) = mapping.range();
            // mempolicy counts pages by their addresses.
            touched.index = first.addr().get() / (length / pages);
            let node = |node: Option<u32>| node.context("a page that was faulted is not there");
            touched.order = mapping
                .order()?
                .into_iter()
                .map(node)
                .collect::<Result<_>>()?;
            if self.huge {
                expect_huge(self.pages)?;
            }
        }
        Ok(touched)
    }

    /// Has it done in a process of its own under weighted interleave over all nodes.
    pub(super) fn under_numactl(&self) -> Result<Touched> {
        let (pages, rounds) = (self.pages.to_string(), self.rounds.to_string());
        let mut command = under_numactl()?;
        command.args(["bench", "touch", "--pages", &pages, "--rounds", &rounds]);
        if self.huge {
            command.arg("--huge");
        }
        json_of(&mut command)
    }
}

/// Instructions per fault.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// `4k` or `thp`.
    page: &'static str,
    /// In a typical round, clearing the page included.
    mainline: f64,
    /// With the takeover.
    numaweave: f64,
    /// Mainline again after the takeover.
    afterwards: f64,
    /// Faults in a round.
    pages: u32,
    rounds: u32,
}

/// Measures both kinds of pages.
pub(super) fn measure(rounds: u32) -> Result<Vec<Row>> {
    file::write("/sys/kernel/mm/transparent_hugepage/enabled", "madvise")?;
    let small = Work {
        pages: SMALL_PAGES,
        rounds,
        huge: false,
    };
    let huge = Work {
        pages: HUGE_PAGES,
        rounds,
        huge: true,
    };
    let both = || Ok::<_, anyhow::Error>([typical(&small)?, typical(&huge)?]);

    // What is paid only once is paid before.
    both()?;
    let mainline = both()?;
    let takeover = Takeover::load("")?;
    both()?;
    let numaweave = both()?;
    takeover.unload()?;
    let afterwards = both()?;

    let row = |place: usize, page, work: &Work| Row {
        page,
        mainline: mainline[place],
        numaweave: numaweave[place],
        afterwards: afterwards[place],
        pages: work.pages,
        rounds: work.rounds,
    };
    Ok(vec![row(0, "4k", &small), row(1, "thp", &huge)])
}

/// Nanoseconds, which are instructions, of one fault in a typical round: the median.
fn typical(work: &Work) -> Result<f64> {
    let mut rounds = work.under_numactl()?.nanoseconds;
    rounds.sort_unstable();
    let round = rounds.get(rounds.len() / 2).context("no rounds")?;
    Ok(f64::from(u32::try_from(*round)?) / f64::from(work.pages))
}

/// Expects this process to have `pages` huge pages: other memory of it has none.
fn expect_huge(pages: u32) -> Result<()> {
    let path = "/proc/self/smaps_rollup";
    let text = file::read(path)?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("AnonHugePages:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u32>().ok());
    let huge = kilobytes.with_context(|| format!("{path} has no AnonHugePages"))? / 2048;
    ensure!(
        huge == pages,
        "{pages} faults of huge pages led to {huge} huge pages"
    );
    Ok(())
}
