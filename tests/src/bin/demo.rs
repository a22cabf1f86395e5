//! `cargo demo`: Kafka, groups that lag, and two pods of elector and collector, to look at and to kill.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use e2e::demo::{self, Args};

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match demo::run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The exit status reports the failure even if stderr cannot be written.
            writeln!(io::stderr(), "demo: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}
