//! One partition leader, asked on a thread of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Clients;
use crate::kafka::code::{Code, Remedy};
use crate::kafka::native::{Client, Fence};
use crate::kafka::pass::Pass;
use crate::snapshot::{Offset, TopicPartition};

/// Partitions in one request. Larger ones make one bad partition dearer, smaller ones cost requests.
const CHUNK: usize = 500;

/// A bound of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bound {
    Start,
    HighWatermark,
    LastStable,
}

pub(super) type Answers = BTreeMap<(TopicPartition, Bound), Result<Offset, Code>>;

/// What one leader said.
pub(super) struct Told {
    pub(super) answers: Answers,
    pub(super) n_requests: u64,
    /// What it did instead of answering; the partitions that are missing from the answers were not asked about.
    pub(super) silence: Option<Code>,
}

/// A leader that is being asked, on a thread of its own.
pub(super) struct Leader<'c> {
    clients: &'c Clients<'c>,
    fence: Arc<Fence>,
    until: Instant,
    timeout: Duration,
    told: Told,
}

// === impl Leader ===

impl<'c> Leader<'c> {
    pub(super) fn new(clients: &'c Clients<'c>, pass: &Pass<'_>, timeout: Duration) -> Self {
        Self {
            clients,
            fence: pass.fence(),
            until: pass.until(),
            timeout,
            told: Told {
                answers: Answers::new(),
                n_requests: 0,
                silence: None,
            },
        }
    }

    pub(super) fn ask(mut self, partitions: &[TopicPartition], bounds: &[Bound]) -> Told {
        for chunk in partitions.chunks(CHUNK) {
            for &bound in bounds {
                let client = match bound {
                    Bound::Start | Bound::HighWatermark => Some(self.clients.plain),
                    Bound::LastStable => self.clients.stable,
                };
                if let Some(client) = client {
                    self.bound(client, bound, chunk);
                }
            }
        }
        self.told
    }

    /// One bound of a chunk, halved where it fails.
    fn bound(&mut self, client: &Client, bound: Bound, chunk: &[TopicPartition]) {
        let left = self.until.saturating_duration_since(Instant::now());
        if self.told.silence.is_some() || self.fence.is_shut() || left.is_zero() {
            return;
        }
        self.told.n_requests += 1;
        match client.offsets(chunk, bound.timestamp(), self.timeout.min(left)) {
            Ok(offsets) => {
                for (tp, offset) in chunk.iter().zip(offsets) {
                    let offset = known(offset);
                    self.told.answers.insert((tp.clone(), bound), offset);
                }
            }
            Err(code) if code.remedy() == Remedy::GiveUpBroker => self.told.silence = Some(code),
            Err(code) if chunk.len() == 1 => {
                self.told
                    .answers
                    .insert((chunk[0].clone(), bound), Err(code));
            }
            Err(_) => {
                let (left, right) = chunk.split_at(chunk.len() / 2);
                self.bound(client, bound, left);
                self.bound(client, bound, right);
            }
        }
    }
}

/// An offset that an answer without an error carries. A dead leader gives -1001 with no error: unknown, not 0.
fn known(offset: i64) -> Result<Offset, Code> {
    Offset::from_wire(offset).ok_or(Code::NO_LEADER)
}

// === impl Bound ===

impl Bound {
    pub(super) const ALL: &'static [Self] = &[Self::Start, Self::HighWatermark, Self::LastStable];

    pub(super) const STARTS: &'static [Self] = &[Self::Start];

    /// The ends of what consumers may read.
    pub(super) const ENDS: &'static [Self] = &[Self::HighWatermark, Self::LastStable];

    /// The timestamp that asks for it, by the protocol.
    const fn timestamp(self) -> i64 {
        match self {
            Self::Start => -2,
            Self::HighWatermark | Self::LastStable => -1,
        }
    }
}
