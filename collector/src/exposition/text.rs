//! Samples as Prometheus' text format 0.0.4 has them.

use crate::snapshot::Offset;

/// The value of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// Printed exactly, however large.
    Unsigned(u64),
    /// Printed exactly, with its sign.
    Signed(i64),
    /// Printed as the shortest text that reads back as the same number.
    Real(f64),
}

/// A label set that grows and shrinks with the rows: `{cluster_name="c",group="g"`, without the closing brace.
#[derive(Clone, Debug)]
pub(super) struct Labels {
    text: Vec<u8>,
}

/// A length of a label set to go back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark(usize);

/// Writes the two lines that introduce a family.
pub(super) fn write_header(out: &mut Vec<u8>, name: &str, kind: &str, help: &str) {
    for part in [
        "# HELP ",
        name,
        " ",
        help,
        "\n# TYPE ",
        name,
        " ",
        kind,
        "\n",
    ] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Writes one sample.
pub(super) fn write_sample(out: &mut Vec<u8>, name: &str, labels: &Labels, value: Number) {
    out.extend_from_slice(name.as_bytes());
    if !labels.text.is_empty() {
        out.extend_from_slice(&labels.text);
        out.push(b'}');
    }
    out.push(b' ');
    value.write(out);
    out.push(b'\n');
}

// === impl Labels ===

impl Labels {
    pub(super) const fn none() -> Self {
        Self { text: Vec::new() }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.text.len())
    }

    pub(super) fn back_to(&mut self, mark: Mark) {
        self.text.truncate(mark.0);
    }

    pub(super) fn push(&mut self, name: &str, value: &str) {
        self.open(name);
        write_escaped(&mut self.text, value);
        self.text.push(b'"');
    }

    pub(super) fn push_number(&mut self, name: &str, value: i32) {
        self.open(name);
        self.text
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self.text.push(b'"');
    }

    fn open(&mut self, name: &str) {
        self.text
            .push(if self.text.is_empty() { b'{' } else { b',' });
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b"=\"");
    }
}

// === impl Number ===

impl Number {
    fn write(self, out: &mut Vec<u8>) {
        let mut buffer = ryu::Buffer::new();
        match self {
            Self::Unsigned(value) => {
                out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
            }
            Self::Signed(value) => {
                out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
            }
            Self::Real(value) if value.is_finite() => {
                let text = buffer.format_finite(value);
                out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
            }
            Self::Real(value) if value.is_nan() => out.extend_from_slice(b"NaN"),
            Self::Real(value) if value > 0.0 => out.extend_from_slice(b"+Inf"),
            Self::Real(_) => out.extend_from_slice(b"-Inf"),
        }
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::Unsigned(value)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::Signed(value)
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<Offset> for Number {
    fn from(offset: Offset) -> Self {
        Self::Unsigned(offset.get())
    }
}

fn write_escaped(out: &mut Vec<u8>, value: &str) {
    for &byte in value.as_bytes() {
        match byte {
            b'\\' => out.extend_from_slice(br"\\"),
            b'"' => out.extend_from_slice(br#"\""#),
            b'\n' => out.extend_from_slice(br"\n"),
            _ => out.push(byte),
        }
    }
}
