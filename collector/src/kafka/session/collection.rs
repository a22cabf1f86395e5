//! One collection, step by step: groups and classic members, log starts, commits, policies, ends, members of KIP-848 groups,
//! timestamps. Log starts before commits, so that a commit below one is a loss; commits before ends, so that lag is never
//! negative.

use std::collections::BTreeMap;

use super::Session;
use crate::kafka::ends::{self, Starts};
use crate::kafka::groups::Listing;
use crate::kafka::members::Ground;
use crate::kafka::native::CommittedRow;
use crate::kafka::offsets::{self, Brokers, Committed, Found, Unlisted};
use crate::kafka::pass::Pass;
use crate::kafka::topology::Topology;
use crate::progress::Phase as Step;
use crate::snapshot::{
    Api, Group, Log, Name, Offset, Phase, Reading, Reason, Snapshot, Topic, TopicPartition, Unknown,
};

impl Session {
    /// Everything but metadata.
    pub(super) fn read(
        &mut self,
        topology: &mut Topology,
        snapshot: &mut Snapshot,
        pass: &mut Pass<'_>,
    ) {
        let mut listing = self.list(topology, pass);
        self.identify(topology, pass);
        let ground = Ground {
            client: &self.client,
            listing: &listing,
            topology,
            filter: &self.cluster.groups,
        };
        let found = self.members.survey(&ground, pass);
        pass.end(Phase::Groups);

        let clients = ends::Clients {
            plain: &self.client,
            stable: self.stable.as_ref(),
        };
        let starts = ends::starts(&clients, topology, pass);
        pass.end(Phase::Ends);

        let brokers = Brokers {
            client: &self.client,
            all: &topology.brokers,
            filter: &self.cluster.groups,
        };
        let unlisted = Unlisted {
            known: &self.known,
            found: &found,
        };
        let mut committed = offsets::read(&brokers, &mut listing, unlisted, pass);
        listing.record(pass);
        self.members.leave_out_nameless(&mut committed);
        self.known = committed
            .groups
            .iter()
            .map(|(name, found)| (Name::clone(name), found.coordinator))
            .collect();
        pass.end(Phase::Offsets);

        self.policies.refresh(
            &self.client,
            topology,
            self.exporter.performance.compaction_ttl,
            pass,
        );
        pass.end(Phase::Groups);

        self.ends(topology, (starts, &committed), snapshot, pass);
        snapshot.read_at_ms = now_ms();
        pass.end(Phase::Ends);
        // The last to ask by this client, as it may cost a connection.
        let groups = (&listing, &committed);
        self.members.describe(&self.client, groups, topology, pass);
        self.members.settle(&committed, pass);
        snapshot.unsupported = self.members.unsupported(&listing, &committed);
        self.report_invisible(&listing, &committed, pass);
        snapshot.unseen = self.unseen(&snapshot.topics, topology, groups, pass);
        pass.end(Phase::Groups);
        snapshot.groups = self.groups(topology, &listing, committed, pass);
        self.date(topology, snapshot, pass);
        pass.end(Phase::Timestamps);
    }

    /// The groups that the brokers list. Brokers that do not answer are left out of the rest of the collection.
    fn list(&self, topology: &Topology, pass: &mut Pass<'_>) -> Listing {
        pass.tell(|progress| {
            progress.phase = Step::Listing;
            progress.brokers = topology.brokers.len();
            progress.partitions = topology.n_partitions();
        });
        let listing = Listing::read(&self.client, &topology.brokers, &self.cluster.groups, pass);
        listing.heed(pass);
        pass.tell(|progress| progress.groups = listing.groups.len());
        listing
    }

    fn ends(
        &self,
        topology: &mut Topology,
        (starts, committed): (Starts, &Committed),
        snapshot: &mut Snapshot,
        pass: &mut Pass<'_>,
    ) {
        let missing = self.commits_outside(topology, committed);
        let refresh =
            |pass: &mut Pass<'_>| Topology::read(&self.client, &self.cluster.topics, pass);
        if !missing.is_empty()
            && let Ok(fresh) = refresh(pass)
        {
            *topology = fresh;
            for (topic, partition) in self.commits_outside(topology, committed) {
                insert(snapshot, topic, partition, ends::gone());
            }
        }
        let clients = ends::Clients {
            plain: &self.client,
            stable: self.stable.as_ref(),
        };
        let mut ends = ends::read(&clients, topology, starts, pass, refresh);
        ends.doubt(committed);
        for (tp, log) in ends.logs {
            insert(snapshot, tp.topic, tp.partition, log);
        }
        for (name, topic) in &mut snapshot.topics {
            topic.compaction = self.policies.of(name);
        }
    }

    /// Partitions with a commit that the metadata does not have: it is older than they are, or they are gone.
    fn commits_outside(&self, topology: &Topology, committed: &Committed) -> Vec<(Name, i32)> {
        committed
            .groups
            .values()
            .filter_map(|found| found.rows.as_ref().ok())
            .flatten()
            .filter(|row| self.cluster.topics.matches(&row.topic))
            .filter(|row| !topology.refused.contains_key(&*row.topic))
            .filter(|row| {
                let leaders = topology.topics.get(&*row.topic);
                leaders.is_none_or(|leaders| !leaders.contains_key(&row.partition))
            })
            .map(|row| (Name::from(&*row.topic), row.partition))
            .collect()
    }

    fn groups(
        &self,
        topology: &Topology,
        listing: &Listing,
        committed: Committed,
        pass: &mut Pass<'_>,
    ) -> BTreeMap<Name, Group> {
        committed
            .groups
            .into_iter()
            .map(|(name, Found { coordinator, rows })| {
                let listed = listing.of(&name, coordinator);
                let (members, state) = self.members.of(&name, listed);
                let committed = rows.map(|rows| {
                    let shown = rows
                        .into_iter()
                        .filter(|row| self.cluster.topics.matches(&row.topic));
                    shown
                        .filter_map(|row| commit(&name, &row, topology, pass))
                        .collect()
                });
                (
                    name,
                    Group {
                        state,
                        members,
                        committed,
                    },
                )
            })
            .collect()
    }
}

/// One commit of a group; `None` where nothing is committed.
fn commit(
    group: &Name,
    row: &CommittedRow,
    topology: &Topology,
    pass: &mut Pass<'_>,
) -> Option<(TopicPartition, Reading<Offset>)> {
    let tp = TopicPartition {
        topic: topology.name(&row.topic),
        partition: row.partition,
    };
    match row.code.check() {
        Ok(()) => Offset::from_wire(row.offset).map(|offset| (tp, Ok(offset))),
        Err(code) => {
            let subject = format!("group {group}, {}-{}", tp.topic, tp.partition);
            let unknown = pass.fail(Api::OffsetFetch, code.reason(), subject);
            Some((tp, Err(unknown)))
        }
    }
}

fn insert(snapshot: &mut Snapshot, topic: Name, partition: i32, log: Log) {
    let unknown = Unknown::new(Api::DescribeConfigs, Reason::NotAsked);
    let topic = snapshot.topics.entry(topic).or_insert_with(|| Topic {
        compaction: Err(unknown),
        partitions: BTreeMap::new(),
    });
    topic.partitions.insert(partition, log);
}

/// Unix time in milliseconds.
#[expect(
    clippy::disallowed_methods,
    reason = "an edge: record timestamps are wall clock"
)]
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or_default()
}
