//! The text format of Prometheus as a renderer of published states.

use crate::collected::{ClusterDisplay, Collected};

use super::families::{FAMILIES, Family};
use super::gzip_stream::{GzipStream, Piece, Pieces};
use super::rows::{self, RowSink};
use super::text_format::{Labels, write_header, write_sample};
use super::{Number, Published, RenderedCluster};

/// The rows of the lag families of one collection, as compressed text.
#[derive(Debug)]
pub struct LagText {
    /// The pieces in the order of [`FAMILIES`]; `None` for a family without rows.
    pieces: Vec<Option<Piece>>,
}

/// A sink that writes the rows of one family as text.
struct TextRows<'o, O> {
    family: &'static str,
    labels: Labels,
    out: &'o mut O,
}

/// A destination for the text of rows.
trait TextOutput {
    /// Returns the buffer that a row is appended to.
    fn buffer(&mut self) -> &mut Vec<u8>;
    /// Takes note that a row is complete in the buffer; does nothing by default.
    fn row_written(&mut self) {}
}

// === impl LagText ===

impl LagText {
    /// Writes the rows of `collected` as text and compresses them; the options of `cluster` decide about detail and labels.
    pub fn of(cluster: &ClusterDisplay, collected: &Collected) -> Self {
        let mut pieces = Pieces::new();
        let cut = FAMILIES.iter().map(|family| {
            let mut sink = TextRows::new(family, &mut pieces);
            rows::of_lag(family, cluster, collected, &mut sink);
            pieces.cut()
        });
        Self {
            pieces: cut.collect(),
        }
    }
}

// === impl Published ===

impl Published {
    /// Renders the exposition of `clusters`. `term` is that of the leadership.
    pub fn render(clusters: Vec<RenderedCluster>, term: u64) -> Self {
        let gzip = render(&clusters, term).into();
        let openings = clusters.iter().map(|cluster| cluster.state.opening);
        Self {
            opening: openings.max().unwrap_or_default(),
            clusters: clusters.into_iter().map(|cluster| cluster.state).collect(),
            term,
            gzip,
        }
    }
}

fn render(clusters: &[RenderedCluster], term: u64) -> Vec<u8> {
    let mut stream = GzipStream::new();
    let mut text = Vec::new();
    for (i, family) in FAMILIES.iter().enumerate() {
        for RenderedCluster { state, .. } in clusters {
            rows::of_state(family, state, &mut TextRows::new(family, &mut text));
        }
        rows::of_process(family, term, &mut TextRows::new(family, &mut text));
        let pieces = || {
            clusters
                .iter()
                .filter_map(|cluster| cluster.lag_text.as_ref()?.pieces[i].as_ref())
        };
        if !text.is_empty() || pieces().next().is_some() {
            write_header(stream.text(), family.name, family.kind.label(), family.help);
        }
        stream.text().append(&mut text);
        pieces().for_each(|piece| stream.put(piece));
    }
    stream.finish()
}

// === impl TextRows ===

impl<'o, O> TextRows<'o, O> {
    fn new(family: &Family, out: &'o mut O) -> Self {
        Self {
            family: family.name,
            labels: Labels::default(),
            out,
        }
    }
}

impl<O: TextOutput> RowSink for TextRows<'_, O> {
    fn label(&mut self, name: &str, value: &str) {
        self.labels.push(name, value);
    }

    fn number_label(&mut self, name: &str, value: i32) {
        self.labels.push_number(name, value);
    }

    fn n_labels(&self) -> usize {
        self.labels.len()
    }

    fn truncate_labels(&mut self, n_labels: usize) {
        self.labels.truncate(n_labels);
    }

    fn row(&mut self, value: Number) {
        write_sample(self.out.buffer(), self.family, &self.labels, value);
        self.out.row_written();
    }
}

// === impl TextOutput ===

impl TextOutput for Vec<u8> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        self
    }
}

impl TextOutput for Pieces {
    fn buffer(&mut self) -> &mut Vec<u8> {
        self.text()
    }

    fn row_written(&mut self) {
        self.drain();
    }
}
