//! The tables of the file, one file each: the keys, the type that a table becomes, and how that type is read and written.

use super::key::Table;

pub(super) mod clusters;
pub(super) mod compatibility;
pub(super) mod exporter;
pub(super) mod leadership;
pub(super) mod otel;
pub(super) mod performance;
pub(super) mod timestamp_sampling;

/// The file itself, which has tables and no keys of its own.
pub(super) static FILE: Table = Table {
    name: "",
    keys: &[],
};

/// Every table below the file, in the order of the reference.
pub(super) static ALL: &[&Table] = &[
    &exporter::TABLE,
    &timestamp_sampling::TABLE,
    &performance::TABLE,
    &otel::TABLE,
    &compatibility::TABLE,
    &leadership::TABLE,
    &clusters::TABLE,
];
