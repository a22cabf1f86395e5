//! How far the first collection is, told to a person.
//!
//! At a terminal one live line, else a log line at every change of phase and every few seconds. Once every cluster has been
//! published there is nothing more to tell: from then on the log speaks of failures only.

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
mod words;

/// How often the live line is redrawn.
const REDRAW: Duration = Duration::from_millis(200);

/// How long a phase may last before another log line tells how far it is.
const REPEAT: Duration = Duration::from_secs(5);

/// How far the first collection of one cluster is. The counts grow as they become known; after [`Phase::Published`] nothing is
/// sent any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Brokers of the cluster.
    pub brokers: usize,
    /// Groups that the filter lets through.
    pub groups: usize,
    /// Partitions of the topics that the filter lets through.
    pub partitions: usize,
}

/// What is being done for a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Not begun, or not allowed to.
    #[default]
    Waiting,
    /// Reaching the first broker.
    Connecting,
    /// Asking which topics and groups there are.
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

/// Tells how far the clusters are.
#[derive(Debug)]
pub struct Reporter {
    clusters: Vec<Cluster>,
    live: Option<LiveLine>,
    began: Instant,
    /// When the first of the clusters was begun with: on a standby that comes to lead, long after `began`.
    collecting: Option<Instant>,
    logged: Instant,
}

#[derive(Debug)]
struct Cluster {
    name: Name,
    progress: watch::Receiver<Progress>,
    /// The phase that the log was last told, and when.
    logged: (Discriminant<Phase>, Instant),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remaining {
    Some,
    None,
}

/// Something for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    /// This cluster is in a new phase, or has been in this one for long.
    UnderWay,
    /// This cluster's first collection is on `/metrics`.
    Published,
}

// === impl Reporter ===

impl Reporter {
    /// A reporter on `clusters`: on the live line where there is one, else in the log. Until collecting begins, times count from
    /// `began`.
    pub fn new(
        clusters: Vec<(Name, watch::Receiver<Progress>)>,
        live: Option<LiveLine>,
        began: Instant,
    ) -> Self {
        let logged = (discriminant(&Phase::Waiting), began);
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

    /// Tells until every cluster has been published once, then waits for `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut due = tokio::time::interval(REDRAW);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.tell(Instant::now()) == Remaining::Some {
            tokio::select! { biased;
            () = shutdown.cancelled() => break,
            _ = due.tick() => {} }
        }
        if let Some(live) = &self.live {
            live.clear();
        }
        shutdown.cancelled().await;
    }

    fn tell(&mut self, now: Instant) -> Remaining {
        for (index, notice) in self.notices(now) {
            self.log(index, notice, now);
        }
        let seen = self.seen();
        if seen
            .iter()
            .all(|(_, progress)| progress.phase == Phase::Published)
        {
            return Remaining::None;
        }
        if let Some(live) = &self.live {
            live.draw(&words::line(&seen, self.elapsed(now)));
        }
        Remaining::Some
    }

    /// What the log has to be told at `now`, by the index of the cluster. With a live line that is only the end.
    fn notices(&mut self, now: Instant) -> Vec<(usize, Notice)> {
        let waiting = |cluster: &Cluster| cluster.progress.borrow().phase == Phase::Waiting;
        if self.collecting.is_none() && !self.clusters.iter().all(waiting) {
            self.collecting = Some(now);
        }
        let mut notices = Vec::new();
        for (index, cluster) in self.clusters.iter_mut().enumerate() {
            let phase = cluster.progress.borrow().phase;
            if discriminant(&phase) == cluster.logged.0 {
                continue;
            }
            cluster.logged = (discriminant(&phase), now);
            match phase {
                Phase::Published => notices.push((index, Notice::Published)),
                _ if self.live.is_none() => notices.push((index, Notice::UnderWay)),
                _ => {}
            }
        }
        if notices.is_empty() && self.live.is_none() && now - self.logged >= REPEAT {
            notices.extend(
                self.longest_untold(now)
                    .map(|index| (index, Notice::UnderWay)),
            );
        }
        if !notices.is_empty() {
            self.logged = now;
        }
        notices
    }

    /// The busy cluster of which the log has heard nothing for the longest time.
    fn longest_untold(&mut self, now: Instant) -> Option<usize> {
        let busy = self.clusters.iter_mut().enumerate().filter(|(_, cluster)| {
            !matches!(
                cluster.progress.borrow().phase,
                Phase::Waiting | Phase::Published
            )
        });
        let (index, cluster) = busy.min_by_key(|(_, cluster)| cluster.logged.1)?;
        cluster.logged.1 = now;
        Some(index)
    }

    fn log(&self, index: usize, notice: Notice, now: Instant) {
        let cluster = &self.clusters[index];
        let Progress {
            phase,
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
                let doing = words::phase(phase);
                info!(
                    cluster = name,
                    doing, brokers, groups, partitions, seconds, "First collection"
                );
            }
        }
    }

    /// For how long is collected, or what collecting waits for is waited for.
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
