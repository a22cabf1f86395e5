//! `tests/run nemesis`: random schedules of faults against two pods, over a real API server, etcd and Kafka.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use e2e::nemesis::{self, Args, Outcome};

fn main() -> ExitCode {
    match nemesis::run(&Args::parse()) {
        Ok(Outcome::Passed) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::FAILURE,
        Err(error) => {
            // The exit status reports the failure even if stderr cannot be written.
            writeln!(io::stderr(), "nemesis: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}
