use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::serve::{HEAD_TIMEOUT, ServerLimits, serve_with_limits};
use super::*;
use crate::web::Access;

const ANY_PORT: &str = "127.0.0.1:0";
const GRACE: Duration = Duration::from_millis(200);

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = bind(ANY_PORT.parse().unwrap(), "key").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Returns the answer of `/`, or the error with which the connection breaks.
async fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_the_address_the_key_and_the_remedy() {
    let (_held, address) = listener().await;
    let error = bind(address, "exporter.http_port").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on {address} (exporter.http_port): \
             another process listens there; stop it, or set another port"
        )
    );
}

#[tokio::test]
async fn an_address_of_another_machine_is_an_error_that_says_so() {
    let error = bind("192.0.2.1:0".parse().unwrap(), "exporter.http_host")
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("this machine does not have that address"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_that_has_begun_is_finished_after_shutdown() {
    let (listener, address) = listener().await;
    let shutdown = CancellationToken::new();
    let ends = shutdown.clone();
    let slow = || async move {
        ends.cancel();
        tokio::task::yield_now().await;
        "finished"
    };
    let router = Router::new().route("/", get(slow));
    let served = serve(listener, router, Access::Everybody, shutdown, GRACE);
    let (served, answer) = tokio::join!(served, ask(address));
    served.unwrap();
    assert!(answer.unwrap().ends_with("finished"));
}

#[tokio::test]
async fn an_answer_that_never_ends_is_left_behind_when_the_grace_is_over() {
    let (listener, address) = listener().await;
    let shutdown = CancellationToken::new();
    let ends = shutdown.clone();
    let endless = || async move {
        ends.cancel();
        std::future::pending::<()>().await;
    };
    let router = Router::new().route("/", get(endless));
    let served = serve(listener, router, Access::Everybody, shutdown.clone(), GRACE);
    let client = async {
        tokio::select! { biased;
        answer = ask(address) => panic!("{answer:?}"),
        () = shutdown.cancelled() => {} }
    };
    let (served, ()) = tokio::join!(served, client);
    served.unwrap();
}

/// Returns a server with room for four connections, and the token that ends it.
async fn small(router: Router) -> (SocketAddr, impl Future<Output = ()>, CancellationToken) {
    let (listener, address) = listener().await;
    let shutdown = CancellationToken::new();
    let limits = ServerLimits {
        connections: 4,
        grace: GRACE,
    };
    let served = serve_with_limits(
        listener,
        router,
        Access::Everybody,
        shutdown.clone(),
        limits,
    );
    (address, async { served.await.unwrap() }, shutdown)
}

/// Opens `n` connections and sends the beginning of a request on each.
async fn half_open(address: SocketAddr, n: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..n {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nho").await.unwrap();
        streams.push(stream);
    }
    streams
}

/// Runs `client` while the server runs, then ends the server. Returns the result of `client`.
async fn during<T>(
    served: impl Future<Output = ()>,
    shutdown: CancellationToken,
    client: impl Future<Output = T>,
) -> T {
    let client = async {
        let seen = client.await;
        shutdown.cancel();
        seen
    };
    tokio::join!(served, client).1
}

#[tokio::test]
async fn a_client_that_holds_every_connection_keeps_no_other_from_being_answered() {
    let (address, served, shutdown) =
        small(Router::new().route("/", get(|| async { "here" }))).await;
    let client = async {
        let held = half_open(address, 20).await;
        let began = Instant::now();
        let answer = ask(address).await.unwrap();
        assert!(began.elapsed() < HEAD_TIMEOUT / 2, "{:?}", began.elapsed());
        drop(held);
        answer
    };
    let answer = during(served, shutdown, client).await;
    assert!(answer.ends_with("here"), "{answer}");
}

#[tokio::test]
async fn a_connection_that_waits_for_its_client_is_closed_before_one_that_is_being_answered() {
    let (began, mut begun) = mpsc::unbounded_channel();
    let (end, ends) = tokio::sync::watch::channel(());
    let held_back = move || {
        let (began, mut ends) = (began.clone(), ends.clone());
        async move {
            began.send(()).unwrap();
            ends.changed().await.unwrap();
            "at last"
        }
    };
    let (address, served, shutdown) = small(Router::new().route("/", get(held_back))).await;
    let client = async {
        let flood = async {
            begun.recv().await.unwrap();
            let mut streams = half_open(address, 20).await;
            // The first of these connections is closed before the last is accepted.
            let mut nothing = [0; 1];
            assert!(!matches!(streams[0].read(&mut nothing).await, Ok(1..)));
            end.send_replace(());
        };
        tokio::join!(ask(address), flood).0.unwrap()
    };
    let answer = during(served, shutdown, client).await;
    assert!(answer.ends_with("at last"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_no_request_comes_is_closed() {
    let (address, served, shutdown) = small(Router::new()).await;
    let client = async {
        let began = Instant::now();
        let mut streams = half_open(address, 1).await;
        streams.push(TcpStream::connect(address).await.unwrap());
        for stream in &mut streams {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
        }
        began.elapsed()
    };
    let took = during(served, shutdown, client).await;
    assert!((HEAD_TIMEOUT..2 * HEAD_TIMEOUT).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_take_longer_than_a_request() {
    let slow = || async {
        tokio::time::sleep(3 * HEAD_TIMEOUT).await;
        "at last"
    };
    let (address, served, shutdown) = small(Router::new().route("/", get(slow))).await;
    let answer = during(served, shutdown, ask(address)).await;
    assert!(answer.unwrap().ends_with("at last"));
}

#[tokio::test(start_paused = true)]
async fn connections_without_a_request_do_not_hold_up_the_end() {
    let (address, served, shutdown) = small(Router::new().route("/", get(|| async {}))).await;
    let client = async {
        let fresh = TcpStream::connect(address).await.unwrap();
        let mut kept = TcpStream::connect(address).await.unwrap();
        kept.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            .await
            .unwrap();
        kept.read_u8().await.unwrap();
        (fresh, kept, Instant::now())
    };
    let (_fresh, _kept, began) = during(served, shutdown, client).await;
    assert!(began.elapsed() < GRACE, "{:?}", began.elapsed());
}

/// The body of an answer that never ends and always has data ready.
struct Endless;

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = Bytes::from(vec![0; 64 * 1024]);
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }
}

#[tokio::test]
async fn endless_answers_read_or_not_keep_neither_others_nor_the_end_waiting() {
    let endless = get(|| async { Body::new(Endless) });
    let router = Router::new().route("/endless", endless);
    let (address, served, shutdown) = small(router.route("/", get(|| async { "here" }))).await;
    let client = async {
        let mut streams = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = b"GET /endless HTTP/1.1\r\nhost: test\r\n\r\n";
            stream.write_all(request).await.unwrap();
            stream.read_u8().await.unwrap();
            streams.push(stream);
        }
        let mut read = streams.pop().unwrap();
        let mut nowhere = tokio::io::sink();
        let answer = tokio::select! {
            copied = tokio::io::copy(&mut read, &mut nowhere) => panic!("{copied:?}"),
            answer = ask(address) => answer.unwrap(),
        };
        (streams, read, answer, Instant::now())
    };
    let (_unread, _read, answer, began) = during(served, shutdown, client).await;
    assert!(answer.ends_with("here"), "{answer}");
    assert!(began.elapsed() < 2 * GRACE, "{:?}", began.elapsed());
}
