use std::time::Duration;

use super::*;

#[test]
fn a_timestamp_is_cached_as_long_as_a_group_stands_at_its_offset() {
    let (mut cache, now) = (TimestampCache::default(), Instant::now());
    let written = OldestUnread::Written(7);
    cache.keep(
        &TimestampAnswers::from([((tp("a", 0), offset(5)), written)]),
        &no_ends,
    );
    let looked_up = cache.look_up(&wanted(&[5, 6]), &no_ends, now);
    assert_eq!(
        looked_up.known,
        TimestampAnswers::from([((tp("a", 0), offset(5)), written)])
    );
    assert_eq!(looked_up.unread, wanted(&[6]));
    cache.look_up(&wanted(&[6]), &no_ends, now);
    assert_eq!(
        cache.look_up(&wanted(&[5]), &no_ends, now).unread,
        wanted(&[5])
    );
}

#[test]
fn answers_of_a_topic_that_was_created_again_are_dropped() {
    let mut cache = TimestampCache::default();
    let at = |_: &TopicPartition| Some(offset(9));
    let pairs = [
        (tp("a", 0), OldestUnread::Written(7)),
        (tp("a", 1), OldestUnread::NothingReadable),
        (tp("b", 0), OldestUnread::NoTimestamp),
    ];
    let answers = pairs.map(|(tp, answer)| ((tp, offset(5)), answer));
    cache.keep(&answers.clone().into(), &at);
    let again: Wanted = ["a", "b"]
        .iter()
        .flat_map(|topic| [0, 1].map(|p| (tp(topic, p), BTreeSet::from([offset(5)]))))
        .collect();
    assert_eq!(
        cache.cached_topics(&again),
        BTreeSet::from(["a".into(), "b".into()])
    );
    assert_eq!(cache.cached_topics(&wanted(&[6])), BTreeSet::new());
    cache.forget(&BTreeSet::from(["a".into()]));
    let looked_up = cache.look_up(&again, &at, Instant::now());
    assert_eq!(looked_up.known, answers.into_iter().skip(2).collect());
}

#[test]
fn answers_that_may_change_are_not_cached() {
    let mut cache = TimestampCache::default();
    let pairs = [4, 5, 6].map(|at| (tp("a", 0), offset(at)));
    let answers = [
        OldestUnread::NothingReadable,
        OldestUnread::WrittenAtLogStart(7),
        unknown(Reason::Timeout),
    ];
    cache.keep(&pairs.into_iter().zip(answers).collect(), &no_ends);
    let again = wanted(&[4, 5, 6]);
    assert_eq!(
        cache.look_up(&again, &no_ends, Instant::now()).unread,
        again
    );
}

#[test]
fn a_denied_topic_is_tried_again_after_ten_minutes() {
    let (mut cache, now) = (TimestampCache::default(), Instant::now());
    cache.deny(vec![Arc::from("a")], now);
    let looked_up = cache.look_up(&wanted(&[5]), &no_ends, now + Duration::from_secs(599));
    let known = looked_up.known.values().copied().next();
    assert_eq!(known, Some(unknown(Reason::Authorization)));
    assert!(looked_up.unread.is_empty());
    let looked_up = cache.look_up(&wanted(&[5]), &no_ends, now + Duration::from_secs(600));
    assert_eq!(looked_up.unread, wanted(&[5]));
}

#[test]
fn nothing_readable_is_cached_until_the_log_grows() {
    let mut cache = TimestampCache::default();
    let at = |end| move |_: &TopicPartition| Some(offset(end));
    let nothing_readable =
        TimestampAnswers::from([((tp("a", 0), offset(5)), OldestUnread::NothingReadable)]);
    cache.keep(&nothing_readable, &at(6));
    let now = Instant::now();
    assert_eq!(
        cache.look_up(&wanted(&[5]), &at(6), now).known,
        nothing_readable
    );
    assert_eq!(
        cache.look_up(&wanted(&[5]), &at(7), now).unread,
        wanted(&[5])
    );
}
