//! The request for the cluster's metadata: brokers, topics and partition leaders.

use std::time::Duration;

use rdkafka::bindings as rd;

use super::{Client, borrowed_slice, millis, rd_kafka_metadata, text};
use crate::kafka::error_code::ErrorCode;

/// The metadata of a whole cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::kafka) struct MetadataResponse {
    /// The node ids of all brokers.
    pub(in crate::kafka) brokers: Vec<i32>,
    /// The topics that this user may describe; those with neither a partition nor an error are left out.
    pub(in crate::kafka) topics: Vec<TopicMetadata>,
}

/// A topic and the leader of each of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct TopicMetadata {
    pub(in crate::kafka) name: String,
    /// Each partition with its leader's node id, or `None` while the partition has no leader; or the error that the broker
    /// returned for the topic, which exists nevertheless.
    pub(in crate::kafka) leaders: Result<Vec<(i32, Option<i32>)>, ErrorCode>,
}

/// Metadata in librdkafka's memory, which is freed when this value is dropped.
struct BorrowedMetadata(*const rd::rd_kafka_metadata);

impl Client {
    /// Asks any one broker for all brokers and topics. Blocks.
    ///
    /// # Errors
    /// No broker answers within `timeout`, or librdkafka refuses the request. The error is librdkafka's code.
    pub(in crate::kafka) fn metadata(
        &self,
        timeout: Duration,
    ) -> Result<MetadataResponse, ErrorCode> {
        let mut answer = std::ptr::null();
        // SAFETY: the handle is live; `answer` is written only on success.
        let code = unsafe {
            rd_kafka_metadata(
                self.rk.as_ptr(),
                1,
                std::ptr::null_mut(),
                &raw mut answer,
                millis(timeout),
            )
        };
        ErrorCode(code).check()?;
        Ok(BorrowedMetadata(answer).copy())
    }
}

// === impl BorrowedMetadata ===

impl BorrowedMetadata {
    fn copy(&self) -> MetadataResponse {
        // SAFETY: live until dropped. The structs hold error codes as enums, so only raw places are read, field by field.
        unsafe {
            let brokers = borrowed_slice((*self.0).brokers, count((*self.0).broker_cnt));
            let topics = (*self.0).topics;
            MetadataResponse {
                brokers: brokers.iter().map(|broker| broker.id).collect(),
                topics: (0..count((*self.0).topic_cnt))
                    .map(|i| topic(topics.add(i)))
                    .filter(|topic| {
                        topic
                            .leaders
                            .as_ref()
                            .map_or(true, |leaders| !leaders.is_empty())
                    })
                    .collect(),
            }
        }
    }
}

impl Drop for BorrowedMetadata {
    fn drop(&mut self) {
        // SAFETY: the last use of the metadata.
        unsafe { rd::rd_kafka_metadata_destroy(self.0) };
    }
}

/// Copies the metadata of one topic.
///
/// # Safety
/// `topic` must be live.
unsafe fn topic(topic: *const rd::rd_kafka_metadata_topic) -> TopicMetadata {
    // SAFETY: the caller promises that the topic is live; the topic's `err` is read as the number it is, those of partitions are
    // not read.
    unsafe {
        let first = (*topic).partitions;
        let code = ErrorCode((&raw const (*topic).err).cast::<i32>().read());
        TopicMetadata {
            name: text((*topic).topic),
            leaders: code.check().map(|()| {
                (0..count((*topic).partition_cnt))
                    .map(|i| {
                        let partition = first.add(i);
                        let leader = (*partition).leader;
                        ((*partition).id, (leader >= 0).then_some(leader))
                    })
                    .collect()
            }),
        }
    }
}

fn count(n: i32) -> usize {
    usize::try_from(n).unwrap_or(0)
}
