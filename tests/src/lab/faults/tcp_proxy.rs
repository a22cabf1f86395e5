//! A TCP proxy with the faults that a network has.
//!
//! Bytes that do not pass are kept, and delivered when the fault is over, as TCP would deliver them by retransmission. So a request
//! can arrive long after its sender gave up waiting for the answer. Only [`TcpFault::Refuse`] throws bytes away.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::connection;
use crate::lab::ports;

/// The fault of a TCP proxy, for all of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpFault {
    /// Connections are made, and bytes pass without delay: no fault.
    Pass,
    /// Open connections are reset, and new ones are refused.
    Refuse,
    /// Bytes pass in neither direction, and attempts to connect get no answer. Open connections stay open.
    Drop,
    /// Connections are made and requests pass; answers do not.
    DropAnswers,
    /// Connections are made and answers pass; requests do not.
    DropRequests,
    /// Connections are made, and bytes pass with this delay in each direction.
    Delay(Duration),
}

/// A port of loopback whose connections lead to another port. All of them are reset, and the port is closed, when dropped.
#[derive(Debug)]
pub struct TcpProxy {
    port: u16,
    fault: watch::Sender<TcpFault>,
    task: AbortHandle,
}

// === impl TcpProxy ===

impl TcpProxy {
    /// Opens a proxy that leads to the port `to` of loopback, without a fault. The proxy runs on `runtime`.
    pub fn open(runtime: &Handle, to: u16) -> Result<Self> {
        let _guard = runtime.enter();
        let (port, listener) = listen_on_free_port()?;
        let (fault, faults) = watch::channel(TcpFault::Pass);
        let task = runtime.spawn(async move {
            if let Err(error) = serve(listener, (port, to), faults).await {
                tracing::error!(port, %error, "TCP proxy failed");
            }
        });
        let task = task.abort_handle();
        Ok(Self { port, fault, task })
    }

    /// Returns the port on which the proxy listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets the fault of all connections, including those that are open.
    pub fn set(&self, fault: TcpFault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into()
}

fn bound_socket(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address(port))?;
    Ok(socket)
}

fn listen(port: u16) -> io::Result<TcpListener> {
    bound_socket(port)?.listen(1024)
}

/// Listens on a port from [`ports::free_ports`]. The kernel gives such a port to no outgoing connection, so it stays free while a
/// fault keeps the proxy from listening.
fn listen_on_free_port() -> Result<(u16, TcpListener)> {
    loop {
        let [port] = ports::free_ports()?;
        match listen(port) {
            Ok(listener) => return Ok((port, listener)),
            // A process outside of the lab took the port after it was found free, so another port is tried.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error.into()),
        }
    }
}

async fn serve(
    listener: TcpListener,
    (port, to): (u16, u16),
    mut faults: watch::Receiver<TcpFault>,
) -> io::Result<()> {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        let fault = *faults.borrow_and_update();
        match fault {
            TcpFault::Refuse => {
                listener = None;
                // An aborted task drops its sockets, which resets their connections.
                connections.abort_all();
                faults.changed().await.map_err(io::Error::other)?;
            }
            TcpFault::Drop => {
                listener = None;
                let full = FullListener::at(port).await?;
                faults.changed().await.map_err(io::Error::other)?;
                drop(full);
            }
            TcpFault::Pass
            | TcpFault::DropAnswers
            | TcpFault::DropRequests
            | TcpFault::Delay(_) => {
                let open = match listener.take() {
                    Some(open) => open,
                    None => listen(port)?,
                };
                tokio::select! { biased;
                    changed = faults.changed() => changed.map_err(io::Error::other)?,
                    accepted = open.accept() => {
                        let (from, _) = accepted?;
                        connections.spawn(connection::run(from, address(to), faults.clone()));
                    }
                }
                listener = Some(open);
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// A listener whose queue of connections is full: the kernel drops every attempt to connect without an answer.
struct FullListener {
    _listener: TcpListener,
    _waiting: JoinSet<Option<TcpStream>>,
}

// === impl FullListener ===

impl FullListener {
    async fn at(port: u16) -> io::Result<Self> {
        let listener = bound_socket(port)?.listen(1)?;
        let mut waiting = JoinSet::new();
        let made = Arc::new(tokio::sync::Semaphore::new(0));
        for _ in 0..4 {
            let made = Arc::clone(&made);
            waiting.spawn(async move {
                let stream = TcpStream::connect(address(port)).await.ok()?;
                made.add_permits(1);
                // The connection is held open, so that the listener's queue stays full until `FullListener` is dropped.
                std::future::pending::<()>().await;
                Some(stream)
            });
        }
        // Linux queues one connection more than the backlog of one, so the queue is full after two.
        made.acquire_many(2)
            .await
            .map_err(io::Error::other)?
            .forget();
        Ok(Self {
            _listener: listener,
            _waiting: waiting,
        })
    }
}
