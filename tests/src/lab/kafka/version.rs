//! The versions of Apache Kafka that tests are run with.

use std::fmt;

use anyhow::{Context as _, Result};

/// One of them; `tests/run` fetches them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The last one that can still be migrated to from `ZooKeeper`.
    V3_9,
    /// The version that every test starts that does not name another.
    V4_1,
    /// The newest.
    V4_3,
}

// === impl Version ===

impl Version {
    /// Oldest first.
    pub const ALL: [Self; 3] = [Self::V3_9, Self::V4_1, Self::V4_3];

    /// 4.1, unless `KLAG_KAFKA_VERSION` names another one of [`Version::ALL`] by its number.
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

    /// The number it is known by in Maven.
    pub const fn number(self) -> &'static str {
        match self {
            Self::V3_9 => "3.9.2",
            Self::V4_1 => "4.1.0",
            Self::V4_3 => "4.3.0",
        }
    }

    /// The arguments of `kafka-storage format` for share groups, which 4.1 has but does not switch on.
    pub(super) const fn features(self) -> &'static [&'static str] {
        match self {
            Self::V3_9 => &[],
            Self::V4_1 | Self::V4_3 => &["--feature", "share.version=1"],
        }
    }

    /// The lines of server.properties for groups of the protocol of KIP-848, which 3.9 has but does not switch on.
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
