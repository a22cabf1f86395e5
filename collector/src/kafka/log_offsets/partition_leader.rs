//! One partition leader, which is asked on a thread of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::OffsetClients;
use crate::kafka::collection_context::CollectionContext;
use crate::kafka::error_code::{ErrorCode, Remedy};
use crate::kafka::native::{Client, Fence};
use crate::snapshot::{Offset, TopicPartition};

/// The number of partitions in one request. librdkafka finds each answered partition by a linear search in the list that was
/// asked about, so the CPU time of a request grows with the square of this number: a collection of 20,000 partitions and 1,000
/// groups took 332 ms of CPU with 500, 263 ms with 250 and 235 ms with 125. Smaller requests are more requests: 1,087, 1,165 and
/// 1,327 for the same collection.
const PARTITIONS_PER_REQUEST: usize = 250;

/// The offset of a log that a request asks for, named as in Kafka's admin client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum OffsetSpec {
    LogStart,
    HighWatermark,
    LastStable,
}

/// The offsets by partition and kind, each with the code of its failure where it has no value.
pub(super) type OffsetAnswers = BTreeMap<(TopicPartition, OffsetSpec), Result<Offset, ErrorCode>>;

/// The answers of one partition leader.
pub(super) struct LeaderAnswers {
    pub(super) answers: OffsetAnswers,
    pub(super) n_requests: u64,
    /// The error because of which the leader was given up. Partitions that are missing from the answers were not asked about.
    pub(super) silence: Option<ErrorCode>,
}

/// A partition leader that is being asked, with the time limits and the answers so far.
pub(super) struct PartitionLeader<'c> {
    clients: &'c OffsetClients<'c>,
    fence: Arc<Fence>,
    deadline: Instant,
    timeout: Duration,
    answers: LeaderAnswers,
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
            deadline: context.deadline(),
            timeout,
            answers: LeaderAnswers {
                answers: OffsetAnswers::new(),
                n_requests: 0,
                silence: None,
            },
        }
    }

    /// Asks for the offsets in `specs` of all `partitions`, chunk by chunk, and returns the answers. Blocks.
    pub(super) fn ask(
        mut self,
        partitions: &[TopicPartition],
        specs: &[OffsetSpec],
    ) -> LeaderAnswers {
        for chunk in partitions.chunks(PARTITIONS_PER_REQUEST) {
            for &spec in specs {
                let client = match spec {
                    OffsetSpec::LogStart | OffsetSpec::HighWatermark => {
                        Some(self.clients.read_uncommitted_client)
                    }
                    OffsetSpec::LastStable => self.clients.read_committed_client,
                };
                if let Some(client) = client {
                    self.list_offsets(client, spec, chunk);
                }
            }
        }
        self.answers
    }

    /// Asks for one kind of offset of the partitions in `chunk`. If the request fails because of some partition, asks for each
    /// half of the chunk.
    fn list_offsets(&mut self, client: &Client, spec: OffsetSpec, chunk: &[TopicPartition]) {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if self.answers.silence.is_some() || self.fence.is_closed() || left.is_zero() {
            return;
        }
        self.answers.n_requests += 1;
        match client.offsets_for_times(chunk, spec.timestamp(), self.timeout.min(left)) {
            Ok(offsets) => {
                for (tp, offset) in chunk.iter().zip(offsets) {
                    let offset = valid_offset(offset);
                    self.answers.answers.insert((tp.clone(), spec), offset);
                }
            }
            Err(code) if code.remedy() == Remedy::GiveUpBroker => self.answers.silence = Some(code),
            Err(code) if chunk.len() == 1 => {
                self.answers
                    .answers
                    .insert((chunk[0].clone(), spec), Err(code));
            }
            Err(_) => {
                let (left, right) = chunk.split_at(chunk.len() / 2);
                self.list_offsets(client, spec, left);
                self.list_offsets(client, spec, right);
            }
        }
    }
}

/// Returns the offset in an answer that has no error. For a dead leader librdkafka returns -1001 without an error, which stands
/// for an unknown offset.
fn valid_offset(offset: i64) -> Result<Offset, ErrorCode> {
    Offset::from_wire(offset).ok_or(ErrorCode::LEADER_NOT_AVAILABLE)
}

// === impl OffsetSpec ===

impl OffsetSpec {
    pub(super) const ALL: &'static [Self] =
        &[Self::LogStart, Self::HighWatermark, Self::LastStable];

    pub(super) const STARTS: &'static [Self] = &[Self::LogStart];

    /// The offsets at which the readable records end, without and with `read_committed`.
    pub(super) const ENDS: &'static [Self] = &[Self::HighWatermark, Self::LastStable];

    /// Returns the special timestamp by which `ListOffsets` asks for this offset. -1 asks for the last stable offset if the
    /// client has `isolation.level=read_committed`, else for the high watermark.
    const fn timestamp(self) -> i64 {
        match self {
            Self::LogStart => -2,
            Self::HighWatermark | Self::LastStable => -1,
        }
    }
}
