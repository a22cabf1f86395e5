//! The address of a source of leadership.

use std::fmt;
use std::path::{Path, PathBuf};

use super::brokers::is_broker;
use super::form::Rejection;

/// The address at which the collector asks for leadership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceUrl {
    /// A plain `http://` URL without query and fragment.
    Http(String),
    /// The absolute path of a Unix socket.
    Unix(PathBuf),
}

// === impl SourceUrl ===

impl SourceUrl {
    /// Parses `http://host:port/path` or `unix:/path`.
    ///
    /// # Errors
    /// Returns the reason why `text` is no such address, without `text`, since people put passwords into URLs.
    pub(super) fn parse(text: &str) -> Result<Self, Rejection> {
        let because = |reason: &str| Rejection::Because(reason.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            let absolute = Path::new(path).is_absolute();
            return absolute
                .then(|| Self::Unix(PathBuf::from(path)))
                .ok_or_else(|| because("the path of the socket is not absolute"));
        }
        let rest = text
            .strip_prefix("http://")
            .ok_or_else(|| because("it begins neither with http:// nor with unix:"))?;
        if rest.contains(['?', '#', '@']) || rest.contains(char::is_whitespace) {
            return Err(because("it has a query, a fragment, a user or a space"));
        }
        let authority = rest.split('/').next().unwrap_or_default();
        if !is_broker(authority) {
            return Err(because("its host or port is wrong"));
        }
        Ok(Self::Http(text.to_owned()))
    }
}

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => f.write_str(url),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
