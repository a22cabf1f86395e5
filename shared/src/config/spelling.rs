//! What an unknown key was most likely meant to be.

use super::keys;

/// What to tell about the unknown key `name` of `table`.
pub(super) fn unknown(table: &str, name: &str) -> String {
    let known = keys::names(table);
    let nearest = known
        .iter()
        .map(|known| (distance(known, name), *known))
        .min();
    if let Some((_, nearest)) = nearest.filter(|(far, near)| *far <= 1 + near.len() / 5) {
        return format!("no such key; did you mean `{nearest}`?");
    }
    if let Some(key) = keys::KEYS.iter().find(|key| key.name == name) {
        return match key.table {
            "clusters" => format!("no such key; `{name}` belongs in [[clusters]]"),
            table => format!("no such key; `{name}` belongs in [{table}]"),
        };
    }
    let known: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
    format!("no such key; there are {}", known.join(", "))
}

/// Letters to insert, to delete or to replace to get from `a` to `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
