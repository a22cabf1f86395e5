//! One collection, step by step, in the order that [`crate::kafka`] explains: log starts before commits, so that a commit below
//! its log start has lost records, and commits before log ends, so that lag is never negative.

use std::collections::BTreeMap;

use super::{Session, gone_partitions};
use crate::kafka::collection_context::{CLUSTER_SUBJECT, CollectionContext};
use crate::kafka::committed_offsets::{
    self, CommittedOffsets, GroupOffsets, UnlistedGroups, Wanted,
};
use crate::kafka::group_listing::GroupListing;
use crate::kafka::log_offsets::{self, LogStarts};
use crate::kafka::members::{KnownTopics, SurveyInput};
use crate::kafka::metadata::Metadata;
use crate::kafka::native::CommittedRow;
use crate::progress::Step;
use crate::snapshot::{
    Api, Group, Name, Offset, PartitionState, Phase, Reading, Reason, Snapshot, Topic,
    TopicPartition, Unknown,
};

impl Session {
    /// Reads everything of the cluster but its metadata into `snapshot`.
    pub(super) fn read_cluster(
        &mut self,
        metadata: &mut Metadata,
        snapshot: &mut Snapshot,
        context: &mut CollectionContext<'_>,
    ) {
        let mut listing = self.list_groups(metadata, context);
        self.refresh_topic_ids(metadata, context);
        let input = SurveyInput {
            client: &self.client,
            listing: &listing,
            known_topics: KnownTopics {
                metadata,
                filter: &self.cluster.topics,
            },
            filter: &self.cluster.groups,
        };
        let surveyed_groups = self.members.survey(&input, context);
        context.finish_phase(Phase::Groups);

        let clients = log_offsets::OffsetClients {
            read_uncommitted_client: &self.client,
            read_committed_client: self.read_committed_client.as_ref(),
        };
        let starts = log_offsets::read_log_starts(&clients, metadata, context);
        context.finish_phase(Phase::Ends);

        let committed = self.read_commits(metadata, &mut listing, &surveyed_groups, context);
        context.finish_phase(Phase::Offsets);

        self.cleanup_policies.refresh(
            &self.client,
            metadata,
            self.exporter.performance.compaction_ttl,
            context,
        );
        context.finish_phase(Phase::Groups);

        self.read_log_ends(metadata, (starts, &committed), snapshot, context);
        snapshot.read_at_ms = now_ms();
        context.finish_phase(Phase::Ends);
        // The members of KIP-848 groups are read after everything that offset lag needs, because the guard of classic groups may
        // have to end one of this client's connections for it.
        let groups = (&listing, &committed);
        let known_topics = KnownTopics {
            metadata,
            filter: &self.cluster.topics,
        };
        self.members
            .describe_kip848(&self.client, groups, known_topics, context);
        self.members.drop_old(&committed);
        self.members.record_failures(&committed, context);
        snapshot.unsupported = self.members.unsupported(&listing, &committed);
        self.report_missing_rights(&listing, &committed, context);
        snapshot.unseen = self.find_unseen(&snapshot.topics, metadata, groups, context);
        context.finish_phase(Phase::Groups);
        snapshot.groups = self.assemble_groups(metadata, &listing, committed, context);
        self.look_up_timestamps(metadata, snapshot, context);
        context.finish_phase(Phase::Timestamps);
    }

    /// Lists the groups of all brokers. Brokers that do not answer are not asked again in this collection.
    fn list_groups(
        &self,
        metadata: &Metadata,
        context: &mut CollectionContext<'_>,
    ) -> GroupListing {
        context.report_progress(|progress| {
            progress.step = Step::Listing;
            progress.brokers = metadata.brokers.len();
            progress.partitions = metadata.n_partitions();
        });
        let listing = GroupListing::read(
            &self.client,
            &metadata.brokers,
            &self.cluster.groups,
            context,
        );
        listing.give_up_silent_brokers(context);
        context.report_progress(|progress| progress.groups = listing.groups.len());
        listing
    }

    /// Reads the committed offsets, and remembers the groups that have some with their coordinators. A coordinator that `metadata`
    /// lacks leads to new metadata.
    fn read_commits(
        &mut self,
        metadata: &mut Metadata,
        listing: &mut GroupListing,
        surveyed_groups: &BTreeMap<Name, i32>,
        context: &mut CollectionContext<'_>,
    ) -> CommittedOffsets {
        let wanted = Wanted {
            client: &self.client,
            filter: &self.cluster.groups,
        };
        let unlisted = UnlistedGroups {
            known_groups: &self.known_groups,
            surveyed_groups,
        };
        let places = (&mut *listing, metadata);
        let mut committed =
            committed_offsets::read(&wanted, places, unlisted, context, |context| {
                Metadata::read(&self.client, &self.cluster.topics, context)
            });
        listing.record_failures(context);
        self.members.drop_truncated_names(&mut committed);
        self.known_groups = committed
            .groups
            .iter()
            .map(|(name, found)| (Name::clone(name), found.coordinator))
            .collect();
        committed
    }

