//! The table `[exporter.compatibility]`: labels that klag-exporter has.

use std::fmt;

use crate::config::context::{ReadContext, TableRef};
use crate::config::forms::Switch;
use crate::config::key::DefaultValue::Toml;
use crate::config::key::{Key, Table};
use crate::config::program::UsedBy::Collector;
use crate::config::table_reader::TableReader;

/// Labels that klag-exporter has and that may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compatibility {
    /// The labels `compaction_detected` and `data_loss_detected` on the families of time lag.
    pub state_labels: ExtraLabels,
    /// The labels `member_host`, `consumer_id` and `client_id` on the series of partitions.
    pub member_labels: ExtraLabels,
}

/// The presence of some labels on a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtraLabels {
    /// The family has the labels.
    Present,
    /// The family does not have the labels.
    Absent,
}

const LABELS: Switch<ExtraLabels> = Switch {
    on: ExtraLabels::Present,
    off: ExtraLabels::Absent,
};

static STATE_LABELS: Key<Switch<ExtraLabels>> = Key {
    name: "state_labels",
    form: LABELS,
    default: Toml("false"),
    used_by: Collector,
    meaning: "`compaction_detected` and `data_loss_detected` on time lag",
};

static MEMBER_LABELS: Key<Switch<ExtraLabels>> = Key {
    name: "member_labels",
    form: LABELS,
    default: Toml("true"),
    used_by: Collector,
    meaning: "`member_host`, `consumer_id` and `client_id` on the series of partitions",
};

pub(crate) static TABLE: Table = Table {
    name: "exporter.compatibility",
    keys: &[&STATE_LABELS, &MEMBER_LABELS],
};

/// Reads `[exporter.compatibility]`.
pub(crate) fn read(context: &mut ReadContext<'_>, exporter: &TableRef<'_>) -> Compatibility {
    let table = exporter.below(context, "compatibility");
    let mut reader = TableReader::new(context, &TABLE, table);
    Compatibility {
        state_labels: reader.read(&STATE_LABELS),
        member_labels: reader.read(&MEMBER_LABELS),
    }
}

/// Writes `[exporter.compatibility]`.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, compatibility: Compatibility) -> fmt::Result {
    writeln!(f, "{}", TABLE.header())?;
    STATE_LABELS.write(f, &compatibility.state_labels)?;
    MEMBER_LABELS.write(f, &compatibility.member_labels)
}
