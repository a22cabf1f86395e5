//! The beginning and the end of both programs: exit statuses, and the order in which a process starts.
//!
//! A pod may be stopped as soon as it was started, so signals are received first ([`SignalRuntime`]). Logging begins before the
//! configuration is read, since reading may wait for ever: the file can be a pipe that nobody writes to. Reading therefore has a thread
//! of its own, and a signal ends the start in the meantime.
//!
//! An error before the tasks run is written to stderr as plain text and not as a log line, in every log format: a person reads it who has
//! just changed the configuration or the command line. A process that only checks waits until its text is written. A process that
//! runs does not wait, since its signals no longer end it by themselves.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::config::{Loaded, Program};
use crate::tasks::{Signal, SignalRuntime};
use crate::telemetry::{self, LiveLine, LogFormat};

/// The exit status of a program, with the numbers of `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// A signal ended the process, or a check succeeded.
    Success,
    /// The configuration or the command line is wrong (`EX_USAGE`).
    Usage,
    /// A cluster or a source of leadership does not answer as the collector needs it (`EX_UNAVAILABLE`).
    Unavailable,
    /// The process could not start, write its output or end in time, or it has a bug (`EX_SOFTWARE`).
    Software,
}

/// A process that receives signals, logs, and has read its configuration.
#[derive(Debug)]
pub struct Started {
    /// The runtime of the main thread, and the signals that end the process.
    pub signal_runtime: SignalRuntime,
    /// The live line, where the log is for a person at a terminal.
    pub live_line: Option<LiveLine>,
    /// The configuration, and the warnings about it.
    pub loaded: Loaded,
}

/// The reason for which a process did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotStarted {
    /// The start failed with this status, and stderr says why.
    Refused(ExitStatus),
    /// A signal came before the configuration was read.
    Signalled(Signal),
}

/// Parses the command line of the process as `A`.
///
/// # Errors
/// Returns the exit status, after the message was written: [`ExitStatus::Usage`] for a wrong command line, [`ExitStatus::Success`] where
/// the command line asks for help or for the version, and [`ExitStatus::Software`] if the message cannot be written.
pub fn parse_command_line<A: Parser>() -> Result<A, ExitStatus> {
    A::try_parse().map_err(|error| {
        let status = if error.use_stderr() {
            ExitStatus::Usage
        } else {
            ExitStatus::Success
        };
        status.unless_failed(error.print())
    })
}

/// Starts a process: receives signals, begins to log, and has `load` read the configuration.
///
/// # Errors
/// Returns [`NotStarted::Refused`] after the message was written to stderr, or [`NotStarted::Signalled`] if a signal came
/// first.
pub fn start<E>(
    log_filter: &str,
    log_format: LogFormat,
    load: impl FnOnce() -> Result<Loaded, E> + Send + 'static,
) -> Result<Started, NotStarted>
where
    E: Display + Send + 'static,
{
    let cannot_start = |error| refuse(ExitStatus::Software, format_args!("cannot start: {error}"));
    let mut signal_runtime = SignalRuntime::start().map_err(cannot_start)?;
    let live_line = telemetry::init(log_filter, log_format)
        .map_err(|error| refuse(ExitStatus::Usage, error))?;
    let read = signal_runtime
        .run_until_signal(load)
        .map_err(cannot_start)?;
    match read {
        Ok(Ok(loaded)) => Ok(Started {
            signal_runtime,
            live_line,
            loaded,
        }),
        Ok(Err(error)) => Err(refuse(ExitStatus::Usage, error)),
        Err(signal) => Err(NotStarted::Signalled(signal)),
    }
}

/// Checks the log filter and the configuration that `load` reads; prints warnings about `file` to stderr and what `program`
/// uses of it to stdout.
///
/// # Errors
/// Returns the exit status of a check that fails, after its message was written to stderr; [`ExitStatus::Software`] if the
/// output cannot be written.
pub fn check<E: Display>(
    log_filter: &str,
    file: &Path,
    program: Program,
    load: impl FnOnce() -> Result<Loaded, E>,
) -> Result<Loaded, ExitStatus> {
    telemetry::check_filter(log_filter).map_err(|error| print_error(ExitStatus::Usage, error))?;
    let loaded = load().map_err(|error| print_error(ExitStatus::Usage, error))?;
    let warned = loaded
        .warnings
        .iter()
        .try_for_each(|warning| writeln!(io::stderr(), "{}: {warning}", file.display()));
    let effective = loaded.config.effective(program);
    match warned.and_then(|()| write!(io::stdout(), "{effective}")) {
        Ok(()) => Ok(loaded),
        Err(_) => Err(ExitStatus::Software),
    }
}

/// Writes `error` to stderr, and waits until it is written. Returns `status`, or [`ExitStatus::Software`] where the error
/// cannot be written.
pub fn print_error(status: ExitStatus, error: impl Display) -> ExitStatus {
    status.unless_failed(writeln!(io::stderr(), "{error}"))
}

fn refuse(status: ExitStatus, error: impl Display) -> NotStarted {
    telemetry::write_line(error);
    telemetry::flush();
    NotStarted::Refused(status)
}

// === impl ExitStatus ===

impl ExitStatus {
    /// Returns the number with which the process exits.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Usage => 64,
            Self::Unavailable => 69,
            Self::Software => 70,
        }
    }

    /// Returns this status, or [`ExitStatus::Software`] where the output of the process could not be `written`.
    #[must_use]
    pub fn unless_failed(self, written: io::Result<()>) -> Self {
        written.map_or(Self::Software, |()| self)
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}
