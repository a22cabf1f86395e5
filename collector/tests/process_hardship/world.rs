//! The collector as a process, and what makes its life hard.

use std::io::{PipeReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_collector");

/// How long a probe waits for its answer, as the kubelet does by default.
pub const PROBE: Duration = Duration::from_secs(1);

/// How long it may take to serve.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long it may take to end, which it does in 2 s at most.
pub const ENDING: Duration = Duration::from_secs(4);

/// A running collector.
pub struct Collector {
    pub child: Child,
    pub address: SocketAddr,
}

pub fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

/// A configuration file of its own for `name`.
pub fn file(name: &str, port: u16) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("hardship_{name}.toml"));
    let text = format!(
        "[exporter]\nhttp_host = \"127.0.0.1\"\nhttp_port = {port}\npoll_interval = \"1s\"\n\
         [exporter.performance]\nkafka_timeout = \"1s\"\n\
         [[clusters]]\nname = \"orders\"\nbootstrap_servers = \"127.0.0.1:1\"\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// Sends the signal of this name.
pub fn send(signal: &str, child: &Child) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-s", signal, &id]).status();
    assert!(sent.unwrap().success());
}

/// Waits for the end, as long as it usually takes; the exit status.
pub fn ended(child: &mut Child) -> Option<i32> {
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
        sleep(Duration::from_millis(10));
    }
}

/// Blocks the test.
#[expect(
    clippy::disallowed_methods,
    reason = "another process goes by the real clock"
)]
pub fn sleep(time: Duration) {
    std::thread::sleep(time);
}

/// A pipe that is full, for as long as the reader, which does not read, is kept.
pub fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut filling = writer.try_clone().unwrap();
    std::thread::spawn(move || while filling.write_all(&[b'.'; 512]).is_ok() {});
    (reader, writer.into())
}

/// A named pipe in place of the configuration file of `name`.
pub fn named_pipe(name: &str) -> PathBuf {
    let pipe = file(name, 0).with_extension("pipe");
    std::fs::remove_file(&pipe).ok();
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    pipe
}

/// Starts one with this configuration file, and waits until it receives signals.
pub fn begun(config: &Path) -> Child {
    let mut command = Command::new(PROGRAM);
    command.arg("--config").arg(config).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    let began = Instant::now();
    // Signal n has bit n - 1; SIGTERM is 15.
    while caught(&child) & 1 << 14 == 0 {
        assert!(began.elapsed() < PATIENCE, "it does not begin");
        sleep(Duration::from_millis(5));
    }
    child
}

/// The signals that have a handler.
pub fn caught(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let set = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    u64::from_str_radix(set.unwrap().trim(), 16).unwrap()
}

// === impl Collector ===

impl Collector {
    /// Starts one on a free port that logs to `log`, and waits until it serves.
    pub fn start(name: &str, log: Stdio) -> Self {
        Self::run(name, Command::new(PROGRAM), log)
    }

    /// Starts one that may have so many file descriptors.
    pub fn with_descriptors(name: &str, n: u32, log: Stdio) -> Self {
        let mut shell = Command::new("sh");
        let script = format!("ulimit -n {n} && exec \"$0\" \"$@\"");
        shell.args(["-c", &script, PROGRAM]);
        Self::run(name, shell, log)
    }

    pub fn run(name: &str, mut command: Command, log: Stdio) -> Self {
        let port = free_port();
        let child = command
            .arg("--config")
            .arg(file(name, port))
            .args(["--log", "debug"])
            .stderr(log)
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut collector = Self { child, address };
        let began = Instant::now();
        while collector.get("/health").is_err() {
            assert_eq!(collector.child.try_wait().unwrap(), None, "it ended");
            assert!(began.elapsed() < PATIENCE, "it does not serve");
        }
        collector
    }

    pub fn get(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Connections on which a request begins and does not go on.
    pub fn half_open(&self, n: usize) -> Vec<TcpStream> {
        let mut streams = Vec::new();
        for _ in 0..n {
            let mut stream = TcpStream::connect(self.address).unwrap();
            // Some are closed before they have said anything.
            stream.write_all(b"GET / HTTP/1.1\r\nho").ok();
            streams.push(stream);
        }
        streams
    }

    /// Collections that have ended.
    pub fn n_collections(&self) -> u64 {
        let metrics = self.get("/metrics").unwrap();
        let samples = metrics
            .lines()
            .filter(|line| line.starts_with("kafka_lag_exporter_collections_total{"));
        let values = samples.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        values.sum()
    }

    /// Asks for `/health` as a probe does.
    pub fn assert_healthy(&self) {
        let began = Instant::now();
        let answer = self.get("/health").unwrap();
        assert!(answer.ends_with("healthy\n"), "{answer}");
        assert!(began.elapsed() < PROBE, "{:?}", began.elapsed());
    }

    /// Ends it with SIGTERM; the exit status.
    pub fn end(&mut self) -> Option<i32> {
        send("TERM", &self.child);
        ended(&mut self.child)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // A test that fails leaves nothing behind. It has ended where the test has not failed.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
