//! The connections of a process, as the kernel lists them.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;

use anyhow::{Context, Result};

/// The state of an established connection in `/proc/net/tcp`.
const ESTABLISHED: &str = "01";

/// The number of established connections from this process to these addresses.
pub(super) fn count(process: u32, to: &[SocketAddr]) -> Result<u64> {
    let sockets = sockets(process)?;
    let ports: BTreeSet<u16> = to.iter().map(SocketAddr::port).collect();
    let table = fs::read_to_string("/proc/net/tcp")?;
    let lines = table.lines().skip(1);
    let own = lines.filter(|line| is_one_of(line, &ports, &sockets).unwrap_or(false));
    Ok(own.count().try_into()?)
}

/// The inodes of the sockets that the process has open.
fn sockets(process: u32) -> Result<BTreeSet<String>> {
    let mut inodes = BTreeSet::new();
    for entry in fs::read_dir(format!("/proc/{process}/fd"))? {
        // A descriptor that was closed in the meantime is none.
        let Ok(target) = fs::read_link(entry?.path()) else {
            continue;
        };
        let target = target.to_string_lossy();
        let inode = target.strip_prefix("socket:[");
        inodes.extend(
            inode
                .and_then(|rest| rest.strip_suffix(']'))
                .map(str::to_owned),
        );
    }
    Ok(inodes)
}

fn is_one_of(line: &str, ports: &BTreeSet<u16>, inodes: &BTreeSet<String>) -> Result<bool> {
    let fields: Vec<_> = line.split_ascii_whitespace().collect();
    let remote = fields.get(2).context("no remote address")?;
    let port = remote.split_once(':').context("no port")?.1;
    let port = u16::from_str_radix(port, 16)?;
    let inode = fields.get(9).context("no inode")?;
    Ok(fields[3] == ESTABLISHED && ports.contains(&port) && inodes.contains(*inode))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn own_connections_to_an_address_are_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let own = || count(std::process::id(), &[address]).unwrap();
        assert_eq!(own(), 0);
        let open = [(); 3].map(|()| TcpStream::connect(address).unwrap());
        assert_eq!(own(), 3);
        drop(open);
    }
}
