//! The memory, threads, file descriptors and sockets of the pods' processes over time, as `/proc` shows them.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use tokio::time::Instant;

use super::slope::{self, Line};
use crate::lab::Pod;
use crate::lab::pod::{BOTH, Part};

/// The time between two looks at all processes.
pub(super) const EVERY: Duration = Duration::from_secs(5);

/// One look at a process.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Look {
    /// Seconds after the beginning of the soak.
    pub(super) at: f64,
    /// Resident memory in bytes.
    pub(super) rss: u64,
    pub(super) threads: u64,
    pub(super) descriptors: u64,
    pub(super) sockets: u64,
    /// CPU time so far, in milliseconds.
    pub(super) cpu_ms: u64,
}

/// A process from its start to its end.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Life {
    /// The pod, 0 or 1.
    pub(super) pod: usize,
    /// The program's name.
    pub(super) program: &'static str,
    pub(super) id: u32,
    pub(super) looks: Vec<Look>,
}

/// All processes that were looked at.
#[derive(Debug, Default)]
pub(super) struct Lives {
    pub(super) lives: Vec<Life>,
}

// === impl Lives ===

impl Lives {
    /// Returns the memory of the processes that were looked at last, in words.
    pub(super) fn now(&self) -> String {
        let mut words = Vec::new();
        for pod in 0..2 {
            for program in ["elector", "collector"] {
                let of_process = |life: &&Life| life.pod == pod && life.program == program;
                let life = self.lives.iter().rfind(of_process);
                if let Some(look) = life.and_then(|life| life.looks.last()) {
                    let name = ["a", "b"][pod];
                    words.push(format!("{program} {name} {:.1} MB", number(look.rss) / 1e6));
                }
            }
        }
        words.join(", ")
    }

    /// Looks at the running processes of a pod. One that ends meanwhile is left out.
    pub(super) fn look(&mut self, n: usize, pod: &mut Pod, begun: Instant) {
        for part in BOTH {
            let Some(id) = pod.id(part) else { continue };
            let Ok(look) = look(id, pod, (part, begun)) else {
                continue;
            };
            let of_process = |life: &&mut Life| life.id == id && life.pod == n;
            match self.lives.iter_mut().rfind(of_process) {
                Some(life) => life.looks.push(look),
                None => self.lives.push(Life {
                    pod: n,
                    program: name(part),
                    id,
                    looks: vec![look],
                }),
            }
        }
    }
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Elector => "elector",
        Part::Collector => "collector",
    }
}

fn look(id: u32, pod: &mut Pod, (part, begun): (Part, Instant)) -> Result<Look> {
    let usage = pod.usage(part)?;
    let (mut descriptors, mut sockets) = (0, 0);
    for entry in fs::read_dir(format!("/proc/{id}/fd"))? {
        descriptors += 1;
        // A descriptor that was closed meanwhile has no target.
        let target = fs::read_link(entry?.path()).unwrap_or_default();
        sockets += u64::from(target.to_string_lossy().starts_with("socket:"));
    }
    Ok(Look {
        at: begun.elapsed().as_secs_f64(),
        rss: usage.rss,
        threads: usage.threads,
        descriptors,
        sockets,
        cpu_ms: u64::try_from(usage.cpu.as_millis()).unwrap_or(u64::MAX),
    })
}

// === impl Life ===

impl Life {
    /// Returns the line through the values after the first `warm_up` of the life; `None` if there are fewer than three.
    pub(super) fn line(&self, warm_up: Duration, of: fn(&Look) -> u64) -> Option<Line> {
        let first = self.looks.first()?.at + warm_up.as_secs_f64();
        let looks = self.looks.iter().filter(|look| look.at >= first);
        slope::through(
            &looks
                .map(|look| (look.at, number(of(look))))
                .collect::<Vec<_>>(),
        )
    }

    /// Returns the length of the life in seconds, as far as it was seen.
    pub(super) fn length(&self) -> f64 {
        match (self.looks.first(), self.looks.last()) {
            (Some(first), Some(last)) => last.at - first.at,
            _ => 0.0,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes are far below 2^52")]
pub(super) fn number(n: u64) -> f64 {
    n as f64
}
