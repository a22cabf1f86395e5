//! Every query of the dashboard, run by a real Prometheus: on recorded series of a thousand groups, with and without the recording rules,
//! and on no data.

mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::prometheus::{Prometheus, Series};
use e2e::lab::{self, Length};
use e2e::manifests::dashboard::{Dashboard, Query, QuerySpan};
use tokio::time::Instant;

use records::{GROUPS, Records};

/// The step of queries, which is Grafana's for three hours on a screen of common width.
const STEP: Duration = Duration::from_secs(60);

/// The time limit of a panel's queries, generous because the machine may be busy.
const LIMIT: Duration = Duration::from_secs(5);

/// The rows of the dashboard that need `granularity = "partition"`.
const BY_PARTITION: &str = "Partitions";

/// The results of the queries, by panel.
type Answers = BTreeMap<String, Vec<Series>>;

struct QueryAnswers {
    answers: Answers,
    slowest: (Duration, String),
}

fn ask(prometheus: &Prometheus, records: &Records, queries: &[Query]) -> Result<QueryAnswers> {
    let mut answers = Answers::new();
    let mut slowest = (Duration::ZERO, String::new());
    for (n, query) in queries.iter().enumerate() {
        let from = match query.span {
            QuerySpan::Instant => records.end,
            QuerySpan::Range => records.start,
        };
        let begun = Instant::now();
        let answer = prometheus.range(&query.expr, (from, records.end), STEP);
        let answer = answer.with_context(|| format!("{}: {}", query.panel, query.expr))?;
        let taken = begun.elapsed();
        if taken > slowest.0 {
            slowest = (taken, query.panel.clone());
        }
        answers.insert(format!("{n:02} {}", query.panel), answer);
    }
    Ok(QueryAnswers { answers, slowest })
}

fn panels_without_series(answers: &Answers) -> BTreeSet<&str> {
    let empty = answers.iter().filter(|(_, series)| series.is_empty());
    empty.map(|(panel, _)| &panel[3..]).collect()
}

/// Returns the greatest number of series of a panel, and the panel's name.
fn most(answers: &Answers) -> (usize, &str) {
    let sizes = answers
        .iter()
        .map(|(panel, series)| (series.len(), &panel[3..]));
    sizes.max().unwrap_or_default()
}

