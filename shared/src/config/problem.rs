//! The problems of a file, all of them at once up to a bound, each with its line and with what to write instead.

use std::error::Error;
use std::fmt;

/// The greatest number of problems that are shown of one file.
const MAX_SHOWN: usize = 20;

/// The error for a file that cannot be used. `Display` writes one line for each problem, of 20 at most, and then the number of
/// the others.
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
        for (i, problem) in self.problems.iter().take(MAX_SHOWN).enumerate() {
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
        match self.problems.len().saturating_sub(MAX_SHOWN) {
            0 => Ok(()),
            n_more => write!(f, "\n{}: and {n_more} more", self.file),
        }
    }
}

impl Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_problems_the_first_lines_are_shown() {
        let problem = |line| ConfigProblem {
            line: Some(line),
            ..ConfigProblem::of_file("wrong".to_owned())
        };
        let shown =
            |n| ConfigError::new("a.toml", (1..=n).rev().map(problem).collect()).to_string();
        assert_eq!(shown(20).lines().count(), 20);
        let many = shown(90_000);
        assert_eq!(many.lines().count(), 21);
        assert!(many.starts_with("a.toml:1: wrong\na.toml:2: wrong\n"));
        assert!(many.ends_with("\na.toml: and 89980 more"), "{many}");
    }
}
