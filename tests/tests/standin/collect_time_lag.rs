//! No time lag and no loss is shown for records that mislead: those of an earlier topic of the same name, those of aborted transactions,
//! those without a date or with an impossible one, those too large to be read, and those that the group itself has purged. Records that are too large harm no others.

mod dates;
mod large_batches;
mod purged;
mod topics;
mod world;
