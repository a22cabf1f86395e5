//! Queues of librdkafka and the events that come to them.

use std::ffi::c_int;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as rd;
use shared::config::Mask;

use super::{rd_kafka_event_error, text};
use crate::kafka::error_code::ErrorCode;

/// A queue of librdkafka. This value holds one reference to the queue.
pub(super) struct Queue(pub(super) NonNull<rd::rd_kafka_queue_t>);

/// An event taken from a queue.
pub(super) struct QueueEvent(pub(super) NonNull<rd::rd_kafka_event_t>);

/// A message of a client about itself, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum ClientNotice {
    /// The error of a connection, or another error that belongs to no request.
    Error { code: ErrorCode, text: String },
    /// A line of librdkafka's log, with syslog's level and a name of the kind of event.
    Log {
        level: i32,
        facility: String,
        text: String,
    },
}

// === impl Queue ===

impl Queue {
    /// Returns the next event, or `None` when `timeout` has passed.
    pub(super) fn poll(&self, timeout: Duration) -> Option<QueueEvent> {
        let timeout = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the queue is live as long as `self`.
        let event = unsafe { rd::rd_kafka_queue_poll(self.0.as_ptr(), timeout) };
        NonNull::new(event).map(QueueEvent)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: gives back the one reference this value holds.
        unsafe { rd::rd_kafka_queue_destroy(self.0.as_ptr()) };
    }
}

// === impl QueueEvent ===

impl QueueEvent {
    /// Returns the type of the event, one of the `RD_KAFKA_EVENT_` numbers.
    pub(super) fn kind(&self) -> i32 {
        // SAFETY: the event is live as long as `self`.
        unsafe { rd::rd_kafka_event_type(self.0.as_ptr()) }
    }

    /// Returns the error that the event carries; 0 if there is none.
    pub(super) fn code(&self) -> ErrorCode {
        // SAFETY: the event is live as long as `self`.
        ErrorCode(unsafe { rd_kafka_event_error(self.0.as_ptr()) })
    }

    /// Returns the notice in this event; `None` for events that are not about the client itself.
    pub(super) fn notice(&self, mask: &Mask) -> Option<ClientNotice> {
        match self.kind() {
            rd::RD_KAFKA_EVENT_ERROR => {
                // SAFETY: the text lives as long as the event.
                let message = unsafe { rd::rd_kafka_event_error_string(self.0.as_ptr()) };
                Some(ClientNotice::Error {
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
                Some(ClientNotice::Log {
                    level,
                    facility: text(facility),
                    text: mask.hide(&text(line)),
                })
            }
            _ => None,
        }
    }
}

impl Drop for QueueEvent {
    fn drop(&mut self) {
        // SAFETY: the last use of the event.
        unsafe { rd::rd_kafka_event_destroy(self.0.as_ptr()) };
    }
}
