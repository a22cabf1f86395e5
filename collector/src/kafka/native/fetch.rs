//! Calls that read single records: assigning partitions, and polling for their events.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as rd;

use super::partition_list::PartitionList;
use super::{Client, ClientNotice, QueueEvent, c_string, error_code, text};
use crate::kafka::error_code::ErrorCode;
use crate::snapshot::{Name, TopicPartition};

/// The position that stands for the log start. librdkafka asks the partition leader for the log start when fetching begins.
pub(in crate::kafka) const LOG_START: i64 = -2;

/// The result of a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum Polled {
    /// An event of an assigned partition.
    Partition(PartitionEvent),
    /// A message of the client about itself.
    Notice(ClientNotice),
    /// No event came within the timeout, or only one that says nothing about a partition or the client.
    Nothing,
}

/// An event of an assigned partition: a record, the end of the partition, or an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct PartitionEvent {
    pub(in crate::kafka) topic: String,
    pub(in crate::kafka) partition: i32,
    /// The offset of the record, or of the failed read; negative for an error without a position.
    pub(in crate::kafka) offset: i64,
    /// The record's timestamp, or the error. The end of the partition is an error too, [`ErrorCode::LOCAL_PARTITION_EOF`].
    pub(in crate::kafka) timestamp: Result<Timestamp, ErrorCode>,
}

/// The timestamp of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum Timestamp {
    /// The time of the record, Unix time in milliseconds.
    At(i64),
    /// The record has no timestamp: it is of message format 0, or its producer wrote -1.
    Missing,
}

/// Handles of topics. The client knows the leaders of these topics, or asks for them, as long as the handles are held.
pub(in crate::kafka) struct TopicHandles<'c> {
    handles: Vec<NonNull<rd::rd_kafka_topic_t>>,
    // This field lets the compiler check that no handle outlives its client.
    client: PhantomData<&'c Client>,
}

// The bindings declare the results of these functions as Rust enums; here they are plain numbers.
unsafe extern "C" {
    fn rd_kafka_assign(
        rk: *mut rd::rd_kafka_t,
        partitions: *const rd::rd_kafka_topic_partition_list_t,
    ) -> c_int;
    fn rd_kafka_message_timestamp(message: *const rd::rd_kafka_message_t, kind: *mut c_int) -> i64;
}

// === impl Client ===

impl Client {
    /// Makes the client ask for the partition leaders of these topics now, in one request. Otherwise the client would ask for the
    /// leaders of a new topic up to a second after one of its partitions was assigned.
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

    /// Starts to fetch these partitions at these offsets, or at [`LOG_START`].
    ///
    /// # Errors
    /// librdkafka refuses the assignment, and assigns nothing.
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
    /// One of the partitions is not assigned.
    pub(in crate::kafka) fn unassign(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<(), ErrorCode> {
        let list = PartitionList::of(partitions.iter().map(|tp| (tp, 0)));
        // SAFETY: handle and list live through the call.
        take(unsafe { rd::rd_kafka_incremental_unassign(self.rk.as_ptr(), list.as_ptr()) })
    }

    /// Stops fetching all partitions.
    ///
    /// # Errors
    /// librdkafka refuses the change. The client cannot be used any more then.
    pub(in crate::kafka) fn unassign_all(&self) -> Result<(), ErrorCode> {
        // SAFETY: the handle is live; no list means no partitions.
        ErrorCode(unsafe { rd_kafka_assign(self.rk.as_ptr(), std::ptr::null()) }).check()
    }

    /// Returns the next record, end of a partition, error, or message of the client. Waits for `timeout` at most.
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

/// Returns the timestamp of a record. The timestamp's type is read as well, because a record without a timestamp has the value 0,
/// which would be a day in 1970.
///
/// # Safety
/// `message` must be live and without an error.
unsafe fn timestamp(message: *const rd::rd_kafka_message_t) -> Timestamp {
    // This is the value of librdkafka's `RD_KAFKA_TIMESTAMP_NOT_AVAILABLE`.
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

/// Returns the code of an error that librdkafka hands over, `Ok` for NULL, and frees the error.
fn take(error: *mut rd::rd_kafka_error_t) -> Result<(), ErrorCode> {
    let code = error_code(error);
    if !error.is_null() {
        // SAFETY: the last use of the error.
        unsafe { rd::rd_kafka_error_destroy(error) };
    }
    code
}

// === impl Polled ===

impl Polled {
    /// Returns `true` for a batch that was refused, which costs as much again each time that the client fetches it.
    pub(in crate::kafka) fn is_refusal(&self) -> bool {
        matches!(self, Self::Partition(event) if event.timestamp == Err(ErrorCode::LOCAL_BAD_COMPRESSION))
    }
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

// === impl QueueEvent ===

impl QueueEvent {
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

    /// Returns the error of one partition; `None` for an error of the client, which has no topic.
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
