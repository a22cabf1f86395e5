//! The report of a benchmark: Markdown, and the plots beside it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::cell::Cell;
use super::cost::{self, COSTS, Cost, Pair};
use super::plots;
use super::record::{Outcome, Record, Run};
use super::subject::Subject;

/// The columns of the first table.
const COLUMNS: [Cost; 6] = [
    cost::CPU,
    cost::WALL,
    cost::PEAK,
    cost::SCRAPE,
    cost::SIZE,
    cost::WRONG,
];

/// Writes `bench.md` and the plots into a directory.
///
/// # Errors
/// A file cannot be written.
pub fn write(record: &Record, out: &Path) -> Result<()> {
    let mut lines = vec![markdown(record)];
    for plot in plots::of(record)? {
        let file = format!("{}.svg", plot.name);
        fs::write(out.join(&file), &plot.svg).with_context(|| file.clone())?;
        lines.push(format!("![{}]({file})\n", plot.title));
    }
    let file = out.join("bench.md");
    fs::write(&file, lines.join("\n")).with_context(|| format!("cannot write {}", file.display()))
}

/// The tables: all cells with the main costs, then each cell with all costs.
pub(super) fn markdown(record: &Record) -> String {
    let mut lines = about(record);
    lines.extend(overview(record));
    for cell in record.cells() {
        lines.extend(details(record, cell));
    }
    lines.join("\n") + "\n"
}

/// The medians of both collectors.
pub(super) fn pair(record: &Record, cell: Cell, cost: Cost) -> Pair {
    let of = |subject| cost.median(&record.figures(cell, subject));
    Pair {
        ours: of(Subject::Ours),
        klag: of(Subject::Klag),
    }
}

/// The medians and their ratio in words.
fn words(record: &Record, cell: Cell, cost: Cost) -> [String; 3] {
    let pair = pair(record, cell, cost);
    [
        cost.words(pair.ours),
        cost.words(pair.klag),
        pair.ratio_words(),
    ]
}

fn about(record: &Record) -> Vec<String> {
    let machine = &record.machine;
    let version = |run: &Run| format!("{}: {}", run.subject, run.version);
    let versions: BTreeSet<_> = record.runs.iter().map(version).collect();
    let versions: Vec<_> = versions.into_iter().collect();
    vec![
        "# Benchmark".to_owned(),
        String::new(),
        format!(
            "{}; servers and clients on core {}, the collector under test on core {}.",
            machine.processor, machine.servers, machine.collector
        ),
        format!("{}.", versions.join("; ")),
        String::new(),
        "Each figure is a median. A ratio is the figure of klag-exporter divided by that of this collector.".to_owned(),
        String::new(),
    ]
}

/// The table of all cells with the main costs.
pub(super) fn overview(record: &Record) -> Vec<String> {
    let names = COLUMNS.map(|column| column.name).join(" | ");
    let mut lines = vec![
        format!("| this / klag-exporter / ratio | {names} |"),
        format!("|---|{}", "---|".repeat(COLUMNS.len())),
    ];
    for cell in record.cells() {
        let of = |column| words(record, cell, column).join(" / ");
        lines.push(format!("| {cell} | {} |", COLUMNS.map(of).join(" | ")));
    }
    lines
}

fn details(record: &Record, cell: Cell) -> Vec<String> {
    let mut lines = vec![String::new(), format!("## {cell}"), String::new()];
    for subject in Subject::ALL {
        lines.extend(rounds(record, cell, subject));
    }
    lines.extend(
        [
            "",
            "| | this | klag-exporter | ratio |",
            "|---|---|---|---|",
        ]
        .map(str::to_owned),
    );
    for cost in COSTS {
        let words = words(record, cell, cost).join(" | ");
        lines.push(format!("| {} | {words} |", cost.name));
    }
    lines.extend(requests(record, cell));
    lines.extend(examples(record, cell));
    lines
}

/// The number of rounds, the pace, and the words about what was not measured.
fn rounds(record: &Record, cell: Cell, subject: Subject) -> Vec<String> {
    let mut lines = Vec::new();
    let figures = record.figures(cell, subject);
    if let Some(first) = figures.first() {
        lines.push(format!(
            "- {subject}: rounds: {}, each of {} collections after the first one, one every {} s",
            figures.len(),
            first.wall_ms.len(),
            first.poll_interval
        ));
    }
    let of = |run: &&Run| run.cell == cell && run.subject == subject;
    for run in record.runs.iter().filter(of) {
        if let Outcome::Nothing(words) = &run.outcome {
            lines.push(format!("- {subject}: {words}"));
        }
    }
    lines
}

fn requests(record: &Record, cell: Cell) -> Vec<String> {
    let all = Subject::ALL.map(|subject| record.figures(cell, subject));
    let figures = all.iter().flatten();
    let apis: BTreeSet<_> = figures
        .flat_map(|figures| figures.requests.keys())
        .collect();
    let line = |api: &String| {
        let [ours, klag] = all.each_ref().map(|rounds| {
            let each = rounds.iter().map(|figures| figures.requests.get(api));
            let n = cost::median(each.map(|n| n.copied().unwrap_or_default()).collect());
            n.map_or_else(|| "-".to_owned(), |n| format!("{n:.1}"))
        });
        format!("| {api} of a collection | {ours} | {klag} | |")
    };
    apis.into_iter().map(line).collect()
}

/// Some of the wrong and missing values.
fn examples(record: &Record, cell: Cell) -> Vec<String> {
    let of = |subject: Subject| {
        let figures = record.figures(cell, subject);
        let all = figures.iter().flat_map(|figures| &figures.examples);
        let lines = all.map(|example| format!("{subject}: `{example}`"));
        lines.collect::<BTreeSet<_>>()
    };
    let all = Subject::ALL.into_iter().flat_map(of);
    all.flat_map(|line| [String::new(), line]).collect()
}
