//! Serving HTTP: a listener that says what is wrong with its address, and a server that answers in a crowd and ends in bounded
//! time.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

mod connections;
mod serve;
#[cfg(test)]
mod tests;

pub use serve::serve;

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
