// SPDX-License-Identifier: GPL-2.0

//! An evaluation as tables of text.

use super::{Evaluated, Evaluation, Scheme, Schemes, Total};
use std::fmt;

/// Columns of a machine's name.
const NAME: usize = 36;

/// Columns of a value.
const VALUE: usize = 7;

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        heading(
            f,
            "efficiency in %",
            &[
                ("local", &["mainln", "system"]),
                ("mean of initiators", &["mainln", "system", "initr"]),
                ("worst initiator", &["mainln", "system", "initr"]),
            ],
        )?;
        for Evaluated { name, schemes, .. } in &self.machines {
            let locals = schemes.map(|scheme| scheme.local_ppm);
            let means = schemes.map(|scheme| scheme.mean_ppm);
            let worsts = schemes.map(|scheme| scheme.worst_ppm);
            line(f, name, &percents(&locals, &means, &worsts))?;
        }
        for summary in &self.summaries {
            let schemes = &summary.schemes;
            let name = |what| format!("{:?}: {what}", summary.set).to_lowercase();
            line(
                f,
                &name("mean"),
                &percents(
                    &schemes.map(|total| total.local_mean_ppm),
                    &schemes.map(|total| total.mean_ppm),
                    &schemes.map(|_| None),
                ),
            )?;
            line(
                f,
                &name("worst"),
                &percents(
                    &schemes.map(|total| total.local_worst_ppm),
                    &schemes.map(|_| None),
                    &schemes.map(|total| total.worst_ppm),
                ),
            )?;
        }

        writeln!(f)?;
        let both = ["mainln", "system", "initr"];
        heading(
            f,
            "order in pages",
            &[("longest run", &both), ("largest discrepancy", &both)],
        )?;
        for Evaluated { name, schemes, .. } in &self.machines {
            let runs = schemes.map(Scheme::longest_run);
            let discrepancies = schemes.map(Scheme::discrepancy);
            line(f, name, &orders(&runs, &discrepancies))?;
        }
        for summary in &self.summaries {
            let runs = summary.schemes.map(|total: &Total| Some(total.longest_run));
            let discrepancies = summary.schemes.map(|total| Some(total.discrepancy));
            let name = format!("{:?}: worst", summary.set).to_lowercase();
            line(f, &name, &orders(&runs, &discrepancies))?;
        }
        Ok(())
    }
}

/// Two lines: groups of columns, and the columns in each.
fn heading(f: &mut fmt::Formatter<'_>, what: &str, groups: &[(&str, &[&str])]) -> fmt::Result {
    write!(f, "{what:NAME$}")?;
    for (group, columns) in groups {
        write!(f, "{group:>width$}", width = VALUE * columns.len())?;
    }
    write!(f, "\n{:NAME$}", "machine")?;
    for column in groups.iter().flat_map(|(_, columns)| *columns) {
        write!(f, "{column:>VALUE$}")?;
    }
    writeln!(f)
}

/// A line of values; a name that is too long is cut.
fn line(f: &mut fmt::Formatter<'_>, name: &str, values: &[String]) -> fmt::Result {
    write!(f, "{:NAME$.*}", NAME - 1, name)?;
    for value in values {
        write!(f, "{value:>VALUE$}")?;
    }
    writeln!(f)
}

/// The columns of the first table. One vector for each initiator has no local efficiency.
fn percents(
    locals: &Schemes<Option<u32>>,
    means: &Schemes<Option<u32>>,
    worsts: &Schemes<Option<u32>>,
) -> Vec<String> {
    let percent = |ppm: &Option<u32>| {
        ppm.map_or_else(
            || "-".to_owned(),
            |ppm| format!("{}.{:02}", ppm / 10_000, ppm / 100 % 100),
        )
    };
    [&locals.mainline, &locals.system]
        .into_iter()
        .chain(all(means))
        .chain(all(worsts))
        .map(percent)
        .collect()
}

/// The columns of the second table.
fn orders(runs: &Schemes<Option<usize>>, discrepancies: &Schemes<Option<f64>>) -> Vec<String> {
    let run = |run: &Option<usize>| run.map_or_else(|| "-".to_owned(), |run| run.to_string());
    let pages =
        |pages: &Option<f64>| pages.map_or_else(|| "-".to_owned(), |pages| format!("{pages:.3}"));
    all(runs)
        .into_iter()
        .map(run)
        .chain(all(discrepancies).into_iter().map(pages))
        .collect()
}

fn all<T>(schemes: &Schemes<T>) -> [&T; 3] {
    [&schemes.mainline, &schemes.system, &schemes.initiator]
}
