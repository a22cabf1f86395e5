//! What the rows of a group come to for retention: what is lost, and how near the next loss is.

use std::time::Duration;

use super::{GroupLag, PartitionLag, Retention, TopicLag};

// === impl GroupLag ===

impl GroupLag {
    /// Messages that retention took before the group read them, over all its partitions; `None` while one is unknown, or without
    /// any.
    pub fn lost(&self) -> Option<u64> {
        let rows = self.topics.iter().flat_map(|topic| &topic.partitions);
        let lost = rows.map(|row| row.retention.ok().map(|retention| retention.lost));
        let lost = lost.collect::<Option<Vec<_>>>()?;
        lost.into_iter().reduce(u64::saturating_add)
    }
}

// === impl TopicLag ===

impl TopicLag {
    /// The largest time lag among the partitions for which it is known; `None` without any.
    pub fn max_time_lag(&self) -> Option<Duration> {
        let rows = self.partitions.iter();
        rows.filter_map(|row| row.time_lag.known()).max()
    }

    /// How many offsets retention can go on before it takes what the group has not read, among the partitions for which that is
    /// known: the smallest margin of those where something is unread and something was taken before, infinite where there are
    /// none. `None` while it is known of no partition.
    pub fn min_margin(&self) -> Option<f64> {
        let rows = self.partitions.iter();
        rows.filter_map(|row| Some(row.margin_at_risk(row.retention.ok()?, row.offset_lag.ok()?)))
            .reduce(f64::min)
    }
}

// === impl PartitionLag ===

impl PartitionLag {
    #[expect(clippy::cast_precision_loss, reason = "samples are doubles")]
    fn margin_at_risk(&self, retention: Retention, offset_lag: u64) -> f64 {
        // A log that was never cut is not about to be cut.
        let was_cut = self
            .committed
            .is_ok_and(|committed| committed.to_wire() > retention.margin);
        if was_cut && offset_lag > 0 {
            retention.margin as f64
        } else {
            f64::INFINITY
        }
    }
}
