//! Which names are exported.

use regex::RegexSet;

/// Names that some pattern includes and none excludes. Patterns are found anywhere in a name.
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
    /// The first pattern that is not a regular expression.
    pub fn new<S: AsRef<str>>(include: &[S], exclude: &[S]) -> Result<Self, regex::Error> {
        Ok(Self {
            include: RegexSet::new(include)?,
            exclude: RegexSet::new(exclude)?,
        })
    }

    /// Whether `name` is exported.
    pub fn matches(&self, name: &str) -> bool {
        self.include.is_match(name) && !self.exclude.is_match(name)
    }

    /// The patterns that include, as written.
    pub fn include(&self) -> &[String] {
        self.include.patterns()
    }

    /// The patterns that exclude, as written.
    pub fn exclude(&self) -> &[String] {
        self.exclude.patterns()
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.include() == other.include() && self.exclude() == other.exclude()
    }
}
