//! The rows of the demo's table: lag by group, read from an exposition.

use std::fmt;

use super::scenario::READERS;
use crate::lab::prom::{Exposition, Labels};

/// The row of one group. A value without a sample is `None`, and is shown as missing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TableRow {
    group: String,
    state: Option<f64>,
    n_members: Option<f64>,
    offset_lag: Option<f64>,
    time_lag: Option<f64>,
}

/// The titles of a row's columns.
pub(super) const TITLES: &str =
    "GROUP         STATE         MEMBERS       LAG   OLDEST UNREAD   WHAT IT DOES";

// === impl TableRow ===

impl TableRow {
    /// Returns a row for each group: those of the scenario in their order, then others.
    pub(super) fn all(exposition: &Exposition) -> Vec<Self> {
        let groups = exposition
            .series("kafka_consumergroup_group_state")
            .filter_map(|(labels, _)| labels.get("group"));
        let mut groups: Vec<_> = groups.cloned().collect();
        groups.sort_by_key(|group| place(group));
        let row = |group: String| {
            let value = |family: &str| {
                let of_group = |labels: &Labels| labels.get("group") == Some(&group);
                let mut series = exposition.series(family);
                series.find_map(|(labels, value)| of_group(labels).then_some(value))
            };
            Self {
                state: value("kafka_consumergroup_group_state"),
                n_members: value("kafka_consumergroup_group_members"),
                offset_lag: value("kafka_consumergroup_group_sum_lag"),
                time_lag: value("kafka_consumergroup_group_max_lag_seconds"),
                group,
            }
        };
        groups.into_iter().map(row).collect()
    }

    fn state(&self) -> &'static str {
        const NAMES: [&str; 8] = [
            "Unknown",
            "Preparing",
            "Completing",
            "Stable",
            "Dead",
            "Empty",
            "Assigning",
            "Reconciling",
        ];
        let mut names = (0_u8..).zip(NAMES);
        let name = names.find(|(code, _)| self.state == Some(f64::from(*code)));
        name.map_or("-", |(_, name)| name)
    }
}

impl fmt::Display for TableRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |value: Option<f64>| value.map_or("-".to_owned(), |n| format!("{n:.0}"));
        let seconds = |value: Option<f64>| value.map_or("-".to_owned(), |n| format!("{n:.1} s"));
        let words = READERS.iter().find(|reader| reader.group == self.group);
        write!(
            f,
            "{:<12}  {:<12} {:>8}  {:>8}   {:>13}   {}",
            self.group,
            self.state(),
            whole(self.n_members),
            whole(self.offset_lag),
            seconds(self.time_lag),
            words.map_or("", |reader| reader.words),
        )
    }
}

fn place(group: &str) -> usize {
    let place = READERS.iter().position(|reader| reader.group == group);
    place.unwrap_or(READERS.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::prom;

    const TEXT: &str = r#"# HELP kafka_consumergroup_group_state State.
# TYPE kafka_consumergroup_group_state gauge
kafka_consumergroup_group_state{cluster_name="demo",group="audit"} 5
kafka_consumergroup_group_state{cluster_name="demo",group="billing"} 3
# HELP kafka_consumergroup_group_sum_lag Lag.
# TYPE kafka_consumergroup_group_sum_lag gauge
kafka_consumergroup_group_sum_lag{cluster_name="demo",group="billing"} 12
# HELP kafka_consumergroup_group_max_lag_seconds Lag.
# TYPE kafka_consumergroup_group_max_lag_seconds gauge
kafka_consumergroup_group_max_lag_seconds{cluster_name="demo",group="billing"} 1.25
"#;

    #[test]
    fn the_table_shows_what_the_exposition_has_and_a_dash_for_the_rest() {
        let rows = TableRow::all(&prom::parse(TEXT).unwrap());
        let text: Vec<_> = rows.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "billing       Stable              -        12           1.2 s   keeps up",
                "audit         Empty               -         -               -   reads 60 records and leaves",
            ]
        );
    }

    #[test]
    fn the_titles_stand_above_their_columns() {
        let rows = TableRow::all(&prom::parse(TEXT).unwrap());
        let row = rows[0].to_string();
        assert_eq!(TITLES.find("WHAT"), row.find("keeps"));
        assert_eq!(TITLES.find("STATE"), row.find("Stable"));
        let end = |text: &str, word: &str| text.find(word).map(|at| at + word.len());
        assert_eq!(end(TITLES, "LAG"), end(&row, " 12"));
        assert_eq!(end(TITLES, "UNREAD"), end(&row, "1.2 s"));
    }
}
