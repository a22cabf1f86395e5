//! The leadership contract: what a consumer of leadership asks, and what a source of leadership answers.
//!
//! The consumer is the collector of a pod, which must not collect while another pod's collector does. The source is the elector of the
//! same pod, or another program that takes its place. The consumer sends `GET /leader` with a [`Query`] as the query string, one
//! request at a time; the source answers with a [`LeaderReport`] as JSON. There is no other message: a request is also the consumer's
//! sign of life, and an answer is also the permission to act.
//!
//! # Grants
//!
//! An answer with `is_leader: true` and `valid_for_ms` above zero is a *grant*. The consumer may act on it for that time, counted from
//! the moment at which it **sent the request**, on its own monotonic clock. The source counts the same time from the later moment at
//! which it wrote the answer, so the consumer stops before the source considers the grant to be over, however long the answer
//! travelled and though the two clocks are never compared. A new grant replaces the deadline of the one before. Where no new grant
//! comes, because the source answers no, is silent or is gone, the consumer stops at its deadline without being told. An answer that
//! is definite (status 200) and no grant stops it at once; an answer with status 503 says that the source cannot know at the moment,
//! and neither extends nor ends a grant.
//!
//! The source must not give leadership away before every grant is over. It is allowed to do so earlier where the consumer has sent a
//! request with `gate=closed` after its last grant: that is the consumer's promise that no request to Kafka will begin before it is
//! granted leadership again.
//!
//! # Fields
//!
//! Times are whole milliseconds, rounded down. `seq` grows with every request of one `instance`; the source ignores a request whose
//! number is not above the last one of that instance, so that a request which arrives late changes nothing. `instance` is drawn
//! at random by each process, so that the source notices a restart and does not take the promise of one process for that of
//! another. With `wait_ms` the consumer asks the source to hold the answer until it differs from the last one, at most for that time;
//! the source may hold it for less. So a change arrives at once, and a consumer need not ask often.
//!
//! `term` is the fencing number of the leadership. It grows with each change of the holder, and every renewal of the same leadership
//! has the same number. `name` is the leader that the source knows of, whoever that is. `state` and `reason` describe the source for
//! people, metrics and logs; a consumer takes its decision from [`LeaderReport::grant`].
//!
//! # Conclusions
//!
//! A consumer with a grant may conclude that no other consumer under the same Lease has one at the same time, as long as clocks run at
//! about the same rate. A source that hears nothing from its consumer may conclude, once the last grant is over, that the consumer
//! does not act. A consumer must not conclude anything from `name` or `state`, and a source must not conclude from an answer that it
//! was read.
//!
//! # Not promised
//!
//! The contract does not promise that somebody leads, nor that a request which the consumer has already sent to Kafka has come to an
//! end when the grant does. It has no authentication: whoever can reach the source under the consumer's name is granted leadership,
//! which is why the source listens on loopback.
//!
//! This module has types only, without clocks and HTTP. The elector's `leadership` decides on grants, and the collector's `leadership`
//! turns answers into deadlines.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The query string of a request: what the consumer says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// The identity of the consumer. A source grants leadership only to the consumer that has its own identity.
    pub consumer: String,
    /// A random word that each process of the consumer draws at its start.
    pub instance: String,
    /// The number of the request, which grows with every request of one `instance`. A request with a number not above the last
    /// is ignored.
    pub seq: u64,
    /// True where this process could collect if it led. A Kafka cluster that does not answer is no reason to be unhealthy.
    pub healthy: bool,
    /// The consumer's gate: closed means that this process does not act.
    pub gate: ReportedGate,
    /// The time for which the source may hold the answer while nothing changes, in milliseconds. The default is 0.
    #[serde(default)]
    pub wait_ms: u64,
}

/// The consumer's gate, as a request reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportedGate {
    /// The consumer may be acting.
    Open,
    /// The consumer promises not to act before its next grant: no request to Kafka will begin, its connections are closed, and
    /// `/metrics` is empty.
    Closed,
}

