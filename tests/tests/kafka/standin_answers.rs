//! The Kafka stand-in answers as real Kafka does: the same state is made on both, the same bytes are
//! sent to both, and the decoded answers are compared field by field.
//!
//! Values that can't be equal (ports, ids, times of commits) are blanked in both; see `questions`.

use e2e::{
    lab::kafka::{Kafka, Plan},
    standin::StandIn,
};

mod fixture;
mod questions;
mod records;

#[tokio::test]
async fn the_stand_in_answers_as_real_kafka_does() {
    let real = Kafka::start(&Plan::of(1)).unwrap();
    let stand_in = StandIn::builder().nodes(1).start().await;
    let live = fixture::make(&real.bootstrap()).unwrap();
    fixture::make_like(&stand_in);

    let expected = questions::ask_all(&real.bootstrap());
    let answers = questions::ask_all(&stand_in.bootstrap());
    drop(live);
    let differing: Vec<String> = expected
        .iter()
        .zip(&answers)
        .filter(|(expected, answer)| expected != answer)
        .map(|(expected, answer)| {
            format!(
                "{}\n  Kafka    {}\n  stand-in {}",
                expected.0, expected.1, answer.1
            )
        })
        .collect();
    assert!(
        expected.len() > 100,
        "only {} questions were asked",
        expected.len()
    );
    assert!(
        differing.is_empty(),
        "{} of {} answers differ:\n{}",
        differing.len(),
        expected.len(),
        differing.join("\n")
    );
    stand_in.shutdown().await;
}
