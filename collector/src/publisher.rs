//! Puts what is shown of all clusters together, whenever one of them changes, or the term under which it is shown.

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cluster::Shown;
use crate::exposition::{self, ClusterView};
use crate::gate::Gate;
use crate::http::Published;

/// Renders `clusters` until shutdown. Nothing is published before the first collection of any cluster has ended.
pub async fn run(
    mut clusters: Vec<watch::Receiver<Shown>>,
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
        // A closed gate shows nothing, so the term may stay.
        if let Ok(permit) = gate.borrow().permit(Instant::now()) {
            term = permit.term;
        }
        let shown: Vec<Shown> = clusters
            .iter_mut()
            .map(|cluster| cluster.borrow_and_update().clone())
            .collect();
        if shown
            .iter()
            .all(|shown| shown.view.last_collection.is_none())
        {
            continue;
        }
        let opening = shown
            .iter()
            .map(|shown| shown.opening)
            .max()
            .unwrap_or_default();
        let views: Vec<ClusterView> = shown.into_iter().map(|shown| shown.view).collect();
        // Copying megabytes is nothing for a thread that answers probes.
        let rendered = spawn_blocking(move || exposition::render(&views, term)).await;
        match rendered {
            Ok(exposition) => {
                let gzip = exposition.gzip;
                publish.send_replace(Some(Published { gzip, opening }));
            }
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => return,
        }
    }
}

/// Waits until the gate is open under another term than `term`: the same leadership under another number, or another one. For
/// ever once nobody decides any more.
async fn another_term(gate: &mut watch::Receiver<Gate>, term: u64) {
    let now = |gate: &Gate| gate.permit(Instant::now());
    let another = gate.wait_for(|gate| now(gate).is_ok_and(|permit| permit.term != term));
    if another.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Waits until one of them has something new; for ever once all are gone.
async fn any_changed(clusters: &mut [watch::Receiver<Shown>]) {
    let mut waiting: Vec<_> = clusters
        .iter_mut()
        .map(|cluster| Box::pin(cluster.changed()))
        .collect();
    std::future::poll_fn(|context| {
        let mut ready = false;
        waiting.retain_mut(|changed| match changed.as_mut().poll(context) {
            std::task::Poll::Ready(result) => {
                ready |= result.is_ok();
                false
            }
            std::task::Poll::Pending => true,
        });
        if ready {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}
