//! The problems of a file, all of them at once, each with its line and with what to write instead.

use std::error::Error;
use std::fmt;

/// The error for a file that cannot be used. `Display` writes one line for each problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    file: String,
    problems: Vec<ConfigProblem>,
}

/// One problem of the file that the user has to correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The line, counted from 1; `None` where the problem concerns the file as a whole.
    pub line: Option<usize>,
    /// The key, such as `exporter.poll_interval`; empty where the problem concerns no key.
    pub path: String,
    /// The words about what is wrong and what to write instead.
    pub message: String,
}

// === impl ConfigProblem ===

impl ConfigProblem {
    /// Makes a problem that concerns the file as a whole.
    pub(crate) const fn of_file(message: String) -> Self {
        Self {
            line: None,
            path: String::new(),
            message,
        }
    }
}

// === impl ConfigError ===

impl ConfigError {
    pub(crate) fn new(file: &str, mut problems: Vec<ConfigProblem>) -> Self {
        problems.sort_by_key(|problem| problem.line);
        Self {
            file: file.to_owned(),
            problems,
        }
    }

    /// Returns the problems, in the order of the file.
    pub fn problems(&self) -> &[ConfigProblem] {
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
