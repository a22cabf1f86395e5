//! The signals after which the process shuts down in order: SIGTERM, SIGINT, SIGHUP and SIGQUIT.

use std::fs;
use std::io;
use std::panic;
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::oneshot;

/// A signal after which the process shuts down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM, as the kubelet sends it.
    Terminate,
    /// SIGINT, as a terminal sends it for Ctrl-C.
    Interrupt,
    /// SIGHUP, as a terminal sends it when it is closed.
    Hangup,
    /// SIGQUIT, as a terminal sends it for Ctrl-\, and as some container images are stopped.
    Quit,
}

/// Receives the signals, which therefore do not end the process by themselves.
#[derive(Debug)]
pub struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    quit: unix::Signal,
    /// The receiver of SIGHUP; `None` where the process was started with SIGHUP ignored, so that it survives its terminal.
    hangup: Option<unix::Signal>,
}

/// The main thread's runtime, and the signals that it receives. A process that starts this runtime before anything else shuts
/// down in order even if a signal comes right after its start.
#[derive(Debug)]
pub struct SignalRuntime {
    /// The runtime, which runs on the thread that blocks on it and has no other threads.
    pub runtime: Runtime,
    /// The signals, to be awaited in `runtime`.
    pub signals: Signals,
}

// === impl SignalRuntime ===

impl SignalRuntime {
    /// Starts the runtime and receives the signals from now on, in place of their default effect.
    ///
    /// # Errors
    /// Returns an error if the operating system refuses a runtime or a handler.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let signals = runtime.block_on(async { Signals::install() })?;
        Ok(Self { runtime, signals })
    }

    /// Runs `work` and returns its result, or the signal that came before its end. `work` may block for ever: it has a thread
    /// of its own, which goes on after a signal until the process ends. A panic of `work` is passed on.
    ///
    /// # Errors
    /// Returns an error if the operating system refuses a thread.
    pub fn run_until_signal<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Result<T, Signal>> {
        let (sender, done) = oneshot::channel();
        let worker = thread::Builder::new().spawn(move || sender.send(work()).is_ok())?;
        let signals = &mut self.signals;
        let event = self.runtime.block_on(async {
            tokio::select! { biased;
                signal = signals.next() => Err(signal),
                done = done => Ok(done),
            }
        });
        match event {
            Err(signal) => Ok(Err(signal)),
            Ok(Ok(done)) => Ok(Ok(done)),
            Ok(Err(_)) => match worker.join() {
                Err(payload) => panic::resume_unwind(payload),
                Ok(_) => Err(io::Error::other("a thread ended without a result")),
            },
        }
    }
}

// === impl Signals ===

impl Signals {
    /// Installs handlers that keep the signals for [`Signals::next`]. Has to be called inside the runtime in which `next` is
    /// awaited. SIGHUP stays ignored where the process was started with SIGHUP ignored, for example by `nohup`.
    ///
    /// # Errors
    /// Returns an error if the operating system refuses a handler.
    pub fn install() -> io::Result<Self> {
        let hangup = if hangup_is_ignored() {
            None
        } else {
            Some(unix::signal(SignalKind::hangup())?)
        };
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
            quit: unix::signal(SignalKind::quit())?,
            hangup,
        })
    }

    /// Waits for the next signal. Cancel-safe.
    pub async fn next(&mut self) -> Signal {
        tokio::select! { biased;
            Some(()) = self.terminate.recv() => Signal::Terminate,
            Some(()) = self.interrupt.recv() => Signal::Interrupt,
            Some(()) = self.quit.recv() => Signal::Quit,
            Some(()) = received(&mut self.hangup) => Signal::Hangup,
            else => std::future::pending().await,
        }
    }
}

async fn received(signal: &mut Option<unix::Signal>) -> Option<()> {
    signal.as_mut()?.recv().await
}

/// Returns true where this process was started with SIGHUP ignored, and false on systems without `/proc/self/status`.
fn hangup_is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored_signals(&status).is_some_and(|signals| signals & 1 == 1)
}

/// Parses the set of ignored signals in the text of `/proc/self/status`; bit 0 is signal 1, which is SIGHUP.
fn ignored_signals(status: &str) -> Option<u64> {
    let set = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(set.trim(), 16).ok()
}

// === impl Signal ===

impl Signal {
    /// Returns the name that `kill -l` prints, with its prefix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
            Self::Hangup => "SIGHUP",
            Self::Quit => "SIGQUIT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_of_ignored_signals_is_parsed() {
        let status = "Name:\tcollector\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert_eq!(ignored_signals(status), Some(0x1001));
        assert_eq!(ignored_signals("Name:\tcollector\n"), None);
    }

    #[test]
    fn the_result_of_work_that_ends_is_returned() {
        let mut runtime = SignalRuntime::start().unwrap();
        assert_eq!(runtime.run_until_signal(|| 7).unwrap(), Ok(7));
    }

    #[test]
    fn a_panic_of_the_work_is_passed_on() {
        let mut runtime = SignalRuntime::start().unwrap();
        let ended = panic::catch_unwind(panic::AssertUnwindSafe(|| {
            runtime.run_until_signal(|| panic::panic_any("as it is"))
        }));
        let payload = ended.unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"as it is"));
    }
}
