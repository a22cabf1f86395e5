//! The answers to requests, one function for each API.

use bytes::{Bytes, BytesMut};

use super::{answer::RequestHead, protocol::Api, server::Shared};

mod epochs;
mod fetch;
mod groups;
mod list_offsets;
pub(super) mod members;
mod metadata;
mod offsets;
mod produce;
mod topics;
pub(crate) mod versions;

/// Answers one request; returns `None` if the request wants no answer.
pub(crate) async fn dispatch(
    shared: &Shared,
    asked: &RequestHead,
    mut body: Bytes,
) -> anyhow::Result<Option<BytesMut>> {
    let body = &mut body;
    match asked.api {
        Api::ApiVersions => asked.answered_by(shared, body, versions::answer),
        Api::Metadata => asked.answered_by(shared, body, metadata::answer),
        Api::FindCoordinator => asked.answered_by(shared, body, groups::find_coordinator),
        Api::ListGroups => asked.answered_by(shared, body, groups::list),
        Api::DescribeGroups => asked.answered_by(shared, body, members::describe_classic),
        Api::ConsumerGroupDescribe => asked.answered_by(shared, body, members::describe_consumer),
        Api::OffsetFetch => asked.answered_by(shared, body, offsets::fetch),
        Api::OffsetCommit => asked.changed_by(shared, body, offsets::commit),
        Api::ListOffsets => asked.answered_by(shared, body, list_offsets::answer),
        Api::Fetch => fetch::answer(shared, asked, body).await,
        Api::Produce => produce::answer(shared, asked, body),
        Api::OffsetForLeaderEpoch => asked.answered_by(shared, body, epochs::answer),
        Api::DescribeConfigs => asked.answered_by(shared, body, topics::describe),
        Api::CreateTopics => asked.changed_by(shared, body, topics::create),
    }
}
