//! The host behind the address of a client, for limits that hold for each host.

use std::net::{IpAddr, Ipv6Addr};

/// Returns an address that stands for the host of `peer`. For IPv6 it is the /64 network, because one host can use all addresses of its
/// network.
pub(super) fn of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(network).into()
        }
    }
}
