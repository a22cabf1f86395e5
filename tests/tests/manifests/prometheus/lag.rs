//! The lag of the lab's group, which is the same in the Kafka of both pods.

use e2e::lab::{self, Pod};
use tokio::time::Instant;

/// The name of the group whose lag is watched.
pub(crate) const GROUP: &str = "billing";

/// The lag above which the user's alert fires.
pub(crate) const THRESHOLD: i64 = 1500;

/// The lag while nothing is wrong.
const CALM: i64 = 100;

/// The lag of the group over time.
#[derive(Debug)]
pub(crate) struct Lag {
    end: i64,
    committed: i64,
    raised: Option<Instant>,
    /// The values told to the pods since the last call of `raise`, oldest first: the Unix time in seconds at which each was told,
    /// and the lag that holds from then until the next entry.
    told: Vec<(f64, i64)>,
}

// === impl Lag ===

impl Lag {
    /// Returns the lag of the lab's pods when they start.
    pub(crate) fn calm() -> Self {
        Self {
            end: 1000,
            committed: 1000 - CALM,
            raised: None,
            told: Vec::new(),
        }
    }

    /// Marks the lag as raised from now on and forgets the values told before. The pods see the raised lag, at least twice the
    /// threshold, from the next call of `grow` on.
    pub(crate) fn raise(&mut self) {
        self.raised = Some(Instant::now());
        self.told.clear();
    }

    /// Lets the lag grow by ten a second, if it is raised.
    pub(crate) fn grow(&mut self, pods: [&Pod; 2]) {
        let Some(raised) = self.raised else { return };
        let grown = i64::try_from(raised.elapsed().as_millis() / 100).unwrap_or(i64::MAX);
        let lag = 2 * THRESHOLD + grown;
        self.end = self.committed + lag;
        for pod in pods {
            pod.kafka().set_high_watermark("orders", 0, self.end);
        }
        self.told.push((lab::wall_seconds(), lag));
    }

    /// Lets the group catch up to the calm lag; nothing is written after that.
    pub(crate) fn end(&mut self, pods: [&Pod; 2]) {
        self.raised = None;
        self.committed = self.end - CALM;
        for pod in pods {
            pod.kafka().commit(GROUP, "orders", (0, self.committed));
        }
    }

    /// Returns the seconds for which the lag had been more than `lag` at the time `at`.
    pub(crate) fn age(&self, (at, lag): (f64, f64)) -> f64 {
        let mut more = self.told.iter().filter(|(_, told)| f64_of(*told) > lag);
        more.next().map_or(0.0, |(since, _)| (at - since).max(0.0))
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn f64_of(n: i64) -> f64 {
    n as f64
}
