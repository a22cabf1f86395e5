//! The phases of a collection, whose durations are metrics.

/// A phase of a collection. There is one value of the label `phase` for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The reading of metadata, topic ids, group listings, members and cleanup policies.
    Groups,
    /// The reading of committed offsets.
    Offsets,
    /// The reading of log starts and log ends.
    Ends,
    /// The lookup of the timestamps of unread records.
    Timestamps,
    /// The computation of lag and the rendering of its text.
    Render,
}

// === impl Phase ===

impl Phase {
    /// Every value, in the order of the exposition.
    pub const ALL: [Self; 5] = [
        Self::Groups,
        Self::Offsets,
        Self::Ends,
        Self::Timestamps,
        Self::Render,
    ];

    /// Returns the value of the label `phase`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::Offsets => "offsets",
            Self::Ends => "ends",
            Self::Timestamps => "timestamps",
            Self::Render => "render",
        }
    }
}