    /// Reads the log ends into `snapshot`. Reads the metadata before if there are commits on partitions that it lacks.
    fn read_log_ends(
        &self,
        metadata: &mut Metadata,
        (starts, committed): (LogStarts, &CommittedOffsets),
        snapshot: &mut Snapshot,
        context: &mut CollectionContext<'_>,
    ) {
        let missing = self.commits_unknown_to_metadata(metadata, committed);
        let refresh = |context: &mut CollectionContext<'_>| {
            let metadata = Metadata::read(&self.client, &self.cluster.topics, context);
            metadata.inspect_err(|code| {
                let reason = context.reason_of(*code);
                context.record_failure(Api::Metadata, reason, CLUSTER_SUBJECT);
            })
        };
        if !missing.is_empty()
            && let Ok(fresh) = refresh(context)
        {
            *metadata = fresh;
            let missing = self.commits_unknown_to_metadata(metadata, committed);
            for tp in gone_partitions::confirmed(&self.client, missing, metadata, context) {
                insert(snapshot, tp.topic, tp.partition, PartitionState::Gone);
            }
        }
        let clients = log_offsets::OffsetClients {
            read_uncommitted_client: &self.client,
            read_committed_client: self.read_committed_client.as_ref(),
        };
        let ends = log_offsets::read_log_ends(&clients, metadata, starts, context, refresh);
        snapshot.late_log_starts = ends.late_log_starts;
        for (tp, state) in ends.partitions {
            insert(snapshot, tp.topic, tp.partition, state);
        }
        for (name, topic) in &mut snapshot.topics {
            topic.compaction = self.cleanup_policies.of(name);
        }
    }

    /// Returns the partitions with a commit that are not in the metadata, each with a broker that has a commit on it. They were
    /// created after the metadata was read, or they are gone.
    fn commits_unknown_to_metadata(
        &self,
        metadata: &Metadata,
        committed: &CommittedOffsets,
    ) -> BTreeMap<TopicPartition, i32> {
        let groups = committed.groups.values();
        let rows = groups.flat_map(|found| {
            let rows = found.rows.iter().flatten();
            rows.map(|row| (row, found.coordinator))
        });
        rows.filter(|(row, _)| !metadata.has_partition(&row.topic, row.partition))
            .filter(|(row, _)| !metadata.failed_topics.contains_key(&*row.topic))
            .filter(|(row, _)| self.cluster.topics.matches(&row.topic))
            .map(|(row, coordinator)| {
                let topic = Name::from(&*row.topic);
                (TopicPartition::of(&topic, row.partition), coordinator)
            })
            .collect()
    }

    /// Returns the groups with their states, members and commits, as the snapshot has them. Records a failure for each commit
    /// that could not be read.
    fn assemble_groups(
        &self,
        metadata: &Metadata,
        listing: &GroupListing,
        committed: CommittedOffsets,
        context: &mut CollectionContext<'_>,
    ) -> BTreeMap<Name, Group> {
        committed
            .groups
            .into_iter()
            .map(|(name, GroupOffsets { coordinator, rows })| {
                let listed = listing.entry_of(&name, coordinator);
                let (members, state) = self.members.of(&name, listed);
                let committed = rows.map(|rows| {
                    let shown = rows
                        .iter()
                        .filter_map(|row| Some((row, self.shown_topic(&row.topic, metadata)?)));
                    shown
                        .filter_map(|(row, topic)| commit(&name, (row, topic), context))
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

    /// Returns the name of a topic as a shared value; `None` if the filter leaves the topic out. Topics of the metadata have passed
    /// the filter, so the patterns are tried for other topics only.
    fn shown_topic(&self, topic: &str, metadata: &Metadata) -> Option<Name> {
        if let Some((name, _)) = metadata.topics.get_key_value(topic) {
            return Some(Name::clone(name));
        }
        let is_shown = self.cluster.topics.matches(topic);
        is_shown.then(|| Name::from(topic))
    }
}

/// Returns one commit of a group on `topic`, or why it is unknown; `None` for a row without a commit.
fn commit(
    group: &Name,
    (row, topic): (&CommittedRow, Name),
    context: &mut CollectionContext<'_>,
) -> Option<(TopicPartition, Reading<Offset>)> {
    let tp = TopicPartition {
        topic,
        partition: row.partition,
    };
    match row.code.check() {
        Ok(()) => Offset::from_wire(row.offset).map(|offset| (tp, Ok(offset))),
        Err(code) => {
            let subject = format!("group {group}, {}-{}", tp.topic, tp.partition);
            let unknown = context.record_failure(Api::OffsetFetch, code.reason(), subject);
            Some((tp, Err(unknown)))
        }
    }
}

/// Adds a partition to `snapshot`, and its topic if that is new.
fn insert(snapshot: &mut Snapshot, topic: Name, partition: i32, state: PartitionState) {
    let unknown = Unknown::new(Api::DescribeConfigs, Reason::NotAsked);
    let topic = snapshot.topics.entry(topic).or_insert_with(|| Topic {
        compaction: Err(unknown),
        partitions: BTreeMap::new(),
    });
    topic.partitions.insert(partition, state);
}

/// Returns the current Unix time in milliseconds.
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
