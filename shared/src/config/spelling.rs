//! Messages about unknown keys: the key that was most likely meant, or the table where the key belongs.

use super::key::Table;

/// Returns the message about the key `name`, which `table` does not have. `tables` are all tables of the file, in case the key
/// belongs in another table.
pub(super) fn unknown_key(table: &Table, tables: &[&'static Table], name: &str) -> String {
    let known = table.names(tables);
    let nearest = known
        .iter()
        .filter_map(|known| Some((edits(known, name)?, *known)))
        .min();
    if let Some((_, nearest)) = nearest {
        return format!("no such key; did you mean `{nearest}`?");
    }
    if let Some(other) = tables.iter().find(|table| table.key(name).is_some()) {
        return format!("no such key; `{name}` belongs in {}", other.header());
    }
    let known: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
    format!("no such key; there are {}", known.join(", "))
}

/// Returns the number of edits that make `name` of the key `known`; `None` for too many to be a mistake in writing. Counting takes as
/// long as the product of both lengths, so a name of another length is not looked at.
fn edits(known: &str, name: &str) -> Option<usize> {
    let most = 1 + known.len() / 5;
    if name.chars().count().abs_diff(known.len()) > most {
        return None;
    }
    Some(strsim::levenshtein(known, name)).filter(|edits| *edits <= most)
}
