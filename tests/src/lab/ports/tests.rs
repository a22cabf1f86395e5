use std::collections::BTreeSet;
use std::net::TcpListener;

use anyhow::Result;

use super::{BLOCK, PortBlocks};
use crate::lab::host::TempDir;

#[test]
fn two_processes_never_get_the_same_port() -> Result<()> {
    let dir = TempDir::new("ports")?;
    let mut one = PortBlocks::new(dir.path().to_owned())?;
    let mut other = PortBlocks::new(dir.path().to_owned())?;
    let mut ports = BTreeSet::new();
    let n = 3 * usize::from(BLOCK);
    for _ in 0..n {
        assert!(ports.insert(one.free_port()?));
        assert!(ports.insert(other.free_port()?));
    }
    // Dropping `one` stands for the end of a process: its blocks can be taken by `other`.
    drop(one);
    let again = other.taken.len();
    while other.taken.len() < again + 2 {
        other.free_port()?;
    }
    assert!(other.taken.iter().any(|(block, _)| *block == 0));
    Ok(())
}

#[test]
fn a_port_in_use_is_passed_over() -> Result<()> {
    let dir = TempDir::new("ports")?;
    let mut ports = PortBlocks::new(dir.path().to_owned())?;
    // Other processes may listen on some of these ports, because their blocks are locked in another directory.
    let (held, _listener) = loop {
        let next = ports.free_port()? + 1;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", next)) {
            break (next, listener);
        }
    };
    assert_ne!(ports.free_port()?, held);
    Ok(())
}
