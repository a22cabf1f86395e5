//! The elector's process: command line, configuration, exit status.

use std::env;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use elector::args::Args;
use elector::run::{self, Names};
use elector::telemetry::{REVISION, VERSION};
use shared::config::{self, ConfigError, Environment, Loaded, Program};
use shared::tasks::SignalRuntime;
use shared::telemetry;
use tracing::{error, info, warn};

/// The exit status after a wrong configuration or command line (`EX_USAGE`).
const USAGE: u8 = 64;
/// The exit status after a bug, or a task that did not end (`EX_SOFTWARE`).
const SOFTWARE: u8 = 70;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let status = if error.use_stderr() { USAGE } else { 0 };
            return end(status, error.print());
        }
    };
    if args.check {
        check(&args)
    } else {
        elect(&args)
    }
}

fn load(file: &Path) -> Result<Loaded, ConfigError> {
    let environment: Environment = env::vars_os().collect();
    config::load(file, Program::Elector, &environment)
}

fn check(args: &Args) -> ExitCode {
    if let Err(error) = telemetry::check_filter(&args.log) {
        return end(USAGE, writeln!(io::stderr(), "{error}"));
    }
    match load(&args.config) {
        Ok(Loaded { config, warnings }) => {
            let file = args.config.display();
            let warned = warnings
                .iter()
                .try_for_each(|warning| writeln!(io::stderr(), "{file}: {warning}"));
            let effective = config.effective(Program::Elector);
            end(0, warned.and_then(|()| write!(io::stdout(), "{effective}")))
        }
        Err(error) => end(USAGE, writeln!(io::stderr(), "{error}")),
    }
}

fn elect(args: &Args) -> ExitCode {
    // This comes first, because a pod may be stopped as soon as it is started.
    let mut signal_runtime = match SignalRuntime::start() {
        Ok(signal_runtime) => signal_runtime,
        Err(error) => return refuse(SOFTWARE, format_args!("cannot start: {error}")),
    };
    if let Err(error) = telemetry::init(&args.log, args.log_format) {
        return refuse(USAGE, error);
    }
    let file = args.config.clone();
    // The file may be a pipe, and opening a pipe waits until somebody writes to it. A signal ends that wait.
    let Loaded { config, warnings } = match signal_runtime.run_until_signal(move || load(&file)) {
        Ok(Ok(Ok(loaded))) => loaded,
        Ok(Ok(Err(error))) => return refuse(USAGE, error),
        Ok(Err(signal)) => {
            info!(signal = signal.name(), "Ending before the start");
            telemetry::flush();
            return ExitCode::SUCCESS;
        }
        Err(error) => return refuse(SOFTWARE, format_args!("cannot start: {error}")),
    };
    info!(
        version = VERSION,
        revision = REVISION,
        config = %args.config.display(),
        "Starting"
    );
    for warning in &warnings {
        warn!(warning, "Configuration");
    }
    let names = Names {
        instance: args.instance(),
        hostname: args.hostname.clone(),
    };
    let status = match run::run(signal_runtime, config.exporter, names) {
        Ok(()) => 0,
        Err(error) => {
            let status = match &error {
                run::Error::Listen(_) => USAGE,
                run::Error::Start(_) | run::Error::Telemetry(_) | run::Error::Task(_) => SOFTWARE,
            };
            let error = anyhow::Error::from(error);
            error!("{error:#}");
            status
        }
    };
    telemetry::flush();
    ExitCode::from(status)
}

/// Writes `error` and returns the exit status. The write does not wait for the reader of stderr: signals are caught from here on,
/// so a reader that has stopped would keep the process from ending.
fn refuse(status: u8, error: impl Display) -> ExitCode {
    telemetry::write_line(error);
    telemetry::flush();
    ExitCode::from(status)
}

/// The exit status `status`, or [`SOFTWARE`] if the output could not be written.
fn end(status: u8, written: io::Result<()>) -> ExitCode {
    written.map_or(ExitCode::from(SOFTWARE), |()| ExitCode::from(status))
}
