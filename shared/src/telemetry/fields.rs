//! The values in log lines. Texts from outside, such as messages of brokers, are logged as values of fields, so here they are cut to a
//! bound, and characters that would end the line or steer a terminal are escaped.

use std::fmt;

use serde_json::Value;
use tracing::field::Field;
use tracing_subscriber::fmt::format::Writer;

use crate::text::{MAX_CHARS, write_sanitized};

/// The greatest number of characters of a message. The programs' own messages are constant; only libraries put values into theirs.
const MAX_MESSAGE_CHARS: usize = 1024;

/// The name of the field that has the message.
const MESSAGE: &str = "message";

/// Writes one field of an event or a span in the format for a person.
pub(super) fn write_field(
    to: &mut Writer<'_>,
    field: &Field,
    value: &dyn fmt::Debug,
) -> fmt::Result {
    let name = field.name();
    if name == MESSAGE {
        return write_sanitized(to, MAX_MESSAGE_CHARS, format_args!("{value:?}"));
    }
    if to.has_ansi_escapes() {
        write!(to, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m")?;
    } else {
        write!(to, "{name}=")?;
    }
    write_sanitized(to, MAX_CHARS, format_args!("{value:?}"))
}

/// Cuts the values in a whole line of JSON; `None` where the line is short enough, or is not JSON. JSON itself escapes the
/// characters that would end the line or steer a terminal.
pub(super) fn shorten_json_line(line: &[u8]) -> Option<Vec<u8>> {
    if line.len() <= MAX_CHARS {
        return None;
    }
    let mut value: Value = serde_json::from_slice(line).ok()?;
    shorten_values(&mut value, MAX_CHARS);
    let mut line = serde_json::to_vec(&value).ok()?;
    line.push(b'\n');
    Some(line)
}

fn shorten_values(value: &mut Value, max_chars: usize) {
    match value {
        Value::String(text) => {
            if text.chars().nth(max_chars).is_some() {
                let mut short = String::new();
                // Writing to a String never fails.
                write_sanitized(&mut short, max_chars, format_args!("{text}")).ok();
                *text = short;
            }
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| shorten_values(value, max_chars)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let max_chars = if name == MESSAGE {
                    MAX_MESSAGE_CHARS
                } else {
                    max_chars
                };
                shorten_values(value, max_chars);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use tracing::{info, info_span};
    use tracing_subscriber::field::MakeExt as _;
    use tracing_subscriber::fmt::format::debug_fn;

    use super::*;

    #[derive(Clone)]
    struct Line(Sender<Vec<u8>>);

    impl io::Write for Line {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.send(line.to_vec()).unwrap();
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the line that `log` writes in the format for a person, without the time.
    fn written(log: impl FnOnce()) -> String {
        let (sender, lines): (_, Receiver<Vec<u8>>) = channel();
        let line = Line(sender);
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_writer(move || line.clone())
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        String::from_utf8(lines.recv().unwrap()).unwrap()
    }

    #[test]
    fn a_line_for_a_person_has_level_span_message_and_fields() {
        let line = written(|| {
            let _entered = info_span!("cluster", cluster = %"orders").entered();
            info!(identity = "pod-a", n = 3, "Acquired leadership");
        });
        assert_eq!(
            line,
            " INFO cluster{cluster=orders}: Acquired leadership identity=\"pod-a\" n=3\n"
        );
    }

    #[test]
    fn a_hostile_value_neither_breaks_the_line_nor_makes_it_long() {
        let hostile = format!("a\n ERROR Forged\x1b[2J{}", "x".repeat(3 << 20));
        let line = written(|| info!(error = %hostile, quoted = hostile, "Failed"));
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(line.len() < 600, "{} bytes", line.len());
        assert!(!line.contains('\x1b'));
        let message = written(|| info!("{hostile}"));
        assert_eq!(message.lines().count(), 1);
        assert!(message.len() < 1100, "{} bytes", message.len());
    }

    #[test]
    fn values_in_json_are_cut_and_the_line_stays_json() {
        let long = "ä".repeat(2000);
        let line = format!(
            r#"{{"level":"WARN","message":"{long}","error":"{long}","spans":[{{"cluster":"{long}"}}],"n":3}}"#
        );
        let short = shorten_json_line(line.as_bytes()).unwrap();
        assert!(short.ends_with(b"}\n"));
        let value: Value = serde_json::from_slice(&short).unwrap();
        let length = |value: &Value| value.as_str().unwrap().chars().count();
        assert_eq!(length(&value["message"]), MAX_MESSAGE_CHARS);
        assert_eq!(length(&value["error"]), MAX_CHARS);
        assert_eq!(length(&value["spans"][0]["cluster"]), MAX_CHARS);
        assert_eq!(value["n"], 3);
        assert_eq!(shorten_json_line(br#"{"message":"short"}"#), None);
    }
}
