//! The clients of one cluster, and what is kept from one collection to the next. Everything here blocks.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::config::{Cluster, Exporter, Granularity, Isolation, Labels, TimeLag};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::code::Code;
use super::compaction::Policies;
use super::ends;
use super::groups::Listing;
use super::members::{Members, Wanted};
use super::native::{Client, CreateError, Notice};
use super::offsets::{self, Brokers, Committed, Found};
use super::pass::{Bounds, Pass};
use super::properties;
use super::records::{self, Limits, Records};
use super::topology::Topology;
use crate::history::{self, History};
use crate::progress::{Phase as Step, Progress};
use crate::snapshot::{
    Api, Group, GroupState, Log, Name, Offset, Phase, Reason, Snapshot, Topic, TopicPartition, Unknown,
};

/// Collections without metadata after which the client is replaced.
const PATIENCE: u32 = 3;

/// One cluster's clients and memory.
pub(super) struct Session {
    cluster: Arc<Cluster>,
    exporter: Arc<Exporter>,
    bounds: Bounds,
    client: Client,
    /// Sees the last stable offset; only with `read_committed`.
    stable: Option<Client>,
    topology: Option<Topology>,
    /// Collections in a row that had no metadata.
    n_without_metadata: u32,
    /// Every group that exists as far as known, and its last coordinator.
    known: BTreeMap<Name, i32>,
    members: Members,
    policies: Policies,
    timestamps: Timestamps,
    /// What was last logged about the connections, so that one trouble is one line.
    logged: Option<(Code, String)>,
    trouble: Option<Reason>,
}

/// How time lag is found.
enum Timestamps {
    Off,
    Read(Records),
    Interpolate(History),
}

// === impl Session ===

impl Session {
    /// Makes the clients. Connects to nothing yet.
    ///
    /// # Errors
    /// A property that librdkafka refuses.
    pub(super) fn open(cluster: Arc<Cluster>, exporter: Arc<Exporter>) -> Result<Self, CreateError> {
        let timestamps = match exporter.time_lag {
            TimeLag::Off => Timestamps::Off,
            TimeLag::Message { .. } => {
                let properties = properties::of(&cluster, records::properties());
                Timestamps::Read(Records::new(properties))
            }
            TimeLag::Rate { samples, max_age } => {
                Timestamps::Interpolate(History::new(history::Bounds { samples, max_age }))
            }
        };
        Ok(Self {
            bounds: Bounds::of(&exporter),
            client: plain(&cluster)?,
            stable: stable(&cluster)?,
            cluster,
            exporter,
            topology: None,
            n_without_metadata: 0,
            known: BTreeMap::new(),
            members: Members::default(),
            policies: Policies::default(),
            timestamps,
            logged: None,
            trouble: None,
        })
    }

    /// Serves the clients between collections: logs, connection errors, token refresh.
    pub(super) fn idle(&mut self) {
        for client in std::iter::once(&self.client).chain(&self.stable) {
            for notice in client.notices() {
                match notice {
                    Notice::Error { code, text } => {
                        if let reason @ (Reason::Authentication | Reason::Tls | Reason::Resolve) = code.reason() {
                            self.trouble = Some(reason);
                        }
                        if self.logged.as_ref().is_none_or(|(logged, _)| *logged != code) {
                            warn!(reason = code.reason().label(), error = %text, "Kafka connection trouble");
                        }
                        self.logged = Some((code, text));
                    }
                    Notice::Log { level, text } => debug!(target: "librdkafka", level, "{text}"),
                }
            }
        }
    }

    /// One collection. `stop` abandons it: no request begins any more, and the result is worth nothing.
    pub(super) fn collect(&mut self, stop: &CancellationToken, progress: &watch::Sender<Progress>) -> Snapshot {
        self.idle();
        let mut pass = Pass::begin(self.bounds, stop, progress);
        pass.trouble = self.trouble;
        pass.tell(|progress| progress.phase = Step::Connecting);
        self.orient(&mut pass);
        let mut snapshot = Snapshot::default();
        if let Some(mut topology) = self.topology.take() {
            self.read(&mut topology, &mut snapshot, &mut pass);
            self.topology = Some(topology);
        }
        Snapshot { failures: pass.failures, requests: pass.requests, phases: pass.phases, ..snapshot }
    }

