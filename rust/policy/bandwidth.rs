// SPDX-License-Identifier: GPL-2.0

//! What is known about the bandwidth of one node, and which part of it counts.

/// Read and write bandwidth of a node in MB/s, as its nearest initiator sees it; 0 is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coordinates {
    /// Read bandwidth in MB/s; 0 is unknown.
    pub read: u32,
    /// Write bandwidth in MB/s; 0 is unknown.
    pub write: u32,
}

impl Coordinates {
    /// The bandwidth in MB/s that `metric` asks for, taken from the sides that are known: a side
    /// that is unknown is replaced by the other one. 0 only where both are unknown.
    #[must_use]
    pub fn bandwidth(self, metric: Metric) -> u32 {
        let (wanted, other) = match metric {
            Metric::Min => (self.read.min(self.write), self.read.max(self.write)),
            Metric::Read => (self.read, self.write),
            Metric::Write => (self.write, self.read),
        };
        if wanted == 0 {
            other
        } else {
            wanted
        }
    }

    /// The bandwidth in MB/s that mainline's `mempolicy_set_node_perf()` takes: the smaller side. A
    /// node with only one known side counts as unknown (0) there.
    #[must_use]
    pub fn mainline(self) -> u32 {
        self.read.min(self.write)
    }

    /// These coordinates with each side that `other` knows replaced by the one of `other`.
    #[must_use]
    pub fn overridden_by(self, other: Self) -> Self {
        let side = |own, new| if new == 0 { own } else { new };
        Self {
            read: side(self.read, other.read),
            write: side(self.write, other.write),
        }
    }

    /// The larger of both on each side: unknown only where neither is known.
    #[must_use]
    pub fn best(self, other: Self) -> Self {
        Self {
            read: self.read.max(other.read),
            write: self.write.max(other.write),
        }
    }

    /// Whether at least one side is known.
    #[must_use]
    pub fn is_known(self) -> bool {
        self.read != 0 || self.write != 0
    }
}

/// Which side of a node's [`Coordinates`] the `balanced` algorithm takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metric {
    /// The smaller of read and write bandwidth, as mainline does.
    #[default]
    Min,
    /// Read bandwidth.
    Read,
    /// Write bandwidth.
    Write,
}

impl Metric {
    /// All metrics, in the order in which they are shown to users.
    pub const ALL: [Self; 3] = [Self::Min, Self::Read, Self::Write];

    /// The word that users read and write for this metric.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// The metric with exactly this name (no blanks, no newline), [`None`] where there is none.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|metric| metric.name().as_bytes() == name)
    }
}

/// Where the coordinates of a node come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Nothing is known.
    #[default]
    None,
    /// Known to the kernel before the module was loaded.
    Firmware,
    /// Reported while the module was loaded.
    Update,
    /// Written by an administrator.
    Override,
    /// Of an initiator of which firmware says nothing: what holds for all initiators is taken.
    System,
}

impl Source {
    /// The word that users read for this source.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Firmware => "firmware",
            Self::Update => "update",
            Self::Override => "override",
            Self::System => "system",
        }
    }
}
