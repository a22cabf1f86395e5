//! References outside quotes, such as `http_port = ${PORT:-8000}`, which are not TOML.
//!
//! klag-exporter replaces references in the text of the file before it parses that text. In this module references are put into
//! quotes instead, so that the file is parsed first and the value of a variable cannot change its structure.

/// The text of a file in which all references are inside quotes. Every line has its old number.
pub(super) struct QuotedReferences {
    pub(super) text: String,
    /// The offsets of the strings that were references without quotes, ascending.
    pub(super) starts: Vec<usize>,
}

/// Puts quotes around the references that have none, in a time that is linear in the length of the text.
pub(super) fn quote_references(text: &str) -> QuotedReferences {
    let mut out = String::with_capacity(text.len());
    let mut starts = Vec::new();
    let mut rest = text;
    // The rest of a line without a closing brace, which need not be searched again for each "${" in it.
    let mut unclosed = 0..0;
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let found = if unclosed.contains(&at) {
            None
        } else {
            reference(rest)
        };
        if found.is_none() && rest.starts_with("${") && !unclosed.contains(&at) {
            unclosed = at..at + rest.find('\n').unwrap_or(rest.len());
        }
        if let Some(reference) = found {
            starts.push(out.len());
            out.push('"');
            out.push_str(&reference.replace('\\', "\\\\").replace('"', "\\\""));
            out.push('"');
            rest = &rest[reference.len()..];
        } else {
            let (token, after) = rest.split_at(token(rest));
            out.push_str(token);
            rest = after;
        }
    }
    QuotedReferences { text: out, starts }
}

/// Returns the reference at the beginning of `text`, if there is one that ends on the same line.
fn reference(text: &str) -> Option<&str> {
    text.strip_prefix("${")?;
    let end = text.find(['}', '\n'])?;
    text[end..].starts_with('}').then(|| &text[..=end])
}

/// Returns the length of the string, comment or character at the beginning of `text`.
fn token(text: &str) -> usize {
    if text.starts_with('#') {
        return text.find('\n').unwrap_or(text.len());
    }
    for quotes in ["\"\"\"", "'''"] {
        if text.starts_with(quotes) {
            return multi_line(text, quotes);
        }
    }
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => single_line(text, quote),
        Some(c) => c.len_utf8(),
        None => 0,
    }
}

fn single_line(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        if c == quote {
            return i + 1;
        }
        // A string without an end ends with its line; the TOML parser reports the mistake.
        if c == '\n' {
            return i;
        }
        if c == '\\' && quote == '"' {
            chars.next();
        }
    }
    text.len()
}

fn multi_line(text: &str, quotes: &str) -> usize {
    let mut i = quotes.len();
    while i < text.len() {
        let rest = &text[i..];
        if rest.starts_with(quotes) {
            // TOML allows one or two quotes of the string itself in front of the closing quotes.
            let extra = rest[3..].chars().take_while(|c| quotes.starts_with(*c));
            return i + 3 + extra.take(2).count();
        }
        let escaped = rest.starts_with('\\') && quotes.starts_with('"');
        let step: usize = rest
            .chars()
            .take(1 + usize::from(escaped))
            .map(char::len_utf8)
            .sum();
        i += step;
    }
    text.len()
}
