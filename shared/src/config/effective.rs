//! The configuration as it has effect, printed as a file that means the same.

use std::fmt;

use super::Config;
use super::program::Program;
use super::tables::{clusters, exporter, leadership};

/// Prints what `program` uses of a configuration, as TOML, with secrets masked.
#[derive(Debug)]
pub struct Effective<'a> {
    pub(super) config: &'a Config,
    pub(super) program: Program,
}

impl fmt::Display for Effective<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config {
            exporter,
            clusters: collected,
        } = self.config;
        if self.program == Program::Collector {
            exporter::write(f, exporter)?;
        }
        leadership::write(f, exporter, self.program)?;
        collected
            .iter()
            .try_for_each(|cluster| clusters::write(f, cluster))
    }
}
