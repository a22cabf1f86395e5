//! Text that comes from outside the programs, made fit for a line of a log and for an answer: short, and on one line.

use std::fmt::{self, Write};

/// Characters that a text from outside may have where it is shown.
pub const LONGEST: usize = 256;

/// What stands where a text was cut.
const CUT: char = '\u{2026}';

/// Writes no more than so many characters, none of which ends the line or steers a terminal.
#[derive(Debug)]
struct Brief<W> {
    to: W,
    /// How many characters may still be written.
    left: usize,
    /// The last character that fits: whether it or [`CUT`] is written depends on what follows.
    held: Option<char>,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    Cut,
}

/// `text` with at most [`LONGEST`] characters. Control characters and those that change the direction of writing are escaped.
pub fn brief(text: &str) -> String {
    let mut shown = String::new();
    // A String takes everything.
    write_brief(&mut shown, LONGEST, format_args!("{text}")).ok();
    shown
}

/// Writes `text` to `to` with at most `longest` characters, at least one.
pub(crate) fn write_brief(to: impl Write, longest: usize, text: fmt::Arguments<'_>) -> fmt::Result {
    let mut brief = Brief {
        to,
        left: longest,
        held: None,
        end: End::Open,
    };
    let written = brief.write_fmt(text);
    match (written, brief.end) {
        // The rest was not even formatted.
        (Err(_), End::Cut) => Ok(()),
        (Err(error), End::Open) => Err(error),
        (Ok(()), _) => brief.finish(),
    }
}

/// Whether a character must not be written as it is.
fn is_hostile(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

// === impl Brief ===

impl<W: Write> Brief<W> {
    fn push(&mut self, character: char) -> fmt::Result {
        if let Some(held) = self.held.take() {
            self.end = End::Cut;
            self.left = 0;
            self.to.write_char(if held == CUT { held } else { CUT })?;
            return Err(fmt::Error);
        }
        self.left -= 1;
        if self.left == 0 {
            self.held = Some(character);
            return Ok(());
        }
        self.to.write_char(character)
    }

    fn finish(mut self) -> fmt::Result {
        match self.held.take() {
            Some(held) => self.to.write_char(held),
            None => Ok(()),
        }
    }
}

impl<W: Write> Write for Brief<W> {
    /// Fails once the text is cut, which ends the formatting.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.end == End::Cut {
            return Err(fmt::Error);
        }
        for character in text.chars() {
            if is_hostile(character) {
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
        let longest = "ä".repeat(LONGEST);
        for text in ["", "connection refused", "größer als \"nichts\"", &longest] {
            assert_eq!(brief(text), text);
        }
    }

    #[test]
    fn a_longer_text_is_cut_between_characters() {
        let shown = brief(&"ä".repeat(LONGEST + 1));
        assert_eq!(shown, "ä".repeat(LONGEST - 1) + "\u{2026}");
        assert_eq!(brief(&"x".repeat(3 << 20)).chars().count(), LONGEST);
    }

    #[test]
    fn what_would_end_the_line_or_steer_a_terminal_is_escaped() {
        let shown = brief("a\nb\r\x1b[31m\u{9b}\u{202e}\u{2028}\0");
        assert_eq!(shown, "a\\nb\\r\\u{1b}[31m\\u{9b}\\u{202e}\\u{2028}\\u{0}");
    }

    #[test]
    fn escapes_count_for_what_they_are() {
        assert_eq!(brief(&"\n".repeat(LONGEST)).chars().count(), LONGEST);
    }

    #[test]
    fn an_error_of_the_writer_is_no_cut() {
        struct Broken;
        impl Write for Broken {
            fn write_str(&mut self, _: &str) -> fmt::Result {
                Err(fmt::Error)
            }
        }
        assert!(write_brief(Broken, LONGEST, format_args!("x")).is_err());
    }
}
