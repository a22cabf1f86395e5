//! Tests of the metrics: their values, and the rules of a linter for their names.

use axum::http::header;
use elector::lease_status::{LeaseStatus, Problem};
use shared::leadership::StateReason;

use crate::fixture::{CLOSED, OPEN, TaskFixture, ms};

const PREFIX: &str = "kafka_lag_exporter_elector_";

async fn samples(fixture: &TaskFixture) -> Vec<String> {
    let text = fixture.get("/metrics").await.text;
    let ours = text.lines().filter(|line| line.starts_with(PREFIX));
    let ours = ours.filter(|line| !line.contains("build_info") && !line.ends_with("} 0"));
    ours.map(|line| line[PREFIX.len()..].to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_leader_shows_its_term_claim_and_grant() {
    let mut fixture = TaskFixture::leading().await;
    fixture.poll(CLOSED, 0).await;
    tokio::time::sleep(ms(1_500)).await;
    let foreign = "/leader?consumer=pod-b&instance=x&seq=1&healthy=true&gate=open";
    fixture.get(foreign).await;
    assert_eq!(
        samples(&fixture).await,
        [
            r#"answers_total{result="granted"} 1"#,
            r#"answers_total{result="not_granted"} 2"#,
            "claim_valid_seconds 58.5",
            "grant_valid_seconds 3.5",
            "log_lines_dropped_total 0",
            r#"reason_info{reason="renewed"} 1"#,
            r#"state{state="leading"} 1"#,
            "term 4711",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_expired_claim_and_grant_are_shown_as_zero() {
    let mut fixture = TaskFixture::leading().await;
    fixture.holds(ms(2_000));
    fixture.poll(OPEN, 0).await;
    tokio::time::sleep(ms(2_000)).await;
    let samples = samples(&fixture).await;
    for sample in [
        "claim_valid_seconds 0",
        "grant_valid_seconds 0",
        "term 0",
        r#"state{state="lease-expired"} 1"#,
    ] {
        assert!(samples.iter().any(|line| line == sample), "{samples:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_problem_is_shown_while_it_lasts() {
    let fixture = TaskFixture::new();
    fixture.lease_status.send_replace(LeaseStatus {
        problem: Some(Problem {
            reason: StateReason::Forbidden,
            cause: "patch",
            detail: "patch on leases".to_owned(),
        }),
        ..LeaseStatus::default()
    });
    tokio::task::yield_now().await;
    let sample = r#"problem_info{detail="patch",reason="forbidden"} 1"#;
    let told = samples(&fixture).await;
    assert!(told.iter().any(|line| line == sample), "{told:#?}");
    fixture.holds_nothing();
    tokio::task::yield_now().await;
    let told = samples(&fixture).await;
    assert!(
        !told.iter().any(|line| line.contains("problem_info")),
        "{told:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn every_family_has_a_help_text_and_a_name_that_pass_a_linter() {
    let fixture = TaskFixture::leading().await;
    let answer = fixture.get("/metrics").await;
    assert_eq!(
        answer.header(header::CONTENT_TYPE),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let mut n_families = 0;
    for line in answer.text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(
                name.starts_with(PREFIX) || name.starts_with("process_"),
                "{name}"
            );
            assert!(help.ends_with('.') && help.len() > 20, "{name}: {help}");
            n_families += 1;
        }
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap();
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
            for word in [
                "_ms", "_count", "_sum", "_bucket", "gauge", "counter", "_milli",
            ] {
                assert!(!name.contains(word), "{name}");
            }
        }
    }
    assert!(n_families >= 8, "{n_families}");
}
