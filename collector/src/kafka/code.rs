//! Error codes as plain numbers.
//!
//! The Rust enum `rd_kafka_resp_err_t` of the bindings is never read: a broker may send a code that this version of librdkafka
//! does not name, and such a value in a Rust enum is undefined behaviour.

use super::cause::is_tls_alert;
use crate::snapshot::Reason;

/// An error code of the Kafka protocol (positive) or of librdkafka itself (negative); 0 is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Code(pub(super) i32);

/// What an error says about where to ask next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The broker itself did not answer: more questions to it would wait in vain.
    GiveUpBroker,
    /// Another broker may know: list groups or read the metadata again, then retry.
    AskAgain,
    /// The question alone is refused.
    None,
}

// === impl Code ===

impl Code {
    pub(super) const PARTITION_EOF: Self = Self(-191);
    pub(super) const ALL_BROKERS_DOWN: Self = Self(-187);
    pub(super) const TRANSPORT: Self = Self(-195);
    /// Brokers that are late are missing from the answer.
    pub(super) const PARTIAL: Self = Self(-158);
    /// No such group, or none of that protocol.
    pub(super) const GROUP_ID_NOT_FOUND: Self = Self(69);
    pub(super) const SSL: Self = Self(-181);
    pub(super) const TIMED_OUT: Self = Self(-185);
    pub(super) const AUTO_OFFSET_RESET: Self = Self(-140);
    pub(super) const BAD_MESSAGE: Self = Self(-199);
    pub(super) const UNSUPPORTED_FEATURE: Self = Self(-165);
    /// What an offset below 0 without an error means.
    pub(super) const NO_LEADER: Self = Self(5);

    /// `Ok` for no error.
    pub(super) fn check(self) -> Result<(), Self> {
        if self.0 == 0 { Ok(()) } else { Err(self) }
    }

    /// The reason this code is counted under. Codes: `rdkafka.h` and the protocol guide's error table.
    pub(super) const fn reason(self) -> Reason {
        match self.0 {
            -185 | -166 | -192 | -158 | 7 => Reason::Timeout,
            -195 | -187 | -137 | -197 | -146 | 8 | 13 => Reason::Transport,
            -169 | 33 | 34 | 58 => Reason::Authentication,
            -181 => Reason::Tls,
            -193 => Reason::Resolve,
            29..=31 => Reason::Authorization,
            14 => Reason::CoordinatorLoading,
            15 | -180 => Reason::CoordinatorNotAvailable,
            16 => Reason::NotCoordinator,
            5 => Reason::LeaderNotAvailable,
            6 => Reason::NotLeader,
            74 | 75 => Reason::LeaderEpoch,
            3 | -190 | -188 => Reason::UnknownTopicOrPartition,
            10 => Reason::RecordTooLarge,
            69 => Reason::GroupNotFound,
            56 => Reason::StorageError,
            88 => Reason::UnstableOffsetCommit,
            -199 | -198 | -155 | 2 => Reason::BadAnswer,
            _ => Reason::Other,
        }
    }

    /// The reason, where librdkafka calls by one code what it tells apart in its `text`: connections that fail.
    pub(super) fn explained(self, text: &str) -> Reason {
        match self.reason() {
            Reason::Transport | Reason::BadAnswer if is_of_tls(text) => Reason::Tls,
            Reason::Transport if text.contains("timed out") || text.contains("Timed out") => {
                Reason::Timeout
            }
            reason => reason,
        }
    }

    /// Where to ask next.
    pub(super) const fn remedy(self) -> Remedy {
        match self.reason() {
            // Error 7 is an answer: the broker is there and waited for others in vain.
            Reason::Timeout if self.0 != 7 => Remedy::GiveUpBroker,
            Reason::Transport | Reason::Authentication | Reason::Tls | Reason::Resolve => {
                Remedy::GiveUpBroker
            }
            Reason::CoordinatorLoading
            | Reason::CoordinatorNotAvailable
            | Reason::NotCoordinator
            | Reason::LeaderNotAvailable
            | Reason::NotLeader
            | Reason::LeaderEpoch
            | Reason::UnknownTopicOrPartition => Remedy::AskAgain,
            _ => Remedy::None,
        }
    }
}

/// Whether a TLS connection could not be made, or one side speaks TLS and the other does not.
fn is_of_tls(text: &str) -> bool {
    // A listener without TLS hangs up on what it is greeted with.
    let hung_up = text.contains("Disconnected") && text.contains("in state SSL_HANDSHAKE");
    // A client's certificate is judged after the handshake.
    let alerted = text.contains("SSL routines") && text.contains("alert");
    text.contains("SSL handshake failed") || hung_up || alerted || is_tls_alert(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_fail_are_told_apart_by_librdkafkas_words() {
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
            assert_eq!(Code(code).explained(text), reason, "{text}");
        }
    }
}
