//! The reasons for which the tasks of a program end other than in order.

use std::sync::Arc;
use std::time::Duration;

use super::stuck::{CHECK_INTERVAL, MAX_UNCHANGED_CHECKS};

/// The reason for which the tasks of a program could not go on, or did not end in time.
#[derive(Debug, thiserror::Error)]
pub enum TaskFailure {
    /// A task returned though shutdown had not begun.
    #[error("task {task} ended although nothing had asked it to")]
    Ended {
        /// The name of the task.
        task: Arc<str>,
    },
    /// A task returned an error.
    #[error("task {task} failed")]
    Failed {
        /// The name of the task.
        task: Arc<str>,
        /// The error that the task returned, as the source of this error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A task panicked.
    #[error("task {task} panicked: {message}")]
    Panicked {
        /// The name of the task.
        task: Arc<str>,
        /// The message of the panic, or `no message`.
        message: String,
    },
    /// A task has not returned from a poll for a long time, so it blocks its thread.
    #[error("task {task} has blocked its thread for {:?}", CHECK_INTERVAL * MAX_UNCHANGED_CHECKS)]
    Stuck {
        /// The name of the task.
        task: Arc<str>,
    },
    /// Tasks were still running when the grace was over.
    #[error("still running {grace:?} after shutdown began: {tasks}")]
    Wedged {
        /// The names of the tasks, separated by commas.
        tasks: String,
        /// The time that the tasks had from the beginning of shutdown.
        grace: Duration,
    },
}