/// The answer of a source of leadership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderReport {
    /// True if the consumer leads. The consumer may act only if `valid_for_ms` is above zero too; see [`LeaderReport::grant`].
    pub is_leader: bool,
    /// The identity of the source that answers, which is also its consumer's.
    pub identity: String,
    /// The identity of the present leader as far as the source knows, empty where it knows of none.
    pub name: String,
    /// The fencing number of the leadership, which grows with every new one.
    pub term: u64,
    /// The time for which this answer may be used, in milliseconds from the moment at which the request was sent; 0 without a grant.
    pub valid_for_ms: u64,
    /// The state of the source, for people, metrics and logs.
    pub state: State,
    /// The cause of `state`, for people, metrics and logs.
    pub reason: StateReason,
}

/// The state of a source of leadership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The source does not know yet who holds the lease.
    Starting,
    /// The source does not campaign, since it has no healthy consumer.
    Parked,
    /// Another pod leads, and this pod stands by.
    Standby,
    /// The source is trying to take the lease.
    Campaigning,
    /// The source holds the lease, and may grant leadership.
    Leading,
    /// The source is giving the lease up, and waits until every grant is over.
    Draining,
    /// The source's claim on the lease ran out at its deadline, and no other holder has been seen since.
    LeaseExpired,
    /// The source cannot take part until a person has corrected something.
    Blocked,
    /// There is no election: this pod always leads.
    SingleInstance,
}

/// The cause of a source's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateReason {
    /// The lease has not been read yet.
    Starting,
    /// The source's last write to the lease succeeded.
    Renewed,
    /// The source does not hold the lease: another pod holds it, or nobody does.
    NotHolder,
    /// The deadline passed without a successful write of the source.
    Expired,
    /// The Kubernetes API does not answer, or answers with errors.
    ApiUnreachable,
    /// The source lacks a right on the lease, or the API server does not accept its credentials.
    Forbidden,
    /// The lease does not exist and cannot be created, because the right or the namespace is missing.
    LeaseMissing,
    /// Another pod uses the same identity.
    DuplicateIdentity,
    /// The consumer has sent no request yet, or none for longer than a grant lasts.
    ConsumerSilent,
    /// The consumer reports that it could not collect.
    ConsumerUnhealthy,
    /// The consumer keeps its gate closed although it was granted leadership.
    ConsumerRefuses,
    /// The source was built without a feature that the configuration asks for.
    FeatureMissing,
    /// The configuration asks for no election, so this pod always leads.
    Disabled,
    /// The source is ending and grants nothing any more.
    ShuttingDown,
}

// === impl LeaderReport ===

impl LeaderReport {
    /// Returns the time for which the consumer may act, counted from the moment at which it sent the request; `None` where the
    /// consumer may not act.
    pub fn grant(&self) -> Option<Duration> {
        (self.is_leader && self.valid_for_ms > 0).then(|| Duration::from_millis(self.valid_for_ms))
    }
}

// === impl State ===

impl State {
    /// Returns the word for the state in the JSON, in the label `state` and in log fields.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Parked => "parked",
            Self::Standby => "standby",
            Self::Campaigning => "campaigning",
            Self::Leading => "leading",
            Self::Draining => "draining",
            Self::LeaseExpired => "lease-expired",
            Self::Blocked => "blocked",
            Self::SingleInstance => "single-instance",
        }
    }
}

// === impl StateReason ===

impl StateReason {
    /// Returns the word for the reason in the JSON, in the label `reason` and in log fields.
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
    fn an_answer_is_parsed_and_written_as_the_same_text() {
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
    fn an_incomplete_answer_or_an_unknown_word_is_an_error() {
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
    fn labels_are_the_words_in_the_json() {
        use StateReason as R;
        for state in [
            State::Starting,
            State::Parked,
            State::Standby,
            State::Campaigning,
            State::Leading,
            State::Draining,
            State::LeaseExpired,
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
