//! A listener that speaks as much of Kafka's protocol as metadata needs.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};

const API_VERSIONS: i16 = 18;
const METADATA: i16 = 3;

/// The listener.
pub(super) struct Broker {
    pub(super) servers: String,
    /// True where connections that are made from now on get no answer.
    ignores_new: Arc<AtomicBool>,
    accepted: Receiver<Connection>,
}

/// A connection of a client.
pub(super) struct Connection {
    stream: TcpStream,
    ended: Arc<AtomicBool>,
}

// === impl Broker ===

impl Broker {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, accepted) = channel();
        let ignores_new = Arc::<AtomicBool>::default();
        let ignoring = Arc::clone(&ignores_new);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let ended = Arc::<AtomicBool>::default();
                let connection = Connection {
                    stream: stream.try_clone().unwrap(),
                    ended: Arc::clone(&ended),
                };
                sender.send(connection).ok();
                let port = if ignoring.load(Ordering::SeqCst) {
                    None
                } else {
                    Some(address.port())
                };
                std::thread::spawn(move || {
                    while answer(&mut stream, port).is_some() {}
                    ended.store(true, Ordering::SeqCst);
                });
            }
        });
        Self {
            servers: address.to_string(),
            ignores_new,
            accepted,
        }
    }

    /// Gives no answer on connections that are made from now on.
    pub(super) fn ignore_new_connections(&self) {
        self.ignores_new.store(true, Ordering::SeqCst);
    }

    /// The connections since the last call.
    pub(super) fn take_connections(&self) -> Vec<Connection> {
        self.accepted.try_iter().collect()
    }
}

// === impl Connection ===

impl Connection {
    /// True where one of both sides has ended the connection.
    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Ends the connection from the side of the broker.
    pub(super) fn end(&self) {
        self.stream.shutdown(Shutdown::Both).ok();
    }
}

/// Reads a request and answers it, as the broker at this port. Without a port there is no answer. `None` at the end.
fn answer(stream: &mut TcpStream, port: Option<u16>) -> Option<()> {
    let mut size = [0; 4];
    stream.read_exact(&mut size).ok()?;
    let mut request = vec![0; usize::try_from(u32::from_be_bytes(size)).unwrap()];
    stream.read_exact(&mut request).ok()?;
    let Some(port) = port else {
        return Some(());
    };
    let kind = i16::from_be_bytes(request[..2].try_into().unwrap());
    let body = match kind {
        API_VERSIONS => versions(),
        METADATA => metadata(port),
        other => panic!("request {other}"),
    };
    let size = u32::try_from(4 + body.len()).unwrap().to_be_bytes();
    let answer = [&size, &request[4..8], &body[..]].concat();
    stream.write_all(&answer).ok()
}

/// An answer to `ApiVersions` of version 3.
fn versions() -> Vec<u8> {
    let mut body = vec![0, 0, 3];
    for (api, newest) in [(API_VERSIONS, 3_i16), (METADATA, 1)] {
        body.extend(api.to_be_bytes());
        body.extend([0, 0]);
        body.extend(newest.to_be_bytes());
        body.push(0);
    }
    body.extend([0; 5]);
    body
}

/// An answer to `Metadata` of version 1: this broker, and no topic.
fn metadata(port: u16) -> Vec<u8> {
    let host = b"127.0.0.1";
    let mut body = vec![0, 0, 0, 1];
    body.extend(1_i32.to_be_bytes());
    body.extend(i16::try_from(host.len()).unwrap().to_be_bytes());
    body.extend(host);
    body.extend(i32::from(port).to_be_bytes());
    body.extend((-1_i16).to_be_bytes());
    body.extend(1_i32.to_be_bytes());
    body.extend([0; 4]);
    body
}
