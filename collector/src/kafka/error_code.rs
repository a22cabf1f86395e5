//! Error codes as plain numbers, their names, and the consequence of each for the collection.
//!
//! The Rust enum `rd_kafka_resp_err_t` of the bindings is never read: a broker may send a code that this version of librdkafka
//! does not name, and such a value in a Rust enum is undefined behaviour.

use super::likely_cause::is_tls_alert;
use crate::snapshot::Reason;

/// An error code of the Kafka protocol (positive) or of librdkafka itself (negative); 0 is no error.
///
/// Positive codes are named as in the protocol guide's error table. Negative ones are named as in `rdkafka.h`, with `LOCAL` for
/// the double underscore there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ErrorCode(pub(super) i32);

/// The next step after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The broker did not answer, so any further request to it would run into its timeout as well.
    GiveUpBroker,
    /// Another broker may be responsible by now: list the groups or read the metadata again, then retry.
    RefreshAndRetry,
    /// The broker refuses this request alone, and asking again would give the same answer.
    None,
}

// === impl ErrorCode ===

impl ErrorCode {
    pub(super) const LOCAL_BAD_MSG: Self = Self(-199);
    /// A batch became too large when it was decompressed, or could not be decompressed.
    pub(super) const LOCAL_BAD_COMPRESSION: Self = Self(-198);
    const LOCAL_DESTROY: Self = Self(-197);
    pub(super) const LOCAL_TRANSPORT: Self = Self(-195);
    const LOCAL_RESOLVE: Self = Self(-193);
    const LOCAL_MSG_TIMED_OUT: Self = Self(-192);
    pub(super) const LOCAL_PARTITION_EOF: Self = Self(-191);
    const LOCAL_UNKNOWN_PARTITION: Self = Self(-190);
    const LOCAL_UNKNOWN_TOPIC: Self = Self(-188);
    pub(super) const LOCAL_ALL_BROKERS_DOWN: Self = Self(-187);
    pub(super) const LOCAL_TIMED_OUT: Self = Self(-185);
    pub(super) const LOCAL_SSL: Self = Self(-181);
    const LOCAL_WAIT_COORD: Self = Self(-180);
    const LOCAL_AUTHENTICATION: Self = Self(-169);
    const LOCAL_TIMED_OUT_QUEUE: Self = Self(-166);
    pub(super) const LOCAL_UNSUPPORTED_FEATURE: Self = Self(-165);
    /// The answer lacks the groups of brokers that did not answer in time.
    pub(super) const LOCAL_PARTIAL: Self = Self(-158);
    const LOCAL_UNDERFLOW: Self = Self(-155);
    const LOCAL_UNKNOWN_BROKER: Self = Self(-146);
    pub(super) const LOCAL_AUTO_OFFSET_RESET: Self = Self(-140);
    const LOCAL_DESTROY_BROKER: Self = Self(-137);
    /// Kafka's `UNKNOWN_SERVER_ERROR`, with which a broker answers where its own code has failed.
    pub(super) const UNKNOWN: Self = Self(-1);
    pub(super) const NONE: Self = Self(0);
    const CORRUPT_MESSAGE: Self = Self(2);
    pub(super) const UNKNOWN_TOPIC_OR_PARTITION: Self = Self(3);
    pub(super) const LEADER_NOT_AVAILABLE: Self = Self(5);
    const NOT_LEADER_OR_FOLLOWER: Self = Self(6);
    const REQUEST_TIMED_OUT: Self = Self(7);
    const BROKER_NOT_AVAILABLE: Self = Self(8);
    const MESSAGE_TOO_LARGE: Self = Self(10);
    const NETWORK_EXCEPTION: Self = Self(13);
    const COORDINATOR_LOAD_IN_PROGRESS: Self = Self(14);
    const COORDINATOR_NOT_AVAILABLE: Self = Self(15);
    pub(super) const NOT_COORDINATOR: Self = Self(16);
    /// The request named a topic by a name that no topic can have.
    pub(super) const INVALID_TOPIC_EXCEPTION: Self = Self(17);
    pub(super) const TOPIC_AUTHORIZATION_FAILED: Self = Self(29);
    const GROUP_AUTHORIZATION_FAILED: Self = Self(30);
    const CLUSTER_AUTHORIZATION_FAILED: Self = Self(31);
    const UNSUPPORTED_SASL_MECHANISM: Self = Self(33);
    const ILLEGAL_SASL_STATE: Self = Self(34);
    pub(super) const KAFKA_STORAGE_ERROR: Self = Self(56);
    const SASL_AUTHENTICATION_FAILED: Self = Self(58);
    /// There is no group of this name, or its members speak another protocol than the one asked for.
    pub(super) const GROUP_ID_NOT_FOUND: Self = Self(69);
    const FENCED_LEADER_EPOCH: Self = Self(74);
    const UNKNOWN_LEADER_EPOCH: Self = Self(75);
    const UNSTABLE_OFFSET_COMMIT: Self = Self(88);

