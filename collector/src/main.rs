//! The process of the collector: command line, configuration, exit status.

use std::env;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use collector::args::Args;
use collector::check::{self, Verdict};
use collector::check_source::{self, Subject};
use collector::{process, run};
use shared::config::{self, Environment, Loaded, Program};
use shared::tasks::SignalRuntime;
use shared::telemetry;
use tracing::{error, info, warn};

/// The exit status for a wrong configuration or command line (`EX_USAGE`).
const USAGE: u8 = 64;
/// The exit status if a check finds that a cluster or a source of leadership lacks something (`EX_UNAVAILABLE`).
const UNAVAILABLE: u8 = 69;
/// The exit status for a bug, or for a task that does not end (`EX_SOFTWARE`).
const SOFTWARE: u8 = 70;

fn main() -> ExitCode {
    process::one_arena();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let status = if error.use_stderr() { USAGE } else { 0 };
            return finish(status, error.print());
        }
    };
    if let Some(url) = &args.check_source {
        return check_source(&Subject {
            url: url.clone(),
            identity: args.identity.clone(),
        });
    }
    if args.check {
        check(&args)
    } else {
        collect(&args)
    }
}

/// Loads the configuration and checks the librdkafka properties.
///
/// # Errors
/// Everything that is wrong with it, one line each.
fn load(file: &Path) -> Result<Loaded, String> {
    let environment: Environment = env::vars_os().collect();
    let loaded =
        config::load(file, Program::Collector, &environment).map_err(|error| error.to_string())?;
    let refused = check::refused_properties(&loaded.config);
    if refused.is_empty() {
        return Ok(loaded);
    }
    let file = file.display();
    let lines: Vec<String> = refused
        .iter()
        .map(|error| format!("{file}: {error}"))
        .collect();
    Err(lines.join("\n"))
}

fn check(args: &Args) -> ExitCode {
    if let Err(error) = telemetry::check_filter(&args.log) {
        return finish(USAGE, writeln!(io::stderr(), "{error}"));
    }
    let loaded = match load(&args.config) {
        Ok(loaded) => loaded,
        Err(error) => return finish(USAGE, writeln!(io::stderr(), "{error}")),
    };
    let warned = loaded
        .warnings
        .iter()
        .try_for_each(|warning| writeln!(io::stderr(), "{}: {warning}", args.config.display()));
    let effective = loaded.config.effective(Program::Collector);
    let said = warned.and_then(|()| write!(io::stdout(), "{effective}"));
    if args.connect && said.is_ok() {
        return connect(&loaded);
    }
    finish(0, said)
}

fn collect(args: &Args) -> ExitCode {
    // Signals come first, because a pod may be stopped as soon as it is started.
    let mut signal_runtime = match SignalRuntime::start() {
        Ok(signal_runtime) => signal_runtime,
        Err(error) => return fail(SOFTWARE, format_args!("cannot start: {error}")),
    };
    let live = match telemetry::init(&args.log, args.log_format) {
        Ok(live) => live,
        Err(error) => return fail(USAGE, error),
    };
    let file = args.config.clone();
    // Opening a named pipe blocks until there is a writer, so a signal must be able to end the process meanwhile.
    let loaded = match signal_runtime.run_until_signal(move || load(&file)) {
        Ok(Ok(Ok(loaded))) => loaded,
        Ok(Ok(Err(error))) => return fail(USAGE, error),
        Ok(Err(signal)) => {
            info!(signal = signal.name(), "Ending before the start");
            telemetry::flush();
            process::leave(0)
        }
        Err(error) => return fail(SOFTWARE, format_args!("cannot start: {error}")),
    };
    info!(
        version = collector::telemetry::VERSION,
        revision = collector::telemetry::REVISION,
        config = %args.config.display(),
        clusters = loaded.config.clusters.len(),
        "Starting"
    );
    for warning in &loaded.warnings {
        // The text is part of the message, because fields are cut and it names every key without effect.
        warn!("Configuration: {warning}");
    }
    let status = match run::run(signal_runtime, loaded.config, live, run::collection_tasks) {
        Ok(()) => 0,
        Err(error) => {
            let status = match &error {
                run::Error::Listen(_) | run::Error::Source(_) => USAGE,
                run::Error::Start(_) | run::Error::Telemetry(_) | run::Error::Task(_) => SOFTWARE,
            };
            let error = anyhow::Error::from(error);
            error!("{error:#}");
            status
        }
    };
    telemetry::flush();
    process::leave(status)
}

/// Reports on every cluster; the exit status is that of the worst one.
fn connect(loaded: &Loaded) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let reports = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(check::connect(&loaded.config)));
    let reports = match reports {
        Ok(reports) => reports,
        Err(error) => return finish(USAGE, writeln!(io::stderr(), "{error:#}")),
    };
    let lacking = reports
        .iter()
        .any(|report| report.verdict == Verdict::Incomplete);
    let said = reports
        .iter()
        .try_for_each(|report| write!(io::stdout(), "\n{report}"));
    let status = if said.is_err() {
        SOFTWARE
    } else if lacking {
        UNAVAILABLE
    } else {
        0
    };
    // A plain return would run exit handlers while threads of librdkafka may still be ending.
    process::leave(status)
}

/// Reports on a source of leadership.
fn check_source(subject: &Subject) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let report = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(check_source::ask(subject)));
    match report {
        Ok(report) if report.is_clean() => finish(0, write!(io::stdout(), "{report}")),
        Ok(report) => finish(UNAVAILABLE, write!(io::stdout(), "{report}")),
        Err(error) => finish(USAGE, writeln!(io::stderr(), "{error:#}")),
    }
}

/// Prints the error and returns the exit status. The message is dropped if nobody reads stderr: signals no longer end the process
/// by themselves, so waiting could last forever.
fn fail(status: u8, error: impl Display) -> ExitCode {
    telemetry::write_line(error);
    telemetry::flush();
    ExitCode::from(status)
}

/// Returns the exit status, or [`SOFTWARE`] if the output could not be written.
fn finish(status: u8, said: io::Result<()>) -> ExitCode {
    said.map_or(ExitCode::from(SOFTWARE), |()| ExitCode::from(status))
}
