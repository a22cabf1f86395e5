//! The outcome of a request to the API server.

use std::fmt::Display;

use k8s_openapi::api::coordination::v1::Lease;
use shared::text::sanitize;

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The API server answered with the Lease.
    Lease(Box<Lease>),
    /// The API server answered with an error, or the guard shows an error in place of its answer.
    Status {
        /// The HTTP status.
        code: u16,
        /// The part of the error that may be passed on.
        summary: StatusSummary,
    },
    /// No answer arrived in time.
    TimedOut,
    /// The request failed without an answer.
    Failed(RequestFailure),
}

/// The reason why a request failed, in words of this program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestFailure {
    /// A word of a closed set, for metrics.
    pub(crate) cause: &'static str,
    /// A sentence for people.
    pub(crate) text: String,
}

/// The part of an error answer that is passed on. It consists of words of closed sets, and of no text that the peer sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StatusSummary {
    /// The verb that the API server denies, if its answer names one.
    pub(crate) denied_verb: Option<&'static str>,
    /// The reason that the API server gives.
    pub(crate) message: &'static str,
}

// === impl RequestFailure ===

impl RequestFailure {
    /// A failure with this `cause` and `text`; a long text is cut.
    pub(crate) fn new(cause: &'static str, text: impl Display) -> Self {
        Self {
            cause,
            text: sanitize(&text.to_string()),
        }
    }
}
