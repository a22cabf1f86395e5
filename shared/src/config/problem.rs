//! What is wrong with a file: everything at once, each with its line and its remedy.

use std::error::Error;
use std::fmt;

/// Why a file cannot be used. `Display` is what the user reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    file: String,
    problems: Vec<Problem>,
}

/// One thing to correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Counted from 1; `None` where the file as a whole is meant.
    pub line: Option<usize>,
    /// The key, such as `exporter.poll_interval`; empty where there is none.
    pub path: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

// === impl Problem ===

impl Problem {
    /// A problem with the file as a whole.
    pub(super) const fn of_file(message: String) -> Self {
        Self {
            line: None,
            path: String::new(),
            message,
        }
    }
}

// === impl ConfigError ===

impl ConfigError {
    pub(super) fn new(file: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.line);
        Self {
            file: file.to_owned(),
            problems,
        }
    }

    /// What there is to correct, in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            f.write_str(&self.file)?;
            if let Some(line) = problem.line {
                write!(f, ":{line}")?;
            }
            f.write_str(": ")?;
            if !problem.path.is_empty() {
                write!(f, "{}: ", problem.path)?;
            }
            f.write_str(&problem.message)?;
        }
        Ok(())
    }
}

impl Error for ConfigError {}
