//! Two sources of leadership other than klag-exporter's elector, each as short as possible. A test sets their answers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::Result;
use tokio::sync::watch;

/// A source of leadership at `http://ADDRESS/`, which answers until the process ends.
#[derive(Debug)]
pub struct Source {
    address: SocketAddr,
    says: watch::Sender<String>,
    asked: watch::Receiver<String>,
}

/// Starts a source that gives `answer` as the value of `is_leader` in every answer.
pub fn constant(answer: &'static str) -> Result<Source> {
    Source::start(format!("{{\"is_leader\":{answer}}}"))
}

/// Starts a source that answers with the leader's name, as the classic leader-elector does. A test may change the leader.
pub fn classic(leader: &str) -> Result<Source> {
    Source::start(format!("{{\"name\":\"{leader}\"}}"))
}

// === impl Source ===

impl Source {
    fn start(body: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (says, body) = watch::channel(body);
        let (heard, asked) = watch::channel(String::new());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // An error is ignored, since a client whose request fails will ask again.
                answer(&stream, &body, &heard).ok();
            }
        });
        Ok(Self {
            address,
            says,
            asked,
        })
    }

    /// Returns the value of `source` in a collector's configuration.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Sets the body of all answers from now on.
    pub fn say(&self, body: String) {
        self.says.send_replace(body);
    }

    /// Sets the leader that the answer names, as the classic leader-elector does.
    pub fn name(&self, leader: &str) {
        self.say(format!("{{\"name\":\"{leader}\"}}"));
    }

    /// Returns the first line of the last request.
    pub fn last_request(&self) -> String {
        self.asked.borrow().clone()
    }
}

fn answer(
    mut stream: &TcpStream,
    body: &watch::Receiver<String>,
    heard: &watch::Sender<String>,
) -> Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let question = lines.next().transpose()?.unwrap_or_default();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    heard.send_replace(question);
    let body = body.borrow().clone();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    Ok(())
}
