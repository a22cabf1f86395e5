//! A listener that speaks as much of Kafka's protocol as a login needs.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

const API_VERSIONS: i16 = 18;
const SASL_HANDSHAKE: i16 = 17;
const SASL_AUTHENTICATE: i16 = 36;

/// The answer of Kafka's broker to a token that it refuses.
const REFUSAL: &[u8] = b"{\"status\":\"invalid_token\"}";

/// Reads a request: its API key, its correlation id and the rest of it; `None` where the client has closed the connection.
fn read_request(stream: &mut TcpStream) -> Option<(i16, [u8; 4], Vec<u8>)> {
    let mut size = [0; 4];
    stream.read_exact(&mut size).ok()?;
    let mut request = vec![0; usize::try_from(u32::from_be_bytes(size)).unwrap()];
    stream.read_exact(&mut request).ok()?;
    let kind = i16::from_be_bytes(request[..2].try_into().unwrap());
    let correlation = request[4..8].try_into().unwrap();
    Some((kind, correlation, request.split_off(8)))
}

fn answer_to(kind: i16, n_logins: usize) -> Vec<u8> {
    match kind {
        API_VERSIONS => {
            let mut body = vec![0, 0, 4];
            for (api, newest) in [
                (API_VERSIONS, 3_i16),
                (SASL_HANDSHAKE, 1),
                (SASL_AUTHENTICATE, 0),
            ] {
                body.extend(api.to_be_bytes());
                body.extend([0, 0]);
                body.extend(newest.to_be_bytes());
                body.push(0);
            }
            body.extend([0; 5]);
            body
        }
        SASL_HANDSHAKE => [&[0, 0, 0, 0, 0, 1, 0, 11], &b"OAUTHBEARER"[..]].concat(),
        // Kafka sends the refusal first as a challenge, and then, after the client's answer, as an error.
        SASL_AUTHENTICATE if n_logins % 2 == 1 => {
            [&[0, 0, 0xff, 0xff, 0, 0, 0, 26], REFUSAL].concat()
        }
        SASL_AUTHENTICATE => [&[0, 58, 0, 26], REFUSAL, &[0; 4]].concat(),
        other => panic!("request {other}"),
    }
}

/// Starts a broker that refuses every token; returns its address, and a receiver of the logins that it has seen.
pub(in crate::kafka) fn broker() -> (String, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let servers = listener.local_addr().unwrap().to_string();
    let (sender, logins) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, sender) = (stream.unwrap(), sender.clone());
            std::thread::spawn(move || {
                let mut n_logins = 0;
                while let Some((kind, correlation, rest)) = read_request(&mut stream) {
                    if kind == SASL_AUTHENTICATE {
                        n_logins += 1;
                        sender.send(rest).ok();
                    }
                    let body = answer_to(kind, n_logins);
                    let size = u32::try_from(4 + body.len()).unwrap().to_be_bytes();
                    stream
                        .write_all(&[&size, &correlation, &body[..]].concat())
                        .ok();
                }
            });
        }
    });
    (servers, logins)
}
