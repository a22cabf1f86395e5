//! Kafka, through librdkafka: the only module that uses it, and the only one that blocks.
//!
//! # Threads
//! [`Kafka::open`] starts one thread for each cluster, which owns the cluster's librdkafka clients. The thread takes orders to
//! collect, one at a time, and answers each with a [`Snapshot`] of plain values. Further threads that it starts for single calls
//! end before it goes on. Dropping [`Kafka`] closes the `Fence` around the clients' sockets, which ends all connections at once;
//! the thread drops the clients afterwards in its own time, because a stalled broker may hold it for as long as one request may
//! take.
//! A second thread (`oauth`) gets the tokens of clients that log in with tokens of an identity provider, under the same fence.
//! Threads under the same fence make new clients when files with credentials change, and free the old ones
//! (`session::credentials`).
//!
//! # The requests of a collection, in order
//! The numbers are right because of this order. The code is in `session`.
//! 1. **Metadata** (`Metadata`), when it is due: brokers, topics, partitions and their leaders.
//! 2. **Groups** (`ListGroups` to every broker): the broker that lists a group coordinates it. A group that is missing from the
//!    listings may only be moving between coordinators, so groups of the last collection are asked about as well.
//! 3. **Topic ids** (`DescribeTopics`): of all topics when the metadata is new, else of topics whose id is missing. A topic that
//!    was deleted and created again has the same name and other records; only its id shows it.
//! 4. **Members of classic groups** (`DescribeGroups` to every broker), when a group's state has changed or the last answer is
//!    old. Where a broker fails to describe its groups together, some of them are described alone.
//! 5. **Log starts** (`ListOffsets` to every partition leader), before the commits. A commit below a log start that was read
//!    earlier has lost records. If log starts were read later, an application could have committed beyond the purged records
//!    meanwhile, and would be reported as losing them.
//! 6. **Committed offsets** (`OffsetFetch`, one per group, to its coordinator), with further rounds where coordinators moved.
//! 7. **Cleanup policies** (`DescribeConfigs`) of topics whose answer is old.
//! 8. **Log ends** (`ListOffsets`), after the commits: high watermarks, and last stable offsets where groups read committed
//!    records only. An end that was read after a commit is never below it, unless records are gone, so lag is never negative.
//! 9. **Members of KIP-848 groups** (`DescribeConsumerGroups`), at the end, because librdkafka may have to give up a connection
//!    for it.
//! 10. **Topics that members are assigned and that were not read** (`DescribeTopics` by name): the error shows a missing right.
//! 11. **Timestamps** (`Fetch`) of the oldest unread records, or their estimation from the history of high watermarks. Before a
//!     cached timestamp is used, the topic's id is asked for again.
//!
//! # Failures
//! A failed request makes the values unknown that it would have brought, and no others. A broker that does not answer a request
//! is not asked again in the same collection, as every request would cost another timeout; what it would have answered is
//! unknown, with the reason of its first failure. Answers that point to a moved coordinator or leader are followed within the
//! collection.
//!
//! # Safe calls
//! librdkafka crashes in some of its calls when a broker stalls or answers with an error. `native` has the calls that are safe
//! and says which ones are missing on purpose. Requests about groups, topics and configuration name the broker they go to. All
//! clients have a `group.id`, although no client ever joins a group or commits.
//!
//! # Not promised
//! A snapshot is not a consistent cut: its values are read one after the other, in the order above. What Kafka hides from this
//! user shows as absent, without an error; some of that is noticed and reported as a failure, but not all of it can be.

mod cleanup_policies;
mod collection_context;
mod committed_offsets;
mod error_code;
mod group_listing;
mod likely_cause;
mod log_offsets;
pub mod member_assignment;
mod members;
mod metadata;
mod native;
pub mod oauth;
mod properties;
mod records;
mod session;
mod topic_ids;
mod topic_requests;
mod unseen_assignments;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use shared::config::{Cluster, Exporter};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{Span, info_span};

use self::native::Fence;
use self::oauth::StartError;
use self::session::{OpenError, Session};
use crate::gate::client_slot::ClientGuard;
use crate::progress::Progress;
use crate::snapshot::Snapshot;

pub use self::collection_context::CLUSTER_SUBJECT;
pub use self::session::{ConnectionError, SaidBy};

/// The interval at which the clients are served between collections. librdkafka's logs and errors wait for the next time.
const SERVE_INTERVAL: Duration = Duration::from_millis(250);

/// The thread that owns one cluster's clients.
#[derive(Debug)]
pub struct Kafka {
    orders: Sender<Order>,
    connection_errors: watch::Receiver<Vec<ConnectionError>>,
    fence: Arc<Fence>,
    ended: CancellationToken,
    /// The record that clients exist, which is deleted when this guard is dropped; [`Kafka::drop`] closes the fence before.
    #[expect(dead_code, reason = "held until it is dropped")]
    client_guard: Arc<ClientGuard>,
}

