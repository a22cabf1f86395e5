//! `standin`: the stand-in for a Kafka cluster as a program, for people who want to point clients at it.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser;
use e2e::standin::{Builder, GroupSpec, MemberSpec, PartitionSpec, StandIn};
use tokio::signal;

/// Answers as a Kafka cluster would, on loopback, without storing anything. Every topic holds one
/// record a second from 2023-11-14 on; every group has committed on one topic, somewhat behind.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Number of brokers; their ids count from 1
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=100))]
    nodes: i32,
    /// Number of topics, which are named topic-0, topic-1, ...
    #[arg(long, default_value_t = 10)]
    topics: usize,
    /// Number of partitions of each topic
    #[arg(long, default_value_t = 6)]
    partitions: usize,
    /// Number of records in each partition
    #[arg(long, default_value_t = 1_000)]
    records: i64,
    /// Number of consumer groups, which are named group-0, group-1, ...; group-N reads topic-(N modulo topics)
    #[arg(long, default_value_t = 10)]
    groups: usize,
    /// Number of members of each group, 0 for empty groups; the first member has all partitions
    #[arg(long, default_value_t = 1)]
    members: usize,
    /// Port of node 1; the other nodes have the ports after it. 0 takes any free ports
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The exit status reports the failure even if stderr cannot be written.
            writeln!(io::stderr(), "standin: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> io::Result<()> {
    let kafka = described(args).try_start().await?;
    let mut out = io::stdout();
    writeln!(out, "bootstrap.servers={}", kafka.bootstrap())?;
    writeln!(out, "Ends with Ctrl-C")?;
    signal::ctrl_c().await?;
    for ((api, node), n) in kafka.requests() {
        writeln!(out, "{n:>9} {api:?} on node {node}")?;
    }
    kafka.shutdown().await;
    Ok(())
}

fn described(args: &Args) -> Builder {
    let mut builder = StandIn::builder().nodes(args.nodes).first_port(args.port);
    for topic in 0..args.topics {
        let name = format!("topic-{topic}");
        let end = args.records;
        builder = builder.topic(&name, args.partitions, |_| PartitionSpec::ending_at(end));
    }
    let mut behind = 0;
    for group in 0..args.groups {
        let topic = format!("topic-{}", group % args.topics.max(1));
        let mut spec = GroupSpec::classic();
        for member in 0..args.members {
            let n_assigned = if member == 0 { args.partitions } else { 0 };
            let member = MemberSpec::new(&format!("client-{group}-{member}"));
            spec = spec.member(member.assigned(&topic, (0..).take(n_assigned)));
        }
        for partition in (0..).take(args.partitions) {
            behind = (behind + 7) % (args.records + 1);
            spec = spec.committed(&topic, partition, args.records - behind);
        }
        builder = builder.group(&format!("group-{group}"), spec);
    }
    builder
}
