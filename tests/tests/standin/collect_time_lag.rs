//! Time lag and retention are never told of records that are not what they seem: those of a topic that had the name before,
//! of transactions that were aborted, without a date or with an impossible one, too large to be read, or purged by the group
//! itself.

mod dates;
mod purged;
mod topics;
mod world;
