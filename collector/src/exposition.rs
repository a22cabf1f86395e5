//! The text that `/metrics` answers with, made from values. No I/O, no clock; nothing is kept per series.
//!
//! A family's series of all clusters have to stand together, but clusters are collected at different times. So the work is in
//! two steps:
//! 1. [`Sections::of`], once per collection of a cluster: the rows of each lag family, written and compressed.
//! 2. [`render`], whenever a cluster has something new: headers and the few state families written, the sections put between
//!    them as they are, compressed. It costs as much for a large cluster as for a small one, but for copying the bytes.
//!
//! The text format is Prometheus' 0.0.4, UTF-8. Order of families and rows is fixed.

mod counters;
mod families;
mod rows;
mod stream;
mod text;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use flate2::read::GzDecoder;
use shared::config::{Compatibility, Granularity};

use crate::lag::Lag;
use crate::snapshot::{Name, Phase};

use self::families::Rows;
use self::stream::{Piece, Pieces, Stream};
use self::text::Labels;

pub use self::counters::{Counters, Outcome};
pub use self::families::{FAMILIES, Family, Kind};

/// What a cluster is called, and how finely it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The value of the label `cluster_name`.
    pub name: Name,
    /// Further labels of each of its series.
    pub labels: BTreeMap<String, String>,
    /// How finely groups are shown.
    pub granularity: Granularity,
    /// Labels as klag-exporter had them.
    pub compatibility: Compatibility,
}

/// The rows of the lag families of one collection of one cluster, written and compressed.
#[derive(Debug)]
pub struct Sections {
    /// By the family's place in [`FAMILIES`].
    pieces: Vec<Option<Piece>>,
}

/// Everything that is shown of one cluster.
#[derive(Clone, Debug)]
pub struct ClusterView {
    /// Its name and options.
    pub cluster: Arc<Cluster>,
    /// Its lag; `None` before the first collection that gave data and once that data has become stale.
    pub lag: Option<Arc<Sections>>,
    /// The last collection, whatever its outcome.
    pub last_collection: Option<LastCollection>,
    /// When the last collection that gave data ended, in seconds of Unix time.
    pub last_update: Option<u64>,
    /// What its collections went through.
    pub counters: Counters,
}

/// The last collection of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastCollection {
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub duration: Duration,
    /// How long each of its phases took.
    pub phases: BTreeMap<Phase, Duration>,
}

/// A whole answer to a scrape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposition {
    /// The text as one gzip stream.
    pub gzip: Bytes,
}

/// Puts together what is shown of `clusters` under leadership `term` (0 when this process runs alone).
pub fn render(clusters: &[ClusterView], term: u64) -> Exposition {
    let mut stream = Stream::new();
    let mut rows = Vec::new();
    for (i, family) in FAMILIES.iter().enumerate() {
        for view in clusters {
            rows::write_state(family, view, &mut rows);
        }
        if let Rows::Process(value) = family.rows
            && let Some(value) = value(term)
        {
            text::write_sample(&mut rows, family.name, &Labels::none(), value);
        }
        let pieces = || {
            clusters
                .iter()
                .filter_map(|view| view.lag.as_ref()?.pieces[i].as_ref())
        };
        if !rows.is_empty() || pieces().next().is_some() {
            text::write_header(stream.text(), family.name, family.kind.label(), family.help);
        }
        stream.text().append(&mut rows);
        pieces().for_each(|piece| stream.put(piece));
    }
    Exposition {
        gzip: stream.finish().into(),
    }
}

// === impl Cluster ===

impl Cluster {
    fn as_labels(&self) -> Labels {
        let mut labels = Labels::none();
        labels.push("cluster_name", &self.name);
        self.labels
            .iter()
            .for_each(|(name, value)| labels.push(name, value));
        labels
    }
}

// === impl Sections ===

impl Sections {
    /// Writes `lag` as `cluster` wants it shown.
    pub fn of(cluster: &Cluster, lag: &Lag<'_>) -> Self {
        let mut out = Pieces::new();
        let pieces = FAMILIES.iter().map(|family| {
            rows::write_lag(family, cluster, lag, &mut out);
            out.cut()
        });
        Self {
            pieces: pieces.collect(),
        }
    }
}

// === impl ClusterView ===

impl ClusterView {
    /// Whether the last collection gave data that is still shown.
    pub fn is_up(&self) -> bool {
        let gave_data = self
            .last_collection
            .as_ref()
            .is_some_and(|last| last.outcome.gave_data());
        gave_data && self.lag.is_some()
    }
}

// === impl Exposition ===

impl Exposition {
    /// The text as it is, for the rare client that takes no gzip.
    ///
    /// # Errors
    /// Never for what [`render`] made.
    pub fn plain(&self) -> io::Result<Bytes> {
        let mut text = Vec::new();
        GzDecoder::new(&*self.gzip).read_to_end(&mut text)?;
        Ok(text.into())
    }
}
