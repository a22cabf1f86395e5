//! The fence around a session's connections: librdkafka opens, connects and closes every socket through it.
//!
//! librdkafka's own threads reconnect, repeat requests and send what is queued, whatever the thread that uses the clients does. So
//! the end of a leadership is not left to them: once the fence is shut, what was not yet sent is thrown away, no byte leaves the
//! process and no connection is made, at that moment and without waiting for anybody. Destroying the clients may take as long
//! as it takes.

use std::collections::BTreeSet;
use std::ffi::{c_char, c_int, c_void};
use std::mem;
use std::ptr::NonNull;
use std::sync::Arc;

use libc::{sockaddr, socklen_t};
use rdkafka::bindings as rd;
use tokio::sync::watch;

use crate::gate::hold::Leave;

/// Lets connections through for as long as there is leave, and until it is shut.
#[derive(Debug)]
pub(in crate::kafka) struct Fence {
    leave: Leave,
    /// Changed under its lock, so that no socket is used under a number that is somebody else's by now.
    sockets: watch::Sender<Sockets>,
}

/// The sockets of all clients of a session.
#[derive(Debug, Default)]
struct Sockets {
    door: Door,
    open: BTreeSet<c_int>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Door {
    #[default]
    Open,
    Shut,
}

// === impl Fence ===

impl Fence {
    pub(in crate::kafka) fn new(leave: Leave) -> Arc<Self> {
        let (sockets, _) = watch::channel(Sockets::default());
        Arc::new(Self { leave, sockets })
    }

    /// Whether nothing may begin any more.
    pub(in crate::kafka) fn is_shut(&self) -> bool {
        self.sockets.borrow().door == Door::Shut || self.leave.is_over()
    }

    /// Ends every connection now, and lets none be made again.
    pub(in crate::kafka) fn shut(&self) {
        self.sockets.send_modify(|sockets| {
            sockets.door = Door::Shut;
            for &socket in &sockets.open {
                disconnect(socket);
            }
        });
    }

    /// Makes the clients of `conf` use sockets by this fence, which must outlive them.
    pub(super) fn stand_around(self: &Arc<Self>, conf: NonNull<rd::rd_kafka_conf_t>) {
        let opaque = Arc::as_ptr(self).cast_mut().cast::<c_void>();
        // SAFETY: the configuration is live. The callbacks take what they are registered with.
        unsafe {
            rd::rd_kafka_conf_set_opaque(conf.as_ptr(), opaque);
            rd::rd_kafka_conf_set_socket_cb(conf.as_ptr(), Some(open_socket));
            rd::rd_kafka_conf_set_connect_cb(conf.as_ptr(), Some(connect));
            rd::rd_kafka_conf_set_closesocket_cb(conf.as_ptr(), Some(close_socket));
        }
    }

    /// The fence that a callback was registered with.
    ///
    /// # Safety
    /// `opaque` must come from [`Fence::stand_around`], and the fence must be alive for as long as the answer is used.
    unsafe fn of<'a>(opaque: *mut c_void) -> &'a Self {
        // SAFETY: the caller's promise.
        unsafe { &*opaque.cast_const().cast::<Self>() }
    }

    /// Does `what` with the sockets, under their lock, unless the fence is shut: then the answer is -1.
    fn pass(&self, what: impl FnOnce(&mut BTreeSet<c_int>) -> c_int) -> c_int {
        let mut answer = -1;
        if !self.leave.is_over() {
            self.sockets.send_modify(|sockets| {
                if sockets.door == Door::Open {
                    answer = what(&mut sockets.open);
                }
            });
        }
        answer
    }
}

/// Dissolves a connection as it stands: unlike `shutdown` alone, this also drops what the kernel has not sent yet.
pub(super) fn disconnect(socket: c_int) {
    // SAFETY: an address of zeros is a valid one, of no family.
    let mut nowhere: sockaddr = unsafe { mem::zeroed() };
    nowhere.sa_family = libc::sa_family_t::try_from(libc::AF_UNSPEC).unwrap_or_default();
    let size = socklen_t::try_from(size_of::<sockaddr>()).unwrap_or_default();
    // SAFETY: the socket is open, as its number is taken out before it is closed; the address lives through the call. What
    // either call cannot do, the other does.
    unsafe {
        libc::connect(socket, &raw const nowhere, size);
        libc::shutdown(socket, libc::SHUT_RDWR);
    }
}

/// Called by librdkafka for a new socket.
extern "C" fn open_socket(
    domain: c_int,
    kind: c_int,
    protocol: c_int,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: the fence outlives the client that calls.
    let fence = unsafe { Fence::of(opaque) };
    fence.pass(|open| {
        // SAFETY: takes numbers only.
        let socket = unsafe { libc::socket(domain, kind, protocol) };
        if socket >= 0 {
            // SAFETY: a new socket; programs that are started have no use for it.
            unsafe { libc::fcntl(socket, libc::F_SETFD, libc::FD_CLOEXEC) };
            open.insert(socket);
        }
        socket
    })
}

/// Called by librdkafka to connect a socket that does not block; the answer is 0 or an error number.
extern "C" fn connect(
    socket: c_int,
    address: *const sockaddr,
    size: c_int,
    _name: *const c_char,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: the fence outlives the client that calls.
    let fence = unsafe { Fence::of(opaque) };
    let error = fence.pass(|_| {
        // SAFETY: librdkafka lends an address of that size.
        let answer =
            unsafe { libc::connect(socket, address, socklen_t::try_from(size).unwrap_or(0)) };
        let error = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        if answer == 0 || error == libc::EINPROGRESS {
            0
        } else {
            error
        }
    });
    if error < 0 { libc::ECANCELED } else { error }
}

/// Called by librdkafka when it is done with a socket.
extern "C" fn close_socket(socket: c_int, opaque: *mut c_void) -> c_int {
    // SAFETY: the fence outlives the client that calls.
    let fence = unsafe { Fence::of(opaque) };
    let mut answer = 0;
    fence.sockets.send_modify(|sockets| {
        sockets.open.remove(&socket);
        // SAFETY: the socket is librdkafka's, and this is its last use.
        answer = unsafe { libc::close(socket) };
    });
    answer
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _};
    use std::net::{TcpListener, TcpStream};

