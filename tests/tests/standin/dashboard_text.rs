//! The dashboard as Grafana reads it: the places of panels, their appearance without data, and the releases that they select.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use e2e::manifests::dashboard::{Dashboard, color_without_data};
use e2e::manifests::{self, promql};
use serde_json::Value;

fn at(panel: &Value, key: &str) -> Result<u64> {
    panel["gridPos"][key].as_u64().context("no place")
}

/// Checks that panels do not overlap. The panels of a collapsed row have places below the row; when a row is opened, Grafana moves down
/// what is below.
fn ensure_apart<'a>(panels: impl Iterator<Item = &'a Value>) -> Result<()> {
    let mut taken = BTreeSet::new();
    for panel in panels {
        for x in at(panel, "x")?..at(panel, "x")? + at(panel, "w")? {
            for y in at(panel, "y")?..at(panel, "y")? + at(panel, "h")? {
                let free = x < 24 && taken.insert((x, y));
                ensure!(free, "{} overlaps", panel["title"]);
            }
        }
    }
    Ok(())
}

#[test]
fn panels_have_places_of_their_own_and_one_id_each() -> Result<()> {
    let dashboard = Dashboard::read()?;
    let top = dashboard.json()["panels"].as_array().context("no panels")?;
    ensure_apart(top.iter())?;
    let rows = top.iter().filter(|it| it["type"] == "row");
    for row in rows.clone() {
        let inside = row["panels"].as_array().context("a row without panels")?;
        assert_eq!(row["collapsed"], !inside.is_empty(), "{}", row["title"]);
        ensure_apart(std::iter::once(row).chain(inside))?;
    }
    let panels = dashboard.panels().into_iter().map(|(_, panel)| panel);
    let mut ids = BTreeSet::new();
    for panel in panels.chain(rows) {
        ensure!(ids.insert(panel["id"].as_u64()), "{} twice", panel["id"]);
    }
    Ok(())
}

/// Checks that open rows have few and bounded queries: a query over a thousand groups is run only when somebody opens its row.
#[test]
fn whatever_is_not_an_overview_is_in_a_collapsed_row() -> Result<()> {
    let dashboard = Dashboard::read()?;
    let top = dashboard.json()["panels"].as_array().context("no panels")?;
    let open = top.iter().filter(|it| it["type"] != "row");
    let queries = open.flat_map(|it| it["targets"].as_array().into_iter().flatten());
    let queries: Vec<&str> = queries.filter_map(|it| it["expr"].as_str()).collect();
    ensure!((10..=20).contains(&queries.len()), "{}", queries.len());
    for query in queries {
        let bounded =
            query.contains("topk($top, ") || query.starts_with("sum(") || query.starts_with("max(");
        ensure!(bounded, "{query}");
    }
    Ok(())
}

#[test]
fn without_data_every_panel_says_so_and_none_is_colored() -> Result<()> {
    let dashboard = Dashboard::read()?;
    for (_, panel) in dashboard.panels() {
        let defaults = &panel["fieldConfig"]["defaults"];
        let said = defaults["noValue"].as_str().unwrap_or_default();
        ensure!(said.starts_with("no data"), "{}: {said}", panel["title"]);
        if panel["type"] == "stat" || panel["type"] == "state-timeline" {
            assert_eq!(
                color_without_data(panel),
                Some("text"),
                "{}",
                panel["title"]
            );
        }
        for target in panel["targets"].as_array().context("no targets")? {
            let query = target["expr"].as_str().context("no query")?;
            ensure!(!query.contains("vector("), "{}: {query}", panel["title"]);
            ensure!(!query.contains("absent("), "{}: {query}", panel["title"]);
        }
    }
    Ok(())
}

#[test]
fn every_query_is_of_the_releases_that_are_selected() -> Result<()> {
    let dashboard = Dashboard::read()?;
    for (_, panel) in dashboard.panels() {
        for target in panel["targets"].as_array().context("no targets")? {
            let query = target["expr"].as_str().context("no query")?;
            let selectors = query.matches('{').count();
            for variable in [
                "cluster=~\"$cluster\"",
                "namespace=~\"$namespace\"",
                "job=~\"$job",
            ] {
                assert_eq!(query.matches(variable).count(), selectors, "{query}");
            }
        }
    }
    Ok(())
}

/// Returns all files of rules, as one text.
fn rules() -> Result<String> {
    let mut text = String::new();
    for file in fs::read_dir(manifests::root().join("alerts"))? {
        let path = file?.path();
        if path.to_string_lossy().ends_with(".rules.yaml") {
            text += &fs::read_to_string(path)?;
        }
    }
    Ok(text)
}

#[test]
fn what_is_recorded_is_read_from_the_rule_and_without_it_from_the_pods() -> Result<()> {
    let rules = rules()?;
    let dashboard = Dashboard::read()?;
    for query in dashboard.queries(&[])? {
        for name in promql::series(&query.expr) {
            let family = name.strip_prefix("klag:").unwrap_or(&name);
            if !rules.contains(&format!("record: klag:{family}\n")) {
                ensure!(name == family, "no rule records {name}");
                continue;
            }
            let both = promql::series(&query.expr);
            let whole = both.contains(family) && both.contains(&format!("klag:{family}"));
            // The offsets of a log belong to the brokers: it does not matter which pod read them.
            ensure!(
                whole
                    || family.starts_with("kafka_partition_")
                    || query.panel.starts_with("Who consumes"),
                "{}: {}",
                query.panel,
                query.expr
            );
        }
    }
    Ok(())
}

#[test]
fn long_lists_are_sorted_and_limits_are_drawn() -> Result<()> {
    let dashboard = Dashboard::read()?;
    for (_, panel) in dashboard.panels() {
        let title = &panel["title"];
        if panel["type"] == "timeseries" {
            assert_eq!(panel["options"]["legend"]["sortBy"], "Last *", "{title}");
            let defaults = &panel["fieldConfig"]["defaults"];
            let limited = defaults["thresholds"].is_object();
            assert_eq!(
                limited,
                defaults["custom"]["thresholdsStyle"]["mode"] == "dashed",
                "{title}"
            );
            let time_lag = title.as_str().is_some_and(|it| it.starts_with("Time lag"));
            ensure!(limited || !time_lag, "{title}");
        }
        if panel["type"] == "table" {
            ensure!(
                panel["options"]["sortBy"][0]["displayName"].is_string(),
                "{title}"
            );
        }
    }
    Ok(())
}
