//! The elector's process: command line, configuration, exit status.

use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use elector::args::Args;
use shared::config::{self, Environment, Program};

/// The configuration or the command line is wrong (`EX_USAGE`).
const USAGE: u8 = 64;
/// Anything else (`EX_SOFTWARE`).
const SOFTWARE: u8 = 70;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let status = if error.use_stderr() { USAGE } else { 0 };
            return end(status, &error.print());
        }
    };
    let environment: Environment = env::vars_os().collect();
    let loaded = match config::load(&args.config, Program::Elector, &environment) {
        Ok(loaded) => loaded,
        Err(error) => return end(USAGE, &writeln!(io::stderr(), "{error}")),
    };
    if args.check {
        let effective = loaded.config.effective(Program::Elector);
        return end(0, &write!(io::stdout(), "{effective}"));
    }
    let message = "the election itself is not part of this build yet; --check works";
    end(SOFTWARE, &writeln!(io::stderr(), "{message}"))
}

/// The exit status, unless the last words could not be said.
fn end(status: u8, said: &io::Result<()>) -> ExitCode {
    match said {
        Ok(()) => ExitCode::from(status),
        Err(_) => ExitCode::from(SOFTWARE),
    }
}