    use tokio::time::Instant;

    use super::*;
    use crate::gate::hold::{Held, Hold};
    use crate::gate::{Gate, Until};

    fn opaque(fence: &Arc<Fence>) -> *mut c_void {
        Arc::as_ptr(fence).cast_mut().cast()
    }

    fn socket(fence: &Arc<Fence>) -> c_int {
        open_socket(libc::AF_INET, libc::SOCK_STREAM, 0, opaque(fence))
    }

    /// Connects `socket` as librdkafka would; 0 or an error number.
    fn reach(fence: &Arc<Fence>, socket: c_int, listener: &TcpListener) -> c_int {
        let port = listener.local_addr().unwrap().port();
        let address = libc::sockaddr_in {
            sin_family: libc::sa_family_t::try_from(libc::AF_INET).unwrap(),
            sin_port: port.to_be(),
            sin_addr: libc::in_addr {
                s_addr: u32::from_ne_bytes([127, 0, 0, 1]),
            },
            sin_zero: [0; 8],
        };
        let size = c_int::try_from(size_of_val(&address)).unwrap();
        let address = (&raw const address).cast();
        connect(socket, address, size, std::ptr::null(), opaque(fence))
    }

    fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").unwrap()
    }

    fn is_closed(stream: &mut TcpStream) -> bool {
        match stream.read(&mut [0; 8]) {
            Ok(n) => n == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }

    #[test]
    fn shutting_ends_connections_and_lets_none_be_made() {
        let (fence, kafka) = (Fence::new(Held::without_election().leave()), listener());
        let (connected, waiting) = (socket(&fence), socket(&fence));
        assert_eq!(reach(&fence, connected, &kafka), 0);
        let (mut stream, _) = kafka.accept().unwrap();
        fence.shut();
        assert!(is_closed(&mut stream));
        assert_eq!(reach(&fence, waiting, &kafka), libc::ECANCELED);
        assert_eq!(socket(&fence), -1);
        for socket in [connected, waiting] {
            assert_eq!(close_socket(socket, opaque(&fence)), 0);
        }
    }

    #[test]
    fn a_number_that_is_somebody_elses_by_now_is_left_alone() {
        let (fence, kafka) = (Fence::new(Held::without_election().leave()), listener());
        let first = socket(&fence);
        assert_eq!(close_socket(first, opaque(&fence)), 0);
        let mut others = Vec::new();
        // The lowest free number is taken next, unless another test is faster.
        for _ in 0..4 {
            let ours = TcpStream::connect(kafka.local_addr().unwrap()).unwrap();
            others.push((ours, kafka.accept().unwrap().0));
        }
        fence.shut();
        for (ours, _theirs) in &mut others {
            ours.set_nonblocking(true).unwrap();
            let open = ours.read(&mut [0; 8]).unwrap_err();
            assert_eq!(open.kind(), ErrorKind::WouldBlock);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_deadline_no_connection_is_made_though_nobody_has_shut_it() {
        let second = std::time::Duration::from_secs(1);
        let gate = watch::channel(Gate::Open {
            until: Until::At(Instant::now() + second),
            term: 1,
            opening: 1,
        })
        .1;
        let held = Hold::new().0.take(&gate).unwrap();
        let (fence, kafka) = (Fence::new(held.leave()), listener());
        let early = socket(&fence);
        tokio::time::advance(second).await;
        assert!(fence.is_shut());
        assert_eq!(reach(&fence, early, &kafka), libc::ECANCELED);
        assert_eq!(socket(&fence), -1);
        assert_eq!(close_socket(early, opaque(&fence)), 0);
    }
}
