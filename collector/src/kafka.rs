//! Kafka, through librdkafka: the only importer of it, and the only place that blocks.
//!
//! One thread per cluster owns the clients. It takes orders to collect, one at a time, and answers with plain values. The
//! threads it starts for single calls end before it goes on. Dropping [`Kafka`] ends the thread, which drops the clients and
//! then gives back what was held for them: a stalled broker may keep it from that for as long as one request may take.

mod code;
mod compaction;
mod ends;
mod groups;
mod members;
mod native;
mod offsets;
mod pass;
mod properties;
mod records;
mod session;
mod topology;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use shared::config::{Cluster, Exporter};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{Span, info_span};

use self::session::Session;
use crate::gate::hold::Held;
use crate::progress::Progress;
use crate::snapshot::Snapshot;

/// How often the clients are served between collections: librdkafka's logs, errors and token refresh wait for it.
const IDLE: Duration = Duration::from_millis(250);

/// The thread that owns one cluster's clients.
#[derive(Debug)]
pub struct Kafka {
    orders: Sender<Order>,
}

/// The clients cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// librdkafka refuses a property, or a file that one names.
    #[error("clusters.consumer_properties of cluster {cluster}: {reason}")]
    Refused {
        /// The cluster's name.
        cluster: Arc<str>,
        /// What librdkafka said; never a property's value.
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

/// One collection to make.
#[derive(Debug)]
struct Order {
    stop: CancellationToken,
    reply: oneshot::Sender<Snapshot>,
}

// === impl Kafka ===

impl Kafka {
    /// Makes the clients and starts the thread. Connects when the first collection is ordered. `held` is dropped when the last
    /// client is gone, with all its connections.
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
        let session = Session::open(cluster, exporter).map_err(|error| Error::Refused {
            cluster: Arc::clone(&name),
            reason: error.to_string(),
        })?;
        let (orders, inbox) = channel();
        // Below the span of the worker, which names the cluster.
        let span = info_span!("kafka");
        std::thread::Builder::new()
            .name("kafka".to_owned())
            .spawn(move || {
                // Outlives the session, also where a panic ends it.
                let held = held;
                serve(session, &inbox, &progress, &span);
                drop(held);
            })
            .map_err(|source| Error::Thread {
                cluster: name,
                source,
            })?;
        Ok(Self { orders })
    }

    /// Orders a collection, which `stop` abandons. The receiver fails when the thread has ended, which it does unasked only by
    /// a panic.
    pub fn collect(&self, stop: CancellationToken) -> oneshot::Receiver<Snapshot> {
        let (reply, answer) = oneshot::channel();
        // A thread that has ended drops the order, and the receiver says so.
        drop(self.orders.send(Order { stop, reply }));
        answer
    }
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
            Ok(Order { stop, reply }) => {
                let snapshot = session.collect(&stop, progress);
                // Whoever abandoned the collection does not listen any more.
                drop(reply.send(snapshot));
            }
            Err(RecvTimeoutError::Timeout) => session.idle(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
