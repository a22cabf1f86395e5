//! The API server's own log of requests about Leases.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::access::Account;
use super::kube::Kube;

/// One request about a Lease that has been answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The account that sent the request.
    pub user: String,
    /// `get`, `patch`, `create`, `list`, `watch` and so on.
    pub verb: String,
    /// The status code of the answer.
    pub status: i64,
}

impl Kube {
    /// All entries so far. A watch is logged once it has begun, other requests when they were answered.
    pub fn audit(&self) -> Result<Vec<Entry>> {
        let text = fs::read_to_string(self.dir().join("audit.log"))?;
        text.lines()
            .filter_map(|line| entry(line).transpose())
            .collect()
    }

    /// The number of an account's requests by verb, since the log had `since` lines.
    pub fn asked_by(&self, account: &Account, since: usize) -> Result<BTreeMap<String, usize>> {
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
