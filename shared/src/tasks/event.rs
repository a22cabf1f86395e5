//! Messages from the starter of tasks to their supervisor.

use std::sync::Arc;

use tokio::task::JoinError;

use super::stuck::PollCounter;

/// The message to the supervisor that a task has started or ended.
#[derive(Debug)]
pub(super) enum TaskEvent {
    Started {
        id: tokio::task::Id,
        task: Arc<str>,
        polls: PollCounter,
    },
    Ended {
        id: tokio::task::Id,
        result: Result<anyhow::Result<()>, JoinError>,
    },
}
