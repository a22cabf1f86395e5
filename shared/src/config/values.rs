//! From a value of the file to the type that the program wants.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::brokers::is_broker;
use super::document::Value;
use super::keys::{Form, Key};
use super::model::SourceUrl;

/// Why a value does not do.
#[derive(Debug)]
pub(super) enum Rejection {
    /// It has not the form that the key asks for.
    Form,
    /// For this reason; the value is not shown.
    Because(String),
}

pub(super) fn duration(form: &Form, value: &Value) -> Result<Duration, Rejection> {
    let text = value.as_text().ok_or(Rejection::Form)?;
    let duration = humantime::parse_duration(text).map_err(|_| Rejection::Form)?;
    match form {
        Form::Duration { least, most } if (*least..=*most).contains(&duration) => Ok(duration),
        _ => Err(Rejection::Form),
    }
}

pub(super) fn whole(form: &Form, value: &Value) -> Result<u32, Rejection> {
    let number = match value {
        Value::Integer(n) => u32::try_from(*n).ok(),
        Value::Resolved(text) => text.trim().parse().ok(),
        _ => None,
    };
    match (form, number) {
        (Form::Whole { least, most }, Some(n)) if (*least..=*most).contains(&n) => Ok(n),
        _ => Err(Rejection::Form),
    }
}

/// A whole number that has no effect, so it may be any.
pub(super) fn idle(_: &Form, value: &Value) -> Result<(), Rejection> {
    let any = Form::Whole {
        least: 0,
        most: u32::MAX,
    };
    whole(&any, value).map(drop)
}

pub(super) fn port(form: &Form, value: &Value) -> Result<u16, Rejection> {
    u16::try_from(whole(form, value)?).map_err(|_| Rejection::Form)
}

pub(super) fn switch(_: &Form, value: &Value) -> Result<bool, Rejection> {
    match value {
        Value::Boolean(value) => Ok(*value),
        Value::Resolved(text) => text.trim().parse().map_err(|_| Rejection::Form),
        _ => Err(Rejection::Form),
    }
}

pub(super) fn choice(form: &Form, value: &Value) -> Result<&'static str, Rejection> {
    let Form::Choice(words) = form else {
        return Err(Rejection::Form);
    };
    let chosen = words.iter().find(|word| value.as_text() == Some(word));
    chosen.copied().ok_or(Rejection::Form)
}

/// The default of a key that is a list of texts.
pub(super) fn default_texts(key: &Key) -> Vec<String> {
    let Some(Value::List(items)) = key.default.value() else {
        return Vec::new();
    };
    let texts = items.iter().filter_map(|(_, item)| item.as_text());
    texts.map(str::to_owned).collect()
}

/// Text with at least one character, none of which is a space or a control character.
pub(super) fn name(_: &Form, value: &Value) -> Result<String, Rejection> {
    let text = value.as_text().ok_or(Rejection::Form)?;
    let odd = |c: char| c.is_whitespace() || c.is_control();
    if text.is_empty() || text.contains(odd) {
        return Err(Rejection::Form);
    }
    Ok(text.to_owned())
}

/// Text with something to see in it.
pub(super) fn title(_: &Form, value: &Value) -> Result<String, Rejection> {
    let text = value.as_text().ok_or(Rejection::Form)?;
    if text.trim().is_empty() || text.contains(char::is_control) {
        return Err(Rejection::Form);
    }
    Ok(text.to_owned())
}

/// One label of a DNS name (RFC 1123).
pub(super) fn dns_label(form: &Form, value: &Value) -> Result<String, Rejection> {
    let text = name(form, value)?;
    if text.len() <= 63 && is_dns_label(&text) {
        return Ok(text);
    }
    Err(Rejection::Form)
}

/// Labels of a DNS name with dots between them.
pub(super) fn dns_name(form: &Form, value: &Value) -> Result<String, Rejection> {
    let text = name(form, value)?;
    if text.len() <= 253 && text.split('.').all(is_dns_label) {
        return Ok(text);
    }
    Err(Rejection::Form)
}

fn is_dns_label(label: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    label.starts_with(plain)
        && label.ends_with(plain)
        && label.chars().all(|c| plain(c) || c == '-')
}

pub(super) fn host(_: &Form, value: &Value) -> Result<IpAddr, Rejection> {
    match value.as_text().ok_or(Rejection::Form)? {
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        // klag-exporter put the port behind it, so IPv6 needed brackets.
        text if text.starts_with('[') => {
            let address = text[1..].strip_suffix(']').ok_or(Rejection::Form)?;
            let address: Ipv6Addr = address.parse().map_err(|_| Rejection::Form)?;
            Ok(address.into())
        }
        text => text.parse().map_err(|_| Rejection::Form),
    }
}

pub(super) fn address(_: &Form, value: &Value) -> Result<SocketAddr, Rejection> {
    let text = value.as_text().ok_or(Rejection::Form)?;
    text.parse().map_err(|_| Rejection::Form)
}

pub(super) fn url(_: &Form, value: &Value) -> Result<SourceUrl, Rejection> {
    // The value is not shown: people put passwords into URLs.
    let because = |reason: &str| Rejection::Because(reason.to_owned());
    let text = value.as_text().ok_or(Rejection::Form)?;
    if let Some(path) = text.strip_prefix("unix:") {
        let absolute = Path::new(path).is_absolute();
        return absolute
            .then(|| SourceUrl::Unix(PathBuf::from(path)))
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
    Ok(SourceUrl::Http(text.to_owned()))
}

/// What to tell about a pattern that does not compile, in one line.
pub(super) fn bad_pattern(error: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(_) = error {
        return "takes too much memory; write fewer or shorter patterns, and in braces smaller numbers"
            .to_owned();
    }
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let reason = last.trim().trim_start_matches("error: ");
    format!("not a regular expression: {reason}; write \\ before a character meant literally")
}

// === impl Wrong ===

impl Rejection {
    /// What to tell the user.
    pub(super) fn message(&self, form: &Form, value: &Value) -> String {
        match self {
            Self::Form => format!("write {form}, not {value}"),
            Self::Because(reason) => format!("{reason}; write {form}"),
        }
    }
}
