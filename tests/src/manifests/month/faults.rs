//! The faults of the month, and the time by which somebody must be told of each.

use super::DAY;
use super::groups::{Group, Minute, number};

/// A fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The alert that must tell of it.
    pub alert: &'static str,
    /// The group it befalls; `None` for the whole cluster.
    pub group: Option<String>,
    /// The minute it begins.
    pub begin: usize,
    /// In minutes.
    pub length: usize,
    /// Minutes from its beginning until it must have been told: budget and stated delay.
    pub within: usize,
    change: Change,
}

/// The group's minute, so many minutes after the fault began; `None`: Kafka no longer lists the group.
type Change = Option<fn(Minute, usize) -> Minute>;

/// An alert, minutes that the fault lasts, minutes within which it is told, and the change.
type Kind = (&'static str, usize, usize, Change);

// Budget of five minutes, and five minutes; a minute to be scraped and one to be evaluated.
const LATE: Kind = ("KafkaGroupLate", 40, 12, Some(slow));
// A quarter of an hour and five minutes.
const STUCK: Kind = ("KafkaGroupStuck", 50, 22, Some(stuck));
// Ten minutes.
const LEFT: Kind = ("KafkaGroupWithoutMembers", 40, 12, Some(left));
// Three minutes of memory and ten.
const IS_GONE: Kind = ("KafkaGroupGone", 40, 15, None);
// Five minutes of fifteen.
const LOSING: Kind = ("KafkaGroupLosesRecords", 30, 7, Some(losing));
// A quarter of half an hour, half of which is rebalances, and five minutes.
const STORM: Kind = ("KafkaGroupRebalances", 60, 22, Some(storm));
// A run is missed: 150 minutes from the usual moment to the budget of 26 hours, and five minutes.
const MISSED: Kind = ("KafkaGroupLate", 240, 157, Some(missed));
// Five minutes, and three.
const DOWN: Kind = ("KafkaLagCollectionFailing", 20, 7, Some(|now, _| now));
const UNSEEN: Kind = ("KafkaLagExporterLeaderUnseen", 20, 5, Some(|now, _| now));

const PLAN: [(Kind, Option<&str>); 18] = [
    (LATE, Some("steady-0")),
    (STUCK, Some("steady-1")),
    (LEFT, Some("steady-2")),
    (LOSING, Some("bursty-0")),
    (STORM, Some("bursty-1")),
    (DOWN, None),
    (IS_GONE, Some("steady-3")),
    (UNSEEN, None),
    (LATE, Some("bursty-2")),
    (STUCK, Some("bursty-3")),
    (LATE, Some("streams-0")),
    (STUCK, Some("streams-1")),
    (LEFT, Some("streams-2")),
    (LOSING, Some("steady-4")),
    (STUCK, Some("steady-5")),
    (STORM, Some("streams-3")),
    (LATE, Some("steady-6")),
    (LEFT, Some("bursty-4")),
];

/// Twenty of them. Most begin one after the other at midday of the second day; two runs are missed at night.
pub fn faults() -> Vec<Fault> {
    let planned = PLAN.into_iter().enumerate().map(|(i, (kind, group))| {
        Fault::of(kind, group.map(str::to_owned), DAY + DAY / 2 + 3 + 97 * i)
    });
    let nights = [(0, 1), (1, 8)].map(|(i, day)| {
        let group = format!("nightly-{i}");
        Fault::of(MISSED, Some(group), day * DAY + 120 + 3 * i)
    });
    planned.chain(nights).collect()
}

// === impl Fault ===

impl Fault {
    fn of((alert, length, within, change): Kind, group: Option<String>, begin: usize) -> Self {
        Self {
            alert,
            group,
            begin,
            length,
            within,
            change,
        }
    }

    /// True if it lasts at a minute.
    pub(super) fn covers(&self, minute: usize) -> bool {
        (self.begin..self.begin + self.length).contains(&minute)
    }

    /// Changes its group.
    pub(super) fn befall(&self, groups: &mut [Group]) {
        let named = |group: &&mut Group| Some(&group.name) == self.group.as_ref();
        let Some(group) = groups.iter_mut().find(named) else {
            return;
        };
        for since in 0..self.length {
            let now = &mut group.minutes[self.begin + since];
            *now = now.and_then(|now| Some(self.change?(now, since)));
        }
    }
}

fn behind(now: Minute, seconds: f64) -> Minute {
    Minute {
        lag: now.lag + 20.0 * seconds,
        lag_seconds: now.lag_seconds + seconds,
        ..now
    }
}

/// Falls behind by ten minutes, and stays there.
fn slow(now: Minute, since: usize) -> Minute {
    behind(now, (60.0 * number(since + 1)).min(600.0))
}

fn stuck(now: Minute, since: usize) -> Minute {
    behind(now, 60.0 * number(since + 1))
}

fn left(now: Minute, since: usize) -> Minute {
    let now = behind(now, 60.0 * number(since + 1));
    Minute {
        state: 5,
        members: 0,
        ..now
    }
}

fn losing(now: Minute, since: usize) -> Minute {
    // It jumps forward in every third minute.
    let lost = if since % 3 == 2 { 0.0 } else { 300.0 };
    Minute { lost, ..now }
}

fn storm(now: Minute, since: usize) -> Minute {
    let state = if since.is_multiple_of(2) { 1 } else { 3 };
    Minute { state, ..now }
}

/// No run begins, so the age goes on.
fn missed(now: Minute, since: usize) -> Minute {
    let seconds = 84_600.0 + 60.0 * number(since);
    Minute {
        state: 5,
        members: 0,
        lag: seconds,
        lag_seconds: seconds,
        ..now
    }
}
