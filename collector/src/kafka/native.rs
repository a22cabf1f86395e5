//! librdkafka behind a safe surface: the only unsafe code of the program.
//!
//! # Unsafe, and why it holds
//! - **Handles.** A client, queue, event, list or set of options is owned by one Rust value, which frees it once, when it is
//!   dropped. A value that librdkafka refers to while a client lives (the fence, the guard of classic groups) is kept alive by
//!   the [`Client`], which is dropped first. The handles to which tokens are handed are of living clients only (see [`token`]).
//! - **Borrowed data.** librdkafka lends arrays and strings that live as long as the event, list or metadata they belong to.
//!   Everything is copied into plain Rust values before the owner is dropped, but for [`RawGroup`], whose lifetime the compiler
//!   checks.
//! - **Error codes.** The bindings declare them as a Rust enum. A code outside that enum would be undefined behaviour, so codes
//!   are read as plain numbers: through functions declared here with the number as their result, and through raw pointers to the
//!   fields of structs.
//! - **NULL.** Every pointer that librdkafka may leave NULL is checked: results of another kind than expected, topics that a
//!   broker left out, members without an assignment.
//! - **Callbacks** run on librdkafka's threads. They touch only what is behind a lock, and do not panic.
//! - **Threads.** librdkafka's handles may be used from several threads at once.
//! - **Wrapped functions.** The linker puts functions of [`wrapped`] in the place of some of librdkafka's. They have the same
//!   signatures, and hand over memory of `malloc`, which librdkafka frees.
//!
//! # Calls that are absent on purpose
//! Each of these has crashed or hung with a fault that a broker or a client can cause:
//! - any admin call on a client without `group.id`: an error in an `OffsetFetch` answer dereferences NULL;
//! - group requests that librdkafka routes to the coordinator itself, instead of to a broker that the caller names: use after
//!   free when a broker stalls;
//! - `rd_kafka_ListOffsets`: a race with its own request for the partition leaders;
//! - `rd_kafka_DescribeConsumerGroups` for classic groups: it aborts the process for some of the bytes that members can store
//!   (see [`classic_group_guard`]).
//!
//! # Not promised
//! librdkafka trusts brokers: an answer that does not follow the protocol can end the process. And a call that blocks cannot be
//! cut short; it returns at its timeout, also after the fence is closed.
#![expect(
    unsafe_code,
    clippy::multiple_unsafe_ops_per_block,
    reason = "librdkafka's admin calls have no safe binding; a struct it lends is read field by field"
)]

mod admin_requests;
mod admin_results;
mod certificate_check;
mod classic_group_guard;
mod client;
mod conf;
mod decompression;
mod describe_topics;
mod event;
mod fence;
mod fetch;
mod list_groups;
mod metadata;
mod partition_list;
mod record_memory;
mod strings;
mod token;
mod wrapped;

use std::ffi::{c_char, c_int};
use std::time::Duration;

use rdkafka::bindings as rd;

use super::error_code::ErrorCode;

use self::event::{Queue, QueueEvent};
use self::strings::{c_string, exact_text, text};

pub(super) use admin_requests::{AdminRequests, RequestTarget};
pub(super) use admin_results::{
    AdminResult, CommittedRow, DescribedGroup, ListedGroup, ResultsByName,
};
pub(super) use client::{Client, CreateError};
pub(super) use describe_topics::{DescribedTopic, TopicId};
pub(super) use event::ClientNotice;
pub(super) use fence::Fence;
pub(super) use fetch::{LOG_START, PartitionEvent, Polled, Timestamp};
pub(super) use list_groups::RawGroup;
pub(super) use metadata::MetadataResponse;
pub(super) use record_memory::{Reading, much_is_held, much_is_left_behind};
pub(super) use token::{Token, TokenHandover};

// The bindings declare the results of these functions as Rust enums; here they are plain numbers.
unsafe extern "C" {
    fn rd_kafka_error_code(error: *const rd::rd_kafka_error_t) -> c_int;
    fn rd_kafka_event_error(event: *mut rd::rd_kafka_event_t) -> c_int;
    fn rd_kafka_offsets_for_times(
        rk: *mut rd::rd_kafka_t,
        offsets: *mut rd::rd_kafka_topic_partition_list_t,
        timeout_ms: c_int,
    ) -> c_int;
    fn rd_kafka_metadata(
        rk: *mut rd::rd_kafka_t,
        all_topics: c_int,
        only_rkt: *mut rd::rd_kafka_topic_t,
        metadata: *mut *const rd::rd_kafka_metadata,
        timeout_ms: c_int,
    ) -> c_int;
    fn rd_kafka_ConsumerGroupListing_state(
        group: *const rd::rd_kafka_ConsumerGroupListing_t,
    ) -> c_int;
    fn rd_kafka_ConsumerGroupDescription_state(
        group: *const rd::rd_kafka_ConsumerGroupDescription_t,
    ) -> c_int;
    fn rd_kafka_ConsumerGroupListing_type(
        group: *const rd::rd_kafka_ConsumerGroupListing_t,
    ) -> c_int;
    fn rd_kafka_list_groups(
        rk: *mut rd::rd_kafka_t,
        group: *const c_char,
        list: *mut *const rd::rd_kafka_group_list,
        timeout_ms: c_int,
    ) -> c_int;
    fn rd_kafka_ConfigResource_error(resource: *const rd::rd_kafka_ConfigResource_t) -> c_int;
}

/// Converts a timeout into librdkafka's form: whole milliseconds, at least 1, because 0 means not to wait and -1 to wait without
/// limit.
fn millis(timeout: Duration) -> c_int {
    c_int::try_from(timeout.as_millis())
        .unwrap_or(c_int::MAX)
        .max(1)
}

/// Returns an array that belongs to librdkafka as a slice, which is empty for NULL.
///
/// # Safety
/// `first` must be NULL or point to `n` values that live as long as `'a`.
unsafe fn borrowed_slice<'a, T>(first: *const T, n: usize) -> &'a [T] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: the caller promises that `first` points to `n` values that live as long as `'a`.
    unsafe { std::slice::from_raw_parts(first, n) }
}

/// Reads the code of a `rd_kafka_error_t`; returns `Ok` for NULL, which is no error.
fn error_code(error: *const rd::rd_kafka_error_t) -> Result<(), ErrorCode> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: `error` is not NULL, and belongs to an event that outlives this call.
    ErrorCode(unsafe { rd_kafka_error_code(error) }).check()
}
