//! Log starts that were read after the commits.

use std::collections::HashMap;

use super::Ends;
use crate::kafka::offsets::Committed;
use crate::snapshot::{Api, Reason, Unknown};

impl Ends {
    /// Forgets log starts that were read after the commits and lie above one of them: the group may have committed beyond it
    /// before the log was purged.
    pub(in crate::kafka) fn doubt(&mut self, committed: &Committed) {
        if self.late.is_empty() {
            return;
        }
        let mut lowest: HashMap<(&str, i32), i64> = HashMap::new();
        let rows = committed.groups.values().flat_map(|found| &found.rows);
        for row in rows.flatten().filter(|row| row.offset >= 0) {
            let place = (&*row.topic, row.partition);
            let least = lowest.entry(place).or_insert(row.offset);
            *least = row.offset.min(*least);
        }
        for tp in &self.late {
            if let Some(log) = self.logs.get_mut(tp)
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
    use crate::kafka::code::Code;
    use crate::kafka::native::CommittedRow;
    use crate::kafka::offsets::Found;
    use crate::snapshot::{Log, Name, Offset, TopicPartition};

    /// Partitions 0, 1, ... of topic t, whose logs start at 10, and the lowest commit on each; only the first was read early.
    fn starts(commits: &[i64]) -> Vec<Option<u64>> {
        let place = |partition| TopicPartition::of(&Name::from("t"), partition);
        let offset = |at| Offset::from_wire(at).unwrap();
        let log = Log {
            log_start: Ok(offset(10)),
            high_watermark: Ok(offset(20)),
            last_stable: None,
        };
        let places: Vec<_> = (0..).map(place).take(commits.len()).collect();
        let mut ends = Ends {
            logs: places.iter().map(|tp| (tp.clone(), log)).collect(),
            late: places.iter().skip(1).cloned().collect::<BTreeSet<_>>(),
        };
        let group = |ahead: i64| {
            let rows = (0..).zip(commits).map(|(partition, at)| CommittedRow {
                topic: "t".to_owned(),
                partition,
                offset: at + ahead,
                code: Code(0),
            });
            Found {
                coordinator: 1,
                rows: Ok(rows.collect()),
            }
        };
        let groups = BTreeMap::from([("g".into(), group(0)), ("ahead".into(), group(5))]);
        ends.doubt(&Committed {
            groups,
            n_nameless: 0,
        });
        let logs = ends.logs.values();
        logs.map(|log| log.log_start.ok().map(Offset::get))
            .collect()
    }

    #[test]
    fn a_log_start_that_was_read_after_a_commit_below_it_is_not_known() {
        assert_eq!(
            starts(&[4, 4, 9, 10, 11]),
            [Some(10), None, None, Some(10), Some(10)]
        );
    }
}
