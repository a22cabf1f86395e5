//! The task that publishes the states of all clusters together, whenever one of them or the term changes.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::exposition::{Published, RenderedCluster};
use crate::gate::Gate;

/// Publishes `clusters` until shutdown. Nothing is published before the first collection of any cluster has ended.
pub async fn run(
    mut clusters: Vec<watch::Receiver<RenderedCluster>>,
    mut gate: watch::Receiver<Gate>,
    publish: watch::Sender<Option<Published>>,
    shutdown: CancellationToken,
) {
    let mut term = 0;
    loop {
        tokio::select! { biased;
        () = shutdown.cancelled() => return,
        () = any_changed(&mut clusters) => {}
        () = another_term(&mut gate, term) => {} }
        // The term of the last permission stays while the gate is closed, because nothing is shown then.
        if let Ok(permit) = gate.borrow().permit(Instant::now()) {
            term = permit.term;
        }
        let rendered: Vec<RenderedCluster> = clusters
            .iter_mut()
            .map(|cluster| cluster.borrow_and_update().clone())
            .collect();
        let is_collected = |cluster: &RenderedCluster| cluster.state.last_collection.is_some();
        if !rendered.iter().any(is_collected) {
            continue;
        }
        // Rendering has a thread of its own, because copying megabytes would delay the answers to probes on this thread.
        match spawn_blocking(move || Published::render(rendered, term)).await {
            Ok(published) => {
                publish.send_replace(Some(published));
            }
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => return,
        }
    }
}

/// Waits until the gate is open under another term than `term`, in the same opening or in another one. Never completes once the
/// task that decides about the gate has ended.
async fn another_term(gate: &mut watch::Receiver<Gate>, term: u64) {
    let now = |gate: &Gate| gate.permit(Instant::now());
    let another = gate.wait_for(|gate| now(gate).is_ok_and(|permit| permit.term != term));
    if another.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Waits until one of the states has changed. Never completes once all senders are gone.
async fn any_changed(clusters: &mut [watch::Receiver<RenderedCluster>]) {
    let changes = clusters.iter_mut().map(watch::Receiver::changed);
    let mut changes: FuturesUnordered<_> = changes.collect();
    while let Some(change) = changes.next().await {
        if change.is_ok() {
            return;
        }
    }
    std::future::pending::<()>().await;
}
