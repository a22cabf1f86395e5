//! Text from outside the programs, such as messages of brokers, made fit for a log line and for an HTTP answer: short and on one line.

use std::fmt::{self, Write};

/// The greatest number of characters of a text from outside where it is shown.
pub const MAX_CHARS: usize = 256;

/// The character that stands at the end of a text that was cut.
const ELLIPSIS: char = '\u{2026}';

/// A writer of at most a given number of characters, none of which ends the line or steers a terminal.
#[derive(Debug)]
struct Sanitizer<W> {
    to: W,
    /// The number of characters that may still be written.
    left: usize,
    /// The last character that fits. Where nothing follows, this character is written, otherwise [`ELLIPSIS`].
    last: Option<char>,
    truncation: Truncation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truncation {
    /// The text fits so far, and every character has been written or is `last`.
    Whole,
    /// The end has been cut off, and nothing more is written.
    Cut,
}

/// Returns `text` cut to [`MAX_CHARS`] characters, with control characters and those that change the direction of writing escaped.
pub fn sanitize(text: &str) -> String {
    let mut shown = String::new();
    // Writing to a String never fails.
    write_sanitized(&mut shown, MAX_CHARS, format_args!("{text}")).ok();
    shown
}

/// Writes `text` to `to` as [`sanitize`] does, cut to `max_chars` characters, which must be at least one.
pub(crate) fn write_sanitized(
    to: impl Write,
    max_chars: usize,
    text: fmt::Arguments<'_>,
) -> fmt::Result {
    let mut sanitizer = Sanitizer {
        to,
        left: max_chars,
        last: None,
        truncation: Truncation::Whole,
    };
    let written = sanitizer.write_fmt(text);
    match (written, sanitizer.truncation) {
        // The formatting was stopped on purpose when the text was cut.
        (Err(_), Truncation::Cut) => Ok(()),
        (Err(error), Truncation::Whole) => Err(error),
        (Ok(()), _) => sanitizer.finish(),
    }
}

/// Returns true for a character that would end the line, steer a terminal or change the direction of writing.
fn must_be_escaped(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

// === impl Sanitizer ===

impl<W: Write> Sanitizer<W> {
    fn push(&mut self, character: char) -> fmt::Result {
        if self.last.take().is_some() {
            self.truncation = Truncation::Cut;
            self.left = 0;
            self.to.write_char(ELLIPSIS)?;
            return Err(fmt::Error);
        }
        self.left -= 1;
        if self.left == 0 {
            self.last = Some(character);
            return Ok(());
        }
        self.to.write_char(character)
    }

    fn finish(mut self) -> fmt::Result {
        match self.last.take() {
            Some(last) => self.to.write_char(last),
            None => Ok(()),
        }
    }
}

impl<W: Write> Write for Sanitizer<W> {
    /// Fails once the text is cut, which stops the formatting.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.truncation == Truncation::Cut {
            return Err(fmt::Error);
        }
        for character in text.chars() {
            if must_be_escaped(character) {
                for escaped in character.escape_default() {
                    self.push(escaped)?;
                }
            } else {
                self.push(character)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_fits_is_shown_as_it_is() {
        let longest = "ä".repeat(MAX_CHARS);
        for text in ["", "connection refused", "größer als \"nichts\"", &longest] {
            assert_eq!(sanitize(text), text);
        }
    }

    #[test]
    fn a_longer_text_is_cut_between_characters() {
        let shown = sanitize(&"ä".repeat(MAX_CHARS + 1));
        assert_eq!(shown, "ä".repeat(MAX_CHARS - 1) + "\u{2026}");
        assert_eq!(sanitize(&"x".repeat(3 << 20)).chars().count(), MAX_CHARS);
    }

    #[test]
    fn characters_that_end_the_line_or_steer_a_terminal_are_escaped() {
        let shown = sanitize("a\nb\r\x1b[31m\u{9b}\u{202e}\u{2028}\0");
        assert_eq!(shown, "a\\nb\\r\\u{1b}[31m\\u{9b}\\u{202e}\\u{2028}\\u{0}");
    }

    #[test]
    fn each_character_of_an_escape_counts() {
        assert_eq!(sanitize(&"\n".repeat(MAX_CHARS)).chars().count(), MAX_CHARS);
    }

    #[test]
    fn an_error_of_the_writer_is_no_cut() {
        struct Broken;
        impl Write for Broken {
            fn write_str(&mut self, _: &str) -> fmt::Result {
                Err(fmt::Error)
            }
        }
        assert!(write_sanitized(Broken, MAX_CHARS, format_args!("x")).is_err());
    }
}