/// Returns the labels of each series, sorted, to compare the rows of a table or graph.
fn rows(series: &[Series]) -> Vec<Vec<(&str, &str)>> {
    let mut rows: Vec<Vec<(&str, &str)>> = series
        .iter()
        .map(|it| {
            it.labels
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect()
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn without_data_no_query_fails_and_none_gives_a_number() -> Result<()> {
    let scratch = lab::host::TempDir::new("records")?;
    let prometheus = Prometheus::of_records(scratch.path())?;
    let end = lab::wall_seconds();
    let nothing = Records::none(end);
    let asked = ask(&prometheus, &nothing, &Dashboard::read()?.queries(&[])?)?;
    let given: Vec<_> = asked
        .answers
        .iter()
        .filter(|(_, it)| !it.is_empty())
        .collect();
    ensure!(given.is_empty(), "{given:?}");
    Ok(())
}

#[test]
fn a_thousand_groups_of_two_releases_with_and_without_rules() -> Result<()> {
    let _reservation = lab::reserve()?;
    let dashboard = Dashboard::read()?;
    let records = Records::make(Length::from_env())?;
    lab::say(format_args!(
        "{} series over {:?}",
        records.n_series,
        records.span()
    ));
    let plain = Prometheus::of_records(&records.path())?;
    let without_rules = examine(&plain, &records, &dashboard, "without rules")?;
    drop(plain);

    records.add_rules()?;
    let ruled = Prometheus::of_records(&records.path())?;
    let n_recorded = ruled.range(
        "count({__name__=~\"klag:.+\"})",
        (records.end, records.end),
        STEP,
    )?;
    lab::say(format_args!("{n_recorded:?} recorded by rules"));
    ensure!(!n_recorded.is_empty(), "the rules have recorded nothing");
    let with_rules = examine(&ruled, &records, &dashboard, "with rules")?;
    // The rows with and without rules are the same: recorded series take the place of scraped ones, and no row is there twice.
    for (panel, series) in &without_rules {
        let with = with_rules.get(panel).context("a panel is gone")?;
        if panel.contains("groups that are furthest") || panel.contains("Read") {
            assert_eq!(rows(series), rows(with), "{panel}");
        }
        let (before, after) = (series.len(), with.len());
        ensure!(
            before == after,
            "{panel}: {before} series, with rules {after}"
        );
    }
    Ok(())
}

/// Runs all queries: each must return something, no panel may have more than 500 series, both releases must be in the results,
/// and every query must be quick.
fn examine(
    prometheus: &Prometheus,
    records: &Records,
    dashboard: &Dashboard,
    how: &str,
) -> Result<Answers> {
    let queries = dashboard.queries(&[])?;
    let asked = ask(prometheus, records, &queries)?;
    let (time, panel) = &asked.slowest;
    let (n, largest) = most(&asked.answers);
    lab::say(format_args!(
        "{how}: {} queries, the slowest took {time:?} ({panel}), at most {n} series ({largest})",
        queries.len()
    ));
    let empty = panels_without_series(&asked.answers);
    ensure!(empty.is_empty(), "{how}: nothing in {empty:?}");
    ensure!(n <= 500, "{how}: {n} series in {largest}");
    ensure!(
        *time <= Length::from_env().slack(LIMIT),
        "{how}: {time:?} for {panel}"
    );

    // At the default granularity only the row that needs the other granularity may be empty.
    let by_topic = [("job", "klag-exporter")];
    let asked = ask(prometheus, records, &dashboard.queries(&by_topic)?)?;
    let needing = queries.iter().filter(|it| it.row.starts_with(BY_PARTITION));
    let needing: BTreeSet<_> = needing.map(|it| it.panel.as_str()).collect();
    assert_eq!(panels_without_series(&asked.answers), needing, "{how}");

    both_releases_are_told_apart(prometheus, records, dashboard, how)?;
    let all = ask(prometheus, records, &queries)?;
    Ok(all.answers)
}

/// Checks that a group that both releases have is shown twice, once for each release, and that leaders are counted by release.
fn both_releases_are_told_apart(
    prometheus: &Prometheus,
    records: &Records,
    dashboard: &Dashboard,
    how: &str,
) -> Result<()> {
    let one_group = [("group", "group-0007")];
    let queries = dashboard.queries(&one_group)?;
    let asked = ask(prometheus, records, &queries)?;
    let (_, table) = asked
        .answers
        .iter()
        .find(|(panel, _)| panel.contains("furthest"))
        .context("no table")?;
    let jobs: Vec<_> = table.iter().filter_map(|it| it.labels.get("job")).collect();
    assert_eq!(jobs, ["klag-exporter", "other"], "{how}");
    let stat = |title: &str| {
        let found = asked
            .answers
            .iter()
            .find(|(panel, _)| panel.ends_with(title));
        found.and_then(|(_, series)| series.first()?.samples.last().map(|it| it.1))
    };
    assert_eq!(stat("Releases without one leader"), Some(0.0), "{how}");
    assert_eq!(stat("Clusters not read"), Some(0.0), "{how}");
    let groups = dashboard.queries(&[("top", "5000")])?;
    let groups = groups
        .iter()
        .find(|it| it.panel.contains("furthest"))
        .context("no table")?;
    let all = ask(prometheus, records, std::slice::from_ref(groups))?;
    let n = all.answers.values().next().map_or(0, Vec::len);
    ensure!(n > GROUPS, "{how}: {n} groups");
    Ok(())
}