    /// Returns `Ok` for 0, which is no error, and every other code as the error.
    pub(super) fn check(self) -> Result<(), Self> {
        if self == Self::NONE {
            Ok(())
        } else {
            Err(self)
        }
    }

    /// Returns the reason under which this code is counted and logged.
    pub(super) const fn reason(self) -> Reason {
        match self {
            Self::LOCAL_TIMED_OUT
            | Self::LOCAL_TIMED_OUT_QUEUE
            | Self::LOCAL_MSG_TIMED_OUT
            | Self::LOCAL_PARTIAL
            | Self::REQUEST_TIMED_OUT => Reason::Timeout,
            Self::LOCAL_TRANSPORT
            | Self::LOCAL_ALL_BROKERS_DOWN
            | Self::LOCAL_DESTROY_BROKER
            | Self::LOCAL_DESTROY
            | Self::LOCAL_UNKNOWN_BROKER
            | Self::BROKER_NOT_AVAILABLE
            | Self::NETWORK_EXCEPTION => Reason::Transport,
            Self::LOCAL_AUTHENTICATION
            | Self::UNSUPPORTED_SASL_MECHANISM
            | Self::ILLEGAL_SASL_STATE
            | Self::SASL_AUTHENTICATION_FAILED => Reason::Authentication,
            Self::LOCAL_SSL => Reason::Tls,
            Self::LOCAL_RESOLVE => Reason::Resolve,
            Self::TOPIC_AUTHORIZATION_FAILED
            | Self::GROUP_AUTHORIZATION_FAILED
            | Self::CLUSTER_AUTHORIZATION_FAILED => Reason::Authorization,
            Self::COORDINATOR_LOAD_IN_PROGRESS => Reason::CoordinatorLoading,
            Self::COORDINATOR_NOT_AVAILABLE | Self::LOCAL_WAIT_COORD => {
                Reason::CoordinatorNotAvailable
            }
            Self::NOT_COORDINATOR => Reason::NotCoordinator,
            Self::LEADER_NOT_AVAILABLE => Reason::LeaderNotAvailable,
            Self::NOT_LEADER_OR_FOLLOWER => Reason::NotLeader,
            Self::FENCED_LEADER_EPOCH | Self::UNKNOWN_LEADER_EPOCH => Reason::LeaderEpoch,
            Self::UNKNOWN_TOPIC_OR_PARTITION
            | Self::LOCAL_UNKNOWN_PARTITION
            | Self::LOCAL_UNKNOWN_TOPIC => Reason::UnknownTopicOrPartition,
            Self::MESSAGE_TOO_LARGE | Self::LOCAL_BAD_COMPRESSION => Reason::RecordTooLarge,
            Self::GROUP_ID_NOT_FOUND => Reason::GroupNotFound,
            Self::KAFKA_STORAGE_ERROR => Reason::StorageError,
            Self::UNSTABLE_OFFSET_COMMIT => Reason::UnstableOffsetCommit,
            Self::LOCAL_BAD_MSG | Self::LOCAL_UNDERFLOW | Self::CORRUPT_MESSAGE => {
                Reason::BadAnswer
            }
            _ => Reason::Other,
        }
    }

