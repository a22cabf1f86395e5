//! Values that are never printed.

use std::fmt;

/// A value that is handed to librdkafka and never printed: `Debug` and `Display` write `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

// === impl Secret ===

impl Secret {
    /// Wraps `value`, so that it is not printed any more.
    pub const fn new(value: String) -> Self {
        Self(value)
    }

    /// Returns the value itself. The caller is responsible for where the value goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
