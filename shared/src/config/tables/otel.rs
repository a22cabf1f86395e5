//! The table `[exporter.otel]` of klag-exporter, which must be switched off: there is no OTLP export.

use crate::config::context::{ReadContext, TableRef};
use crate::config::forms::{BOOLEAN, Switch};
use crate::config::key::DefaultValue::Toml;
use crate::config::key::{Key, Table};
use crate::config::program::UsedBy::Collector;
use crate::config::table_reader::TableReader;

static ENABLED: Key<Switch<bool>> = Key {
    name: "enabled",
    form: BOOLEAN,
    default: Toml("false"),
    used_by: Collector,
    meaning: "must be false: there is no OTLP export",
};

pub(crate) static TABLE: Table = Table {
    name: "exporter.otel",
    keys: &[
        &ENABLED,
        &Key::ignored(
            "endpoint",
            "\"http://localhost:4317\"",
            "there is no OTLP export",
        ),
        &Key::ignored("export_interval", "\"60s\"", "there is no OTLP export"),
    ],
};

/// Reads `[exporter.otel]`, and adds a problem where it switches the export on.
pub(crate) fn read(context: &mut ReadContext<'_>, exporter: &TableRef<'_>) {
    let table = exporter.below(context, "otel");
    let mut reader = TableReader::new(context, &TABLE, table);
    if reader.read(&ENABLED) {
        let message = "OTLP export is not there yet; write false, and let an OpenTelemetry \
                       Collector's Prometheus receiver scrape /metrics";
        reader.add_problem(ENABLED.name, message.to_owned());
    }
}
