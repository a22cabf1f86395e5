//! The report of a soak, as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::args::Args;
use super::processes::{Life, Look};
use super::results::Results;
use super::tally::Found;

/// A figure of a process: its name, the number of which it is a multiple, and its value.
type Figure = (&'static str, f64, fn(&Look) -> u64);

const FIGURES: [Figure; 4] = [
    ("RSS, MB", 1e6, |look| look.rss),
    ("threads", 1.0, |look| look.threads),
    ("descriptors", 1.0, |look| look.descriptors),
    ("sockets", 1.0, |look| look.sockets),
];

/// Writes the report.
pub(super) fn markdown(results: &Results, args: &Args) -> String {
    let mut text = String::new();
    summary(&mut text, results);
    failovers(&mut text, results);
    restarts(&mut text, results);
    processes(&mut text, results, args);
    let tally = &results.tally;
    table(
        &mut text,
        "Failed requests, as the collectors count them",
        &tally.errors,
    );
    table(
        &mut text,
        "Collections, as the collectors count them",
        &tally.collections,
    );
    table(&mut text, "The collectors' /telemetry", &tally.telemetry);
    table(
        &mut text,
        "Lines of the log at WARN and ERROR",
        &results.log,
    );
    table(
        &mut text,
        "Steps of the load that were tried again",
        &tally.retries,
    );
    for (title, found) in [
        ("Wrong values", &tally.wrong),
        ("False silences", &tally.silences),
        ("Wrong answers of /ready", &tally.unready),
        ("Series missing while that is excused", &tally.excused),
    ] {
        list(&mut text, title, found);
    }
    text
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes any text");
}

fn summary(text: &mut String, results: &Results) {
    let tally = &results.tally;
    line(text, format_args!("# Soak\n\n| what | figure |\n|---|---|"));
    let rows = [
        ("minutes", format!("{:.1}", results.length / 60.0)),
        ("scrapes of both pods", tally.n_scrapes().to_string()),
        ("collections compared", tally.n_collections.to_string()),
        ("values compared", tally.n_values.to_string()),
        (
            "values left out while the truth was changing",
            tally.n_unjudged.to_string(),
        ),
        ("**wrong values**", tally.wrong.n.to_string()),
        (
            "collections in which everything had to be shown",
            tally.n_calm.to_string(),
        ),
        ("series that had to be there", tally.n_expected.to_string()),
        ("**false silences**", tally.silences.n.to_string()),
        (
            "series missing while that is excused",
            tally.excused.n.to_string(),
        ),
        ("wrong answers of /ready", tally.unready.n.to_string()),
        (
            "**time for which two pods acted**",
            format!("{} ms", results.overlap().div_ceil(1000)),
        ),
        ("changes of leadership", results.failovers.len().to_string()),
        ("restarts of brokers", results.restarts.len().to_string()),
        (
            "**processes that ended by themselves**",
            results.n_crashes().to_string(),
        ),
        (
            "longest answer to a scrape",
            format!("{} ms", tally.longest_ms()),
        ),
    ];
    for (what, figure) in rows {
        line(text, format_args!("| {what} | {figure} |"));
    }
    for failure in results.failures() {
        line(text, format_args!("\nFAILED: {failure}"));
    }
}

fn failovers(text: &mut String, results: &Results) {
    line(
        text,
        format_args!(
            "\n## Changes of leadership\n\n| at | fault | longest gap without a leader | bound | moves |\n|---|---|---|---|---|"
        ),
    );
    for one in &results.failovers {
        line(
            text,
            format_args!(
                "| {:.0} s | {} | {:.2} s | {:.1} s | {} |",
                one.at, one.fault, one.gap, one.bound, one.moves
            ),
        );
    }
    line(
        text,
        format_args!(
            "\nStretches without series in the scrapes of both pods, which are a second apart:\n"
        ),
    );
    for (from, length) in &results.tally.dark {
        line(text, format_args!("- {length:.1} s from {from:.0} s"));
    }
}

fn restarts(text: &mut String, results: &Results) {
    line(
        text,
        format_args!(
            "\n## Restarts of brokers\n\n| at | broker | signal | away |\n|---|---|---|---|"
        ),
    );
    for one in &results.restarts {
        let away = one.to - one.from;
        line(
            text,
            format_args!(
                "| {:.0} s | {} | {} | {away:.1} s |",
                one.from, one.broker, one.signal
            ),
        );
    }
}

fn processes(text: &mut String, results: &Results, args: &Args) {
    let warm_up = args.warm_up();
    line(
        text,
        format_args!(
            "\n## Processes\n\nSlopes are by least squares over the time after the first {} minutes of a process.\n\n\
         | process | seconds | figure | first | last | least | most | change in an hour | looks |\n|---|---|---|---|---|---|---|---|---|",
            warm_up.as_secs() / 60
        ),
    );
    for life in &results.lives {
        for (name, unit, of) in FIGURES {
            let Some(fit) = life.line(warm_up, of) else {
                continue;
            };
            line(
                text,
                format_args!(
                    "| {} | {:.0} | {name} | {:.2} | {:.2} | {:.2} | {:.2} | {:+.3} | {} |",
                    title(life),
                    life.length(),
                    fit.first / unit,
                    fit.last / unit,
                    fit.least / unit,
                    fit.most / unit,
                    fit.per_hour / unit,
                    fit.n
                ),
            );
        }
    }
    line(
        text,
        format_args!("\n| process | seconds | CPU, s | RSS at the end, MB |\n|---|---|---|---|"),
    );
    for life in &results.lives {
        let Some(last) = life.looks.last() else {
            continue;
        };
        let cpu = super::shown::seconds(last.cpu_ms);
        let rss = super::processes::number(last.rss) / 1e6;
        line(
            text,
            format_args!(
                "| {} | {:.0} | {cpu:.1} | {rss:.1} |",
                title(life),
                life.length()
            ),
        );
    }
}

/// Returns the name of a process with its pod.
pub(super) fn title(life: &Life) -> String {
    format!("{} {}", life.program, ["a", "b"][life.pod])
}

fn table(text: &mut String, title: &str, counts: &BTreeMap<String, impl std::fmt::Display>) {
    line(
        text,
        format_args!("\n## {title}\n\n| what | count |\n|---|---|"),
    );
    for (what, count) in counts.iter().filter(|(_, count)| count.to_string() != "0") {
        line(
            text,
            format_args!("| {} | {count} |", what.replace('|', "/")),
        );
    }
}

fn list(text: &mut String, title: &str, found: &Found) {
    if found.n == 0 {
        return;
    }
    let shown = found.first.len().min(50);
    line(
        text,
        format_args!("\n## {title}\n\n{} in all; the first {shown}:\n", found.n),
    );
    for what in found.first.iter().take(shown) {
        line(text, format_args!("- {what}"));
    }
}
