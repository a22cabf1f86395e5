//! The configuration file, in klag-exporter's format with a few more keys.
//!
//! One file serves both programs. Each program reads all of it, and resolves references to the environment only in the keys
//! that it uses itself. So the elector starts without the Kafka password, and the collector without the namespace of the Lease.
//! A key that a program does not use has its default, unless the file has a value without references.
//!
//! A file goes through these steps:
//!
//! 1. `file` reads the bytes, `document` parses them as TOML into a tree that knows its lines. References outside quotes, which
//!    are not TOML, are put into quotes before that (`unquoted_references`).
//! 2. Each file below `tables` reads one table of the tree with a `TableReader`, key by key: the reader finds the key, resolves
//!    its references (`environment`), and has the key's form convert the value (`forms`). A wrong value is noted and the default
//!    taken, so that reading goes on to the end and the user sees every problem at once, with its line and with what to write
//!    instead.
//! 3. [`parse`] returns the configuration where no problem was noted, else the problems (`problem`).
//!
//! Each key is one `static` in the file of its table: its name, form, default, meaning and user. The printed configuration
//! ([`Effective`]), the reference in the documents ([`reference()`]) and the test of the Helm chart's schema ([`json_schema`])
//! are made from these. To add a key, add the `static`, name it in the `TABLE` of the same file, and read and write it there.
//!
//! No message holds a secret: a value that came from the environment is never shown, and the values of librdkafka's properties
//! are printed only where they are known to be harmless (`properties`, [`Mask`]).
//!
//! There is no watching of the file for changes, and no second file; a change needs a restart.

mod brokers;
mod context;
mod credential_files;
mod document;
mod effective;
mod environment;
mod file;
mod filter;
mod form;
mod forms;
mod key;
mod mask;
mod oauth;
mod parsers;
mod problem;
mod program;
mod properties;
mod reference;
mod secret;
mod source_url;
mod spelling;
mod table_reader;
mod tables;
mod unquoted_references;

use std::path::Path;

pub use self::credential_files::CredentialFile;
pub use self::effective::Effective;
pub use self::environment::Environment;
pub use self::filter::Filter;
pub use self::mask::Mask;
pub use self::oauth::{Authorities, AwsRole, MskIam, OauthLogin, TokenEndpoint, TokenSource};
pub use self::problem::{ConfigError, ConfigProblem};
pub use self::program::Program;
pub use self::reference::{json_schema, reference};
pub use self::secret::Secret;
pub use self::source_url::SourceUrl;
pub use self::tables::Config;
pub use self::tables::clusters::{Cluster, IsolationLevel};
pub use self::tables::compatibility::{Compatibility, ExtraLabels};
pub use self::tables::exporter::{Exporter, Granularity};
pub use self::tables::leadership::{ConsumerRequirement, Election, ElectorServer, Leadership};
pub use self::tables::performance::Performance;
pub use self::tables::timestamp_sampling::{LostPartitions, TimeLagMode};

use self::context::{ReadContext, TableRef};

/// A usable configuration, and the warnings about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration as the program uses it.
    pub config: Config,
    /// Sentences to be logged, about values that are allowed and most likely not meant. The collector also names the keys that
    /// have no effect; the elector does not, so that the user reads of them once.
    pub warnings: Vec<String>,
}

/// Reads the file at `path`.
///
/// # Errors
/// Returns the problem if the file cannot be read, has more than 4 MiB or is no text; otherwise every problem of its content.
pub fn load(path: &Path, program: Program, env: &Environment) -> Result<Loaded, ConfigError> {
    let name = path.display().to_string();
    let text = file::read(path).map_err(|problem| ConfigError::new(&name, vec![problem]))?;
    parse(&text, &name, program, env)
}

/// Reads `text`, which messages call `file`.
///
/// # Errors
/// Returns every problem of the text.
pub fn parse(
    text: &str,
    file: &str,
    program: Program,
    env: &Environment,
) -> Result<Loaded, ConfigError> {
    let entries = document::parse(text).map_err(|problems| ConfigError::new(file, problems))?;
    let mut context = ReadContext::new(program, env, tables::ALL);
    let root = TableRef {
        path: String::new(),
        line: None,
        entries: &entries,
    };
    let config = tables::read(&mut context, &root);
    if !context.problems.is_empty() {
        return Err(ConfigError::new(file, context.problems));
    }
    let mut warnings = context.warnings;
    if !context.ignored_keys.is_empty() {
        let keys = context.ignored_keys.join(", ");
        warnings.push(format!(
            "these keys have no effect any more and can be removed: {keys}"
        ));
    }
    if program == Program::Elector {
        let Exporter {
            leadership,
            elector_server,
            ..
        } = &config.exporter;
        let warning = tables::leadership::open_listener_warning(leadership, elector_server);
        warnings = warning.into_iter().collect();
    }
    Ok(Loaded { config, warnings })
}
