//! The elector's process: command line, configuration, exit status.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use elector::args::Args;
use elector::run::{self, Names};
use elector::telemetry::{REVISION, VERSION};
use shared::config::{self, ConfigError, Environment, Loaded, Program};
use shared::startup::{self, ExitStatus, NotStarted, Started};
use shared::telemetry;
use tracing::{error, info, warn};

fn main() -> ExitCode {
    let status = match startup::parse_command_line::<Args>() {
        Ok(args) if args.check => check(&args),
        Ok(args) => elect(&args),
        Err(status) => status,
    };
    status.into()
}

fn load(file: &Path) -> Result<Loaded, ConfigError> {
    let environment: Environment = env::vars_os().collect();
    let mut loaded = config::load(file, Program::Elector, &environment)?;
    let web = run::web_config(&loaded.config.exporter)?;
    loaded.warnings.extend(web.and_then(|web| web.warning()));
    Ok(loaded)
}

fn check(args: &Args) -> ExitStatus {
    let file = &args.config;
    let checked = startup::check(&args.log, file, Program::Elector, || load(file));
    checked.map_or_else(|status| status, |_| ExitStatus::Success)
}

fn elect(args: &Args) -> ExitStatus {
    let file = args.config.clone();
    let started = startup::start(&args.log, args.log_format, move || load(&file));
    let Started {
        signal_runtime,
        loaded,
        ..
    } = match started {
        Ok(started) => started,
        Err(NotStarted::Refused(status)) => return status,
        Err(NotStarted::Signalled(signal)) => {
            info!(signal = signal.name(), "Ending before the start");
            telemetry::flush();
            return ExitStatus::Success;
        }
    };
    info!(
        version = VERSION,
        revision = REVISION,
        config = %args.config.display(),
        "Starting"
    );
    for warning in &loaded.warnings {
        warn!(warning, "Configuration");
    }
    let names = Names {
        instance: args.instance(),
        hostname: args.hostname.clone(),
    };
    let status = match run::run(signal_runtime, loaded.config.exporter, names) {
        Ok(()) => ExitStatus::Success,
        Err(error) => {
            let status = match &error {
                run::Error::Listen(_) | run::Error::Web(_) => ExitStatus::Usage,
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
    status
}