/// An error that keeps the clients from being made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// librdkafka refuses a property, or a file that a property names.
    #[error("clusters.consumer_properties of cluster {cluster}: {reason}")]
    Refused {
        /// The cluster's name.
        cluster: Arc<str>,
        /// The message of librdkafka, without secrets.
        reason: String,
    },
    /// The operating system refuses a thread.
    #[error("cannot start the thread of cluster {cluster}")]
    Thread {
        /// The cluster's name.
        cluster: Arc<str>,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
}

/// An order for one collection, sent to the thread that owns the clients.
#[derive(Debug)]
struct Order {
    /// The sender of the result. A caller that no longer wants the result has dropped the receiver.
    reply: oneshot::Sender<Snapshot>,
}

// === impl Error ===

impl Error {
    fn of(cluster: &Arc<str>, error: OpenError) -> Self {
        let cluster = Arc::clone(cluster);
        match error {
            OpenError::Client(error) => Self::Refused {
                cluster,
                reason: error.to_string(),
            },
            OpenError::Login(StartError(source)) => Self::Thread { cluster, source },
        }
    }
}

// === impl Kafka ===

impl Kafka {
    /// Makes the clients and starts the thread. The clients connect when the first collection is ordered, and only while
    /// `client_guard` permits it. Dropping the returned value closes all connections and then drops `client_guard`.
    ///
    /// # Errors
    /// librdkafka refuses the configuration, or the operating system a thread.
    pub fn open(
        cluster: Arc<Cluster>,
        exporter: Arc<Exporter>,
        progress: watch::Sender<Progress>,
        client_guard: ClientGuard,
    ) -> Result<Self, Error> {
        let name = Arc::clone(&cluster.name);
        let fence = Fence::new(client_guard.permit_check());
        let client_guard = Arc::new(client_guard);
        let session = Session::open(cluster, exporter, Arc::clone(&fence), &client_guard);
        let session = session.map_err(|error| Error::of(&name, error))?;
        let connection_errors = session.connection_errors();
        let (orders, inbox) = channel();
        // This span is a child of the worker's span, which names the cluster.
        let span = info_span!("kafka");
        let ended = CancellationToken::new();
        let end_guard = ended.clone().drop_guard();
        std::thread::Builder::new()
            .name("kafka".to_owned())
            .spawn(move || {
                // The guard cancels `ended` when it is dropped, which is after the session was dropped, even if the thread
                // panics.
                let _end_guard = end_guard;
                run(session, &inbox, &progress, &span);
            })
            .map_err(|source| Error::Thread {
                cluster: name,
                source,
            })?;
        Ok(Self {
            orders,
            connection_errors,
            fence,
            ended,
            client_guard,
        })
    }

    /// Orders a collection, and returns the receiver of its snapshot. Dropping `self` abandons the collection. The receiver fails
    /// if the thread has ended, which only a panic causes while `self` exists.
    pub fn collect(&self) -> oneshot::Receiver<Snapshot> {
        let (reply, answer) = oneshot::channel();
        // A thread that has ended drops the order, and with it the sender, so that the receiver fails.
        drop(self.orders.send(Order { reply }));
        answer
    }

    /// Returns the errors that have kept connections from working since the metadata was last read, each kind once.
    pub fn connection_errors(&self) -> Vec<ConnectionError> {
        self.connection_errors.borrow().clone()
    }

    /// Returns a token that is cancelled when the thread has ended and the clients are freed.
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.fence.close();
    }
}

/// Checks that clients can be made for `cluster`. Connects to nothing.
///
/// # Errors
/// librdkafka refuses the configuration.
pub fn check(cluster: &Cluster) -> Result<(), Error> {
    session::check(cluster).map_err(|error| Error::Refused {
        cluster: Arc::clone(&cluster.name),
        reason: error.to_string(),
    })
}

/// Returns the longest time that a collection may take.
pub fn collection_timeout(exporter: &Exporter) -> Duration {
    collection_context::Timeouts::of(exporter).collection
}

/// Takes orders until their sender is dropped, and serves the clients in between.
fn run(
    mut session: Session,
    inbox: &Receiver<Order>,
    progress: &watch::Sender<Progress>,
    span: &Span,
) {
    let _guard = span.enter();
    loop {
        match inbox.recv_timeout(SERVE_INTERVAL) {
            Ok(Order { reply }) => {
                let snapshot = session.collect(progress);
                // Sending fails where the caller has abandoned the collection and dropped the receiver.
                drop(reply.send(snapshot));
            }
            Err(RecvTimeoutError::Timeout) => session.pass_time(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
