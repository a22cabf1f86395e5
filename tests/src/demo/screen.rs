//! Where the demo writes: a terminal, on which the table is redrawn in place, or anything else, which gets lines.

use std::fmt::Display;
use std::io::{IsTerminal as _, Stdout, Write as _};
use std::time::Duration;

use anyhow::Result;

use super::lines;
use super::table::Row;

/// Standard output.
#[derive(Debug)]
pub(super) struct Screen {
    out: Stdout,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// With the height of the table that stands there now.
    Terminal {
        height: usize,
    },
    Lines,
}

// === impl Screen ===

impl Screen {
    /// Finds out what is at the other end.
    pub(super) fn of(out: Stdout) -> Self {
        let kind = if out.is_terminal() {
            Kind::Terminal { height: 0 }
        } else {
            Kind::Lines
        };
        Self { out, kind }
    }

    /// How often a table is worth showing.
    pub(super) fn period(&self) -> Duration {
        match self.kind {
            Kind::Terminal { .. } => Duration::from_secs(1),
            Kind::Lines => Duration::from_secs(5),
        }
    }

    /// Writes a line below everything.
    pub(super) fn line(&mut self, line: impl Display) -> Result<()> {
        if let Kind::Terminal { height } = &mut self.kind {
            *height = 0;
        }
        writeln!(self.out, "{line}")?;
        Ok(())
    }

    /// Shows the table as it is after `elapsed`.
    pub(super) fn show(&mut self, rows: &[Row], elapsed: Duration) -> Result<()> {
        match &mut self.kind {
            Kind::Terminal { height } => {
                let text = lines::redrawn(rows, elapsed, *height);
                *height = rows.len() + lines::AROUND;
                self.out.write_all(text.as_bytes())?;
            }
            Kind::Lines => {
                for line in lines::table(rows, elapsed) {
                    writeln!(self.out, "{line}")?;
                }
                writeln!(self.out)?;
            }
        }
        self.out.flush()?;
        Ok(())
    }
}
