//! The reason under which each error is counted, and the number of times.

use e2e::standin::Api;

/// Error codes, and the reason each is counted under.
pub(crate) const CODES: [(i16, &str); 13] = [
    (3, "unknown_topic_or_partition"),
    (5, "leader_not_available"),
    (6, "not_leader"),
    (7, "timeout"),
    (14, "coordinator_loading"),
    (15, "coordinator_not_available"),
    (16, "not_coordinator"),
    (56, "storage_error"),
    (69, "group_not_found"),
    (88, "unstable_offset_commit"),
    (12345, "other"),
    // Last, as missing rights to read are believed for a while.
    (29, "authorization"),
    (30, "authorization"),
];

/// The label of an API's failures.
pub(crate) fn label(api: Api) -> &'static str {
    match api {
        Api::Metadata => "metadata",
        Api::ListGroups => "list_groups",
        Api::OffsetFetch => "offset_fetch",
        Api::ListOffsets => "list_offsets",
        Api::DescribeConfigs => "describe_configs",
        Api::Fetch => "fetch",
        _ => "describe_groups",
    }
}

/// The number of questions of a kind that one collection has to leave unanswered when every answer is an error.
pub(crate) fn questions(api: Api) -> u64 {
    match api {
        // A topic each, a broker each, and a KIP-848 group each.
        Api::Metadata | Api::DescribeConfigs | Api::ListGroups | Api::ConsumerGroupDescribe => 3,
        // A group each.
        Api::OffsetFetch => 12,
        // A partition each.
        Api::ListOffsets | Api::Fetch => 18,
        // A classic group each.
        _ => 9,
    }
}
