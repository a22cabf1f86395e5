//! librdkafka behind a safe surface: the only unsafe code of the program.
//!
//! Only calls that survived every fault tried are here. Deliberately absent: any admin call on a client without `group.id`
//! (an `OffsetFetch` error dereferences NULL), the coordinator route of group requests (use after free when a broker stalls),
//! `rd_kafka_ListOffsets` (a race with its own leader query), and every error code as a Rust enum.
#![expect(
    unsafe_code,
    clippy::multiple_unsafe_ops_per_block,
    reason = "librdkafka's admin calls have no safe binding; a struct it lends is read field by field"
)]

mod admin;
mod answers;
mod classic;
mod conf;
mod described;
mod fence;
mod fetch;
mod ids;
mod list;
mod metadata;
mod strings;
mod verify;

use std::collections::BTreeSet;
use std::ffi::{c_char, c_int};
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as rd;
use shared::config::Mask;

use super::code::Code;
use super::properties::Properties;

use self::classic::Refusals;
use self::conf::Conf;
use self::strings::{c_string, c_text, text};

pub(super) use admin::Requests;
pub(super) use answers::{Answer, CommittedRow, DescribedGroup, ListedGroup, PerName};
pub(super) use described::RawGroup;
pub(super) use fence::Fence;
pub(super) use fetch::{Arrival, Fetched, LOG_START, Timestamp};
pub(super) use ids::TopicId;
pub(super) use metadata::Cluster;

/// One librdkafka consumer that never subscribes and never commits. Blocking; owned by one thread, which may lend it to
/// threads that it outlives.
pub(super) struct Client {
    rk: NonNull<rd::rd_kafka_t>,
    events: Queue,
    mask: Mask,
    /// What its sockets are opened by; dropped after the handle.
    #[expect(dead_code, reason = "the handle refers to it")]
    fence: Arc<Fence>,
    /// The handle refers to them too.
    refusals: Arc<Refusals>,
}

/// A librdkafka queue.
struct Queue(NonNull<rd::rd_kafka_queue_t>);

/// An event taken from a queue.
struct Event(NonNull<rd::rd_kafka_event_t>);

/// What a client says of itself, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// A connection failed, or something else that no request reports.
    Error { code: Code, text: String },
    /// A line that librdkafka would have written to its log, and what it is about; levels as of syslog.
    Log {
        level: i32,
        facility: String,
        text: String,
    },
}

/// librdkafka refused a property, or could not make a client. Its words are without secrets.
#[derive(Debug, thiserror::Error)]
pub(super) enum CreateError {
    /// A property was refused.
    #[error("librdkafka refuses {name:?}: {why}")]
    Property { name: String, why: String },
    /// All properties are right one by one, but not together, or a file they name cannot be read.
    #[error("librdkafka cannot make a client: {text}")]
    Client { text: String },
}

// Functions whose answer the bindings declare as a Rust enum; declared here with the plain number that crosses the boundary.
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

/// A timeout as librdkafka takes it: whole milliseconds, at least 1 (0 would not wait, -1 would wait for ever).
fn millis(timeout: Duration) -> c_int {
    c_int::try_from(timeout.as_millis())
        .unwrap_or(c_int::MAX)
        .max(1)
}

/// An array that librdkafka lends: empty for NULL.
///
/// # Safety
/// `first` must be NULL or point to `n` values that live as long as `'a`.
unsafe fn lent<'a, T>(first: *const T, n: usize) -> &'a [T] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(first, n) }
}

/// The code of a `rd_kafka_error_t`; `Ok` for NULL.
fn error_code(error: *const rd::rd_kafka_error_t) -> Result<(), Code> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: not NULL, and owned by an event that outlives this call.
    Code(unsafe { rd_kafka_error_code(error) }).check()
}

// === impl Client ===

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl Send for Client {}
// SAFETY: librdkafka's handles may be used from several threads at once; see its INTRODUCTION.md, "Threads and callbacks".
unsafe impl Sync for Client {}

