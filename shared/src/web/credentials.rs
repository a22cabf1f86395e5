//! The user name and the password of a request, from the header of basic authentication.

use std::fmt;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The greatest length of a header value that is decoded. Longer passwords have no use, since bcrypt ignores all bytes after the 72nd.
const MAX_CHARS: usize = 1024;

/// A user name and a password, which are never printed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    /// The name that the client sent. There may be no such user.
    pub(super) user: String,
    /// The password that the client sent.
    pub(super) password: Vec<u8>,
}

// === impl Credentials ===

impl Credentials {
    /// Reads the header `Authorization`; `None` if the header is missing, has another form than that of basic
    /// authentication, or is too long.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, encoded) = value.split_once(' ')?;
        let encoded = encoded.trim();
        if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > MAX_CHARS {
            return None;
        }
        let mut decoded = STANDARD.decode(encoded).ok()?;
        let colon = decoded.iter().position(|&byte| byte == b':')?;
        let password = decoded.split_off(colon + 1);
        decoded.pop();
        let user = String::from_utf8(decoded).ok()?;
        Some(Self { user, password })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(value: &str) -> Option<(String, Vec<u8>)> {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(value).unwrap();
        headers.insert(header::AUTHORIZATION, value);
        Credentials::of(&headers).map(|read| (read.user, read.password))
    }

    #[test]
    fn the_password_begins_after_the_first_colon() {
        let sent = format!("Basic {}", STANDARD.encode("prom:hunter2:x"));
        assert_eq!(
            read(&sent),
            Some(("prom".to_owned(), b"hunter2:x".to_vec()))
        );
        let sent = format!("bASIC {}", STANDARD.encode(":"));
        assert_eq!(read(&sent), Some((String::new(), Vec::new())));
    }

    #[test]
    fn other_forms_are_no_credentials() {
        let long = format!("Basic {}", STANDARD.encode("a:".repeat(1000)));
        for sent in [
            "",
            "Basic",
            "Basic ",
            "Basic !!",
            "Basic cHJvbQ==",
            "Bearer YTpi",
            "Basic /zo=",
            &long,
        ] {
            assert_eq!(read(sent), None, "{sent}");
        }
        assert_eq!(Credentials::of(&HeaderMap::new()), None);
    }
}
