//! Free ports on loopback. Test programs run at the same time, and a server binds its port only seconds after the port was chosen;
//! so each process takes blocks of ports, which no other process of the lab uses before that process ends.

use std::fs::{self, File, TryLockError};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

use super::host;

#[cfg(test)]
mod tests;

/// The first port of the first block. All blocks lie below 32,768, where Linux begins to choose ports of outgoing connections; so a
/// broker that was stopped finds its port free when it is started again.
const FIRST: u16 = 12_000;
/// The number of ports in a block, all of which a process takes at once.
const BLOCK: u16 = 100;
/// The number of blocks, which end at port 29,999.
const BLOCKS: u16 = 180;

/// The blocks of ports that this process has taken, each held by the lock of a file.
struct PortBlocks {
    /// The directory of the lock files, the same for all processes of a user.
    dir: PathBuf,
    /// The taken blocks by number, with their locked files. The kernel releases the locks when the process ends.
    taken: Vec<(u16, File)>,
    /// The index of the port that is tried next, counted through the blocks in `taken`.
    next: usize,
}

/// Finds `N` ports of this process's blocks on which no process listens, and takes further blocks as needed.
///
/// # Errors
/// Processes listen on all ports of this process's blocks and no block is left to take, or a lock file cannot be opened or locked.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    static PORTS: Mutex<Option<PortBlocks>> = Mutex::new(None);
    let mut ports = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
    let ports = match &mut *ports {
        Some(ports) => ports,
        none => none.insert(PortBlocks::new(host::cache()?.join("ports"))?),
    };
    let mut found = [0; N];
    for port in &mut found {
        *port = ports.free_port()?;
    }
    Ok(found)
}

// === impl PortBlocks ===

impl PortBlocks {
    fn new(dir: PathBuf) -> Result<Self> {
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Self {
            dir,
            taken: Vec::new(),
            next: 0,
        })
    }

    /// Returns the next port on which no process listens. Ports are returned again only after all ports of all blocks were.
    fn free_port(&mut self) -> Result<u16> {
        let mut tried = 0;
        while tried < usize::from(BLOCK) * self.taken.len().max(1) {
            if self.next == usize::from(BLOCK) * self.taken.len() {
                if self.take_block()? {
                    tried = 0;
                } else {
                    self.next = 0;
                }
            }
            let Some((block, _)) = self.taken.get(self.next / usize::from(BLOCK)) else {
                break;
            };
            let port = FIRST + block * BLOCK + u16::try_from(self.next % usize::from(BLOCK))?;
            self.next += 1;
            tried += 1;
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return Ok(port);
            }
        }
        anyhow::bail!(
            "no free ports on loopback: every block is taken (see the locks in {})",
            self.dir.display()
        )
    }

    /// Takes the first block that is not taken by any process, this one included; returns false if there is none.
    fn take_block(&mut self) -> Result<bool> {
        for block in 0..BLOCKS {
            let path = self.dir.join(format!("{}.lock", FIRST + block * BLOCK));
            let file =
                File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
            match file.try_lock() {
                Ok(()) => {
                    self.taken.push((block, file));
                    return Ok(true);
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
        }
        Ok(false)
    }
}
