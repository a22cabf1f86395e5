//! One connection through a TCP proxy.

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

/// The number of pieces that are kept; when there are more, the sender has to wait, as on a network.
const ROOM: usize = 64;

#[derive(Clone, Copy, Debug)]
enum Direction {
    Requests,
    Answers,
}

/// Copies both directions until one ends; then the connection is reset, so that an end that still sends gets an error.
pub(super) async fn run(from: TcpStream, to: SocketAddr, faults: watch::Receiver<TcpFault>) {
    let Ok(to) = TcpStream::connect(to).await else {
        return;
    };
    for stream in [&from, &to] {
        // A socket that refuses an option is slower, or closes without a reset.
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
            heard = hear(&mut read), if !ended && kept.len() < ROOM => match heard? {
                Some(bytes) => kept.push_back((Instant::now(), bytes)),
                None => ended = true,
            }
        }
    }
}

/// The delay of bytes in this direction; `None` if they do not pass.
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

async fn hear(read: &mut OwnedReadHalf) -> io::Result<Option<Bytes>> {
    let mut bytes = vec![0; 64 << 10];
    let n = read.read(&mut bytes).await?;
    bytes.truncate(n);
    Ok((n > 0).then(|| bytes.into()))
}
