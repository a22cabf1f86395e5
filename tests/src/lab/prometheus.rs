//! A real Prometheus on loopback, which scrapes pods and evaluates rules, or shows data that promtool made.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::host::TempDir;
use super::pod::Pod;
use super::ports;
use super::prom::Labels;
use super::ready_server::ReadyServer;
use crate::manifests::tools;

/// A running Prometheus; killed, and its files deleted, when dropped.
#[derive(Debug)]
pub struct Prometheus(ReadyServer);

/// The intervals at which a Prometheus scrapes targets and evaluates rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    /// The time from one scrape of a target to the next, in whole seconds.
    pub scrape: Duration,
    /// The time from one evaluation of a group of rules to the next, if the group sets none, in whole seconds.
    pub evaluation: Duration,
}

/// A scrape job: targets that Prometheus scrapes at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The name of the job, which is the label `job` of its series.
    pub name: &'static str,
    /// The path that is scraped on each target.
    pub path: &'static str,
    /// The ports on loopback of the targets.
    pub ports: Vec<u16>,
}

/// A series in the result of a query, with its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The labels of the series. The metric's name is the label `__name__`, unless the query drops names.
    pub labels: Labels,
    /// The samples: times in seconds since 1970, with values.
    pub samples: Vec<(f64, f64)>,
}

/// Returns the jobs that the monitors in `manifests/` make for these pods.
pub fn jobs(pods: &[&Pod]) -> Vec<Job> {
    let of = |name, path, port: fn(&Pod) -> u16| Job {
        name,
        path,
        ports: pods.iter().map(|pod| port(pod)).collect(),
    };
    vec![
        of("klag-exporter", "/metrics", Pod::port),
        of("klag-exporter-telemetry", "/telemetry", Pod::port),
        of("klag-exporter-elector", "/metrics", Pod::elector_port),
    ]
}

// === impl Prometheus ===

impl Prometheus {
    /// Starts a Prometheus that scrapes these jobs and evaluates these files of rules, and waits until it is ready.
    pub fn start(intervals: Intervals, jobs: &[Job], rules: &[&str]) -> Result<Self> {
        Self::configured(&config(intervals, jobs)?, rules)
    }

    /// Starts a Prometheus with the text of a configuration, and waits until it is ready. `rules` has the texts of files that are
    /// named `*.rules.yaml` beside the configuration, which must list them in `rule_files`.
    pub fn configured(config: &str, rules: &[&str]) -> Result<Self> {
        let scratch = TempDir::new("prometheus")?;
        for (n, rules) in rules.iter().enumerate() {
            scratch.write(&format!("{n}.rules.yaml"), rules)?;
        }
        let data = scratch.path().join("data");
        Self::launch(scratch, config, &data)
    }

    /// Starts a Prometheus that scrapes nothing and shows the data of a directory that promtool made.
    pub fn of_records(data: &Path) -> Result<Self> {
        let scratch = TempDir::new("prometheus")?;
        Self::launch(scratch, "global: {}\n", data)
    }

    fn launch(scratch: TempDir, config: &str, data: &Path) -> Result<Self> {
        let config = scratch.write("prometheus.yaml", config)?;
        let [port] = ports::free_ports()?;
        let mut command = Command::new(tools::path("prometheus")?);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        ReadyServer::start("prometheus", command, (port, scratch)).map(Self)
    }

    /// Returns the URL of the server, to which the paths of its API are added.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port())
    }

    /// Returns the samples of the last hour of each series that a selector selects.
    pub fn samples(&self, selector: &str) -> Result<Vec<Series>> {
        self.query("query", &[("query", &format!("{selector}[1h]"))])
    }

    /// Returns the result of a query at this moment, with one sample for each series.
    pub fn now(&self, query: &str) -> Result<Vec<Series>> {
        self.query("query", &[("query", query)])
    }

    /// Returns the results of a query at every `step` between two times in seconds since 1970, as a graph shows them.
    pub fn range(
        &self,
        query: &str,
        (from, to): (f64, f64),
        step: Duration,
    ) -> Result<Vec<Series>> {
        let [from, to, step] = [from, to, step.as_secs_f64()].map(|n| n.to_string());
        let arguments = [
            ("query", query),
            ("start", &*from),
            ("end", &*to),
            ("step", &*step),
        ];
        self.query("query_range", &arguments)
    }

    fn query(&self, what: &str, arguments: &[(&str, &str)]) -> Result<Vec<Series>> {
        let mut path = format!("/api/v1/{what}?");
        for (name, value) in arguments {
            write!(path, "{name}={}&", escaped(value))?;
        }
        let answer = self.0.get(&path)?;
        let answer: Value = serde_json::from_str(&answer).with_context(|| answer.clone())?;
        let result = answer["data"]["result"].as_array();
        let result = result.with_context(|| format!("{arguments:?}: {answer}"))?;
        result.iter().map(series).collect()
    }
}

fn config(intervals: Intervals, jobs: &[Job]) -> Result<String> {
    let (scrape, evaluation) = (intervals.scrape.as_secs(), intervals.evaluation.as_secs());
    let mut text = format!(
        "global:\n  scrape_interval: {scrape}s\n  scrape_timeout: {}s\n  evaluation_interval: {evaluation}s\n\
         rule_files: ['*.rules.yaml']\nscrape_configs:\n",
        scrape.min(10)
    );
    for Job { name, path, ports } in jobs {
        let targets = ports.iter().map(|port| format!("'127.0.0.1:{port}'"));
        let targets = targets.collect::<Vec<_>>().join(", ");
        write!(
            text,
            "- job_name: {name}\n  metrics_path: {path}\n  static_configs:\n  - targets: [{targets}]\n    \
             labels: {{namespace: monitoring}}\n"
        )?;
    }
    Ok(text)
}

fn series(value: &Value) -> Result<Series> {
    let labels = value["metric"].as_object().context("no labels")?;
    let labels = labels
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
    let samples = match value.get("values").and_then(Value::as_array) {
        Some(several) => several.iter().map(sample).collect::<Result<_>>()?,
        None => vec![sample(&value["value"])?],
    };
    Ok(Series {
        labels: labels.collect(),
        samples,
    })
}

fn sample(value: &Value) -> Result<(f64, f64)> {
    let at = value[0].as_f64().context("no time")?;
    let value = value[1].as_str().context("no value")?;
    Ok((at, value.parse()?))
}

/// Returns the text, escaped for the query of a URL.
fn escaped(text: &str) -> String {
    let escaped = text.bytes().map(|byte| {
        if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    escaped.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_query_is_escaped_and_an_answer_is_read() {
        assert_eq!(escaped("a{b=\"c\"}[1h]"), "a%7Bb%3D%22c%22%7D%5B1h%5D");
        let one = series(&json!({"metric": {"a": "b"}, "value": [1.5, "+Inf"]})).unwrap();
        assert_eq!(one.samples, [(1.5, f64::INFINITY)]);
        let many = json!({"metric": {}, "values": [[1, "2"], [3, "4"]]});
        assert_eq!(series(&many).unwrap().samples, [(1.0, 2.0), (3.0, 4.0)]);
    }
}
