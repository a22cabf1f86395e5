//! The restarts of brokers: one after the other, each when all replicas are in sync.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use super::arena::BROKERS;
use super::judge::{Glance, Message};
use super::scrapes;
use crate::lab::{self, Kafka};

/// The pause between two looks at whether something is due.
const TICK: Duration = Duration::from_millis(200);
/// The time for which a broker stays away, beside the time that it takes to end and to start.
const AWAY: Duration = Duration::from_secs(3);
/// The time, in milliseconds, for which all replicas must have been in sync before a broker is restarted.
const SETTLED: u64 = 10_000;
/// The number of restarts of which one is a SIGKILL.
const KILLED: usize = 4;

/// A restart of a broker.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Restart {
    pub(super) broker: u16,
    /// The signal.
    pub(super) signal: &'static str,
    /// Seconds after the beginning of the soak at which the signal was sent, and at which the broker listened again.
    pub(super) from: f64,
    pub(super) to: f64,
}

/// Restarts a broker every so often until `stop` is set. The time of a restart is put off until the replicas are in sync.
pub(super) fn restart(
    kafka: &mut Kafka,
    every: Duration,
    (messages, glance): (&Sender<Message>, &watch::Receiver<Glance>),
    stop: &AtomicBool,
) -> Result<Vec<Restart>> {
    let begun = Instant::now();
    let mut restarts = Vec::new();
    let mut due = begun + every / 2;
    while !stop.load(Ordering::Relaxed) && !lab::is_given_up() {
        lab::pause(TICK);
        let whole = glance.borrow().whole_since;
        let settled = whole.is_some_and(|since| since + SETTLED <= scrapes::now());
        if Instant::now() < due || !settled {
            continue;
        }
        due = Instant::now() + every;
        let n = restarts.len();
        let broker = u16::try_from(n)? % BROKERS + 1;
        let signal = if n % KILLED == KILLED - 2 {
            "SIGKILL"
        } else {
            "SIGTERM"
        };
        let from = begun.elapsed().as_secs_f64();
        // An error means that the judge has ended, which its own error explains.
        messages.send(Message::Down(scrapes::now())).ok();
        let restarted = away(kafka, broker, signal);
        if lab::is_given_up() {
            break;
        }
        restarted?;
        messages.send(Message::Up(scrapes::now())).ok();
        restarts.push(Restart {
            broker,
            signal,
            from,
            to: begun.elapsed().as_secs_f64(),
        });
    }
    Ok(restarts)
}

/// Ends a broker, and starts it again.
fn away(kafka: &mut Kafka, broker: u16, signal: &str) -> Result<()> {
    if signal == "SIGKILL" {
        kafka.kill_node(broker)?;
    } else {
        kafka.stop_node(broker)?;
    }
    lab::pause(AWAY);
    kafka.start_node(broker)
}
