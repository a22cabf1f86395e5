//! Logging to stderr, as lines for a person or as JSON, and one live line at a terminal that log lines do not garble.
//!
//! Logging never waits for the reader of stderr (`stderr`). Values in a line are cut to a bound and cannot break it into several
//! (`fields`).

use std::any::Any;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::panic;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use tracing::error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::util::SubscriberInitExt;

mod dropped;
mod fields;
mod stderr;

pub use dropped::DroppedLines;
use stderr::Stderr;

/// The log filter that is used where none is given.
pub const DEFAULT_FILTER: &str = "info";

/// The longest time that a process waits at its end for its last lines to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(250);

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for a person, with colours at a terminal.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// The error for a log format that is neither `human` nor `json`.
#[derive(Debug, thiserror::Error)]
#[error("write human or json")]
pub struct UnknownFormat;

/// The reason for which logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter does not parse.
    #[error(
        "bad log filter {filter:?}; write a level such as info, or a list such as info,librdkafka=debug"
    )]
    Filter {
        /// The filter as given.
        filter: String,
        /// The message of the parser.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logging had begun already, by an earlier call of [`init`].
    #[error("logging was set up twice")]
    AlreadyInitialized(#[source] tracing_subscriber::util::TryInitError),
}

/// The last line of the terminal, rewritten in place.
#[derive(Clone, Debug)]
pub struct LiveLine(&'static Stderr);

/// The writer that passes each log line to the queue in front of stderr.
struct LogWriter {
    format: LogFormat,
    stderr: &'static Stderr,
}

/// Begins to log to stderr what passes `filter`, which has the syntax of `RUST_LOG`; an empty filter is [`DEFAULT_FILTER`].
/// After that, panics are logged instead of being written to stderr by the thread that panics. Returns the live line in the
/// format `human` at a terminal, and `None` elsewhere.
///
/// # Errors
/// Returns an error if the filter does not parse, or this function was called before.
pub fn init(filter: &str, format: LogFormat) -> Result<Option<LiveLine>, LogError> {
    let filter = parse_filter(filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(LogWriter {
            format,
            stderr: stderr(),
        });
    let terminal = io::stderr().is_terminal();
    let begun = match format {
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
        LogFormat::Human => {
            let fields = debug_fn(fields::write_field).delimited(" ");
            let builder = builder.fmt_fields(fields);
            // At a terminal the default of `tracing-subscriber` decides on colours, since that default respects NO_COLOR.
            if terminal {
                builder.finish().try_init()
            } else {
                builder.with_ansi(false).finish().try_init()
            }
        }
    };
    begun.map_err(LogError::AlreadyInitialized)?;
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        error!(place, panic = panic_message(panic.payload()), "Panicked");
    }));
    Ok((format == LogFormat::Human && terminal).then_some(LiveLine(stderr())))
}

/// Checks that [`init`] would accept `filter`.
///
/// # Errors
/// Returns an error if the filter does not parse.
pub fn check_filter(filter: &str) -> Result<(), LogError> {
    parse_filter(filter).map(drop)
}

/// Queues `text` and a line end for stderr, neither formatted nor filtered, and does not wait until they are written.
pub fn write_line(text: impl fmt::Display) {
    stderr().write(format!("{text}\n").into_bytes());
}

/// Waits until all queued lines are written, for a quarter of a second at most. A process calls this last.
pub fn flush() {
    stderr().flush(FLUSH_TIMEOUT);
}

/// Returns the message of a panic, or `no message` where the payload is no text.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// Returns the queue in front of this process's stderr. The queue's thread starts at the first call.
fn stderr() -> &'static Stderr {
    static STDERR: OnceLock<Stderr> = OnceLock::new();
    STDERR.get_or_init(|| Stderr::start(io::stderr()))
}

fn parse_filter(filter: &str) -> Result<EnvFilter, LogError> {
    let text = if filter.trim().is_empty() {
        DEFAULT_FILTER
    } else {
        filter
    };
    EnvFilter::try_new(text).map_err(|source| LogError::Filter {
        filter: text.to_owned(),
        source,
    })
}

// === impl LiveLine ===

impl LiveLine {
    /// Shows `text`, cut at the right margin, in place of the text shown before. Does nothing while an earlier text waits in
    /// the queue.
    pub fn draw(&self, text: &str) {
        self.0.draw(text);
    }

    /// Removes the live line from the terminal.
    pub fn clear(&self) {
        self.0.clear();
    }
}

// === impl LogWriter ===

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &LogWriter {
    /// Takes one whole line, as the subscriber writes lines, and never waits or fails.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let short = match self.format {
            LogFormat::Human => None,
            LogFormat::Json => fields::shorten_json_line(line),
        };
        self.stderr.write(short.unwrap_or_else(|| line.to_vec()));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// === impl LogFormat ===

impl FromStr for LogFormat {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, UnknownFormat> {
        match word {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err(UnknownFormat),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Human => "human",
            Self::Json => "json",
        })
    }
}