    /// Metadata, when due. Without any for several collections the client is replaced.
    fn orient(&mut self, pass: &mut Pass<'_>) {
        let ttl = self.exporter.performance.metadata_ttl;
        if self.topology.as_ref().is_some_and(|topology| !topology.is_due(ttl)) {
            return;
        }
        match Topology::read(&self.client, &self.cluster.topics, pass) {
            Ok(topology) => {
                self.topology = Some(topology);
                self.n_without_metadata = 0;
                (self.trouble, self.logged, pass.trouble) = (None, None, None);
            }
            Err(code) => {
                self.idle();
                pass.trouble = self.trouble;
                let reason = pass.reason(code);
                pass.fail(Api::Metadata, reason, "cluster");
                self.n_without_metadata += 1;
            }
        }
        if self.n_without_metadata >= PATIENCE {
            self.replace_clients();
        }
    }

    fn replace_clients(&mut self) {
        match (plain(&self.cluster), stable(&self.cluster)) {
            (Ok(client), Ok(stable)) => {
                info!("No metadata for several collections, starting with a new client");
                (self.client, self.stable) = (client, stable);
                self.n_without_metadata = 0;
            }
            (Err(error), _) | (_, Err(error)) => warn!(%error, "Cannot make a new client"),
        }
    }

    fn read(&mut self, topology: &mut Topology, snapshot: &mut Snapshot, pass: &mut Pass<'_>) {
        pass.tell(|progress| {
            progress.phase = Step::Listing;
            progress.brokers = topology.brokers.len();
            progress.partitions = topology.n_partitions();
        });
        let mut listing = Listing::read(&self.client, &topology.brokers, &self.cluster.groups, pass);
        listing.heed(pass);
        pass.tell(|progress| progress.groups = listing.groups.len());
        pass.end(Phase::Groups);

        let brokers = Brokers { client: &self.client, all: &topology.brokers, filter: &self.cluster.groups };
        let committed = offsets::read(&brokers, &mut listing, &self.known, pass);
        listing.record(pass);
        report_invisible(&listing, &committed, pass);
        self.known = committed.groups.iter().map(|(name, found)| (Name::clone(name), found.coordinator)).collect();
        pass.end(Phase::Offsets);

        self.describe(topology, &listing, &committed, pass);
        self.policies.refresh(&self.client, topology, self.exporter.performance.compaction_ttl, pass);
        pass.end(Phase::Groups);

        self.ends(topology, &committed, snapshot, pass);
        pass.end(Phase::Ends);
        snapshot.groups = self.groups(topology, &listing, committed);
        self.date(snapshot, pass);
        pass.end(Phase::Timestamps);
    }

    /// Member labels stand on the series of partitions only.
    fn describe(&mut self, topology: &Topology, listing: &Listing, committed: &Committed, pass: &mut Pass<'_>) {
        let shown = self.exporter.granularity == Granularity::Partition
            && self.exporter.compatibility.member_labels == Labels::Present;
        if !shown {
            return;
        }
        let wanted: Vec<Wanted<'_>> = committed
            .groups
            .iter()
            .map(|(group, found)| Wanted { group, coordinator: found.coordinator, listed: listed(listing, group) })
            .collect();
        self.members.refresh(&self.client, &wanted, topology, pass);
    }

