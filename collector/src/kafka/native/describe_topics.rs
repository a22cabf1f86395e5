//! The ids of topics, which the cluster gives to each topic when it is created.

use std::ffi::c_char;

use rdkafka::bindings as rd;

use super::{AdminRequests, QueueEvent, RequestTarget, borrowed_slice, c_string, error_code, text};
use crate::kafka::error_code::ErrorCode;

/// The id of a topic. No other topic ever has it, not even a later one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::kafka) struct TopicId {
    most: i64,
    least: i64,
}

/// A topic that a broker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct DescribedTopic {
    /// The topic's id; `None` from brokers without ids, those before Kafka 2.8.
    pub(in crate::kafka) id: Option<TopicId>,
    pub(in crate::kafka) n_partitions: usize,
}

impl AdminRequests<'_> {
    /// Asks a broker for the ids of `topics`, none of which may be empty or occur twice. The answer describes the partitions of
    /// the topics as well, which makes up most of its size.
    pub(in crate::kafka) fn topic_ids(&mut self, to: RequestTarget, topics: &[&str]) {
        let names: Vec<_> = topics.iter().map(|topic| c_string(topic)).collect();
        let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: the names are copied.
        let collection = unsafe {
            rd::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len())
        };
        let operation = rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        self.send(operation, to, |call| {
            // SAFETY: all handles live; names and options are copied.
            unsafe {
                rd::rd_kafka_DescribeTopics(call.client, collection, call.options, call.queue);
            }
        });
        // SAFETY: the last use of the collection.
        unsafe { rd::rd_kafka_TopicCollection_destroy(collection) };
    }
}

// === impl TopicId ===

impl TopicId {
    /// Returns the id with these bits; `None` for zeros, which are the answer of brokers without ids, those before Kafka 2.8.
    fn of(most: i64, least: i64) -> Option<Self> {
        ((most, least) != (0, 0)).then_some(Self { most, least })
    }
}

// === impl QueueEvent ===

impl QueueEvent {
    pub(super) fn topic_ids(&self) -> Vec<(String, Result<DescribedTopic, ErrorCode>)> {
        // SAFETY: an event of this kind; NULL gives no topics.
        let result = unsafe { rd::rd_kafka_event_DescribeTopics_result(self.0.as_ptr()) };
        if result.is_null() {
            return Vec::new();
        }
        let mut n = 0;
        // SAFETY: the result is live as long as the event.
        let topics = unsafe { rd::rd_kafka_DescribeTopics_result_topics(result, &raw mut n) };
        // SAFETY: librdkafka gives array and length together.
        let topics = unsafe { borrowed_slice(topics.cast_const(), n) };
        // The array has NULL for a topic that the broker's answer lacks.
        topics
            .iter()
            .filter(|topic| !topic.is_null())
            .map(|&topic| {
                // SAFETY: a live description.
                let name = text(unsafe { rd::rd_kafka_TopicDescription_name(topic) });
                // SAFETY: a live description.
                let error = error_code(unsafe { rd::rd_kafka_TopicDescription_error(topic) });
                (name, error.map(|()| described(topic)))
            })
            .collect()
    }
}

fn described(topic: *const rd::rd_kafka_TopicDescription_t) -> DescribedTopic {
    let mut n_partitions = 0;
    // SAFETY: a live description; of the partitions only the number is used.
    unsafe { rd::rd_kafka_TopicDescription_partitions(topic, &raw mut n_partitions) };
    DescribedTopic {
        id: id(topic),
        n_partitions,
    }
}

fn id(topic: *const rd::rd_kafka_TopicDescription_t) -> Option<TopicId> {
    // SAFETY: a live description; the id is part of it.
    unsafe {
        let id = rd::rd_kafka_TopicDescription_topic_id(topic);
        TopicId::of(
            rd::rd_kafka_Uuid_most_significant_bits(id),
            rd::rd_kafka_Uuid_least_significant_bits(id),
        )
    }
}