    /// Returns the reason behind a connection's failure. librdkafka reports many kinds of such failures with one code, and tells
    /// them apart only in the `text` of the error.
    pub(super) fn reason_with_text(self, text: &str) -> Reason {
        match self.reason() {
            Reason::Transport | Reason::BadAnswer if is_tls_failure(text) => Reason::Tls,
            Reason::Transport if text.contains("timed out") || text.contains("Timed out") => {
                Reason::Timeout
            }
            reason => reason,
        }
    }

    /// Returns the next step after this error: give up the broker, refresh and retry, or neither.
    pub(super) const fn remedy(self) -> Remedy {
        match self.reason() {
            // A broker that answers `REQUEST_TIMED_OUT` says that another broker has not responded to it, so the answering broker
            // is not silent.
            Reason::Timeout if !matches!(self, Self::REQUEST_TIMED_OUT) => Remedy::GiveUpBroker,
            Reason::Transport | Reason::Authentication | Reason::Tls | Reason::Resolve => {
                Remedy::GiveUpBroker
            }
            Reason::CoordinatorLoading
            | Reason::CoordinatorNotAvailable
            | Reason::NotCoordinator
            | Reason::LeaderNotAvailable
            | Reason::NotLeader
            | Reason::LeaderEpoch
            | Reason::UnknownTopicOrPartition => Remedy::RefreshAndRetry,
            _ => Remedy::None,
        }
    }
}

/// Returns `true` if `text` says that a TLS connection could not be made, or that only one of the two sides speaks TLS.
fn is_tls_failure(text: &str) -> bool {
    // A listener without TLS closes the connection on a client that begins a TLS handshake.
    let hung_up = text.contains("Disconnected") && text.contains("in state SSL_HANDSHAKE");
    // A broker checks the client's certificate after the handshake, and reports its refusal by an alert.
    let alerted = text.contains("SSL routines") && text.contains("alert");
    text.contains("SSL handshake failed") || hung_up || alerted || is_tls_alert(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_connections_are_told_apart_by_the_text_of_the_error() {
        for (code, text, reason) in [
            (
                -195,
                "ssl://kafka:9092/bootstrap: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener? \
                 (after 3ms in state SSL_HANDSHAKE)",
                Reason::Tls,
            ),
            (
                -195,
                "ssl://kafka:9092/bootstrap: Disconnected: connection reset by peer (after 0ms in state SSL_HANDSHAKE)",
                Reason::Tls,
            ),
            (
                -195,
                "ssl://kafka:9092/bootstrap: Connection setup timed out in state SSL_HANDSHAKE (after 5000ms in state \
                 SSL_HANDSHAKE)",
                Reason::Timeout,
            ),
            (
                -199,
                "kafka:9093/bootstrap: Receive failed: Invalid response size 352518912 (0..100000000): increase \
                 receive.message.max.bytes (after 0ms in state APIVERSION_QUERY)",
                Reason::Tls,
            ),
            (
                -199,
                "kafka:80/bootstrap: Receive failed: Invalid response size 1213486160 (0..100000000): increase \
                 receive.message.max.bytes (after 0ms in state APIVERSION_QUERY)",
                Reason::BadAnswer,
            ),
            (
                -195,
                "kafka:9092/bootstrap: Connection setup timed out in state CONNECT (after 5000ms in state CONNECT)",
                Reason::Timeout,
            ),
            (
                -195,
                "kafka:9092/bootstrap: ApiVersionRequest failed: Local: Timed out: probably due to broker version < 0.10",
                Reason::Timeout,
            ),
            (
                -195,
                "kafka:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
                Reason::Transport,
            ),
            (
                -195,
                "ssl://kafka:9092/bootstrap: Receive failed: error:0A000412:SSL routines::ssl/tls alert bad certificate: SSL alert \
                 number 42 (after 0ms in state APIVERSION_QUERY)",
                Reason::Tls,
            ),
            (-181, "Failed to verify broker certificate", Reason::Tls),
            (-169, "SASL authentication error", Reason::Authentication),
        ] {
            assert_eq!(ErrorCode(code).reason_with_text(text), reason, "{text}");
        }
    }
}
