//! The totals of one group's rows on one topic.

use crate::lab::oracle::{Record, Row};

use super::{Value, age, lag, number};

/// Sums and extremes over partitions.
#[derive(Debug, Default)]
pub(super) struct OfTopic {
    pub(super) lag: i64,
    pub(super) ages: Vec<Value>,
    margins: Vec<i64>,
}

// === impl OfTopic ===

impl OfTopic {
    pub(super) fn add(&mut self, row: &Row, record: &Record) {
        self.lag += lag(row);
        self.ages.push(age(lag(row), record));
        if lag(row) > 0 && record.log_start > 0 {
            self.margins.push(row.committed - record.log_start);
        }
    }

    pub(super) fn expected(&self) -> [(&'static str, Value); 3] {
        let margin = self.margins.iter().min();
        let margin = margin.map_or(f64::INFINITY, |margin| number(*margin));
        [
            (
                "kafka_consumergroup_group_topic_sum_lag",
                Value::Exactly(number(self.lag)),
            ),
            (
                "kafka_consumergroup_group_topic_max_lag_seconds",
                oldest(&self.ages),
            ),
            (
                "kafka_consumergroup_group_topic_min_retention_margin",
                Value::Exactly(margin),
            ),
        ]
    }
}

/// The greatest age: that of the oldest record. Any age is greater than the value of a group that has read everything.
pub(super) fn oldest<'a>(ages: impl IntoIterator<Item = &'a Value>) -> Value {
    let written = ages.into_iter().filter_map(|age| match age {
        Value::AgeOf(ms) => Some(*ms),
        Value::Exactly(_) => None,
    });
    written.min().map_or(Value::Exactly(0.0), Value::AgeOf)
}
