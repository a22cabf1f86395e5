//! The name of a partition: its topic and its number.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Name;

/// One partition of one topic. Partitions are in the order of their topics' names, and then of their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Name,
    /// The partition's number.
    pub partition: i32,
}

// === impl TopicPartition ===

impl TopicPartition {
    /// Returns the partition of `topic` with the number `partition`.
    pub fn of(topic: &Name, partition: i32) -> Self {
        Self {
            topic: Arc::clone(topic),
            partition,
        }
    }
}

impl Ord for TopicPartition {
    fn cmp(&self, other: &Self) -> Ordering {
        // The partitions of a topic mostly share its name, so most comparisons within a topic need not read it.
        let topics = if Arc::ptr_eq(&self.topic, &other.topic) {
            Ordering::Equal
        } else {
            self.topic.cmp(&other.topic)
        };
        topics.then_with(|| self.partition.cmp(&other.partition))
    }
}

impl PartialOrd for TopicPartition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
