//! A client that reads its configuration again while no request gets through. So whoever corrects the kubeconfig, or renews the
//! cluster's certificate authority, need not restart this process.
//!
//! The client also limits the length of every answer, because an answer about one Lease is short.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Either, Full, Limited};
use kube::Client;
use kube::client::Body;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::api_server::{ApiServer, ClientPurpose};
use super::send::without_kube_logs;
use crate::guard::outcome::RequestFailure;

/// The longest answer, in bytes. The bound is longer than any Lease, and than all events of one watch of a Lease.
const MAX_ANSWER: usize = 1 << 20;

/// The longest part of an error answer that is read, in bytes. The error answers of Kubernetes have some hundred bytes.
const MAX_ERROR: usize = 64 * 1024;

/// The longest time for which an error answer is read.
const ERROR_READ_TIME: Duration = Duration::from_millis(1500);

/// The time without any answer after which the configuration is read again, and once more after each further such time.
const RELOAD_AFTER: Duration = Duration::from_secs(10);

/// A client whose inner client is replaced when the configuration has been read again. Clones share the inner client.
#[derive(Clone)]
struct ReloadingClient {
    api_server: ApiServer,
    purpose: ClientPurpose,
    state: Arc<Mutex<ClientState>>,
}

/// The state that all clones of a client share. A mutex guards the state, because the thread that reads the configuration
/// replaces the client.
struct ClientState {
    client: Client,
    /// The moment since which requests have been sent and none was answered.
    unanswered_since: Option<Instant>,
    reload: Reload,
}

/// The state of reading the configuration again, so that no two threads read it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reload {
    Idle,
    UnderWay,
}

/// The body of an answer with its limit: a success is read as it arrives, an error is read in advance.
type BoundedBody = Either<Limited<Body>, Full<Bytes>>;

/// Opens a client for `api_server`. The client's default namespace is the one that the kubeconfig, or the
/// pod's service account, names.
///
/// # Errors
/// Returns an error if the configuration is wrong or cannot be read.
pub(super) async fn open(
    api_server: &ApiServer,
    purpose: ClientPurpose,
) -> Result<Client, RequestFailure> {
    let first = api_server.clone();
    let connected = spawn_blocking(move || connect(&first, purpose)).await;
    let client = connected.unwrap_or_else(|_| {
        Err(RequestFailure {
            cause: "kubeconfig",
            text: "reading the configuration ended without a result".to_owned(),
        })
    })?;
    let namespace = client.default_namespace().to_owned();
    let reloading = ReloadingClient {
        api_server: api_server.clone(),
        purpose,
        state: Arc::new(Mutex::new(ClientState {
            client,
            unanswered_since: None,
            reload: Reload::Idle,
        })),
    };
    let service = tower::service_fn(move |request: Request<Body>| {
        let reloading = reloading.clone();
        async move {
            let client = reloading.client().await;
            let answer = client.send(request).await?;
            // A 401 does not count as an answer: the configuration may have a new token by now.
            if answer.status() != StatusCode::UNAUTHORIZED {
                reloading.state().unanswered_since = None;
            }
            Ok::<_, kube::Error>(bounded(answer).await)
        }
    });
    Ok(Client::new(service, namespace))
}

/// Connects on a thread that may be blocked: a file may be a pipe, and a credential plugin takes its time.
fn connect(api_server: &ApiServer, purpose: ClientPurpose) -> Result<Client, RequestFailure> {
    Handle::current().block_on(without_kube_logs(api_server.connect(purpose)))
}

/// Returns `answer` with a body of limited length. Of an error answer only the beginning is kept.
async fn bounded(answer: Response<Body>) -> Response<BoundedBody> {
    let (head, body) = answer.into_parts();
    let body = if head.status.is_success() {
        Either::Left(Limited::new(body, MAX_ANSWER))
    } else {
        Either::Right(Full::new(beginning(body).await))
    };
    Response::from_parts(head, body)
}

/// Returns the beginning of `body`, as far as it arrives in time and fits.
async fn beginning(body: Body) -> Bytes {
    let mut text = Vec::new();
    let read = async {
        let mut body = pin!(body);
        while let Some(Ok(frame)) = body.frame().await {
            let data = frame.data_ref().map_or(&b""[..], |data| data);
            let room = MAX_ERROR - text.len();
            text.extend_from_slice(&data[..data.len().min(room)]);
            if text.len() == MAX_ERROR {
                break;
            }
        }
    };
    // After the time is up, the part that has arrived is used.
    timeout(ERROR_READ_TIME, read).await.ok();
    // kube accepts only valid UTF-8, and the cut may have split the last character.
    String::from_utf8_lossy(&text).into_owned().into()
}

// === impl ReloadingClient ===

impl ReloadingClient {
    /// Returns the client for the next request. The client is a new one if the configuration was due to be read again and could
    /// be read.
    async fn client(&self) -> Client {
        if self.is_reload_due(Instant::now()) && self.begin_reload() {
            let reloading = self.clone();
            // The reading goes on even if the request that began it is dropped. No second reading begins before the first has
            // ended.
            let reload = spawn_blocking(move || {
                let connected = connect(&reloading.api_server, reloading.purpose);
                let mut state = reloading.state();
                state.reload = Reload::Idle;
                // After an error the old client stays. The file may be half written, and is read again next time.
                if let Ok(client) = connected {
                    state.client = client;
                }
            });
            reload.await.ok();
        }
        self.state().client.clone()
    }

    /// Returns true if the configuration is to be read again. Also notes that a request is about to be sent.
    fn is_reload_due(&self, now: Instant) -> bool {
        let mut state = self.state();
        let since = *state.unanswered_since.get_or_insert(now);
        let due = now.duration_since(since) >= RELOAD_AFTER;
        if due {
            state.unanswered_since = Some(now);
        }
        due
    }

    fn begin_reload(&self) -> bool {
        let mut state = self.state();
        let begins = state.reload == Reload::Idle;
        state.reload = Reload::UnderWay;
        begins
    }

    fn state(&self) -> MutexGuard<'_, ClientState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
