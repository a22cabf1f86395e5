//! `--check --connect`: shows what the configured user may see of each cluster, and which rights the user lacks, with the purpose
//! of each right.
//!
//! Kafka answers a missing right with less data, not with an error: without Describe on Group the listing is empty, and without
//! Describe on Topic a group's rows are missing. So the report names whatever is absent, together with what would explain it.

mod findings;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use shared::config::{Cluster, Config, Exporter, Granularity};
use tokio::sync::watch;

use crate::gate::client_slot::ClientGuard;
use crate::kafka::{self, ConnectionError, Kafka, SaidBy};
use crate::progress::Progress;
use crate::snapshot::{Api, Snapshot};

use self::findings::{ShareSeen, failures, findings, share_seen, untestable};

/// The least time limit of the collection that a check makes, whatever `poll_interval` is: a person waits for the result, and the
/// first connection may be slow.
const COLLECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// The report on one cluster: what the user sees of it, and what is lacking.
#[derive(Debug)]
pub struct ClusterReport {
    text: String,
    /// The result of the check, which decides about the exit status.
    pub verdict: Verdict,
}

/// The result of a check of one cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every request was answered, and no kind of data is conspicuously absent.
    Complete,
    /// A request was refused or not answered, or a kind of data is conspicuously absent, such as all topics.
    Incomplete,
}

/// Returns an error for each cluster whose `consumer_properties` librdkafka refuses. Connects to nothing.
pub fn refused_properties(config: &Config) -> Vec<kafka::Error> {
    let checked = config.clusters.iter().map(kafka::check);
    checked.filter_map(Result::err).collect()
}

/// Makes one collection of each cluster and reports on it.
///
/// # Errors
/// The Kafka clients of a cluster cannot be made, or their thread ends before it has an answer.
pub async fn connect(config: &Config) -> anyhow::Result<Vec<ClusterReport>> {
    let exporter = Arc::new(Exporter {
        poll_interval: config.exporter.poll_interval.max(COLLECTION_TIMEOUT),
        granularity: Granularity::Partition,
        ..config.exporter.clone()
    });
    let mut reports = Vec::new();
    for cluster in &config.clusters {
        let (progress, _) = watch::channel(Progress::default());
        let client_guard = ClientGuard::without_election();
        let shared_cluster = Arc::new(cluster.clone());
        let kafka = Kafka::open(
            shared_cluster,
            Arc::clone(&exporter),
            progress,
            client_guard,
        )?;
        let snapshot = kafka.collect().await?;
        reports.push(ClusterReport::of(
            cluster,
            &snapshot,
            &kafka.connection_errors(),
        ));
    }
    Ok(reports)
}

// === impl ClusterReport ===

impl ClusterReport {
    /// Makes the report on `cluster` from its `snapshot` and from the errors that keep connections from working.
    fn of(cluster: &Cluster, snapshot: &Snapshot, connection_errors: &[ConnectionError]) -> Self {
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
            let n = match share_seen(snapshot, asked) {
                ShareSeen::All => n.to_string(),
                ShareSeen::Part if n > 0 => format!("at least {n}"),
                ShareSeen::Part | ShareSeen::None => "unknown".to_owned(),
            };
            push_line(&mut text, format_args!("  {what}: {n}"));
        }
        let problems: Vec<String> = findings(snapshot).chain(failures(snapshot)).collect();
        for finding in &problems {
            push_line(&mut text, format_args!("  lacking: {finding}"));
        }
        for error in connection_errors {
            push_error(&mut text, error);
        }
        if let Some(untestable) = untestable(snapshot) {
            push_line(&mut text, format_args!("  cannot tell: {untestable}"));
        }
        if problems.is_empty() {
            push_line(
                &mut text,
                format_args!("  everything the collector asks for was answered"),
            );
        }
        let verdict = if problems.is_empty() {
            Verdict::Complete
        } else {
            Verdict::Incomplete
        };
        Self { text, verdict }
    }
}

impl fmt::Display for ClusterReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn push_error(text: &mut String, error: &ConnectionError) {
    if let Some(advice) = &error.advice {
        push_line(text, format_args!("  likely cause: {advice}"));
    }
    let speaker = match error.said_by {
        SaidBy::Librdkafka => "librdkafka",
        SaidBy::Login => "the login",
    };
    push_line(text, format_args!("  {speaker} says: {}", error.text));
}

fn push_line(text: &mut String, line: fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Failure, Group, GroupState, Name, Reason, Unknown};

    fn report(snapshot: &Snapshot, connection_errors: &[ConnectionError]) -> String {
        let text = "[[clusters]]\nname = \"a\"\nbootstrap_servers = \"kafka\"";
        let env = shared::config::Environment::default();
        let program = shared::config::Program::Collector;
        let loaded = shared::config::parse(text, "test", program, &env).unwrap();
        ClusterReport::of(&loaded.config.clusters[0], snapshot, connection_errors).to_string()
    }

    fn failure(api: Api, reason: Reason, subject: &str) -> Failure {
        Failure {
            unknown: Unknown::new(api, reason),
            subject: subject.to_owned(),
        }
    }

    #[test]
    fn data_that_was_not_seen_is_reported_as_unknown_with_its_cause() {
        let mut snapshot = Snapshot {
            failures: vec![failure(Api::ListGroups, Reason::Timeout, "broker 3")],
            ..Snapshot::default()
        };
        let error = ConnectionError {
            advice: Some("write another port".to_owned()),
            text: "it hung up".to_owned(),
            said_by: SaidBy::Librdkafka,
        };
        let text = report(&snapshot, &[error]);
        for line in [
            "  topics: 0\n",
            "  groups: unknown\n",
            "  committed offsets: unknown\n",
            "  lacking: list_groups failed (timeout): broker 3\n",
            "  likely cause: write another port\n  librdkafka says: it hung up\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }

        let group = Group {
            state: GroupState::Empty,
            members: Err(Unknown::new(Api::DescribeGroups, Reason::NotAsked)),
            committed: Ok(BTreeMap::new()),
        };
        snapshot.groups.insert(Name::from("g"), group);
        assert!(report(&snapshot, &[]).contains("  groups: at least 1\n"));

        snapshot.failures = vec![failure(
            Api::Metadata,
            Reason::Timeout,
            kafka::CLUSTER_SUBJECT,
        )];
        assert!(report(&snapshot, &[]).contains("  topics: unknown\n"));
    }
}
