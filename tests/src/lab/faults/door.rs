//! A TCP proxy that can be shut in every way a network is.
//!
//! What is lost is kept and delivered when the way is free again, as TCP would by sending it anew; so a request can arrive long
//! after its sender has given it up.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::wire;
use crate::lab::place;

/// What a door does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Everything passes.
    Pass,
    /// Connections are reset, and new ones refused.
    Refuse,
    /// Nothing passes, not even the attempt to connect.
    Drop,
    /// Connections are made and requests pass; answers do not.
    DropAnswers,
    /// Connections are made and answers pass; requests do not.
    DropRequests,
    /// Everything passes, this much later in each direction.
    Delay(Duration),
}

/// A port of loopback that leads to another one; closed when dropped.
#[derive(Debug)]
pub struct Door {
    port: u16,
    way: watch::Sender<Way>,
    task: AbortHandle,
}

// === impl Door ===

impl Door {
    /// Opens one that leads to `to`.
    pub fn open(runtime: &Handle, to: u16) -> Result<Self> {
        let _guard = runtime.enter();
        let (port, listener) = listen_anywhere()?;
        let (way, ways) = watch::channel(Way::Pass);
        let task = runtime.spawn(async move {
            if let Err(error) = keep(listener, (port, to), ways).await {
                tracing::error!(port, %error, "Door failed");
            }
        });
        let task = task.abort_handle();
        Ok(Self { port, way, task })
    }

    /// Where it is.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on it does this.
    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into()
}

fn bound(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address(port))?;
    Ok(socket)
}

fn listen(port: u16) -> io::Result<TcpListener> {
    bound(port)?.listen(1024)
}

/// On a port that stays this door's own when it is shut for a while.
fn listen_anywhere() -> Result<(u16, TcpListener)> {
    loop {
        let [port] = place::free_ports()?;
        match listen(port) {
            Ok(listener) => return Ok((port, listener)),
            // Another lab on this machine was quicker.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error.into()),
        }
    }
}

async fn keep(
    listener: TcpListener,
    (port, to): (u16, u16),
    mut ways: watch::Receiver<Way>,
) -> io::Result<()> {
    let mut listener = Some(listener);
    let mut wires = JoinSet::new();
    loop {
        let way = *ways.borrow_and_update();
        match way {
            Way::Refuse => {
                listener = None;
                // Each resets its connection when it ends.
                wires.abort_all();
                ways.changed().await.map_err(io::Error::other)?;
            }
            Way::Drop => {
                listener = None;
                let full = Full::at(port).await?;
                ways.changed().await.map_err(io::Error::other)?;
                drop(full);
            }
            Way::Pass | Way::DropAnswers | Way::DropRequests | Way::Delay(_) => {
                let open = match listener.take() {
                    Some(open) => open,
                    None => listen(port)?,
                };
                tokio::select! { biased;
                    changed = ways.changed() => changed.map_err(io::Error::other)?,
                    accepted = open.accept() => {
                        let (from, _) = accepted?;
                        wires.spawn(wire::run(from, address(to), ways.clone()));
                    }
                }
                listener = Some(open);
            }
        }
        while wires.try_join_next().is_some() {}
    }
}

/// A listener with no room for a connection: the kernel drops every attempt in silence.
struct Full {
    _listener: TcpListener,
    _waiting: JoinSet<Option<TcpStream>>,
}

// === impl Full ===

impl Full {
    async fn at(port: u16) -> io::Result<Self> {
        let listener = bound(port)?.listen(1)?;
        let mut waiting = JoinSet::new();
        let made = Arc::new(tokio::sync::Semaphore::new(0));
        for _ in 0..4 {
            let made = Arc::clone(&made);
            waiting.spawn(async move {
                let stream = TcpStream::connect(address(port)).await.ok()?;
                made.add_permits(1);
                // Held until the way changes.
                std::future::pending::<()>().await;
                Some(stream)
            });
        }
        // A backlog of one takes two.
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
