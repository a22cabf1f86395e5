//! The names of groups and topics that are exported.

use regex::RegexSet;

/// The names in which at least one pattern of one list matches, and none of another. A pattern matches anywhere in a name.
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
    /// A pattern that is not a regular expression, or patterns that take too much memory together.
    pub fn new<S: AsRef<str>>(include: &[S], exclude: &[S]) -> Result<Self, regex::Error> {
        Ok(Self {
            include: RegexSet::new(include)?,
            exclude: RegexSet::new(exclude)?,
        })
    }

    /// Returns true where `name` is exported.
    pub fn matches(&self, name: &str) -> bool {
        self.include.is_match(name) && !self.exclude.is_match(name)
    }

    /// The patterns that include names, as the file has them.
    pub fn include(&self) -> &[String] {
        self.include.patterns()
    }

    /// The patterns that exclude names, as the file has them.
    pub fn exclude(&self) -> &[String] {
        self.exclude.patterns()
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.include() == other.include() && self.exclude() == other.exclude()
    }
}
