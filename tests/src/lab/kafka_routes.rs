//! The routes from one pod to the brokers: proxies that pass everything on, and record when requests arrive.
//!
//! On a busy machine a proxy reads bytes later than they arrived. The kernel knows how long ago that was, so an arrival is recorded
//! as the span from the arrival by the kernel's clock to the moment at which the bytes were read.

use std::io;
use std::mem;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::lab::history::Span;
use crate::lab::kafka::ProxiedListener;
use crate::lab::ports;

/// The step of the kernel's clock by which it tells the age of bytes, at most: that of 100 ticks in a second.
const TICK: Duration = Duration::from_millis(10);

/// The proxies of one pod, one in front of each broker, on a thread of their own until dropped.
#[derive(Debug)]
pub struct KafkaRoutes {
    listeners: Vec<ProxiedListener>,
    arrivals: watch::Sender<Vec<Span>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl KafkaRoutes ===

impl KafkaRoutes {
    /// Opens a proxy for each of `n_brokers` brokers, which need not run yet.
    pub fn open(n_brokers: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut open = Vec::new();
        let mut listeners = Vec::new();
        for _ in 0..n_brokers {
            let [port, proxy] = ports::free_ports()?;
            listeners.push(ProxiedListener { port, proxy });
            open.push((runtime.block_on(listen(proxy))?, port));
        }
        let arrivals = watch::Sender::new(Vec::new());
        let recorded = arrivals.clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let mut proxies = JoinSet::new();
                for (listener, port) in open {
                    proxies.spawn(serve(listener, port, recorded.clone()));
                }
                // The sender is dropped to stop this thread; a value is never sent.
                stopped.await.ok();
            });
        });
        Ok(Self {
            listeners,
            arrivals,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Returns the listeners that the brokers must have, in the order of the brokers.
    pub fn listeners(&self) -> &[ProxiedListener] {
        &self.listeners
    }

    /// Returns the addresses of the proxies, as `bootstrap.servers` takes them.
    pub fn bootstrap(&self) -> String {
        let addresses = self.listeners.iter();
        let addresses = addresses.map(|listener| format!("127.0.0.1:{}", listener.proxy));
        addresses.collect::<Vec<_>>().join(",")
    }

    /// Forgets the arrivals before `before`, so that a long run does not keep them.
    pub fn forget(&self, before: Instant) {
        self.arrivals
            .send_modify(|arrivals| arrivals.retain(|span| span.to >= before));
    }

    /// Returns the arrivals since `since`, in the order in which they were read.
    pub fn arrivals_since(&self, since: Instant) -> Vec<Span> {
        let arrivals = self.arrivals.borrow();
        let first = arrivals.partition_point(|span| span.to < since);
        arrivals[first..].to_vec()
    }
}

impl Drop for KafkaRoutes {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // An error means that the thread panicked, which the panic hook has printed.
            thread.join().ok();
        }
    }
}

async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

async fn serve(listener: TcpListener, to: u16, recorded: watch::Sender<Vec<Span>>) {
    let mut connections = JoinSet::new();
    loop {
        // An error of one connection attempt concerns that attempt alone.
        if let Ok((from, _)) = listener.accept().await {
            connections.spawn(pass(from, to, recorded.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Copies both directions until one ends. The connections are then reset, so that a peer that still sends gets an error.
async fn pass(from: TcpStream, to: u16, recorded: watch::Sender<Vec<Span>>) -> io::Result<()> {
    let to = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await?;
    for stream in [&from, &to] {
        stream.set_nodelay(true)?;
        stream.set_zero_linger()?;
    }
    let (mut client_read, mut client_write) = from.into_split();
    let (mut server_read, mut server_write) = to.into_split();
    let requests = async {
        let mut bytes = vec![0; 64 << 10];
        loop {
            let n = client_read.read(&mut bytes).await?;
            if n == 0 {
                return io::Result::Ok(());
            }
            let arrival = arrival(&client_read)?;
            recorded.send_modify(|arrivals| arrivals.push(arrival));
            server_write.write_all(&bytes[..n]).await?;
        }
    };
    tokio::select! {
        ended = requests => ended,
        ended = tokio::io::copy(&mut server_read, &mut client_write) => ended.map(drop),
    }
}

/// Returns the span in which the bytes that were read just now arrived.
#[expect(
    unsafe_code,
    reason = "the standard library does not ask for a connection's times"
)]
fn arrival(stream: &OwnedReadHalf) -> io::Result<Span> {
    // SAFETY: the structure has only integers, for which zero is a value.
    let mut info: libc::tcp_info = unsafe { mem::zeroed() };
    let mut length = libc::socklen_t::try_from(size_of::<libc::tcp_info>())
        .map_err(|error| io::Error::other(error.to_string()))?;
    // SAFETY: the kernel writes at most `length` bytes, which is the size of the structure.
    let asked = unsafe {
        libc::getsockopt(
            stream.as_ref().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    if asked != 0 {
        return Err(io::Error::last_os_error());
    }
    let to = Instant::now();
    let age = Duration::from_millis(info.tcpi_last_data_recv.into()) + TICK;
    Ok(Span {
        from: to.checked_sub(age).unwrap_or(to),
        to,
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn requests_are_passed_on_and_recorded() {
        let routes = KafkaRoutes::open(1).unwrap();
        let ProxiedListener { port, proxy } = routes.listeners()[0];
        let broker = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        let begun = Instant::now();
        let mut client = std::net::TcpStream::connect(("127.0.0.1", proxy)).unwrap();
        let mut served = broker.accept().unwrap().0;
        client.write_all(b"question").unwrap();
        let mut bytes = [0; 8];
        served.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"question");
        served.write_all(b"answer").unwrap();
        client.read_exact(&mut bytes[..6]).unwrap();
        assert_eq!(&bytes[..6], b"answer");
        let arrivals = routes.arrivals_since(begun);
        assert_eq!(arrivals.len(), 1, "{arrivals:?}");
        assert!(arrivals[0].from + TICK >= begun && arrivals[0].to <= Instant::now());
    }
}
