//! A real Alertmanager on loopback with the inhibition rules of `manifests/alerts`, and a receiver of its notifications.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::sync::watch;

use super::host::TempDir;
use super::ports;
use super::prom::Labels;
use super::ready_server::ReadyServer;
use crate::manifests::{self, tools};

/// A running Alertmanager; killed, and its files deleted, when dropped.
#[derive(Debug)]
pub struct Alertmanager {
    server: ReadyServer,
    pages: watch::Receiver<Vec<Page>>,
}

/// An alert in a notification that Alertmanager sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Page {
    /// The receiver to which Alertmanager routed the alert: the name of a team, or `default`.
    pub receiver: String,
    /// The state of the alert: `firing` or `resolved`.
    pub status: String,
    /// The labels of the alert, of which `alertname` is one.
    pub labels: Labels,
}

// === impl Alertmanager ===

impl Alertmanager {
    /// Starts an Alertmanager and waits until it is ready. Each of these teams has a receiver for alerts with its name in the label
    /// `team`; `default` receives all other alerts.
    pub fn start(teams: &[&str]) -> Result<Self> {
        let scratch = TempDir::new("alertmanager")?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let text = config(teams, listener.local_addr()?.port())?;
        let config = scratch.write("alertmanager.yaml", text)?;
        let [port] = ports::free_ports()?;
        let mut command = Command::new(tools::path("alertmanager")?);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.path={}",
                scratch.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=");
        Ok(Self {
            server: ReadyServer::start("alertmanager", command, (port, scratch))?,
            pages: receive(listener),
        })
    }

    /// Returns the port on which Alertmanager listens.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Returns all alerts that were sent to receivers so far, in the order in which they arrived.
    pub fn pages(&self) -> Vec<Page> {
        self.pages.borrow().clone()
    }

    /// Makes an alert with these labels fire, as Prometheus does.
    pub fn fire(&self, labels: &[(&str, &str)]) -> Result<()> {
        let url = format!("--alertmanager.url=http://127.0.0.1:{}", self.server.port());
        let labels = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{value}\""));
        let labels: Vec<_> = labels.collect();
        let mut args = vec!["alert", "add", &*url];
        args.extend(labels.iter().map(String::as_str));
        tools::run("amtool", &args).map(drop)
    }

    /// Returns the alerts that fire, by the labels `alertname` and `group`. The value is true if another alert inhibits this one.
    pub fn inhibited(&self) -> Result<BTreeMap<(String, String), bool>> {
        let answer = self.server.get("/api/v2/alerts")?;
        let answer: Value = serde_json::from_str(&answer).with_context(|| answer.clone())?;
        let alerts = answer.as_array().context("no list")?.iter().map(|alert| {
            let label = |name: &str| {
                alert["labels"][name]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            let by = alert["status"]["inhibitedBy"].as_array();
            let inhibited = by.is_some_and(|by| !by.is_empty());
            ((label("alertname"), label("group")), inhibited)
        });
        Ok(alerts.collect())
    }
}

fn config(teams: &[&str], hook: u16) -> Result<String> {
    let mut routes = String::new();
    let mut receivers = String::new();
    for team in teams {
        writeln!(
            routes,
            "  - matchers: ['team=\"{team}\"']\n    receiver: {team}"
        )?;
    }
    for receiver in teams.iter().chain(&["default"]) {
        writeln!(
            receivers,
            "- name: {receiver}\n  webhook_configs:\n  - url: http://127.0.0.1:{hook}/{receiver}"
        )?;
    }
    let inhibit = manifests::read("alerts/inhibit-rules.yaml")?;
    Ok(format!(
        "route:\n  receiver: default\n  group_by: ['...']\n  group_wait: 1s\n  group_interval: 2s\n  \
         repeat_interval: 1h\n  routes:\n{routes}receivers:\n{receivers}{inhibit}"
    ))
}

/// Starts a thread that receives notifications on `listener` until the process ends; returns the channel of all alerts received so
/// far.
fn receive(listener: TcpListener) -> watch::Receiver<Vec<Page>> {
    let (sender, pages) = watch::channel(Vec::new());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A notification that breaks off gets no answer, so Alertmanager sends it again.
            if let Ok(more) = notification(&stream) {
                sender.send_modify(|pages| pages.extend(more));
            }
        }
    });
    pages
}

fn notification(mut stream: &TcpStream) -> Result<Vec<Page>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let receiver = line.split(' ').nth(1).context("no path")?;
    let receiver = receiver.trim_start_matches('/').to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        match header.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let body: Value = serde_json::from_slice(&body)?;
    let alerts = body["alerts"].as_array().context("no alerts")?;
    let pages = alerts.iter().map(|alert| {
        let labels = alert["labels"].as_object().context("no labels")?;
        let labels = labels
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
        Ok(Page {
            receiver: receiver.clone(),
            status: alert["status"].as_str().unwrap_or_default().to_owned(),
            labels: labels.collect(),
        })
    });
    pages.collect()
}
