//! Property tests: searches through logs of every shape, by a client that delivers batches of every size.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;

/// One partition's log: bounds, and the offsets that still have a record.
#[derive(Clone, Debug)]
struct Log {
    start: i64,
    end: i64,
    records: BTreeSet<i64>,
}

fn a_log() -> impl Strategy<Value = Log> {
    (0..60_i64, 0..200_i64, btree_set(0..260_i64, 0..80)).prop_map(|(start, length, records)| {
        let end = start + length;
        let kept = records.into_iter().filter(|at| (start..end).contains(at));
        Log {
            start,
            end,
            records: kept.collect(),
        }
    })
}

impl Log {
    fn first_from(&self, at: i64) -> Option<i64> {
        self.records.range(at..).next().copied()
    }

    /// Returns all answers that are right for the offset `wanted`.
    fn right(&self, wanted: i64) -> Vec<OldestUnread> {
        match self.first_from(wanted) {
            _ if wanted > self.end => vec![unknown(Reason::Other)],
            None => vec![OldestUnread::NothingReadable],
            Some(at) if wanted < self.start => vec![OldestUnread::WrittenAtLogStart(at)],
            // The first record of the log may also have been found for a wanted offset below the log start, with the other
            // answer.
            Some(at) if self.first_from(self.start) == Some(at) => {
                vec![
                    OldestUnread::Written(at),
                    OldestUnread::WrittenAtLogStart(at),
                ]
            }
            Some(at) => vec![OldestUnread::Written(at)],
        }
    }

    /// Delivers one batch from `position`, and returns the next position.
    fn deliver(&self, search: &mut Search, tp: &TopicPartition, position: i64, n: usize) -> i64 {
        let position = if position == LOG_START {
            self.start
        } else {
            position
        };
        if !(self.start..=self.end).contains(&position) {
            arrives_for(
                search,
                tp,
                position,
                Err(ErrorCode::LOCAL_AUTO_OFFSET_RESET),
            );
            return position;
        }
        let batch: Vec<_> = self.records.range(position..).take(n).copied().collect();
        for &at in &batch {
            arrives_for(search, tp, at, Ok(at));
        }
        batch.last().map_or_else(
            || {
                arrives_for(search, tp, self.end, Err(ErrorCode::LOCAL_PARTITION_EOF));
                self.end
            },
            |last| last + 1,
        )
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_offset_is_answered_rightly_whatever_the_batches(
        logs in vec((a_log(), btree_set(0..300_i64, 1..6)), 1..200),
        batches in vec(1..30_usize, 1..20),
    ) {
        let partitions: Vec<_> = (0..).map(|partition| tp("a", partition)).take(logs.len()).collect();
        let wanted = partitions.iter().zip(&logs).map(|(tp, (_, offsets))| {
            (tp.clone(), offsets.iter().map(|&it| offset(it)).collect())
        });
        let ends = |tp: &TopicPartition| {
            let (log, _) = &logs[usize::try_from(tp.partition).unwrap()];
            Some(offset(log.end))
        };
        let mut search = Search::of(wanted.collect(), &ends);
        let mut fetched = BTreeMap::<TopicPartition, i64>::new();
        for &n in batches.iter().cycle().take(2000) {
            if search.is_done() {
                break;
            }
            let change = search.assignment_change();
            for tp in &change.unassign {
                prop_assert!(fetched.remove(tp).is_some(), "{tp:?} was not fetched");
            }
            for (tp, position) in change.assign {
                prop_assert_eq!(fetched.insert(tp, position), None);
            }
            prop_assert!(fetched.len() <= 128, "{} at once", fetched.len());
            for (tp, position) in &mut fetched {
                let (log, _) = &logs[usize::try_from(tp.partition).unwrap()];
                *position = log.deliver(&mut search, tp, *position, n);
            }
        }
        prop_assert!(search.is_done(), "{:?}", search);
        let found = search.finish(Reason::Deadline);
        for (tp, (log, offsets)) in partitions.iter().zip(&logs) {
            for &at in offsets {
                let answer = found.answers[&(tp.clone(), offset(at))];
                let right = log.right(at);
                prop_assert!(right.contains(&answer), "{tp:?} {at}: {answer:?}, not {right:?}, of {log:?}");
            }
        }
    }
}
