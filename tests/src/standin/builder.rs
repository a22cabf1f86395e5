//! The description of a cluster before it starts.

use std::{
    io,
    net::Ipv4Addr,
    sync::{Arc, atomic::AtomicU64},
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    GroupSpec, PartitionSpec, StandIn, TopicSpec,
    cluster::{Cluster, Condition, Node, Port, Standing},
    protocol::text,
    request_counts::RequestCounts,
    server::{self, Shared},
};

/// A cluster to be started.
#[derive(Debug)]
pub struct Builder {
    n_nodes: i32,
    address: Ipv4Addr,
    first_port: u16,
    topics: Vec<TopicSpec>,
    groups: Vec<(String, GroupSpec)>,
}

// === impl Builder ===

impl Builder {
    /// Sets nodes with the ids `1..=n_nodes`.
    #[must_use]
    pub fn nodes(self, n_nodes: i32) -> Self {
        Self { n_nodes, ..self }
    }

    /// Lets all nodes listen at this address of the calling thread's network; the default is loopback.
    #[must_use]
    pub fn at(self, address: Ipv4Addr) -> Self {
        Self { address, ..self }
    }

    /// Lets node 1 listen on this port and the others on the following ones; the default is free ports.
    #[must_use]
    pub fn first_port(self, first_port: u16) -> Self {
        Self { first_port, ..self }
    }

    /// Adds a topic whose partitions are described and whose other settings are the defaults.
    #[must_use]
    pub fn topic(
        self,
        name: &str,
        n_partitions: usize,
        partition: impl Fn(i32) -> PartitionSpec,
    ) -> Self {
        self.topic_with(TopicSpec::new(name, n_partitions).partitions(partition))
    }

    /// Adds a topic, with settings of its own.
    #[must_use]
    pub fn topic_with(mut self, topic: TopicSpec) -> Self {
        self.topics.push(topic);
        self
    }

    /// Adds a group; a group of the same name is replaced.
    #[must_use]
    pub fn group(mut self, name: &str, group: GroupSpec) -> Self {
        self.groups.push((name.to_owned(), group));
        self
    }

    /// Starts the cluster, and returns when all nodes listen. The cluster runs on its own thread, so the caller may block its
    /// thread, or pause its clock.
    ///
    /// # Panics
    /// A port cannot be bound, or the thread cannot be started.
    pub async fn start(self) -> StandIn {
        self.try_start()
            .await
            .expect("the stand-in gets its ports and its thread")
    }

    /// Starts the cluster as [`Self::start`] does, for a port that a person chose and that may be in use.
    ///
    /// # Errors
    /// A port cannot be bound, or the thread cannot be started.
    pub async fn try_start(self) -> io::Result<StandIn> {
        let standin = self.launch()?;
        standin
            .wait_for(|cluster| {
                cluster
                    .nodes
                    .values()
                    .all(|node| node.port_is == Port::Open)
            })
            .await;
        Ok(standin)
    }

    fn launch(self) -> io::Result<StandIn> {
        let ids: Vec<i32> = (1..=self.n_nodes).collect();
        let sockets = server::bind(&ids, self.address, self.first_port)?;
        let mut cluster = Cluster::default();
        for (id, socket) in &sockets {
            let node = Node {
                host: text(&self.address.to_string()),
                port: socket.local_addr()?.port(),
                condition: Condition::Running,
                standing: Standing::Registered,
                port_is: Port::Closed,
            };
            cluster.nodes.insert(*id, node);
        }
        self.topics
            .into_iter()
            .for_each(|topic| cluster.add_topic(topic));
        self.groups
            .into_iter()
            .for_each(|(name, group)| cluster.add_group(&name, group));
        let shared = Arc::new(Shared {
            cluster: watch::Sender::new(cluster),
            faults: watch::Sender::new(Vec::new()),
            request_counts: watch::Sender::new(RequestCounts::default()),
        });
        let end = CancellationToken::new();
        let ended = server::spawn(Arc::clone(&shared), sockets, end.clone())?;
        Ok(StandIn {
            shared,
            next_fault: AtomicU64::new(1),
            ended,
            end: end.drop_guard(),
        })
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            n_nodes: 3,
            address: Ipv4Addr::LOCALHOST,
            first_port: 0,
            topics: Vec::new(),
            groups: Vec::new(),
        }
    }
}
