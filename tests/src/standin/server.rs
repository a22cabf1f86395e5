//! Listeners and connections of all nodes, on a thread and a runtime of their own, so that tests
//! may block in a client or pause their clock.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    thread,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot, watch},
    task::{self, JoinSet, LocalSet},
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;

use super::{
    answer::{self, Reply},
    cluster::{Cluster, Condition, Port},
    fault::Active,
    protocol::Api,
    request_counts::{Arrival, RequestCounts},
};

/// The longest time that a port may stay in use after its listener was closed.
const MAX_RESERVATION: Duration = Duration::from_secs(10);

/// The size limit of a request; larger ones are refused, as by a broker.
const MAX_REQUEST: usize = 100 << 20;

/// The state that the handle and all connections share: each value is replaced as a whole, behind a channel of its own.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) cluster: watch::Sender<Cluster>,
    pub(crate) faults: watch::Sender<Vec<Arc<Active>>>,
    pub(crate) request_counts: watch::Sender<RequestCounts>,
}

/// Binds one port per node: the ports from `first_port` on, or free ones if that is 0.
pub(crate) fn bind(
    nodes: &[i32],
    address: Ipv4Addr,
    first_port: u16,
) -> io::Result<Vec<(i32, TcpSocket)>> {
    let ports = nodes.iter().zip(0..).map(|(node, index)| match first_port {
        0 => (*node, 0),
        first => (*node, first.saturating_add(index)),
    });
    ports
        .map(|(node, port)| Ok((node, reserve(SocketAddr::from((address, port)))?)))
        .collect()
}

/// Serves all nodes until `end`, on a new thread; the receiver is told when everything has ended.
pub(crate) fn spawn(
    shared: Arc<Shared>,
    sockets: Vec<(i32, TcpSocket)>,
    end: CancellationToken,
) -> io::Result<oneshot::Receiver<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (ended, has_ended) = oneshot::channel();
    thread::Builder::new()
        .name("kafka-standin".to_owned())
        .spawn(move || {
            // One thread serves everything, so tasks need not be `Send`; they end when the `LocalSet` is dropped.
            LocalSet::new().block_on(&runtime, async move {
                let mut nodes = JoinSet::new();
                for (node, socket) in sockets {
                    nodes.spawn_local(run_node(Arc::clone(&shared), node, socket, end.clone()));
                }
                nodes.join_all().await;
            });
            // Sending fails if the `StandIn` was dropped, and then nobody waits for the end.
            ended.send(()).ok();
        })?;
    Ok(has_ended)
}

/// Returns a bound socket that does not listen: connections are refused, and no other process gets the port.
fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Reserves the port of a listener that was closed just now. A child process that is between fork and exec still has a copy of the
/// listener, so the port may be in use for a moment.
async fn reserve_again(address: SocketAddr) -> io::Result<TcpSocket> {
    let end = Instant::now() + MAX_RESERVATION;
    loop {
        match reserve(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < end => {
                time::sleep(Duration::from_millis(5)).await;
            }
            result => return result,
        }
    }
}

async fn run_node(shared: Arc<Shared>, node: i32, socket: TcpSocket, end: CancellationToken) {
    let served = end
        .run_until_cancelled(serve_node(&shared, node, socket))
        .await;
    if let Some(Err(error)) = served {
        tracing::error!(node, %error, "Stand-in node failed");
    }
}

/// Listens while the node is not stopped, again after each stop. Returns only with an error.
async fn serve_node(shared: &Arc<Shared>, node: i32, mut socket: TcpSocket) -> io::Result<()> {
    loop {
        until(shared, node, |condition| condition != Condition::Stopped).await;
        let listener = socket.listen(1024)?;
        let address = listener.local_addr()?;
        set_port(shared, node, Port::Open);
        let up = CancellationToken::new();
        let guard = up.clone().drop_guard();
        tokio::select! { biased;
            () = until(shared, node, |condition| condition == Condition::Stopped) => {}
            accepted = accept(shared, node, &listener, &up) => accepted?,
        }
        drop((guard, listener));
        socket = reserve_again(address).await?;
        set_port(shared, node, Port::Closed);
    }
}

async fn until(shared: &Shared, node: i32, wanted: impl Fn(Condition) -> bool) {
    let mut cluster = shared.cluster.subscribe();
    let met = |c: &Cluster| c.nodes.get(&node).is_some_and(|n| wanted(n.condition));
    // Waiting fails only if the sender is gone, and `shared` holds the sender.
    cluster.wait_for(met).await.ok();
}

fn set_port(shared: &Shared, node: i32, state: Port) {
    shared.cluster.send_modify(|cluster| {
        if let Some(node) = cluster.nodes.get_mut(&node) {
            node.port_is = state;
        }
    });
}

async fn accept(
    shared: &Arc<Shared>,
    node: i32,
    listener: &TcpListener,
    up: &CancellationToken,
) -> io::Result<()> {
    loop {
        let (stream, peer) = listener.accept().await?;
        let shared = Arc::clone(shared);
        let up = up.clone();
        task::spawn_local(async move {
            shared
                .request_counts
                .send_modify(|l| *l.connections.entry(node).or_default() += 1);
            let place = (node, peer.ip());
            up.run_until_cancelled(converse(&shared, place, stream))
                .await;
            shared
                .request_counts
                .send_modify(|l| *l.connections.entry(node).or_default() -= 1);
        });
    }
}

/// Serves one connection. Requests are read while answers are being made, so that a slow answer does not delay the recorded
/// arrival of the next request.
async fn converse(shared: &Arc<Shared>, (node, from): (i32, IpAddr), stream: TcpStream) {
    // A socket that refuses the option is merely slower.
    stream.set_nodelay(true).ok();
    let (read, write) = stream.into_split();
    let (sender, requests) = mpsc::unbounded_channel();
    let ended = tokio::select! {
        heard = hear(shared, (node, from), read, sender) => heard,
        spoken = speak(shared, node, write, requests) => spoken,
    };
    if let Err(error) = ended {
        tracing::debug!(node, %error, "Connection ended");
    }
}

async fn hear(
    shared: &Shared,
    (node, from): (i32, IpAddr),
    mut read: OwnedReadHalf,
    requests: mpsc::UnboundedSender<Bytes>,
) -> io::Result<()> {
    loop {
        let size = read.read_u32().await? as usize;
        if !(8..=MAX_REQUEST).contains(&size) {
            return Err(io::Error::other(format!("a request of {size} bytes")));
        }
        let mut frame = BytesMut::zeroed(size);
        read.read_exact(&mut frame).await?;
        let key = i16::from_be_bytes([frame[0], frame[1]]);
        if let Some(api) = Api::from_key(key) {
            let arrival = Arrival {
                at: Instant::now(),
                api,
                node,
                from,
            };
            shared
                .request_counts
                .send_modify(|request_counts| request_counts.arrived(arrival));
        }
        if requests.send(frame.freeze()).is_err() {
            return Ok(());
        }
    }
}

async fn speak(
    shared: &Shared,
    node: i32,
    mut write: OwnedWriteHalf,
    mut requests: mpsc::UnboundedReceiver<Bytes>,
) -> io::Result<()> {
    while let Some(frame) = requests.recv().await {
        until(shared, node, |condition| condition == Condition::Running).await;
        match answer::to(shared, node, frame)
            .await
            .map_err(io::Error::other)?
        {
            Reply::Send(answer) => write.write_all(&answer).await?,
            Reply::Silence => {}
            Reply::SendAndClose(answer) => {
                write.write_all(&answer).await?;
                return Ok(());
            }
        }
    }
    Ok(())
}
