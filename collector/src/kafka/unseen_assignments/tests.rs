use std::sync::Arc;

use tokio::sync::watch;

use super::*;
use crate::gate::client_slot::ClientGuard;
use crate::kafka::collection_context::Timeouts;
use crate::kafka::native::Fence;
use crate::progress::Progress;
use crate::snapshot::{Compaction, Log, Member, Offset};

const REFUSED: ErrorCode = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
const NO_SUCH_TOPIC: ErrorCode = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
const TTL: Duration = Duration::from_secs(60);

/// Returns the topics that were read: one, named `seen`, with three partitions.
fn read() -> BTreeMap<Name, Topic> {
    let bound = Ok(Offset::from_wire(9).unwrap());
    let log = Log {
        log_start: bound,
        high_watermark: bound,
        last_stable: None,
    };
    let topic = Topic {
        compaction: Ok(Compaction::Deleted),
        partitions: (0..3).map(|partition| (partition, log.into())).collect(),
    };
    BTreeMap::from([(Name::from("seen"), topic)])
}

fn everything() -> Filter {
    Filter::new(&[".*"], &[]).unwrap()
}

/// Returns the partitions that were not read, where each group has one member with the given assignment.
fn unseen_partitions<'n>(
    groups: impl IntoIterator<Item = (&'n str, Vec<(&'n str, i32)>)>,
    filter: &Filter,
) -> UnseenPartitions {
    let groups: Vec<(Name, Arc<Vec<Member>>)> = groups
        .into_iter()
        .map(|(group, assignment)| {
            let assigned = assignment
                .into_iter()
                .map(|(topic, p)| TopicPartition::of(&Name::from(topic), p));
            let member = Member {
                consumer_id: "id".into(),
                client_id: "client".into(),
                host: "/host".into(),
                assignment: assigned.collect(),
            };
            (Name::from(group), Arc::new(vec![member]))
        })
        .collect();
    let groups: Vec<GroupAssignments<'_>> = groups
        .iter()
        .map(|(group, members)| (group, Arc::clone(members)))
        .collect();
    UnseenPartitions::of(&groups, &read(), filter)
}

fn names(topics: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    topics
        .into_iter()
        .map(|name| name.as_ref().to_owned())
        .collect()
}

/// Returns the unseen topics with their reasons, given metadata that was read at `read_at`, and the subjects of the recorded
/// failures.
fn concluded(
    unseen: &UnseenAssignments,
    unseen_now: &UnseenPartitions,
    read_at: Instant,
) -> (BTreeMap<Name, Reason>, Vec<String>) {
    let fence = Fence::new(ClientGuard::without_election().permit_check());
    let (progress, _) = watch::channel(Progress::default());
    let bounds = Timeouts {
        collection: Duration::from_secs(5),
        request: Duration::from_secs(1),
        offset_fetch: Duration::from_secs(1),
    };
    let mut context = CollectionContext::begin(bounds, &fence, &progress);
    let reasons = unseen.conclude(
        (unseen_now, &unseen.possibly_new(unseen_now, read_at)),
        &BTreeMap::new(),
        &mut context,
    );
    let failures = context.failures.into_iter().map(|failure| failure.subject);
    let reasons = reasons.into_iter().map(|(topic, why)| (topic, why.reason));
    (reasons.collect(), failures.collect())
}

fn answered(answers: &[(&str, Result<(), ErrorCode>)]) -> UnseenAssignments {
    let at = Instant::now();
    let answers = answers.iter();
    UnseenAssignments {
        answers: answers
            .map(|(topic, answer)| (Name::from(*topic), (*answer, at)))
            .collect(),
        ..UnseenAssignments::default()
    }
}

#[test]
fn impossible_names_and_topics_that_the_filter_leaves_out_are_ignored() {
    let long = "x".repeat(250);
    let assignment = vec![
        ("seen", 0),
        ("seen", -1),
        ("", 0),
        ("..", 0),
        ("a b", 0),
        ("a\0b", 0),
        ("\u{fe}", 0),
        (&*long, 0),
        ("hidden", 0),
        ("internal", 0),
        ("seen", 3),
        ("seen", 3),
    ];
    let filter = Filter::new(&[".*"], &["^internal$"]).unwrap();
    let unseen_now = unseen_partitions([("g", assignment)], &filter);
    assert_eq!(names(unseen_now.topics.keys()), ["hidden"]);
    let partitions: Vec<_> = unseen_now
        .partitions
        .iter()
        .map(|tp| tp.partition)
        .collect();
    assert_eq!(partitions, [3]);
}

