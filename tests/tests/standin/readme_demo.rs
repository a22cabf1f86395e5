//! The README's first command shows what the README says, on the stand-ins.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{ChildStdin, Command};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::host::TempDir;
use e2e::lab::process::{self, Process, Signal};
use e2e::lab::programs::Program;
use e2e::lab::{self, Length};
use regex::{Captures, Regex};
use tokio::time::Instant;

/// The time limit of each wait, longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

/// A running demo, its standard input, the directory with its output, and the directory in which it makes its files.
struct Demo {
    process: Process,
    stdin: ChildStdin,
    outside: TempDir,
    inside: TempDir,
}

fn command() -> Result<Command> {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    demo.args(["--standin", "--port", "0"])
        .env("KLAG_COLLECTOR", Program::Collector.path()?)
        .env("KLAG_ELECTOR", Program::Elector.path()?);
    Ok(demo)
}

// === impl Demo ===

impl Demo {
    fn start() -> Result<Self> {
        let (outside, inside) = (TempDir::new("demo-log")?, TempDir::new("demo")?);
        let mut command = command()?;
        command.env("TMPDIR", inside.path());
        let (process, stdin) = Process::converse("demo", command, &outside.path().join("log"))?;
        Ok(Self {
            process,
            stdin,
            outside,
            inside,
        })
    }

    fn output(&self) -> Result<String> {
        Ok(fs::read_to_string(self.outside.path().join("log"))?)
    }

    /// Waits for the `n`th line of this form; returns the texts in the pattern's brackets.
    fn wait_for<const N: usize>(&mut self, line: &str, n: usize) -> Result<[String; N]> {
        let pattern = Regex::new(&format!("(?m)^{line}$"))?;
        lab::wait_for(line, LIMIT, || {
            let said = self.output()?;
            let found = pattern.captures_iter(&said).nth(n - 1);
            let ended = self.process.ended()?;
            ensure!(ended.is_none(), "it ended: {ended:?}");
            let words = |found: Captures<'_>| found.extract().1.map(str::to_owned);
            found.map(words).context("not said")
        })
        .with_context(|| self.output().unwrap_or_default())
    }

    fn type_line(&mut self, line: &str) -> Result<()> {
        Ok(self.stdin.write_all(line.as_bytes())?)
    }

    /// Sends Ctrl-C; returns the time until the demo ended, and a list of what is left over.
    fn interrupt(&mut self) -> Result<(Duration, Vec<String>)> {
        let asked = Instant::now();
        self.process.signal(Signal::Interrupt)?;
        let status = self.process.wait(LIMIT)?;
        let took = asked.elapsed();
        ensure!(status.success(), "{status}\n{}", self.output()?);

        let dir = self.inside.path();
        let mut left = Vec::new();
        for entry in fs::read_dir(dir)? {
            left.push(entry?.path().display().to_string());
        }
        let mark = format!("TMPDIR={}", dir.display());
        for process in fs::read_dir("/proc")? {
            let process = process?.path();
            // The environment of another user's process, or of one that has just ended, cannot be read.
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            let mut all = environment.split(|byte| *byte == 0);
            if all.any(|variable| variable == mark.as_bytes()) {
                left.push(process.display().to_string());
            }
        }
        Ok((took, left))
    }
}

#[test]
fn the_demo_shows_a_change_of_leader_and_leaves_nothing_behind() -> Result<()> {
    let mut demo = Demo::start()?;
    let [first, term] = demo.wait_for(r"(pod-[ab]) leads under term (\d+)\.", 1)?;
    demo.wait_for::<1>(r"(pod-[ab]) is on standby, .*", 1)?;

    demo.type_line("\n")?;
    let line = r"(pod-[ab]) leads under term (\d+)\. Nobody led for ([0-9.]+) s after SIGKILL\.";
    let [second, later, seconds] = demo.wait_for(line, 1)?;
    assert_ne!(first, second);
    assert!(later.parse::<u64>()? > term.parse()?);
    // The Lease lasts 5 s and is renewed every 2 s, so 3 to 5 s are left of it when the leader is killed. The bounds below allow half
    // a second more on either side.
    let seconds: f64 = seconds.parse()?;
    let most = Length::from_env().slack(Duration::from_millis(5500));
    assert!(seconds > 2.5 && seconds < most.as_secs_f64(), "{seconds} s");
    demo.wait_for::<0>(
        &format!("/metrics of {second} has lag, .* s after SIGKILL."),
        1,
    )?;
    let [back] = demo.wait_for("(pod-[ab]) is on standby, .*", 2)?;
    assert_eq!(back, first);

    demo.type_line("t\n")?;
    let line = r"(pod-[ab]) leads under .*, ([0-9.]+) s after SIGTERM\. Nobody led for ([0-9.]+) s at most\.";
    let [third, after, seconds] = demo.wait_for(line, 1)?;
    assert_eq!(third, first);
    let (after, seconds): (f64, f64) = (after.parse()?, seconds.parse()?);
    let most = Length::from_env().slack(Duration::from_millis(500));
    assert!(seconds <= after && after < most.as_secs_f64(), "{after} s");

    let (took, left) = demo.interrupt()?;
    assert_eq!(left, [""; 0]);
    let most = Length::from_env().slack(Duration::from_secs(2));
    assert!(took < most, "{took:?}");
    Ok(())
}

#[test]
fn a_demo_that_is_ended_at_once_leaves_nothing_behind() -> Result<()> {
    let mut demo = Demo::start()?;
    demo.wait_for::<0>("Starting Kafka and Kubernetes.", 1)?;
    let (took, left) = demo.interrupt()?;
    assert_eq!(left, [""; 0]);
    let most = Length::from_env().slack(Duration::from_secs(2));
    assert!(took < most, "{took:?}");
    Ok(())
}

#[test]
fn the_demo_shows_the_lag_of_every_group_and_ends_by_itself() -> Result<()> {
    let mut demo = command()?;
    demo.args(["--alone", "--seconds", "11"]);
    let text = process::run(demo, LIMIT)?;

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

    // The columns are state, members, offset lag and time lag.
    let lag = |group: &str| rows[group][2].parse::<u64>();
    assert!(lag("billing")? < 60, "{text}");
    assert!(lag("search-index")? > 60, "{text}");
    assert_eq!(rows["audit"][..2], ["Empty", "0"], "{text}");
    for (group, words) in &rows {
        assert!(words[3].parse::<f64>().is_ok(), "{group}: {text}");
    }
    Ok(())
}
