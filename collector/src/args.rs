//! The command line. Nothing else reads single environment variables.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::Parser;
use shared::telemetry::{DEFAULT_FILTER, LogFormat};

use crate::telemetry::{REVISION, VERSION};

static VERSION_LINE: LazyLock<String> = LazyLock::new(|| format!("{VERSION} ({REVISION})"));

/// Exports the lag of Kafka consumer groups to Prometheus.
///
/// Exit status: 0 after a signal or a successful check, 64 for a wrong configuration or command line, 69 when --check --connect
/// finds something lacking or --check-source a source that does not answer or breaks the contract, 70 for a bug.
#[derive(Debug, Parser)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[command(name = "collector", version = VERSION_LINE.as_str())]
pub struct Args {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", default_value = "config.toml")]
    pub config: PathBuf,

    /// Checks the file, prints what has effect with secrets masked, and exits
    #[arg(long)]
    pub check: bool,

    /// With --check: also connects, and prints per cluster what this user may see and which rights it lacks
    #[arg(long, requires = "check")]
    pub connect: bool,

    /// Asks a source of leadership, written as in the configuration, a few times; prints which form its answers have, what the
    /// collector would do, and every violation of the contract; and exits. Reads no configuration file
    #[arg(long, value_name = "URL", conflicts_with = "check")]
    pub check_source: Option<String>,

    /// With --check-source: asks as the collector of this pod would, gate open and healthy. Not beside that collector: the
    /// source would take it for a new one
    #[arg(long, value_name = "NAME", requires = "check_source")]
    pub identity: Option<String>,

    /// The log filter: a level, or a list such as info,librdkafka=debug
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_flags_of_klag_exporter_are_understood() {
        let args = Args::try_parse_from(["collector", "-c", "a.toml", "-l", "debug"]).unwrap();
        assert_eq!(
            (args.config, args.log.as_str()),
            (PathBuf::from("a.toml"), "debug")
        );
        let args = Args::try_parse_from(["collector", "--log-level", "warn"]).unwrap();
        assert_eq!(args.log, "warn");
    }

    #[test]
    fn an_unknown_format_is_an_error_that_names_the_known_ones() {
        let error = Args::try_parse_from(["collector", "--log-format", "xml"]).unwrap_err();
        assert!(error.to_string().contains("write human or json"), "{error}");
    }
}
