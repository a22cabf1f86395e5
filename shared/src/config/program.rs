//! The two programs that read the file, and which of them uses a key.

use std::fmt;

/// A program that reads the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The collector, which reads Kafka and serves Prometheus.
    Collector,
    /// The elector, which holds the Lease.
    Elector,
}

/// The programs in which a key has an effect. A program resolves references to the environment only in the keys that it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsedBy {
    Both,
    Collector,
    Elector,
    /// The key is accepted, since klag-exporter's files have it, and has no effect.
    Nobody,
}

// === impl UsedBy ===

impl UsedBy {
    /// Returns true where `program` uses the key.
    pub(super) fn includes(self, program: Program) -> bool {
        match self {
            Self::Both => true,
            Self::Collector => program == Program::Collector,
            Self::Elector => program == Program::Elector,
            Self::Nobody => false,
        }
    }
}

impl fmt::Display for UsedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Both => "both",
            Self::Collector => "collector",
            Self::Elector => "elector",
            Self::Nobody => "neither",
        })
    }
}
