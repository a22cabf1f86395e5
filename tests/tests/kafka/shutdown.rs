//! SIGTERM ends the collector within two seconds with status 0, whatever Kafka does.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::kafka::Plan;
use e2e::lab::ports;
use e2e::lab::scale::Scale;
use e2e::lab::{self, Collector, Config, Kafka};

const SECOND: Duration = Duration::from_secs(1);
const PROMISED: Duration = Duration::from_secs(2);

const SCALE: Scale = Scale {
    topics: 10,
    partitions: 30,
    records: 5,
    groups: 300,
    width: 3,
};

/// Stops the collector, and checks that it ends within two seconds and with status 0.
fn stop(mut collector: Collector, when: &str) -> Result<()> {
    let (took, status) = collector.stop(30 * SECOND)?;
    lab::say(format_args!("{when}: gone after {took:.0?}, {status}"));
    ensure!(status.success(), "{when}: {status}\n{}", collector.log()?);
    ensure!(took <= PROMISED, "{when}: {took:?}\n{}", collector.log()?);
    Ok(())
}

#[test]
fn it_ends_in_time_while_no_kafka_was_ever_there() -> Result<()> {
    let _reservation = lab::reserve()?;
    let [nobody] = ports::free_ports()?;
    let config = Config::of(&format!("127.0.0.1:{nobody}"));
    for wait in [0, 3] {
        let collector = Collector::start(&config)?;
        lab::pause(wait * SECOND);
        stop(collector, &format!("no Kafka for {wait} s"))?;
    }
    Ok(())
}

#[test]
fn it_ends_in_time_in_the_middle_of_a_collection_and_between_two() -> Result<()> {
    let _reservation = lab::reserve()?;
    let kafka = Kafka::start(&Plan::of(1))?;
    SCALE.build(&kafka)?;
    // A first collection takes a while, so at some of these delays it is under way.
    for ms in [0, 50, 100, 200, 400] {
        let collector = Collector::start(&Config::of(&kafka.bootstrap()))?;
        lab::pause(Duration::from_millis(ms));
        let done = Collector::collections(&collector.metrics()?, "complete");
        stop(
            collector,
            &format!("{ms} ms after the start, {done} collections"),
        )?;
    }
    let collector = Collector::start(&Config::of(&kafka.bootstrap()).every(60 * SECOND))?;
    collector.wait_until_complete(60 * SECOND)?;
    stop(collector, "between two collections")
}

#[test]
fn it_ends_in_time_while_kafka_is_down_and_while_a_broker_stalls() -> Result<()> {
    let _reservation = lab::reserve()?;
    let mut kafka = Kafka::start(&Plan::of(3))?;
    SCALE.build(&kafka)?;
    let config = Config::of(&kafka.bootstrap());
    for wait in [1, 8] {
        let collector = Collector::start(&config)?;
        collector.wait_until_complete(60 * SECOND)?;
        kafka.pause_node(2)?;
        lab::pause(wait * SECOND);
        let stopped = stop(collector, &format!("a broker stalled for {wait} s"));
        kafka.resume_node(2)?;
        stopped?;
    }
    let collector = Collector::start(&config)?;
    collector.wait_until_complete(60 * SECOND)?;
    for node in 1..=3 {
        kafka.pause_node(node)?;
    }
    lab::pause(4 * SECOND);
    stop(collector, "all brokers stalled for 4 s")?;
    for node in 1..=3 {
        kafka.resume_node(node)?;
    }
    let collector = Collector::start(&config)?;
    collector.wait_until_complete(60 * SECOND)?;
    kafka.kill_all();
    lab::pause(4 * SECOND);
    stop(collector, "Kafka killed 4 s ago")
}
