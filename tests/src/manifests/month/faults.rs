//! The faults of the month, and the time within which each must be reported.

use super::DAY;
use super::groups::{Group, Minute, number};

/// A fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The alert that must report the fault.
    pub alert: &'static str,
    /// The group that has the fault; `None` for the whole cluster.
    pub group: Option<String>,
    /// The minute at which the fault begins.
    pub begin: usize,
    /// The length of the fault in minutes.
    pub length: usize,
    /// The minutes from the fault's beginning until the alert must have fired: the budget and the stated delay.
    pub within: usize,
    change: Change,
}

/// The change of a group's minute that begins this number of minutes after the fault began; `None`: Kafka no longer lists the group.
type Change = Option<fn(Minute, usize) -> Minute>;

/// The alert, the minutes that the fault lasts, the minutes within which it is reported, and the change.
type Kind = (&'static str, usize, usize, Change);

// The budget of five minutes and the delay of five minutes, a minute for the scrape and one for the evaluation.
const LATE: Kind = ("KafkaGroupLate", 40, 12, Some(slow));
// A quarter of an hour and the delay of five minutes.
const STUCK: Kind = ("KafkaGroupStuck", 50, 22, Some(stuck));
// The delay of ten minutes.
const LEFT: Kind = ("KafkaGroupWithoutMembers", 40, 12, Some(left));
// Three minutes for which the rules remember the group, and the delay of ten minutes.
const IS_GONE: Kind = ("KafkaGroupGone", 40, 15, None);
// Losses in five of the last fifteen minutes.
const LOSING: Kind = ("KafkaGroupLosesRecords", 30, 7, Some(losing));
// A quarter of half an hour, since rebalances take half of the time, and the delay of five minutes.
const STORM: Kind = ("KafkaGroupRebalances", 60, 22, Some(storm));
// One run is missed: 150 minutes from the usual moment to the budget of 26 hours, and the delay of five minutes.
const MISSED: Kind = ("KafkaGroupLate", 240, 157, Some(missed));
// The delays of five minutes and of three minutes.
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

/// The twenty faults. Most begin one after the other at midday of the second day; two runs are missed at night.
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

    /// True if the fault lasts at this minute.
    pub(super) fn covers(&self, minute: usize) -> bool {
        (self.begin..self.begin + self.length).contains(&minute)
    }

    /// Changes the group that has the fault.
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

/// The group falls behind by ten minutes, and stays behind.
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
    // In every third minute nothing is lost.
    let lost = if since % 3 == 2 { 0.0 } else { 300.0 };
    Minute { lost, ..now }
}

fn storm(now: Minute, since: usize) -> Minute {
    let state = if since.is_multiple_of(2) { 1 } else { 3 };
    Minute { state, ..now }
}

/// No run begins, so the age keeps growing.
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
