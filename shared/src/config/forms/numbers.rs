//! The forms of durations and whole numbers.

use std::fmt;
use std::time::Duration;

use serde_json::json;

use crate::config::document::Value;
use crate::config::form::{Form, Rejection, Scalar};

/// The form of a duration such as `"30s"`, from `least` to `most`.
#[derive(Debug)]
pub(crate) struct Durations {
    least: Duration,
    most: Duration,
}

/// The form of a whole number from `least` to `most`.
#[derive(Debug)]
pub(crate) struct WholeNumbers {
    least: u32,
    most: u32,
}

/// The form of a duration that is written as a whole number of seconds.
#[derive(Debug)]
pub(crate) struct Seconds(WholeNumbers);

/// The form of a TCP port, where 0 takes any free port.
#[derive(Debug)]
pub(crate) struct Port;

/// The form of a timeout. librdkafka counts timeouts in milliseconds in an `i32`, which ends after 24 days.
pub(crate) const TIMEOUT: Durations = Durations {
    least: Duration::from_millis(1),
    most: Duration::from_secs(24 * 86_400),
};

/// The form of a time for which something is kept, and of other durations that may be zero: at most ten years.
pub(crate) const RETENTION: Durations = Durations {
    least: Duration::ZERO,
    most: Duration::from_secs(315_576_000),
};

const PORTS: WholeNumbers = WholeNumbers::between(0, 65_535);

// === impl Durations ===

impl fmt::Display for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = humantime::format_duration(self.most);
        if self.least.is_zero() {
            return write!(f, "a duration such as \"30s\", at most \"{most}\"");
        }
        let least = humantime::format_duration(self.least);
        write!(
            f,
            "a duration such as \"30s\", from \"{least}\" to \"{most}\""
        )
    }
}

impl Form for Durations {
    fn json_schema(&self) -> serde_json::Value {
        json!({"type": "string"})
    }
}

impl Scalar for Durations {
    type Parsed = Duration;

    fn read(&self, value: &Value) -> Result<Duration, Rejection> {
        let text = value.as_text().ok_or(Rejection::WrongForm)?;
        match humantime::parse_duration(text) {
            Ok(duration) if (self.least..=self.most).contains(&duration) => Ok(duration),
            _ => Err(Rejection::WrongForm),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, duration: &Duration) -> fmt::Result {
        write!(f, "\"{}\"", humantime::format_duration(*duration))
    }
}

// === impl WholeNumbers ===

impl WholeNumbers {
    /// Returns the form of the whole numbers from `least` to `most`.
    pub(crate) const fn between(least: u32, most: u32) -> Self {
        Self { least, most }
    }
}

impl fmt::Display for WholeNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", self.least, self.most)
    }
}

impl Form for WholeNumbers {
    fn json_schema(&self) -> serde_json::Value {
        json!({"type": "integer", "minimum": self.least, "maximum": self.most})
    }
}

impl Scalar for WholeNumbers {
    type Parsed = u32;

    fn read(&self, value: &Value) -> Result<u32, Rejection> {
        let number = match value {
            Value::Integer(n) => u32::try_from(*n).ok(),
            Value::Resolved(text) => text.trim().parse().ok(),
            _ => None,
        };
        number
            .filter(|n| (self.least..=self.most).contains(n))
            .ok_or(Rejection::WrongForm)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, number: &u32) -> fmt::Result {
        write!(f, "{number}")
    }
}

// === impl Seconds ===

impl Seconds {
    /// Returns the form of whole numbers of seconds from `least` to `most`.
    pub(crate) const fn between(least: u32, most: u32) -> Self {
        Self(WholeNumbers::between(least, most))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Form for Seconds {
    fn json_schema(&self) -> serde_json::Value {
        self.0.json_schema()
    }
}

impl Scalar for Seconds {
    type Parsed = Duration;

    fn read(&self, value: &Value) -> Result<Duration, Rejection> {
        let seconds = self.0.read(value)?;
        Ok(Duration::from_secs(seconds.into()))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, duration: &Duration) -> fmt::Result {
        write!(f, "{}", duration.as_secs())
    }
}

// === impl Port ===

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PORTS.fmt(f)
    }
}

impl Form for Port {
    fn json_schema(&self) -> serde_json::Value {
        PORTS.json_schema()
    }
}

impl Scalar for Port {
    type Parsed = u16;

    fn read(&self, value: &Value) -> Result<u16, Rejection> {
        u16::try_from(PORTS.read(value)?).map_err(|_| Rejection::WrongForm)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, port: &u16) -> fmt::Result {
        write!(f, "{port}")
    }
}
