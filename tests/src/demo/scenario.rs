//! The course of the demo: topics that are written, and groups that read them. The module does no I/O; [`super::kafka`] writes
//! and reads.

use std::time::Duration;

/// A topic that is written all the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct DemoTopic {
    pub(super) name: &'static str,
    pub(super) n_partitions: i32,
    pub(super) per_second: f64,
}

/// A group that reads one topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    pub(super) group: &'static str,
    pub(super) topic: DemoTopic,
    pub(super) read_rate: ReadRate,
    /// The rate in words, for the last column of the table.
    pub(super) words: &'static str,
}

/// The rate at which a group reads.
#[derive(Clone, Copy, Debug)]
pub(super) enum ReadRate {
    /// Reads all records at once.
    KeepsUp,
    /// Reads at most this number of records a second.
    PerSecond(f64),
    /// Reads all records, but only during `open` at the beginning of each `period`.
    Now { period: Duration, open: Duration },
    /// Reads this number of records; then the group has no member any more.
    Leaves { after: u64 },
}

/// The step that a reader may take now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Budget {
    /// Read up to this number of records.
    Read(u64),
    /// Leave the group.
    Leave,
}

/// A counter that turns a rate into numbers of records, step by step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meter {
    done: u64,
}

const ORDERS: DemoTopic = DemoTopic {
    name: "orders",
    n_partitions: 6,
    per_second: 60.0,
};
const PAYMENTS: DemoTopic = DemoTopic {
    name: "payments",
    n_partitions: 3,
    per_second: 12.0,
};

/// The topics, in the order of their names.
pub(super) const TOPICS: [DemoTopic; 2] = [ORDERS, PAYMENTS];

/// The readers, one for each group, in the order of the table.
pub(super) const READERS: [Reader; 5] = [
    Reader {
        group: "billing",
        topic: ORDERS,
        read_rate: ReadRate::KeepsUp,
        words: "keeps up",
    },
    Reader {
        group: "search-index",
        topic: ORDERS,
        read_rate: ReadRate::PerSecond(45.0),
        words: "slower than its topic",
    },
    Reader {
        group: "report",
        topic: ORDERS,
        read_rate: ReadRate::Now {
            period: Duration::from_secs(30),
            open: Duration::from_secs(5),
        },
        words: "reads every 30 s",
    },
    Reader {
        group: "fraud-check",
        topic: PAYMENTS,
        read_rate: ReadRate::KeepsUp,
        words: "keeps up",
    },
    Reader {
        group: "audit",
        topic: PAYMENTS,
        read_rate: ReadRate::Leaves { after: 60 },
        words: "reads 60 records and leaves",
    },
];

/// The largest number of records that a reader takes in one step: more than any reader finds, and few enough that no step takes
/// long.
const ALL: u64 = 2_000;

// === impl ReadRate ===

impl ReadRate {
    /// Returns the step that a reader with `n_read` records read in all may take at `elapsed`.
    pub(super) fn budget(self, elapsed: Duration, n_read: u64) -> Budget {
        match self {
            Self::KeepsUp => Budget::Read(ALL),
            Self::PerSecond(rate) => Budget::Read(whole(rate, elapsed).saturating_sub(n_read)),
            Self::Now { period, open } => {
                let into = elapsed.as_millis() % period.as_millis();
                Budget::Read(if into < open.as_millis() { ALL } else { 0 })
            }
            Self::Leaves { after } if n_read >= after => Budget::Leave,
            Self::Leaves { after } => Budget::Read(after - n_read),
        }
    }
}

// === impl Meter ===

impl Meter {
    /// Returns the numbers of the records that are due at `elapsed` and were not due before.
    pub(super) fn due(&mut self, per_second: f64, elapsed: Duration) -> std::ops::Range<u64> {
        let before = self.done;
        self.done = whole(per_second, elapsed).max(before);
        before..self.done
    }
}

// === impl DemoTopic ===

impl DemoTopic {
    /// Returns the partition of the topic's `n`th record.
    pub(super) fn partition(&self, n: u64) -> i32 {
        let n_partitions = u64::try_from(self.n_partitions).unwrap_or(1);
        i32::try_from(n % n_partitions).unwrap_or(0)
    }

    /// Returns the offset that the topic's `n`th record has in its partition.
    pub(super) fn offset(&self, n: u64) -> i64 {
        let n_partitions = u64::try_from(self.n_partitions).unwrap_or(1);
        i64::try_from(n / n_partitions).unwrap_or(i64::MAX)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are positive, and no demo runs for centuries"
)]
fn whole(per_second: f64, elapsed: Duration) -> u64 {
    (per_second * elapsed.as_secs_f64()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_rate_gives_every_number_once() {
        let mut meter = Meter::default();
        assert_eq!(meter.due(2.5, SECOND), 0..2);
        assert_eq!(meter.due(2.5, SECOND), 2..2);
        assert_eq!(meter.due(2.5, 2 * SECOND), 2..5);
    }

    #[test]
    fn a_slow_reader_is_allowed_no_more_than_its_rate() {
        let slow = ReadRate::PerSecond(10.0);
        assert_eq!(slow.budget(3 * SECOND, 25), Budget::Read(5));
        assert_eq!(slow.budget(3 * SECOND, 31), Budget::Read(0));
    }

    #[test]
    fn who_reads_now_and_then_reads_at_the_beginning_of_each_period() {
        let report = ReadRate::Now {
            period: 30 * SECOND,
            open: 5 * SECOND,
        };
        assert_eq!(report.budget(4 * SECOND, 0), Budget::Read(ALL));
        assert_eq!(report.budget(5 * SECOND, 0), Budget::Read(0));
        assert_eq!(report.budget(31 * SECOND, 0), Budget::Read(ALL));
    }

    #[test]
    fn who_has_read_enough_leaves() {
        let audit = ReadRate::Leaves { after: 3 };
        assert_eq!(audit.budget(SECOND, 2), Budget::Read(1));
        assert_eq!(audit.budget(SECOND, 3), Budget::Leave);
    }
}
