//! The last step of a collection: how old the oldest unread records are, and whether what is kept for it is still of the topics
//! that have those names.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::config::{LostPartitions, TimeLagMode};
use tokio::time::Instant;

use super::{Session, Timestamps};
use crate::kafka::identity::Verified;
use crate::kafka::pass::Pass;
use crate::kafka::records::Limits;
use crate::kafka::topology::Topology;
use crate::lag::wanted_reads;
use crate::progress::Phase as Step;
use crate::snapshot::{Api, Name, OldestUnread, Reason, Snapshot, TopicPartition, Unknown};

impl Session {
    /// Learns which topics have the names of `topology`, and forgets what is kept of others.
    pub(super) fn identify(&mut self, topology: &Topology, pass: &mut Pass<'_>) {
        let verified = self.identities.learn(&self.client, topology, pass);
        self.forget(&verified.changed);
    }

    /// Dates the oldest unread records of `snapshot`.
    pub(super) fn date(
        &mut self,
        topology: &mut Topology,
        snapshot: &mut Snapshot,
        pass: &mut Pass<'_>,
    ) {
        match self.exporter.time_lag {
            TimeLagMode::Off => {}
            TimeLagMode::Message { timeout, lost, .. } => {
                self.read_records(topology, snapshot, (timeout, lost), pass);
            }
            TimeLagMode::Rate { .. } => self.interpolate(topology, snapshot, pass),
        }
    }

    fn read_records(
        &mut self,
        topology: &mut Topology,
        snapshot: &mut Snapshot,
        (timeout, lost): (Duration, LostPartitions),
        pass: &mut Pass<'_>,
    ) {
        let wanted = wanted_reads(snapshot, lost);
        let Timestamps::Read(records) = &self.timestamps else {
            return;
        };
        let kept = records.kept(&wanted);
        let Verified { unanswered, .. } = self.verify(topology, &kept, pass);
        let is_unproven = |topic: &Name| unanswered.contains(topic) || !self.identities.has(topic);
        let unproven: BTreeSet<Name> = kept.into_iter().filter(is_unproven).collect();
        let Timestamps::Read(records) = &mut self.timestamps else {
            return;
        };
        // What cannot be shown to be of this topic is read again.
        records.forget(&unproven);
        let until = pass.until().min(Instant::now() + timeout);
        let limits = Limits {
            until,
            stop: &|| pass.is_stopped(),
        };
        let mut tell =
            |done, total| pass.tell(|progress| progress.phase = Step::Timestamps { done, total });
        let ends = |tp: &TopicPartition| {
            let topic = snapshot.topics.get(&tp.topic)?;
            topic.partitions.get(&tp.partition)?.end().ok()
        };
        let dated = records.date(&wanted, &ends, &limits, &mut tell);
        snapshot.oldest_unread = dated.oldest_unread;
        pass.failures.extend(dated.failures);
        *pass.requests.entry(Api::Fetch).or_default() += dated.n_reads;
    }

    fn interpolate(
        &mut self,
        topology: &mut Topology,
        snapshot: &mut Snapshot,
        pass: &mut Pass<'_>,
    ) {
        let Timestamps::Interpolate(history) = &mut self.timestamps else {
            return;
        };
        history.observe(snapshot, snapshot.read_at_ms);
        let wanted = wanted_reads(snapshot, LostPartitions::Read);
        let topics = wanted.keys().map(|tp| Name::clone(&tp.topic)).collect();
        let Verified { unanswered, .. } = self.verify(topology, &topics, pass);
        let Timestamps::Interpolate(history) = &self.timestamps else {
            return;
        };
        snapshot.oldest_unread = history.date(&wanted);
        // Without an answer the history may be another topic's. It is kept: the next answer tells.
        let unknown = OldestUnread::Unknown(Unknown::new(Api::Metadata, Reason::NotAsked));
        for ((tp, _), answer) in &mut snapshot.oldest_unread {
            if unanswered.contains(&tp.topic) {
                *answer = unknown;
            }
        }
    }

    /// Asks whether `topics` are still the ones that something is kept of, and forgets what is kept of others.
    fn verify(
        &mut self,
        topology: &mut Topology,
        topics: &BTreeSet<Name>,
        pass: &mut Pass<'_>,
    ) -> Verified {
        let verified = self.identities.verify(&self.client, topology, topics, pass);
        self.forget(&verified.changed);
        if !verified.changed.is_empty() {
            topology.outdate();
        }
        verified
    }

    fn forget(&mut self, topics: &BTreeSet<Name>) {
        if topics.is_empty() {
            return;
        }
        self.policies.forget(topics);
        match &mut self.timestamps {
            Timestamps::Off => {}
            Timestamps::Read(records) => records.forget(topics),
            Timestamps::Interpolate(history) => history.forget(topics),
        }
    }
}
