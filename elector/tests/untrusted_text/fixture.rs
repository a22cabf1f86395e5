//! An elector with a kubeconfig, and the hostile peers that it meets.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use crate::served_addresses::served_addresses;

/// The text that must not be seen in the log, the answers or the metrics.
pub(crate) const SECRET: &str = "hunter2-s3cr3t";

/// The longest time that a test waits for a line in the log.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The longest time that the process may take to end.
pub(crate) const ENDING: Duration = Duration::from_secs(5);

/// The length limit of a log line in bytes. A line has a few fields of at most 256 characters.
pub(crate) const LINE: usize = 2048;

/// The length limit of an answer in bytes, which is the most that the collector reads.
pub(crate) const ANSWER: usize = 16 * 1024;

/// The limit of the elector's memory in bytes, which is less than the memory limit in the manifests.
pub(crate) const MEMORY: u64 = 48 << 20;

/// A running elector with a kubeconfig.
pub(crate) struct Elector {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

pub(crate) fn scratch(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("untrusted_text_{name}"));
    std::fs::remove_dir_all(&dir).ok();
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process goes by the real clock"
)]
pub(crate) fn pause() {
    thread::sleep(Duration::from_millis(50));
}

/// Returns a kubeconfig for the server at `url`, with these lines about the user.
pub(crate) fn kubeconfig(url: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{server: \"{url}\"}}}}]\n\
         users:\n- name: u\n  user:\n{user}"
    )
}

/// Returns a kubeconfig with a credential plugin that runs `script`.
pub(crate) fn plugin(script: &str) -> String {
    let exec = format!(
        "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: sh\n      args: [\"-c\", {script:?}]\n"
    );
    kubeconfig("http://127.0.0.1:1", &exec)
}

/// Starts a server that gives `answer` to every request, for as long as the test runs. Returns the server's URL.
pub(crate) fn server(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = std::sync::Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = std::sync::Arc::clone(&answer);
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut request = [0; 4096];
                // Writing fails when the elector has read enough and closes the connection.
                if stream.read(&mut request).is_ok() {
                    stream.write_all(&answer).ok();
                }
            });
        }
    });
    url
}

pub(crate) fn http(status: &str, kind: &str, body: &str) -> Vec<u8> {
    let n = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {n}\r\nconnection: close\r\n\r\n"
    );
    (head + body).into_bytes()
}

// === impl Elector ===

impl Elector {
    /// Starts an elector, which takes a free port, and waits until it serves HTTP.
    pub(crate) fn start(dir: &Path, kubeconfig: &Path) -> Self {
        let config = dir.join("config.toml");
        let text = "[exporter.leadership]\nenabled = true\nidentity = \"pod-a\"\nrequire_consumer = false\n\
             listen = \"127.0.0.1:0\"\nlease_duration_secs = 10\ngrace_period_secs = 3\nmax_valid_secs = 1\n";
        std::fs::write(&config, text).unwrap();
        let log = dir.join("log");
        let child = Command::new(env!("CARGO_BIN_EXE_elector"))
            .arg("--config")
            .arg(config)
            .args(["--log", "trace"])
            .env("KUBECONFIG", kubeconfig)
            .env("HOME", "/nowhere")
            .env_remove("KUBERNETES_SERVICE_HOST")
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut elector = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            log,
        };
        elector.address = elector.wait_for_address();
        elector
    }

    fn wait_for_address(&mut self) -> SocketAddr {
        let began = Instant::now();
        loop {
            let ended = self.child.try_wait().unwrap();
            let log = self.log();
            if let Some(address) = served_addresses(&log).next() {
                return address;
            }
            assert_eq!(ended, None, "it ended:\n{log}");
            assert!(began.elapsed() < PATIENCE, "it does not serve:\n{log}");
            pause();
        }
    }

    /// Starts an elector with a kubeconfig of this text.
    pub(crate) fn with(name: &str, kubeconfig: &str) -> Self {
        let dir = scratch(name);
        let path = dir.join("kubeconfig");
        std::fs::write(&path, kubeconfig).unwrap();
        Self::start(&dir, &path)
    }

    pub(crate) fn get(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8(std::fs::read(&self.log).unwrap()).unwrap()
    }

    /// Waits until the log contains `words`, then checks the log, the answers and the metrics. Returns the sample of the problem.
    pub(crate) fn says(&self, words: &str) -> String {
        let began = Instant::now();
        while !self.log().contains(words) {
            let log = self.log();
            assert!(began.elapsed() < PATIENCE, "no {words:?}:\n{log}");
            pause();
        }
        let seen = [
            self.get("/leader").unwrap(),
            self.get("/metrics").unwrap(),
            self.log(),
        ];
        for text in &seen {
            assert!(!text.contains(SECRET), "{text}");
        }
        let [leader, metrics, log] = seen;
        assert!(leader.len() < ANSWER, "{} bytes", leader.len());
        let longest = log.lines().map(str::len).max().unwrap();
        assert!(longest < LINE, "a line of {longest} bytes");
        let label = metrics.lines().find(|line| line.contains("problem_info{"));
        label.unwrap_or_default().to_owned()
    }

    /// Returns the peak of the elector's resident memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: u64 = peak
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap();
        kib << 10
    }

    /// Ends the elector with SIGTERM, and checks that it ends in time.
    pub(crate) fn end(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(&id).status().unwrap().success());
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert_eq!(status.code(), Some(0));
                return;
            }
            assert!(began.elapsed() < ENDING, "it does not end:\n{}", self.log());
            pause();
        }
    }
}

impl Drop for Elector {
    fn drop(&mut self) {
        // The elector still runs only if the test has failed.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
