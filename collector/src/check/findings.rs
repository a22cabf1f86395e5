//! Findings of a check: data that is absent, requests that failed, and the rights that would explain both.

use std::collections::{BTreeMap, BTreeSet};

use crate::kafka;
use crate::snapshot::{Api, Failure, Group, GroupState, Reason, Snapshot};

/// The largest number of names that a finding lists.
const MAX_NAMES: usize = 5;

/// The share of a cluster's data that the collection has seen. `None` means that no broker was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShareSeen {
    All,
    Part,
    None,
}

/// Returns one sentence for each kind of data that is conspicuously absent.
pub(super) fn findings(snapshot: &Snapshot) -> impl Iterator<Item = String> {
    let no_topics = (reached(snapshot) && snapshot.topics.is_empty()).then(|| {
        "no topic is visible: there is none that the filter lets through, or this user needs Describe on Topic".to_owned()
    });
    let no_groups = sees_nothing_of(snapshot, Api::ListGroups).then(|| {
        "no group is visible: there is none, or this user needs Describe on Group".to_owned()
    });
    let bare: BTreeSet<&str> = snapshot
        .groups
        .iter()
        .filter(|(_, group)| {
            let nothing = group.committed.as_ref().is_ok_and(BTreeMap::is_empty);
            nothing && group.state == GroupState::Stable && group.members.is_err()
        })
        .map(|(name, _)| &**name)
        .collect();
    let no_rows = (!bare.is_empty()).then(|| {
        format!(
            "groups with members that could not be described, and no visible commit ({}): they have not committed, or this user \
             needs Describe on Topic for the topics they read",
            first_names(&bare)
        )
    });
    [no_topics, no_groups, no_rows].into_iter().flatten()
}

/// Returns the share that the collection has seen of the data for which the requests in `asked` are made.
pub(super) fn share_seen(snapshot: &Snapshot, asked: &[Api]) -> ShareSeen {
    let is_missing = |it: &Failure| {
        let finding = matches!(
            it.unknown.reason,
            Reason::NothingVisible | Reason::CommittedBeyondEnd
        );
        asked.contains(&it.unknown.api) && !finding
    };
    if !reached(snapshot) {
        ShareSeen::None
    } else if snapshot.failures.iter().any(is_missing) {
        ShareSeen::Part
    } else {
        ShareSeen::All
    }
}

/// Returns the question that Kafka's answers leave open, if any. The answers leave out commits on topics that this user may not
/// see, and only the assignments of members show that there are such topics, so for groups without members the question stays
/// open.
pub(super) fn untestable(snapshot: &Snapshot) -> Option<String> {
    let is_bare = |group: &Group| {
        group
            .members
            .as_ref()
            .is_ok_and(|members| members.is_empty())
    };
    let groups = snapshot.groups.iter().filter(|(_, group)| is_bare(group));
    let bare: BTreeSet<&str> = groups.map(|(name, _)| &**name).collect();
    (!bare.is_empty()).then(|| {
        format!(
            "whether groups without members ({}) have commits on topics that this user may not see",
            first_names(&bare)
        )
    })
}

/// Returns `true` if at least one broker answered with the metadata.
fn reached(snapshot: &Snapshot) -> bool {
    let of_all =
        |it: &Failure| it.unknown.api == Api::Metadata && it.subject == kafka::CLUSTER_SUBJECT;
    !snapshot.failures.iter().any(of_all)
}

/// Returns `true` if the collection concluded from the answers to `api` that this user may see nothing of what they would show.
fn sees_nothing_of(snapshot: &Snapshot, api: Api) -> bool {
    snapshot.failures.iter().any(|failure| {
        failure.unknown.api == api && failure.unknown.reason == Reason::NothingVisible
    })
}

/// Returns one sentence for each pair of API and reason among the failures, with the subjects that it concerns.
pub(super) fn failures(snapshot: &Snapshot) -> impl Iterator<Item = String> {
    let mut by_cause = BTreeMap::<(Api, Reason), BTreeSet<&str>>::new();
    for failure in snapshot
        .failures
        .iter()
        .filter(|failure| failure.unknown.reason != Reason::NothingVisible)
    {
        let cause = (failure.unknown.api, failure.unknown.reason);
        by_cause.entry(cause).or_default().insert(&failure.subject);
    }
    by_cause.into_iter().map(|((api, reason), subjects)| {
        let subjects = first_names(&subjects);
        match reason {
            _ if api == Api::Token => format!("a token ({}): {subjects}", reason.label()),
            Reason::Authorization => format!("{}, refused for: {subjects}", needed_right(api)),
            _ => format!("{} failed ({}): {subjects}", api.label(), reason.label()),
        }
    })
}

/// Returns the ACL operation that requests of `api` need, and the data that they bring, in the words of the report.
fn needed_right(api: Api) -> &'static str {
    match api {
        Api::Metadata | Api::ListOffsets => "Describe on Topic, for log start and end",
        Api::ListGroups | Api::OffsetFetch => "Describe on Group, for commits",
        Api::DescribeGroups => "Describe on Group, for members",
        Api::DescribeConfigs => "DescribeConfigs on Topic, to know compacted topics",
        Api::Fetch => "Read on Topic, for exact time lag",
        Api::Token => "a token",
    }
}

/// Joins the first [`MAX_NAMES`] names, and appends the number of the others.
fn first_names(names: &BTreeSet<&str>) -> String {
    let mut text: Vec<&str> = names.iter().take(MAX_NAMES).copied().collect();
    let more = names.len().saturating_sub(MAX_NAMES);
    let tail = format!("and {more} more");
    if more > 0 {
        text.push(&tail);
    }
    text.join(", ")
}
