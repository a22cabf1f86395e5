//! Reading single records.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as rd;

use super::partition_list::PartitionList;
use super::{Client, Event, Notice, c_string, error_code, text};
use crate::kafka::error_code::ErrorCode;
use crate::snapshot::{Name, TopicPartition};

/// Where librdkafka begins at the log start, wherever that is by then.
pub(in crate::kafka) const LOG_START: i64 = -2;

/// What came of a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum Polled {
    /// Something about an assigned partition.
    Partition(PartitionEvent),
    /// Something about the client.
    Notice(Notice),
    /// Nothing within the time.
    Nothing,
}

/// What came for an assigned partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct PartitionEvent {
    pub(in crate::kafka) topic: String,
    pub(in crate::kafka) partition: i32,
    /// Where the record stands, or where reading failed; negative for an error at no position.
    pub(in crate::kafka) offset: i64,
    /// The record's timestamp, or why there is no record; that the end of the partition was reached counts as an error here.
    pub(in crate::kafka) timestamp: Result<Timestamp, ErrorCode>,
}

/// When a record was written, as far as the record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum Timestamp {
    /// Unix time in milliseconds.
    At(i64),
    /// The record has none: message format 0 has no room for it, and a producer may write -1.
    Missing,
}

/// Topics that the client knows, or asks the leaders of, as long as this is held.
pub(in crate::kafka) struct TopicHandles<'c> {
    handles: Vec<NonNull<rd::rd_kafka_topic_t>>,
    // A handle must not outlive its client.
    client: PhantomData<&'c Client>,
}

// What these answer is a Rust enum in the bindings; declared here with the plain number that crosses the boundary.
unsafe extern "C" {
    fn rd_kafka_assign(
        rk: *mut rd::rd_kafka_t,
        partitions: *const rd::rd_kafka_topic_partition_list_t,
    ) -> c_int;
    fn rd_kafka_message_timestamp(message: *const rd::rd_kafka_message_t, kind: *mut c_int) -> i64;
}

// === impl Client ===

impl Client {
    /// Makes the client ask for the partition leaders of these topics at once, and all in one request. Assigning a partition of
    /// a topic that is new to it makes it ask only when it next looks around, which it does once a second.
    pub(in crate::kafka) fn request_leaders<'n>(
        &self,
        names: impl Iterator<Item = &'n Name>,
    ) -> TopicHandles<'_> {
        let handles = names.filter_map(|name| {
            let name = c_string(name);
            // SAFETY: the handle is live, the name is copied, and no configuration means the default.
            let topic = unsafe {
                rd::rd_kafka_topic_new(self.rk.as_ptr(), name.as_ptr(), std::ptr::null_mut())
            };
            NonNull::new(topic)
        });
        TopicHandles {
            handles: handles.collect(),
            client: PhantomData,
        }
    }

    /// Begins to fetch these partitions at these offsets, or at [`LOG_START`].
    ///
    /// # Errors
    /// The code, when nothing was assigned.
    pub(in crate::kafka) fn assign(
        &self,
        partitions: &[(TopicPartition, i64)],
    ) -> Result<(), ErrorCode> {
        let list = PartitionList::of(partitions.iter().map(|(tp, offset)| (tp, *offset)));
        // SAFETY: handle and list live through the call.
        take(unsafe { rd::rd_kafka_incremental_assign(self.rk.as_ptr(), list.as_ptr()) })
    }

    /// Stops fetching these partitions.
    ///
    /// # Errors
    /// The code, when one of them was not assigned.
    pub(in crate::kafka) fn unassign(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<(), ErrorCode> {
        let list = PartitionList::of(partitions.iter().map(|tp| (tp, 0)));
        // SAFETY: handle and list live through the call.
        take(unsafe { rd::rd_kafka_incremental_unassign(self.rk.as_ptr(), list.as_ptr()) })
    }

    /// Stops fetching whatever is fetched.
    ///
    /// # Errors
    /// The code, when the client is beyond use.
    pub(in crate::kafka) fn unassign_all(&self) -> Result<(), ErrorCode> {
        // SAFETY: the handle is live; no list means no partitions.
        ErrorCode(unsafe { rd_kafka_assign(self.rk.as_ptr(), std::ptr::null()) }).check()
    }

    /// The next record, end of partition, or error.
    pub(in crate::kafka) fn poll(&self, timeout: Duration) -> Polled {
        let Some(event) = self.events.poll(timeout) else {
            return Polled::Nothing;
        };
        let of_partition = match event.kind() {
            rd::RD_KAFKA_EVENT_FETCH => event.record(),
            rd::RD_KAFKA_EVENT_ERROR => event.partition_error(),
            _ => None,
        };
        match of_partition {
            Some(of_partition) => Polled::Partition(of_partition),
            None => event
                .notice(&self.mask)
                .map_or(Polled::Nothing, Polled::Notice),
        }
    }
}

