//! The collector's process: command line, configuration, exit status.

use std::env;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use collector::args::Args;
use collector::check::{self, Verdict};
use collector::check_source::{self, Subject};
use collector::{process, run};
use shared::config::{self, Environment, Loaded, Program};
use shared::startup::{self, ExitStatus, NotStarted, Started};
use shared::telemetry;
use shared::web::WebConfig;
use tracing::{error, info, warn};

fn main() -> ExitCode {
    process::set_up_allocator();
    let status = match startup::parse_command_line::<Args>() {
        Ok(args) => run_command(&args),
        Err(status) => status,
    };
    status.into()
}

fn run_command(args: &Args) -> ExitStatus {
    if let Some(url) = &args.check_source {
        return check_source(&Subject {
            url: url.clone(),
            identity: args.identity.clone(),
        });
    }
    if args.check {
        check(args)
    } else {
        collect(args)
    }
}

/// Reads the configuration file and the file that `[exporter.web]` names, and has librdkafka check the properties in it.
///
/// # Errors
/// The file cannot be read or is not valid, or librdkafka refuses a property. The text has a line for each problem.
fn load(file: &Path) -> Result<Loaded, String> {
    let environment: Environment = env::vars_os().collect();
    let mut loaded =
        config::load(file, Program::Collector, &environment).map_err(|error| error.to_string())?;
    let web = WebConfig::of(&loaded.config.exporter).map_err(|error| error.to_string())?;
    loaded.warnings.extend(web.and_then(|web| web.warning()));
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

fn check(args: &Args) -> ExitStatus {
    let file = &args.config;
    match startup::check(&args.log, file, Program::Collector, || load(file)) {
        Ok(loaded) if args.connect => connect(&loaded),
        Ok(_) => ExitStatus::Success,
        Err(status) => status,
    }
}

fn collect(args: &Args) -> ExitStatus {
    let file = args.config.clone();
    let started = startup::start(&args.log, args.log_format, move || load(&file));
    let Started {
        signal_runtime,
        live_line,
        loaded,
    } = match started {
        Ok(started) => started,
        Err(NotStarted::Refused(status)) => return status,
        Err(NotStarted::Signalled(signal)) => {
            info!(signal = signal.name(), "Ending before the start");
            telemetry::flush();
            process::leave(ExitStatus::Success.code())
        }
    };
    info!(
        version = collector::telemetry::VERSION,
        revision = collector::telemetry::REVISION,
        config = %args.config.display(),
        clusters = loaded.config.clusters.len(),
        "Starting"
    );
    for warning in &loaded.warnings {
        // The warning is part of the message, because a field would be cut, and the warning names every key without effect.
        warn!("Configuration: {warning}");
    }
    let status = match run::run(
        signal_runtime,
        loaded.config,
        live_line,
        run::collection_tasks,
    ) {
        Ok(()) => ExitStatus::Success,
        Err(error) => {
            let status = match &error {
                run::Error::Listen(_) | run::Error::Source(_) | run::Error::Web(_) => {
                    ExitStatus::Usage
                }
                run::Error::Start(_) | run::Error::Telemetry(_) | run::Error::Task(_) => {
                    ExitStatus::Software
                }
            };
            let error = anyhow::Error::from(error);
            error!("{error:#}");
            status
        }
    };
    telemetry::flush();
    process::leave(status.code())
}

/// Prints a report on every cluster, and ends the process with status 69 if any report is incomplete, else with 0. Returns only
/// if the reports cannot be made.
fn connect(loaded: &Loaded) -> ExitStatus {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let reports = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(check::connect(&loaded.config)));
    let reports = match reports {
        Ok(reports) => reports,
        Err(error) => return startup::print_error(ExitStatus::Usage, format_args!("{error:#}")),
    };
    let is_incomplete = reports
        .iter()
        .any(|report| report.verdict == Verdict::Incomplete);
    let status = if is_incomplete {
        ExitStatus::Unavailable
    } else {
        ExitStatus::Success
    };
    let printed = reports
        .iter()
        .try_for_each(|report| write!(io::stdout(), "\n{report}"));
    // A plain return would run exit handlers while threads of librdkafka may still be ending.
    process::leave(status.unless_failed(printed).code())
}

/// Prints a report on a source of leadership. The status is 69 if the source violates the contract.
fn check_source(subject: &Subject) -> ExitStatus {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let report = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(check_source::ask(subject)));
    let report = match report {
        Ok(report) => report,
        Err(error) => return startup::print_error(ExitStatus::Usage, format_args!("{error:#}")),
    };
    let status = if report.is_clean() {
        ExitStatus::Success
    } else {
        ExitStatus::Unavailable
    };
    status.unless_failed(write!(io::stdout(), "{report}"))
}
