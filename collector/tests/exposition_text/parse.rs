//! A strict parser of the text format 0.0.4.

use std::collections::BTreeMap;

/// The labels of a series.
pub(crate) type LabelSet = BTreeMap<String, String>;

/// One family, as it was parsed from a text.
#[derive(Debug, PartialEq)]
pub(crate) struct Parsed {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) help: String,
    pub(crate) samples: Vec<(LabelSet, f64)>,
}

/// Returns the families of `text`, in the order of the text.
///
/// # Panics
/// `text` has a sample outside its family, a family without header or samples, a family twice, a series twice in close
/// succession, or anything malformed.
pub(crate) fn parse(text: &str) -> Vec<Parsed> {
    let mut families = Vec::<Parsed>::new();
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "the last line ends"
    );
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a name and a help");
            assert!(
                families.iter().all(|family| family.name != name),
                "{name} once"
            );
            assert!(
                families.last().is_none_or(|last| !last.samples.is_empty()),
                "samples before {name}"
            );
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
            let kind = kind
                .and_then(|kind| kind.strip_prefix(name))
                .expect("the type follows the help");
            families.push(Parsed {
                name: name.into(),
                kind: kind.trim_start().into(),
                help: help.into(),
                samples: Vec::new(),
            });
        } else {
            let family = families.last_mut().expect("a header comes first");
            let (labels, value) = sample(line.strip_prefix(&*family.name).expect("in its family"));
            assert!(
                family
                    .samples
                    .iter()
                    .rev()
                    .take(50)
                    .all(|(other, _)| *other != labels),
                "{line} once"
            );
            family.samples.push((labels, value));
        }
    }
    families
}

/// Returns the value of the series of `family` that has all of `labels`; `None` if there is no such series. Panics if there are
/// several.
pub(crate) fn value(families: &[Parsed], family: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let family = families.iter().find(|parsed| parsed.name == family)?;
    let mut found = family.samples.iter().filter(|(has, _)| {
        labels
            .iter()
            .all(|(name, value)| has.get(*name).is_some_and(|has| has == value))
    });
    let (_, value) = found.next()?;
    assert!(
        found.next().is_none(),
        "one series of {} has {labels:?}",
        family.name
    );
    Some(*value)
}

fn sample(rest: &str) -> (LabelSet, f64) {
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest),
        None => (LabelSet::new(), rest),
    };
    let value = value.strip_prefix(' ').expect("one space");
    (labels, value.parse().expect("a number"))
}

/// Parses labels up to the closing brace. Returns the labels and the text after the brace.
fn labels(mut rest: &str) -> (LabelSet, &str) {
    let mut labels = LabelSet::new();
    loop {
        let (name, after) = rest.split_once("=\"").expect("a label");
        let (value, after) = unescape(after);
        assert_eq!(labels.insert(name.into(), value), None, "{name} once");
        match after.split_at(1) {
            (",", after) => rest = after,
            ("}", after) => return (labels, after),
            (other, _) => panic!("{other} after a label"),
        }
    }
}

/// Parses a label's value up to its closing quote. Returns the value and the text after the quote.
fn unescape(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    loop {
        let (i, next) = chars.next().expect("a closing quote");
        match next {
            '"' => return (value, &text[i + 1..]),
            '\\' => value.push(match chars.next().expect("something escaped").1 {
                'n' => '\n',
                escaped @ ('"' | '\\') => escaped,
                other => panic!("\\{other}"),
            }),
            other => value.push(other),
        }
    }
}
