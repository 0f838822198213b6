// SPDX-License-Identifier: GPL-2.0

//! An administrator who writes into the kernel's table at any moment of an update of ours: once before
//! each of our own reads and writes there.

use super::fake_table::{Fake, KERNEL};
use crate::{
    kernel_ext::{alloc, node::NodeId, rcu::RcuCell, table_writes::Written},
    provider::table::{Draft, Table},
    sinks::publish::{Foreign, Publisher},
};
use kernel::prelude::*;

/// Our automatic weights, and those after an update.
const AUTOMATIC: u8 = 6;
const UPDATED: u8 = 7;
/// Our weights by hand, and others.
const BY_HAND: u8 = 11;
const OTHERS: u8 = 12;
/// An administrator's weight.
const ADMIN: u8 = 9;

/// What we have chosen; stands for the provider's state.
struct Choice {
    auto: bool,
    /// What our computation comes to.
    automatic: u8,
    /// By node id.
    weights: KVec<u8>,
}

impl Choice {
    fn new(auto: bool, weight: u8) -> Result<Self> {
        let mut weights = alloc::with_capacity(NodeId::all().count())?;
        for _ in NodeId::all() {
            weights.push_within_capacity(weight).map_err(|_| ENOMEM)?;
        }
        Ok(Self {
            auto,
            automatic: AUTOMATIC,
            weights,
        })
    }

    fn set_all(&mut self, auto: bool, weight: u8) {
        self.auto = auto;
        for slot in self.weights.iter_mut() {
            *slot = weight;
        }
    }

    /// Takes a write of the administrator's.
    fn take(&mut self, written: Written) {
        match written {
            Written::Auto(true) => self.set_all(true, self.automatic),
            Written::Auto(false) => self.auto = false,
            Written::Weight(node, weight) => {
                self.auto = false;
                if let Some(slot) = self.weights.get_mut(node.index()) {
                    *slot = weight;
                }
            }
        }
    }

    /// Takes what the publisher has found.
    fn take_foreign(&mut self, foreign: Foreign, publisher: &Publisher<&Fake>) {
        if foreign != Foreign::Weights {
            self.take(Written::Auto(true));
        }
        if foreign != Foreign::Auto {
            self.take(Written::Auto(false));
            for (node, weight) in publisher.foreign() {
                self.take(Written::Weight(node, weight));
            }
        }
    }

    fn table(&self, takeover: bool) -> Result<RcuCell<Table>> {
        let mut draft = Draft::new()?;
        for (node, weight) in NodeId::all().zip(&self.weights) {
            draft.set_weight(node, *weight);
        }
        draft.set_takeover(takeover, self.auto);
        Ok(RcuCell::new(draft.into_table()))
    }

    /// Returns whether the kernel's table is as this says.
    fn is_in(&self, fake: &Fake) -> bool {
        let mut weights = NodeId::all().zip(&self.weights);
        fake.auto.get() == self.auto && weights.all(|(node, w)| fake.read(node) == Some(*w))
    }
}

/// A change of ours.
#[derive(Clone, Copy, Debug)]
enum Change {
    Nothing,
    Bandwidth,
    ByHand,
    Automatic,
}

impl Change {
    const ALL: [Self; 4] = [
        Self::Nothing,
        Self::Bandwidth,
        Self::ByHand,
        Self::Automatic,
    ];

    fn make(self, choice: &mut Choice) {
        match self {
            Self::Nothing => {}
            Self::Bandwidth => {
                choice.automatic = UPDATED;
                if choice.auto {
                    choice.set_all(true, UPDATED);
                }
            }
            Self::ByHand => choice.set_all(false, OTHERS),
            Self::Automatic => choice.set_all(true, choice.automatic),
        }
    }
}

/// What the kernel computes with the takeover: what we have chosen.
fn compute_ours(fake: &Fake, choice: &Choice) {
    if let Some(weight) = choice.weights.first() {
        fake.computed.set(*weight);
    }
}

/// An update of ours with the takeover, to which `tell` may tell of a write. Returns whether something
/// was found.
fn update(
    publisher: &mut Publisher<&Fake>,
    fake: &Fake,
    choice: &mut Choice,
    change: Change,
    tell: impl FnOnce() -> Option<Written>,
) -> Result<bool> {
    let foreign = publisher.examine(&choice.table(true)?, |each| {
        if let Some(written) = tell() {
            each(written);
        }
    })?;
    if let Some(foreign) = foreign {
        choice.take_foreign(foreign, publisher);
    }
    change.make(choice);
    compute_ours(fake, choice);
    publisher.publish(&choice.table(true)?)?;
    Ok(foreign.is_some())
}

/// Takes the takeover off and gives the table back.
fn leave(publisher: &mut Publisher<&Fake>, fake: &Fake, choice: &Choice) -> Result {
    fake.computed.set(KERNEL);
    publisher.publish(&choice.table(false)?)?;
    publisher.withdraw()?;
    Ok(())
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
    /// Whether our weights are automatic.
    auto: bool,
    /// The change of ours that is being made.
    change: Change,
    written: Written,
    /// How many reads and writes of ours come before his.
    steps: u32,
    /// Whether we are told of it as soon as it is done, or with the next update only.
    prompt: bool,
}

