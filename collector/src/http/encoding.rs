//! The negotiation of the content encoding. Pure.

use axum::http::{HeaderMap, header};

/// The encoding of an answer of `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// The answer has the compressed bytes, as they are kept.
    Gzip,
    /// The answer has the inflated text.
    Identity,
}

/// Returns the encoding for a request with `headers`: gzip if the client accepts it, else text.
pub(super) fn negotiate(headers: &HeaderMap) -> Encoding {
    let mut named = None;
    let mut any = None;
    let values = headers.get_all(header::ACCEPT_ENCODING).into_iter();
    for item in values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let (coding, accepted) = parse(item);
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            named = Some(accepted);
        } else if coding == "*" {
            any = Some(accepted);
        }
    }
    match named.or(any) {
        Some(Accepted::Yes) => Encoding::Gzip,
        Some(Accepted::No) | None => Encoding::Identity,
    }
}

#[derive(Clone, Copy)]
enum Accepted {
    Yes,
    No,
}

/// Parses an item such as `gzip;q=0.5`. A weight that cannot be parsed counts as a refusal, since text is always correct.
fn parse(item: &str) -> (&str, Accepted) {
    let mut parts = item.split(';').map(str::trim);
    let coding = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let accepted = match weight.map(str::parse::<f32>) {
        None => Accepted::Yes,
        Some(Ok(weight)) if weight > 0.0 => Accepted::Yes,
        Some(_) => Accepted::No,
    };
    (coding, accepted)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn gzip_is_sent_only_to_clients_that_accept_it() {
        for (accepts, expected) in [
            ("gzip", Encoding::Gzip),
            ("GZIP", Encoding::Gzip),
            ("x-gzip", Encoding::Gzip),
            ("deflate, gzip;q=0.5, br", Encoding::Gzip),
            ("gzip ; q=1", Encoding::Gzip),
            ("*", Encoding::Gzip),
            ("*;q=0, gzip", Encoding::Gzip),
            ("", Encoding::Identity),
            ("identity", Encoding::Identity),
            ("br, zstd", Encoding::Identity),
            ("gzip;q=0", Encoding::Identity),
            ("gzip;q=0.000", Encoding::Identity),
            ("gzip; Q=0, *", Encoding::Identity),
            ("gzip;q=much", Encoding::Identity),
            ("*;q=0", Encoding::Identity),
            ("gzipped", Encoding::Identity),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepts));
            assert_eq!(negotiate(&headers), expected, "{accepts}");
        }
    }

    #[test]
    fn no_header_means_text_and_several_are_one_list() {
        let mut headers = HeaderMap::new();
        assert_eq!(negotiate(&headers), Encoding::Identity);
        headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static("br"));
        headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(negotiate(&headers), Encoding::Gzip);
    }
}
