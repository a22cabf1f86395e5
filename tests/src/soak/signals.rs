//! SIGINT and SIGTERM end a soak in order: what was seen until then is reported, and everything that was started is stopped.

use std::thread;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use crate::lab;

/// Ends all waiting of the lab once SIGINT or SIGTERM comes.
///
/// # Errors
/// The signals cannot be watched.
pub(super) fn give_up_on_signals() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    drop(entered);
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        lab::say("a signal came: the soak ends");
        lab::give_up();
    });
    Ok(())
}
