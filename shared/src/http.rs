//! Serving HTTP: a listener that says what is wrong with its address, and a server that ends in bounded time.

use std::io;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

/// Where to listen, and which key of the configuration says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// An IP address, or a name that resolves to addresses of this machine.
    pub host: String,
    /// 0 takes any free port.
    pub port: u16,
    /// The key that a person has to change, for the error.
    pub key: &'static str,
}

/// Why an address cannot be listened on. The message names the address, the key and what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {}:{} ({}): {}", .address.host, .address.port, .address.key, remedy(.source))]
pub struct BindError {
    address: Address,
    source: io::Error,
}

/// Listens on `address`.
///
/// # Errors
/// Where the port is taken, the address is not one of this machine, or the port needs a privilege.
pub async fn bind(address: Address) -> Result<TcpListener, BindError> {
    match TcpListener::bind((address.host.as_str(), address.port)).await {
        Ok(listener) => Ok(listener),
        Err(source) => Err(BindError { address, source }),
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
