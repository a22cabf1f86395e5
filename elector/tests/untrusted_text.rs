//! Text of kubeconfigs, credential plugins and API servers does not reach the elector's log, answers or metrics. None of them
//! delays the elector, or makes its memory grow.

#![cfg(feature = "kubernetes")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

/// The text that must not be seen anywhere.
const SECRET: &str = "hunter2-s3cr3t";

/// The longest time that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(20);

/// The longest time that the end of the process takes.
const ENDING: Duration = Duration::from_secs(5);

/// The length limit of a log line in bytes. A line has a few fields of at most 256 characters.
const LINE: usize = 2048;

/// The length limit of an answer in bytes. The collector reads no more.
const ANSWER: usize = 16 * 1024;

/// The memory limit in bytes: less than the limit in the manifests.
const MEMORY: u64 = 48 << 20;

/// A running elector with a kubeconfig.
struct Elector {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

fn scratch(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("untrusted_text_{name}"));
    std::fs::remove_dir_all(&dir).ok();
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process goes by the real clock"
)]
fn pause() {
    thread::sleep(Duration::from_millis(50));
}

/// A kubeconfig for the server at `url`, with these lines about the user.
fn kubeconfig(url: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{server: \"{url}\"}}}}]\n\
         users:\n- name: u\n  user:\n{user}"
    )
}

/// A credential plugin that does what `script` says.
fn plugin(script: &str) -> String {
    let exec = format!(
        "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: sh\n      args: [\"-c\", {script:?}]\n"
    );
    kubeconfig("http://127.0.0.1:1", &exec)
}

/// A server that gives `answer` to every request, for as long as the test runs; its URL.
fn server(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = std::sync::Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = std::sync::Arc::clone(&answer);
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut request = [0; 4096];
                // Writing fails when the elector has read enough and closes.
                if stream.read(&mut request).is_ok() {
                    stream.write_all(&answer).ok();
                }
            });
        }
    });
    url
}

fn http(status: &str, kind: &str, body: &str) -> Vec<u8> {
    let n = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {n}\r\nconnection: close\r\n\r\n"
    );
    (head + body).into_bytes()
}

// === impl Elector ===

