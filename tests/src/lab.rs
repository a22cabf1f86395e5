//! The lab of real servers: Apache Kafka and a Kubernetes control plane on loopback, the programs as processes, and oracles to
//! compare them by.
//!
//! Everything here blocks, as its users are plain `#[test]` functions. Everything that a test starts ends with the test: by
//! `Drop` when the test returns or panics, by the kernel when it is killed ([`process`]).

pub mod alertmanager;
pub mod certificates;
pub mod closed_programs;
pub mod closing;
pub mod collector;
pub mod config;
pub mod expected;
pub mod faults;
pub mod history;
pub mod host;
pub mod http;
pub mod identity_provider;
pub mod kafka;
pub mod kafka_routes;
pub mod kafka_tools;
pub mod keys;
pub mod kubernetes;
pub mod node;
pub mod observer;
pub mod oracle;
pub mod pod;
pub mod ports;
pub mod process;
pub mod programs;
pub mod prom;
pub mod prometheus;
pub mod raw_kafka;
mod ready_server;
pub mod scale;
pub mod secret_volume;
pub mod two_pods;

use std::fmt::Display;
use std::fs::File;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use closing::{Closing, Way};
pub use collector::Collector;
pub use config::Config;
pub use kafka::Kafka;
pub use kafka_routes::KafkaRoutes;
pub use kubernetes::ControlPlane;
pub use node::Node;
pub use pod::Pod;
pub use two_pods::{BrokenPromise, PairPlan, TwoPods};

/// The length of the tests with real servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// The full length, which `KLAG_PROOF` asks for: each test lasts as long as its promise says.
    Full,
    /// The same events with shorter pauses, so that all tests fit into an hour.
    Short,
}

impl Length {
    /// Returns the length that `KLAG_PROOF` asks for.
    pub fn from_env() -> Self {
        match std::env::var("KLAG_PROOF") {
            Ok(set) if !set.is_empty() && set != "0" => Self::Full,
            _ => Self::Short,
        }
    }

    /// Returns the limit within which something must happen: as promised in a full run, and three times as long in a short run,
    /// for the machine may be busy. No limit of safety gets slack.
    pub fn slack(self, bound: Duration) -> Duration {
        self.pick(bound, bound * 3)
    }

    /// Returns `full` or `short`, by the length.
    pub fn pick<T>(self, full: T, short: T) -> T {
        match self {
            Self::Full => full,
            Self::Short => short,
        }
    }
}

/// The right to use the lab. Until it is dropped, other tests with real servers wait, those of other processes included: times that are
/// measured beside other tests prove little.
#[derive(Debug)]
pub struct Reservation(
    #[expect(dead_code, reason = "the lock lasts as long as the file is open")] File,
);

/// Waits until no other test has the lab. `KLAG_LAB` names a lab other than the usual one, with a lock of its own.
pub fn reserve() -> Result<Reservation> {
    let lab = std::env::var("KLAG_LAB").unwrap_or_default();
    let path = host::cache()?.join(format!("lab{lab}.lock"));
    let file = File::create(path)?;
    file.lock()?;
    Ok(Reservation(file))
}

/// Prints a line of a test's report; `cargo test -- --nocapture` shows them.
#[expect(clippy::print_stdout, reason = "figures are what a proof is run for")]
pub fn say(line: impl Display) {
    println!("{line}");
}

/// Blocks the calling thread.
pub fn pause(duration: Duration) {
    thread::sleep(duration);
}

/// Returns the time of the wall clock, in seconds since 1970.
pub fn wall_seconds() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

static GIVEN_UP: LazyLock<CancellationToken> = LazyLock::new(CancellationToken::new);

/// Ends all waiting in this process, from now on: whatever is being started fails with an error that says so.
pub fn give_up() {
    GIVEN_UP.cancel();
}

/// Returns true once [`give_up`] was called.
pub fn is_given_up() -> bool {
    GIVEN_UP.is_cancelled()
}

/// Calls `ask` every tenth of a second until it returns a value. After `limit` it fails with `what` and the last error of `ask`; once
/// the process is to end, with `what` alone.
pub fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        match ask() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= end => {
                bail!("waited {limit:?} for {what}: {error:#}")
            }
            Err(_) if is_given_up() => bail!("{what} is waited for no more"),
            Err(_) => pause(Duration::from_millis(100)),
        }
    }
}
