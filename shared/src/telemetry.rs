//! Logging: lines for a person or for a machine on stderr, and one live line that log lines do not garble.
//!
//! Deliberately absent: metrics. They belong to the program that serves them.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

/// The filter where none is given.
pub const DEFAULT_FILTER: &str = "info";

/// To the start of the line, and erase it.
const ERASE: &str = "\r\x1b[2K";

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For a person; coloured at a terminal.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// A word that is no [`Format`].
#[derive(Debug, thiserror::Error)]
#[error("write human or json")]
pub struct UnknownFormat;

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter does not parse.
    #[error(
        "bad log filter {filter:?}; write a level such as info, or a list such as info,librdkafka=debug"
    )]
    Filter {
        /// The filter as given.
        filter: String,
        /// What the parser says.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logging has begun already.
    #[error("logging was set up twice")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// The last line of the terminal, rewritten in place.
#[derive(Clone, Debug)]
pub struct LiveLine {
    shown: Arc<AtomicBool>,
}

/// Writes each log line over the live line, if one is shown. A line that cannot be written is dropped: the subscriber would
/// tell stderr of an error, which fails as well, and panic.
struct Stderr {
    shown: Arc<AtomicBool>,
}

/// Begins to log to stderr what passes `filter`, written as in `RUST_LOG`; an empty filter is [`DEFAULT_FILTER`].
/// Returns the live line where a person is looking: format `human` at a terminal.
///
/// # Errors
/// Where the filter does not parse, or this was called before.
pub fn init(filter: &str, format: Format) -> Result<Option<LiveLine>, Error> {
    let filter = parse(filter)?;
    let shown = Arc::new(AtomicBool::new(false));
    let stderr = Stderr {
        shown: Arc::clone(&shown),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr);
    let terminal = io::stderr().is_terminal();
    let begun = match format {
        Format::Json => builder.json().flatten_event(true).finish().try_init(),
        // At a terminal the default stands, which respects NO_COLOR.
        Format::Human if terminal => builder.finish().try_init(),
        Format::Human => builder.with_ansi(false).finish().try_init(),
    };
    begun.map_err(Error::Twice)?;
    Ok((format == Format::Human && terminal).then_some(LiveLine { shown }))
}

/// Whether [`init`] would take `filter`.
///
/// # Errors
/// Where the filter does not parse.
pub fn check(filter: &str) -> Result<(), Error> {
    parse(filter).map(drop)
}

fn parse(filter: &str) -> Result<EnvFilter, Error> {
    let text = if filter.trim().is_empty() {
        DEFAULT_FILTER
    } else {
        filter
    };
    EnvFilter::try_new(text).map_err(|source| Error::Filter {
        filter: text.to_owned(),
        source,
    })
}

// === impl LiveLine ===

impl LiveLine {
    /// Shows `text` in place of what was shown before; it is cut at the right margin.
    pub fn draw(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        self.shown.store(true, Ordering::Relaxed);
        // Without automatic wrapping a long text stays on its line. A terminal that is gone is nobody's concern.
        write!(stderr, "{ERASE}\x1b[?7l{text}\x1b[?7h").ok();
    }

    /// Takes the line away.
    pub fn clear(&self) {
        let mut stderr = io::stderr().lock();
        if self.shown.swap(false, Ordering::Relaxed) {
            stderr.write_all(ERASE.as_bytes()).ok();
        }
    }
}

// === impl Stderr ===

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Stderr {
    /// The subscriber hands over one whole line at a time; the lock that is held meanwhile is the one that the live line takes.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr().lock();
        if self.shown.swap(false, Ordering::Relaxed) {
            stderr.write_all(ERASE.as_bytes()).ok();
        }
        stderr.write_all(line).ok();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush().ok();
        Ok(())
    }
}

// === impl Format ===

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, UnknownFormat> {
        match word {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err(UnknownFormat),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Human => "human",
            Self::Json => "json",
        })
    }
}
