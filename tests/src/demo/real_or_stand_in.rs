//! The choice between a real server and a stand-in: the real one is started where this machine has what it needs; else the reason
//! is returned.

use anyhow::Result;

/// The reason for which a stand-in is used.
#[derive(Debug)]
pub(super) enum StandInReason {
    /// The command line asks for stand-ins.
    Asked,
    /// The real server cannot be started; the text says what is missing.
    Absent(String),
}

/// Starts the real server with `start` if `check` finds everything that the server needs, else says why not. Both functions run
/// on a thread that may be blocked, since they may wait for other processes.
///
/// # Errors
/// `check` found what the server needs, but `start` failed.
pub(super) async fn start_if_possible<T: Send + 'static>(
    check: fn() -> Result<()>,
    start: fn() -> Result<T>,
) -> Result<Result<T, StandInReason>> {
    let started = tokio::task::spawn_blocking(move || match check() {
        Ok(()) => start().map(Ok),
        Err(why) => Ok(Err(StandInReason::Absent(format!("{why:#}")))),
    });
    started.await?
}
