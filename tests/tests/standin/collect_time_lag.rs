//! No time lag and no loss is shown of records that mislead: those of a topic that had the name before, of transactions that
//! were aborted, without a date or with an impossible one, too large to be read, or purged by the group itself.

mod dates;
mod purged;
mod topics;
mod world;
