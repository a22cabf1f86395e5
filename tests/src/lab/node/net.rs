//! A handle on a network namespace, through which threads enter the namespace.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

/// A network namespace, which exists at least as long as this value, because the value holds its file in `/proc` open.
#[derive(Debug)]
pub struct Net(File);

// === impl Net ===

impl Net {
    /// Opens the network namespace of the process with this id.
    pub(super) fn of(process: u32) -> Result<Self> {
        let path = format!("/proc/{process}/ns/net");
        Ok(Self(File::open(&path).context(path)?))
    }

    /// Returns another handle on the same namespace, for another thread.
    pub(super) fn try_clone(&self) -> Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    /// Runs `job` in the namespace on a new thread and waits for its end. Threads that `job` starts are in the namespace too.
    pub fn inside<T: Send>(&self, job: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        thread::scope(|scope| {
            let there = scope.spawn(|| {
                self.enter()?;
                job()
            });
            // The panic hook has already printed the message of a panic.
            there.join().map_err(|_| anyhow!("it panicked"))?
        })
    }

    /// Moves the calling thread into the namespace, where it stays until it ends.
    #[expect(unsafe_code, reason = "std knows no namespaces")]
    pub(super) fn enter(&self) -> Result<()> {
        // SAFETY: `setns` is one system call that touches no memory of this program; the descriptor is open as long as `self` is.
        let entered = unsafe { libc::setns(self.0.as_raw_fd(), libc::CLONE_NEWNET) };
        ensure!(entered == 0, "setns: {}", io::Error::last_os_error());
        Ok(())
    }
}