impl Elector {
    fn start(dir: &Path, kubeconfig: &Path) -> Self {
        let port = free_port();
        let config = dir.join("config.toml");
        let text = format!(
            "[exporter.leadership]\nenabled = true\nidentity = \"pod-a\"\nrequire_consumer = false\n\
             listen = \"127.0.0.1:{port}\"\nlease_duration_secs = 10\ngrace_period_secs = 3\nmax_valid_secs = 1\n"
        );
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
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            child,
            address,
            log,
        }
    }

    /// Starts an elector with a kubeconfig of this text.
    fn with(name: &str, kubeconfig: &str) -> Self {
        let dir = scratch(name);
        let path = dir.join("kubeconfig");
        std::fs::write(&path, kubeconfig).unwrap();
        Self::start(&dir, &path)
    }

    fn get(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn log(&self) -> String {
        String::from_utf8(std::fs::read(&self.log).unwrap()).unwrap()
    }

    /// Waits until the log contains `words`, then checks the log, the answers and the metrics. Returns the sample of the problem.
    fn says(&self, words: &str) -> String {
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

    /// The peak of the elector's memory, in bytes.
    fn memory(&self) -> u64 {
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
    fn end(mut self) {
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

#[test]
fn a_mistake_in_a_kubeconfig_is_reported_by_its_place() {
    let good = kubeconfig("http://127.0.0.1:1", &format!("    token: {SECRET}\n"));
    for (name, text) in [
        ("yaml", format!("{good}   {SECRET}: [\n")),
        ("shape", format!("{good}extensions: {SECRET}\n")),
    ] {
        let elector = Elector::with(name, &text);
        let label = elector.says("the kubeconfig is not what a kubeconfig is, at line ");
        assert!(label.contains("detail=\"kubeconfig\""), "{label}");
        elector.end();
    }
    let elsewhere = good.replace("current-context: c", &format!("current-context: {SECRET}"));
    let elector = Elector::with("context", &elsewhere);
    elector.says("no context of the name that current-context says");
    elector.end();
}

#[test]
fn a_credential_plugin_that_fails_is_reported_by_its_exit_status() {
    for (name, script, words) in [
        ("exit", "; exit 3", "failed: exit status: 3"),
        ("signal", "; kill -9 $$", "failed: signal: 9 (SIGKILL)"),
        ("rubbish", "", "printed no credential"),
    ] {
        let script = format!("echo {SECRET}; echo {SECRET} >&2{script}");
        let elector = Elector::with(name, &plugin(&script));
        let label = elector.says(&format!("the credential plugin of the kubeconfig {words}"));
        assert!(label.contains("detail=\"plugin\""), "{label}");
        elector.end();
    }
    let missing = plugin("").replace("command: sh", &format!("command: /nowhere/{SECRET}"));
    let elector = Elector::with("missing", &missing);
    elector.says("the credential plugin of the kubeconfig cannot be started: entity not found");
    elector.end();
}

#[test]
fn a_credential_plugin_that_never_ends_delays_neither_answers_nor_the_end() {
    let elector = Elector::with("hanging", &plugin("exec sleep 30"));
    elector.says("has not ended for 10 s");
    assert!(elector.get("/health").unwrap().starts_with("HTTP/1.1 200"));
    elector.end();
}

#[test]
fn a_kubeconfig_that_is_a_pipe_does_not_delay_the_end() {
    let dir = scratch("pipe");
    let pipe = dir.join("kubeconfig");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let elector = Elector::start(&dir, &pipe);
    elector.says("Serving HTTP");
    elector.end();
}

#[test]
fn long_answers_with_errors_are_neither_repeated_nor_kept() {
    let long = SECRET.repeat((3 << 20) / SECRET.len());
    let status = |code: u16, reason: &str| {
        format!(
            r#"{{"apiVersion":"v1","kind":"Status","metadata":{{}},"status":"Failure","message":"User cannot patch {long}","reason":"{reason}","code":{code}}}"#
        )
    };
    let json = "application/json";
    for (name, answer, words) in [
        (
            "503",
            http("503 Busy", json, &status(503, SECRET)),
            "was answered 503",
        ),
        (
            "403",
            http("403 No", json, &status(403, "Forbidden")),
            "get is not allowed",
        ),
        (
            "502",
            http("502 Bad Gateway", "text/html", &long),
            "was answered 502",
        ),
        (
            "200",
            http("200 OK", json, &format!("{{\"spec\":\"{long}\"}}")),
            "an answer is too long to be about a Lease",
        ),
        (
            "wrong",
            http("200 OK", json, &format!("{{\"spec\":\"{SECRET}\"}}")),
            "an answer is not as Kubernetes writes it",
        ),
    ] {
        let url = server(answer);
        let elector = Elector::with(name, &kubeconfig(&url, &format!("    token: {SECRET}\n")));
        elector.says(words);
        let memory = elector.memory();
        println!("{name}: {} KiB", memory >> 10);
        assert!(memory < MEMORY, "{name}: {memory} bytes");
        elector.end();
    }
}

#[test]
fn an_answer_that_never_ends_is_given_up() {
    for head in ["200 OK", "500 Broken"] {
        let mut answer = format!("HTTP/1.1 {head}\r\ncontent-type: application/json\r\n\r\n");
        answer.push_str(&SECRET.repeat((64 << 20) / SECRET.len()));
        let url = server(answer.into_bytes());
        let name = format!("endless_{}", &head[..3]);
        let elector = Elector::with(&name, &kubeconfig(&url, "    {}\n"));
        elector.says("Trouble in the election");
        let memory = elector.memory();
        println!("{head}: {} KiB", memory >> 10);
        assert!(memory < MEMORY, "{head}: {memory} bytes");
        elector.end();
    }
}
