//! The command line of the demo.

use std::net::TcpListener;

use anyhow::{Context as _, Result};
use clap::Parser;

use super::leader_tracker::Ending;
use crate::lab::ports;

/// Shows a change of leader: starts Kafka on loopback, groups that read at different speeds, a Kubernetes API server, and
/// two pods, each an elector and a collector; then the lag as /metrics of the leading pod has it.
///
/// Enter kills the leading pod with SIGKILL, t and Enter ends it with SIGTERM. The demo says how long nobody led and which
/// pod leads now, under which term, and starts the ended pod again as the standby. Ctrl-C ends the demo and everything it
/// started within 2 seconds.
///
/// Kafka is Apache Kafka where a JDK and its jars are there (tests/run fetches the jars), else the stand-in of the
/// tests, which speaks the protocol and stores nothing. Kubernetes is its API server and etcd where they have been built
/// (tests/run builds them), else a stand-in that knows one Lease. The demo says which it took.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo demo", bin_name = "cargo demo")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags are words to whoever types them"
)]
pub struct Args {
    /// Takes the stand-ins even where Apache Kafka or Kubernetes could be started
    #[arg(long)]
    pub standin: bool,

    /// Shows one collector alone, without an election
    #[arg(long, conflicts_with = "gentle")]
    pub alone: bool,

    /// Makes Enter end the leading pod with SIGTERM; k and Enter still kills it
    #[arg(long)]
    pub gentle: bool,

    /// Ends by itself after so many seconds; otherwise with Ctrl-C
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,

    /// First of the ports on 127.0.0.1, which are the collector's and the elector's of each pod in turn; 0 takes free ones
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    pub port: u16,
}

/// The pods of the demo, with their ports.
#[derive(Clone, Copy, Debug)]
pub(super) enum Layout {
    /// One collector, with its port.
    Alone(u16),
    /// Two pods, each with the port of its collector and that of its elector.
    Two([[u16; 2]; 2]),
}

// === impl Args ===

impl Args {
    /// Returns the pods that the arguments ask for, with ports that were free just now.
    pub(super) fn layout(&self) -> Result<Layout> {
        if self.alone {
            let [port] = self.ports()?;
            return Ok(Layout::Alone(port));
        }
        let [a, b, c, d] = self.ports()?;
        Ok(Layout::Two([[a, b], [c, d]]))
    }

    fn ports<const N: usize>(&self) -> Result<[u16; N]> {
        if self.port == 0 {
            return ports::free_ports();
        }
        let mut ports = [0; N];
        for (port, n) in ports.iter_mut().zip(0..) {
            let wanted = self.port.checked_add(n);
            *port = wanted.context("there are no ports beyond 65535")?;
            TcpListener::bind(("127.0.0.1", *port))
                .with_context(|| format!("port {port} cannot be had; --port 0 takes free ones"))?;
        }
        Ok(ports)
    }

    /// Returns the way in which Enter ends a pod.
    pub(super) fn ending(&self) -> Ending {
        if self.gentle {
            Ending::Terminate
        } else {
            Ending::Kill
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }
}
