//! Progress in words. Pure.

use std::time::Duration;

use super::{Phase, Progress};

/// What is being done, and how much of it is done.
pub(super) fn phase(phase: Phase) -> String {
    match phase {
        Phase::Waiting => "waiting".to_owned(),
        Phase::Connecting => "connecting".to_owned(),
        Phase::Listing => "listing topics and groups".to_owned(),
        Phase::Offsets { done, total } => format!("committed offsets, {done} of {total} groups"),
        Phase::Ends { done, total } => format!("log ends, {done} of {total} partitions"),
        Phase::Timestamps { done, total } => {
            format!("oldest unread records, {done} of {total} partitions")
        }
        Phase::Published => "published".to_owned(),
    }
}

/// Every cluster in one line: how many are done, and the first that is not.
pub(super) fn line(clusters: &[(&str, Progress)], elapsed: Duration) -> String {
    let published = |progress: &Progress| progress.phase == Phase::Published;
    let mut words = Vec::new();
    if clusters.len() > 1 {
        let n_done = clusters
            .iter()
            .filter(|(_, progress)| published(progress))
            .count();
        words.push(format!("{n_done} of {} clusters collected", clusters.len()));
    }
    if let Some((name, progress)) = clusters.iter().find(|(_, progress)| !published(progress)) {
        words.push(format!("{name}: {}", phase(progress.phase)));
        let counts = [
            (progress.brokers, "broker"),
            (progress.groups, "group"),
            (progress.partitions, "partition"),
        ];
        for (n, noun) in counts.into_iter().filter(|(n, _)| *n > 0) {
            let plural = if n == 1 { "" } else { "s" };
            words.push(format!("{n} {noun}{plural}"));
        }
    }
    words.push(format!("{} s", elapsed.as_secs()));
    words.join(" · ")
}