#[test]
fn a_group_with_thousands_of_assigned_topics_delays_no_other_group() {
    let made_up: Vec<String> = (0..50_000).map(|i| format!("aaa-{i:05}")).collect();
    let many = made_up.iter().map(|topic| (&**topic, 0)).collect();
    let groups = [("aaa", many), ("g", vec![("t-1", 0), ("t-2", 0)])];
    let unseen_now = unseen_partitions(groups, &everything());
    let due = UnseenAssignments::default().topics_to_ask(&unseen_now, &BTreeMap::new(), TTL);
    assert_eq!(due.len(), MAX_TOPICS_PER_COLLECTION);
    assert!(due.contains(&Name::from("t-1")) && due.contains(&Name::from("t-2")));
    let (reasons, failures) = concluded(&UnseenAssignments::default(), &unseen_now, Instant::now());
    assert_eq!((reasons.len(), failures.len()), (50_002, 1));
}

#[test]
fn an_answer_is_not_asked_for_again_while_it_serves() {
    let unseen_now = unseen_partitions([("g", vec![("one", 0), ("two", 0)])], &everything());
    let unseen = answered(&[("one", Err(REFUSED))]);
    let due = |ttl| names(unseen.topics_to_ask(&unseen_now, &BTreeMap::new(), ttl));
    assert_eq!(due(TTL), ["two"]);
    assert_eq!(due(Duration::ZERO), ["one", "two"]);
}

#[test]
fn a_topic_is_unseen_unless_the_broker_says_that_it_is_not_there() {
    let assignment = || vec![("gone", 0), ("hidden", 0), ("new", 0), ("open", 0)];
    let unseen_now = unseen_partitions([("g", assignment()), ("h", assignment())], &everything());
    let unseen = answered(&[
        ("gone", Err(NO_SUCH_TOPIC)),
        ("hidden", Err(REFUSED)),
        ("new", Ok(())),
    ]);
    let (reasons, failures) = concluded(&unseen, &unseen_now, Instant::now());
    let right = [
        ("hidden", Reason::Authorization),
        ("new", Reason::NotAsked),
        ("open", Reason::NotAsked),
    ];
    let right = right.map(|(topic, reason)| (Name::from(topic), reason));
    assert_eq!(reasons, BTreeMap::from(right));
    assert_eq!(
        failures,
        [
            "topic hidden, assigned to members of group g and 1 more",
            "topics that members are assigned: 2"
        ]
    );
}

#[test]
fn a_partition_does_not_exist_once_metadata_younger_than_the_assignment_says_so() {
    let unseen_now = unseen_partitions([("g", vec![("seen", 3)])], &everything());
    let mut unseen = UnseenAssignments::default();
    let before = Instant::now();
    unseen.update(&unseen_now);
    let right = BTreeMap::from([(Name::from("seen"), Reason::NotAsked)]);
    assert_eq!(concluded(&unseen, &unseen_now, before).0, right);
    let after = Instant::now() + Duration::from_millis(1);
    unseen.update(&unseen_now);
    let nothing = (BTreeMap::new(), Vec::new());
    assert_eq!(concluded(&unseen, &unseen_now, after), nothing);
    unseen.update(&UnseenPartitions::default());
    assert!(unseen.first_seen.is_empty());
}

#[test]
fn refused_topics_are_counted_up_to_a_limit() {
    let topics: Vec<String> = (0..MAX_TOPICS_PER_COLLECTION + 20)
        .map(|i| format!("t-{i:03}"))
        .collect();
    let assignment = topics.iter().map(|topic| (&**topic, 0)).collect();
    let unseen_now = unseen_partitions([("g", assignment)], &everything());
    let answers: Vec<_> = topics.iter().map(|t| (&**t, Err(REFUSED))).collect();
    let (reasons, failures) = concluded(&answered(&answers), &unseen_now, Instant::now());
    assert_eq!(
        (reasons.len(), failures.len()),
        (MAX_TOPICS_PER_COLLECTION + 20, MAX_TOPICS_PER_COLLECTION)
    );
}
