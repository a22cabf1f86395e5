//! `cargo run --package e2e --bin demo-picture > tests/demo.svg`: runs `cargo demo` in a terminal, kills the leading pod, asks
//! the next leader to end, and prints what the terminal shows then as SVG.

use std::io::{self, Write as _};
use std::process::{Command, ExitCode};

use anyhow::Result;
use e2e::demo::picture;

fn main() -> ExitCode {
    match print() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(io::stderr(), "demo-picture: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn print() -> Result<()> {
    // `script` gives the demo a terminal.
    let mut demo = Command::new("script");
    demo.args(["--quiet", "--flush", "--return", "--command"])
        .args(["cargo --quiet demo --port 0", "/dev/null"]);
    let lines = picture::record(demo)?;
    io::stdout().write_all(picture::svg(&lines).as_bytes())?;
    Ok(())
}
