// SPDX-License-Identifier: GPL-2.0

//! An administrator who writes into the kernel's table at any moment of an update of ours: once before
//! each of our own reads and writes there.

use super::{
    fake_table::{Fake, KERNEL},
    stand_in::{table, Choice, StandIn},
};
use crate::{
    kernel_ext::{node::NodeId, rcu::RcuCell, table_writes::Written},
    provider::table::Table,
};
use kernel::prelude::*;

/// Our automatic weights, and those after an update.
const AUTOMATIC: u8 = 6;
const UPDATED: u8 = 7;
/// Our weights by hand, and others.
const BY_HAND: u8 = 11;
const OTHERS: u8 = 12;
/// An administrator's weight, and those that he wrote long ago.
const ADMIN: u8 = 9;
const BEFORE: u8 = 3;

/// A change of ours.
#[derive(Clone, Copy, Debug)]
enum Change {
    Nothing,
    Bandwidth,
    ByHand,
    Automatic,
    /// `publish` becomes what it was not.
    Publish,
    /// The takeover comes, or goes.
    Takeover,
}

impl Change {
    /// Those of weights alone.
    const OF_WEIGHTS: [Self; 4] = [
        Self::Nothing,
        Self::Bandwidth,
        Self::ByHand,
        Self::Automatic,
    ];
    /// Those that differ in what they do to the table.
    const ALL: [Self; 4] = [Self::Nothing, Self::ByHand, Self::Publish, Self::Takeover];

    fn choose(self, choice: &mut Choice) {
        match self {
            Self::Bandwidth => {
                choice.automatic = UPDATED;
                if choice.auto {
                    choice.set_all(true, UPDATED);
                }
            }
            Self::ByHand => choice.set_all(false, OTHERS),
            Self::Automatic => choice.set_all(true, choice.automatic),
            Self::Nothing | Self::Publish | Self::Takeover => {}
        }
    }

    fn make(self, numaweave: &mut StandIn<'_>) {
        match self {
            Self::Publish => numaweave.publish = !numaweave.publish,
            Self::Takeover => numaweave.takeover = false,
            _ => self.choose(&mut numaweave.choice),
        }
    }
}

/// How things are to begin with.
#[derive(Clone, Copy, Debug)]
struct Start {
    /// Whether our weights are automatic.
    auto: bool,
    publish: bool,
    takeover: bool,
    /// Whether the kernel's table is automatic.
    kernel_auto: bool,
}

impl Start {
    /// All of them.
    fn all() -> impl Iterator<Item = Self> {
        (0..16_u8).map(|bits| Self {
            auto: bits & 1 == 0,
            publish: bits & 2 == 0,
            takeover: bits & 4 == 0,
            kernel_auto: bits & 8 == 0,
        })
    }

    /// Those with the takeover in an automatic table that is ours.
    fn adopted() -> impl Iterator<Item = Self> {
        Self::all().filter(|start| start.publish && start.takeover && start.kernel_auto)
    }

    fn choice(&self) -> Result<Choice> {
        let weight = if self.auto { AUTOMATIC } else { BY_HAND };
        Choice::new(self.auto, weight, AUTOMATIC)
    }

    fn fake(&self) -> Result<Fake> {
        let fake = Fake::new()?;
        if !self.kernel_auto {
            for node in NodeId::all() {
                fake.write(node, BEFORE);
            }
        }
        Ok(fake)
    }

    fn numaweave<'a>(&self, fake: &'a Fake, table: &'a RcuCell<Table>) -> Result<StandIn<'a>> {
        let mut numaweave = StandIn::new(fake, table, self.choice()?, self.publish)?;
        if self.takeover {
            numaweave.attach()?;
        }
        Ok(numaweave)
    }

    /// Returns whether the table is as it was before us but for what was `written`.
    fn is_given_back(&self, fake: &Fake, written: Written) -> bool {
        let others = if self.kernel_auto || written == Written::Auto(true) {
            KERNEL
        } else {
            BEFORE
        };
        NodeId::all().all(|node| {
            let expected = match written {
                Written::Weight(his, weight) if his == node => weight,
                _ => others,
            };
            fake.read(node) == Some(expected)
        }) && fake.auto.get() == (written == Written::Auto(true))
    }
}

/// Returns all writes that are tried.
fn writes() -> Result<[Written; 3]> {
    let node = NodeId::all().last().ok_or(ENODEV)?;
    Ok([
        Written::Auto(true),
        Written::Auto(false),
        Written::Weight(node, ADMIN),
    ])
}

/// One of his writes, and the moment at which it comes.
#[derive(Clone, Copy, Debug)]
struct Moment {
    start: Start,
    /// The change of ours that is being made.
    change: Change,
    written: Written,
    /// How many reads and writes of ours come before his.
    steps: u32,
    /// Whether we are told of it as soon as it is done, or with the next update only.
    prompt: bool,
}

/// What became of his write.
enum Outcome {
    /// The change was made before it was his turn.
    TooLate,
    /// As it should be.
    Won,
    Lost(&'static str),
}

impl Moment {
    /// Makes the change, with his write on the way. Returns whether it was found, and whether it was
    /// told; [`None`] where the change was over before it was his turn.
    fn disturb(&self, fake: &Fake, numaweave: &mut StandIn<'_>) -> Result<Option<(bool, bool)>> {
        fake.intrusion.set(Some((self.steps, self.written)));
        let mut is_told = false;
        let mut found = false;
        if matches!(self.change, Change::Takeover) && !numaweave.takeover {
            numaweave.attach()?;
        } else {
            let change = |numaweave: &mut StandIn<'_>| self.change.make(numaweave);
            found = numaweave.update(change, || {
                is_told = self.prompt && fake.intrusion.get().is_none();
                is_told.then_some(self.written)
            })?;
        }
        let is_over = fake.intrusion.take().is_some();
        Ok((!is_over).then_some((found, is_told)))
    }

