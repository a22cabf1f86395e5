//! The fence: every socket of a session's clients is opened, connected and closed through it, so that one call ends them all.
//!
//! # The reason
//! librdkafka's own threads reconnect, repeat requests and send what is queued, whatever the thread that uses the clients does.
//! Destroying a client waits for those threads, which takes up to the timeout of a request. The end of a leadership cannot wait
//! for that, because another pod may collect from then on. So the connections are cut below librdkafka, at its sockets.
//!
//! # The protocol
//! 1. [`Fence::new`] takes the permission under which the session may be connected, with the deadline of that permission.
//! 2. [`Fence::install`] registers three callbacks in the configuration of each client: librdkafka calls them to open a socket,
//!    to connect it and to close it, and has no other way to a broker.
//! 3. While the fence is open and the permission holds, the callbacks do what librdkafka asks for, and the fence keeps the number
//!    of each open socket. Otherwise opening and connecting fail. librdkafka then retries at intervals, which fails in the same
//!    way.
//! 4. [`Fence::close`] closes the fence for good and dissolves the connection of every open socket. What the kernel has not sent
//!    yet is dropped. When the call returns, no connection is left, and no further byte of the clients leaves the process. Whoever
//!    has a connection of another kind for the session waits for [`Fence::closed`] and ends it then.
//! 5. librdkafka's threads notice the errors and close the sockets in their own time. Each number leaves the fence before it is
//!    closed, so that a number which the process uses for something else by then is never touched.
//!
//! # The lock
//! A [`Mutex`] holds the state and the socket numbers, because the callbacks run synchronously on librdkafka's threads while
//! another thread may close the fence. A callback checks the state and makes its system call under the lock; without it, a
//! connection could be made between the check and the call, after the fence was closed. No system call under the lock blocks:
//! librdkafka's sockets do not.
//!
//! # Not promised
//! - A request that has left the process may still be answered by the broker. All requests only read.
//! - Threads and clients are not ended, only their connections. A blocking call returns at its own timeout.
//! - When the permission ends by its deadline alone, no connection can be made any more, but those that exist stay until somebody
//!   closes the fence.
//! - Names are resolved by the system's resolver, which has sockets of its own.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ffi::{c_char, c_int, c_void};
use std::mem;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libc::{sockaddr, socklen_t};
use rdkafka::bindings as rd;
use tokio_util::sync::CancellationToken;

use crate::gate::client_slot::PermitCheck;

/// The layer through which the clients of a session open their sockets: while the permission holds, and until the fence is
/// closed. The module explains the protocol.
#[derive(Debug)]
pub(in crate::kafka) struct Fence {
    /// The permission to be connected; it ends by its deadline or by the gate.
    permit_check: PermitCheck,
    sockets: Mutex<Sockets>,
    /// Cancelled by [`Fence::close`], for those who wait until the fence is closed.
    closing: CancellationToken,
}

/// The sockets of all clients of a session, and the state of the fence.
#[derive(Debug, Default)]
struct Sockets {
    state: FenceState,
    /// The numbers of the open sockets, each from its opening to its closing by librdkafka.
    open: BTreeSet<c_int>,
}

/// The state of the fence. A closed fence stays closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum FenceState {
    #[default]
    Open,
    Closed,
}

// === impl Fence ===

impl Fence {
    /// Returns an open fence without any socket. The fence lets connections through only while `permit_check` holds.
    pub(in crate::kafka) fn new(permit_check: PermitCheck) -> Arc<Self> {
        let sockets = Mutex::default();
        Arc::new(Self {
            permit_check,
            sockets,
            closing: CancellationToken::new(),
        })
    }

    /// Returns `true` once no connection can be made and no request may begin any more: the fence was closed, or the permission
    /// is over.
    pub(in crate::kafka) fn is_closed(&self) -> bool {
        self.sockets().state == FenceState::Closed || self.permit_check.is_over()
    }

    /// Closes the fence for good: ends every connection at once, and lets no new one be made.
    pub(in crate::kafka) fn close(&self) {
        let mut sockets = self.sockets();
        sockets.state = FenceState::Closed;
        for &socket in &sockets.open {
            disconnect(socket);
        }
        drop(sockets);
        self.closing.cancel();
    }

    /// Waits until [`Fence::close`] was called; a closed fence is never opened again. Cancel-safe.
    pub(in crate::kafka) async fn closed_for_good(&self) {
        self.closing.cancelled().await;
    }

    /// Waits until [`Fence::is_closed`] is true. Cancel-safe.
    pub(in crate::kafka) async fn closed(&self) {
        tokio::select! { biased;
        () = self.closing.cancelled() => {}
        () = self.permit_check.over() => {} }
    }

