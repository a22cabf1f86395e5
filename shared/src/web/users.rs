//! The users with a password, and the hashes of their passwords.

use std::collections::BTreeMap;

use crate::config::ConfigProblem;
use crate::text::sanitize;

use super::yaml::{Entry, Node};

/// The greatest cost of a hash that is accepted. Comparing with a cost of 14 takes about a second, and each step more doubles the time.
pub(super) const MAX_COST: u32 = 14;

/// The lowest cost that bcrypt allows.
const MIN_COST: u32 = 4;

/// The greatest number of users that a file may have.
const MAX_USERS: usize = 1000;

/// A hash in bcrypt's form, with a cost within the bounds. A hash is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PasswordHash(String);

/// The hashes of all users, by name.
pub(super) type Users = BTreeMap<String, PasswordHash>;

/// Reads the entries of `basic_auth_users`. An entry that is wrong adds a problem and is left out.
pub(super) fn read(entries: &[Entry], problems: &mut Vec<ConfigProblem>) -> Users {
    let mut users = Users::new();
    for Entry { name, line, node } in entries {
        match user(name, node) {
            Ok(hash) => {
                users.insert(name.clone(), hash);
            }
            Err(message) => problems.push(problem(*line, name, message)),
        }
    }
    if users.len() > MAX_USERS {
        let message =
            format!("there are more than {MAX_USERS} users; give them certificates instead");
        problems.push(problem(entries[0].line, "", message));
    }
    users
}

fn user(name: &str, node: &Node) -> Result<PasswordHash, String> {
    if name.is_empty() || name.contains(':') || name.contains(char::is_control) {
        return Err(
            "a client cannot send this name; write one without colons and control characters"
                .to_owned(),
        );
    }
    match node {
        Node::Text(text) => PasswordHash::parse(text),
        other => Err(format!(
            "write the bcrypt hash of a password, not {}",
            other.kind()
        )),
    }
}

/// Makes a problem with the entry `name`. A password or a hash that was written into the name is not shown.
fn problem(line: usize, name: &str, message: String) -> ConfigProblem {
    let name = name.split(':').next().unwrap_or_default();
    let name = if name.contains('$') { "***" } else { name };
    let dot = if name.is_empty() { "" } else { "." };
    ConfigProblem {
        line: Some(line),
        path: sanitize(&format!("basic_auth_users{dot}{name}")),
        message,
    }
}

// === impl PasswordHash ===

impl PasswordHash {
    fn parse(text: &str) -> Result<Self, String> {
        let cost = cost(text).ok_or(
            "not the bcrypt hash of a password; write what `htpasswd -nBC 10 \"\" | tr -d ':\\n'` prints",
        )?;
        if cost > MAX_COST {
            return Err(format!(
                "the hash has a cost of {cost}, so each attempt to log in would take seconds; \
                 make one with a cost of {MAX_COST} at most, such as 10"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the text of the hash. The caller must not print it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Returns the cost of a bcrypt hash; `None` if `hash` does not have bcrypt's form.
fn cost(hash: &str) -> Option<u32> {
    let rest = ["$2a$", "$2b$", "$2y$"]
        .iter()
        .find_map(|version| hash.strip_prefix(version))?;
    let (cost, rest) = rest.split_once('$')?;
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '/';
    let is_number = cost.len() == 2 && cost.chars().all(|c| c.is_ascii_digit());
    if !is_number || rest.len() != 53 || !rest.chars().all(is_base64) {
        return None;
    }
    let cost = cost.parse().ok()?;
    (MIN_COST..=31).contains(&cost).then_some(cost)
}
