//! The expected values of one group in one topic, added up from the rows of its partitions.

use crate::lab::oracle::{Record, Row};

use super::{Value, age, lag, number};

/// The lag, ages and retention margins of one group's partitions in one topic, added up row by row.
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

    pub(super) fn expected(&self) -> [(&'static str, Value); 4] {
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
            // Every record that Kafka's tools have shown has a date, so every age is known.
            (
                "kafka_consumergroup_group_unknown_time_lag_partitions",
                Value::Exactly(0.0),
            ),
            (
                "kafka_consumergroup_group_topic_min_retention_margin",
                Value::Exactly(margin),
            ),
        ]
    }
}

/// Returns the greatest age, which is that of the oldest record. Exact values are passed over, as they are the 0 of partitions that
/// were read to the end; the result is 0 if there is nothing else.
pub(super) fn oldest<'a>(ages: impl IntoIterator<Item = &'a Value>) -> Value {
    let written = ages.into_iter().filter_map(|age| match age {
        Value::AgeOf(ms) => Some(*ms),
        Value::Exactly(_) => None,
    });
    written.min().map_or(Value::Exactly(0.0), Value::AgeOf)
}
