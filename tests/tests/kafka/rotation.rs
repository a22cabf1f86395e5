//! Certificates that are replaced while a collector uses them, as cert-manager and the kubelet replace the files of a Secret.

mod leadership;
mod world;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::lab::certificates::Issued;
use e2e::lab::kafka_tools::Tool;
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector, Length};
use tokio::time::Instant;

use self::world::{Generation, World};
use crate::security::MINUTE;
use crate::tokens::n_not_complete;

fn n_reloads(metrics: &Exposition, result: &str) -> u64 {
    let family = "kafka_lag_exporter_credential_reloads_total";
    metrics.count(family, [("result", result)])
}

/// Replaces the files, and waits until the collector has counted one more reload with this result. Returns the time that this took.
fn put_until(
    world: &mut World,
    collector: &Collector,
    (files, result): (&Generation, &str),
) -> Result<Duration> {
    let n_before = n_reloads(&collector.metrics()?, result);
    world.put(files)?;
    let put = Instant::now();
    collector.wait_for(result, MINUTE, |metrics| {
        let n = n_reloads(metrics, result);
        ensure!(n > n_before, "{n} as before");
        Ok(())
    })?;
    Ok(put.elapsed())
}

/// Returns broken files that might come between `last` and `next`, each with a property that is to be named.
fn broken(last: &Generation, next: &Generation) -> Result<[(Generation, &'static str); 3]> {
    let with = |certificate: &str, key: &str| Generation {
        issued: Issued {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        },
        ..next.clone()
    };
    let Issued { certificate, key } = &next.issued;
    Ok([
        (with(certificate, &last.issued.key), "ssl.key.location"),
        (
            with(&certificate[..certificate.len() / 2], key),
            "ssl.certificate.location",
        ),
        // The broker does not trust the authority of this one.
        (Generation::make(usize::MAX)?, "ssl.certificate.location"),
    ])
}

/// Puts broken files there, and checks that the collector refuses them and says so.
fn refuse(
    world: &mut World,
    collector: &Collector,
    (files, property): (&Generation, &str),
) -> Result<()> {
    let n_said = |log: &str| {
        log.matches("cannot be used, the last ones are kept")
            .count()
    };
    let n_before = n_said(&collector.log()?);
    put_until(world, collector, (files, "failure"))?;
    let log = collector.log()?;
    ensure!(n_said(&log) == n_before + 1, "said {} times", n_said(&log));
    let line = log.lines().rfind(|line| n_said(line) == 1);
    let line = line.context("nothing is said")?;
    lab::say(line);
    let folder = world.volume.file("tls.").display().to_string();
    let names = line.contains(property) && line.contains(&folder);
    ensure!(names && line.contains("cluster=lab"), "not named");
    ensure!(!log.contains("PRIVATE KEY"), "a key is printed");
    Ok(())
}

/// Moves commits, so that the records at them have to be read, and waits until this user has read them.
fn read_as(world: &World, user: &str) -> Result<()> {
    let group = ["--group", "s-g0000", "--reset-offsets", "--all-topics"];
    let args = [&group[..], &["--to-earliest", "--execute"]].concat();
    world.kafka.tool(Tool::ConsumerGroups, &args)?;
    world.wait_for_request(user, "FETCH")
}

#[test]
fn replaced_certificates_are_used_without_a_failed_collection() -> Result<()> {
    let _reservation = lab::reserve()?;
    let n_rotations = Length::from_env().pick(20, 8);
    let mut world = World::start(n_rotations + 1)?;
    let generations = world.generations.clone();
    let collector = Collector::start(&world.config())?;
    let before = collector.wait_until_complete(MINUTE)?;
    // The broker's own certificate changes less often.
    let broker_every = Length::from_env().pick(2, n_rotations);
    let mut times = Vec::new();
    for (n, pair) in (1..).zip(generations.windows(2)) {
        let (last, next) = (&pair[0], &pair[1]);
        if n == n_rotations / 4 {
            for (files, property) in broken(last, next)? {
                refuse(&mut world, &collector, (&files, property))?;
            }
        }
        if n % broker_every == 0 {
            world.announce_authority()?;
        }
        times.push(put_until(&mut world, &collector, (next, "success"))?);
        world.wait_for_request(&next.user, "LIST_OFFSETS")?;
        if n % broker_every == 0 {
            world.renew_broker()?;
        }
    }
    // On new connections the broker accepts the last authority alone, and so does the collector.
    let last = &generations[n_rotations];
    world.trust_alone(last)?;
    put_until(&mut world, &collector, (last, "success"))?;
    read_as(&world, &last.user)?;
    times.sort();
    let metrics = collector.metrics()?;
    let [n_good, n_failed] = ["success", "failure"].map(|result| n_reloads(&metrics, result));
    let n_bad = n_not_complete(&metrics) - n_not_complete(&before);
    lab::say(format_args!(
        "{n_good} reloads, used after {:.1?} to {:.1?}; {n_failed} failures; {} collections complete, {n_bad} not",
        times[0],
        times[times.len() - 1],
        Collector::collections(&metrics, "complete"),
    ));
    ensure!(n_bad == 0, "{n_bad} collections:\n{}", collector.log()?);
    ensure!(
        n_good == u64::try_from(n_rotations)? + 1,
        "{n_good} reloads"
    );
    Ok(())
}
