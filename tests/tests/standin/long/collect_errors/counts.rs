//! The reason under which each error is counted, and the number of times.

use e2e::standin::Api;

/// The error codes, and the reason under which each is counted.
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
    // The codes about rights are the last because the collector remembers missing rights to read for a while.
    (29, "authorization"),
    (30, "authorization"),
];

/// Returns the label under which failures of an API are counted.
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

/// Returns the number of requests of a kind that one collection leaves unanswered when every answer is an error.
pub(crate) fn questions(api: Api) -> u64 {
    match api {
        // There is one request for each of the 3 topics, 3 brokers or 3 KIP-848 groups.
        Api::Metadata | Api::DescribeConfigs | Api::ListGroups | Api::ConsumerGroupDescribe => 3,
        // There is one request for each of the 12 groups.
        Api::OffsetFetch => 12,
        // There is one request for each of the 18 partitions.
        Api::ListOffsets | Api::Fetch => 18,
        // There is one request for each of the 9 classic groups.
        _ => 9,
    }
}
