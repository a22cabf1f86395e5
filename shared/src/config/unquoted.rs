//! References to variables outside quotes: `http_port = ${PORT:-8000}`.
//!
//! That is not TOML. klag-exporter replaced references in the text of the file; here they are put
//! in quotes, so that the file parses first and the variable's value can change nothing in it.

/// A file's text with all references inside quotes; lines are where they were.
pub(super) struct QuotedReferences {
    pub(super) text: String,
    /// Where the strings begin that were no strings, ascending.
    pub(super) starts: Vec<usize>,
}

/// Puts quotes around the references that have none.
pub(super) fn quote_references(text: &str) -> QuotedReferences {
    let mut out = String::with_capacity(text.len());
    let mut starts = Vec::new();
    let mut rest = text;
    // Of a line in which nothing closes any more, every "${" would look for it again.
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

/// The reference that `text` begins with, if it ends on the same line.
fn reference(text: &str) -> Option<&str> {
    text.strip_prefix("${")?;
    let end = text.find(['}', '\n'])?;
    text[end..].starts_with('}').then(|| &text[..=end])
}

/// Length of the string, the comment or the character that `text` begins with.
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
        // An unclosed string is the parser's business; it ends with its line.
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
            // Up to two quotes may belong to the string itself.
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
