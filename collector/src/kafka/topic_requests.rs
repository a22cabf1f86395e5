//! Requests about topics, which every broker can answer: the names go in chunks to the brokers in turn.

use super::collection_context::{CollectionContext, POLL_TIMEOUT};
use super::error_code::ErrorCode;
use super::native::{
    AdminRequests, AdminResult, Client, DescribedTopic, RequestTarget, ResultsByName,
};
use crate::snapshot::Api;

/// A kind of request about topics, with results of type `T`.
#[derive(Clone, Copy)]
pub(super) struct TopicRequest<T> {
    /// The kind of request under which these requests are counted.
    api: Api,
    /// The kind of request whose time limit these requests have.
    time_limit_of: Api,
    send: fn(&mut AdminRequests<'_>, RequestTarget, &[&str]),
    /// A function that takes the results out of an answer; `None` for answers to requests of other kinds.
    results: fn(AdminResult) -> Option<ResultsByName<T>>,
}

/// The request for the `cleanup.policy` of topics.
pub(super) const CLEANUP_POLICIES: TopicRequest<String> = TopicRequest {
    api: Api::DescribeConfigs,
    time_limit_of: Api::DescribeConfigs,
    send: |requests, to, topics| requests.cleanup_policies(to, topics),
    results: |result| match result {
        AdminResult::CleanupPolicies(policies) => Some(policies),
        _ => None,
    },
};

/// The request for the ids of topics. Unlike metadata, an id from an older answer is of no use, so this request may take as long
/// as most others.
pub(super) const TOPIC_IDS: TopicRequest<DescribedTopic> = TopicRequest {
    api: Api::Metadata,
    time_limit_of: Api::DescribeConfigs,
    send: |requests, to, topics| requests.topic_ids(to, topics),
    results: |result| match result {
        AdminResult::TopicIds(ids) => Some(ids),
        _ => None,
    },
};

// === impl TopicRequest ===

impl<T> TopicRequest<T> {
    /// Returns the same request with the time limit of requests of the kind `api`.
    pub(super) fn with_time_limit_of(self, api: Api) -> Self {
        Self {
            time_limit_of: api,
            ..self
        }
    }

    /// Asks about the topics in `chunks`, one request for each chunk, all at once. The requests go to the `brokers` in
    /// turn, leaving out those that have not answered before in this collection. Once the collection's time is up, no further
    /// request is sent. Returns the result of each topic that was answered. For a whole request that fails, a failure of its broker is
    /// recorded.
    pub(super) fn ask<'t>(
        &self,
        client: &Client,
        brokers: &[i32],
        chunks: impl IntoIterator<Item: AsRef<[&'t str]>>,
        context: &mut CollectionContext<'_>,
    ) -> Vec<(String, Result<T, ErrorCode>)> {
        let is_silent = |broker: &&i32| context.silent_brokers.contains_key(*broker);
        let brokers: Vec<i32> = brokers
            .iter()
            .filter(|it| !is_silent(it))
            .copied()
            .collect();
        let mut requests = AdminRequests::on(client);
        let mut sent = Vec::new();
        for (chunk, &broker) in chunks.into_iter().zip(brokers.iter().cycle()) {
            let Some(timeout) = context.request_timeout(self.time_limit_of) else {
                break;
            };
            context.count_request(self.api);
            let tag = sent.len();
            let target = RequestTarget {
                broker,
                tag,
                timeout,
            };
            (self.send)(&mut requests, target, chunk.as_ref());
            sent.push(broker);
        }
        let mut answered = Vec::new();
        while requests.n_in_flight() > 0 && !context.is_abandoned() {
            let Some((tag, result)) = requests.next_result(POLL_TIMEOUT) else {
                continue;
            };
            match (self.results)(result) {
                Some(Ok(topics)) => answered.extend(topics),
                Some(Err(code)) => context.record_broker_failure(self.api, sent[tag], code),
                None => {}
            }
        }
        answered
    }
}
