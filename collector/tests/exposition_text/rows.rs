//! Tests of rows without a text format: a sink that writes no text gets the same rows as the text has.

use std::collections::BTreeMap;

use collector::exposition::{FAMILIES, Number, RenderedCluster, RowSink, rows};
use shared::config::ExtraLabels;

use crate::clusters::{cluster, rendered, shop, stale, text_of, view};
use crate::parse::parse;

/// A sink that keeps each row as values.
#[derive(Default)]
struct Kept {
    labels: Vec<(String, String)>,
    rows: Vec<(BTreeMap<String, String>, f64)>,
}

// === impl Kept ===

impl RowSink for Kept {
    fn label(&mut self, name: &str, value: &str) {
        self.labels.push((name.into(), value.into()));
    }

    fn number_label(&mut self, name: &str, value: i32) {
        self.labels.push((name.into(), value.to_string()));
    }

    fn n_labels(&self) -> usize {
        self.labels.len()
    }

    fn truncate_labels(&mut self, n_labels: usize) {
        self.labels.truncate(n_labels);
    }

    #[expect(clippy::cast_precision_loss, reason = "samples are doubles")]
    fn row(&mut self, value: Number) {
        let value = match value {
            Number::Unsigned(value) => value as f64,
            Number::Signed(value) => value as f64,
            Number::Real(value) => value,
        };
        self.rows
            .push((self.labels.iter().cloned().collect(), value));
    }
}

#[test]
fn a_sink_that_is_not_text_gets_every_row_of_the_text() {
    let mut switched = cluster("a");
    switched.compatibility.state_labels = ExtraLabels::Present;
    switched.labels = BTreeMap::from([("env".into(), "prod".into())]);
    let clusters = [view(switched, &shop()), rendered(stale("b"))];
    let mut families = Vec::new();
    for family in &FAMILIES {
        let mut kept = Kept::default();
        for RenderedCluster { state, .. } in &clusters {
            rows::of_state(family, state, &mut kept);
        }
        rows::of_process(family, 0, &mut kept);
        for RenderedCluster { state, .. } in &clusters {
            if let Some(collected) = &state.collected {
                rows::of_lag(family, &state.cluster, collected, &mut kept);
            }
        }
        assert_eq!(kept.n_labels(), 0, "{}", family.name);
        families.push((family.name.to_owned(), kept.rows));
    }
    families.retain(|(_, rows)| !rows.is_empty());
    let text = parse(&text_of(&clusters));
    let text: Vec<_> = text
        .into_iter()
        .map(|family| (family.name, family.samples))
        .collect();
    assert_eq!(text, families);
}

#[test]
fn the_published_value_has_the_data_of_the_text() {
    let clusters = vec![view(cluster("a"), &shop())];
    let collected = clusters[0].state.collected.clone().unwrap();
    let published = collector::exposition::Published::render(clusters, 7);
    let state = &published.clusters[0];
    assert_eq!(state.collected.as_deref(), Some(&*collected));
    assert_eq!((published.term, published.opening), (7, 1));
}
