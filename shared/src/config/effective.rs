//! The configuration as it has effect, printed as a file that means the same.

use std::fmt;

use super::program::Program;
use super::tables::{Config, clusters, exporter};

/// The parts of a configuration that `program` uses, to be printed as TOML with secrets masked.
#[derive(Debug)]
pub struct Effective<'a> {
    config: &'a Config,
    program: Program,
}

// === impl Config ===

impl Config {
    /// Returns the configuration as `program` uses it, to be printed.
    pub const fn effective(&self, program: Program) -> Effective<'_> {
        Effective {
            config: self,
            program,
        }
    }
}

// === impl Effective ===

impl fmt::Display for Effective<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config {
            exporter,
            clusters: collected,
        } = self.config;
        exporter::write(f, exporter, self.program)?;
        collected
            .iter()
            .try_for_each(|cluster| clusters::write(f, cluster))
    }
}
