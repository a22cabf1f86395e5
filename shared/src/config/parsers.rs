//! Parsers of keys that are texts with a form of their own.
//!
//! A parser gets the text with its references resolved. A parser never gets an empty text, which counts as a missing key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::form::Rejection;

/// Accepts a text without spaces and control characters.
pub(crate) fn word(text: &str) -> Result<String, Rejection> {
    let forbidden = |c: char| c.is_whitespace() || c.is_control();
    if text.is_empty() || text.contains(forbidden) {
        return Err(Rejection::WrongForm);
    }
    Ok(text.to_owned())
}

/// Accepts a text that has a visible character and no control characters.
pub(crate) fn title(text: &str) -> Result<String, Rejection> {
    if text.trim().is_empty() || text.contains(char::is_control) {
        return Err(Rejection::WrongForm);
    }
    Ok(text.to_owned())
}

/// Accepts one label of a DNS name (RFC 1123), such as the name of a Kubernetes namespace.
pub(crate) fn dns_label(text: &str) -> Result<String, Rejection> {
    if text.len() <= 63 && is_dns_label(text) {
        return Ok(text.to_owned());
    }
    Err(Rejection::WrongForm)
}

/// Accepts a DNS name, such as the name of a Kubernetes object.
pub(crate) fn dns_name(text: &str) -> Result<String, Rejection> {
    if text.len() <= 253 && text.split('.').all(is_dns_label) {
        return Ok(text.to_owned());
    }
    Err(Rejection::WrongForm)
}

fn is_dns_label(label: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    label.starts_with(alphanumeric)
        && label.ends_with(alphanumeric)
        && label.chars().all(|c| alphanumeric(c) || c == '-')
}

/// Accepts an IP address or `localhost`.
pub(crate) fn host(text: &str) -> Result<IpAddr, Rejection> {
    match text {
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        // klag-exporter appends the port to this text, so its users have to put an IPv6 address into brackets.
        text if text.starts_with('[') => {
            let address = text[1..].strip_suffix(']').ok_or(Rejection::WrongForm)?;
            let address: Ipv6Addr = address.parse().map_err(|_| Rejection::WrongForm)?;
            Ok(address.into())
        }
        text => text.parse().map_err(|_| Rejection::WrongForm),
    }
}

/// Accepts an IP address with a port, such as `127.0.0.1:8001`.
pub(crate) fn socket_address(text: &str) -> Result<SocketAddr, Rejection> {
    text.parse().map_err(|_| Rejection::WrongForm)
}
