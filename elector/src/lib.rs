//! The elector: says on loopback whether this pod may act, and for how long.
//!
//! Not here yet: the election itself.

pub mod args;
