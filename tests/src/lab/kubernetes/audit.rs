//! The API server's audit log of requests about Leases.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::access::Account;
use super::kube::Kube;

/// A request about Leases that the API server has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name of the user that sent the request, such as [`Account::user`].
    pub user: String,
    /// The verb of the request: `get`, `patch`, `create`, `list`, `watch` and so on.
    pub verb: String,
    /// The status code of the answer; 0 if the log has none.
    pub status: i64,
}

impl Kube {
    /// Returns all entries so far. A watch has one entry, from when it began; other requests have one from when they were answered.
    pub fn audit(&self) -> Result<Vec<Entry>> {
        let text = fs::read_to_string(self.dir().join("audit.log"))?;
        text.lines()
            .filter_map(|line| entry(line).transpose())
            .collect()
    }

    /// Returns the number of an account's requests by verb, without the first `since` entries of [`Kube::audit`].
    pub fn requests_by(&self, account: &Account, since: usize) -> Result<BTreeMap<String, usize>> {
        let user = account.user();
        let mut asked = BTreeMap::new();
        for entry in self.audit()?.into_iter().skip(since) {
            if entry.user == user {
                *asked.entry(entry.verb).or_default() += 1;
            }
        }
        Ok(asked)
    }
}

fn entry(line: &str) -> Result<Option<Entry>> {
    let value: Value = serde_json::from_str(line).context("a broken line in the audit log")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entry = Entry {
        user: text(&value["user"]["username"]),
        verb: text(&value["verb"]),
        status: value["responseStatus"]["code"].as_i64().unwrap_or_default(),
    };
    let end_of_watch = entry.verb == "watch" && value["stage"] == "ResponseComplete";
    Ok((!end_of_watch).then_some(entry))
}
