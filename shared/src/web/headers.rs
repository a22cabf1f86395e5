//! The headers that `http_server_config` adds to every response: those that exporter-toolkit allows.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::section_reader::{Keys, SectionReader};

/// The name of a header in the file and in a response, and the values that are allowed. An empty list allows any value.
type Allowed = (&'static str, HeaderName, &'static [&'static str]);

static ALLOWED: [Allowed; 5] = [
    (
        "Content-Security-Policy",
        header::CONTENT_SECURITY_POLICY,
        &[],
    ),
    (
        "X-Frame-Options",
        header::X_FRAME_OPTIONS,
        &["deny", "sameorigin"],
    ),
    (
        "X-Content-Type-Options",
        header::X_CONTENT_TYPE_OPTIONS,
        &["nosniff"],
    ),
    ("X-XSS-Protection", header::X_XSS_PROTECTION, &[]),
    (
        "Strict-Transport-Security",
        header::STRICT_TRANSPORT_SECURITY,
        &[],
    ),
];

const KEYS: Keys = Keys {
    known: &[
        "Content-Security-Policy",
        "X-Frame-Options",
        "X-Content-Type-Options",
        "X-XSS-Protection",
        "Strict-Transport-Security",
    ],
    refused: &[],
};

/// Reads the headers in the section `http_server_config`.
pub(super) fn read(section: &mut SectionReader<'_, '_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(mut reader) = section.section("headers", KEYS) else {
        return headers;
    };
    for (name, header, values) in &ALLOWED {
        let Some(text) = reader.text(name) else {
            continue;
        };
        if !values.is_empty() && !values.contains(&text) {
            reader.add_problem(name, format!("write {}", values.join(" or ")));
            continue;
        }
        match HeaderValue::from_str(text) {
            Ok(value) => {
                headers.insert(header, value);
            }
            Err(_) => reader.add_problem(
                name,
                "there is a line end or another control character in it; remove it",
            ),
        }
    }
    headers
}
