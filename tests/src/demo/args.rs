//! The command line of the demo.

use std::net::TcpListener;

use anyhow::{Context as _, Result};
use clap::Parser;

use crate::lab::place;

/// Shows the collector at work: starts Kafka on loopback, groups that read at different speeds, and the collector,
/// then a table of lag as /metrics has it.
///
/// Kafka is Apache Kafka where a JDK and its jars are there (tests/run fetches the jars), else the stand-in of the
/// tests, which speaks the protocol and stores nothing. Everything started ends with the demo.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo demo", bin_name = "cargo demo")]
pub struct Args {
    /// Takes the stand-in even where Apache Kafka could be started
    #[arg(long)]
    pub standin: bool,

    /// Ends by itself after so many seconds; otherwise with Ctrl-C
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,

    /// Port of the collector on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    pub port: u16,
}

// === impl Args ===

impl Args {
    /// The port the collector is to listen on, which nobody has.
    pub(super) fn port(&self) -> Result<u16> {
        if self.port == 0 {
            let [port] = place::free_ports()?;
            return Ok(port);
        }
        let free = TcpListener::bind(("127.0.0.1", self.port));
        free.with_context(|| {
            format!(
                "port {} cannot be had; --port 0 takes a free one",
                self.port
            )
        })?;
        Ok(self.port)
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
