//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Says on loopback whether this pod may act, and for how long.
///
/// The elector holds a Kubernetes Lease for its pod and answers `GET /leader`. It reads
/// [exporter.leadership] of the configuration file that it shares with the collector, and resolves
/// ${VAR} there only. Exit status: 0 after a signal or a successful --check, 64 for a wrong
/// configuration or command line, 70 for anything else.
#[derive(Debug, Parser)]
#[command(name = "elector", version, verbatim_doc_comment)]
pub struct Args {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", default_value = "config.toml")]
    pub config: PathBuf,

    /// Checks the file, prints what has effect with secrets masked, and exits
    #[arg(long)]
    pub check: bool,
}
