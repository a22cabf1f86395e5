//! Totals over the rows of a group or a topic: lost messages, the distance to the next loss, the largest time lag, the number of
//! unknown ones.

use std::time::Duration;

use super::{GroupLag, PartitionLag, TimeLag, TopicLag};

// === impl GroupLag ===

impl GroupLag {
    /// Returns the number of messages that retention took before the group read them, over all rows. `None` where the number is
    /// unknown for a row, and where there are no rows.
    pub fn lost(&self) -> Option<u64> {
        let rows = self.topics.iter().flat_map(|topic| &topic.partitions);
        let lost = rows.map(|row| row.retention.ok().map(|retention| retention.lost));
        let lost = lost.collect::<Option<Vec<_>>>()?;
        lost.into_iter().reduce(u64::saturating_add)
    }
}

// === impl TopicLag ===

impl TopicLag {
    /// Returns the largest known time lag of any row; `None` where none is known, and where it would be zero while another one is
    /// unknown.
    pub fn max_time_lag(&self) -> Option<Duration> {
        max_time_lag(self.partitions.iter())
    }

    /// Returns the number of rows with unread offsets whose time lag is unknown. If it is not zero, [`Self::max_time_lag`] is a lower
    /// bound. `None` instead of zero where the offset lag of a row is unknown, because that row may be another one; `None` also where
    /// time lag is switched off, and where there are no rows.
    pub fn n_unknown_time_lag(&self) -> Option<usize> {
        let mut n_unknown = 0;
        let mut all_told = !self.partitions.is_empty();
        for row in &self.partitions {
            match (row.time_lag, row.offset_lag) {
                (TimeLag::Off, _) => return None,
                (TimeLag::Unknown(_), Ok(_)) => n_unknown += 1,
                (TimeLag::Unknown(_), Err(_)) => all_told = false,
                (
                    TimeLag::CaughtUp
                    | TimeLag::Known(_)
                    | TimeLag::AtLeast(_)
                    | TimeLag::Interpolated(_),
                    _,
                ) => {}
            }
        }
        (n_unknown > 0 || all_told).then_some(n_unknown)
    }

    /// Returns the number of offsets that retention can still take before unread messages are lost: the smallest margin among the
    /// rows with unread offsets on logs from which retention has taken something before. Infinite where there is no such row.
    /// `None` where there are no rows, and where a row may be such a row and its margin is unknown, because the unknown margin may
    /// be the smallest.
    pub fn min_margin(&self) -> Option<f64> {
        let margins = self.partitions.iter().map(PartitionLag::margin_at_risk);
        let margins = margins.collect::<Option<Vec<_>>>()?;
        margins.into_iter().reduce(f64::min)
    }
}

/// Returns the largest known time lag. A zero beside an unknown time lag is left out, because it is no bound and would look like
/// health.
pub(super) fn max_time_lag<'r>(
    rows: impl Iterator<Item = &'r PartitionLag> + Clone,
) -> Option<Duration> {
    let most = rows.clone().filter_map(|row| row.time_lag.known()).max()?;
    let mut unknown = rows.filter(|row| row.time_lag.known().is_none());
    (!most.is_zero() || unknown.next().is_none()).then_some(most)
}

// === impl PartitionLag ===

impl PartitionLag {
    /// Returns the margin if unread messages are at risk, else infinity; `None` where that is unknown.
    #[expect(clippy::cast_precision_loss, reason = "samples are doubles")]
    fn margin_at_risk(&self) -> Option<f64> {
        let nothing_unread = self.offset_lag == Ok(0);
        // A log from which retention has never deleted anything, so that it starts at 0, is not about to lose records.
        let never_truncated = matches!(
            (self.committed, self.retention),
            (Ok(committed), Ok(retention)) if committed.to_wire() == retention.margin
        );
        if nothing_unread || never_truncated {
            return Some(f64::INFINITY);
        }
        self.offset_lag.ok()?;
        self.retention.ok().map(|retention| retention.margin as f64)
    }
}
