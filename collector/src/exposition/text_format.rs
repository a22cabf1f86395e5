//! The text format 0.0.4 of Prometheus: headers, samples, labels and numbers.

use super::Number;

/// A stack of labels as text: `{cluster_name="c",group="g"`, without the closing brace.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels {
    text: Vec<u8>,
    /// The length that `text` had before each label was pushed, for truncating.
    starts: Vec<usize>,
}

/// Writes the two header lines of a family.
pub(super) fn write_header(out: &mut Vec<u8>, name: &str, kind: &str, help: &str) {
    for part in [
        "# HELP ",
        name,
        " ",
        help,
        "\n# TYPE ",
        name,
        " ",
        kind,
        "\n",
    ] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Writes one sample.
pub(super) fn write_sample(out: &mut Vec<u8>, name: &str, labels: &Labels, value: Number) {
    out.extend_from_slice(name.as_bytes());
    if !labels.text.is_empty() {
        out.extend_from_slice(&labels.text);
        out.push(b'}');
    }
    out.push(b' ');
    write_number(value, out);
    out.push(b'\n');
}

// === impl Labels ===

impl Labels {
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    pub(super) fn truncate(&mut self, n_labels: usize) {
        if let Some(&start) = self.starts.get(n_labels) {
            self.text.truncate(start);
            self.starts.truncate(n_labels);
        }
    }

    pub(super) fn push(&mut self, name: &str, value: &str) {
        self.open(name);
        write_escaped(&mut self.text, value);
        self.text.push(b'"');
    }

    pub(super) fn push_number(&mut self, name: &str, value: i32) {
        self.open(name);
        self.text
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self.text.push(b'"');
    }

    fn open(&mut self, name: &str) {
        self.starts.push(self.text.len());
        self.text
            .push(if self.text.is_empty() { b'{' } else { b',' });
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b"=\"");
    }
}

fn write_number(number: Number, out: &mut Vec<u8>) {
    let mut buffer = ryu::Buffer::new();
    match number {
        Number::Unsigned(value) => {
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        }
        Number::Signed(value) => {
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        }
        Number::Real(value) if value.is_finite() => {
            let text = buffer.format_finite(value);
            out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
        }
        Number::Real(value) if value.is_nan() => out.extend_from_slice(b"NaN"),
        Number::Real(value) if value > 0.0 => out.extend_from_slice(b"+Inf"),
        Number::Real(_) => out.extend_from_slice(b"-Inf"),
    }
}

fn write_escaped(out: &mut Vec<u8>, value: &str) {
    // Nearly all values are written as they are, which is faster at once than byte by byte.
    let is_special = |&byte: &u8| matches!(byte, b'\\' | b'"' | b'\n');
    if !value.as_bytes().iter().any(is_special) {
        out.extend_from_slice(value.as_bytes());
        return;
    }
    for &byte in value.as_bytes() {
        match byte {
            b'\\' => out.extend_from_slice(br"\\"),
            b'"' => out.extend_from_slice(br#"\""#),
            b'\n' => out.extend_from_slice(br"\n"),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Returns a label as the format has it: in the value a backslash stands before a backslash and a quote, and a line feed is a
    /// backslash and an `n`.
    fn label(name: &str, value: &str) -> String {
        let value = value.replace('\\', r"\\");
        let value = value.replace('"', r#"\""#).replace('\n', r"\n");
        format!("{name}=\"{value}\"")
    }

    proptest! {
        // The number of cases is that of PROPTEST_CASES, if it is set.
        #[test]
        fn labels_are_escaped_whatever_a_client_calls_itself(
            values in vec(prop_oneof![r#"[ab"\\\n\r{},= ]{0,9}"#, ".{0,12}", any::<String>()], 1..4),
            number: i32,
            value: u64,
        ) {
            let mut labels = Labels::default();
            labels.push("cluster_name", "c");
            let n_labels = labels.len();
            let mut expected = vec![label("cluster_name", "c")];
            for (i, value) in values.iter().enumerate() {
                labels.push("left_out", value);
                labels.truncate(n_labels + i);
                labels.push("group", value);
                expected.push(label("group", value));
            }
            labels.push_number("partition", number);
            expected.push(label("partition", &number.to_string()));
            let mut text = Vec::new();
            write_sample(&mut text, "lag", &labels, Number::Unsigned(value));
            let expected = format!("lag{{{}}} {value}\n", expected.join(","));
            prop_assert_eq!(String::from_utf8(text)?, expected);
        }
    }
}
