//! Processes that cannot outlive the test that started them.
//!
//! [`Process`] kills and reaps its child when dropped. A test that is itself killed drops nothing, so each child asks the kernel
//! for SIGKILL at its parent's death. For the kernel the parent is the *thread* that forked; therefore one thread, which lives as
//! long as the test process, starts all children.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

/// A started process, which is killed and reaped when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
}

/// The resources that a process has used so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// The CPU time of all threads, in user and kernel mode, including threads that have ended; in steps of 10 ms.
    pub cpu: Duration,
    /// The resident memory in bytes.
    pub rss: u64,
    /// The highest resident memory so far, in bytes.
    pub rss_peak: u64,
    /// The number of threads at this moment.
    pub threads: u64,
}

/// A signal that a test sends to a process.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    /// SIGTERM: asks the process to end.
    Terminate,
    /// SIGINT: asks the process to end, as Ctrl-C does.
    Interrupt,
    /// SIGSTOP: freezes the process.
    Stop,
    /// SIGCONT: lets a frozen process go on.
    Continue,
    /// SIGKILL: ends the process at once.
    Kill,
}

struct Request {
    command: Command,
    answer: Sender<io::Result<Child>>,
}

/// Runs a command to its end within `limit`; returns its output, standard error included. A failed command is an error with the
/// output.
pub fn run(command: Command, limit: Duration) -> Result<String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let out = std::env::temp_dir().join(format!("klag-out-{}-{n}", std::process::id()));
    let name = command.get_program().to_string_lossy().into_owned();
    let mut process = Process::spawn(&name, command, &out)?;
    let status = process.wait(limit);
    let text = String::from_utf8_lossy(&fs::read(&out)?).into_owned();
    fs::remove_file(&out)?;
    let status = status.with_context(|| text.clone())?;
    anyhow::ensure!(status.success(), "{name}: {status}\n{text}");
    Ok(text)
}

fn spawner() -> &'static Sender<Request> {
    static SPAWNER: OnceLock<Sender<Request>> = OnceLock::new();
    SPAWNER.get_or_init(|| {
        let (send, receive) = mpsc::channel::<Request>();
        thread::spawn(move || {
            for mut request in receive {
                let child = request.command.spawn();
                // If the thread that asked no longer waits for the answer, nobody else can end the child.
                if let Err(mpsc::SendError(Ok(mut orphan))) = request.answer.send(child) {
                    orphan.kill().and_then(|()| orphan.wait()).ok();
                }
            }
        });
        send
    })
}

#[expect(
    unsafe_code,
    reason = "only a hook between fork and exec can ask the kernel"
)]
fn die_with_parent(command: &mut Command) {
    let ask = || {
        // SAFETY: prctl is one system call and touches no memory of this program.
        let asked = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        if asked == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    };
    // SAFETY: the hook does nothing but a system call, which is safe between fork and exec.
    unsafe { command.pre_exec(ask) };
}

// === impl Process ===

impl Process {
    /// Starts a command in a process group of its own, with an empty standard input. Standard output and error are appended to
    /// `log`.
    pub fn spawn(name: &str, command: Command, log: &Path) -> Result<Self> {
        Self::launch(name, command, (Stdio::null(), log))
    }

    /// Starts a command as [`Self::spawn`] does, but with a pipe as standard input; returns the process and the pipe's writing end.
    pub fn converse(name: &str, command: Command, log: &Path) -> Result<(Self, ChildStdin)> {
        let mut process = Self::launch(name, command, (Stdio::piped(), log))?;
        let stdin = process.child.stdin.take().context("no pipe")?;
        Ok((process, stdin))
    }

    fn launch(name: &str, mut command: Command, (stdin, log): (Stdio, &Path)) -> Result<Self> {
        let out = File::options().create(true).append(true).open(log)?;
        command.stdin(stdin);
        command.stdout(out.try_clone()?).stderr(out);
        command.process_group(0);
        die_with_parent(&mut command);
        let (answer, answered) = mpsc::channel();
        spawner()
            .send(Request { command, answer })
            .ok()
            .context("the spawning thread has ended")?;
        let child = answered
            .recv()?
            .with_context(|| format!("cannot start {name}"))?;
        let name = name.to_owned();
        Ok(Self { child, name })
    }

    /// Returns the process id, which is also the id of the process group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process; an error if the process has ended.
    #[expect(unsafe_code, reason = "std can only kill")]
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            anyhow::bail!("{} has ended: {status}", self.name);
        }
        let number = match signal {
            Signal::Terminate => libc::SIGTERM,
            Signal::Interrupt => libc::SIGINT,
            Signal::Stop => libc::SIGSTOP,
            Signal::Continue => libc::SIGCONT,
            Signal::Kill => libc::SIGKILL,
        };
        let id = libc::pid_t::try_from(self.id())?;
        // SAFETY: `kill` is one system call that touches no memory of this program, and the id belongs to the child until the child
        // is reaped.
        let sent = unsafe { libc::kill(id, number) };
        anyhow::ensure!(sent == 0, "kill {id}: {}", io::Error::last_os_error());
        Ok(())
    }

    /// Returns the exit status, or `None` while the process runs.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until the process ends; returns its exit status. An error if it still runs after `limit`, or as soon as
    /// [`super::give_up`] was called.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            anyhow::ensure!(Instant::now() < end, "{} runs after {limit:?}", self.name);
            anyhow::ensure!(!super::is_given_up(), "{} is waited for no more", self.name);
            super::pause(Duration::from_millis(5));
        }
    }

    /// Returns the resources that the process has used so far, as `/proc` shows them; an error if the process has ended.
    pub fn usage(&self) -> Result<Usage> {
        let dir = format!("/proc/{}", self.id());
        let stat = fs::read_to_string(format!("{dir}/stat"))?;
        let fields = stat.rsplit_once(')').context("no name in stat")?.1;
        let mut ticks = fields.split_ascii_whitespace().skip(11).take(2);
        let user: u64 = ticks.next().context("no utime")?.parse()?;
        let system: u64 = ticks.next().context("no stime")?.parse()?;
        let status = fs::read_to_string(format!("{dir}/status"))?;
        Ok(Usage {
            cpu: Duration::from_millis(10 * (user + system)),
            rss: 1024 * status_field(&status, "VmRSS:")?,
            rss_peak: 1024 * status_field(&status, "VmHWM:")?,
            threads: status_field(&status, "Threads:")?,
        })
    }
}

fn status_field(status: &str, name: &str) -> Result<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name));
    let number = rest.and_then(|rest| rest.split_ascii_whitespace().next());
    Ok(number.with_context(|| format!("no {name}"))?.parse()?)
}

impl Drop for Process {
    fn drop(&mut self) {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = killed {
            super::say(format_args!("{} may still run: {error}", self.name));
        }
    }
}
