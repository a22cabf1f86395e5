//! `tests/run bench`: measures this project's collector and klag-exporter before the same servers.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use e2e::bench::{self, Args};

fn main() -> ExitCode {
    match bench::run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The exit status reports the failure even if stderr cannot be written.
            writeln!(io::stderr(), "bench: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}
