//! The elector: says on loopback whether this pod may act, and for how long.
//!
//! ```text
//!  config ─► kube client ─► guard (tower service) ─► kube-lease-manager ─► leadership ─► http
//! ```

pub mod args;
pub mod desk;
#[cfg(feature = "kubernetes")]
mod guard;
pub mod http;
pub mod leadership;
#[cfg(feature = "kubernetes")]
pub mod lease;
pub mod run;
pub mod single;
pub mod standing;
pub mod telemetry;