impl Client {
    /// A client with these properties, which must contain a `group.id`, behind `fence`.
    ///
    /// # Errors
    /// The property or the combination that librdkafka refuses.
    pub(super) fn create(properties: &Properties, fence: &Arc<Fence>) -> Result<Self, CreateError> {
        let conf = Conf::of(properties)?;
        fence.stand_around(conf.0);
        let refusals = Refusals::none();
        refusals.watch(conf.0);
        let mut why = [0; 512];
        // SAFETY: `conf` is valid; ownership passes only on success.
        let rk = unsafe {
            rd::rd_kafka_new(
                rd::rd_kafka_type_t::RD_KAFKA_CONSUMER,
                conf.0.as_ptr(),
                why.as_mut_ptr(),
                why.len(),
            )
        };
        // Either the client owns the configuration, or librdkafka has freed its interceptors and leaves a pointer to them in it
        // (the label `fail` of `rd_kafka_new`): to destroy it would free them twice. Some kilobytes are lost with a wrong property.
        std::mem::forget(conf);
        let Some(rk) = NonNull::new(rk) else {
            return Err(CreateError::Client {
                text: properties.mask().hide(&text(why.as_ptr())),
            });
        };
        // SAFETY: a live consumer. The code is not looked at: it only fails for handles that are no consumers.
        unsafe { rd::rd_kafka_poll_set_consumer(rk.as_ptr()) };
        // SAFETY: a live consumer has a consumer queue; this call adds a reference that `Queue` gives back.
        let events = unsafe { rd::rd_kafka_queue_get_consumer(rk.as_ptr()) };
        let events = NonNull::new(events).expect("a consumer has a queue");
        // SAFETY: both live. Logs, errors and records then come from the one queue that is polled.
        unsafe { rd::rd_kafka_set_log_queue(rk.as_ptr(), events.as_ptr()) };
        Ok(Self {
            rk,
            events: Queue(events),
            mask: properties.mask().clone(),
            fence: Arc::clone(fence),
            refusals,
        })
    }

    /// Brokers on which librdkafka wanted to parse a classic group since the last call. Their connections were ended instead.
    pub(super) fn refused(&self) -> BTreeSet<i32> {
        self.refusals.take()
    }

    /// What happened since the last call, without waiting. Must be called often: token refresh runs in it.
    pub(super) fn notices(&self) -> Vec<Notice> {
        std::iter::from_fn(|| self.events.poll(Duration::ZERO))
            .filter_map(|event| event.notice(&self.mask))
            .collect()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: the last use of the handle. The client never joined a group, so there is nothing to leave.
        unsafe {
            rd::rd_kafka_destroy_flags(self.rk.as_ptr(), rd::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        };
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

// === impl Queue ===

impl Queue {
    /// The next event, or `None` when `timeout` has passed.
    fn poll(&self, timeout: Duration) -> Option<Event> {
        let timeout = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the queue is live as long as `self`.
        let event = unsafe { rd::rd_kafka_queue_poll(self.0.as_ptr(), timeout) };
        NonNull::new(event).map(Event)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: gives back the one reference this value holds.
        unsafe { rd::rd_kafka_queue_destroy(self.0.as_ptr()) };
    }
}

// === impl Event ===

impl Event {
    fn kind(&self) -> i32 {
        // SAFETY: the event is live as long as `self`.
        unsafe { rd::rd_kafka_event_type(self.0.as_ptr()) }
    }

    fn code(&self) -> Code {
        // SAFETY: the event is live as long as `self`.
        Code(unsafe { rd_kafka_event_error(self.0.as_ptr()) })
    }

    /// What it tells, if it is of the client itself.
    fn notice(&self, mask: &Mask) -> Option<Notice> {
        match self.kind() {
            rd::RD_KAFKA_EVENT_ERROR => {
                // SAFETY: the text lives as long as the event.
                let message = unsafe { rd::rd_kafka_event_error_string(self.0.as_ptr()) };
                Some(Notice::Error {
                    code: self.code(),
                    text: mask.hide(&text(message)),
                })
            }
            rd::RD_KAFKA_EVENT_LOG => {
                let (mut facility, mut line, mut level) = (std::ptr::null(), std::ptr::null(), 7);
                // SAFETY: the three places live through the call; the strings live as long as the event.
                unsafe {
                    rd::rd_kafka_event_log(
                        self.0.as_ptr(),
                        &raw mut facility,
                        &raw mut line,
                        &raw mut level,
                    )
                };
                Some(Notice::Log {
                    level,
                    facility: text(facility),
                    text: mask.hide(&text(line)),
                })
            }
            _ => None,
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the last use of the event.
        unsafe { rd::rd_kafka_event_destroy(self.0.as_ptr()) };
    }
}
