//! The healthy groups of the simulated month, of several kinds.

use super::{DAY, DEPLOYS};

/// A group, with its values in each minute of the month.
#[derive(Debug)]
pub(super) struct MonthGroup {
    pub(super) name: String,
    pub(super) topic: String,
    /// The minutes; `None` while Kafka does not list the group.
    pub(super) minutes: Vec<Option<Minute>>,
}

/// The values of a group in one minute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Minute {
    /// The state, as a value of `kafka_consumergroup_group_state`.
    pub(super) state: u8,
    pub(super) members: u8,
    pub(super) lag: f64,
    pub(super) lag_seconds: f64,
    pub(super) lost: f64,
    pub(super) margin: f64,
}

/// A function that returns a group's values in one minute, from the group's number among its kind, the minute, and a random
/// number from 0 to 1.
type Kind = fn(usize, usize, f64) -> Minute;

const KINDS: [(&str, usize, Kind); 6] = [
    ("steady", 15, steady),
    ("bursty", 10, bursty),
    ("nightly", 5, nightly),
    ("abandoned", 6, abandoned),
    ("streams", 8, streams),
    ("throwaway", 6, throwaway),
];

const READS: Minute = Minute {
    state: 3,
    members: 3,
    lag: 0.0,
    lag_seconds: 0.0,
    lost: 0.0,
    margin: f64::INFINITY,
};

const EMPTY: Minute = Minute {
    state: 5,
    members: 0,
    ..READS
};

/// Returns the fifty groups, for this number of minutes.
pub(super) fn all(minutes: usize) -> Vec<MonthGroup> {
    let mut groups = Vec::new();
    for (kind, n, minute_of) in KINDS {
        for i in 0..n {
            let topic = if kind == "streams" {
                format!("{kind}-{i}-store-repartition")
            } else {
                format!("topic-{kind}-{i}")
            };
            let begin = if kind == "throwaway" {
                first_look(i)
            } else {
                0
            };
            let minutes = (0..minutes).map(|minute| {
                let now = minute_of(i, minute, unexpected(kind.len() * 1_000 + i, minute));
                (minute >= begin).then(|| deployed(now, minute))
            });
            groups.push(MonthGroup {
                name: format!("{kind}-{i}"),
                topic,
                minutes: minutes.collect(),
            });
        }
    }
    groups
}

/// Adds two minutes of rebalancing to every deploy, in which nothing is read.
fn deployed(now: Minute, minute: usize) -> Minute {
    let of_day = minute % DAY;
    let since = DEPLOYS
        .iter()
        .filter_map(|at| of_day.checked_sub(*at))
        .min();
    match since {
        Some(since @ 0..2) if now.members > 0 => Minute {
            state: 1,
            members: 2,
            lag: now.lag + 100.0 * number(since + 1),
            lag_seconds: now.lag_seconds + 60.0 * number(since + 1),
            ..now
        },
        _ => now,
    }
}

/// Returns a minute of a group that reads records at once, at a rate of its own, and commits every five seconds.
fn steady(i: usize, _: usize, unexpected: f64) -> Minute {
    let rate = [1.0, 10.0, 100.0, 1e3, 1e4][i % 5];
    let since_commit = (5.0 * unexpected * 10.0).round() / 10.0;
    Minute {
        lag: (rate * since_commit).round(),
        lag_seconds: since_commit,
        margin: 1e6 * rate,
        ..READS
    }
}

/// Returns a minute of a group whose topic is written faster than it is read for ten minutes, three times a day.
fn bursty(i: usize, minute: usize, unexpected: f64) -> Minute {
    let since = (minute + 37 * i) % (DAY / 3);
    let level = if since < 5 {
        number(since) / 5.0
    } else {
        (1.0 - number(since - 5) / 6.0).max(0.0)
    };
    Minute {
        lag: (50_000.0 * level + 10.0 * unexpected).round(),
        lag_seconds: (200.0 * level + 4.0 * unexpected).round(),
        margin: 1e7,
        ..READS
    }
}

/// Returns a minute of a group that reads at two in the morning, for half an hour, and has no members for the rest of the day.
fn nightly(i: usize, minute: usize, _: f64) -> Minute {
    let since = (minute + DAY - 120 - 3 * i) % DAY;
    let behind = number((since + DAY - 30) % DAY);
    if since < 30 {
        Minute {
            lag: 1000.0 * (30.0 - number(since)),
            lag_seconds: 2880.0 * (30.0 - number(since)),
            ..READS
        }
    } else {
        Minute {
            lag: 20.0 * behind,
            lag_seconds: 60.0 * behind,
            ..EMPTY
        }
    }
}

/// Returns a minute of a group that has had no readers since before the month. Retention has deleted what follows its commits.
fn abandoned(i: usize, minute: usize, _: f64) -> Minute {
    let behind = number(minute + 10_000 * (i + 1));
    Minute {
        lag: 30.0 * behind,
        lag_seconds: (60.0 * behind).min(7.0 * 86_400.0),
        lost: 20.0 * behind,
        margin: -20.0 * behind,
        ..EMPTY
    }
}

/// Returns a minute of a group that deletes the records it has read, so its commit is at the log start. Once a day the log was
/// cut between two requests of the collector.
fn streams(i: usize, minute: usize, unexpected: f64) -> Minute {
    let behind = (30.0 * unexpected).round();
    let cut = minute % DAY == 700 + 31 * i;
    Minute {
        lag: 40.0 * behind,
        lag_seconds: behind,
        lost: if cut { 500.0 } else { 0.0 },
        margin: if cut { -500.0 } else { 0.0 },
        ..READS
    }
}

/// Returns a minute of a group with which somebody reads a topic for twenty minutes, and which is never used again. The topic has
/// a retention of a day.
fn throwaway(i: usize, minute: usize, unexpected: f64) -> Minute {
    let since = minute.saturating_sub(first_look(i));
    let behind = number(since.saturating_sub(20));
    if since < 20 {
        Minute {
            members: 1,
            lag_seconds: (3.0 * unexpected).round(),
            ..READS
        }
    } else {
        Minute {
            lag: 10.0 * behind,
            lag_seconds: (60.0 * behind).min(86_400.0),
            lost: 10.0 * (behind - number(DAY)).max(0.0),
            ..EMPTY
        }
    }
}

/// Returns the minute at which a throwaway group comes into being.
fn first_look(i: usize) -> usize {
    400 + 611 * i
}

/// Returns a pseudo-random number from 0 to 1 for a place and a minute, by Splitmix64: the same in every run.
fn unexpected(place: usize, minute: usize) -> f64 {
    let mut z = ((place as u64) << 32) | minute as u64;
    z = z.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let top = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or_default();
    f64::from(top) / f64::from(u32::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "minutes of a month are few")]
pub(super) fn number(n: usize) -> f64 {
    n as f64
}
