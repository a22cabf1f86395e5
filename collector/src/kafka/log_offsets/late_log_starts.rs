//! Log starts that were read after the commits, and so cannot show a loss.

use std::collections::HashMap;

use super::LogOffsets;
use crate::kafka::committed_offsets::CommittedOffsets;
use crate::snapshot::{Api, PartitionState, Reason, Unknown};

impl LogOffsets {
    /// Makes log starts unknown that were read after the commits and are above a commit on their partition. The group may have
    /// committed beyond such a log start before the records were purged, and would wrongly be reported as losing them.
    pub(in crate::kafka) fn discard_late_log_starts(&mut self, committed: &CommittedOffsets) {
        if self.late_log_starts.is_empty() {
            return;
        }
        let mut lowest: HashMap<(&str, i32), i64> = HashMap::new();
        let rows = committed.groups.values().flat_map(|found| &found.rows);
        for row in rows.flatten().filter(|row| row.offset >= 0) {
            let place = (&*row.topic, row.partition);
            let least = lowest.entry(place).or_insert(row.offset);
            *least = row.offset.min(*least);
        }
        for tp in &self.late_log_starts {
            if let Some(PartitionState::Exists(log)) = self.partitions.get_mut(tp)
                && let Ok(log_start) = log.log_start
                && let Some(&lowest) = lowest.get(&(&*tp.topic, tp.partition))
                && lowest < log_start.to_wire()
            {
                log.log_start = Err(Unknown::new(Api::ListOffsets, Reason::NotAsked));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::kafka::committed_offsets::GroupOffsets;
    use crate::kafka::error_code::ErrorCode;
    use crate::kafka::native::CommittedRow;
    use crate::snapshot::{Log, Name, Offset, TopicPartition};

    /// Returns the log starts of partitions 0, 1, ... of a topic that are still known after `discard_late_log_starts`. Each log
    /// starts at 10, and `commits` has the lowest commit on each partition. Only the first partition's log start was read before
    /// the commits.
    fn log_starts(commits: &[i64]) -> Vec<Option<u64>> {
        let place = |partition| TopicPartition::of(&Name::from("t"), partition);
        let offset = |at| Offset::from_wire(at).unwrap();
        let log = Log {
            log_start: Ok(offset(10)),
            high_watermark: Ok(offset(20)),
            last_stable: None,
        };
        let places: Vec<_> = (0..).map(place).take(commits.len()).collect();
        let mut ends = LogOffsets {
            partitions: places.iter().map(|tp| (tp.clone(), log.into())).collect(),
            late_log_starts: places.iter().skip(1).cloned().collect::<BTreeSet<_>>(),
        };
        let group = |ahead: i64| {
            let rows = (0..).zip(commits).map(|(partition, at)| CommittedRow {
                topic: "t".to_owned(),
                partition,
                offset: at + ahead,
                code: ErrorCode::NONE,
            });
            GroupOffsets {
                coordinator: 1,
                rows: Ok(rows.collect()),
            }
        };
        let groups = BTreeMap::from([("g".into(), group(0)), ("ahead".into(), group(5))]);
        ends.discard_late_log_starts(&CommittedOffsets {
            groups,
            n_truncated_names: 0,
        });
        let logs = ends.partitions.values().filter_map(PartitionState::log);
        logs.map(|log| log.log_start.ok().map(Offset::get))
            .collect()
    }

    #[test]
    fn a_log_start_that_was_read_after_a_commit_below_it_is_unknown() {
        assert_eq!(
            log_starts(&[4, 4, 9, 10, 11]),
            [Some(10), None, None, Some(10), Some(10)]
        );
    }
}