    /// Makes the clients of `conf` open, connect and close their sockets through this fence, which must outlive them.
    pub(super) fn install(self: &Arc<Self>, conf: NonNull<rd::rd_kafka_conf_t>) {
        let opaque = Arc::as_ptr(self).cast_mut().cast::<c_void>();
        // SAFETY: the configuration is live. The callbacks take what they are registered with.
        unsafe {
            rd::rd_kafka_conf_set_opaque(conf.as_ptr(), opaque);
            rd::rd_kafka_conf_set_socket_cb(conf.as_ptr(), Some(open_socket));
            rd::rd_kafka_conf_set_connect_cb(conf.as_ptr(), Some(connect));
            rd::rd_kafka_conf_set_closesocket_cb(conf.as_ptr(), Some(close_socket));
        }
    }

    /// Returns the fence that a callback was registered with.
    ///
    /// # Safety
    /// `opaque` must come from [`Fence::install`], and the fence must be alive for as long as the answer is used.
    unsafe fn from_opaque<'a>(opaque: *mut c_void) -> &'a Self {
        // SAFETY: the caller promises that `opaque` comes from `install` and that the fence is alive.
        unsafe { &*opaque.cast_const().cast::<Self>() }
    }

    /// Applies `action` to the open sockets, under their lock. Returns -1 without applying it where the fence is closed or the
    /// permission is over.
    fn with_open_sockets(&self, action: impl FnOnce(&mut BTreeSet<c_int>) -> c_int) -> c_int {
        if self.permit_check.is_over() {
            return -1;
        }
        let mut sockets = self.sockets();
        match sockets.state {
            FenceState::Open => action(&mut sockets.open),
            FenceState::Closed => -1,
        }
    }

    /// Locks the state and the numbers. A panic under the lock cannot leave them half changed, so a poisoned lock is used all the
    /// same.
    fn sockets(&self) -> MutexGuard<'_, Sockets> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Dissolves the connection of a socket. Unlike `shutdown` alone, this also drops the bytes that the kernel has not sent yet.
pub(super) fn disconnect(socket: c_int) {
    // SAFETY: an address of zeros is a valid one, of no family.
    let mut nowhere: sockaddr = unsafe { mem::zeroed() };
    nowhere.sa_family = libc::sa_family_t::try_from(libc::AF_UNSPEC).unwrap_or_default();
    let size = socklen_t::try_from(size_of::<sockaddr>()).unwrap_or_default();
    // SAFETY: the socket is open, as its number leaves the set before it is closed; the address lives through the call. Where one
    // of the two calls fails, the other one has done the work.
    unsafe {
        libc::connect(socket, &raw const nowhere, size);
        libc::shutdown(socket, libc::SHUT_RDWR);
    }
}

/// Opens a socket and records its number; called by librdkafka. Returns the number, or -1 if the fence is closed, the permission
/// is over or the system refuses.
extern "C" fn open_socket(
    domain: c_int,
    kind: c_int,
    protocol: c_int,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: the fence outlives the client that calls.
    let fence = unsafe { Fence::from_opaque(opaque) };
    fence.with_open_sockets(|open| {
        // SAFETY: takes numbers only.
        let socket = unsafe { libc::socket(domain, kind, protocol) };
        if socket >= 0 {
            // SAFETY: a new socket. Programs that this process starts do not inherit it.
            unsafe { libc::fcntl(socket, libc::F_SETFD, libc::FD_CLOEXEC) };
            open.insert(socket);
        }
        socket
    })
}

/// Connects a socket that does not block; called by librdkafka. Returns 0 if the connection is made or under way, `ECANCELED` if
/// the fence is closed or the permission is over, else the system's error number.
extern "C" fn connect(
    socket: c_int,
    address: *const sockaddr,
    size: c_int,
    _name: *const c_char,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: the fence outlives the client that calls.
    let fence = unsafe { Fence::from_opaque(opaque) };
    let error = fence.with_open_sockets(|_| {
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

/// Removes a socket from the fence and closes it; called by librdkafka when it needs the socket no longer.
extern "C" fn close_socket(socket: c_int, opaque: *mut c_void) -> c_int {
    // SAFETY: the fence outlives the client that calls.
    let fence = unsafe { Fence::from_opaque(opaque) };
    let mut sockets = fence.sockets();
    sockets.open.remove(&socket);
    // SAFETY: the socket is librdkafka's, and this is its last use.
    unsafe { libc::close(socket) }
}
