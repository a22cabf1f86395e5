//! A client whose configuration is read again while nothing gets through: whoever corrects the kubeconfig, or renews the cluster's
//! authority, need not restart this process. Whatever answers is read no further than an answer about a Lease can be long.

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

use super::cluster::{Cluster, Purpose};
use super::exchange::quietly;
use crate::guard::troubles::Failure;

/// Bytes of the longest answer: more than any Lease has, or all events of one watch of it.
const LONGEST: usize = 1 << 20;

/// Bytes that are read of an answer with an error. What Kubernetes says about one has some hundred.
const LONGEST_ERROR: usize = 64 * 1024;

/// How long an answer with an error is read.
const READING: Duration = Duration::from_millis(1500);

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
    reading: Reading,
}

/// Whether the configuration is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    No,
    UnderWay,
}

/// What is left of an answer's body.
type Bounded = Either<Limited<Body>, Full<Bytes>>;

/// A client for `cluster`, for `namespace` where a request names none.
///
/// # Errors
/// What is wrong with the configuration.
pub(super) async fn open(cluster: &Cluster, purpose: Purpose) -> Result<Client, Failure> {
    let first = cluster.clone();
    let read = spawn_blocking(move || connect(&first, purpose)).await;
    let client = read.unwrap_or_else(|_| {
        Err(Failure {
            cause: "kubeconfig",
            text: "reading the configuration ended without a result".to_owned(),
        })
    })?;
    let namespace = client.default_namespace().to_owned();
    let line = Line {
        cluster: cluster.clone(),
        purpose,
        state: Arc::new(Mutex::new(State {
            client,
            unanswered: None,
            reading: Reading::No,
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
            Ok::<_, kube::Error>(bounded(answer).await)
        }
    });
    Ok(Client::new(service, namespace))
}

/// Connects on a thread that may be blocked: files may be pipes, and credential plugins take their time.
fn connect(cluster: &Cluster, purpose: Purpose) -> Result<Client, Failure> {
    Handle::current().block_on(quietly(cluster.connect(purpose)))
}

/// `answer` with a body that has an end. Of one with an error the beginning is enough; what says no more is not lost with it.
async fn bounded(answer: Response<Body>) -> Response<Bounded> {
    let (head, body) = answer.into_parts();
    let body = if head.status.is_success() {
        Either::Left(Limited::new(body, LONGEST))
    } else {
        Either::Right(Full::new(beginning(body).await))
    };
    Response::from_parts(head, body)
}

async fn beginning(body: Body) -> Bytes {
    let mut text = Vec::new();
    let read = async {
        let mut body = pin!(body);
        while let Some(Ok(frame)) = body.frame().await {
            let data = frame.data_ref().map_or(&b""[..], |data| data);
            let room = LONGEST_ERROR - text.len();
            text.extend_from_slice(&data[..data.len().min(room)]);
            if text.len() == LONGEST_ERROR {
                break;
            }
        }
    };
    // What has come until then is the answer.
    timeout(READING, read).await.ok();
    // kube takes text only, and the last letter may be cut.
    String::from_utf8_lossy(&text).into_owned().into()
}

// === impl Line ===

impl Line {
    /// A client for the next request.
    async fn client(&self) -> Client {
        if self.is_dead(Instant::now()) && self.begin_reading() {
            let line = self.clone();
            // It goes on where nobody waits for the request any more, and is not begun again before its end.
            let read = spawn_blocking(move || {
                let connected = connect(&line.cluster, line.purpose);
                let mut state = line.state();
                state.reading = Reading::No;
                // A file that is being written is read again next time.
                if let Ok(client) = connected {
                    state.client = client;
                }
            });
            read.await.ok();
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

    fn begin_reading(&self) -> bool {
        let mut state = self.state();
        let begins = state.reading == Reading::No;
        state.reading = Reading::UnderWay;
        begins
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
