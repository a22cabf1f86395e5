//! A stand-in for a Kafka cluster: it answers as brokers do, from a state that tests write, with faults that tests inject.
//!
//! The stand-in speaks the protocol to any client over loopback, but stores nothing, replicates nothing, and lets no
//! consumer join a group: members are those that the test gives.

mod answer;
mod api;
mod batch;
mod builder;
mod changes;
mod cluster;
mod code;
mod controller;
mod fault;
mod group_spec;
mod partition;
mod protocol;
mod records;
mod request_counts;
mod server;
mod topic_spec;
pub mod verdict;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::oneshot;
use tokio_util::sync::DropGuard;

pub use self::{
    builder::Builder,
    fault::{Fault, FaultId, Injected},
    group_spec::{GroupKind, GroupSpec, GroupState, MemberSpec},
    protocol::Api,
    records::{Records, Slot, SlotKind, SlotValue},
    request_counts::Arrival,
    topic_spec::{PartitionSpec, TopicSpec},
};
use self::{
    cluster::{Cluster, Condition, Port},
    fault::Active,
    request_counts::RequestCounts,
    server::Shared,
};

/// A running cluster, which ends when it is dropped; [`StandIn::shutdown`] also waits until it has ended.
#[derive(Debug)]
pub struct StandIn {
    shared: Arc<Shared>,
    next_fault: AtomicU64,
    ended: oneshot::Receiver<()>,
    end: DropGuard,
}

/// The offsets of a group and a partition, as the stand-in would answer now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The next offset that the group will read.
    pub committed: i64,
    /// The first offset that retention has left.
    pub log_start: i64,
    /// The end of the log for consumers.
    pub high_watermark: i64,
    /// The end of the log for `read_committed` consumers.
    pub last_stable: i64,
}

// === impl StandIn ===

