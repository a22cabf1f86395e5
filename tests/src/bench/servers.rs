//! The servers that both collectors ask, and the numbers that they hold.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::Result;
use tokio::runtime::Runtime;

use super::cell::{Cell, Servers};
use crate::lab::Kafka;
use crate::lab::kafka::Plan;
use crate::lab::scale::Scale;
use crate::standin::{Builder, GroupSpec, MemberSpec, PartitionSpec, StandIn};

/// The offsets by which logs and commits move on between two collections.
const STEP: u32 = 10;

/// Running servers.
#[derive(Debug)]
pub(super) struct Cluster {
    brokers: Brokers,
    /// The number of times that logs and commits have moved on.
    n_moves: u32,
}

#[derive(Debug)]
enum Brokers {
    StandIn(StandIn),
    Kafka(Box<Kafka>),
}

/// The stand-in with the contents of this scale. Each group has two members, which are assigned half of its partitions each.
fn standin(scale: &Scale) -> Result<StandIn> {
    let mut builder = StandIn::builder();
    let partitions = usize::try_from(scale.partitions)?;
    for n in 0..scale.topics {
        let log = |_| PartitionSpec::ending_at(scale.records.into());
        builder = builder.topic(&Scale::topic_name(n), partitions, log);
    }
    for n in 0..scale.groups {
        builder = group(builder, scale, n)?;
    }
    Ok(Runtime::new()?.block_on(builder.try_start())?)
}

fn group(builder: Builder, scale: &Scale, n: u32) -> Result<Builder> {
    let rows = scale.rows(n);
    let mut spec = GroupSpec::classic();
    for half in rows.chunks(rows.len().div_ceil(2)) {
        let mut member = MemberSpec::new("reader");
        let mut assigned = BTreeMap::<&str, Vec<i32>>::new();
        for row in half {
            let partition = row.partition.try_into()?;
            assigned.entry(&row.topic).or_default().push(partition);
        }
        for (topic, partitions) in assigned {
            member = member.assigned(topic, partitions);
        }
        spec = spec.member(member);
    }
    for row in &rows {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "offsets are whole and small"
        )]
        let offset = row.committed as i64;
        spec = spec.committed(&row.topic, row.partition.try_into()?, offset);
    }
    Ok(builder.group(&Scale::group_name(n), spec))
}

// === impl Cluster ===

impl Cluster {
    /// Starts the servers of a cell, with their contents.
    pub(super) fn start(cell: Cell) -> Result<Self> {
        let scale = cell.scale();
        let brokers = match cell.servers {
            Servers::Standin => Brokers::StandIn(standin(&scale)?),
            Servers::Kafka => {
                let kafka = Kafka::start(&Plan::of(3))?;
                scale.build(&kafka)?;
                Brokers::Kafka(Box::new(kafka))
            }
        };
        Ok(Self {
            brokers,
            n_moves: 0,
        })
    }

    /// The brokers to begin with.
    pub(super) fn bootstrap(&self) -> String {
        match &self.brokers {
            Brokers::StandIn(standin) => standin.bootstrap(),
            Brokers::Kafka(kafka) => kafka.bootstrap(),
        }
    }

    /// The addresses of all brokers.
    pub(super) fn addresses(&self) -> Result<Vec<SocketAddr>> {
        let bootstrap = self.bootstrap();
        let addresses = bootstrap.split(',').map(str::parse);
        Ok(addresses.collect::<Result<_, _>>()?)
    }

    /// The offsets by which all logs and commits are ahead of those of the scale.
    pub(super) fn moved(&self) -> f64 {
        f64::from(self.n_moves * STEP)
    }

    /// Moves all logs and commits of the stand-in on. Kafka's stand still.
    pub(super) fn move_on(&mut self) {
        if let Brokers::StandIn(standin) = &self.brokers {
            standin.move_on(STEP.into());
            self.n_moves += 1;
        }
    }

    /// Begins to count requests.
    pub(super) fn reset_requests(&self) {
        if let Brokers::StandIn(standin) = &self.brokers {
            standin.reset_counters();
        }
    }

    /// The requests since the counting began, by API; none where the servers do not count.
    pub(super) fn requests(&self) -> BTreeMap<String, u64> {
        let mut requests = BTreeMap::new();
        if let Brokers::StandIn(standin) = &self.brokers {
            for ((api, _), n) in standin.requests() {
                *requests.entry(format!("{api:?}")).or_default() += n;
            }
        }
        requests
    }
}