/// The timestamp of a record. Without the type, the 0 that stands for "none" would be a day in 1970.
///
/// # Safety
/// `message` must be live and without an error.
unsafe fn timestamp(message: *const rd::rd_kafka_message_t) -> Timestamp {
    // librdkafka's RD_KAFKA_TIMESTAMP_NOT_AVAILABLE, and the place of the type as the plain number that crosses the boundary.
    const NOT_AVAILABLE: c_int = 0;
    let mut kind: c_int = NOT_AVAILABLE;
    // SAFETY: the caller's promise; the place of the type lives through the call.
    let at = unsafe { rd_kafka_message_timestamp(message, &raw mut kind) };
    if kind == NOT_AVAILABLE || at < 0 {
        Timestamp::Missing
    } else {
        Timestamp::At(at)
    }
}

fn take(error: *mut rd::rd_kafka_error_t) -> Result<(), ErrorCode> {
    let code = error_code(error);
    if !error.is_null() {
        // SAFETY: the last use of the error.
        unsafe { rd::rd_kafka_error_destroy(error) };
    }
    code
}

// === impl TopicHandles ===

impl Drop for TopicHandles<'_> {
    fn drop(&mut self) {
        for topic in &self.handles {
            // SAFETY: the last use of the handle.
            unsafe { rd::rd_kafka_topic_destroy(topic.as_ptr()) };
        }
    }
}

// === impl Event ===

impl Event {
    fn record(&self) -> Option<PartitionEvent> {
        // SAFETY: an event of this kind; the message lives as long as the event.
        let message = unsafe { rd::rd_kafka_event_message_next(self.0.as_ptr()) };
        if message.is_null() {
            return None;
        }
        // SAFETY: a live message. `err` is read as a number through a raw pointer, the other fields are plain.
        unsafe {
            let code = ErrorCode((&raw const (*message).err).cast::<i32>().read());
            Some(PartitionEvent {
                topic: text(rd::rd_kafka_topic_name((*message).rkt)),
                partition: (*message).partition,
                offset: (*message).offset,
                timestamp: code.check().map(|()| timestamp(message)),
            })
        }
    }

    /// An error that belongs to one partition; client-wide errors have no topic.
    fn partition_error(&self) -> Option<PartitionEvent> {
        // SAFETY: an error event of a consumer; NULL when it belongs to no partition.
        let tp = unsafe { rd::rd_kafka_event_topic_partition(self.0.as_ptr()) };
        if tp.is_null() {
            return None;
        }
        // SAFETY: a live row that this call owns; plain fields.
        let (topic, partition, offset) =
            unsafe { (text((*tp).topic), (*tp).partition, (*tp).offset) };
        // SAFETY: the last use of the row.
        unsafe { rd::rd_kafka_topic_partition_destroy(tp) };
        let timestamp = Err(self.code());
        Some(PartitionEvent {
            topic,
            partition,
            offset,
            timestamp,
        })
    }
}
