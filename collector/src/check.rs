//! `--check --connect`: what the configured user may see of each cluster, and which rights it lacks for what.
//!
//! Kafka answers a missing right with less, not with an error: without Describe on Group the listing is empty, without Describe
//! on Topic a group's rows are missing. So absence is reported together with what would explain it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use shared::config::{Cluster, Config, Exporter, Granularity};
use tokio::sync::watch;

use crate::gate::hold::Held;
use crate::kafka::{self, Kafka, Trouble};
use crate::progress::Progress;
use crate::snapshot::{Api, Failure, Group, GroupState, Reason, Snapshot};

/// A collection for a person who waits: long enough for a slow first connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many names a finding lists.
const NAMED: usize = 5;

/// What one cluster let this user see.
#[derive(Debug)]
pub struct Report {
    text: String,
    /// Whether everything that is asked for was answered.
    pub verdict: Verdict,
}

/// Whether a cluster can be collected from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was answered.
    Good,
    /// Something was not.
    Lacking,
}

/// What librdkafka refuses of the properties of each cluster. Connects to nothing.
pub fn properties(config: &Config) -> Vec<kafka::Error> {
    let checked = config.clusters.iter().map(kafka::check);
    checked.filter_map(Result::err).collect()
}

/// Makes one collection of each cluster and reports on it.
///
/// # Errors
/// Where a client cannot be made.
pub async fn connect(config: &Config) -> anyhow::Result<Vec<Report>> {
    let exporter = Arc::new(Exporter {
        poll_interval: config.exporter.poll_interval.max(PATIENCE),
        granularity: Granularity::Partition,
        ..config.exporter.clone()
    });
    let mut reports = Vec::new();
    for cluster in &config.clusters {
        let (progress, _) = watch::channel(Progress::default());
        let held = Held::without_election();
        let cluster_too = Arc::new(cluster.clone());
        let kafka = Kafka::open(cluster_too, Arc::clone(&exporter), progress, held)?;
        let snapshot = kafka.collect().await?;
        reports.push(Report::of(cluster, &snapshot, &kafka.troubles()));
    }
    Ok(reports)
}

/// The share of what there is that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Whole,
    Part,
    Nothing,
}

// === impl Report ===

