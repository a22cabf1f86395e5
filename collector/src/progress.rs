//! The progress of the first collection, shown to a person.
//!
//! At a terminal, progress is one line that is redrawn; elsewhere it is a log line at every change of step and every few seconds.
//! After the first collection of each cluster has been published there is nothing left to show, and of later collections only
//! failures are logged.

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

/// The time without a log line about progress after which the step that lasts gets another line.
const REPEAT: Duration = Duration::from_secs(5);

/// The progress of the first collection of one cluster. The counts grow as they become known; after [`Step::Published`] nothing
/// is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The step that the collection is in.
    pub step: Step,
    /// The number of brokers of the cluster.
    pub brokers: usize,
    /// The number of groups that the filter lets through.
    pub groups: usize,
    /// The number of partitions of the topics that the filter lets through.
    pub partitions: usize,
}

/// The steps of a collection, as a person is shown them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step {
    /// The collection has not begun, or is not permitted.
    #[default]
    Waiting,
    /// The clients are connecting to the first broker.
    Connecting,
    /// The topics and the groups are being listed.
    Listing,
    /// The committed offsets are being read.
    Offsets {
        /// The number of answers with committed offsets so far.
        done: usize,
        /// The number of requests: one for each group, or several where it is not known which broker coordinates the group.
        total: usize,
    },
    /// The log ends are being read.
    Ends {
        /// The number of partitions whose log ends were read: none or all.
        done: usize,
        /// The number of partitions whose log ends have to be read.
        total: usize,
    },
    /// The oldest unread records are being read.
    Timestamps {
        /// The number of wanted offsets whose record was found, or given up.
        done: usize,
        /// The number of wanted offsets that are not in the cache.
        total: usize,
    },
    /// The result of the collection is on `/metrics`.
    Published,
}

/// The task that shows the progress of all clusters.
#[derive(Debug)]
pub struct ProgressReporter {
    clusters: Vec<ClusterProgress>,
    live: Option<LiveLine>,
    began: Instant,
    /// The instant at which collecting began in the first cluster. On a standby that becomes the leader, this is long after
    /// `began`.
    collecting: Option<Instant>,
    logged: Instant,
}

#[derive(Debug)]
struct ClusterProgress {
    name: Name,
    progress: watch::Receiver<Progress>,
    /// The step that was logged last, and the instant of that log line.
    logged: (Discriminant<Step>, Instant),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remaining {
    Some,
    None,
}

/// A reason for a log line about one cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    /// The cluster is in a new step, or has been in the same step for long.
    UnderWay,
    /// The first collection of the cluster is on `/metrics`.
    Published,
}

// === impl ProgressReporter ===

impl ProgressReporter {
    /// Makes a reporter on `clusters`, which shows progress on the live line if there is one, else in the log. Until collecting
    /// begins, times count from `began`.
    pub fn new(
        clusters: Vec<(Name, watch::Receiver<Progress>)>,
        live: Option<LiveLine>,
        began: Instant,
    ) -> Self {
        let logged = (discriminant(&Step::Waiting), began);
        let clusters = clusters
            .into_iter()
            .map(|(name, progress)| ClusterProgress {
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

    /// Returns the log lines that are due at `now`, each with the index of its cluster. With a live line only publications are
    /// logged.
    fn due_notices(&mut self, now: Instant) -> Vec<(usize, Notice)> {
        let waiting = |cluster: &ClusterProgress| cluster.progress.borrow().step == Step::Waiting;
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

    /// Returns the collecting cluster whose last log line is the oldest, and sets the time of that line to `now`.
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

    /// Returns the time since collecting began, or since the start while it has not begun.
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
