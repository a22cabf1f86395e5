//! The row of one committed offset on one partition.

use std::time::Duration;

use shared::config;

use crate::snapshot::{
    Api, Failure, Group, Log, Name, Offset, OldestUnread, PartitionLookup, Reading, Reason,
    Snapshot, TopicPartition, Unknown,
};

use super::{PartitionLag, Retention, TimeLag};

/// The reason why it is unknown what a group has lost whose commit is below a log start that was read after the commit.
const LATE_LOG_START: Unknown = Unknown::new(Api::ListOffsets, Reason::Other);

/// The instant of the computation, and the way in which ages are known.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLagClock {
    pub(super) mode: config::TimeLagMode,
    /// The time of the computation, Unix time in milliseconds.
    pub(super) now_ms: i64,
}

/// A commit on a partition that has a log.
#[derive(Clone, Copy, Debug)]
struct Position<'a> {
    tp: &'a TopicPartition,
    committed: Offset,
    log: &'a Log,
}

/// Computes the row of `committed` on `tp`, whose log is `log`. The caller sets the field `member`.
pub(super) fn lag(
    snapshot: &Snapshot,
    tp: &TopicPartition,
    (committed, log): (Reading<Offset>, Reading<&Log>),
    clock: TimeLagClock,
) -> PartitionLag {
    let both = committed.and_then(|committed| Ok((committed, log?)));
    let told = both.and_then(|(committed, log)| {
        let untold = is_loss_untold(snapshot, tp, (committed, log));
        if untold {
            Err(LATE_LOG_START)
        } else {
            Ok((committed, log))
        }
    });
    PartitionLag {
        partition: tp.partition,
        member: None,
        committed,
        offset_lag: both.and_then(|(committed, log)| offset_lag(committed, log)),
        time_lag: match (clock.mode, both) {
            (config::TimeLagMode::Off, _) => TimeLag::Off,
            (_, Err(unknown)) => TimeLag::Unknown(unknown),
            (_, Ok((committed, log))) => {
                time_lag(snapshot, &Position { tp, committed, log }, clock)
            }
        },
        retention: told.and_then(|(committed, log)| retention(committed, log)),
        unread_percent: told.and_then(|(committed, log)| unread_percent(committed, log)),
    }
}

/// Returns `true` if the commit is below the log start, and the log start was read after the commit.
fn is_loss_untold(
    snapshot: &Snapshot,
    tp: &TopicPartition,
    (committed, log): (Offset, &Log),
) -> bool {
    log.log_start.is_ok_and(|log_start| log_start > committed)
        && snapshot.late_log_starts.contains(tp)
}

/// Returns a finding for every partition of which it is unknown what `group` has lost, because its log start was read after the
/// commit.
pub(super) fn untold_losses<'a>(
    snapshot: &'a Snapshot,
    name: &'a Name,
    group: &'a Group,
) -> impl Iterator<Item = Failure> + 'a {
    let committed = group.committed.iter().flatten();
    committed.filter_map(move |(tp, committed)| {
        let PartitionLookup::Log(log) = snapshot.partition(tp) else {
            return None;
        };
        let untold = is_loss_untold(snapshot, tp, ((*committed).ok()?, log));
        untold.then(|| Failure {
            unknown: LATE_LOG_START,
            subject: format!(
                "{name}/{}/{}: the log start was read after the commit",
                tp.topic, tp.partition
            ),
        })
    })
}

/// Returns a finding for every partition on which `group` has committed beyond the high watermark: the topic was created again,
/// or an unclean election has truncated the log. A commit beyond the last stable offset is no finding, as the group may read
/// uncommitted records.
pub(super) fn beyond_end<'a>(
    snapshot: &'a Snapshot,
    name: &'a Name,
    group: &'a Group,
) -> impl Iterator<Item = Failure> + 'a {
    group
        .committed
        .iter()
        .flatten()
        .filter_map(move |(tp, committed)| {
            let PartitionLookup::Log(log) = snapshot.partition(tp) else {
                return None;
            };
            let beyond = log.high_watermark.ok()? < committed.ok()?;
            beyond.then(|| Failure {
                unknown: Unknown::new(Api::OffsetFetch, Reason::CommittedBeyondEnd),
                subject: format!("{name}/{}/{}", tp.topic, tp.partition),
            })
        })
}

