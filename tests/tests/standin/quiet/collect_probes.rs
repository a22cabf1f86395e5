//! Probes are answered in time, whatever other clients ask at the same moment and whatever is being collected.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::http::{self, Coding};
use e2e::lab::{self, Collector, Config, Length};
use e2e::standin::{GroupSpec, PartitionSpec, StandIn};
use tokio::runtime::Runtime;
use tokio::time::Instant;

/// The time within which 99 of a hundred probes must be answered.
const PROBE: Duration = Duration::from_millis(100);

/// The pause between two rounds of probes.
const PAUSE: Duration = Duration::from_millis(10);

/// The bytes by which memory may grow while clients read, however many there are.
const MORE_MEMORY: u64 = 24 << 20;

const LIMIT: Duration = Duration::from_secs(300);

/// The size of a stand-in for Kafka.
#[derive(Clone, Copy, Debug)]
struct Size {
    topics: usize,
    partitions: usize,
    groups: usize,
}

/// The durations of the probes.
#[derive(Debug, Default)]
struct Waits(Vec<Duration>);

/// The numbers of requests for `/metrics` by their result.
#[derive(Clone, Copy, Debug, Default)]
struct Served {
    whole: usize,
    told_to_wait: usize,
    cut: usize,
}

// === impl Size ===

impl Size {
    /// Starts the stand-in. Each group has committed in every partition of one topic.
    fn start(self, runtime: &Runtime) -> StandIn {
        let mut builder = StandIn::builder();
        let topic = |n: usize| format!("topic-{:04}", n % self.topics);
        for n in 0..self.topics {
            let bounds = |_| PartitionSpec::ending_at(1_000);
            builder = builder.topic(&topic(n), self.partitions, bounds);
        }
        for n in 0..self.groups {
            let spec = (0..).take(self.partitions);
            let spec = spec.fold(GroupSpec::classic(), |spec, p| {
                spec.committed(&topic(n), p, 900)
            });
            builder = builder.group(&format!("group-{n:04}"), spec);
        }
        runtime.block_on(builder.start())
    }
}

// === impl Waits ===

impl Waits {
    /// Probes `/health` and `/ready` in turn until `over` is true.
    fn until(port: u16, over: &AtomicBool) -> Result<Self> {
        let mut waits = Vec::new();
        while !over.load(Ordering::Relaxed) {
            for path in ["/health", "/ready"] {
                let answer = http::get(port, path, Coding::Plain, LIMIT)?;
                ensure!(answer.status == 200, "{path} says {}", answer.status);
                waits.push(answer.took);
            }
            lab::pause(PAUSE);
        }
        waits.sort();
        ensure!(waits.len() >= 100, "{} probes are too few", waits.len());
        Ok(Self(waits))
    }

    fn percentile(&self, percent: usize) -> Duration {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)]
    }

    fn judge(&self, beside: &str) -> Result<()> {
        let [p50, p99, most] = [50, 99, 100].map(|percent| self.percentile(percent));
        lab::say(format_args!(
            "{} probes beside {beside}: p50 {p50:?}, p99 {p99:?}, max {most:?}",
            self.0.len()
        ));
        let bound = Length::from_env().slack(PROBE);
        ensure!(p99 <= bound, "p99 {p99:?}, not {bound:?}");
        Ok(())
    }
}

// === impl Served ===

impl Served {
    /// Requests `/metrics`, again and again, until `over` is true.
    fn until(port: u16, over: &AtomicBool) -> Result<Self> {
        let mut served = Self::default();
        let mut buffer = vec![0; 256 * 1024];
        while !over.load(Ordering::Relaxed) {
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let mut stream = TcpStream::connect(address)?;
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")?;
            match read(&mut stream, &mut buffer) {
                Ok((200, true)) => served.whole += 1,
                Ok((503, true)) => served.told_to_wait += 1,
                Ok((200, false)) | Err(_) => served.cut += 1,
                Ok((status, _)) => anyhow::bail!("/metrics says {status}"),
            }
        }
        Ok(served)
    }
}

