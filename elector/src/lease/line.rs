//! A client whose configuration is read again while nothing gets through: whoever corrects the kubeconfig, or renews the cluster's
//! authority, need not restart this process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Request, StatusCode};
use kube::Client;
use kube::client::Body;
use tokio::time::Instant;

use super::cluster::{Cluster, Purpose};
use super::exchange::quietly;

/// How long nothing has to have got through before the configuration is read again, and again.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way to the API server.
#[derive(Clone)]
struct Line {
    cluster: Cluster,
    purpose: Purpose,
    state: Arc<Mutex<State>>,
}

struct State {
    client: Client,
    /// Since when requests have been sent and none was answered.
    unanswered: Option<Instant>,
}

/// A client for `cluster`, for `namespace` where a request names none.
///
/// # Errors
/// What is wrong with the configuration, for people.
pub(super) async fn open(cluster: &Cluster, purpose: Purpose) -> Result<Client, String> {
    let client = quietly(cluster.connect(purpose)).await?;
    let namespace = client.default_namespace().to_owned();
    let line = Line {
        cluster: cluster.clone(),
        purpose,
        state: Arc::new(Mutex::new(State {
            client,
            unanswered: None,
        })),
    };
    let service = tower::service_fn(move |request: Request<Body>| {
        let line = line.clone();
        async move {
            let client = line.client().await;
            let answer = client.send(request).await?;
            // Whoever is not known here may have a new token elsewhere.
            if answer.status() != StatusCode::UNAUTHORIZED {
                line.state().unanswered = None;
            }
            Ok::<_, kube::Error>(answer)
        }
    });
    Ok(Client::new(service, namespace))
}

// === impl Line ===

impl Line {
    /// A client for the next request.
    async fn client(&self) -> Client {
        if self.is_dead(Instant::now()) {
            // A file that is being written is read again next time.
            if let Ok(client) = quietly(self.cluster.connect(self.purpose)).await {
                self.state().client = client;
            }
        }
        self.state().client.clone()
    }

    /// Whether to read the configuration again. Counts the request that is about to be sent.
    fn is_dead(&self, now: Instant) -> bool {
        let mut state = self.state();
        let since = *state.unanswered.get_or_insert(now);
        let dead = now.duration_since(since) >= PATIENCE;
        if dead {
            state.unanswered = Some(now);
        }
        dead
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
