//! The elector: says on loopback whether this pod may act, and for how long.
//!
//! ```text
//!  config ─► kube client ─► guard (tower service) ─► kube-lease-manager ─► leadership ─► http
//! ```

pub mod args;
#[cfg(feature = "kubernetes")]
mod guard;
#[cfg(feature = "kubernetes")]
pub mod lease;
pub mod leadership;
pub mod standing;