/// Returns the number of offsets between `committed` and the log end; 0 for a commit beyond the end.
pub(super) fn offset_lag(committed: Offset, log: &Log) -> Reading<u64> {
    Ok(log.end()?.distance_from(committed))
}

/// Returns the number of offsets between the log start and the log end.
pub(super) fn retained(log: &Log) -> Reading<u64> {
    Ok(log.end()?.distance_from(log.log_start?))
}

/// Returns the time lag of a commit on a partition that has a log.
fn time_lag(snapshot: &Snapshot, position: &Position<'_>, clock: TimeLagClock) -> TimeLag {
    let Position { tp, committed, log } = *position;
    let oldest_unread = match log.oldest_unread(committed) {
        Err(unknown) => return TimeLag::Unknown(unknown),
        Ok(None) => return TimeLag::CaughtUp,
        Ok(Some(oldest_unread)) => oldest_unread,
    };
    let lost = oldest_unread > committed;
    match snapshot.oldest_unread.get(&(tp.clone(), oldest_unread)) {
        None => TimeLag::Unknown(Unknown::new(Api::Fetch, Reason::NotAsked)),
        Some(OldestUnread::Unknown(unknown)) => TimeLag::Unknown(*unknown),
        Some(OldestUnread::NothingReadable) => TimeLag::CaughtUp,
        Some(OldestUnread::NoTimestamp) => {
            TimeLag::Unknown(Unknown::new(Api::Fetch, Reason::NoTimestamp))
        }
        Some(OldestUnread::WrittenAtLogStart(at)) => clock.written(*at, TimeLag::AtLeast),
        Some(OldestUnread::Written(at)) if lost => clock.written(*at, TimeLag::AtLeast),
        Some(OldestUnread::Written(at)) => clock.written(*at, TimeLag::Known),
        Some(OldestUnread::PassedBefore(at)) => TimeLag::AtLeast(clock.age(*at)),
        Some(OldestUnread::Passed(at)) if lost => TimeLag::AtLeast(clock.age(*at)),
        Some(OldestUnread::Passed(at)) => TimeLag::Interpolated(clock.age(*at)),
    }
}

fn retention(committed: Offset, log: &Log) -> Reading<Retention> {
    let log_start = log.log_start?;
    Ok(Retention {
        lost: log_start.distance_from(committed),
        margin: committed.to_wire() - log_start.to_wire(),
    })
}

#[expect(clippy::cast_precision_loss, reason = "samples are doubles")]
fn unread_percent(committed: Offset, log: &Log) -> Reading<f64> {
    let retained = retained(log)?;
    let unread = offset_lag(committed, log)?;
    // If nothing is unread, the log may be empty, for which the division below would give NaN.
    if unread == 0 {
        return Ok(0.0);
    }
    Ok(unread as f64 * 100.0 / retained as f64)
}

// === impl TimeLagClock ===

impl TimeLagClock {
    /// Returns the time since `at`; zero for a time in the future.
    fn age(self, at: i64) -> Duration {
        let age = self.now_ms.saturating_sub(at);
        Duration::from_millis(u64::try_from(age).unwrap_or(0))
    }

    /// Returns the age of a record whose timestamp is `at`, as `kind` of time lag. Clocks differ, so a record with a timestamp
    /// slightly in the future was written just now. Farther in the future, the timestamp says nothing about the age.
    fn written(self, at: i64, kind: fn(Duration) -> TimeLag) -> TimeLag {
        let ahead = at.saturating_sub(self.now_ms);
        let is_possible = match self.mode {
            config::TimeLagMode::Message { max_clock_skew, .. } => {
                i128::from(ahead) <= i128::try_from(max_clock_skew.as_millis()).unwrap_or(i128::MAX)
            }
            config::TimeLagMode::Off | config::TimeLagMode::Rate { .. } => ahead <= 0,
        };
        if is_possible {
            kind(self.age(at))
        } else {
            TimeLag::Unknown(Unknown::new(Api::Fetch, Reason::FutureTimestamp))
        }
    }
}
