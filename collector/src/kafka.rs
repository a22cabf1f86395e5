//! Kafka, through librdkafka: the only importer of it, and the only place that blocks.
//!
//! One thread per cluster owns the clients. It takes orders to collect, one at a time, and answers with plain values. The
//! threads it starts for single calls end before it goes on. Dropping [`Kafka`] ends all connections at once, by the fence
//! around them, and then the thread, which drops the clients; nobody waits for that, because a stalled broker may hold it for
//! as long as one request may take.

mod assignment;
mod cause;
mod code;
mod compaction;
mod ends;
mod groups;
mod identity;
mod members;
mod native;
mod offsets;
mod pass;
mod properties;
mod records;
mod session;
mod topology;
mod unseen;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use shared::config::{Cluster, Exporter};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{Span, info_span};

use self::native::Fence;
use self::session::Session;
use crate::gate::hold::Held;
use crate::progress::Progress;
use crate::snapshot::Snapshot;

/// How often the clients are served between collections: librdkafka's logs, errors and token refresh wait for it.
const IDLE: Duration = Duration::from_millis(250);

/// The subject of a failure that is the whole cluster's.
pub const CLUSTER: &str = "cluster";

/// The thread that owns one cluster's clients.
#[derive(Debug)]
pub struct Kafka {
    orders: Sender<Order>,
    troubles: watch::Receiver<Vec<Trouble>>,
    fence: Arc<Fence>,
    ended: CancellationToken,
    /// Given back when the fence is shut.
    #[expect(dead_code, reason = "held until it is dropped")]
    held: Held,
}

/// The clients cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// librdkafka refuses a property, or a file that one names.
    #[error("clusters.consumer_properties of cluster {cluster}: {reason}")]
    Refused {
        /// The cluster's name.
        cluster: Arc<str>,
        /// What librdkafka said, without secrets.
        reason: String,
    },
    /// The operating system refuses a thread.
    #[error("cannot start the thread of cluster {cluster}")]
    Thread {
        /// The cluster's name.
        cluster: Arc<str>,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The trouble that keeps a connection from working.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The likely cause, and what to write; `None` where librdkafka's words are all there is.
    pub advice: Option<String>,
    /// librdkafka's words, without secrets.
    pub text: String,
}

/// One collection to make.
#[derive(Debug)]
struct Order {
    reply: oneshot::Sender<Snapshot>,
}

// === impl Kafka ===

impl Kafka {
    /// Makes the clients and starts the thread. Connects when the first collection is ordered, and for as long as there is
    /// leave. `held` is given back when no connection is left.
    ///
    /// # Errors
    /// A configuration that librdkafka refuses, or no thread.
    pub fn open(
        cluster: Arc<Cluster>,
        exporter: Arc<Exporter>,
        progress: watch::Sender<Progress>,
        held: Held,
    ) -> Result<Self, Error> {
        let name = Arc::clone(&cluster.name);
        let fence = Fence::new(held.leave());
        let session = Session::open(cluster, exporter, Arc::clone(&fence)).map_err(|error| {
            Error::Refused {
                cluster: Arc::clone(&name),
                reason: error.to_string(),
            }
        })?;
        let troubles = session.troubles();
        let (orders, inbox) = channel();
        // Below the span of the worker, which names the cluster.
        let span = info_span!("kafka");
        let ended = CancellationToken::new();
        let ends = ended.clone().drop_guard();
        std::thread::Builder::new()
            .name("kafka".to_owned())
            .spawn(move || {
                // Outlives the session, also where a panic ends it.
                let _ends = ends;
                serve(session, &inbox, &progress, &span);
            })
            .map_err(|source| Error::Thread {
                cluster: name,
                source,
            })?;
        Ok(Self {
            orders,
            troubles,
            fence,
            ended,
            held,
        })
    }

    /// Orders a collection; dropping `self` abandons it. The receiver fails when the thread has ended, which it does unasked
    /// only by a panic.
    pub fn collect(&self) -> oneshot::Receiver<Snapshot> {
        let (reply, answer) = oneshot::channel();
        // A thread that has ended drops the order, and the receiver says so.
        drop(self.orders.send(Order { reply }));
        answer
    }

    /// What keeps connections from working, each thing once, since the metadata was last read.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.troubles.borrow().clone()
    }

    /// Cancelled when the thread has ended, and with it the clients.
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.fence.shut();
    }
}

/// Whether clients can be made for `cluster`. Connects to nothing.
///
/// # Errors
/// A configuration that librdkafka refuses.
pub fn check(cluster: &Cluster) -> Result<(), Error> {
    session::check(cluster).map_err(|error| Error::Refused {
        cluster: Arc::clone(&cluster.name),
        reason: error.to_string(),
    })
}

/// How long a collection may take at most.
pub fn deadline(exporter: &Exporter) -> Duration {
    pass::Bounds::of(exporter).collection
}

fn serve(
    mut session: Session,
    inbox: &Receiver<Order>,
    progress: &watch::Sender<Progress>,
    span: &Span,
) {
    let _guard = span.enter();
    loop {
        match inbox.recv_timeout(IDLE) {
            Ok(Order { reply }) => {
                let snapshot = session.collect(progress);
                // Whoever abandoned the collection does not listen any more.
                drop(reply.send(snapshot));
            }
            Err(RecvTimeoutError::Timeout) => session.idle(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
