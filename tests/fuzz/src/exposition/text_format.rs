//! A parser of the text format 0.0.4, written from Prometheus' specification ("Exposition formats").
//!
//! A line ends with a line feed and with nothing else. In the value of a label a backslash stands before a backslash, a quote or an `n`,
//! and every other character stands for itself.

/// One sample, with its labels in the order of the text, or one header line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    /// The name of the family.
    pub(super) name: String,
    /// The labels, sorted by name, with their values.
    pub(super) labels: Vec<(String, String)>,
    /// The value as the text has it.
    pub(super) value: String,
}

/// Returns the samples of `text`. Their families have a header, and every family stands in one piece.
///
/// # Panics
/// The text is not of the format.
pub(super) fn parse(text: &str) -> Vec<Series> {
    let Some(lines) = text.strip_suffix('\n') else {
        assert!(text.is_empty(), "the last line ends");
        return Vec::new();
    };
    let mut all: Vec<Series> = Vec::new();
    let mut families: Vec<&str> = Vec::new();
    for line in lines.split('\n') {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, _) = help.split_once(' ').expect("a name and a help");
            assert!(!families.contains(&name), "{name} once");
            families.push(name);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a type");
            assert_eq!(families.last(), Some(&name));
            assert!(["gauge", "counter"].contains(&kind), "{kind}");
        } else {
            let series = sample(line);
            assert_eq!(families.last(), Some(&series.name.as_str()), "{line}");
            all.push(series);
        }
    }
    let mut places: Vec<_> = all.iter().map(|it| (&it.name, &it.labels)).collect();
    places.sort();
    assert!(
        places.windows(2).all(|pair| pair[0] != pair[1]),
        "every series once: {text}"
    );
    all
}

fn sample(line: &str) -> Series {
    let end = line.find(['{', ' ']).expect("a value");
    let (name, rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let (mut labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest),
        None => (Vec::new(), rest),
    };
    labels.sort();
    assert!(labels.windows(2).all(|pair| pair[0].0 != pair[1].0));
    let value = value.strip_prefix(' ').expect("a space before the value");
    value.parse::<f64>().expect("a number");
    Series {
        name: name.to_owned(),
        labels,
        value: value.to_owned(),
    }
}

/// Reads labels up to the closing brace. Returns them and the text behind the brace.
fn labels(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut labels = Vec::new();
    loop {
        let (name, after) = rest.split_once("=\"").expect("a label");
        assert!(is_name(name), "{name}");
        let (value, after) = quoted(after);
        labels.push((name.to_owned(), value));
        if let Some(end) = after.strip_prefix('}') {
            return (labels, end);
        }
        rest = after.strip_prefix(',').expect("another label");
    }
}

/// Reads the value of a label up to its closing quote. Returns it and the text behind the quote.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return (value, &text[i + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('"' | '\\'))) => value.push(c),
                other => panic!("{other:?} behind a backslash"),
            },
            c => value.push(c),
        }
    }
    panic!("a value without an end: {text}");
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    let begins = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    begins && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

// === impl Series ===

impl Series {
    /// Returns the same sample with other values of the labels `names`; values that are empty stay.
    pub(super) fn rename(mut self, names: &[&str], other: impl Fn(&str) -> String) -> Self {
        for (name, value) in &mut self.labels {
            if names.contains(&name.as_str()) && !value.is_empty() {
                *value = other(value);
            }
        }
        self
    }
}
