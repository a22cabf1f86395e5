//! A strict JSON parser that keeps repeated keys.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// A JSON value as it was written: numbers are kept as text, and repeated keys are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Fields(Vec<(String, Json)>),
}

/// Parses `text`; returns `None` if it is anything but one JSON value.
pub(super) fn scan(text: &str) -> Option<Json> {
    let mut rest = text.chars().peekable();
    let json = value(&mut rest)?;
    space(&mut rest);
    rest.next().is_none().then_some(json)
}

type Rest<'t> = Peekable<Chars<'t>>;

fn space(rest: &mut Rest<'_>) {
    while rest.next_if(|c| " \t\r\n".contains(*c)).is_some() {}
}

fn value(rest: &mut Rest<'_>) -> Option<Json> {
    space(rest);
    match rest.peek()? {
        '{' => fields(rest),
        '[' => list(rest),
        '"' => string(rest).map(Json::Text),
        't' => word(rest, "true", Json::Bool(true)),
        'f' => word(rest, "false", Json::Bool(false)),
        'n' => word(rest, "null", Json::Null),
        _ => number(rest),
    }
}

fn word(rest: &mut Rest<'_>, word: &str, json: Json) -> Option<Json> {
    for c in word.chars() {
        rest.next_if_eq(&c)?;
    }
    Some(json)
}

fn number(rest: &mut Rest<'_>) -> Option<Json> {
    let mut text = String::new();
    let digits = |rest: &mut Rest<'_>, text: &mut String| {
        let before = text.len();
        while let Some(digit) = rest.next_if(char::is_ascii_digit) {
            text.push(digit);
        }
        text.len() - before
    };
    text.extend(rest.next_if_eq(&'-'));
    let whole = text.len();
    if digits(rest, &mut text) == 0 || (text[whole..].starts_with('0') && text.len() > whole + 1) {
        return None;
    }
    if let Some(dot) = rest.next_if_eq(&'.') {
        text.push(dot);
        (digits(rest, &mut text) > 0).then_some(())?;
    }
    if let Some(e) = rest.next_if(|c| "eE".contains(*c)) {
        text.push(e);
        text.extend(rest.next_if(|c| "+-".contains(*c)));
        (digits(rest, &mut text) > 0).then_some(())?;
    }
    // A number that no double can hold is refused by most readers.
    let readable = text.parse::<f64>().is_ok_and(f64::is_finite);
    readable.then_some(Json::Number(text))
}

fn string(rest: &mut Rest<'_>) -> Option<String> {
    rest.next_if_eq(&'"')?;
    let mut text = String::new();
    loop {
        match rest.next()? {
            '"' => return Some(text),
            '\\' => text.push(escape(rest)?),
            c if c < ' ' => return None,
            c => text.push(c),
        }
    }
}

fn escape(rest: &mut Rest<'_>) -> Option<char> {
    Some(match rest.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        c @ ('"' | '\\' | '/') => c,
        'u' => {
            let mut code = 0;
            for _ in 0..4 {
                code = code * 16 + rest.next()?.to_digit(16)?;
            }
            // Surrogate halves are never generated, and alone they are not a character.
            char::from_u32(code)?
        }
        _ => return None,
    })
}

fn list(rest: &mut Rest<'_>) -> Option<Json> {
    rest.next_if_eq(&'[')?;
    let mut items = Vec::new();
    space(rest);
    if rest.next_if_eq(&']').is_some() {
        return Some(Json::List(items));
    }
    loop {
        items.push(value(rest)?);
        space(rest);
        match rest.next()? {
            ',' => {}
            ']' => return Some(Json::List(items)),
            _ => return None,
        }
    }
}

fn fields(rest: &mut Rest<'_>) -> Option<Json> {
    rest.next_if_eq(&'{')?;
    let mut fields = Vec::new();
    space(rest);
    if rest.next_if_eq(&'}').is_some() {
        return Some(Json::Fields(fields));
    }
    loop {
        space(rest);
        let name = string(rest)?;
        space(rest);
        rest.next_if_eq(&':')?;
        fields.push((name, value(rest)?));
        space(rest);
        match rest.next()? {
            ',' => {}
            '}' => return Some(Json::Fields(fields)),
            _ => return None,
        }
    }
}

// === impl Json ===

impl Json {
    /// Returns the number of ways to read the value, if any of several values of a key may count.
    pub(super) fn n_readings(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => 1,
            Self::List(items) => items.iter().map(Self::n_readings).product(),
            Self::Fields(fields) => {
                let mut by_name = BTreeMap::new();
                for (name, value) in fields {
                    *by_name.entry(name).or_insert(0) += value.n_readings();
                }
                by_name.into_values().product()
            }
        }
    }

    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        let Self::Fields(fields) = self else {
            return None;
        };
        let found = fields.iter().find(|(written, _)| written == name);
        found.map(|(_, value)| value)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value of a number that was written without sign, fraction and exponent.
    pub(super) fn whole_number(&self) -> Option<u64> {
        match self {
            Self::Number(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok()
            }
            _ => None,
        }
    }
}
