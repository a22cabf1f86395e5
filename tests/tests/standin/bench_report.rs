//! The report of the benchmark, from raw figures that were made up: medians, ratios, tables and plots.

use std::fs;

use anyhow::{Result, ensure};
use e2e::bench::{self, Record};
use e2e::lab::host::TempDir;

const RAW: &str = include_str!("bench_report/bench.json");

fn record() -> Result<Record> {
    Ok(serde_json::from_str(RAW)?)
}

/// The files that are written for the raw figures.
fn written() -> Result<TempDir> {
    let dir = TempDir::new("bench-report")?;
    bench::write(&record()?, dir.path())?;
    Ok(dir)
}

fn has(text: &str, line: &str) -> Result<()> {
    let found = text.lines().any(|found| found == line);
    ensure!(found, "no line {line:?} in:\n{text}");
    Ok(())
}

#[test]
fn medians_and_ratios_are_those_of_the_rounds() -> Result<()> {
    let dir = written()?;
    let text = fs::read_to_string(dir.path().join("bench.md"))?;
    has(
        &text,
        "| stand-in, 20,000 partitions, 1,000 groups x 20, by partition, time lag by rate \
         | 440 ms / 4400 ms / 10x | 305 ms / 4600 ms / 15x | 32 MB / 292 MB / 9.1x \
         | 1.5 ms / 360 ms / 240x | 0.75 MB / 17 MB / 23x | 0 / 2 / - |",
    )?;
    has(&text, "| CPU of a collection | 51.5 ms | 402 ms | 7.8x |")?;
    has(&text, "| requests of a collection | 1080 | 1080 | 1.0x |")?;
    has(&text, "| OffsetFetch of a collection | 1000.0 | 1000.0 | |")?;
    has(
        &text,
        "- this: rounds: 3, each of 2 collections after the first one, one every 12 s",
    )?;
    has(
        &text,
        "klag-exporter: `kafka_consumergroup_group_lag{group=\"s-g0001\"} is 7, not Exactly(8.0)`",
    )
}

#[test]
fn a_collector_that_did_not_finish_is_told_of() -> Result<()> {
    let dir = written()?;
    let text = fs::read_to_string(dir.path().join("bench.md"))?;
    let (_, cell) = text
        .split_once("\n## stand-in, 20,000 partitions, 1,000 groups x 20, by partition, time lag by message\n")
        .unwrap_or_default();
    has(cell, "- klag-exporter: nothing within 180 s")?;
    has(cell, "| CPU of a collection | 700 ms | - | - |")
}

#[test]
fn there_is_a_plot_for_each_respect_in_which_cells_differ() -> Result<()> {
    let dir = written()?;
    let picture = fs::read_to_string(dir.path().join("groups.svg"))?;
    ensure!(picture.starts_with("<svg"), "{picture}");
    for word in ["groups", "this", "klag-exporter", "CPU of a collection, ms"] {
        ensure!(picture.contains(word), "no {word:?} in:\n{picture}");
    }
    // Two lines of two points each, in two charts.
    let n_points = picture.matches("<circle").count();
    ensure!(n_points == 8, "{n_points} points");
    for absent in ["partitions.svg", "rows.svg"] {
        ensure!(!dir.path().join(absent).exists(), "{absent} shows nothing");
    }
    let text = fs::read_to_string(dir.path().join("bench.md"))?;
    has(&text, "![Cost against groups](groups.svg)")
}

#[test]
fn raw_figures_are_read_as_they_were_written() -> Result<()> {
    let dir = TempDir::new("bench-record")?;
    let file = dir.path().join("bench.json");
    record()?.write(&file)?;
    ensure!(fs::read_to_string(&file)? == RAW, "written differently");
    let cells = Record::read(&file)?.cells();
    ensure!(cells == record()?.cells(), "{cells:?}");
    fs::write(&file, "{\"runs\": 5}")?;
    let error = Record::read(&file).unwrap_err().to_string();
    ensure!(error.contains("name another --out"), "{error}");
    Ok(())
}
