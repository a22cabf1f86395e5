//! The texts of the live line and of log lines about progress. Pure.

use std::time::Duration;

use super::{Progress, Step};

/// Returns the description of a step, with its counts.
pub(super) fn describe(step: Step) -> String {
    match step {
        Step::Waiting => "waiting".to_owned(),
        Step::Connecting => "connecting".to_owned(),
        Step::Listing => "listing topics and groups".to_owned(),
        Step::Offsets { done, total } => format!("committed offsets, {done} of {total} groups"),
        Step::Ends { done, total } => format!("log ends, {done} of {total} partitions"),
        Step::Timestamps { done, total } => {
            format!("oldest unread records, {done} of {total} offsets")
        }
        Step::Published => "published".to_owned(),
    }
}

/// Returns one line about all clusters: how many of them are published if there are several, then the first one that is not,
/// with its step and the numbers of brokers, groups and partitions found so far.
pub(super) fn line(clusters: &[(&str, Progress)], elapsed: Duration) -> String {
    let published = |progress: &Progress| progress.step == Step::Published;
    let mut parts = Vec::new();
    if clusters.len() > 1 {
        let n_done = clusters
            .iter()
            .filter(|(_, progress)| published(progress))
            .count();
        parts.push(format!("{n_done} of {} clusters collected", clusters.len()));
    }
    if let Some((name, progress)) = clusters.iter().find(|(_, progress)| !published(progress)) {
        parts.push(format!("{name}: {}", describe(progress.step)));
        let counts = [
            (progress.brokers, "broker"),
            (progress.groups, "group"),
            (progress.partitions, "partition"),
        ];
        for (n, noun) in counts.into_iter().filter(|(n, _)| *n > 0) {
            let plural = if n == 1 { "" } else { "s" };
            parts.push(format!("{n} {noun}{plural}"));
        }
    }
    parts.push(format!("{} s", elapsed.as_secs()));
    parts.join(" · ")
}
