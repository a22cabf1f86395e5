//! Messages about unknown keys: the key that was most likely meant, or the table where the key belongs.

use super::key::Table;

/// Returns the message about the key `name`, which `table` does not have. `tables` are all tables of the file, in case the key
/// belongs in another table.
pub(super) fn unknown_key(table: &Table, tables: &[&'static Table], name: &str) -> String {
    let known = table.names(tables);
    let nearest = known
        .iter()
        .map(|known| (strsim::levenshtein(known, name), *known))
        .min();
    if let Some((_, nearest)) = nearest.filter(|(edits, near)| *edits <= 1 + near.len() / 5) {
        return format!("no such key; did you mean `{nearest}`?");
    }
    if let Some(other) = tables.iter().find(|table| table.key(name).is_some()) {
        return format!("no such key; `{name}` belongs in {}", other.header());
    }
    let known: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
    format!("no such key; there are {}", known.join(", "))
}
