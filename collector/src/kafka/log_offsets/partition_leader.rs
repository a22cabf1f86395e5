//! One partition leader, asked on a thread of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::OffsetClients;
use crate::kafka::collection_context::CollectionContext;
use crate::kafka::error_code::{ErrorCode, Remedy};
use crate::kafka::native::{Client, Fence};
use crate::snapshot::{Offset, TopicPartition};

/// Partitions in one request. Larger ones make one bad partition dearer, smaller ones cost requests.
const PARTITIONS_PER_REQUEST: usize = 500;

/// A bound of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum OffsetSpec {
    LogStart,
    HighWatermark,
    LastStable,
}

pub(super) type OffsetAnswers = BTreeMap<(TopicPartition, OffsetSpec), Result<Offset, ErrorCode>>;

/// What one leader said.
pub(super) struct LeaderAnswers {
    pub(super) answers: OffsetAnswers,
    pub(super) n_requests: u64,
    /// What it did instead of answering; the partitions that are missing from the answers were not asked about.
    pub(super) silence: Option<ErrorCode>,
}

/// A leader that is being asked, on a thread of its own.
pub(super) struct PartitionLeader<'c> {
    clients: &'c OffsetClients<'c>,
    fence: Arc<Fence>,
    until: Instant,
    timeout: Duration,
    received: LeaderAnswers,
}

// === impl PartitionLeader ===

impl<'c> PartitionLeader<'c> {
    pub(super) fn new(
        clients: &'c OffsetClients<'c>,
        context: &CollectionContext<'_>,
        timeout: Duration,
    ) -> Self {
        Self {
            clients,
            fence: context.fence(),
            until: context.deadline(),
            timeout,
            received: LeaderAnswers {
                answers: OffsetAnswers::new(),
                n_requests: 0,
                silence: None,
            },
        }
    }

    pub(super) fn ask(
        mut self,
        partitions: &[TopicPartition],
        bounds: &[OffsetSpec],
    ) -> LeaderAnswers {
        for chunk in partitions.chunks(PARTITIONS_PER_REQUEST) {
            for &bound in bounds {
                let client = match bound {
                    OffsetSpec::LogStart | OffsetSpec::HighWatermark => {
                        Some(self.clients.read_uncommitted_client)
                    }
                    OffsetSpec::LastStable => self.clients.read_committed_client,
                };
                if let Some(client) = client {
                    self.list_offsets(client, bound, chunk);
                }
            }
        }
        self.received
    }

    /// One bound of a chunk, halved where it fails.
    fn list_offsets(&mut self, client: &Client, bound: OffsetSpec, chunk: &[TopicPartition]) {
        let left = self.until.saturating_duration_since(Instant::now());
        if self.received.silence.is_some() || self.fence.is_closed() || left.is_zero() {
            return;
        }
        self.received.n_requests += 1;
        match client.offsets_for_times(chunk, bound.timestamp(), self.timeout.min(left)) {
            Ok(offsets) => {
                for (tp, offset) in chunk.iter().zip(offsets) {
                    let offset = valid_offset(offset);
                    self.received.answers.insert((tp.clone(), bound), offset);
                }
            }
            Err(code) if code.remedy() == Remedy::GiveUpBroker => {
                self.received.silence = Some(code)
            }
            Err(code) if chunk.len() == 1 => {
                self.received
                    .answers
                    .insert((chunk[0].clone(), bound), Err(code));
            }
            Err(_) => {
                let (left, right) = chunk.split_at(chunk.len() / 2);
                self.list_offsets(client, bound, left);
                self.list_offsets(client, bound, right);
            }
        }
    }
}

/// An offset that an answer without an error carries. A dead leader gives -1001 with no error: unknown, not 0.
fn valid_offset(offset: i64) -> Result<Offset, ErrorCode> {
    Offset::from_wire(offset).ok_or(ErrorCode::LEADER_NOT_AVAILABLE)
}

// === impl OffsetSpec ===

impl OffsetSpec {
    pub(super) const ALL: &'static [Self] =
        &[Self::LogStart, Self::HighWatermark, Self::LastStable];

    pub(super) const STARTS: &'static [Self] = &[Self::LogStart];

    /// The ends of what consumers may read.
    pub(super) const ENDS: &'static [Self] = &[Self::HighWatermark, Self::LastStable];

    /// The timestamp that asks for it, by the protocol.
    const fn timestamp(self) -> i64 {
        match self {
            Self::LogStart => -2,
            Self::HighWatermark | Self::LastStable => -1,
        }
    }
}
