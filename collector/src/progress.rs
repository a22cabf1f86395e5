//! The progress of the first collection, shown to a person.
//!
//! At a terminal it is one line that is redrawn, elsewhere a log line at every change of step and every few seconds. After the
//! first collection of each cluster has been published there is nothing left to show, and the log has failures only.

use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use shared::telemetry::LiveLine;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::snapshot::Name;

#[cfg(test)]
mod tests;
mod text;

/// The interval between two drawings of the live line.
const REDRAW: Duration = Duration::from_millis(200);

/// The time after which a step that lasts gets another log line.
const REPEAT: Duration = Duration::from_secs(5);

/// The progress of the first collection of one cluster. The counts grow as they become known; after [`Step::Published`] nothing
/// is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The current step.
    pub step: Step,
    /// The number of brokers of the cluster.
    pub brokers: usize,
    /// The number of groups that the filter lets through.
    pub groups: usize,
    /// The number of partitions of the topics that the filter lets through.
    pub partitions: usize,
}

/// The steps of a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step {
    /// The collection has not begun, or is not permitted.
    #[default]
    Waiting,
    /// Connecting to the first broker.
    Connecting,
    /// Listing topics and groups.
    Listing,
    /// Reading committed offsets.
    Offsets {
        /// Groups done.
        done: usize,
        /// Groups to do.
        total: usize,
    },
    /// Reading log ends.
    Ends {
        /// Partitions done.
        done: usize,
        /// Partitions to do.
        total: usize,
    },
    /// Reading the oldest unread records.
    Timestamps {
        /// Partitions done.
        done: usize,
        /// Partitions to do.
        total: usize,
    },
    /// The collection is on `/metrics`.
    Published,
}

/// The task that shows the progress of all clusters.
#[derive(Debug)]
pub struct ProgressReporter {
    clusters: Vec<Cluster>,
    live: Option<LiveLine>,
    began: Instant,
    /// The instant at which collecting began in the first cluster: on a standby that becomes the leader, long after `began`.
    collecting: Option<Instant>,
    logged: Instant,
}

#[derive(Debug)]
struct Cluster {
    name: Name,
    progress: watch::Receiver<Progress>,
    /// The step that the log was last told, and the instant of that.
    logged: (Discriminant<Step>, Instant),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remaining {
    Some,
    None,
}

/// An event for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    /// The cluster is in a new step, or has been in this one for long.
    UnderWay,
    /// The first collection of the cluster is on `/metrics`.
    Published,
}

// === impl ProgressReporter ===

impl ProgressReporter {
    /// A reporter on `clusters`: on the live line if there is one, else in the log. Until collecting begins, times count from
    /// `began`.
    pub fn new(
        clusters: Vec<(Name, watch::Receiver<Progress>)>,
        live: Option<LiveLine>,
        began: Instant,
    ) -> Self {
        let logged = (discriminant(&Step::Waiting), began);
        let clusters = clusters
            .into_iter()
            .map(|(name, progress)| Cluster {
                name,
                progress,
                logged,
            })
            .collect();
        Self {
            clusters,
            live,
            began,
            collecting: None,
            logged: began,
        }
    }

    /// Shows progress until every cluster has been published once, then waits for `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut due = tokio::time::interval(REDRAW);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.report(Instant::now()) == Remaining::Some {
            tokio::select! { biased;
            () = shutdown.cancelled() => break,
            _ = due.tick() => {} }
        }
        if let Some(live) = &self.live {
            live.clear();
        }
        shutdown.cancelled().await;
    }

    fn report(&mut self, now: Instant) -> Remaining {
        for (index, notice) in self.due_notices(now) {
            self.log(index, notice, now);
        }
        let seen = self.seen();
        if seen
            .iter()
            .all(|(_, progress)| progress.step == Step::Published)
        {
            return Remaining::None;
        }
        if let Some(live) = &self.live {
            live.draw(&text::line(&seen, self.elapsed(now)));
        }
        Remaining::Some
    }

    /// Returns the log lines that are due at `now`, each with the index of its cluster. With a live line only the end is logged.
    fn due_notices(&mut self, now: Instant) -> Vec<(usize, Notice)> {
        let waiting = |cluster: &Cluster| cluster.progress.borrow().step == Step::Waiting;
        if self.collecting.is_none() && !self.clusters.iter().all(waiting) {
            self.collecting = Some(now);
        }
        let mut notices = Vec::new();
        for (index, cluster) in self.clusters.iter_mut().enumerate() {
            let step = cluster.progress.borrow().step;
            if discriminant(&step) == cluster.logged.0 {
                continue;
            }
            cluster.logged = (discriminant(&step), now);
            match step {
                Step::Published => notices.push((index, Notice::Published)),
                _ if self.live.is_none() => notices.push((index, Notice::UnderWay)),
                _ => {}
            }
        }
        if notices.is_empty() && self.live.is_none() && now - self.logged >= REPEAT {
            notices.extend(
                self.longest_unlogged(now)
                    .map(|index| (index, Notice::UnderWay)),
            );
        }
        if !notices.is_empty() {
            self.logged = now;
        }
        notices
    }

    /// Returns the collecting cluster whose last log line is the oldest.
    fn longest_unlogged(&mut self, now: Instant) -> Option<usize> {
        let busy = self.clusters.iter_mut().enumerate().filter(|(_, cluster)| {
            !matches!(
                cluster.progress.borrow().step,
                Step::Waiting | Step::Published
            )
        });
        let (index, cluster) = busy.min_by_key(|(_, cluster)| cluster.logged.1)?;
        cluster.logged.1 = now;
        Some(index)
    }

    fn log(&self, index: usize, notice: Notice, now: Instant) {
        let cluster = &self.clusters[index];
        let Progress {
            step,
            brokers,
            groups,
            partitions,
        } = *cluster.progress.borrow();
        let name = &*cluster.name;
        let seconds = self.elapsed(now).as_secs();
        match notice {
            Notice::Published => {
                info!(
                    cluster = name,
                    brokers, groups, partitions, seconds, "First collection published"
                );
            }
            Notice::UnderWay => {
                let doing = text::describe(step);
                info!(
                    cluster = name,
                    doing, brokers, groups, partitions, seconds, "First collection"
                );
            }
        }
    }

    /// The time since collecting began, or since the start while it has not begun.
    fn elapsed(&self, now: Instant) -> Duration {
        now - self.collecting.unwrap_or(self.began)
    }

    fn seen(&self) -> Vec<(&str, Progress)> {
        self.clusters
            .iter()
            .map(|cluster| (&*cluster.name, *cluster.progress.borrow()))
            .collect()
    }
}
