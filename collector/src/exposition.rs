//! The metric families of `/metrics`, and their text.
//!
//! Three things are kept apart:
//! - [`FAMILIES`] is the table: name, type and help of each family, and the function that gives the value of a row.
//! - [`rows`] goes through the [`Collected`](crate::collected::Collected) data and the state of a cluster and hands each row of a
//!   family to a [`RowSink`], as labels and a [`Number`]. The module knows no text format.
//! - `prometheus` is one such sink and the renderer around it: the text format 0.0.4 of Prometheus, compressed. Another form of
//!   output is another file beside it, which reads [`Published::clusters`] or implements [`RowSink`].
//!
//! **The rule.** The exposition is a function of the clusters' states and the term. Nothing is kept per series, so a series lives
//! as long as the data that it comes from. The order of families is that of the table; the order of rows is that of the data.
//!
//! **Two steps.** The text format wants all series of a family together, but clusters are collected at different times. So
//! [`LagText`] is made once per collection of a cluster: the rows of its lag families, written and compressed, family by family.
//! [`Published::render`] runs whenever a cluster's state or the term changes: it writes the headers and the small state families,
//! and puts the compressed pieces between them as they are. Its cost hardly depends on the size of the clusters.
//!
//! **Why this is safe.** A value that was not read is absent from the data and gives no row; nothing is shown as zero in its
//! place. [`Published`] carries the opening of the gate in which its data was collected, and the endpoints show it under no
//! other. The result is one gzip member, which every client understands.
//!
//! **Not promised.** Series of two clusters in one exposition come from different instants. A client that reads slowly gets the
//! exposition as it was when its request began.

mod families;
mod gzip_stream;
mod prometheus;
pub mod rows;
mod text_format;

use std::sync::Arc;

use bytes::Bytes;

use crate::collected::ClusterState;
use crate::snapshot::Offset;

pub use self::families::{FAMILIES, Family, Kind};
pub use self::prometheus::LagText;
pub use self::rows::RowSink;

/// The value of a sample, in a form that prints without loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A non-negative integer, which is printed exactly.
    Unsigned(u64),
    /// An integer with a sign, which is printed exactly.
    Signed(i64),
    /// A real number, which is printed as the shortest text that reads back as the same number.
    Real(f64),
}

/// The state of a cluster, and the text of the lag families that was rendered from it.
#[derive(Clone, Debug)]
pub struct RenderedCluster {
    /// The cluster's data, last collection and counters.
    pub state: ClusterState,
    /// The text of [`ClusterState::collected`]; `None` where there is no such data.
    pub lag_text: Option<Arc<LagText>>,
}

/// The states of all clusters, and the exposition rendered from them.
#[derive(Clone, Debug)]
pub struct Published {
    /// The states of the clusters, in the order of the configuration.
    pub clusters: Arc<[ClusterState]>,
    /// The term of the leadership; 0 when this process runs alone.
    pub term: u64,
    /// The opening of the gate in which the data was collected; the exposition is not shown in any other opening.
    pub opening: u64,
    /// The text of the exposition, as one gzip member.
    pub gzip: Bytes,
}

// === impl RenderedCluster ===

impl RenderedCluster {
    /// Removes the cluster's data and text, so that it has no lag series. Its counters and its last collection stay.
    pub fn withdraw(&mut self) {
        self.state.collected = None;
        self.lag_text = None;
    }
}

// === impl Number ===

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::Unsigned(value)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::Signed(value)
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<Offset> for Number {
    fn from(offset: Offset) -> Self {
        Self::Unsigned(offset.get())
    }
}
