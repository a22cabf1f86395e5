//! The counters of one cluster's collections, since the process began.

use std::collections::BTreeMap;

use crate::snapshot::{Api, Failure, Reason, ReloadResult};

/// The outcome of a collection. There is one value of the label `result` for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// No request failed that lag needs.
    Complete,
    /// Some of the values that lag needs were read, but not all of them.
    Partial,
    /// Nothing was read that a sample can be made of.
    Failed,
    /// The gate closed or the process ended before the collection did, and its result was dropped.
    Abandoned,
}

/// The counters of one cluster. They only grow, and they stay when the data is withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    collections: BTreeMap<Outcome, u64>,
    errors: BTreeMap<(Api, Reason), u64>,
    requests: BTreeMap<Api, u64>,
    reloads: BTreeMap<ReloadResult, u64>,
}

// === impl Outcome ===

impl Outcome {
    /// Every outcome, in the order of the exposition.
    pub const ALL: [Self; 4] = [Self::Complete, Self::Partial, Self::Failed, Self::Abandoned];

    /// Returns the value of the label `result`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }

    /// Returns `true` if a collection with this outcome has data to show.
    pub const fn gave_data(self) -> bool {
        matches!(self, Self::Complete | Self::Partial)
    }
}

// === impl Counters ===

impl Counters {
    /// Counts one collection under its outcome.
    pub fn count_collection(&mut self, outcome: Outcome) {
        *self.collections.entry(outcome).or_default() += 1;
    }

    /// Counts each of `failures` once. A value that was not requested, or not read because of another failure
    /// ([`Reason::GivenUp`], [`Reason::NotAsked`], [`Reason::OlderThanHistory`]), is not counted as an error.
    pub fn count_failures<'f>(&mut self, failures: impl IntoIterator<Item = &'f Failure>) {
        for Failure {
            unknown,
            subject: _,
        } in failures
        {
            if Reason::ALL.contains(&unknown.reason) {
                *self
                    .errors
                    .entry((unknown.api, unknown.reason))
                    .or_default() += 1;
            }
        }
    }

    /// Adds the number of requests that one collection has sent, by API.
    pub fn count_requests(&mut self, requests: &BTreeMap<Api, u64>) {
        for (api, n_requests) in requests {
            *self.requests.entry(*api).or_default() += n_requests;
        }
    }

    /// Adds the reloads of files with credentials since the last collection.
    pub fn count_reloads(&mut self, reloads: &BTreeMap<ReloadResult, u64>) {
        for (result, n_reloads) in reloads {
            *self.reloads.entry(*result).or_default() += n_reloads;
        }
    }

    pub(crate) fn collections(&self) -> impl Iterator<Item = (Outcome, u64)> {
        self.collections
            .iter()
            .map(|(outcome, count)| (*outcome, *count))
    }

    pub(crate) fn errors(&self) -> impl Iterator<Item = ((Api, Reason), u64)> {
        self.errors.iter().map(|(pair, count)| (*pair, *count))
    }

    pub(crate) fn reloads(&self) -> impl Iterator<Item = (ReloadResult, u64)> {
        self.reloads.iter().map(|(result, count)| (*result, *count))
    }

    pub(crate) fn requests(&self) -> impl Iterator<Item = (Api, u64)> {
        self.requests.iter().map(|(api, count)| (*api, *count))
    }
}

impl Default for Counters {
    /// Starts all expected combinations of labels at 0, because `increase()` of Prometheus does not see the first value of a series.
    /// The series of an unexpected combination appears when it is counted first.
    fn default() -> Self {
        let pairs = Api::ALL
            .into_iter()
            .flat_map(|api| Reason::ALL.map(|reason| (api, reason)));
        Self {
            collections: Outcome::ALL
                .into_iter()
                .map(|outcome| (outcome, 0))
                .collect(),
            errors: pairs
                .filter(|pair| is_expected(*pair))
                .map(|pair| (pair, 0))
                .collect(),
            requests: Api::ALL.into_iter().map(|api| (api, 0)).collect(),
            reloads: ReloadResult::ALL
                .into_iter()
                .map(|result| (result, 0))
                .collect(),
        }
    }
}

fn is_expected((api, reason): (Api, Reason)) -> bool {
    match reason {
        Reason::TokenRefused
        | Reason::TokenUnreachable
        | Reason::TokenUnusable
        | Reason::TokenExpired => matches!(api, Api::Token | Api::Metadata),
        Reason::ClockSkew => api == Api::Token,
        _ if api == Api::Token => false,
        Reason::Timeout
        | Reason::Transport
        | Reason::Authentication
        | Reason::Tls
        | Reason::Resolve
        | Reason::Authorization
        | Reason::BadAnswer
        | Reason::Deadline
        | Reason::Other => true,
        Reason::CoordinatorLoading | Reason::CoordinatorNotAvailable => {
            matches!(
                api,
                Api::ListGroups | Api::DescribeGroups | Api::OffsetFetch
            )
        }
        Reason::NotCoordinator | Reason::GroupNotFound => {
            matches!(api, Api::DescribeGroups | Api::OffsetFetch)
        }
        Reason::LeaderNotAvailable => {
            matches!(api, Api::Metadata | Api::ListOffsets | Api::Fetch)
        }
        Reason::NotLeader | Reason::LeaderEpoch | Reason::StorageError => {
            matches!(api, Api::ListOffsets | Api::Fetch)
        }
        Reason::UnknownTopicOrPartition => !matches!(api, Api::ListGroups | Api::DescribeGroups),
        Reason::UnstableOffsetCommit | Reason::CommittedBeyondEnd => api == Api::OffsetFetch,
        Reason::NothingVisible => matches!(api, Api::ListGroups | Api::OffsetFetch),
        Reason::RecordTooLarge | Reason::NoTimestamp | Reason::FutureTimestamp => api == Api::Fetch,
        Reason::GivenUp | Reason::NotAsked | Reason::OlderThanHistory => false,
    }
}
