//! A pod that leads while the logs of its programs are not read: it collects, renews, answers its probes, and ends in order.

use std::io::{PipeReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::host::TempDir;
use e2e::lab::http::{self, Coding};
use e2e::lab::ports;
use e2e::lab::programs::Program;
use e2e::lab::{self, Length};
use e2e::lease_server::LeaseServer;
use e2e::standin::{GroupSpec, PartitionSpec, StandIn};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::time::Instant;

/// The time that the kubelet waits for a probe.
const PROBE: Duration = Duration::from_secs(1);

/// The longest time that a start may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// The longest time that each program may take to end.
const ENDING: Duration = Duration::from_secs(2);

const NAME: &str = "klag-exporter";
const NAMESPACE: &str = "monitoring";

/// A program whose stderr is a full pipe.
struct Mute {
    child: Child,
    /// The reading end of the pipe, which is kept and not read.
    _reader: PipeReader,
}

/// A pod on stand-ins of Kafka and of the Kubernetes API.
struct World {
    runtime: Runtime,
    leases: LeaseServer,
    kafka: StandIn,
    scratch: TempDir,
    /// The ports of the collector and of the elector.
    ports: [u16; 2],
}

impl Mute {
    fn start(program: Program, dir: &Path) -> Result<Self> {
        let (reader, log) = std::io::pipe()?;
        let mut filling = log.try_clone()?;
        // The thread blocks as soon as the pipe is full, until the reader is gone.
        std::thread::spawn(move || while filling.write_all(&[b'.'; 512]).is_ok() {});
        // The shell that runs the tests may ignore some signals, which a child inherits; `env` undoes this.
        let child = Command::new("env")
            .arg("--default-signal")
            .arg(program.path()?)
            .current_dir(dir)
            .args(["--log", "trace"])
            .env("POD_NAME", "pod-a")
            .env("KUBECONFIG", dir.join("kubeconfig"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Self {
            child,
            _reader: reader,
        })
    }

    /// Sends the signal of this name; returns the time until the process ended, and its exit status.
    fn end(&mut self, signal: &str) -> Result<(Duration, ExitStatus)> {
        let asked = Instant::now();
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status()?;
        ensure!(sent.success());
        let status = lab::wait_for("the end", LIMIT, || {
            self.child.try_wait()?.context("it runs")
        })?;
        Ok((asked.elapsed(), status))
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        // Errors are ignored, since after a test that succeeds the process has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl World {
    fn start() -> Result<Self> {
        let runtime = Runtime::new()?;
        let leases = runtime.block_on(LeaseServer::start(NAMESPACE, NAME))?;
        let kafka = StandIn::builder()
            .topic("orders", 3, |_| PartitionSpec::ending_at(1000))
            .group("billing", GroupSpec::classic().committed("orders", 0, 900));
        let kafka = runtime.block_on(kafka.start());
        let scratch = TempDir::new("mute")?;
        let ports = ports::free_ports()?;
        let [collector, elector] = ports;
        let bootstrap = kafka.bootstrap();
        let config = format!(
            "[exporter]\nhttp_host = \"127.0.0.1\"\nhttp_port = {collector}\npoll_interval = \"1s\"\n\
             [exporter.leadership]\nenabled = true\nlease_namespace = \"{NAMESPACE}\"\n\
             lease_duration_secs = 10\ngrace_period_secs = 3\nlisten = \"127.0.0.1:{elector}\"\n\
             url = \"http://127.0.0.1:{elector}/leader\"\n\
             [[clusters]]\nname = \"lab\"\nbootstrap_servers = \"{bootstrap}\"\n"
        );
        scratch.write("config.toml", config)?;
        scratch.write("kubeconfig", leases.kubeconfig())?;
        Ok(Self {
            runtime,
            leases,
            kafka,
            scratch,
            ports,
        })
    }

    fn get(port: u16, path: &str) -> Result<String> {
        let answer = http::get(port, path, Coding::Plain, PROBE)?;
        ensure!(answer.status == 200, "{path} says {}", answer.status);
        ensure!(answer.took < PROBE, "{path} took {:?}", answer.took);
        answer.text()
    }

    /// Returns the value of a counter, summed over all its series.
    fn count(port: u16, path: &str, family: &str) -> Result<u64> {
        let text = Self::get(port, path)?;
        let samples = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(family)?;
            let value = rest.rsplit_once(' ')?.1;
            rest.starts_with(['{', ' ']).then(|| value.parse::<u64>())
        });
        Ok(samples.sum::<Result<_, _>>()?)
    }

    fn n_collections(&self) -> Result<u64> {
        Self::count(
            self.ports[0],
            "/metrics",
            "kafka_lag_exporter_collections_total",
        )
    }

    fn n_renewals(&self) -> Result<u64> {
        let family = "kafka_lag_exporter_elector_renewals_total";
        Self::count(self.ports[1], "/metrics", family)
    }

    fn holder(&self) -> Result<String> {
        let url = self.leases.lease_url();
        let (_, rest) = url.split_once("127.0.0.1:").context("no port")?;
        let (port, path) = rest.split_once('/').context("no path")?;
        let lease = Self::get(port.parse()?, &format!("/{path}"))?;
        let lease: Value = serde_json::from_str(&lease)?;
        let holder = lease["spec"]["holderIdentity"].as_str();
        Ok(holder.unwrap_or_default().to_owned())
    }
}

#[test]
fn a_pod_whose_logs_nobody_reads_leads_on_and_ends_in_order() -> Result<()> {
    let long = Length::from_env().pick(Duration::from_secs(60), Duration::from_secs(8));
    lead("TERM", long)
}

#[test]
fn a_pod_that_loses_its_terminal_gives_the_lease_back() -> Result<()> {
    lead("HUP", Duration::from_secs(6))
}

/// Lets the pod lead for the time `long`, ends it by this `signal`, and checks that the pod collected, renewed and ended in
/// order.
fn lead(signal: &str, long: Duration) -> Result<()> {
    let _reservation = lab::reserve()?;
    let world = World::start()?;
    let mut elector = Mute::start(Program::Elector, world.scratch.path())?;
    let mut collector = Mute::start(Program::Collector, world.scratch.path())?;
    lab::wait_for("the first collections", LIMIT, || {
        ensure!(world.n_collections()? >= 2);
        Ok(())
    })?;
    let (n_collections, n_renewals) = (world.n_collections()?, world.n_renewals()?);
    let (began, mut slowest) = (Instant::now(), Duration::ZERO);
    while began.elapsed() < long {
        for (port, path) in [(0, "/health"), (0, "/ready"), (1, "/health")] {
            let asked = Instant::now();
            World::get(world.ports[port], path)?;
            slowest = slowest.max(asked.elapsed());
        }
        ensure!(world.holder()? == "pod-a", "{}", world.holder()?);
        lab::pause(Duration::from_millis(100));
    }
    let n_collections = world.n_collections()? - n_collections;
    let n_renewals = world.n_renewals()? - n_renewals;
    let dropped = [
        (
            0,
            "/telemetry",
            "kafka_lag_exporter_log_lines_dropped_total",
        ),
        (
            1,
            "/metrics",
            "kafka_lag_exporter_elector_log_lines_dropped_total",
        ),
    ]
    .map(|(port, path, family)| World::count(world.ports[port], path, family));
    let [by_collector, by_elector] = dropped;
    let (collector_took, collector_ended) = collector.end(signal)?;
    let (elector_took, elector_ended) = elector.end(signal)?;
    lab::say(format_args!(
        "{long:?} with full pipes: {n_collections} collections, {n_renewals} renewals, slowest probe {slowest:.0?}; lines \
         dropped: collector {}, elector {}; SIG{signal} ended them after {collector_took:.0?} and {elector_took:.0?}",
        by_collector?, by_elector?
    ));
    // There is one collection a second and one renewal in three seconds; half of that on a busy machine.
    ensure!(n_collections >= long.as_secs() / 2, "{n_collections}");
    ensure!(n_renewals >= long.as_secs() / 6, "{n_renewals}");
    ensure!(collector_ended.success() && elector_ended.success());
    ensure!(collector_took < ENDING && elector_took < ENDING);
    ensure!(world.holder()?.is_empty(), "held by {}", world.holder()?);
    world.runtime.block_on(world.kafka.shutdown());
    Ok(())
}