impl StandIn {
    /// Returns a description of a cluster with three nodes, no topics and no groups.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Returns the addresses of all nodes, for `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        let cluster = self.shared.cluster.borrow();
        let nodes = cluster
            .nodes
            .values()
            .map(|node| format!("{}:{}", node.host, node.port));
        nodes.collect::<Vec<_>>().join(",")
    }

    /// Returns the commit of each (group, topic, partition), with the bounds of its log.
    pub fn expected(&self) -> BTreeMap<(String, String, i32), Expected> {
        let cluster = self.shared.cluster.borrow();
        let mut expected = BTreeMap::new();
        for (
            group,
            Committed {
                topic,
                partition,
                offset,
            },
        ) in commits(&cluster)
        {
            if let Some((_, log)) = cluster.partition(topic, partition) {
                let row = Expected {
                    committed: offset,
                    log_start: log.log_start,
                    high_watermark: log.high_watermark,
                    last_stable: log.last_stable(),
                };
                expected.insert((group.to_owned(), topic.to_owned(), partition), row);
            }
        }
        expected
    }

    /// Lets a fault happen from the next answer on; returns the id by which [`StandIn::clear_fault`] ends it.
    pub fn inject(&self, fault: Fault) -> FaultId {
        let id = FaultId(self.next_fault.fetch_add(1, Ordering::Relaxed));
        self.shared
            .faults
            .send_modify(|faults| faults.push(Arc::new(Active::new(id, fault))));
        id
    }

    /// Ends one fault. Answers that the fault has stalled stay stalled.
    pub fn clear_fault(&self, id: FaultId) {
        self.shared
            .faults
            .send_modify(|faults| faults.retain(|active| active.id != id));
    }

    /// Ends all faults. Answers that faults have stalled stay stalled.
    pub fn clear_faults(&self) {
        self.shared.faults.send_modify(Vec::clear);
    }

    /// Makes the node accept connections and requests but answer none, as a stopped process does.
    pub fn stall_node(&self, node: i32) {
        self.set_condition(node, Condition::Stalled);
    }

    /// Lets the node answer again, first the requests that came in the meantime.
    pub fn resume_node(&self, node: i32) {
        self.set_condition(node, Condition::Running);
    }

    /// Makes the node close all connections and refuse new ones. The metadata still names the node: see [`StandIn::fence_node`]. Returns
    /// when the port is closed.
    pub async fn stop_node(&self, node: i32) {
        self.set_condition(node, Condition::Stopped);
        self.wait_for_port(node, Port::Closed).await;
    }

    /// Lets the node listen again on its port, and puts it into the metadata. Returns when the port is open.
    pub async fn start_node(&self, node: i32) {
        self.set_condition(node, Condition::Running);
        self.change(|cluster| cluster.unfence(node));
        self.wait_for_port(node, Port::Open).await;
    }

    /// Removes the node from the metadata, as the controller does, and gives its partitions and groups to other nodes; partitions without
    /// another replica have no leader.
    pub fn fence_node(&self, node: i32) {
        self.change(|cluster| cluster.fence(node));
    }

    /// Returns the number of requests by API and node.
    pub fn requests(&self) -> BTreeMap<(Api, i32), u64> {
        self.shared.request_counts.borrow().requests.clone()
    }

    /// Returns the number of requests of this API to all nodes.
    pub fn n_requests(&self, api: Api) -> u64 {
        self.shared.request_counts.borrow().n_requests(api)
    }

    /// Waits until the cluster has received `n` requests of this API.
    pub async fn until_asked(&self, api: Api, n: u64) {
        self.wait_for_count(|request_counts| request_counts.n_requests(api) >= n)
            .await;
    }

    /// Waits until `n` connections are open, over all nodes.
    pub async fn until_connected(&self, n: u64) {
        self.wait_for_count(|request_counts| request_counts.n_connections() == n)
            .await;
    }

    /// Returns the number of times that faults have struck, by API and effect.
    pub fn injected(&self) -> BTreeMap<(Api, Injected), u64> {
        self.shared.request_counts.borrow().injected.clone()
    }

    /// Returns the last 200,000 requests, in the order in which they came in.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared
            .request_counts
            .borrow()
            .arrivals
            .iter()
            .copied()
            .collect()
    }

    /// Returns the number of connections open now, over all nodes.
    pub fn n_connections(&self) -> u64 {
        self.shared.request_counts.borrow().n_connections()
    }

    /// Resets the counts of requests and of faults that have struck.
    pub fn reset_counters(&self) {
        self.shared.request_counts.send_modify(|request_counts| {
            let connections = std::mem::take(&mut request_counts.connections);
            *request_counts = RequestCounts {
                connections,
                ..RequestCounts::default()
            };
        });
    }

    /// Ends the cluster, and waits until all connections are closed.
    pub async fn shutdown(self) {
        drop(self.end);
        // The thread of the cluster drops the sender of `ended` at its end, when all connections are closed.
        self.ended.await.ok();
    }

    fn set_condition(&self, node: i32, condition: Condition) {
        self.change(|cluster| {
            cluster
                .nodes
                .get_mut(&node)
                .expect("the node exists")
                .condition = condition;
        });
    }

    fn change(&self, change: impl FnOnce(&mut Cluster)) {
        self.shared.cluster.send_modify(change);
    }

    async fn wait_for_count(&self, met: impl Fn(&RequestCounts) -> bool) {
        let mut request_counts = self.shared.request_counts.subscribe();
        // Waiting fails only if the sender is gone, and `self` holds the sender.
        request_counts
            .wait_for(|request_counts| met(request_counts))
            .await
            .ok();
    }

    async fn wait_for_port(&self, node: i32, port: Port) {
        self.wait_for(|cluster| cluster.nodes[&node].port_is == port)
            .await;
    }

    async fn wait_for(&self, met: impl FnMut(&Cluster) -> bool) {
        // Waiting fails only if the sender is gone, and `self` holds the sender.
        self.shared.cluster.subscribe().wait_for(met).await.ok();
    }
}

/// The committed offset of a group in one partition.
struct Committed<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
}

fn commits(cluster: &Cluster) -> impl Iterator<Item = (&str, Committed<'_>)> {
    cluster.groups.iter().flat_map(|(group, state)| {
        state.commits.iter().flat_map(move |(topic, partitions)| {
            partitions.iter().map(move |(partition, offset)| {
                (
                    &**group,
                    Committed {
                        topic,
                        partition: *partition,
                        offset: *offset,
                    },
                )
            })
        })
    })
}
