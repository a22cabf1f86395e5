//! The guard: judges every request that kube-lease-manager makes about the Lease, and every answer before it is shown.
//!
//! kube-lease-manager takes a Lease for its own by what it last read, compares wall clocks, and sends patches without a
//! precondition. The guard makes that safe without changing it:
//!
//! - every PATCH carries the resourceVersion of the last answer shown, so it changes what was seen or nothing;
//! - a Lease is taken only when nobody else can be acting, by what was seen here, on the monotonic clock ([`observation`]);
//! - the claim is what an own successful write gives, from before it was sent ([`tenancy`]); nothing read ever extends it;
//! - answers are rewritten to what is believed ([`translate`]).
//!
//! Deliberately absent: I/O, clocks, and the protocol itself. A [`Moment`] is an argument everywhere.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

pub(crate) mod ask;
pub(crate) mod observation;
pub(crate) mod patience;
pub(crate) mod record;
pub(crate) mod tenancy;
pub(crate) mod translate;
pub(crate) mod troubles;

mod answers;
mod outlook;
#[cfg(test)]
mod tests;

use ask::{Ask, Write};
use observation::{Observation, Stand};
use patience::Patience;
use record::Candidate;
use tenancy::{Stamp, Tenancy};
use troubles::{Failure, Said, Troubles};

pub(crate) use outlook::{Hold, Outlook};

/// How long an answer may be shown again.
const FRESH: Duration = Duration::from_millis(100);

/// Now, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The monotonic clock.
    pub(crate) now: Instant,
    /// The wall clock of this machine, which may be wrong and may be set.
    pub(crate) wall: Timestamp,
}

/// What is known and claimed of one Lease.
#[derive(Debug)]
pub(crate) struct Guard {
    candidate: Candidate,
    observation: Observation,
    tenancy: Option<Tenancy>,
    /// Until when this process may retake a Lease whose holder vanished, because that was itself.
    incumbent: Option<Instant>,
    /// The resourceVersion of the last answer shown.
    version: Option<u64>,
    /// The last answer shown, as it came, and when.
    fresh: Option<(Instant, Box<Lease>)>,
    hold: Hold,
    in_flight: Option<Ask>,
    patience: Patience,
    troubles: Troubles,
    /// Counts what makes the view of kube-lease-manager too old to go on with.
    turn: u64,
    shut: bool,
}

/// A request that may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// What it is.
    pub(crate) ask: Ask,
    /// When, and with what renew time.
    pub(crate) stamp: Stamp,
    /// The version that it is conditional on.
    version: Option<u64>,
}

/// Why a request is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The state that it builds on is not known.
    NoVersion,
    /// The record is not this instance's to change.
    NotOurs,
    /// Somebody else may be acting.
    Occupied,
    /// kube-lease-manager is not known to send it.
    Unknown,
}

/// What a request came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// The Lease.
    Lease(Box<Lease>),
    /// An error of the API server, or one that is shown in its place.
    Status {
        /// HTTP status.
        code: u16,
        /// What may be told of it.
        said: Said,
    },
    /// No answer in time.
    TimedOut,
    /// No answer.
    Failed(Failure),
}

// === impl Refusal ===

impl Refusal {
    /// What kube-lease-manager is told.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::NoVersion => "the version of the lease is not known",
            Self::NotOurs => "the lease is not held by this instance",
            Self::Occupied => "somebody else may still be acting",
            Self::Unknown => "nothing is known of such a request",
        }
    }
}

// === impl Guard ===

impl Guard {
    /// A guard that has seen nothing.
    pub(crate) fn new(candidate: Candidate) -> Self {
        Self {
            observation: Observation::new(candidate.clone()),
            patience: Patience::new(candidate.lease_duration, candidate.grace_period),
            candidate,
            tenancy: None,
            incumbent: None,
            version: None,
            fresh: None,
            hold: Hold::Nothing,
            in_flight: None,
            troubles: Troubles::default(),
            turn: 0,
            shut: true,
        }
    }

    /// Judges a request that is about to be sent, and seals its body.
    ///
    /// # Errors
    /// Why it must not be sent. kube-lease-manager is to be told of a conflict, and to be built anew.
    pub(crate) fn admit(
        &mut self,
        ask: Ask,
        body: &mut serde_json::Value,
        at: Moment,
    ) -> Result<Sent, Refusal> {
        self.look(at.now);
        let renew_time = ask::renew_time(body);
        if let Err(refusal) = self.seal(ask, body, at.now) {
            self.start_over();
            return Err(refusal);
        }
        self.in_flight = Some(ask);
        if ask == Ask::Write(Write::Release) {
            self.withdraw();
        }
        let stamp = Stamp {
            sent: at,
            renew_time,
        };
        Ok(Sent {
            ask,
            stamp,
            version: self.version,
        })
    }

    /// The answer to a GET that need not be sent: kube-lease-manager reads again what it has just been shown, or written.
    /// To it this is an answer that was a little late, and its next write is conditional all the same.
    pub(crate) fn recall(&self, ask: Ask, at: Moment) -> Option<Reply> {
        let (arrived, lease) = self.fresh.as_ref()?;
        let known = self.version.is_some() && self.version == self.observation.version();
        let fresh = at.now.duration_since(*arrived) < FRESH;
        (ask == Ask::Read && known && fresh)
            .then(|| Reply::Lease(self.translated(lease.clone(), at)))
    }

    fn seal(&self, ask: Ask, body: &mut serde_json::Value, now: Instant) -> Result<(), Refusal> {
        let write = match ask {
            Ask::Read | Ask::Create => return Ok(()),
            Ask::Other => return Err(Refusal::Unknown),
            Ask::Write(write) => write,
        };
        let version = self.version.ok_or(Refusal::NoVersion)?;
        match write {
            Write::Acquire if self.is_shut(now) => return Err(Refusal::Occupied),
            Write::Acquire => {}
            Write::Renew | Write::Release | Write::Transitions => {
                if self.observation.stand() != Stand::Ours {
                    return Err(Refusal::NotOurs);
                }
            }
        }
        write.seal(body, version, &self.candidate);
        Ok(())
    }

    /// What kube-lease-manager knows is of no use any more.
    fn start_over(&mut self) {
        self.version = None;
        self.turn += 1;
    }

    /// The claim ends, though the record may stay.
    fn withdraw(&mut self) {
        self.tenancy = None;
        self.incumbent = None;
    }
}
