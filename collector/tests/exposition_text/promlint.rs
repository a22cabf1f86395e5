//! The nine checks that `client_golang`'s promlint makes by default, over the family table.

use collector::exposition::{FAMILIES, Family, Kind};

use crate::clusters::{cluster, shop, text_of, view};
use crate::parse::parse;

/// Names of klag-exporter that a linter would refuse. They are kept for its dashboards.
const INHERITED: [(&str, &str); 3] = [
    ("kafka_consumergroup_poll_time_ms", "unit abbreviation"),
    (
        "kafka_lag_exporter_compaction_detected_total",
        "a gauge ends in _total",
    ),
    (
        "kafka_lag_exporter_data_loss_partitions_total",
        "a gauge ends in _total",
    ),
];

const BASE_UNITS: [&str; 10] = [
    "amperes", "bytes", "celsius", "grams", "joules", "kelvin", "meters", "metres", "seconds",
    "volts",
];
const OTHER_UNITS: [&str; 14] = [
    "minutes",
    "hours",
    "days",
    "weeks",
    "kelvins",
    "fahrenheit",
    "rankine",
    "inches",
    "yards",
    "miles",
    "bits",
    "calories",
    "pounds",
    "ounces",
];
const PREFIXES: [&str; 18] = [
    "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "kibi", "mega",
    "mebi", "giga", "gibi", "tera", "tebi", "peta", "pebi",
];
const ABBREVIATIONS: [&str; 14] = [
    "s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d",
];
const TYPES: [&str; 6] = [
    "counter",
    "gauge",
    "summary",
    "untyped",
    "histogram",
    "gauge_histogram",
];

#[test]
fn only_inherited_names_are_what_promlint_would_report() {
    let text = text_of(&[view(cluster("a"), &shop())]);
    let labels: Vec<_> = parse(&text)
        .into_iter()
        .flat_map(|family| {
            family
                .samples
                .into_iter()
                .flat_map(|(labels, _)| labels.into_keys())
        })
        .collect();
    let problems: Vec<_> = FAMILIES
        .iter()
        .flat_map(|family| lint(family).map(|problem| (family.name, problem)))
        .collect();
    assert_eq!(problems, INHERITED);
    let bad_labels = labels
        .iter()
        .filter(|label| is_camel_case(label) || ["le", "quantile"].contains(&&***label));
    assert_eq!(bad_labels.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn help_is_a_sentence_on_one_line() {
    for Family { name, help, .. } in &FAMILIES {
        assert!(help.ends_with('.'), "{name}");
        assert!(!help.contains(['\n', '\\']), "{name}");
    }
}

fn lint(family: &Family) -> impl Iterator<Item = &'static str> {
    let Family {
        name, kind, help, ..
    } = family;
    let parts: Vec<_> = name.split('_').collect();
    let has_word =
        |word: &&str| name.contains(&format!("_{word}_")) || name.ends_with(&format!("_{word}"));
    let is_other_unit = |part: &&str| {
        let base = PREFIXES.iter().find_map(|prefix| part.strip_prefix(prefix));
        OTHER_UNITS.contains(part) || base.is_some_and(|base| BASE_UNITS.contains(&base))
    };
    let total = name.ends_with("_total");
    let reserved = ["_bucket", "_count", "_sum"];
    [
        (help.is_empty(), "no help"),
        (parts.iter().any(is_other_unit), "not a base unit"),
        (
            *kind == Kind::Counter && !total,
            "a counter does not end in _total",
        ),
        (*kind == Kind::Gauge && total, "a gauge ends in _total"),
        (
            reserved.iter().any(|suffix| name.ends_with(suffix)),
            "reserved suffix",
        ),
        (TYPES.iter().any(has_word), "type in the name"),
        (name.contains(':'), "colon"),
        (is_camel_case(name), "camel case"),
        (ABBREVIATIONS.iter().any(has_word), "unit abbreviation"),
        (
            FAMILIES.iter().filter(|other| other.name == *name).count() > 1,
            "twice",
        ),
    ]
    .into_iter()
    .filter_map(|(is_problem, problem)| is_problem.then_some(problem))
}

fn is_camel_case(name: &str) -> bool {
    name.as_bytes()
        .windows(2)
        .any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}
