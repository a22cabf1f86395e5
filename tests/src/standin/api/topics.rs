//! `DescribeConfigs` and `CreateTopics`. Of a topic's settings the stand-in knows `cleanup.policy` and those the test gave;
//! of a broker's settings it knows none.

use std::collections::BTreeMap;

use kafka_protocol::{
    messages::{
        CreateTopicsRequest, CreateTopicsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
        create_topics_request::CreatableTopic,
        create_topics_response::CreatableTopicResult,
        describe_configs_request::DescribeConfigsResource,
        describe_configs_response::{
            DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
        },
    },
    protocol::StrBytes,
};

use crate::standin::{
    answer::{RequestContext, RequestHead},
    cluster::{Cluster, Topic},
    code,
    fault::FaultSite,
    protocol::text,
    topic_spec::TopicSpec,
};

const TOPIC: i8 = 2;
const POLICY: &str = "cleanup.policy";
/// The source of a value that is set on the topic; [`FROM_DEFAULT`] is the source of Kafka's own default.
const FROM_TOPIC: i8 = 1;
const FROM_DEFAULT: i8 = 5;
const TYPE_STRING: i8 = 2;
const TYPE_LIST: i8 = 7;

pub(crate) fn describe(
    context: &RequestContext<'_>,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let synonyms = if request.include_synonyms {
        Synonyms::Told
    } else {
        Synonyms::Untold
    };
    let results = request
        .resources
        .iter()
        .map(|wanted| resource(context, wanted, synonyms));
    DescribeConfigsResponse::default().with_results(results.collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Synonyms {
    Told,
    Untold,
}

fn resource(
    context: &RequestContext<'_>,
    wanted: &DescribeConfigsResource,
    synonyms: Synonyms,
) -> DescribeConfigsResult {
    let answer = DescribeConfigsResult::default()
        .with_resource_type(wanted.resource_type)
        .with_resource_name(wanted.resource_name.clone())
        .with_error_message(Some(StrBytes::new()));
    if wanted.resource_type != TOPIC {
        return answer;
    }
    let injected = context.fault(FaultSite::Topic(&wanted.resource_name));
    match context.cluster.topic(&wanted.resource_name) {
        _ if injected != 0 => answer.with_error_code(injected),
        Some(topic) => {
            let keys = wanted.configuration_keys.as_deref();
            let is_wanted = |key: &str| keys.is_none_or(|keys| keys.iter().any(|k| **k == *key));
            let configs = settings(topic)
                .into_iter()
                .filter(|(key, _)| is_wanted(key));
            answer.with_configs(
                configs
                    .map(|(key, set)| setting(key, set, synonyms))
                    .collect(),
            )
        }
        None => answer.with_error_code(code::UNKNOWN_TOPIC_OR_PARTITION),
    }
}

/// Returns the known keys, each with the value that is set on the topic, `None` for the default.
fn settings(topic: &Topic) -> BTreeMap<&str, Option<&str>> {
    let set = topic
        .configs
        .iter()
        .map(|(key, value)| (key.as_str(), Some(value.as_str())));
    std::iter::once((POLICY, None)).chain(set).collect()
}

fn setting(key: &str, set: Option<&str>, synonyms: Synonyms) -> DescribeConfigsResourceResult {
    let default = "delete";
    let source = if set.is_some() {
        FROM_TOPIC
    } else {
        FROM_DEFAULT
    };
    let synonym = |name: &str, value: &str, source| {
        DescribeConfigsSynonym::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
            .with_source(source)
    };
    let of_topic = set.map(|value| synonym(key, value, FROM_TOPIC));
    let of_default = (key == POLICY).then(|| synonym("log.cleanup.policy", default, FROM_DEFAULT));
    let told = of_topic
        .into_iter()
        .chain(of_default)
        .filter(|_| synonyms == Synonyms::Told);
    DescribeConfigsResourceResult::default()
        .with_name(text(key))
        .with_value(Some(text(set.unwrap_or(default))))
        .with_config_source(source)
        .with_config_type(if key == POLICY {
            TYPE_LIST
        } else {
            TYPE_STRING
        })
        .with_synonyms(told.collect())
        .with_documentation(None)
}

pub(crate) fn create(
    asked: &RequestHead,
    cluster: &mut Cluster,
    request: CreateTopicsRequest,
) -> CreateTopicsResponse {
    let topics = request.topics.into_iter().map(|wanted| {
        let exists = cluster.topic(&wanted.name).is_some();
        let complaint = format!("Topic '{}' already exists.", &**wanted.name);
        let code = match asked.faults.code_at(FaultSite::Topic(&wanted.name)) {
            0 if exists => code::TOPIC_ALREADY_EXISTS,
            injected => injected,
        };
        if code == 0 && !request.validate_only {
            cluster.add_topic(as_spec(&wanted));
        }
        let made = cluster.topic(&wanted.name).filter(|_| code == 0);
        let n_partitions = made.map(|topic| i32::try_from(topic.partitions.len()));
        let n_replicas = made.map_or(-1, |topic| i16::try_from(topic.replicas).unwrap_or(-1));
        CreatableTopicResult::default()
            .with_topic_id(made.map(|topic| topic.id).unwrap_or_default())
            .with_num_partitions(n_partitions.and_then(Result::ok).unwrap_or(-1))
            .with_replication_factor(n_replicas)
            .with_error_code(code)
            .with_error_message(exists.then(|| text(&complaint)))
            .with_name(wanted.name)
    });
    CreateTopicsResponse::default().with_topics(topics.collect())
}

fn as_spec(wanted: &CreatableTopic) -> TopicSpec {
    let n_partitions = usize::try_from(wanted.num_partitions).unwrap_or(1);
    let value = |value: &Option<StrBytes>| value.as_deref().unwrap_or_default().to_owned();
    let mut spec = TopicSpec::new(&wanted.name, n_partitions);
    spec.replicas = usize::try_from(wanted.replication_factor).ok();
    for config in &wanted.configs {
        spec = spec.config(&config.name, &value(&config.value));
    }
    spec
}
