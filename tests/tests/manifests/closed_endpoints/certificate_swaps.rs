//! Certificates that change during scrapes, in the way in which the kubelet changes the volume of a Secret.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::lab::certificates::Authority;
use e2e::lab::closed_programs::ClosedPrograms;
use e2e::lab::host::TempDir;
use e2e::lab::prometheus::Prometheus;
use e2e::lab::secret_volume::SecretVolume;
use e2e::lab::{self, Closing, Length, Way};

use super::{settings, written};

const LIMIT: Duration = Duration::from_secs(30);

/// The pause of a thread between two scrapes, each of which makes a new connection.
const PAUSE: Duration = Duration::from_millis(200);

/// The names and contents of the files that a server reads.
type Files = [(&'static str, String); 4];

/// The counts of scrapes that each made a new connection, and the signal that ends the threads that scrape.
#[derive(Default)]
struct Scrapes {
    n_good: AtomicU32,
    n_failed: AtomicU32,
    ended: AtomicBool,
}

/// Returns the files of `closing`, with `authority` as a further authority of clients.
fn with_authority(closing: &Closing, authority: &Authority) -> Files {
    closing.files().map(|(name, text)| match name {
        "ca.crt" => (name, text + &authority.pem()),
        _ => (name, text),
    })
}

/// Returns the files of `closing`, among which the server's certificate is cut short.
fn broken(closing: &Closing) -> Files {
    closing.files().map(|(name, text)| match name {
        "tls.crt" => (name, text[..text.len() / 2].to_owned()),
        _ => (name, text),
    })
}

// === impl Scrapes ===

impl Scrapes {
    /// Scrapes a program again and again until `ended` is set.
    fn go_on(&self, closing: &Closing, door: (&str, u16, &str)) {
        while !self.ended.load(Ordering::Relaxed) {
            match scrape(closing, door) {
                Ok(_) => self.n_good.fetch_add(1, Ordering::Relaxed),
                Err(error) => {
                    lab::say(format_args!("{}: {error:#}", door.0));
                    self.n_failed.fetch_add(1, Ordering::Relaxed)
                }
            };
            lab::pause(PAUSE);
        }
    }
}

/// Scrapes a program once, on a new connection, and returns the text.
fn scrape(closing: &Closing, (_, port, path): (&str, u16, &str)) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let client = closing.client(address, LIMIT)?;
        let request = http::Request::get(path).body(Vec::new())?;
        Ok(client.request_text(request).await?)
    })
}

/// Waits until both programs have counted `n` changes of the files with this result.
fn wait_for_reloads(
    programs: &ClosedPrograms,
    closing: &Closing,
    (result, n): (&str, u32),
) -> Result<()> {
    for door in programs.doors() {
        let wanted = format!("web_config_reloads_total{{result=\"{result}\"}} {n}\n");
        lab::wait_for("a reload", LIMIT, || {
            let text = scrape(closing, door)?;
            ensure!(text.contains(&wanted), "{}: no {wanted}", door.0);
            Ok(())
        })?;
    }
    Ok(())
}

/// Swaps the certificates `n_swaps` times and waits until both programs have noticed each swap. Halfway, a broken certificate comes in
/// between.
fn swap_all(
    volume: &mut SecretVolume,
    programs: &ClosedPrograms,
    (closing, n_swaps): (&Closing, u32),
) -> Result<()> {
    for n in 1..=n_swaps {
        if n == n_swaps / 2 {
            volume.swap(&broken(closing))?;
            wait_for_reloads(programs, closing, ("failure", 1))?;
        }
        let next = closing.renewed(&format!("server {n}"))?;
        volume.swap(&with_authority(&next, &Authority::new()?))?;
        wait_for_reloads(programs, closing, ("success", n))?;
    }
    Ok(())
}

/// Starts a Prometheus that scrapes each program by five jobs, each of them once a second.
fn prometheus(folder: &Path, programs: &ClosedPrograms) -> Result<Prometheus> {
    let (right, _) = settings(Way::Everything, folder);
    let mut text = "scrape_configs:\n".to_owned();
    for (program, port, path) in programs.doors() {
        for n in 1..=5 {
            writeln!(
                text,
                "- {{job_name: {program}-{n}, metrics_path: {path}, scrape_interval: 1s, scrape_timeout: 1s, {right}, \
                 static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}"
            )?;
        }
    }
    Prometheus::configured(&text, &[])
}

/// Checks that no scrape by Prometheus has failed, and returns their number.
fn n_scraped(prometheus: &Prometheus) -> Result<usize> {
    let series = prometheus.samples("up")?;
    ensure!(series.len() == 10, "{} of 10 targets", series.len());
    let missed = series
        .iter()
        .find(|series| series.samples.iter().any(|sample| sample.1 < 1.0));
    ensure!(missed.is_none(), "{missed:?}");
    Ok(series.iter().map(|series| series.samples.len()).sum())
}

#[test]
fn no_scrape_fails_while_certificates_change() -> Result<()> {
    let _reservation = lab::reserve()?;
    let scratch = TempDir::new("swaps")?;
    let closing = Closing::by(Way::Everything)?;
    let client = written(&scratch, &closing, "client")?;
    let mut volume = SecretVolume::new(&scratch, "volume", &closing.files())?;
    let programs = ClosedPrograms::start(&scratch, volume.folder())?;
    let prometheus = prometheus(&client, &programs)?;
    let n_swaps = Length::from_env().pick(20, 4);
    let (closing, scrapes) = (&closing, &Scrapes::default());
    thread::scope(|scope| {
        let threads = programs
            .doors()
            .map(|door| scope.spawn(move || scrapes.go_on(closing, door)));
        let swapped = swap_all(&mut volume, &programs, (closing, n_swaps));
        scrapes.ended.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().ok().context("a thread panicked")?;
        }
        swapped
    })?;
    let [n_good, n_failed] =
        [&scrapes.n_good, &scrapes.n_failed].map(|count| count.load(Ordering::Relaxed));
    lab::say(format_args!(
        "{n_swaps} swaps and a broken one: {} scrapes by Prometheus, {n_good} on new connections, {n_failed} failed",
        n_scraped(&prometheus)?
    ));
    ensure!(n_failed == 0 && n_good > 20, "{n_failed} failed");
    Ok(())
}
