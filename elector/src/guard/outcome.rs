//! The outcome of a request to the API server.

use std::fmt::Display;

use k8s_openapi::api::coordination::v1::Lease;
use shared::text::sanitize;

/// The outcome of one request about the Lease: as the API server gave it, or as the guard shows it to kube-lease-manager.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The API server answered with the Lease.
    Lease(Box<Lease>),
    /// The API server answered with an error, or the guard shows an error in place of its answer.
    Status {
        /// The HTTP status of the error.
        code: u16,
        /// The part of the error answer that may be passed on.
        summary: StatusSummary,
    },
    /// No answer arrived before the deadline of the request.
    TimedOut,
    /// The request failed without an answer, for example because the connection broke.
    Failed(RequestFailure),
}

/// The reason why a request failed, in words of this program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFailure {
    /// The cause of the failure, a word of a closed set for metrics.
    pub cause: &'static str,
    /// The failure in a sentence for people.
    pub text: String,
}

/// The part of an error answer that is passed on. The summary consists of words of closed sets, and of no text that the peer
/// sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusSummary {
    /// The verb that the API server denies, if its answer names one.
    pub denied_verb: Option<&'static str>,
    /// The reason that the API server gives, or a text of this program where the reason is not known.
    pub message: &'static str,
}

// === impl RequestFailure ===

impl RequestFailure {
    /// Returns a failure with this `cause`, and with `text` shortened and put on one line.
    pub fn new(cause: &'static str, text: impl Display) -> Self {
        Self {
            cause,
            text: sanitize(&text.to_string()),
        }
    }
}
