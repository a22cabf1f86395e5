//! The configuration file: klag-exporter's, and a few keys of our own.
//!
//! One file serves both programs. It is read as a whole: every problem is told at once, with its
//! line and what to write instead, and no message holds a secret. Each program resolves
//! references to the environment only in its own keys, so that the elector starts without the
//! Kafka password and the collector without the namespace. Keys that a program does not use have
//! their default unless the file itself says otherwise.
//!
//! Not here: watching the file for changes, several files, and the command line.

mod brokers;
mod clusters;
mod document;
mod effective;
mod environment;
mod exporter;
mod file;
mod filter;
mod keys;
mod mask;
mod model;
mod problem;
mod properties;
mod reference;
mod section;
mod spelling;
mod unquoted;
mod values;
mod walk;

use std::path::Path;

pub use self::effective::Effective;
pub use self::environment::Environment;
pub use self::filter::Filter;
pub use self::mask::Mask;
pub use self::model::{
    Cluster, Compatibility, Config, ConsumerRequirement, Election, ElectorServer, Exporter,
    ExtraLabels, Granularity, IsolationLevel, Leadership, LostPartitions, Performance, Secret,
    SourceUrl, TimeLagMode,
};
pub use self::problem::{ConfigError, Problem};
pub use self::reference::reference;
use self::walk::{Place, Walk};

/// Who reads the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Reads Kafka and serves Prometheus.
    Collector,
    /// Holds the Lease.
    Elector,
}

/// A usable configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration, defaults in place.
    pub config: Config,
    /// What the user should know, one sentence each, to be logged. Each program tells of its own keys; one is enough to tell of
    /// those without effect, and that is the collector.
    pub warnings: Vec<String>,
}

/// Reads the file at `path`.
///
/// # Errors
/// The file cannot be read, has more than 4 MiB or is no text, or everything that is wrong with it.
pub fn load(path: &Path, program: Program, env: &Environment) -> Result<Loaded, ConfigError> {
    let name = path.display().to_string();
    let text = file::read(path).map_err(|problem| ConfigError::new(&name, vec![problem]))?;
    parse(&text, &name, program, env)
}

/// Reads `text`; messages call it `file`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(
    text: &str,
    file: &str,
    program: Program,
    env: &Environment,
) -> Result<Loaded, ConfigError> {
    let entries = document::parse(text).map_err(|problems| ConfigError::new(file, problems))?;
    let mut walk = Walk::new(program, env);
    let root = Place {
        path: String::new(),
        line: None,
        entries: &entries,
    };
    walk.section("", root.clone());
    let exporter = exporter::read(&mut walk, &root);
    let clusters = clusters::read(&mut walk, &root);
    if !walk.problems.is_empty() {
        return Err(ConfigError::new(file, walk.problems));
    }
    if !walk.idle.is_empty() {
        let keys = walk.idle.join(", ");
        let warning = format!("these keys have no effect any more and can be removed: {keys}");
        walk.warnings.push(warning);
    }
    let config = Config { exporter, clusters };
    let warnings = match program {
        Program::Collector => walk.warnings,
        Program::Elector => exporter::open_listener_warning(&config.exporter)
            .into_iter()
            .collect(),
    };
    Ok(Loaded { config, warnings })
}
