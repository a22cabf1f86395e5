//! One connection through a TCP proxy, whose bytes are passed on, delayed or kept as the proxy's fault demands.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::{self, Instant};

use super::tcp_proxy::TcpFault;

/// The number of pieces, of at most 64 KiB, that are kept in each direction. Then nothing more is read, and TCP makes the sender
/// wait, as on a network.
const ROOM: usize = 64;

#[derive(Clone, Copy, Debug)]
enum Direction {
    Requests,
    Answers,
}

/// Connects to `to` and copies both directions until one ends. The connections are then reset, so that a peer that still sends gets
/// an error.
pub(super) async fn run(from: TcpStream, to: SocketAddr, faults: watch::Receiver<TcpFault>) {
    let Ok(to) = TcpStream::connect(to).await else {
        return;
    };
    for stream in [&from, &to] {
        // Failures are ignored: without these options a connection is slower, or closes without a reset.
        stream.set_nodelay(true).ok();
        stream.set_zero_linger().ok();
    }
    let (client_read, client_write) = from.into_split();
    let (server_read, server_write) = to.into_split();
    tokio::select! {
        _ = pass(Direction::Requests, (client_read, server_write), faults.clone()) => {}
        _ = pass(Direction::Answers, (server_read, client_write), faults) => {}
    }
}

async fn pass(
    direction: Direction,
    (mut read, mut write): (OwnedReadHalf, OwnedWriteHalf),
    mut faults: watch::Receiver<TcpFault>,
) -> io::Result<()> {
    let mut kept: VecDeque<(Instant, Bytes)> = VecDeque::new();
    let mut ended = false;
    loop {
        let due = match delay(*faults.borrow_and_update(), direction) {
            Some(delay) => kept.front().map(|(arrived, _)| *arrived + delay),
            None => None,
        };
        if ended && kept.is_empty() {
            return Ok(());
        }
        tokio::select! { biased;
            changed = faults.changed() => changed.map_err(io::Error::other)?,
            () = until(due) => {
                if let Some((_, bytes)) = kept.pop_front() {
                    write.write_all(&bytes).await?;
                }
            }
            heard = read_some(&mut read), if !ended && kept.len() < ROOM => match heard? {
                Some(bytes) => kept.push_back((Instant::now(), bytes)),
                None => ended = true,
            }
        }
    }
}

/// Returns the delay of bytes in this direction; `None` if they are kept until the fault is over.
fn delay(fault: TcpFault, direction: Direction) -> Option<Duration> {
    match (fault, direction) {
        (TcpFault::Delay(delay), _) => Some(delay),
        (TcpFault::Pass, _)
        | (TcpFault::DropAnswers, Direction::Requests)
        | (TcpFault::DropRequests, Direction::Answers) => Some(Duration::ZERO),
        (TcpFault::Refuse | TcpFault::Drop, _)
        | (TcpFault::DropAnswers, Direction::Answers)
        | (TcpFault::DropRequests, Direction::Requests) => None,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) if due <= Instant::now() => {}
        Some(due) => time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

async fn read_some(read: &mut OwnedReadHalf) -> io::Result<Option<Bytes>> {
    let mut bytes = vec![0; 64 << 10];
    let n = read.read(&mut bytes).await?;
    bytes.truncate(n);
    Ok((n > 0).then(|| bytes.into()))
}