    /// Has him write into a table that is ours by the takeover. He also turns `auto` off later if he
    /// `ends` it.
    fn while_adopted(&self, table: &RcuCell<Table>, ends: bool) -> Result<Outcome> {
        let fake = self.start.fake()?;
        let mut numaweave = self.start.numaweave(&fake, table)?;
        let mut expected = self.start.choice()?;
        let Some((found, is_told)) = self.disturb(&fake, &mut numaweave)? else {
            return Ok(Outcome::TooLate);
        };
        if found {
            expected.take(self.written);
        }
        self.change.choose(&mut expected);
        if !is_told {
            // It counts as later than our change, even if it was found before that.
            expected.take(self.written);
            numaweave.take(Some(self.written))?;
        }
        if !expected.is_in(&fake) {
            return Ok(Outcome::Lost("not taken"));
        }
        let found = numaweave.update(|_| (), || None)?;
        if found || !expected.is_in(&fake) {
            return Ok(Outcome::Lost("taken twice"));
        }
        if !ends {
            numaweave.leave()?;
            let is_given_back = self.start.is_given_back(&fake, self.written);
            return Ok(won_if(is_given_back, "not given back"));
        }
        fake.intrude(Written::Auto(false));
        numaweave.take(Some(Written::Auto(false)))?;
        numaweave.leave()?;
        // Where it was automatic in the end, he keeps what was in it.
        let is_kept = !expected.auto || fake.holds(expected.automatic);
        Ok(won_if(!fake.auto.get() && is_kept, "not given back"))
    }

    /// Has him write whatever the start and the change are.
    fn at_all_times(&self, table: &RcuCell<Table>) -> Result<Outcome> {
        let fake = self.start.fake()?;
        let mut numaweave = self.start.numaweave(&fake, table)?;
        let Some((found, is_told)) = self.disturb(&fake, &mut numaweave)? else {
            return Ok(Outcome::TooLate);
        };
        if !is_told {
            numaweave.take(Some(self.written))?;
        }
        // We may have changed our mind after him.
        let is_ours = matches!(self.change, Change::ByHand | Change::Automatic) && found && is_told;
        for when in [
            "overwritten",
            "overwritten by the next",
            "by the one after it",
        ] {
            let is_there = match self.written {
                Written::Weight(node, weight) => {
                    !fake.auto.get() && fake.read(node) == Some(weight)
                }
                // Without the takeover an automatic table becomes ours again, which is manual.
                Written::Auto(_) if numaweave.publish && !numaweave.takeover => true,
                Written::Auto(auto) => fake.auto.get() == auto,
            };
            if !is_there && !is_ours {
                return Ok(Outcome::Lost(when));
            }
            let found = numaweave.update(|_| (), || None)?;
            if found {
                return Ok(Outcome::Lost("taken twice"));
            }
        }
        numaweave.leave()?;
        let is_given_back = self.start.is_given_back(&fake, self.written);
        Ok(won_if(is_given_back, "not given back"))
    }
}

fn won_if(has_won: bool, else_lost: &'static str) -> Outcome {
    if has_won {
        Outcome::Won
    } else {
        Outcome::Lost(else_lost)
    }
}

/// Hands all moments of these to `try_at`. Returns how many there were, and at how many he lost.
fn count(
    starts: impl Iterator<Item = Start>,
    changes: &[Change],
    written: &[Written],
    try_at: impl Fn(&Moment, &RcuCell<Table>) -> Result<Outcome>,
) -> Result<(u32, u32)> {
    let table = table()?;
    let (mut tried, mut lost) = (0_u32, 0_u32);
    let cases = starts.flat_map(|start| changes.iter().map(move |change| (start, *change)));
    let cases = cases.flat_map(|case| written.iter().map(move |written| (case, *written)));
    let cases = cases.flat_map(|case| [true, false].map(|prompt| (case, prompt)));
    for (((start, change), written), prompt) in cases {
        if prompt && !start.takeover {
            // Without the takeover an update is not told.
            continue;
        }
        for steps in 0..u32::MAX {
            let moment = Moment {
                start,
                change,
                written,
                steps,
                prompt,
            };
            match try_at(&moment, &table)? {
                Outcome::TooLate => break,
                Outcome::Won => {}
                Outcome::Lost(how) => {
                    pr_err!("{how}: {moment:?}\n");
                    lost = lost.saturating_add(1);
                }
            }
            tried = tried.saturating_add(1);
        }
    }
    Ok((tried, lost))
}

#[kunit_tests(numaweave_administrator)]
mod tests {
    use super::*;

    #[test]
    fn he_wins_over_the_takeover() -> Result {
        let changes = &Change::OF_WEIGHTS;
        let (tried, lost) = count(Start::adopted(), changes, &writes()?, |moment, table| {
            moment.while_adopted(table, false)
        })?;
        assert!(tried > 100);
        assert_eq!(lost, 0);
        Ok(())
    }

    #[test]
    fn he_ends_what_he_had_turned_on() -> Result {
        let changes = &Change::OF_WEIGHTS;
        let written = &[Written::Auto(true)];
        let (tried, lost) = count(Start::adopted(), changes, written, |moment, table| {
            moment.while_adopted(table, true)
        })?;
        assert!(tried > 30);
        assert_eq!(lost, 0);
        Ok(())
    }

    #[test]
    fn he_wins_at_all_times() -> Result {
        let (tried, lost) = count(Start::all(), &Change::ALL, &writes()?, Moment::at_all_times)?;
        assert!(tried > 1000);
        assert_eq!(lost, 0);
        Ok(())
    }
}
