//! Groups from their first member or commit to their deletion.

use std::collections::BTreeMap;

use super::{Monotone, Window};

/// All groups that had the same name, one after the other.
#[derive(Debug, Default)]
pub(in crate::soak) struct Group {
    pub(in crate::soak) lives: Vec<Life>,
}

/// A group from its first member or commit to its deletion.
#[derive(Debug)]
pub(in crate::soak) struct Life {
    /// The time at which the first member was about to join, or the first commit was attempted.
    pub(in crate::soak) begun: u64,
    /// The time from which it certainly had a commit.
    pub(in crate::soak) made: Option<u64>,
    /// The time at which its deletion was begun, or from which the brokers may delete it by age.
    pub(in crate::soak) ending: Option<u64>,
    /// The time at which it was certainly deleted.
    pub(in crate::soak) ended: Option<u64>,
    /// The commits, by topic, incarnation and partition.
    pub(in crate::soak) commits: BTreeMap<(String, u64, u64), Monotone>,
}

// === impl Group ===

impl Group {
    /// Returns the only life that can have been seen within the window, if the group certainly had commits all the time.
    pub(in crate::soak) fn steady(&self, (from, to): Window) -> Option<&Life> {
        let mut seen = self.lives.iter().filter(|life| {
            let over = life.ended.is_some_and(|ended| ended < from);
            life.begun <= to && !over
        });
        let life = seen.next()?;
        let made = life.made.is_some_and(|made| made <= from);
        let ending = life.ending.is_some_and(|ending| ending <= to);
        (seen.next().is_none() && made && !ending).then_some(life)
    }

    /// Returns true if no life can have been seen within the window.
    pub(in crate::soak) fn is_gone(&self, (from, to): Window) -> bool {
        self.lives.iter().all(|life| {
            let over = life.ended.is_some_and(|ended| ended < from);
            over || life.begun > to
        })
    }

    /// Returns the life that is under way, or begins one at `at`.
    pub(super) fn current(&mut self, at: u64) -> &mut Life {
        if self.lives.last().is_none_or(|life| life.ended.is_some()) {
            self.lives.push(Life {
                begun: at,
                made: None,
                ending: None,
                ended: None,
                commits: BTreeMap::new(),
            });
        }
        self.lives.last_mut().expect("one was pushed just now")
    }
}
