//! The steps of trials with a single pod: it is started, reports why it cannot take part, and leads once it can.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use crate::lab::{self, Pod, pod::Part};

/// The time limit for a fault to be reported, which suffices on a busy machine too.
const LIMIT: Duration = Duration::from_secs(20);

/// Starts a pod and waits until its elector answers.
pub fn start(pod: &mut Pod) -> Result<()> {
    pod.start_both()?;
    pod.wait_for_log(Part::Elector, "Serving HTTP", LIMIT)
}

/// Waits until the pod acts; returns the time until then.
pub fn wait_until_leading(pod: &Pod, limit: Duration) -> Result<Duration> {
    let begin = Instant::now();
    lab::wait_for("the pod to act", limit, || {
        ensure!(pod.acts()?, "{}", pod.facts()?);
        Ok(())
    })
    .with_context(|| pod.logs())?;
    Ok(begin.elapsed())
}

/// Waits until the pod is blocked for this reason, and its status and its log contain these words; returns the time until then.
pub fn wait_until_blocked(pod: &Pod, reason: &str, words: &str) -> Result<Duration> {
    let begin = Instant::now();
    lab::wait_for("the pod to be blocked", LIMIT, || {
        let facts = pod.facts()?;
        ensure!(
            facts["state"] == "blocked" && facts["reason"] == reason,
            "{facts}"
        );
        let detail = facts["detail"].as_str().unwrap_or_default();
        ensure!(detail.contains(words), "the answer has no {words}: {facts}");
        let log = pod.log(Part::Elector);
        let said = log
            .lines()
            .any(|line| line.contains("WARN") && line.contains(words));
        ensure!(said, "the log does not warn of {words}");
        Ok(())
    })
    .with_context(|| pod.logs())?;
    let blocked = begin.elapsed();
    // On a busy machine the elector's report can come before the collector listens.
    let acts = lab::wait_for("an answer of the collector", LIMIT, || pod.acts())?;
    ensure!(!acts, "it acts all the same");
    Ok(blocked)
}
