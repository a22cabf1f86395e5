//! Serving HTTP: a listener that says what is wrong with its address, and a server that ends in bounded time.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

/// Why an address cannot be listened on. The message names the address, the key and what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({key}): {}", remedy(.source))]
pub struct BindError {
    address: SocketAddr,
    key: &'static str,
    source: io::Error,
}

/// Listens on `address`, which `key` of the configuration says; port 0 takes any free one.
///
/// # Errors
/// Where the port is taken, the address is not one of this machine, or the port needs a privilege.
pub async fn bind(address: SocketAddr, key: &'static str) -> Result<TcpListener, BindError> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(source) => Err(BindError {
            address,
            key,
            source,
        }),
    }
}

/// Serves `router` on `listener` until `shutdown`, then lets answers that have begun finish, for `grace` at most.
///
/// # Errors
/// Where the listener's own address cannot be read.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
    grace: Duration,
) -> anyhow::Result<()> {
    info!(address = %listener.local_addr()?, "Serving HTTP");
    let server = axum::serve(listener, router)
        .with_graceful_shutdown(shutdown.clone().cancelled_owned())
        .into_future();
    let time_is_up = async {
        shutdown.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! { biased;
    served = server => served?,
    () = time_is_up => debug!(?grace, "Connections left behind") }
    Ok(())
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there; stop it, or set another port",
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address; 0.0.0.0 listens on all of them"
        }
        io::ErrorKind::PermissionDenied => "this user may not take that port; set one above 1023",
        _ => "set an address of this machine, such as 0.0.0.0, and a free port",
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    const ANY_PORT: &str = "127.0.0.1:0";
    const GRACE: Duration = Duration::from_millis(200);

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = bind(ANY_PORT.parse().unwrap(), "key").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// What `/` answers, or where the connection breaks.
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
        let served = serve(listener, router, shutdown, GRACE);
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
        let served = serve(listener, router, shutdown.clone(), GRACE);
        let client = async {
            tokio::select! { biased;
            answer = ask(address) => panic!("{answer:?}"),
            () = shutdown.cancelled() => {} }
        };
        let (served, ()) = tokio::join!(served, client);
        served.unwrap();
    }
}