impl Report {
    /// The report on `cluster`, from what `snapshot` shows and from what keeps connections from working.
    fn of(cluster: &Cluster, snapshot: &Snapshot, troubles: &[Trouble]) -> Self {
        let mut text = format!("cluster {}: {}\n", cluster.name, cluster.bootstrap_servers);
        let n_partitions: usize = snapshot
            .topics
            .values()
            .map(|topic| topic.partitions.len())
            .sum();
        let n_commits: usize = snapshot
            .groups
            .values()
            .filter_map(|group| group.committed.as_ref().ok())
            .map(BTreeMap::len)
            .sum();
        let seen: [(&str, usize, &[Api]); 4] = [
            ("topics", snapshot.topics.len(), &[]),
            ("partitions", n_partitions, &[]),
            ("groups", snapshot.groups.len(), &[Api::ListGroups]),
            (
                "committed offsets",
                n_commits,
                &[Api::ListGroups, Api::OffsetFetch],
            ),
        ];
        for (what, n, asked) in seen {
            let n = match extent(snapshot, asked) {
                Extent::Whole => n.to_string(),
                Extent::Part if n > 0 => format!("at least {n}"),
                Extent::Part | Extent::Nothing => "unknown".to_owned(),
            };
            line(&mut text, format_args!("  {what}: {n}"));
        }
        let lacking: Vec<String> = findings(snapshot).chain(failures(snapshot)).collect();
        for finding in &lacking {
            line(&mut text, format_args!("  lacking: {finding}"));
        }
        for Trouble { advice, text: said } in troubles {
            if let Some(advice) = advice {
                line(&mut text, format_args!("  likely cause: {advice}"));
            }
            line(&mut text, format_args!("  librdkafka says: {said}"));
        }
        if let Some(limit) = limit(snapshot) {
            line(&mut text, format_args!("  cannot tell: {limit}"));
        }
        if lacking.is_empty() {
            line(
                &mut text,
                format_args!("  everything the collector asks for was answered"),
            );
        }
        let verdict = if lacking.is_empty() {
            Verdict::Good
        } else {
            Verdict::Lacking
        };
        Self { text, verdict }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn line(text: &mut String, line: fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("writing to a string does not fail");
}

/// What is conspicuously not there.
fn findings(snapshot: &Snapshot) -> impl Iterator<Item = String> {
    let no_topics = (reached(snapshot) && snapshot.topics.is_empty()).then(|| {
        "no topic is visible: there is none that the filter lets through, or this user needs Describe on Topic".to_owned()
    });
    let no_groups = has(snapshot, Api::ListGroups).then(|| {
        "no group is visible: there is none, or this user needs Describe on Group".to_owned()
    });
    let bare: BTreeSet<&str> = snapshot
        .groups
        .iter()
        .filter(|(_, group)| {
            let nothing = group.committed.as_ref().is_ok_and(BTreeMap::is_empty);
            nothing && group.state == GroupState::Stable && group.members.is_err()
        })
        .map(|(name, _)| &**name)
        .collect();
    let no_rows = (!bare.is_empty()).then(|| {
        format!(
            "groups with members that could not be described, and no visible commit ({}): they have not committed, or this user \
             needs Describe on Topic for the topics they read",
            some(&bare)
        )
    });
    [no_topics, no_groups, no_rows].into_iter().flatten()
}

/// The share that was seen of what the requests in `asked` tell of.
fn extent(snapshot: &Snapshot, asked: &[Api]) -> Extent {
    let is_missing = |it: &Failure| {
        let finding = matches!(
            it.unknown.reason,
            Reason::NothingVisible | Reason::CommittedBeyondEnd
        );
        asked.contains(&it.unknown.api) && !finding
    };
    if !reached(snapshot) {
        Extent::Nothing
    } else if snapshot.failures.iter().any(is_missing) {
        Extent::Part
    } else {
        Extent::Whole
    }
}

/// What no answer of Kafka tells: it leaves out the commits on topics that this user may not see, and only what members are
/// assigned gives such topics away.
fn limit(snapshot: &Snapshot) -> Option<String> {
    let is_bare = |group: &Group| {
        group
            .members
            .as_ref()
            .is_ok_and(|members| members.is_empty())
    };
    let groups = snapshot.groups.iter().filter(|(_, group)| is_bare(group));
    let bare: BTreeSet<&str> = groups.map(|(name, _)| &**name).collect();
    (!bare.is_empty()).then(|| {
        format!(
            "whether groups without members ({}) have commits on topics that this user may not see",
            some(&bare)
        )
    })
}

/// Whether any broker told what there is.
fn reached(snapshot: &Snapshot) -> bool {
    let of_all = |it: &Failure| it.unknown.api == Api::Metadata && it.subject == kafka::CLUSTER;
    !snapshot.failures.iter().any(of_all)
}

fn has(snapshot: &Snapshot, api: Api) -> bool {
    snapshot.failures.iter().any(|failure| {
        failure.unknown.api == api && failure.unknown.reason == Reason::NothingVisible
    })
}

/// Questions that were refused or not answered, by question and reason.
fn failures(snapshot: &Snapshot) -> impl Iterator<Item = String> {
    let mut by_cause = BTreeMap::<(Api, Reason), BTreeSet<&str>>::new();
    for failure in snapshot
        .failures
        .iter()
        .filter(|failure| failure.unknown.reason != Reason::NothingVisible)
    {
        let cause = (failure.unknown.api, failure.unknown.reason);
        by_cause.entry(cause).or_default().insert(&failure.subject);
    }
    by_cause.into_iter().map(|((api, reason), subjects)| {
        let subjects = some(&subjects);
        match reason {
            Reason::Authorization => format!("{}, refused for: {subjects}", right(api)),
            _ => format!("{} failed ({}): {subjects}", api.label(), reason.label()),
        }
    })
}

/// The right that a question needs, and what for.
fn right(api: Api) -> &'static str {
    match api {
        Api::Metadata | Api::ListOffsets => "Describe on Topic, for log start and end",
        Api::ListGroups | Api::OffsetFetch => "Describe on Group, for commits",
        Api::DescribeGroups => "Describe on Group, for members",
        Api::DescribeConfigs => "DescribeConfigs on Topic, to know compacted topics",
        Api::Fetch => "Read on Topic, for exact time lag",
    }
}

/// The first few names, and how many more there are.
fn some(names: &BTreeSet<&str>) -> String {
    let mut text: Vec<&str> = names.iter().take(NAMED).copied().collect();
    let more = names.len().saturating_sub(NAMED);
    let tail = format!("and {more} more");
    if more > 0 {
        text.push(&tail);
    }
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Group, Name, Unknown};

    fn report(snapshot: &Snapshot, troubles: &[Trouble]) -> String {
        let text = "[[clusters]]\nname = \"a\"\nbootstrap_servers = \"kafka\"";
        let env = shared::config::Environment::default();
        let program = shared::config::Program::Collector;
        let loaded = shared::config::parse(text, "test", program, &env).unwrap();
        Report::of(&loaded.config.clusters[0], snapshot, troubles).to_string()
    }

    fn failure(api: Api, reason: Reason, subject: &str) -> Failure {
        Failure {
            unknown: Unknown::new(api, reason),
            subject: subject.to_owned(),
        }
    }

    #[test]
    fn what_was_not_seen_is_unknown_and_the_cause_is_told() {
        let mut snapshot = Snapshot {
            failures: vec![failure(Api::ListGroups, Reason::Timeout, "broker 3")],
            ..Snapshot::default()
        };
        let trouble = Trouble {
            advice: Some("write another port".to_owned()),
            text: "it hung up".to_owned(),
        };
        let told = report(&snapshot, &[trouble]);
        for line in [
            "  topics: 0\n",
            "  groups: unknown\n",
            "  committed offsets: unknown\n",
            "  lacking: list_groups failed (timeout): broker 3\n",
            "  likely cause: write another port\n  librdkafka says: it hung up\n",
        ] {
            assert!(told.contains(line), "{line}{told}");
        }

        let group = Group {
            state: GroupState::Empty,
            members: Err(Unknown::new(Api::DescribeGroups, Reason::NotAsked)),
            committed: Ok(BTreeMap::new()),
        };
        snapshot.groups.insert(Name::from("g"), group);
        assert!(report(&snapshot, &[]).contains("  groups: at least 1\n"));

        snapshot.failures = vec![failure(Api::Metadata, Reason::Timeout, kafka::CLUSTER)];
        assert!(report(&snapshot, &[]).contains("  topics: unknown\n"));
    }
}
