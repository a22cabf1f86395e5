//! The versions of Apache Kafka that tests are run with.

use std::fmt;

use anyhow::{Context as _, Result};

/// A version of Apache Kafka whose jars `tests/run` fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The last minor version before 4.0, and the last that supports `ZooKeeper`.
    V3_9,
    /// The version of tests that name no other, and of the command-line tools.
    V4_1,
    /// The newest version that is tested.
    V4_3,
}

// === impl Version ===

impl Version {
    /// The versions that tests know, oldest first.
    pub const ALL: [Self; 3] = [Self::V3_9, Self::V4_1, Self::V4_3];

    /// Returns the version for tests that name none: 4.1, unless the variable `KLAG_KAFKA_VERSION` has the number of another. A
    /// number that is not one of [`Version::ALL`] is an error.
    pub fn from_env() -> Result<Self> {
        let Ok(asked) = std::env::var("KLAG_KAFKA_VERSION") else {
            return Ok(Self::V4_1);
        };
        let all = Self::ALL.iter().find(|version| version.number() == asked);
        let known = || {
            format!(
                "KLAG_KAFKA_VERSION={asked} is none of {:?}",
                Self::ALL.map(Self::number)
            )
        };
        all.copied().with_context(known)
    }

    /// Returns the version's number as Maven knows it.
    pub const fn number(self) -> &'static str {
        match self {
            Self::V3_9 => "3.9.2",
            Self::V4_1 => "4.1.0",
            Self::V4_3 => "4.3.0",
        }
    }

    /// Returns the arguments of `kafka-storage format` that switch on share groups, which are off by default in 4.1.
    pub(super) const fn features(self) -> &'static [&'static str] {
        match self {
            Self::V3_9 => &[],
            Self::V4_1 | Self::V4_3 => &["--feature", "share.version=1"],
        }
    }

    /// Returns the lines of server.properties that switch on groups of KIP-848, which are off by default in 3.9.
    pub(super) const fn properties(self) -> &'static str {
        match self {
            Self::V3_9 => "group.coordinator.rebalance.protocols=classic,consumer\n",
            Self::V4_1 | Self::V4_3 => "",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}
