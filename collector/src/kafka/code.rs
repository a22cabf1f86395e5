//! Error codes as plain numbers.
//!
//! The Rust enum `rd_kafka_resp_err_t` of the bindings is never read: a broker may send a code that this version of librdkafka
//! does not name, and such a value in a Rust enum is undefined behaviour.

use crate::snapshot::Reason;

/// An error code of the Kafka protocol (positive) or of librdkafka itself (negative); 0 is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    pub(super) const TIMED_OUT: Self = Self(-185);
    pub(super) const AUTO_OFFSET_RESET: Self = Self(-140);
    pub(super) const BAD_MESSAGE: Self = Self(-199);
    /// What an offset below 0 without an error means.
    pub(super) const NO_LEADER: Self = Self(5);

    /// `Ok` for no error.
    pub(super) fn check(self) -> Result<(), Self> {
        if self.0 == 0 { Ok(()) } else { Err(self) }
    }

    /// The reason this code is counted under. Codes: `rdkafka.h` and the protocol guide's error table.
    pub(super) const fn reason(self) -> Reason {
        match self.0 {
            -185 | -166 | -192 | 7 => Reason::Timeout,
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
            69 => Reason::GroupNotFound,
            56 => Reason::StorageError,
            88 => Reason::UnstableOffsetCommit,
            -199 | -198 | -155 | 2 => Reason::BadAnswer,
            _ => Reason::Other,
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
