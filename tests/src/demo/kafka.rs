//! The Kafka of the demo, real or a stand-in, with its writers and readers.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Args;
use super::real_kafka::RealKafka;
use super::real_or_stand_in::{StandInReason, start_if_possible};
use super::simulated_kafka::Simulated;
use crate::lab::host;
use crate::lab::kafka::Version;
use crate::lab::kafka_tools::KafkaTools;

/// The Kafka that the demo uses: Apache Kafka itself, or the stand-in for it.
#[derive(Debug)]
pub(super) enum DemoKafka {
    /// Apache Kafka, written and read by librdkafka.
    Real(Box<RealKafka>),
    /// The stand-in, whose state is written directly.
    Simulated(Box<Simulated>, StandInReason),
}

// === impl DemoKafka ===

impl DemoKafka {
    /// Starts Kafka with its topics, to which nothing is written yet.
    pub(super) async fn start(args: &Args) -> Result<Self> {
        if args.standin {
            return Ok(Self::simulated(StandInReason::Asked).await);
        }
        match start_if_possible(can_start, RealKafka::launch).await? {
            Ok(launched) => {
                let real = RealKafka::open(launched).await?;
                Ok(Self::Real(Box::new(real)))
            }
            Err(why) => Ok(Self::simulated(why).await),
        }
    }

    async fn simulated(why: StandInReason) -> Self {
        Self::Simulated(Box::new(Simulated::start().await), why)
    }

    /// Returns the brokers' addresses in the form of `bootstrap.servers`.
    pub(super) fn bootstrap(&self) -> String {
        match self {
            Self::Real(real) => real.bootstrap(),
            Self::Simulated(simulated, _) => simulated.bootstrap(),
        }
    }

    /// Writes and reads the records that are due at `elapsed`.
    pub(super) fn step(&mut self, elapsed: Duration) -> Result<()> {
        match self {
            Self::Real(real) => real.step(elapsed),
            Self::Simulated(simulated, _) => {
                simulated.step(elapsed);
                Ok(())
            }
        }
    }

    /// Ends Kafka, and waits until it has ended.
    pub(super) async fn stop(self) {
        match self {
            Self::Real(real) => real.stop().await,
            Self::Simulated(simulated, _) => simulated.stop().await,
        }
    }
}

impl fmt::Display for DemoKafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.bootstrap();
        match self {
            Self::Real(real) => write!(f, "{at}   Apache Kafka {}", real.version()),
            Self::Simulated(_, StandInReason::Asked) => write!(f, "{at}   the stand-in, as asked"),
            Self::Simulated(_, StandInReason::Absent(why)) => {
                write!(f, "{at}   the stand-in:\n            {why}")
            }
        }
    }
}

/// Checks for everything that Apache Kafka needs; the error says what is missing.
fn can_start() -> Result<()> {
    let version = Version::from_env()?;
    host::jars(version)?;
    host::check_that_it_runs("java", "-version")?;
    KafkaTools::open(version).context("the tools for Kafka do not compile")?;
    Ok(())
}
