//! The faults of servers: each lane runs on a thread of its own, because a server that starts again takes its time.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use super::fault::{Fault, FaultKind, Interruption, Server};
use super::recording::{Origin, Stretch};
use super::schedule::Schedule;
use crate::lab::kubernetes::Component;
use crate::lab::process::Signal;
use crate::lab::{self, ControlPlane, Kafka};

/// The actual times of faults, each with the index of the fault in the schedule.
pub(super) type Happened = Vec<(usize, Stretch)>;

/// Runs the faults of the API server and of etcd; returns when both work again after the last fault.
pub(super) fn control_plane(
    plane: &mut ControlPlane,
    schedule: &Schedule,
    origin: Origin,
) -> Result<Happened> {
    let mut happened = Vec::new();
    for (n, fault) in schedule.faults.iter().enumerate() {
        let FaultKind::Server {
            server,
            interruption,
        } = &fault.kind
        else {
            continue;
        };
        let component = match server {
            Server::ApiServer => Component::ApiServer,
            Server::Etcd => Component::Etcd,
            Server::Broker(_) => continue,
        };
        let began = at_begin(fault, origin);
        match interruption {
            Interruption::Stopped => plane.signal(component, Signal::Stop)?,
            Interruption::Killed | Interruption::Terminated => plane.kill(component)?,
        }
        at_end(fault, origin);
        match interruption {
            Interruption::Stopped => plane.signal(component, Signal::Continue)?,
            Interruption::Killed | Interruption::Terminated => plane.launch(component)?,
        }
        plane.wait_until_ready()?;
        happened.push((n, (began, origin.micros(Instant::now()))));
    }
    Ok(happened)
}

/// Runs the faults of Kafka's brokers; returns when all of them listen again after the last fault.
pub(super) fn brokers(kafka: &mut Kafka, schedule: &Schedule, origin: Origin) -> Result<Happened> {
    let mut happened = Vec::new();
    for (n, fault) in schedule.faults.iter().enumerate() {
        let FaultKind::Server {
            server: Server::Broker(id),
            interruption,
        } = &fault.kind
        else {
            continue;
        };
        let began = at_begin(fault, origin);
        match interruption {
            Interruption::Stopped => kafka.pause_node(*id)?,
            Interruption::Killed | Interruption::Terminated => kafka.kill_node(*id)?,
        }
        at_end(fault, origin);
        match interruption {
            Interruption::Stopped => kafka.resume_node(*id)?,
            Interruption::Killed | Interruption::Terminated => kafka.start_node(*id)?,
        }
        happened.push((n, (began, origin.micros(Instant::now()))));
    }
    Ok(happened)
}

/// Waits until the fault is to begin; returns the time, which is later if the fault before it on this lane took longer.
fn at_begin(fault: &Fault, origin: Origin) -> u64 {
    wait_until(origin, fault.at_ms);
    origin.micros(Instant::now())
}

fn at_end(fault: &Fault, origin: Origin) {
    wait_until(origin, fault.end_ms());
}

fn wait_until(origin: Origin, ms: u64) {
    let due = origin.0 + Duration::from_millis(ms);
    lab::pause(due.saturating_duration_since(Instant::now()));
}
