//! The filter for the names of groups and topics that are exported.

use regex::RegexSet;

/// A filter for names: at least one pattern of `include` matches, and none of `exclude` does. A pattern matches anywhere in a
/// name.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    include: RegexSet,
    exclude: RegexSet,
}

// === impl Filter ===

impl Filter {
    /// Compiles the patterns.
    ///
    /// # Errors
    /// Returns an error if a pattern is not a regular expression, or if the patterns of one list take too much memory together.
    pub fn new<S: AsRef<str>>(include: &[S], exclude: &[S]) -> Result<Self, regex::Error> {
        Ok(Self {
            include: RegexSet::new(include)?,
            exclude: RegexSet::new(exclude)?,
        })
    }

    /// Returns true where the filter lets `name` be exported.
    pub fn matches(&self, name: &str) -> bool {
        self.include.is_match(name) && !self.exclude.is_match(name)
    }

    /// Returns the patterns of which one has to match, as the file has them.
    pub fn include(&self) -> &[String] {
        self.include.patterns()
    }

    /// Returns the patterns of which none may match, as the file has them.
    pub fn exclude(&self) -> &[String] {
        self.exclude.patterns()
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.include() == other.include() && self.exclude() == other.exclude()
    }
}