    fn ends(&self, topology: &mut Topology, committed: &Committed, snapshot: &mut Snapshot, pass: &mut Pass<'_>) {
        let missing = self.commits_outside(topology, committed);
        let refresh = |pass: &mut Pass<'_>| Topology::read(&self.client, &self.cluster.topics, pass);
        if !missing.is_empty()
            && let Ok(fresh) = refresh(pass)
        {
            *topology = fresh;
            for (topic, partition) in self.commits_outside(topology, committed) {
                insert(snapshot, topic, partition, ends::gone());
            }
        }
        let clients = ends::Clients { plain: &self.client, stable: self.stable.as_ref() };
        for (tp, log) in ends::read(&clients, topology, pass, refresh) {
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
            .filter(|row| {
                let leaders = topology.topics.get(&*row.topic);
                leaders.is_none_or(|leaders| !leaders.contains_key(&row.partition))
            })
            .map(|row| (Name::from(&*row.topic), row.partition))
            .collect()
    }

    fn groups(&self, topology: &Topology, listing: &Listing, committed: Committed) -> BTreeMap<Name, Group> {
        committed
            .groups
            .into_iter()
            .map(|(name, Found { coordinator: _, rows })| {
                let (members, state) = self.members.of(&name, listed(listing, &name));
                let committed = rows.map(|rows| {
                    rows.into_iter()
                        .filter(|row| self.cluster.topics.matches(&row.topic))
                        .filter_map(|row| {
                            let tp = TopicPartition { topic: topology.name(&row.topic), partition: row.partition };
                            let unknown = |code: Code| Unknown::new(Api::OffsetFetch, code.reason());
                            match row.code.check() {
                                Ok(()) => Offset::from_wire(row.offset).map(|offset| (tp, Ok(offset))),
                                Err(code) => Some((tp, Err(unknown(code)))),
                            }
                        })
                        .collect()
                });
                (name, Group { state, members, committed })
            })
            .collect()
    }

    fn date(&mut self, snapshot: &mut Snapshot, pass: &mut Pass<'_>) {
        let TimeLag::Message { timeout, lost } = self.exporter.time_lag else {
            if let Timestamps::Interpolate(history) = &mut self.timestamps {
                history.observe(snapshot, now_ms());
                let wanted = crate::lag::wanted_reads(snapshot, shared::config::LostPartitions::Read);
                snapshot.oldest_unread = history.date(&wanted);
            }
            return;
        };
        let Timestamps::Read(records) = &mut self.timestamps else { return };
        let wanted = crate::lag::wanted_reads(snapshot, lost);
        let until = pass.until().min(Instant::now() + timeout);
        let limits = Limits { until, stop: &|| pass.is_stopped() };
        let mut tell = |done, total| pass.tell(|progress| progress.phase = Step::Timestamps { done, total });
        let dated = records.date(&wanted, &limits, &mut tell);
        snapshot.oldest_unread = dated.oldest_unread;
        pass.failures.extend(dated.failures);
        *pass.requests.entry(Api::Fetch).or_default() += dated.n_reads;
    }
}

/// The client that everything but the last stable offset comes from.
fn plain(cluster: &Cluster) -> Result<Client, CreateError> {
    Client::create(&properties::of(cluster, &[("isolation.level", "read_uncommitted")]))
}

fn stable(cluster: &Cluster) -> Result<Option<Client>, CreateError> {
    match cluster.isolation {
        Isolation::ReadUncommitted => Ok(None),
        Isolation::ReadCommitted => {
            Client::create(&properties::of(cluster, &[("isolation.level", "read_committed")])).map(Some)
        }
    }
}

fn listed(listing: &Listing, group: &Name) -> GroupState {
    let states = listing.groups.get(group);
    states.and_then(|states| states.values().next().copied()).unwrap_or(GroupState::Unknown)
}

fn insert(snapshot: &mut Snapshot, topic: Name, partition: i32, log: Log) {
    let unknown = Unknown::new(Api::DescribeConfigs, Reason::NotAsked);
    let topic = snapshot
        .topics
        .entry(topic)
        .or_insert_with(|| Topic { compaction: Err(unknown), partitions: BTreeMap::new() });
    topic.partitions.insert(partition, log);
}

/// Missing rights show as empty answers, without an error: no group at all, or members and no commit of theirs.
fn report_invisible(listing: &Listing, committed: &Committed, pass: &mut Pass<'_>) {
    if listing.n_visible == 0 && listing.failed.is_empty() && listing.unasked.is_empty() {
        pass.fail(Api::ListGroups, Reason::NothingVisible, "groups");
    }
    for (name, found) in &committed.groups {
        let has_members = matches!(listed(listing, name), GroupState::Stable);
        if has_members && found.rows.as_ref().is_ok_and(Vec::is_empty) {
            pass.fail(Api::OffsetFetch, Reason::NothingVisible, format!("group {name}"));
        }
    }
}

/// Unix time in milliseconds.
#[expect(clippy::disallowed_methods, reason = "an edge: record timestamps are wall clock")]
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or_default()
}
