use std::time::Duration;

use super::*;

#[test]
fn a_date_is_known_as_long_as_a_group_stands_there() {
    let (mut memory, now) = (Memory::default(), Instant::now());
    let written = OldestUnread::Written(7);
    memory.keep(
        &Answers::from([((tp("a", 0), offset(5)), written)]),
        &nowhere,
    );
    let recalled = memory.recall(&wanted(&[5, 6]), &nowhere, now);
    assert_eq!(
        recalled.known,
        Answers::from([((tp("a", 0), offset(5)), written)])
    );
    assert_eq!(recalled.unread, wanted(&[6]));
    memory.recall(&wanted(&[6]), &nowhere, now);
    assert_eq!(
        memory.recall(&wanted(&[5]), &nowhere, now).unread,
        wanted(&[5])
    );
}

#[test]
fn what_was_read_of_a_topic_that_is_another_one_by_now_is_forgotten() {
    let mut memory = Memory::default();
    let at = |_: &TopicPartition| Some(offset(9));
    let pairs = [
        (tp("a", 0), OldestUnread::Written(7)),
        (tp("a", 1), OldestUnread::NothingReadable),
        (tp("b", 0), OldestUnread::NoTimestamp),
    ];
    let answers = pairs.map(|(tp, answer)| ((tp, offset(5)), answer));
    memory.keep(&answers.clone().into(), &at);
    let again: Wanted = ["a", "b"]
        .iter()
        .flat_map(|topic| [0, 1].map(|p| (tp(topic, p), BTreeSet::from([offset(5)]))))
        .collect();
    assert_eq!(
        memory.topics(&again),
        BTreeSet::from(["a".into(), "b".into()])
    );
    assert_eq!(memory.topics(&wanted(&[6])), BTreeSet::new());
    memory.forget(&BTreeSet::from(["a".into()]));
    let recalled = memory.recall(&again, &at, Instant::now());
    assert_eq!(recalled.known, answers.into_iter().skip(2).collect());
}

#[test]
fn what_may_change_is_asked_again() {
    let mut memory = Memory::default();
    let pairs = [4, 5, 6].map(|at| (tp("a", 0), offset(at)));
    let answers = [
        OldestUnread::NothingReadable,
        OldestUnread::WrittenAtLogStart(7),
        unknown(Reason::Timeout),
    ];
    memory.keep(&pairs.into_iter().zip(answers).collect(), &nowhere);
    let again = wanted(&[4, 5, 6]);
    assert_eq!(
        memory.recall(&again, &nowhere, Instant::now()).unread,
        again
    );
}

#[test]
fn a_denied_topic_is_asked_again_after_ten_minutes() {
    let (mut memory, now) = (Memory::default(), Instant::now());
    memory.deny(vec![Arc::from("a")], now);
    let recalled = memory.recall(&wanted(&[5]), &nowhere, now + Duration::from_secs(599));
    let known = recalled.known.values().copied().next();
    assert_eq!(known, Some(unknown(Reason::Authorization)));
    assert!(recalled.unread.is_empty());
    let recalled = memory.recall(&wanted(&[5]), &nowhere, now + Duration::from_secs(600));
    assert_eq!(recalled.unread, wanted(&[5]));
}

#[test]
fn nothing_readable_is_believed_until_the_log_grows() {
    let mut memory = Memory::default();
    let at = |end| move |_: &TopicPartition| Some(offset(end));
    let barren = Answers::from([((tp("a", 0), offset(5)), OldestUnread::NothingReadable)]);
    memory.keep(&barren, &at(6));
    let now = Instant::now();
    assert_eq!(memory.recall(&wanted(&[5]), &at(6), now).known, barren);
    assert_eq!(
        memory.recall(&wanted(&[5]), &at(7), now).unread,
        wanted(&[5])
    );
}

/// Ends that were not read.
fn nowhere(_: &TopicPartition) -> Option<Offset> {
    None
}
