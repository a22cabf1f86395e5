//! A collector's exposition while a fault happens, and the values in it that are wrong.

use std::collections::BTreeMap;

use e2e::lab;
use e2e::standin::Api;
use e2e::standin::verdict::Verdict;

use super::counts::{label, questions};

pub(crate) type Errors = BTreeMap<(String, String), u64>;

/// The observations in one case: counts since the fault was injected, and wrong values.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) n_collections: u64,
    pub(crate) n_scrapes: u64,
    pub(crate) errors: Errors,
    pub(crate) wrong: Vec<String>,
    /// Wrong values of the same case before it began anew.
    pub(crate) wrong_before: Vec<String>,
    pub(crate) last: Verdict,
}

// === impl Seen ===

impl Seen {
    /// Returns true if requests timed out for another reason than the injected errors. `pair` is the API and the reason under
    /// which the injected errors are counted.
    pub(crate) fn is_disturbed(&self, pair: (Api, &str)) -> bool {
        let timed_out = |counted: &(String, String)| {
            counted.1 == "timeout" && !(cuts_connections(pair) && counted.0 == "metadata")
        };
        pair.1 != "timeout" && self.errors.keys().any(timed_out)
    }

    pub(crate) fn problems(
        &self,
        case: &str,
        (api, reason): (Api, &str),
        share: f64,
    ) -> Vec<String> {
        let Self {
            n_collections,
            n_scrapes,
            errors,
            wrong,
            wrong_before,
            last,
        } = self;
        lab::say(format_args!(
            "{case}: {n_collections} collections, {n_scrapes} scrapes, {} wrong, {errors:?}, {} absent, {} incomplete, {} dark, {} undated",
            wrong.len(),
            last.absent.len(),
            last.incomplete.len(),
            last.without_bounds.len(),
            last.undated
        ));
        let mut problems: Vec<String> = wrong_before.iter().chain(wrong).take(2).cloned().collect();
        let label = label(api);
        // A request that librdkafka retries by itself until its time is out is reported as late.
        let late = [(Api::ListOffsets, "timeout"), (Api::Fetch, "deadline")];
        let is_cut = cuts_connections((api, reason));
        for (pair, n) in errors {
            let is_late = late.contains(&(api, &*pair.1));
            if is_cut && pair.0 == "metadata" && pair.1 == "timeout" {
                continue;
            }
            if pair.0 != label || (pair.1 != reason && !is_late) {
                problems.push(format!("{n} errors under {pair:?}"));
            }
        }
        let pair = (label.to_owned(), reason.to_owned());
        let counted = errors.get(&pair).copied().unwrap_or_default();
        let all = questions(api) * n_collections;
        let is_late = errors
            .keys()
            .any(|(_, reason)| late.contains(&(api, reason)));
        if counted > all {
            problems.push(format!("{counted} errors, of {all} questions"));
        }
        let denied = api == Api::Fetch && reason == "authorization";
        if share >= 1.0 && !is_late && !denied && counted != all {
            problems.push(format!("{counted} errors, not {all}"));
        }
        // A group without known members is not known to be complete, but all of its lag is shown.
        let describes = matches!(api, Api::DescribeGroups | Api::ConsumerGroupDescribe);
        let n_incomplete = if describes { 0 } else { last.incomplete.len() };
        let hidden = n_incomplete + last.without_bounds.len();
        let hides = matches!(api, Api::Metadata | Api::OffsetFetch | Api::ListOffsets);
        if !last.absent.is_empty() || (hidden > 0 && !hides) {
            problems.push(format!("too much is hidden: {last:?}"));
        }
        problems
            .iter()
            .map(|what| format!("{case}: {what}"))
            .collect()
    }
}

/// Returns true for the error about a KIP-848 group after which the collector closes the connection, lest librdkafka describe the
/// group as a classic one. In these tests this happens to every broker's connection, four times a second, and metadata may have
/// to wait for a connection.
fn cuts_connections((api, reason): (Api, &str)) -> bool {
    api == Api::ConsumerGroupDescribe && reason == "group_not_found"
}
