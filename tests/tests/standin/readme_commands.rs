//! The documents' commands that need no Kubernetes, run as they are written, with a stand-in for Kafka. Only ports, addresses and the
//! building of the program are different.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::documents::{self, Block, Document};
use e2e::lab;
use e2e::lab::host::TempDir;
use e2e::lab::http::{self, Coding};
use e2e::lab::ports::free_ports;
use e2e::lab::process::{self, Process};
use e2e::lab::programs::Program;
use e2e::sources;
use e2e::standin::{GroupSpec, PartitionSpec, StandIn};

const LIMIT: Duration = Duration::from_secs(60);

/// Returns a directory with the collector where the documents' commands expect it.
fn checkout() -> Result<TempDir> {
    let dir = TempDir::new("readme")?;
    let release = dir.path().join("target/release");
    fs::create_dir_all(&release)?;
    symlink(Program::Collector.path()?, release.join("collector"))?;
    Ok(dir)
}

fn shell(dir: &TempDir, line: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("exec {line}"));
    shell.current_dir(dir.path());
    shell
}

fn block<'b>(blocks: &'b [Block], words: &str) -> Result<&'b str> {
    let found = blocks.iter().find(|block| block.text.contains(words));
    Ok(&found
        .with_context(|| format!("no block with {words:?}"))?
        .text)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_five_minutes_with_one_binary_show_lag() -> Result<()> {
    let kafka = StandIn::builder()
        .topic("orders", 1, |_| PartitionSpec::ending_at(10))
        .group("billing", GroupSpec::classic().committed("orders", 0, 7))
        .start()
        .await;
    let chapter = Document::Readme.chapter("Five minutes with one binary")?;
    let blocks = documents::blocks(&chapter)?;
    let dir = checkout()?;
    let [port] = free_ports()?;
    let config = block(&blocks, "bootstrap_servers")?;
    let config = config.replace("[exporter]\n", &format!("[exporter]\nhttp_port = {port}\n"));
    dir.write("config.toml", config)?;

    let commands = block(&blocks, "cargo build")?;
    let [build, check, run] = commands.lines().collect::<Vec<_>>()[..] else {
        anyhow::bail!("not three commands: {commands}");
    };
    ensure!(build == "cargo build --release -p collector", "{build}");
    let mut check = shell(&dir, check);
    check.env("KAFKA_BOOTSTRAP", kafka.bootstrap());
    let told = process::run(check, LIMIT)?;
    ensure!(told.contains("  groups: 1\n"), "{told}");

    let mut run = shell(&dir, run);
    run.env("KAFKA_BOOTSTRAP", kafka.bootstrap());
    let _collector = Process::spawn("collector", run, &dir.path().join("log"))?;
    let path = block(&blocks, "curl")?.trim_end();
    let path = path
        .strip_prefix("curl -s localhost:8000")
        .context("another port")?;
    let row = "kafka_consumergroup_group_lag{cluster_name=\"production\",group=\"billing\",topic=\"orders\",partition=\"0\"";
    lab::wait_for("the lag", LIMIT, || {
        let text = http::get(port, path, Coding::Plain, LIMIT)?.text()?;
        let found = text.lines().find(|line| line.starts_with(row));
        ensure!(found.is_some_and(|line| line.ends_with(" 3")), "{text}");
        Ok(())
    })?;
    kafka.shutdown().await;
    Ok(())
}

#[test]
fn the_check_of_a_source_says_which_form_its_answers_have() -> Result<()> {
    let source = sources::constant("true")?;
    let chapter = Document::Elector.chapter("Other sources of leadership")?;
    let blocks = documents::blocks(&chapter)?;
    let command = block(&blocks, "--check-source")?;
    let command = command.replace("http://127.0.0.1:8001/leader", &source.url());
    ensure!(
        command.contains(&source.url()),
        "another address: {command}"
    );
    let told = process::run(shell(&checkout()?, &command), LIMIT)?;
    ensure!(told.contains("is_leader"), "{told}");
    Ok(())
}
