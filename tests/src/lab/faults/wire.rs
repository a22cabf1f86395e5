//! One connection through a door.

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

use super::door::Way;

/// More than this is not kept; the sender has to wait, as for a network's.
const ROOM: usize = 64;

#[derive(Clone, Copy, Debug)]
enum Direction {
    Requests,
    Answers,
}

/// Both directions until one ends; the connection is reset then, for whoever still has something to say.
pub(super) async fn run(from: TcpStream, to: SocketAddr, ways: watch::Receiver<Way>) {
    let Ok(to) = TcpStream::connect(to).await else {
        return;
    };
    for stream in [&from, &to] {
        // A socket that refuses an option is merely slower, or closes politely.
        stream.set_nodelay(true).ok();
        stream.set_zero_linger().ok();
    }
    let (client_read, client_write) = from.into_split();
    let (server_read, server_write) = to.into_split();
    tokio::select! {
        _ = pass(Direction::Requests, (client_read, server_write), ways.clone()) => {}
        _ = pass(Direction::Answers, (server_read, client_write), ways) => {}
    }
}

async fn pass(
    direction: Direction,
    (mut read, mut write): (OwnedReadHalf, OwnedWriteHalf),
    mut ways: watch::Receiver<Way>,
) -> io::Result<()> {
    let mut kept: VecDeque<(Instant, Bytes)> = VecDeque::new();
    let mut ended = false;
    loop {
        let due = match delay(*ways.borrow_and_update(), direction) {
            Some(delay) => kept.front().map(|(arrived, _)| *arrived + delay),
            None => None,
        };
        if ended && kept.is_empty() {
            return Ok(());
        }
        tokio::select! { biased;
            changed = ways.changed() => changed.map_err(io::Error::other)?,
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

/// How late bytes pass in this direction; `None` if they do not.
fn delay(way: Way, direction: Direction) -> Option<Duration> {
    match (way, direction) {
        (Way::Delay(delay), _) => Some(delay),
        (Way::Pass, _)
        | (Way::DropAnswers, Direction::Requests)
        | (Way::DropRequests, Direction::Answers) => Some(Duration::ZERO),
        (Way::Refuse | Way::Drop, _)
        | (Way::DropAnswers, Direction::Answers)
        | (Way::DropRequests, Direction::Requests) => None,
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
