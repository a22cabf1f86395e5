//! The command line. No other part of the program reads single environment variables.

use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::Parser;
use shared::telemetry::{DEFAULT_FILTER, LogFormat};

use crate::telemetry::{REVISION, VERSION};

static VERSION_LINE: LazyLock<String> = LazyLock::new(|| format!("{VERSION} ({REVISION})"));

/// Says on loopback whether this pod may act, and for how long.
///
/// The elector holds a Kubernetes Lease for its pod and answers GET /leader. It reads [exporter.leadership] of
/// the configuration file that it shares with the collector, and resolves ${VAR} there only.
///
/// Exit status: 0 after a signal or a successful --check, 64 for a wrong configuration or command line, 70 for a bug.
#[derive(Debug, Parser)]
#[command(name = "elector", version = VERSION_LINE.as_str())]
pub struct Args {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", default_value = "config.toml")]
    pub config: PathBuf,

    /// Checks the file, prints what has effect, and exits
    #[arg(long)]
    pub check: bool,

    /// Tells this pod from another of the same identity: metadata.uid by the downward API; drawn at random if not given
    #[arg(long, env = "POD_UID", value_name = "WORD")]
    instance: Option<String>,

    /// The identity in answers where the file asks for no election
    #[arg(
        long,
        env = "HOSTNAME",
        value_name = "NAME",
        default_value = "",
        hide = true
    )]
    pub hostname: String,

    /// The log filter: a level, or a list such as info,kube=debug
    #[arg(
        short,
        long,
        visible_alias = "log-level",
        env = "RUST_LOG",
        value_name = "FILTER",
        default_value = DEFAULT_FILTER
    )]
    pub log: String,

    /// The log format: human or json
    #[arg(long, value_name = "FORMAT", default_value_t)]
    pub log_format: LogFormat,
}

// === impl Args ===

impl Args {
    /// Returns the word that tells this pod from another of the same identity: `--instance` or `POD_UID`, or a new random word
    /// at each call if neither is given.
    pub fn instance(&self) -> String {
        let given = self.instance.as_ref().filter(|word| !word.is_empty());
        given.cloned().unwrap_or_else(random_word)
    }
}

/// Returns a random word of 32 hexadecimal digits. The word keeps two pods of one identity apart, so it is drawn from the seeds
/// that the operating system gives the standard library. The crate `fastrand` would seed itself from the clock.
fn random_word() -> String {
    let half = || RandomState::new().hash_one(());
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_instance_is_the_one_given_or_a_new_random_word_each_time() {
        let args = |words: &[&str]| Args::try_parse_from(words).unwrap();
        assert_eq!(
            args(&["elector", "--instance", "uid-1"]).instance(),
            "uid-1"
        );
        let empty = args(&["elector", "--instance", ""]);
        let (first, second) = (empty.instance(), empty.instance());
        assert_eq!((first.len(), second.len()), (32, 32));
        assert_ne!(first, second);
    }
}