/// What became of his write.
#[derive(PartialEq, Eq)]
enum Outcome {
    /// The change was made before it was his turn.
    TooLate,
    /// As it should be.
    Won,
    Lost(&'static str),
}

impl Moment {
    fn first_choice(&self) -> Result<Choice> {
        let weight = if self.auto { AUTOMATIC } else { BY_HAND };
        Choice::new(self.auto, weight)
    }

    /// Has him write with the takeover. He then also turns `auto` off if he `ends` it.
    fn with_takeover(&self, ends: bool) -> Result<Outcome> {
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        let mut choice = self.first_choice()?;
        let mut expected = self.first_choice()?;
        compute_ours(&fake, &choice);
        publisher.publish(&choice.table(true)?)?;

        fake.intrusion.set(Some((self.steps, self.written)));
        let mut told = None;
        let found = update(&mut publisher, &fake, &mut choice, self.change, || {
            let is_done = fake.intrusion.get().is_none();
            told = (self.prompt && is_done).then_some(self.written);
            told
        })?;
        if fake.intrusion.take().is_some() {
            return Ok(Outcome::TooLate);
        }
        if found {
            expected.take(self.written);
        }
        self.change.make(&mut expected);
        if told.is_none() {
            // It counts as later than our change, even if it was found before that.
            expected.take(self.written);
            let tell = || Some(self.written);
            update(&mut publisher, &fake, &mut choice, Change::Nothing, tell)?;
        }
        if !expected.is_in(&fake) {
            return Ok(Outcome::Lost("not taken"));
        }
        let found = update(&mut publisher, &fake, &mut choice, Change::Nothing, || None)?;
        if found || !expected.is_in(&fake) {
            return Ok(Outcome::Lost("taken twice"));
        }
        if ends {
            let off = Written::Auto(false);
            fake.intrude(off);
            update(&mut publisher, &fake, &mut choice, Change::Nothing, || {
                Some(off)
            })?;
        }
        leave(&mut publisher, &fake, &choice)?;
        let is_given_back = if ends {
            // Where it was automatic in the end, he keeps what was in it.
            !fake.auto.get() && (!expected.auto || fake.holds(expected.automatic))
        } else {
            is_given_back(&fake, self.written)
        };
        Ok(if is_given_back {
            Outcome::Won
        } else {
            Outcome::Lost("not given back")
        })
    }

    /// Has him write without the takeover.
    fn without_takeover(&self) -> Result<Outcome> {
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        let mut choice = self.first_choice()?;
        publisher.publish(&choice.table(false)?)?;

        fake.intrusion.set(Some((self.steps, self.written)));
        self.change.make(&mut choice);
        publisher.publish(&choice.table(false)?)?;
        if fake.intrusion.take().is_some() {
            return Ok(Outcome::TooLate);
        }
        publisher.respect(|each| each(self.written))?;
        if let Written::Weight(node, weight) = self.written {
            if fake.auto.get() || fake.read(node) != Some(weight) {
                return Ok(Outcome::Lost("overwritten"));
            }
        }
        choice.set_all(false, OTHERS);
        publisher.publish(&choice.table(false)?)?;
        for node in NodeId::all() {
            let expected = match self.written {
                Written::Weight(his, weight) if his == node => weight,
                _ => OTHERS,
            };
            if fake.read(node) != Some(expected) {
                return Ok(Outcome::Lost("not kept beside our next weights"));
            }
        }
        publisher.withdraw()?;
        Ok(if is_given_back(&fake, self.written) {
            Outcome::Won
        } else {
            Outcome::Lost("not given back")
        })
    }
}

/// Returns whether the table is the kernel's own again but for what was `written`.
fn is_given_back(fake: &Fake, written: Written) -> bool {
    match written {
        Written::Auto(auto) => fake.auto.get() == auto && fake.holds(KERNEL),
        Written::Weight(node, weight) => !fake.auto.get() && fake.holds_but_for(node, weight),
    }
}

/// Hands all moments to `try_at`. Returns how many there were, and at how many he lost.
fn count(mut try_at: impl FnMut(&Moment) -> Result<Outcome>) -> Result<(u32, u32)> {
    let (mut tried, mut lost) = (0_u32, 0_u32);
    for (auto, prompt) in [(true, true), (true, false), (false, true), (false, false)] {
        for change in Change::ALL {
            for written in writes()? {
                for steps in 0..u32::MAX {
                    let moment = Moment {
                        auto,
                        change,
                        written,
                        steps,
                        prompt,
                    };
                    match try_at(&moment)? {
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
        }
    }
    Ok((tried, lost))
}

/// An update reads and writes at least as often as that.
const LEAST: u32 = 4 * 4 * 3 * 2;

#[kunit_tests(numaweave_administrator)]
mod tests {
    use super::*;

    #[test]
    fn he_wins_over_the_takeover() -> Result {
        let (tried, lost) = count(|moment| moment.with_takeover(false))?;
        assert!(tried >= LEAST);
        assert_eq!(lost, 0);
        Ok(())
    }

    #[test]
    fn he_ends_what_he_had_turned_on() -> Result {
        let (tried, lost) = count(|moment| match moment.written {
            Written::Auto(true) => moment.with_takeover(true),
            _ => Ok(Outcome::TooLate),
        })?;
        assert!(tried >= LEAST / 3);
        assert_eq!(lost, 0);
        Ok(())
    }

    #[test]
    fn he_wins_without_the_takeover() -> Result {
        let (tried, lost) = count(Moment::without_takeover)?;
        assert!(tried >= LEAST);
        assert_eq!(lost, 0);
        Ok(())
    }
}
