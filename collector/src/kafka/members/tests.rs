use super::claims::{Claims, leave_to_first};
use super::*;
use crate::kafka::metadata::Metadata;

use shared::config::Filter;

fn tp(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::of(&Name::from(topic), partition)
}

/// Returns what is kept of a member's claims where the metadata has topic `t` with three partitions, and the filter leaves out
/// `internal`.
fn claims<const N: usize>(assigned: [(&str, Vec<i32>); N]) -> Claims {
    let known = KnownTopics {
        metadata: &Metadata::with_topics([("t", 3)]),
        filter: &Filter::new(&[".*"], &["^internal$"]).unwrap(),
    };
    Claims::of(assigned.into_iter(), known)
}

fn member(claims: Claims) -> Member {
    Member {
        consumer_id: "id".into(),
        client_id: "client".into(),
        host: "/host".into(),
        assignment: claims.partitions,
    }
}

/// Returns the description of a group with one member.
fn described(claims: Claims) -> Description {
    Description {
        listed: ListedAs {
            state: GroupState::Stable,
            protocol: Protocol::Classic,
        },
        at: Instant::now(),
        outgrown_by: claims.outgrown_by.clone(),
        n_unread: claims.n_unread,
        content: DescribedAs::Group {
            state: GroupState::Stable,
            members: Ok(Arc::new(vec![member(claims)])),
        },
    }
}

fn assignment(groups: &GroupMembers, name: &str) -> Reading<usize> {
    let description = &groups.groups[name];
    let (members, _) = groups.of(&name.into(), description.listed);
    members.map(|members| members[0].assignment.len())
}

#[test]
fn of_the_partitions_that_do_not_exist_the_least_of_each_topic_is_kept() {
    let kept = claims([
        ("t", (0..240_000).rev().collect()),
        ("new", vec![4]),
        ("internal", (0..9).collect()),
        ("t", vec![1, 7]),
    ]);
    let right = Claims {
        partitions: vec![tp("new", 4), tp("t", 0), tp("t", 1), tp("t", 2), tp("t", 3)],
        outgrown_by: vec![tp("t", 3)],
        n_unread: 2,
    };
    assert_eq!(kept, right);
    assert!(
        kept.partitions.capacity() < 10,
        "{}",
        kept.partitions.capacity()
    );
}

#[test]
fn a_description_is_dropped_once_partitions_exist_that_it_has_left_out() {
    let mut groups = GroupMembers::default();
    let more = described(claims([("t", vec![0, 4, 5])]));
    let one = described(claims([("t", vec![0, 4])]));
    groups.groups = BTreeMap::from([("more".into(), more), ("one".into(), one)]);
    groups.drop_outgrown(&Metadata::with_topics([("t", 4)]));
    assert_eq!(groups.groups.len(), 2);
    groups.drop_outgrown(&Metadata::with_topics([("t", 5)]));
    assert_eq!(
        groups.groups.keys().map(|it| &**it).collect::<Vec<_>>(),
        ["one"]
    );
}

#[test]
fn claims_of_invented_topics_cost_the_group_that_makes_most_its_members_and_no_other_group() {
    let mut groups = GroupMembers::default();
    let names: Vec<String> = (0..30_000).map(|i| format!("invented-{i}")).collect();
    for (group, n) in [("much", 30_000), ("more", 29_000), ("few", 3)] {
        let invented = names[..n].iter().map(|name| (&**name, vec![0]));
        let mut all: Vec<_> = invented.collect();
        all.push(("t", vec![0, 1, 2]));
        let known = KnownTopics {
            metadata: &Metadata::with_topics([("t", 3)]),
            filter: &Filter::new(&[".*"], &[]).unwrap(),
        };
        let name = Name::from(group);
        let claims = Claims::of(all.into_iter(), known);
        groups.keep(&name, described(claims));
    }
    let unknown = Unknown::new(Api::DescribeGroups, Reason::BadAnswer);
    let kept = ["much", "more", "few"].map(|group| assignment(&groups, group));
    assert_eq!(kept, [Err(unknown), Ok(29_003), Ok(6)]);
}

#[test]
fn a_partition_that_two_members_claim_is_left_to_the_first() {
    let claimed = [vec![0, 1], vec![0, 1, 2]];
    let mut members = claimed.map(|all| member(claims([("t", all)])));
    leave_to_first(&mut members);
    let kept = members.map(|member| member.assignment);
    assert_eq!(kept, [vec![tp("t", 0), tp("t", 1)], vec![tp("t", 2)]]);
}

#[test]
fn a_label_is_cut_between_characters() {
    let long = "\u{e4}".repeat(300);
    assert_eq!(&*label(&long), "\u{e4}".repeat(256));
    assert_eq!(&*label(&long[..512]), &long[..512]);
    assert_eq!(&*label(""), "");
}

#[test]
fn that_there_is_no_such_group_replaces_no_description_and_serves_for_a_short_time() {
    let (mut groups, name) = (GroupMembers::default(), Name::from("g"));
    let nothing = || Description {
        content: DescribedAs::NoSuchGroup,
        ..described(Claims::default())
    };
    let listed = nothing().listed;
    groups.keep(&name, nothing());
    let unknown = Unknown::new(Api::DescribeGroups, Reason::GroupNotFound);
    assert_eq!(groups.of(&name, listed).0, Err(unknown));
    let now = Instant::now();
    assert!(groups.is_current(&name, listed, now));
    assert!(!groups.is_current(&name, listed, now + NO_SUCH_GROUP_TTL));
    groups.keep(&name, described(claims([("t", vec![0, 1])])));
    groups.keep(&name, nothing());
    assert_eq!(assignment(&groups, "g"), Ok(2));
    assert!(groups.is_current(&name, listed, now + NO_SUCH_GROUP_TTL));
}
