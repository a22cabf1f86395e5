//! The values that targets take from the bytes of a case, and what holds for all targets.

/// A secret that targets plant. Its letters occur in no other text.
pub const SECRET: &str = "hunter2-Zq9xW";

/// The bytes of a case, from whose beginning values are taken. A case that is used up gives zeros and empty texts.
#[derive(Debug)]
pub struct Case<'a>(&'a [u8]);

// === impl Case ===

impl<'a> Case<'a> {
    /// Returns a case with all of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns true if all bytes have been taken.
    pub const fn is_used_up(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes one byte.
    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    /// Takes a number of eight bytes.
    pub fn number(&mut self) -> u64 {
        let bytes = self.bytes(8);
        bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Takes a text: a byte with the length, and that many bytes, where bytes that are not UTF-8 are replaced.
    pub fn text(&mut self) -> String {
        let n_bytes = usize::from(self.byte());
        String::from_utf8_lossy(self.bytes(n_bytes)).into_owned()
    }

    /// Takes all bytes that are left.
    pub const fn rest(&mut self) -> &'a [u8] {
        let rest = self.0;
        self.0 = &[];
        rest
    }

    fn bytes(&mut self, n_bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n_bytes.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// Runs `read` and returns its result.
///
/// # Panics
/// At some moment, `read` had allocated more than `limit` bytes that were not freed.
pub fn within<T>(limit: usize, read: impl FnOnce() -> T) -> T {
    let mut result = None;
    let info = allocation_counter::measure(|| result = Some(read()));
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    assert!(
        info.bytes_max <= limit,
        "{} bytes were allocated at once, and {limit} are allowed",
        info.bytes_max
    );
    result.expect("the closure has run")
}

/// Checks a text that is made from bytes from outside and shown on one line.
///
/// # Panics
/// The text is longer than `max_chars`, or has a character that ends the line, steers a terminal or changes the direction of writing.
pub fn assert_one_line(text: &str, max_chars: usize) {
    let n_chars = text.chars().count();
    assert!(n_chars <= max_chars, "{n_chars} characters: {text:?}");
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!text.contains(steers), "{text:?}");
}
