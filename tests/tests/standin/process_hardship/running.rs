//! The collector or the elector as a process of its own, with a log and a configuration file that cause trouble.

use std::fs::File;
use std::io::{PipeReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use e2e::lab::host::TempDir;
use e2e::lab::programs::Program;
use e2e::lab::{pause, ports};
use tokio::time::Instant;

/// Both programs, which most of the tests try one after the other.
pub(super) const BOTH: [Program; 2] = [Program::Elector, Program::Collector];

/// The longest time until a program serves requests.
pub(super) const START_LIMIT: Duration = Duration::from_secs(10);

/// The time limit of a probe, which is the kubelet's default.
const PROBE: Duration = Duration::from_secs(1);

/// The longest time until a program has ended; it is meant to take 2 s at most.
const ENDING: Duration = Duration::from_secs(4);

/// A program that has not been started, and the directory of its files.
pub(super) struct Subject {
    pub(super) program: Program,
    files: TempDir,
}

/// A running program that serves requests; killed when dropped.
pub(super) struct Running {
    pub(super) child: Child,
    program: Program,
    address: SocketAddr,
    subject: Subject,
}

/// Sends the process the signal of this name.
pub(super) fn send(signal: &str, child: &Child) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-s", signal, &id]).status();
    assert!(sent.unwrap().success());
}

/// Waits for the end of the process, within the time that a program may take; returns the exit status.
pub(super) fn ended(child: &mut Child) -> Option<i32> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if began.elapsed() > ENDING {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it runs {ENDING:?} after the signal");
        }
        pause(Duration::from_millis(10));
    }
}

/// Returns a pipe that stays full as long as the reader, which does not read, is kept.
pub(super) fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut filling = writer.try_clone().unwrap();
    std::thread::spawn(move || while filling.write_all(&[b'.'; 512]).is_ok() {});
    (reader, writer.into())
}

/// Returns the signals that have a handler: signal n has bit n - 1.
fn caught(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let set = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    u64::from_str_radix(set.unwrap().trim(), 16).unwrap()
}

// === impl Subject ===

impl Subject {
    pub(super) fn new(program: Program) -> Self {
        Self {
            program,
            files: TempDir::new(program.name()).unwrap(),
        }
    }

    /// Returns the path of the program.
    pub(super) fn path(&self) -> PathBuf {
        self.program.path().unwrap()
    }

    /// Returns the path of a file beside the configuration.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Returns a log that goes to a file beside the configuration. The test prints the file if the program does not come to serve.
    pub(super) fn log_file(&self) -> Stdio {
        File::create(self.file("log")).unwrap().into()
    }

    /// Returns the text of the log; empty if the log does not go to [`Self::log_file`].
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// Writes a valid configuration file, for a program that listens on `port`.
    pub(super) fn config(&self, port: u16) -> PathBuf {
        let text = match self.program {
            Program::Collector => format!(
                "[exporter]\nhttp_host = \"127.0.0.1\"\nhttp_port = {port}\npoll_interval = \"1s\"\n\
                 [exporter.performance]\nkafka_timeout = \"1s\"\n\
                 [[clusters]]\nname = \"orders\"\nbootstrap_servers = \"127.0.0.1:1\"\n"
            ),
            _ => format!("[exporter.leadership]\nenabled = false\nlisten = \"127.0.0.1:{port}\"\n"),
        };
        self.files.write("config.toml", text).unwrap()
    }

    /// Makes a named pipe in place of the configuration file; returns the path of the pipe.
    pub(super) fn named_pipe(&self) -> PathBuf {
        let pipe = self.file("config.pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        pipe
    }

    /// Returns a command that becomes the program with no signal ignored. The shell that runs the tests may ignore some, as `nohup`
    /// does, which a child inherits.
    pub(super) fn with_default_signals(&self) -> Command {
        let mut command = Command::new("env");
        command.arg("--default-signal").arg(self.path());
        command
    }

    /// Starts the program with this configuration file, and waits until it has a handler for SIGTERM.
    pub(super) fn begin(&self, config: &Path) -> Child {
        let mut command = self.with_default_signals();
        command.arg("--config").arg(config).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let began = Instant::now();
        // The handler of SIGQUIT, which has the number 3, is installed last. A signal that came right after its own handler was
        // installed would have no listener yet.
        while caught(&child) & 1 << 2 == 0 {
            assert!(began.elapsed() < START_LIMIT, "it does not begin");
            pause(Duration::from_millis(5));
        }
        child
    }

    /// Starts the program on a free port with a log that goes to `log`, and waits until it serves.
    pub(super) fn start(self, log: Stdio) -> Running {
        let command = Command::new(self.path());
        self.run(command, log)
    }

    /// Starts the program as [`Self::start`] does, with at most `n` file descriptors.
    pub(super) fn with_descriptors(self, n: u32, log: Stdio) -> Running {
        let mut shell = Command::new("sh");
        let script = format!("ulimit -n {n} && exec \"$0\" \"$@\"");
        shell.args(["-c", &script]).arg(self.path());
        self.run(shell, log)
    }

    /// Starts the program as [`Self::start`] does, by a command that becomes the program.
    pub(super) fn run(self, mut command: Command, log: Stdio) -> Running {
        // Some of the logs cannot be read, so the port must be known from the start.
        let [port] = ports::free_ports().unwrap();
        let child = command
            .arg("--config")
            .arg(self.config(port))
            .args(["--log", "debug"])
            .env("HOSTNAME", "pod-h")
            .stderr(log)
            .spawn()
            .unwrap();
        let mut running = Running {
            child,
            program: self.program,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            subject: self,
        };
        let began = Instant::now();
        while running.get("/health").is_err() {
            let status = running.child.try_wait().unwrap();
            let (program, log) = (running.program, || running.log());
            assert_eq!(status, None, "{program:?} ended:\n{}", log());
            assert!(began.elapsed() < START_LIMIT, "no server:\n{}", log());
        }
        running
    }
}

// === impl Running ===

impl Running {
    /// Returns the text of the log, as [`Subject::log`] does.
    pub(super) fn log(&self) -> String {
        self.subject.log()
    }

    /// Returns the whole answer to `GET path`.
    pub(super) fn get(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Checks that `/health` answers 200 within the time limit of a probe.
    pub(super) fn assert_healthy(&self) {
        let began = Instant::now();
        let answer = self.get("/health").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        if self.program == Program::Collector {
            assert!(answer.ends_with("healthy\n"), "{answer}");
        }
        assert!(began.elapsed() < PROBE, "{:?}", began.elapsed());
    }

    /// Opens `n` connections on which a request begins and is not continued.
    pub(super) fn half_open(&self, n: usize) -> Vec<TcpStream> {
        let mut streams = Vec::new();
        for _ in 0..n {
            let mut stream = TcpStream::connect(self.address).unwrap();
            // The write may fail, since the program closes some connections at once.
            stream.write_all(b"GET / HTTP/1.1\r\nho").ok();
            streams.push(stream);
        }
        streams
    }

    /// Returns the number of collections that have ended.
    pub(super) fn n_collections(&self) -> u64 {
        let metrics = self.get("/metrics").unwrap();
        let samples = metrics
            .lines()
            .filter(|line| line.starts_with("kafka_lag_exporter_collections_total{"));
        let values = samples.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        values.sum()
    }

    /// Ends the program with SIGTERM; returns the exit status.
    pub(super) fn end(&mut self) -> Option<i32> {
        send("TERM", &self.child);
        ended(&mut self.child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that fails must leave no process behind. After a test that succeeds the process has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
