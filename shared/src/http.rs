//! Serving HTTP: a listener whose errors say what to do, and a server that bounds its connections and ends in bounded time.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

mod connection;
mod connections;
mod serve;
#[cfg(test)]
mod tests;

pub use serve::serve;

/// The error for an address on which the program cannot listen. The message names the address, the key and what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({key}): {}", remedy(.source))]
pub struct BindError {
    address: SocketAddr,
    key: &'static str,
    source: io::Error,
}

/// Listens on `address`, which the configuration has under `key`. Port 0 takes any free port.
///
/// # Errors
/// Returns an error if the port is taken or needs a privilege, or the address is not one of this machine.
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
