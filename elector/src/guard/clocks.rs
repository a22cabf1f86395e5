//! The current time on the monotonic clock and on the wall clock.

use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

/// The current time on both clocks of this machine, as every call of the guard is given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The monotonic clock. All deadlines are on this clock.
    pub monotonic: Instant,
    /// The wall clock, which may be wrong and may be set at any time.
    pub wall: Timestamp,
}
