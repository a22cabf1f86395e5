//! The requests to both clusters, and the answers as comparable text: sorted, and blanked where two clusters cannot be equal (ports, host
//! ids, epochs, ids of topics, members and producers).

use std::sync::LazyLock;

use e2e::lab::raw_kafka::ask;
use e2e::standin::Api;
use kafka_protocol::{
    messages::{
        ApiVersionsRequest, FindCoordinatorRequest, MetadataRequest,
        metadata_request::MetadataRequestTopic,
    },
    protocol::{Request, StrBytes},
};
use regex::Regex;

use super::fixture::topic_name;

mod groups;
mod logs;

/// The text of a request and the text of its answer.
pub(crate) type Answered = (String, String);

/// Patterns of values that differ between any two clusters, and their replacements.
static BLANKS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let blanks = [
        (r"port: \d+", "port: _"),
        (r"cluster_id: Some\([^)]*\)", "cluster_id: _"),
        (r"member_id: [^,]*", "member_id: _"),
        (r"(group_epoch|assignment_epoch|member_epoch): \d+", "$1: _"),
        (
            r"member_metadata: b.*?, member_assignment",
            "member_metadata: _, member_assignment",
        ),
        (r"producer_id: \d+", "producer_id: _"),
        (r"topic_id: [1-9a-f0-9-]*[1-9a-f][0-9a-f-]*", "topic_id: _"),
    ];
    blanks
        .map(|(pattern, blank)| (Regex::new(pattern).expect("a pattern"), blank))
        .into()
});

/// Sends every request, in the same order each time; returns the requests and their answers as text.
pub(crate) fn ask_all(address: &str) -> Vec<Answered> {
    let mut answered = Vec::new();
    answered.extend(versions(address));
    answered.extend(metadata(address));
    answered.extend(find_coordinator(address));
    answered.extend(groups::ask_all(address));
    answered.extend(logs::ask_all(address));
    answered
}

/// Sends a request in every version from `first` on that the stand-in takes; `tidy` brings the answer into an order that can be
/// compared.
fn in_versions<R: Request>(
    address: &str,
    (api, first, what): (Api, i16, &str),
    request: impl Fn(i16) -> R,
    tidy: impl Fn(&mut R::Response),
) -> Vec<Answered>
where
    R::Response: std::fmt::Debug,
{
    let newest = api.versions().1.min(R::VERSIONS.max);
    let versions = first.max(R::VERSIONS.min)..=newest;
    let answered = versions.map(|version| {
        let answer = ask(address, version, &request(version)).map(|mut answer| {
            tidy(&mut answer);
            answer
        });
        let text = match answer {
            Ok(answer) => format!("{answer:?}"),
            Err(error) => format!("{error:#}"),
        };
        (format!("{api:?} v{version} {what}"), blank(&text))
    });
    answered.collect()
}

fn blank(text: &str) -> String {
    BLANKS
        .iter()
        .fold(text.to_owned(), |text, (pattern, blank)| {
            pattern.replace_all(&text, *blank).into_owned()
        })
}

fn string(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Asks for the supported requests and versions. Requests that the stand-in does not take, and versions newer than those that it
/// takes, are left out of the answer.
fn versions(address: &str) -> Vec<Answered> {
    let request = |_| {
        ApiVersionsRequest::default()
            .with_client_software_name(string("questions"))
            .with_client_software_version(string("1"))
    };
    let tidy = |answer: &mut <ApiVersionsRequest as Request>::Response| {
        answer
            .api_keys
            .retain(|known| Api::all().any(|api| api.key() == known.api_key));
        for known in &mut answer.api_keys {
            let api = Api::all()
                .find(|api| api.key() == known.api_key)
                .expect("the others are gone");
            known.max_version = known.max_version.min(api.versions().1);
        }
        answer.supported_features.clear();
        answer.finalized_features.clear();
        answer.finalized_features_epoch = -1;
    };
    in_versions(address, (Api::ApiVersions, 0, "all"), request, tidy)
}

fn metadata(address: &str) -> Vec<Answered> {
    let named = |names: &[&str]| {
        let topics = names
            .iter()
            .map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(name))));
        Some(topics.collect::<Vec<_>>())
    };
    let by_unknown_id = Some(vec![
        MetadataRequestTopic::default()
            .with_topic_id(uuid::Uuid::from_u128(7))
            .with_name(None),
    ]);
    let questions = [
        (1, "of all", None),
        (1, "of none", Some(Vec::new())),
        (1, "of some", named(&["orders", "kept"])),
        (1, "of an unknown topic", named(&["orders", "absent"])),
        (1, "of an impossible name", named(&["a/b"])),
        (12, "of an unknown id", by_unknown_id),
    ];
    let answered = questions.into_iter().flat_map(|(first, what, topics)| {
        let request = |_| MetadataRequest::default().with_topics(topics.clone());
        in_versions(address, (Api::Metadata, first, what), request, |answer| {
            answer.topics.retain(|topic| !topic.is_internal);
            answer
                .topics
                .sort_by_key(|topic| topic.name.as_ref().map(|name| name.0.clone()));
            for topic in &mut answer.topics {
                topic
                    .partitions
                    .sort_by_key(|partition| partition.partition_index);
            }
        })
    });
    answered.collect()
}

fn find_coordinator(address: &str) -> Vec<Answered> {
    let questions = [
        ("of a group", "g-simple"),
        ("of a group nobody knows", "g-absent"),
    ];
    let answered = questions.into_iter().flat_map(|(what, group)| {
        let request = move |version| match version {
            ..4 => FindCoordinatorRequest::default().with_key(string(group)),
            _ => FindCoordinatorRequest::default().with_coordinator_keys(vec![string(group)]),
        };
        in_versions(address, (Api::FindCoordinator, 0, what), request, |_| {})
    });
    answered.collect()
}
