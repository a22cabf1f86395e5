//! The leadership contract: what a consumer asks and what a source of leadership answers.
//!
//! The consumer asks over and over, one request in flight, with [`Query`] as the query string of `GET /leader`; the answer is a
//! [`LeaderReport`]. Deliberately absent: clocks, HTTP, and any judgement. The source computes a report from its own deadline
//! while it writes the answer, and the consumer turns it into a deadline of its own, counted from the moment it sent the request.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a consumer tells about itself in the poll that is also its sign of life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// The consumer's identity. Only the source's own consumer, the one of the same identity, is granted anything.
    pub consumer: String,
    /// Drawn at random by each process of the consumer, so that a restart is seen.
    pub instance: String,
    /// Counts up with every request of one `instance`; a poll that is not above the last one is ignored.
    pub seq: u64,
    /// Whether this process could collect if it led. Kafka being unreachable is not ill health.
    pub healthy: bool,
    /// Whether this process is acting.
    pub gate: ReportedGate,
    /// How long the answer may be held back while nothing changes. Milliseconds.
    #[serde(default)]
    pub wait_ms: u64,
}

/// The consumer's gate, as it stands in a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportedGate {
    /// The consumer may be acting.
    Open,
    /// A promise: no request to Kafka will begin, its connections are closed, `/metrics` is empty.
    Closed,
}

/// The answer of a source of leadership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderReport {
    /// The asker may act now. True only together with a grant; see [`LeaderReport::grant`].
    pub is_leader: bool,
    /// Who answers.
    pub identity: String,
    /// The identity of the currently valid leader as far as known, empty if none is.
    pub name: String,
    /// The fencing number of the leadership; grows with every new one.
    pub term: u64,
    /// How long this answer may be used, counted by the asker from the moment it sent the request. Milliseconds; 0 without a
    /// grant.
    pub valid_for_ms: u64,
    /// What the source is doing.
    pub state: State,
    /// Why it is doing that.
    pub reason: Reason,
}

/// What a source of leadership is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing is known yet.
    Starting,
    /// No healthy consumer, so it does not campaign.
    Parked,
    /// Another pod leads.
    Standby,
    /// Trying to take the lease.
    Campaigning,
    /// Holds the lease.
    Leading,
    /// Giving the lease up; waits until nobody acts on its word any more.
    Draining,
    /// Holds the lease by name, but its own deadline has passed.
    Fenced,
    /// Something that a person has to mend keeps it from taking part.
    Blocked,
    /// There is no election: this pod always leads.
    SingleInstance,
}

/// Why a source of leadership is in its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The lease has not been read yet.
    Starting,
    /// The last own write succeeded.
    Renewed,
    /// Another pod holds the lease.
    NotHolder,
    /// The deadline passed without a successful own write.
    Expired,
    /// The Kubernetes API does not answer.
    ApiUnreachable,
    /// A right on the lease is missing.
    Forbidden,
    /// The lease is not there and may not be created.
    LeaseMissing,
    /// Another pod uses the same identity.
    DuplicateIdentity,
    /// The last grant ran out without a new poll of the consumer.
    ConsumerSilent,
    /// The consumer says that it could not collect.
    ConsumerUnhealthy,
    /// The consumer keeps its gate closed although it was granted leadership.
    ConsumerRefuses,
    /// The source was built without what the configuration asks for.
    FeatureMissing,
    /// The configuration asks for no election.
    Disabled,
    /// The source is ending.
    ShuttingDown,
}

// === impl LeaderReport ===

impl LeaderReport {
    /// How long the asker may act, counted from the moment it sent the request; `None` if it may not.
    pub fn grant(&self) -> Option<Duration> {
        (self.is_leader && self.valid_for_ms > 0).then(|| Duration::from_millis(self.valid_for_ms))
    }
}

// === impl State ===

impl State {
    /// The word on the wire, also the label `state` and the log field.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Parked => "parked",
            Self::Standby => "standby",
            Self::Campaigning => "campaigning",
            Self::Leading => "leading",
            Self::Draining => "draining",
            Self::Fenced => "fenced",
            Self::Blocked => "blocked",
            Self::SingleInstance => "single-instance",
        }
    }
}

// === impl Reason ===

impl Reason {
    /// The word on the wire, also the label `reason` and the log field.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Renewed => "renewed",
            Self::NotHolder => "not_holder",
            Self::Expired => "expired",
            Self::ApiUnreachable => "api_unreachable",
            Self::Forbidden => "forbidden",
            Self::LeaseMissing => "lease_missing",
            Self::DuplicateIdentity => "duplicate_identity",
            Self::ConsumerSilent => "consumer_silent",
            Self::ConsumerUnhealthy => "consumer_unhealthy",
            Self::ConsumerRefuses => "consumer_refuses",
            Self::FeatureMissing => "feature_missing",
            Self::Disabled => "disabled",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{"is_leader":true,"identity":"pod-a","name":"pod-a","term":4821377,"valid_for_ms":4870,"state":"leading","reason":"renewed"}"#;

    #[test]
    fn an_answer_reads_and_writes_the_same_text() {
        let report: LeaderReport = serde_json::from_str(ANSWER).unwrap();
        assert_eq!(report.grant(), Some(Duration::from_millis(4870)));
        assert_eq!(serde_json::to_string(&report).unwrap(), ANSWER);
    }

    #[test]
    fn a_yes_without_a_grant_grants_nothing() {
        let mut report: LeaderReport = serde_json::from_str(ANSWER).unwrap();
        report.valid_for_ms = 0;
        assert_eq!(report.grant(), None);
        report.valid_for_ms = 1;
        report.is_leader = false;
        assert_eq!(report.grant(), None);
    }

    #[test]
    fn an_incomplete_answer_or_a_word_outside_the_sets_is_an_error() {
        for (from, to) in [
            (r#""term":4821377,"#, ""),
            ("leading", "reigning"),
            ("renewed", "because"),
            ("4870", "-1"),
        ] {
            let answer = ANSWER.replace(from, to);
            assert!(
                serde_json::from_str::<LeaderReport>(&answer).is_err(),
                "{answer}"
            );
        }
    }

    #[test]
    fn labels_are_the_words_on_the_wire() {
        use Reason as R;
        for state in [
            State::Starting,
            State::Parked,
            State::Standby,
            State::Campaigning,
            State::Leading,
            State::Draining,
            State::Fenced,
            State::Blocked,
            State::SingleInstance,
        ] {
            assert_eq!(serde_json::to_value(state).unwrap(), state.label());
        }
        for reason in [
            R::Starting,
            R::Renewed,
            R::NotHolder,
            R::Expired,
            R::ApiUnreachable,
            R::Forbidden,
            R::LeaseMissing,
            R::DuplicateIdentity,
            R::ConsumerSilent,
            R::ConsumerUnhealthy,
            R::ConsumerRefuses,
            R::FeatureMissing,
            R::Disabled,
            R::ShuttingDown,
        ] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.label());
        }
    }
}
