//! The addresses at which a program serves HTTP, read from its log. A test whose program is told to take port 0 learns the port here.
//! A port that the test itself found free might be taken by another process before the program listens on it.

use std::net::SocketAddr;

/// Returns the addresses at which the program serves HTTP so far, in the order of its `log`, which may end in the middle of a line.
pub(crate) fn served_addresses(log: &str) -> impl Iterator<Item = SocketAddr> {
    let ends = log.split("Serving HTTP address=").skip(1);
    ends.filter_map(|end| end.split_once(' ')?.0.parse().ok())
}
