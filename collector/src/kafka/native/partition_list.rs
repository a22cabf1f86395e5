//! Lists of partitions, and the blocking request for offsets.

use std::ffi::CString;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as rd;

use super::{Client, c_string, millis, rd_kafka_offsets_for_times, text};
use crate::kafka::error_code::ErrorCode;
use crate::snapshot::TopicPartition;

/// An owned `rd_kafka_topic_partition_list_t`.
pub(super) struct PartitionList(NonNull<rd::rd_kafka_topic_partition_list_t>);

/// One row of a list: a partition, an offset, and the error of this partition.
pub(super) struct PartitionRow {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) code: ErrorCode,
}

impl Client {
    /// Asks the leader of these partitions for their offsets at `timestamp`, where -1 means the log end and -2 the log start. An
    /// error of one partition fails the whole call. Blocks.
    ///
    /// # Errors
    /// The first error of any partition, or of the request.
    pub(in crate::kafka) fn offsets_for_times(
        &self,
        partitions: &[&TopicPartition],
        timestamp: i64,
        timeout: Duration,
    ) -> Result<Vec<i64>, ErrorCode> {
        let list = PartitionList::of(partitions.iter().map(|&tp| (tp, timestamp)));
        // SAFETY: the handle and the list live through the call, which blocks until it is done with the list.
        let code =
            unsafe { rd_kafka_offsets_for_times(self.rk.as_ptr(), list.as_ptr(), millis(timeout)) };
        ErrorCode(code).check()?;
        // librdkafka writes the offsets into the rows and keeps their order.
        list.offsets()
    }
}

// === impl PartitionList ===

impl PartitionList {
    pub(super) fn of<'a>(
        partition_rows: impl ExactSizeIterator<Item = (&'a TopicPartition, i64)>,
    ) -> Self {
        let n = i32::try_from(partition_rows.len()).unwrap_or(i32::MAX);
        // SAFETY: takes a size hint; never NULL.
        let list = unsafe { rd::rd_kafka_topic_partition_list_new(n) };
        let list = Self(NonNull::new(list).expect("a new list"));
        let (mut topic, mut topic_of) = (CString::default(), None);
        for (tp, offset) in partition_rows {
            // Rows of one topic mostly follow each other, and share the conversion of its name.
            if topic_of != Some(&tp.topic) {
                (topic, topic_of) = (c_string(&tp.topic), Some(&tp.topic));
            }
            // SAFETY: the list is live; the name is copied.
            let row = unsafe {
                rd::rd_kafka_topic_partition_list_add(list.as_ptr(), topic.as_ptr(), tp.partition)
            };
            // SAFETY: the row that was just added; nothing else refers to it.
            unsafe { (*row).offset = offset };
        }
        list
    }

    pub(super) fn as_ptr(&self) -> *mut rd::rd_kafka_topic_partition_list_t {
        self.0.as_ptr()
    }

    /// Returns the offset of each row, or the first error of a row.
    fn offsets(&self) -> Result<Vec<i64>, ErrorCode> {
        // SAFETY: the list is live as long as `self`.
        let rows = unsafe { rows(self.as_ptr()) };
        rows.map(|row| {
            // SAFETY: a row of the live list, whose offset is a plain number.
            let (code, offset) = unsafe { (code(row), (*row).offset) };
            code.check().map(|()| offset)
        })
        .collect()
    }
}

impl Drop for PartitionList {
    fn drop(&mut self) {
        // SAFETY: the last use of the list.
        unsafe { rd::rd_kafka_topic_partition_list_destroy(self.as_ptr()) };
    }
}

/// Copies the rows of a list. Returns no rows for NULL.
///
/// # Safety
/// `list` must be NULL or a live list.
pub(super) unsafe fn partition_rows(
    list: *const rd::rd_kafka_topic_partition_list_t,
) -> Vec<PartitionRow> {
    if list.is_null() {
        return Vec::new();
    }
    // SAFETY: the list is live.
    let rows = unsafe { rows(list) };
    rows.map(|row| {
        // SAFETY: a row of a live list.
        unsafe {
            PartitionRow {
                topic: text((*row).topic),
                partition: (*row).partition,
                offset: (*row).offset,
                code: code(row),
            }
        }
    })
    .collect()
}

/// Returns the rows of a list.
///
/// # Safety
/// `list` must be live, and stay so until the last row was read.
unsafe fn rows(
    list: *const rd::rd_kafka_topic_partition_list_t,
) -> impl Iterator<Item = *const rd::rd_kafka_topic_partition_t> {
    // SAFETY: a live list; only the two plain fields are read.
    let (first, n) = unsafe { ((*list).elems, (*list).cnt) };
    // SAFETY: the index is below the count.
    (0..usize::try_from(n).unwrap_or(0)).map(move |i| unsafe { first.add(i) }.cast_const())
}

/// Returns the error of a row. The field is read through a raw pointer, because it may hold a code outside the enum.
///
/// # Safety
/// `row` must be a row of a live list.
unsafe fn code(row: *const rd::rd_kafka_topic_partition_t) -> ErrorCode {
    // SAFETY: the caller promises that the row is live.
    ErrorCode(unsafe { (&raw const (*row).err).cast::<i32>().read() })
}
