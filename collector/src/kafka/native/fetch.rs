//! Reading single records.

use std::time::Duration;

use rdkafka::bindings as rd;

use super::list::List;
use super::{Client, Event, error_code, text};
use crate::kafka::code::Code;
use crate::snapshot::TopicPartition;

/// What came for an assigned partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct Fetched {
    pub(in crate::kafka) topic: String,
    pub(in crate::kafka) partition: i32,
    pub(in crate::kafka) record: Result<Record, Code>,
}

/// Where a record stands, and when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct Record {
    pub(in crate::kafka) offset: i64,
    /// Unix time in milliseconds; -1 where the record has none.
    pub(in crate::kafka) timestamp_ms: i64,
    /// Bytes of key and value.
    pub(in crate::kafka) n_bytes: usize,
}

impl Client {
    /// Begins to fetch these partitions at these offsets.
    ///
    /// # Errors
    /// The code, when nothing was assigned.
    pub(in crate::kafka) fn assign(&self, partitions: &[(TopicPartition, i64)]) -> Result<(), Code> {
        let list = List::of(partitions.iter().map(|(tp, offset)| (tp, *offset)));
        // SAFETY: handle and list live through the call.
        take(unsafe { rd::rd_kafka_incremental_assign(self.rk.as_ptr(), list.as_ptr()) })
    }

    /// Stops fetching these partitions.
    ///
    /// # Errors
    /// The code, when one of them was not assigned.
    pub(in crate::kafka) fn unassign(&self, partitions: &[TopicPartition]) -> Result<(), Code> {
        let list = List::of(partitions.iter().map(|tp| (tp, 0)));
        // SAFETY: handle and list live through the call.
        take(unsafe { rd::rd_kafka_incremental_unassign(self.rk.as_ptr(), list.as_ptr()) })
    }

    /// The next record, end of partition, or partition error; `None` when `timeout` has passed or something else came.
    pub(in crate::kafka) fn fetched(&self, timeout: Duration) -> Option<Fetched> {
        let event = self.events.poll(timeout)?;
        match event.kind() {
            rd::RD_KAFKA_EVENT_FETCH => event.record(),
            rd::RD_KAFKA_EVENT_ERROR => event.partition_error(),
            _ => None,
        }
    }
}

fn take(error: *mut rd::rd_kafka_error_t) -> Result<(), Code> {
    let code = error_code(error);
    if !error.is_null() {
        // SAFETY: the last use of the error.
        unsafe { rd::rd_kafka_error_destroy(error) };
    }
    code
}

// === impl Event ===

impl Event {
    fn record(&self) -> Option<Fetched> {
        // SAFETY: an event of this kind; the message lives as long as the event.
        let message = unsafe { rd::rd_kafka_event_message_next(self.0.as_ptr()) };
        if message.is_null() {
            return None;
        }
        // SAFETY: a live message. `err` is read as a number through a raw pointer, the other fields are plain.
        unsafe {
            let code = Code((&raw const (*message).err).cast::<i32>().read());
            let mut kind = rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
            Some(Fetched {
                topic: text(rd::rd_kafka_topic_name((*message).rkt)),
                partition: (*message).partition,
                record: code.check().map(|()| Record {
                    offset: (*message).offset,
                    timestamp_ms: rd::rd_kafka_message_timestamp(message, &raw mut kind),
                    n_bytes: (*message).len + (*message).key_len,
                }),
            })
        }
    }

    /// An error that belongs to one partition; client-wide errors have no topic.
    fn partition_error(&self) -> Option<Fetched> {
        let code = self.code();
        // SAFETY: an error event of a consumer; NULL when it belongs to no partition.
        let tp = unsafe { rd::rd_kafka_event_topic_partition(self.0.as_ptr()) };
        if tp.is_null() {
            return None;
        }
        // SAFETY: a live row that this call owns; plain fields.
        let (topic, partition) = unsafe { (text((*tp).topic), (*tp).partition) };
        // SAFETY: the last use of the row.
        unsafe { rd::rd_kafka_topic_partition_destroy(tp) };
        Some(Fetched { topic, partition, record: Err(code) })
    }
}
