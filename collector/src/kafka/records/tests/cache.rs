use std::time::Duration;

use super::*;

#[test]
fn a_timestamp_is_cached_as_long_as_a_group_stands_at_its_offset() {
    let (mut cache, now) = (TimestampCache::default(), Instant::now());
    let written = OldestUnread::Written(7);
    cache.keep(
        &TimestampAnswers::from([((tp("a", 0), offset(5)), written)]),
        &no_ends,
        now,
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
    cache.keep(&answers.clone().into(), &at, Instant::now());
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
    cache.keep(
        &pairs.into_iter().zip(answers).collect(),
        &no_ends,
        Instant::now(),
    );
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
fn a_batch_that_is_too_large_is_read_again_after_ten_minutes_or_for_another_topic() {
    let (mut cache, now) = (TimestampCache::default(), Instant::now());
    let refused = vec![(tp("a", 0), offset(5))];
    cache.refuse(refused.clone(), &no_ends, now);
    let looked_up = cache.look_up(&wanted(&[5, 6]), &no_ends, now + Duration::from_secs(599));
    let known = TimestampAnswers::from([(refused[0].clone(), unknown(Reason::RecordTooLarge))]);
    assert_eq!(looked_up.known, known);
    assert_eq!(looked_up.unread, wanted(&[6]));
    let looked_up = cache.look_up(&wanted(&[5]), &no_ends, now + Duration::from_secs(600));
    assert_eq!(looked_up.unread, wanted(&[5]));
    cache.refuse(refused, &no_ends, now);
    assert_eq!(
        cache.cached_topics(&wanted(&[5])),
        BTreeSet::from(["a".into()])
    );
    cache.forget(&BTreeSet::from(["a".into()]));
    assert_eq!(
        cache.look_up(&wanted(&[5]), &no_ends, now).unread,
        wanted(&[5])
    );
}

#[test]
fn nothing_readable_is_cached_until_the_log_grows() {
    let mut cache = TimestampCache::default();
    let at = |end| move |_: &TopicPartition| Some(offset(end));
    let nothing_readable =
        TimestampAnswers::from([((tp("a", 0), offset(5)), OldestUnread::NothingReadable)]);
    let now = Instant::now();
    cache.keep(&nothing_readable, &at(6), now);
    assert_eq!(
        cache.look_up(&wanted(&[5]), &at(6), now).known,
        nothing_readable
    );
    assert_eq!(
        cache.look_up(&wanted(&[5]), &at(7), now).unread,
        wanted(&[5])
    );
}

#[test]
fn a_record_that_compaction_may_have_removed_is_read_again() {
    let (mut cache, now) = (TimestampCache::default(), Instant::now());
    let mut offsets = Vec::new();
    // More records than are read again at once; the first ones were read last.
    for at in 0..250 {
        let answers = [((tp("a", 0), offset(at)), OldestUnread::Written(7))].into();
        let age = Duration::from_millis(u64::try_from(at).unwrap());
        cache.keep(&answers, &no_ends, now - age);
        offsets.push(at);
    }
    let unread = |cache: &mut TimestampCache, age: u64, may_compact: bool| {
        let then = now + Duration::from_secs(age);
        cache.drop_doubtful(&no_ends, &|_| may_compact, then);
        cache.look_up(&wanted(&offsets), &no_ends, then).unread
    };
    assert_eq!(unread(&mut cache, 299, true), Wanted::new());
    assert_eq!(unread(&mut cache, 9000, false), Wanted::new());
    assert_eq!(unread(&mut cache, 300, true), wanted(&offsets[50..]));
    assert_eq!(unread(&mut cache, 301, true), wanted(&offsets));
}

#[test]
fn a_record_of_a_log_that_was_cut_is_read_again() {
    let (mut cache, now) = (TimestampCache::default(), Instant::now());
    let at = |end| move |_: &TopicPartition| Some(offset(end));
    let answers = [((tp("a", 0), offset(5)), OldestUnread::Written(7))].into();
    cache.keep(&answers, &at(20), now);
    cache.refuse(vec![(tp("a", 0), offset(6))], &at(20), now);
    for (end, kept) in [(20, 2), (90, 2), (30, 2), (19, 0)] {
        cache.drop_doubtful(&at(end), &|_| false, now);
        let looked_up = cache.look_up(&wanted(&[5, 6]), &at(end), now);
        assert_eq!(looked_up.known.len(), kept, "{end}");
    }
}