/// Reads an answer without keeping it; returns its status, and true if it was complete.
fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<(u16, bool)> {
    let mut filled = 0;
    let end = loop {
        let n = stream.read(&mut buffer[filled..])?;
        ensure!(n > 0, "no end of headers");
        filled += n;
        let end = buffer[..filled].windows(4).position(|at| at == b"\r\n\r\n");
        if let Some(end) = end {
            break end;
        }
    };
    let head = std::str::from_utf8(&buffer[..end])?.to_ascii_lowercase();
    let status = head.split(' ').nth(1).context("a status")?.parse()?;
    let length = head.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.lines().next());
    let length: usize = length.context("a length")?.parse()?;
    let mut n_read = filled - end - 4;
    loop {
        match stream.read(buffer)? {
            0 => return Ok((status, n_read == length)),
            n => n_read += n,
        }
    }
}

/// Does `work` while probes are sent; returns its result, and the durations of the probes.
fn beside_probes<T>(port: u16, work: impl FnOnce() -> Result<T>) -> Result<(T, Waits)> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let probes = scope.spawn(|| Waits::until(port, &over));
        let done = work();
        over.store(true, Ordering::Relaxed);
        let waits = probes.join().expect("probing does not panic")?;
        Ok((done?, waits))
    })
}

/// Runs `n` readers of `/metrics` at once, for this time.
fn readers(port: u16, n: usize, time: Duration) -> Result<Served> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..n)
            .map(|_| scope.spawn(|| Served::until(port, &over)))
            .collect();
        lab::pause(time);
        over.store(true, Ordering::Relaxed);
        let mut all = Served::default();
        for reader in readers {
            let served = reader.join().expect("reading does not panic")?;
            all.whole += served.whole;
            all.told_to_wait += served.told_to_wait;
            all.cut += served.cut;
        }
        Ok(all)
    })
}

#[test]
fn beside_readers_that_take_no_gzip() -> Result<()> {
    let _reservation = lab::reserve()?;
    let runtime = Runtime::new()?;
    let full = Size {
        topics: 1_000,
        partitions: 20,
        groups: 1_000,
    };
    let short = Size {
        topics: 100,
        groups: 100,
        ..full
    };
    let length = Length::from_env();
    let kafka = length.pick(full, short).start(&runtime);
    let hourly = Duration::from_secs(3600);
    let collector = Collector::start(&Config::of(&kafka.bootstrap()).every(hourly))?;
    collector.wait_until_complete(LIMIT)?;
    let text = collector.get_gzip("/metrics")?.text()?.len();
    let port = collector.port();
    for n in [50, length.pick(250, 100)] {
        let before = collector.usage()?;
        let time = length.pick(Duration::from_secs(20), Duration::from_secs(4));
        let began = Instant::now();
        let (served, waits) = beside_probes(port, || readers(port, n, time))?;
        let after = collector.usage()?;
        lab::say(format_args!(
            "{n} readers of {text} bytes for {:?}: {served:?}; RSS {} KiB before, at most {} KiB",
            began.elapsed(),
            before.rss / 1024,
            after.rss_peak / 1024
        ));
        waits.judge(&format!("{n} readers"))?;
        ensure!(served.whole > 0 && served.cut == 0, "{served:?}");
        let more = after.rss_peak.saturating_sub(before.rss_peak);
        ensure!(more <= MORE_MEMORY, "{more} bytes more");
    }
    Ok(())
}

#[test]
fn beside_a_large_collection() -> Result<()> {
    let _reservation = lab::reserve()?;
    let runtime = Runtime::new()?;
    let full = Size {
        topics: 500,
        partitions: 100,
        groups: 4_000,
    };
    let short = Size {
        topics: 100,
        partitions: 20,
        groups: 200,
    };
    let size = Length::from_env().pick(full, short);
    let kafka = size.start(&runtime);
    let second = Duration::from_secs(1);
    let collector = Collector::start(&Config::of(&kafka.bootstrap()).every(second))?;
    let first = collector.wait_until_complete(LIMIT)?;
    let n_before = Collector::collections(&first, "complete");
    let (metrics, waits) = beside_probes(collector.port(), || {
        collector.wait_for("three collections", LIMIT, |metrics| {
            let n = Collector::collections(metrics, "complete");
            ensure!(n >= n_before + 3, "{n} complete");
            Ok(())
        })
    })?;
    let usage = collector.usage()?;
    lab::say(format_args!(
        "{size:?}: RSS at most {} KiB; {:?} ms for a collection",
        usage.rss_peak / 1024,
        metrics.value("kafka_consumergroup_poll_time_ms", [])
    ));
    waits.judge("collections")
}
