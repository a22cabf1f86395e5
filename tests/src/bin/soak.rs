//! `tests/run soak`: two pods for an hour or longer, over a real API server, etcd and Kafka under load.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use e2e::soak::{self, Args, Outcome};

fn main() -> ExitCode {
    match soak::run(&Args::parse()) {
        Ok(Outcome::Passed) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::FAILURE,
        Err(error) => {
            // The exit status reports the failure even if stderr cannot be written.
            writeln!(io::stderr(), "soak: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}
