//! The command line of the soak.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// A fault that is planted, to see that the soak finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Plant {
    /// From time to time one lag in a scrape is greater by 1
    Value,
    /// From time to time one group is missing in a scrape
    Silence,
    /// The collector of pod b is killed once
    Crash,
}

/// Runs two pods of elector and collector for long, over a real API server, etcd and three Kafka brokers under load, and judges
/// every value that they show.
///
/// Meanwhile topics are created, deleted, made anew and get more partitions; log starts move; groups commit, rebalance, come, go and
/// expire; one broker after the other is restarted; and leadership moves: pod a is asked to end, or killed, and pod b, which lives
/// throughout, is cut off from the API server. Both pods are scraped every second.
///
/// A value is wrong if it lies outside of what the load had confirmed before it was read and had attempted by then. A series is
/// missing if its group or partition has existed for long, its pod has led for 10 s, and the brokers have been well for 15 s. Two
/// pods must never act at the same time, and no gap without a leader may be longer than a failover takes. No process may end that
/// the soak does not end.
///
/// The files written are report.md with tables, soak.json with all figures, and pictures (*.svg). The exit status is 1 if something
/// was wrong.
#[derive(Clone, Debug, Parser)]
#[command(name = "tests/run soak", bin_name = "tests/run soak")]
pub struct Args {
    /// Minutes for which the pods are under load
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(3..))]
    pub minutes: u64,

    /// Seconds from one change of leadership to the next; by default 150, and less in a soak of less than ten minutes
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(45..=600))]
    pub failover_secs: Option<u64>,

    /// Seconds from one restart of a broker to the next; by default 120, and less in a soak of less than four minutes
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(30..))]
    pub broker_secs: Option<u64>,

    /// Plants a fault, so that the soak has to fail
    #[arg(long, value_name = "WHAT", value_enum)]
    pub plant: Option<Plant>,

    /// Directory for everything that is written; `soak` in the target directory unless named
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

// === impl Args ===

impl Args {
    /// Returns the time for which the pods are under load.
    pub fn length(&self) -> Duration {
        Duration::from_secs(60 * self.minutes)
    }

    /// Returns the time from one change of leadership to the next.
    pub(super) fn failover_every(&self) -> Duration {
        let secs = self.failover_secs;
        Duration::from_secs(secs.unwrap_or_else(|| (self.minutes * 60 / 4).clamp(45, 150)))
    }

    /// Returns the time from one restart of a broker to the next.
    pub(super) fn broker_every(&self) -> Duration {
        let secs = self.broker_secs;
        Duration::from_secs(secs.unwrap_or_else(|| (self.minutes * 60 / 2).min(120)))
    }

    /// Returns the time after which memory is no longer expected to grow: ten minutes, or a third of a short soak.
    pub(super) fn warm_up(&self) -> Duration {
        Duration::from_secs(600).min(self.length() / 3)
    }
}
