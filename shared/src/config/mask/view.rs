//! A text as it is seen by whoever looks for secrets in it: as it stands, or with percent-encoding undone.
//!
//! Libraries repeat parts of URLs, in which a secret may stand encoded. There are several encodings of one text, which differ in the
//! characters that they encode and in the case of the digits, so the message is decoded rather than the secret encoded.

use std::ops::Range;

/// The spellings of a text in URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// `%20` is a space, as in the path of a URL.
    Percent,
    /// A `+` is a space too, as in a form.
    Form,
}

/// A text, and the place in an original text that each of its bytes comes from.
#[derive(Debug)]
pub(super) struct View {
    /// The text.
    pub(super) text: String,
    /// The start in the original of each byte of the text, and then the end of the original.
    starts: Vec<usize>,
}

/// Returns `text` with its percent-encoding undone.
pub(super) fn decoded(text: &str) -> String {
    View::decoded(text, Spelling::Percent).text
}

// === impl View ===

impl View {
    /// Returns the view of `original` as it stands.
    pub(super) fn plain(original: &str) -> Self {
        Self {
            text: original.to_owned(),
            starts: (0..=original.len()).collect(),
        }
    }

    /// Returns the view of `original` without the encoding. What is not encoded in UTF-8 stays as it is. An escape that the end cuts off is
    /// left out.
    pub(super) fn decoded(original: &str, spelling: Spelling) -> Self {
        let mut view = Self {
            text: String::with_capacity(original.len()),
            starts: Vec::with_capacity(original.len() + 1),
        };
        let mut at = 0;
        while let Some(c) = original[at..].chars().next() {
            let rest = &original[at..];
            let escaped = escapes(rest);
            if !escaped.is_empty() {
                match std::str::from_utf8(&escaped) {
                    Ok(decoded) => view.push(decoded, (0..escaped.len()).map(|i| at + 3 * i)),
                    Err(_) => view.push(&rest[..3 * escaped.len()], at..),
                }
                at += 3 * escaped.len();
            } else if c == '%' && is_cut_escape(rest) {
                break;
            } else if c == '+' && spelling == Spelling::Form {
                view.push(" ", at..);
                at += 1;
            } else {
                view.push(&rest[..c.len_utf8()], at..);
                at += c.len_utf8();
            }
        }
        view.starts.push(original.len());
        view
    }

    /// Returns the part of the original that `range` of the text comes from.
    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        self.starts[range.start]..self.starts[range.end]
    }

    fn push(&mut self, text: &str, starts: impl Iterator<Item = usize>) {
        self.text.push_str(text);
        self.starts.extend(starts.take(text.len()));
    }
}

/// Returns the bytes of the escapes with which `text` begins.
fn escapes(text: &str) -> Vec<u8> {
    let escapes = text.as_bytes().chunks_exact(3).map_while(|escape| {
        let [b'%', high, low] = *escape else {
            return None;
        };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        u8::try_from(digit(high)? * 16 + digit(low)?).ok()
    });
    escapes.collect()
}

/// Returns true if `text` is the beginning of an escape and no more.
fn is_cut_escape(text: &str) -> bool {
    text.len() < 3 && text[1..].chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_each_byte_knows_its_place() {
        let view = View::decoded("a%20ä%C3%a4+%zz%", Spelling::Percent);
        assert_eq!(view.text, "a ää+%zz");
        assert_eq!(view.original(1..2), 1..4);
        assert_eq!(view.original(4..6), 6..12);
        assert_eq!(view.original(0..view.text.len()), 0..17);
        assert_eq!(View::decoded("a+b", Spelling::Form).text, "a b");
        assert_eq!(View::plain("a%20").original(1..4), 1..4);
    }

    #[test]
    fn what_is_no_text_stays_encoded() {
        assert_eq!(decoded("a%ff%c3"), "a%ff%c3");
        assert_eq!(decoded("100%"), "100");
        assert_eq!(decoded("100% of"), "100% of");
        assert_eq!(decoded("%€%"), "%€");
    }
}
