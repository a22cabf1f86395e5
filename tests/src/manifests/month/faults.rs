//! The faults of the month, and the time within which each must be reported.

use super::DAY;
use super::groups::{Minute, MonthGroup, number};

/// A fault of the simulated month.
#[derive(Clone, Debug)]
pub struct MonthFault {
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

/// A function that changes a group's minute, which is this number of minutes after the fault began; `None`: Kafka no longer lists
/// the group.
type Change = Option<fn(Minute, usize) -> Minute>;

/// A kind of fault: the alert, the minutes that the fault lasts, the minutes within which it is reported, and the change.
type Kind = (&'static str, usize, usize, Change);

// The fault is reported within 12 minutes: the budget of five minutes, the alert's delay of five minutes, and two minutes for the
// scrape and the evaluation.
const LATE: Kind = ("KafkaGroupLate", 40, 12, Some(slow));
// The fault is reported within 22 minutes: a quarter of an hour without progress, the alert's delay of five minutes, and two
// minutes for the scrape and the evaluation.
const STUCK: Kind = ("KafkaGroupStuck", 50, 22, Some(stuck));
// The fault is reported within 12 minutes: the alert's delay of ten minutes, and two minutes for the scrape and the evaluation.
const LEFT: Kind = ("KafkaGroupWithoutMembers", 40, 12, Some(left));
// The fault is reported within 15 minutes: three minutes for which the rules remember the group, the alert's delay of ten
// minutes, and two minutes for the scrape and the evaluation.
const IS_GONE: Kind = ("KafkaGroupGone", 40, 15, None);
// The fault is reported within 7 minutes: the alert needs losses in five of the last fifteen minutes, and the group loses records
// in two of three minutes.
const LOSING: Kind = ("KafkaGroupLosesRecords", 30, 7, Some(losing));
// The fault is reported within 22 minutes: the alert needs rebalances in a quarter of half an hour, which takes 15 minutes, as
// the group rebalances in every second one; then the delay of five minutes, and two minutes for the scrape and the evaluation.
const STORM: Kind = ("KafkaGroupRebalances", 60, 22, Some(storm));
// The missed run is reported within 157 minutes of its usual time: 150 minutes until the age exceeds the budget of 26 hours, the
// alert's delay of five minutes, and two minutes for the scrape and the evaluation.
const MISSED: Kind = ("KafkaGroupLate", 240, 157, Some(missed));
// The next two faults are reported within the delays of their alerts, five and three minutes, and two minutes for the scrape and
// the evaluation.
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

/// Returns the twenty faults. Eighteen begin one after the other from midday of the second day on; two are nightly runs that are
/// missed.
pub fn faults() -> Vec<MonthFault> {
    let planned = PLAN.into_iter().enumerate().map(|(i, (kind, group))| {
        MonthFault::of(kind, group.map(str::to_owned), DAY + DAY / 2 + 3 + 97 * i)
    });
    let nights = [(0, 1), (1, 8)].map(|(i, day)| {
        let group = format!("nightly-{i}");
        MonthFault::of(MISSED, Some(group), day * DAY + 120 + 3 * i)
    });
    planned.chain(nights).collect()
}

// === impl MonthFault ===

impl MonthFault {
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

    /// Returns true if the fault lasts at this minute.
    pub(super) fn covers(&self, minute: usize) -> bool {
        (self.begin..self.begin + self.length).contains(&minute)
    }

    /// Changes the minutes of the group that has the fault. A fault of the whole cluster changes no group.
    pub(super) fn apply(&self, groups: &mut [MonthGroup]) {
        let named = |group: &&mut MonthGroup| Some(&group.name) == self.group.as_ref();
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

/// Makes the group fall behind by ten minutes, and stay behind.
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

/// Makes the group miss its run, so that the age keeps growing.
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
