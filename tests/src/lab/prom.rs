//! A parser of Prometheus' text format 0.0.4 that is stricter than a scraper, which takes samples without HELP or TYPE, for
//! example.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

/// The labels of a series, by name.
pub type Labels = BTreeMap<String, String>;

/// The contents of one answer in Prometheus' text format.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition {
    /// The families, by name.
    pub families: BTreeMap<String, Family>,
}

/// A metric family with its type, help and series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Family {
    /// The type of the family as the TYPE line has it, such as `gauge` or `counter`.
    pub kind: String,
    /// The help text of the family as the HELP line has it, with its escapes.
    pub help: String,
    /// The value of each series, by the labels of the series.
    pub series: BTreeMap<Labels, f64>,
}

/// Parses an exposition of gauges and counters. Errors are: a sample without HELP and TYPE before it, a sample within another
/// family, a series or a label that occurs twice, a family that begins twice, a value that is not a number, and a last line without
/// an end.
pub fn parse(text: &str) -> Result<Exposition> {
    let mut exposition = Exposition::default();
    let mut current = String::new();
    ensure!(
        text.is_empty() || text.ends_with('\n'),
        "the last line has no end"
    );
    for (n, line) in text.lines().enumerate() {
        line_into(&mut exposition, &mut current, line)
            .with_context(|| format!("line {}: {line}", n + 1))?;
    }
    Ok(exposition)
}

/// Returns the labels with these names and values.
pub fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn line_into(exposition: &mut Exposition, current: &mut String, line: &str) -> Result<()> {
    if let Some(rest) = line.strip_prefix("# HELP ") {
        let (name, help) = rest.split_once(' ').context("no help")?;
        let family = Family {
            help: help.to_owned(),
            ..Family::default()
        };
        let before = exposition.families.insert(name.to_owned(), family);
        ensure!(before.is_none(), "the family is begun twice");
        name.clone_into(current);
    } else if let Some(rest) = line.strip_prefix("# TYPE ") {
        let (name, kind) = rest.split_once(' ').context("no type")?;
        ensure!(name == current, "TYPE without HELP before it");
        let family = exposition.families.entry(name.to_owned()).or_default();
        kind.clone_into(&mut family.kind);
    } else if !line.starts_with('#') && !line.is_empty() {
        let (name, labels, value) = sample(line)?;
        ensure!(name == *current, "a sample outside of its family");
        let family = exposition.families.get_mut(&name).context("no family")?;
        ensure!(!family.kind.is_empty(), "a sample without a type");
        ensure!(
            family.series.insert(labels, value).is_none(),
            "the series is there twice"
        );
    }
    Ok(())
}

fn sample(line: &str) -> Result<(String, Labels, f64)> {
    let end = line.find(['{', ' ']).context("no value")?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").context("no label value")?;
            let (value, after) = quoted(after)?;
            ensure!(
                labels.insert(label.to_owned(), value).is_none(),
                "a label twice"
            );
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest
        .strip_prefix(' ')
        .context("no space before the value")?;
    Ok((name.to_owned(), labels, value.parse()?))
}

fn quoted(text: &str) -> Result<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('"' | '\\'))) => value.push(c),
                _ => bail!("an unknown escape"),
            },
            c => value.push(c),
        }
    }
    bail!("no closing quote")
}

fn has(labels: &Labels, wanted: &[(&str, &str)]) -> bool {
    let one = |(name, value): &(&str, &str)| labels.get(*name).is_some_and(|v| v == value);
    wanted.iter().all(one)
}

// === impl Exposition ===

impl Exposition {
    /// Returns the series of a family; there are none if the family is absent.
    pub fn series(&self, family: &str) -> impl Iterator<Item = (&Labels, f64)> {
        let found = self.families.get(family).into_iter();
        found.flat_map(|family| family.series.iter().map(|(labels, value)| (labels, *value)))
    }

    /// Returns the value of the only series that has all these labels; `None` if no series or several series have them.
    pub fn value<const N: usize>(&self, family: &str, wanted: [(&str, &str); N]) -> Option<f64> {
        let mut found = self
            .series(family)
            .filter(|(labels, _)| has(labels, &wanted));
        let (_, value) = found.next()?;
        found.next().is_none().then_some(value)
    }

    /// Returns the sum over those series of a counter that have all these labels; 0 if there are none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counters are whole and far below 2^52"
    )]
    pub fn count<const N: usize>(&self, family: &str, wanted: [(&str, &str); N]) -> u64 {
        let found = self
            .series(family)
            .filter(|(labels, _)| has(labels, &wanted));
        found.map(|(_, value)| value).sum::<f64>() as u64
    }

    /// Returns the number of series of all families.
    pub fn n_series(&self) -> usize {
        self.families
            .values()
            .map(|family| family.series.len())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_labels() {
        let text = "# HELP a Some help.\n# TYPE a gauge\na{x=\"1\",y=\"q\\\"\\\\\\n\"} 2.5\na{x=\"2\",y=\"\"} +Inf\n";
        let read = parse(text).unwrap();
        assert_eq!(read.value("a", [("x", "1")]), Some(2.5));
        assert_eq!(read.value("a", []), None);
        let first = read.series("a").next().unwrap().0;
        assert_eq!(first, &labels([("x", "1"), ("y", "q\"\\\n")]));
    }

    #[test]
    fn what_a_scraper_would_refuse_is_an_error() {
        let head = "# HELP a Some help.\n# TYPE a gauge\n";
        for bad in [
            "a 1\na 1\n",
            "b 1\n",
            "a{x=\"1} 1\n",
            "a 1",
            "# HELP a Again.\n",
            "a one\n",
        ] {
            assert!(parse(&format!("{head}{bad}")).is_err(), "{bad}");
        }
    }
}
