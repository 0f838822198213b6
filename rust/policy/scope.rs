// SPDX-License-Identifier: GPL-2.0

//! Whose view of the nodes a decision goes by.

/// Whether all CPUs go by the same weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// One weight for each node, from the bandwidth that its nearest initiator sees.
    #[default]
    System,
    /// A weight for each initiator and node, from the bandwidth that this initiator sees.
    Initiator,
}

impl Scope {
    /// All scopes, in the order in which they are shown to users.
    pub const ALL: [Self; 2] = [Self::System, Self::Initiator];

    /// The word that users read and write for this scope.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Initiator => "initiator",
        }
    }

    /// The scope with exactly this name (no blanks, no newline), [`None`] where there is none.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name().as_bytes() == name)
    }
}
