//! The elector's process: command line, configuration, exit status.

use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use elector::args::Args;
use elector::run::{self, Names};
use elector::telemetry::{REVISION, VERSION};
use shared::config::{self, Config, Environment, Program};
use shared::telemetry;
use tracing::{error, info};

/// The configuration or the command line is wrong (`EX_USAGE`).
const USAGE: u8 = 64;
/// A bug, or something that would not end (`EX_SOFTWARE`).
const SOFTWARE: u8 = 70;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let status = if error.use_stderr() { USAGE } else { 0 };
            return end(status, error.print());
        }
    };
    let environment: Environment = env::vars_os().collect();
    let config = match config::load(&args.config, Program::Elector, &environment) {
        Ok(loaded) => loaded.config,
        Err(error) => return end(USAGE, writeln!(io::stderr(), "{error}")),
    };
    if args.check {
        let effective = config.effective(Program::Elector);
        return end(0, write!(io::stdout(), "{effective}"));
    }
    elect(&args, config)
}

fn elect(args: &Args, config: Config) -> ExitCode {
    if let Err(error) = telemetry::init(&args.log, args.log_format) {
        return end(USAGE, writeln!(io::stderr(), "{error}"));
    }
    info!(
        version = VERSION,
        revision = REVISION,
        config = %args.config.display(),
        "Starting"
    );
    let names = Names {
        instance: args.instance(),
        hostname: args.hostname.clone(),
    };
    match run::run(config.exporter, names) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let status = match &error {
                run::Error::Listen(_) => USAGE,
                run::Error::Start(_) | run::Error::Telemetry(_) | run::Error::Task(_) => SOFTWARE,
            };
            let error = anyhow::Error::from(error);
            error!("{error:#}");
            ExitCode::from(status)
        }
    }
}

/// The exit status, unless the last words could not be said.
fn end(status: u8, said: io::Result<()>) -> ExitCode {
    said.map_or(ExitCode::from(SOFTWARE), |()| ExitCode::from(status))
}
