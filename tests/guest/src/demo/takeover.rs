// SPDX-License-Identifier: GPL-2.0

//! The takeover, page by page: the order of the kernel's own interleaving and that of numaweave's.

use anyhow::Result;

use super::nodes::ratio;
use super::Demo;
use crate::provider::Provider;
use crate::takeover::{self, list, Takeover};
use crate::weights::Weights;
use crate::workload;

/// Pages whose nodes are shown: what fits on a line.
const SHOWN: usize = 60;

impl Demo<'_> {
    /// The same pages with the takeover: the same shares, spread out.
    pub(super) fn show_takeover(&mut self, provider: Provider) -> Result<Provider> {
        let weights = provider.weights()?;
        let all = list(&self.machine.memory);
        let options = ["--policy", "mapping", "--nodes", &all];
        let pages = weights.cycle() * 3;
        self.heading("The takeover: insmod numaweave_livepatch.ko");
        println!(
            "  the nodes of pages one after another, at {}",
            ratio(&weights)
        );
        let alone = workload::run_alone(pages, &options)?.order;
        println!("    kernel     {}", line(&alone));

        let takeover = Takeover::attach(provider)?;
        takeover.warm_up(|| workload::run_alone(pages, &options).map(drop))?;
        let with = workload::run_alone(pages, &options)?.order;
        println!("    numaweave  {}", line(&with));
        println!(
            "  over any stretch of pages a node is at most {:.1} off its share; it was {:.1}",
            furthest(&with, &weights),
            furthest(&alone, &weights)
        );
        if let Err(error) = takeover::expect_order(&with, &weights) {
            self.claim(false, || format!("{error:#}"));
        }
        takeover.detach()
    }
}

/// The nodes as text; letters from node 10 on.
fn line(order: &[u32]) -> String {
    let shown = order.iter().take(SHOWN);
    let mut text: String = shown
        .map(|&node| char::from_digit(node, 36).unwrap_or('*'))
        .collect();
    if order.len() > SHOWN {
        text.push_str("...");
    }
    text
}

/// How many pages a node's count is off its share at most, over any stretch of pages.
fn furthest(order: &[u32], weights: &Weights) -> f64 {
    let cycle = f64::from(weights.cycle());
    let mut furthest = 0_f64;
    for (node, &weight) in weights.iter() {
        // From the first page on; a stretch is off by the difference of two such places.
        let (mut ahead, mut least, mut most) = (0_f64, 0_f64, 0_f64);
        for page in order {
            ahead += if page == node { 1.0 } else { 0.0 } - f64::from(weight) / cycle;
            least = least.min(ahead);
            most = most.max(ahead);
        }
        furthest = furthest.max(most - least);
    }
    furthest
}

#[cfg(test)]
mod tests {
    use super::{furthest, line};
    use crate::weights::Weights;

    #[test]
    fn nodes_are_digits_and_letters() {
        assert_eq!(line(&[0, 9, 10, 35, 36]), "09az*");
    }

    #[test]
    fn runs_go_further_than_turns() {
        let weights: Weights = [(0, 2), (1, 2)].into_iter().collect();
        assert!((furthest(&[0, 0, 1, 1], &weights) - 1.0).abs() < 1e-9);
        assert!((furthest(&[0, 1, 0, 1], &weights) - 0.5).abs() < 1e-9);
    }
}
