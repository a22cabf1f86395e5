//! An elector process, and its configuration.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use crate::served_addresses::served_addresses;

/// The longest time that the elector may take to end if nothing is granted and nothing is held.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(1);

pub(crate) const ALONE: &str = "enabled = false";
pub(crate) const ELECTED: &str = "enabled = true\nidentity = \"pod-a\"";

/// The address for `listen`, with a port that the elector chooses.
const LISTEN: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Another address of loopback, for `telemetry_listen`; the log's lines about the two addresses differ in it.
pub(crate) const TELEMETRY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A running elector, and its log.
pub(crate) struct Elector {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) log: BufReader<ChildStderr>,
    pub(crate) said: String,
}

pub(crate) fn config(leadership: &str, port: u16) -> String {
    format!("[exporter.leadership]\n{leadership}\nlisten = \"{LISTEN}:{port}\"\n")
}

/// Writes `text` to the configuration file of the test `name`. Returns the file's path.
pub(crate) fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("elector_{name}.toml"));
    std::fs::write(&path, text).unwrap();
    path
}

pub(crate) fn command(file: &PathBuf) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elector"));
    command.arg("--config").arg(file).env("HOSTNAME", "pod-h");
    for variable in ["RUST_LOG", "POD_UID", "POD_NAME", "KUBERNETES_SERVICE_HOST"] {
        command.env_remove(variable);
    }
    // The person who runs this test may have a kubeconfig, which must not be used.
    command
        .env("KUBECONFIG", "/nowhere")
        .env("HOME", "/nowhere");
    command
}

pub(crate) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

// === impl Elector ===

impl Elector {
    /// Starts an elector, which takes a free port, and waits until it serves HTTP.
    pub(crate) fn start(name: &str, leadership: &str) -> Self {
        Self::start_with(name, leadership, "")
    }

    /// Starts an elector whose configuration also has these `tables`.
    pub(crate) fn start_with(name: &str, leadership: &str, tables: &str) -> Self {
        let text = format!("{}{tables}", config(leadership, 0));
        let file = file(name, &text);
        let mut child = command(&file).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut elector = Self {
            child,
            address: SocketAddr::from((LISTEN, 0)),
            log,
            said: String::new(),
        };
        elector.address = elector.wait_for_address(LISTEN);
        elector
    }

    /// Waits until the elector serves HTTP on `ip`. Returns the address, with the port.
    pub(crate) fn wait_for_address(&mut self, ip: Ipv4Addr) -> SocketAddr {
        loop {
            let served = served_addresses(&self.said).find(|address| address.ip() == ip);
            if let Some(address) = served {
                return address;
            }
            self.read_line();
        }
    }

    pub(crate) fn wait_for(&mut self, words: &str) {
        while !self.said.contains(words) {
            self.read_line();
        }
    }

    fn read_line(&mut self) {
        let n_read = self.log.read_line(&mut self.said).unwrap();
        assert_ne!(n_read, 0, "it ended:\n{}", self.said);
    }

    pub(crate) fn get(&self, path: &str) -> String {
        let mut stream = self.begin(path);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends a GET of `path`, and does not wait for the answer.
    pub(crate) fn begin(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        stream
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until the process has ended. Returns the exit status, the log, and the time that the end took.
    pub(crate) fn end(mut self) -> (Option<i32>, String, Duration) {
        let began = Instant::now();
        self.log.read_to_string(&mut self.said).unwrap();
        let status = self.child.wait().unwrap();
        (status.code(), self.said, began.elapsed())
    }
}
