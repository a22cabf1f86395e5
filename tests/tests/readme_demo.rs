//! The README's first command shows what it says, on the stand-in.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use e2e::lab::{process, programs::Program};

#[test]
fn the_demo_shows_the_lag_of_every_group_and_ends_by_itself() -> Result<()> {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    demo.args(["--standin", "--port", "0", "--seconds", "11"])
        .env("KLAG_COLLECTOR", Program::Collector.path()?);
    let text = process::run(demo, Duration::from_secs(60))?;

    let (_, last) = text.rsplit_once("after 10 s").context("no last table")?;
    let rows = last.lines().skip(2).take_while(|line| !line.is_empty());
    let rows: BTreeMap<&str, Vec<&str>> = rows
        .filter_map(|row| {
            let mut words = row.split_ascii_whitespace();
            Some((words.next()?, words.collect()))
        })
        .collect();
    let groups: Vec<_> = rows.keys().copied().collect();
    let all = ["audit", "billing", "fraud-check", "report", "search-index"];
    assert_eq!(groups, all, "{text}");

    // State, members, offset lag, time lag.
    let lag = |group: &str| rows[group][2].parse::<u64>();
    assert!(lag("billing")? < 60, "{text}");
    assert!(lag("search-index")? > 60, "{text}");
    assert_eq!(rows["audit"][..2], ["Empty", "0"], "{text}");
    for (group, words) in &rows {
        assert!(words[3].parse::<f64>().is_ok(), "{group}: {text}");
    }
    Ok(())
}
