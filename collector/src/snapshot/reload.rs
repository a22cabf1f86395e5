//! Reloads of files with credentials.

/// The result of a reload: the files that a cluster's properties name were found changed, and new clients were made with them.
/// The values of the label `result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReloadResult {
    /// The new clients are in use.
    Success,
    /// The last clients are kept, because new ones cannot be made or cannot log in. Each attempt counts.
    Failure,
}

// === impl ReloadResult ===

impl ReloadResult {
    /// Every value of the label, in order.
    pub const ALL: [Self; 2] = [Self::Success, Self::Failure];

    /// Returns the value of the label `result`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}
