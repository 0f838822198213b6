// SPDX-License-Identifier: GPL-2.0

//! Colour, where a terminal shows it and nobody minds.

use std::env;
use std::io::{stdout, IsTerminal};

/// Whether to decorate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    colour: bool,
}

impl Style {
    /// Decoration for stdout: none where it is no terminal, a dumb one, or `NO_COLOR` is set.
    pub(super) fn of_stdout() -> Self {
        let dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colour: stdout().is_terminal() && !dumb && !unwanted,
        }
    }

    /// A heading.
    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// The bar of placement `index`: plain for what was, coloured for what is.
    pub(super) fn bar(self, index: usize, text: &str) -> String {
        self.with(if index == 0 { "36" } else { "32" }, text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
