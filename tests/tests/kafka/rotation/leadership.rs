//! Certificates and leadership: a pod that loses it in the middle of a replacement has no connection left.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::lab::{self, Collector};
use e2e::sources;

use super::world::World;
use super::{Exposition, put_until};
use crate::security::MINUTE;

/// The word of the kernel for a connection that both sides have.
const ESTABLISHED: &str = "01";

/// Returns the number of connections to the listener with TLS. Nobody but the collector connects to it.
fn n_connections(world: &World) -> Result<usize> {
    let address = world.kafka.bootstrap_tls();
    let (_, port) = address.rsplit_once(':').context("no port")?;
    let port = format!(":{:04X}", port.parse::<u16>()?);
    let table = fs::read_to_string("/proc/net/tcp")?;
    let rows = table.lines().map(|line| line.split_ascii_whitespace());
    let to_port = rows.filter_map(|mut row| {
        let (remote, state) = (row.nth(2)?, row.next()?);
        Some(remote.ends_with(&port) && state == ESTABLISHED)
    });
    Ok(to_port.filter(|is_one| *is_one).count())
}

#[test]
fn losing_leadership_in_the_middle_of_a_replacement_leaves_no_connection() -> Result<()> {
    let _reservation = lab::reserve()?;
    let mut world = World::start(6)?;
    let source = sources::classic("pod-0")?;
    let collector = Collector::start(&world.config().led_by(&source.url(), "pod-0"))?;
    let is_up = |metrics: &Exposition| {
        let up = metrics.value("kafka_lag_exporter_up", []);
        ensure!(up == Some(1.0), "up is {up:?}");
        Ok(())
    };
    let generations = world.generations.clone();
    for (n, generation) in (0..).zip(&generations[1..]) {
        collector.wait_for("data", MINUTE, is_up)?;
        ensure!(n_connections(&world)? > 0, "it is not connected");
        world.put(generation)?;
        // New clients are made and log in about this time, more than half a second after the files have been seen.
        lab::pause(Duration::from_millis(700 + 100 * n));
        source.name("");
        lab::wait_for("the end of its connections", Duration::from_secs(5), || {
            let n = n_connections(&world)?;
            ensure!(n == 0, "{n} connections");
            Ok(())
        })?;
        for _ in 0..20 {
            lab::pause(Duration::from_millis(50));
            let n = n_connections(&world)?;
            ensure!(n == 0, "{n} connections after the end");
        }
        source.name("pod-0");
    }
    collector.wait_for("data", MINUTE, is_up)?;
    put_until(&mut world, &collector, (&generations[1], "success"))?;
    Ok(())
}
