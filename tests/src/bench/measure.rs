//! One measurement: one process of one collector, from its start to its end.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

use super::cell::Cell;
use super::connections;
use super::cores::Cores;
use super::judge::{self, Truth};
use super::record::{Figures, Scrape};
use super::scrapes::{self, Load, ms};
use super::servers::Cluster;
use super::subject::{Running, Tested};
use crate::lab;

/// The poll interval of a process of which only the first collection matters, in seconds. klag-exporter gives a collection up 5 s before
/// the next one is due.
const RARE: u64 = 3_600;
/// The shortest poll interval, in seconds.
const SHORTEST: u64 = 5;

/// The settings of one measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    pub(super) cell: Cell,
    pub(super) tested: &'a Tested,
    pub(super) cores: &'a Cores,
    /// The time within which a first collection must end.
    pub(super) limit: Duration,
}

/// The times at which both collectors collect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The time from the start of one collection to the start of the next, in seconds.
    pub(super) poll_interval: u64,
    /// The number of collections that are measured after the first one.
    pub(super) n_collections: u32,
}

/// The pause after a collection: nothing disturbs what is measured in it.
#[derive(Clone, Copy, Debug)]
struct Pause {
    /// The time at which the next collection is due.
    until: Instant,
}

// === impl Pace ===

impl Pace {
    /// The pace at which a collection that takes `longest` leaves room for scrapes before the next one.
    pub(super) fn of(longest: Duration, n_collections: u32) -> Self {
        let poll_interval = (3 * longest / 2).as_secs() + SHORTEST;
        let n_collections = if poll_interval > 60 {
            n_collections.min(2)
        } else {
            n_collections
        };
        Self {
            poll_interval,
            n_collections,
        }
    }

    /// The time within which one more collection must end.
    fn patience(self) -> Duration {
        3 * self.interval()
    }

    fn interval(self) -> Duration {
        Duration::from_secs(self.poll_interval)
    }

    /// The pause after a collection of this duration, which has ended now.
    fn pause(self, took: Duration) -> Pause {
        // A collector logs a collection a moment before it has published it.
        lab::pause(took.clamp(Duration::from_millis(100), Duration::from_secs(5)));
        Pause {
            until: Instant::now() + self.interval().saturating_sub(2 * took),
        }
    }
}

// === impl Setting ===

impl Setting<'_> {
    /// The duration of the first collection of a process.
    pub(super) fn first_collection(&self, cluster: &mut Cluster) -> Result<Duration> {
        let mut running = self.start(cluster, RARE)?;
        let duration = running.wait_for_end(self.limit)?;
        running.stop()?;
        cluster.move_on();
        Ok(duration)
    }

    /// Measures a whole process: its first data, collections, scrapes, and the values that it shows.
    pub(super) fn measure(&self, cluster: &mut Cluster, pace: Pace) -> Result<Figures> {
        let mut running = self.start(cluster, pace.poll_interval)?;
        let first_data = running.wait_for_data(self.limit)?;
        running.wait_for_end(self.limit)?;
        let mut figures = Figures {
            poll_interval: pace.poll_interval,
            first_data_ms: ms(first_data),
            ..Figures::default()
        };
        let pause = steady(&mut running, cluster, (pace, &mut figures))?;
        let truth = Truth {
            cell: self.cell,
            moved: cluster.moved(),
            asked: lab::wall_seconds(),
            poll_interval: pace.interval().as_secs_f64(),
        };
        let shown = scrapes::one(running.port())?;
        figures.scrapes = all_scrapes(&mut running, (pace, pause), shown.took)?;
        figures.rss_peak_scraped = running.usage()?.rss_peak;
        running.stop()?;
        cluster.move_on();
        judge::judge(&shown.text()?, truth)?.into_figures(&mut figures);
        Ok(figures)
    }

    fn start(&self, cluster: &Cluster, poll_interval: u64) -> Result<Running> {
        let bootstrap = cluster.bootstrap();
        self.tested
            .start(self.cell, &bootstrap, (self.cores, poll_interval))
    }
}

/// Measures collections that nothing disturbs. Before each of them logs and commits move on.
fn steady(
    running: &mut Running,
    cluster: &mut Cluster,
    (pace, figures): (Pace, &mut Figures),
) -> Result<Pause> {
    cluster.reset_requests();
    let before = running.usage()?;
    let mut took = Duration::ZERO;
    for _ in 0..pace.n_collections {
        cluster.move_on();
        took = running.wait_for_end(pace.patience())?;
        figures.wall_ms.push(ms(took));
    }
    let after = running.usage()?;
    let n = f64::from(pace.n_collections);
    figures.cpu_ms = ms(after.cpu.saturating_sub(before.cpu)) / n;
    figures.rss = after.rss;
    figures.rss_peak = after.rss_peak;
    figures.threads = after.threads;
    figures.connections = connections::count(running.id(), &cluster.addresses()?)?;
    for (api, requests) in cluster.requests() {
        let requests = u32::try_from(requests).context("requests without end")?;
        figures.requests.insert(api, f64::from(requests) / n);
    }
    Ok(pace.pause(took))
}

/// Measures scrapes of all kinds in the pauses between collections. `each` is the duration of one scrape.
fn all_scrapes(
    running: &mut Running,
    (pace, mut pause): (Pace, Pause),
    each: Duration,
) -> Result<Vec<Scrape>> {
    let mut made = Vec::new();
    for load in Load::ALL {
        if Instant::now() + load.length(each) > pause.until {
            pause = pace.pause(running.wait_for_end(pace.patience())?);
        }
        made.push(load.measure(running, each)?);
    }
    Ok(made)
}
