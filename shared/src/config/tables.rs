//! The tables of the file, one module each: the keys, the type that a table becomes, and the reading and writing of that type.

use super::context::{ReadContext, TableRef};
use super::key::Table;
use super::table_reader::TableReader;

use self::clusters::Cluster;
use self::exporter::Exporter;

pub(super) mod clusters;
pub(super) mod compatibility;
pub(super) mod exporter;
pub(super) mod leadership;
pub(super) mod otel;
pub(super) mod performance;
pub(super) mod timestamp_sampling;
pub(super) mod web;

/// Everything that one program takes from the file, defaults in place.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The settings that hold for all clusters.
    pub exporter: Exporter,
    /// The clusters to collect from, no two with the same name. Empty for the elector.
    pub clusters: Vec<Cluster>,
}

/// The file itself, which has tables and no keys of its own.
static FILE: Table = Table {
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
    &web::TABLE,
    &leadership::TABLE,
    &clusters::TABLE,
];

/// Reads a whole file. The result is of use only where no problem was added to `context`.
pub(super) fn read(context: &mut ReadContext<'_>, file: &TableRef<'_>) -> Config {
    // Making a reader checks for unknown tables. Nothing is read with it, since the file has no keys of its own.
    TableReader::new(context, &FILE, file.clone());
    Config {
        exporter: exporter::read(context, file),
        clusters: clusters::read(context, file),
    }
}
