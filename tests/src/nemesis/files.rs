//! The files of the nemesis: schedules that are replayed, the directory of the results, and the table in elector/README.md.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::args::Args;
use super::recording::Recording;
use super::schedule::Schedule;
use crate::documents::Document;

/// The comments in elector/README.md that the table of faults stands between.
const BEGIN: &str = "<!-- generated: nemesis -->\n";
const END: &str = "<!-- end -->";

/// Reads a schedule from a file that has one, or that has a schedule with its runs.
pub(super) fn read_schedule(path: &Path) -> Result<Schedule> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let value: Value = serde_json::from_slice(&text)?;
    let value = value.get("schedule").unwrap_or(&value);
    let schedule: Schedule = serde_json::from_value(value.clone())
        .with_context(|| format!("no schedule in {}", path.display()))?;
    schedule
        .check()
        .with_context(|| path.display().to_string())?;
    Ok(schedule)
}

/// Reads the recordings of the generated schedules from a directory of results, in the order of their seeds.
pub(super) fn read_recordings(dir: &Path) -> Result<Vec<Vec<Recording>>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let is_json = path.extension().is_some_and(|kind| kind == "json");
        if let (Ok(seed), true) = (stem.parse::<u64>(), is_json) {
            paths.push((seed, path));
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let value: Value = serde_json::from_slice(&fs::read(&path)?)?;
        let runs = value["runs"].as_array().into_iter().flatten();
        let runs = runs.map(|run| Ok(serde_json::from_value(run["recording"].clone())?));
        let runs: Result<Vec<Recording>> = runs.collect();
        runs.with_context(|| format!("no recordings in {}", path.display()))
    };
    paths.into_iter().map(|(_, path)| read(path)).collect()
}

/// Returns the directory of the results, in the target directory of this program.
pub(super) fn default_directory(args: &Args) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program
        .ancestors()
        .nth(2)
        .context("a program outside of a target directory")?;
    Ok(target.join(format!("nemesis-{}", args.seed)))
}

/// Replaces the table between the comments in elector/README.md.
pub(super) fn write_readme(table: &str) -> Result<()> {
    let text = with_table(&Document::Elector.read()?, table)?;
    fs::write(Document::Elector.path(), text)?;
    Ok(())
}

fn with_table(text: &str, table: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).context("no place for the table")?;
    let (_, after) = rest.split_once(END).context("no end of the table")?;
    Ok(format!("{before}{BEGIN}{}\n{END}{after}", table.trim_end()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::synthetic::recording;
    use super::*;
    use crate::lab::host::TempDir;

    #[test]
    fn the_table_is_written_between_the_comments() {
        let text = "before\n<!-- generated: nemesis -->\nold\n<!-- end -->\nafter\n";
        let expected = "before\n<!-- generated: nemesis -->\nnew\n<!-- end -->\nafter\n";
        assert_eq!(with_table(text, "new\n").unwrap(), expected);
        assert!(with_table("nothing", "new").is_err());
    }

    #[test]
    fn the_readme_has_a_place_for_the_table() {
        with_table(&Document::Elector.read().unwrap(), "new").unwrap();
    }

    #[test]
    fn recordings_are_read_in_the_order_of_their_seeds() {
        let dir = TempDir::new("nemesis").unwrap();
        let mut written = Vec::new();
        for seed in [9, 10] {
            let mut recording = recording(vec![], [&[(0, 60_000)], &[]]);
            recording.schedule.seed = seed;
            let runs = json!({"schedule": recording.schedule, "runs": [{"recording": recording}]});
            dir.write(&format!("{seed}.json"), runs.to_string())
                .unwrap();
            written.push(vec![recording]);
        }
        dir.write("summary.json", "{}").unwrap();
        dir.write("9-shortest.json", "{}").unwrap();
        assert_eq!(read_recordings(dir.path()).unwrap(), written);
        let read = read_schedule(&dir.path().join("9.json")).unwrap();
        assert_eq!(read, written[0][0].schedule);
    }
}
