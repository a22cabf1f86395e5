//! The table `[exporter.web]`, which names the web configuration.

use std::fmt;

use crate::config::context::{ReadContext, TableRef};
use crate::config::forms::Text;
use crate::config::key::DefaultValue::Described;
use crate::config::key::{Key, Table};
use crate::config::parsers;
use crate::config::program::UsedBy::Both;
use crate::config::table_reader::TableReader;

static CONFIG_FILE: Key<Text<String>> = Key {
    name: "config_file",
    form: Text {
        words: "the name of a file such as \"/etc/klag-exporter-web/web.config.yml\"",
        parse: parsers::title,
    },
    default: Described("unset: everybody is answered"),
    used_by: Both,
    meaning: "file with TLS, client certificates and passwords for `http_port` and `telemetry_listen`",
};

pub(crate) static TABLE: Table = Table {
    name: "exporter.web",
    keys: &[&CONFIG_FILE],
};

/// Reads the table, and returns the name of the web configuration if there is one.
pub(crate) fn read(context: &mut ReadContext<'_>, exporter: &TableRef<'_>) -> Option<String> {
    let table = exporter.below(context, "web");
    TableReader::new(context, &TABLE, table).read_optional(&CONFIG_FILE)
}

/// Writes the table if it names a web configuration.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, config_file: Option<&String>) -> fmt::Result {
    if let Some(config_file) = config_file {
        writeln!(f, "{}", TABLE.header())?;
        CONFIG_FILE.write(f, config_file)?;
        writeln!(f)?;
    }
    Ok(())
}
