use std::io::{ErrorKind, Read as _};
use std::net::{TcpListener, TcpStream};

use tokio::sync::watch;
use tokio::time::Instant;

use super::*;
use crate::gate::client_slot::{ClientGuard, ClientSlot};
use crate::gate::{Gate, Until};

fn opaque(fence: &Arc<Fence>) -> *mut c_void {
    Arc::as_ptr(fence).cast_mut().cast()
}

fn socket(fence: &Arc<Fence>) -> c_int {
    open_socket(libc::AF_INET, libc::SOCK_STREAM, 0, opaque(fence))
}

/// Connects `socket` to `listener` as librdkafka would. Returns 0 or an error number.
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
fn closing_ends_connections_and_lets_none_be_made() {
    let (fence, kafka) = (
        Fence::new(ClientGuard::without_election().permit_check()),
        listener(),
    );
    let (connected, waiting) = (socket(&fence), socket(&fence));
    assert_eq!(reach(&fence, connected, &kafka), 0);
    let (mut stream, _) = kafka.accept().unwrap();
    fence.close();
    assert!(is_closed(&mut stream));
    assert_eq!(reach(&fence, waiting, &kafka), libc::ECANCELED);
    assert_eq!(socket(&fence), -1);
    for socket in [connected, waiting] {
        assert_eq!(close_socket(socket, opaque(&fence)), 0);
    }
}

#[test]
fn closing_leaves_a_number_alone_that_the_process_uses_for_something_else() {
    let (fence, kafka) = (
        Fence::new(ClientGuard::without_election().permit_check()),
        listener(),
    );
    let first = socket(&fence);
    assert_eq!(close_socket(first, opaque(&fence)), 0);
    let mut others = Vec::new();
    // A new socket gets the lowest free number, so one of these has the number of `first`, unless another test has taken that
    // number.
    for _ in 0..4 {
        let ours = TcpStream::connect(kafka.local_addr().unwrap()).unwrap();
        others.push((ours, kafka.accept().unwrap().0));
    }
    fence.close();
    for (ours, _theirs) in &mut others {
        ours.set_nonblocking(true).unwrap();
        let open = ours.read(&mut [0; 8]).unwrap_err();
        assert_eq!(open.kind(), ErrorKind::WouldBlock);
    }
}

#[tokio::test(start_paused = true)]
async fn no_connection_is_made_after_the_deadline_even_before_the_fence_is_closed() {
    let second = std::time::Duration::from_secs(1);
    let gate = watch::channel(Gate::Open {
        until: Until::At(Instant::now() + second),
        term: 1,
        opening: 1,
    })
    .1;
    let client_guard = ClientSlot::new().0.take(&gate).unwrap();
    let (fence, kafka) = (Fence::new(client_guard.permit_check()), listener());
    let early = socket(&fence);
    tokio::time::advance(second).await;
    assert!(fence.is_closed());
    assert_eq!(reach(&fence, early, &kafka), libc::ECANCELED);
    assert_eq!(socket(&fence), -1);
    assert_eq!(close_socket(early, opaque(&fence)), 0);
}
