//! The output of the demo: a terminal, where the table stands below everything else and is redrawn in place, or anything
//! else, which gets lines.

use std::fmt::Display;
use std::io::{IsTerminal as _, Stdout, Write as _};
use std::time::Duration;

use anyhow::Result;

use super::lines;
use super::table::TableRow;

/// Standard output, as a terminal or as anything else.
#[derive(Debug)]
pub(super) struct Screen {
    out: Stdout,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A terminal, with the number of lines that the table takes in it now.
    Terminal {
        height: usize,
    },
    Lines,
}

// === impl Screen ===

impl Screen {
    /// Returns a screen that redraws the table in place if `out` is a terminal.
    pub(super) fn of(out: Stdout) -> Self {
        let kind = if out.is_terminal() {
            Kind::Terminal { height: 0 }
        } else {
            Kind::Lines
        };
        Self { out, kind }
    }

    /// Returns the interval at which the table is shown.
    pub(super) fn period(&self) -> Duration {
        match self.kind {
            Kind::Terminal { .. } => Duration::from_secs(1),
            Kind::Lines => Duration::from_secs(5),
        }
    }

    /// Returns the interval at which the demo prints the time without a leader.
    pub(super) fn tick(&self) -> Duration {
        match self.kind {
            Kind::Terminal { .. } => Duration::from_millis(100),
            Kind::Lines => Duration::from_secs(1),
        }
    }

    /// Writes a line that stays, above the table.
    pub(super) fn line(&mut self, line: impl Display) -> Result<()> {
        if let Kind::Terminal { height } = &mut self.kind {
            write!(self.out, "{}", lines::erased(*height))?;
            *height = 0;
        }
        writeln!(self.out, "{line}")?;
        self.out.flush()?;
        Ok(())
    }

    /// Returns true if the table is redrawn in place.
    pub(super) fn is_redrawn(&self) -> bool {
        matches!(self.kind, Kind::Terminal { .. })
    }

    /// Notes that somebody typed a line, which a terminal shows below the table.
    pub(super) fn typed(&mut self) {
        if let Kind::Terminal { height } = &mut self.kind
            && *height > 0
        {
            *height += 1;
        }
    }

    /// Prints the time without a leader: a terminal replaces the last such line and has an empty table below, another output gets a line.
    pub(super) fn nobody(&mut self, headline: &str) -> Result<()> {
        match self.kind {
            Kind::Terminal { .. } => self.show(&[], headline),
            Kind::Lines => self.line(headline),
        }
    }

    /// Shows the table; in a terminal it replaces the last one.
    pub(super) fn show(&mut self, rows: &[TableRow], headline: &str) -> Result<()> {
        match &mut self.kind {
            Kind::Terminal { height } => {
                let text = lines::redrawn(rows, headline, *height);
                *height = rows.len() + lines::AROUND;
                self.out.write_all(text.as_bytes())?;
            }
            Kind::Lines => {
                for line in lines::table(rows, headline) {
                    writeln!(self.out, "{line}")?;
                }
                writeln!(self.out)?;
            }
        }
        self.out.flush()?;
        Ok(())
    }
}
