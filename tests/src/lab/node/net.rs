//! A network namespace, which threads can enter.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

/// A network namespace, which exists at least as long as this value.
#[derive(Debug)]
pub struct Net(File);

// === impl Net ===

impl Net {
    /// The network namespace of a process.
    pub(super) fn of(process: u32) -> Result<Self> {
        let path = format!("/proc/{process}/ns/net");
        Ok(Self(File::open(&path).context(path)?))
    }

    /// Another handle on the same namespace.
    pub(super) fn again(&self) -> Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    /// Runs `job` in the namespace, on a thread of its own; threads that `job` starts are in the namespace too.
    pub fn inside<T: Send>(&self, job: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        thread::scope(|scope| {
            let there = scope.spawn(|| {
                self.enter()?;
                job()
            });
            // A panic has already been reported by the thread itself.
            there.join().map_err(|_| anyhow!("it panicked"))?
        })
    }

    /// Moves the calling thread into the namespace, for the rest of its life.
    #[expect(unsafe_code, reason = "std knows no namespaces")]
    pub(super) fn enter(&self) -> Result<()> {
        // SAFETY: a system call that touches no memory of ours; the descriptor is open as long as `self` is.
        let entered = unsafe { libc::setns(self.0.as_raw_fd(), libc::CLONE_NEWNET) };
        ensure!(entered == 0, "setns: {}", io::Error::last_os_error());
        Ok(())
    }
}
