use proptest::prelude::*;
use shared::leadership::{State, StateReason};

use super::*;

const CONTRACT: &str = r#"{"is_leader":true,"identity":"pod-a","name":"pod-a","term":7,"valid_for_ms":4870,"state":"leading","reason":"renewed"}"#;

fn read(body: &str) -> Result<AnswerForm, Unusable> {
    Answer::read(200, body.as_bytes()).map(|answer| answer.form)
}

#[test]
fn the_three_forms_are_told_apart() {
    let report = LeaderReport {
        is_leader: true,
        identity: "pod-a".to_owned(),
        name: "pod-a".to_owned(),
        term: 7,
        valid_for_ms: 4870,
        state: State::Leading,
        reason: StateReason::Renewed,
    };
    assert_eq!(
        read(CONTRACT),
        Ok(AnswerForm::Contract(Box::new(report), None))
    );
    let yes = AnswerForm::Flag {
        is_leader: true,
        identity: None,
        name: Some("pod-b".to_owned()),
    };
    assert_eq!(read(r#"{"is_leader":true,"name":"pod-b"}"#), Ok(yes));
    for (body, name, identity) in [
        (r#"{"name":"pod-a","since":1}"#, "pod-a", None),
        (r#"{"name":"","identity":"pod-b"}"#, "", Some("pod-b")),
    ] {
        let (name, identity) = (name.to_owned(), identity.map(ToOwned::to_owned));
        assert_eq!(read(body), Ok(AnswerForm::Name { name, identity }));
    }
}

#[test]
fn a_part_of_the_contract_without_the_rest_is_refused() {
    let fields: Vec<&str> = CONTRACT.trim_matches(['{', '}']).split(',').collect();
    for left_out in 0..fields.len() {
        let mut some = fields.clone();
        some.remove(left_out);
        let body = format!("{{{}}}", some.join(","));
        assert!(matches!(read(&body), Err(Unusable::Malformed(_))), "{body}");
    }
    for field in [r#""term":1"#, r#""state":"leading""#, r#""valid_for_ms":1"#] {
        let body = format!(r#"{{"is_leader":true,{field}}}"#);
        assert!(matches!(read(&body), Err(Unusable::Malformed(_))), "{body}");
    }
}

#[test]
fn the_detail_for_people_is_kept() {
    let body = CONTRACT.replace('}', r#","detail":"patch"}"#);
    let form = read(&body).unwrap();
    assert!(
        matches!(&form, AnswerForm::Contract(_, Some(detail)) if detail == "patch"),
        "{form:?}"
    );
}

#[test]
fn an_unusable_answer_is_refused_with_its_reason() {
    let large = format!(r#"{{"is_leader":true,"pad":"{}"}}"#, "x".repeat(MAX_BODY));
    for (status, body, said) in [
        (302, CONTRACT, "redirects, with status 302"),
        (500, CONTRACT, "status 500"),
        (204, "", "status 204"),
        (200, "", "JSON"),
        (200, "leader", "JSON"),
        (200, "[]", "no object"),
        (200, "{}", "neither is_leader nor name"),
        (
            200,
            r#"{"is_leader":"true"}"#,
            "is_leader is neither true nor false",
        ),
        (200, r#"{"name":7}"#, "name is no text"),
        (200, large.as_str(), "more than 16384 bytes"),
    ] {
        let error = Answer::read(status, body.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(said), "{status} {body}: {error}");
    }
}

#[test]
fn a_key_that_stands_twice_in_one_object_is_a_contradiction() {
    for body in [
        r#"{"is_leader":false,"is_leader":true}"#,
        r#"{"is_leader":true,"is_leader":true}"#,
        r#"{"is_leader":true,"is\u005fleader":false}"#,
        r#"{"name":"pod-b","name":"pod-a"}"#,
        r#"{"is_leader":true,"more":[{"a":1,"a":2}]}"#,
        r#"{"is_leader":true,"more":{"":{},"":{}}}"#,
    ] {
        let error = read(body).unwrap_err();
        assert!(matches!(error, Unusable::Contradicts(_)), "{body}: {error}");
    }
    let apart = r#"{"is_leader":true,"a":[{"is_leader":1},{"is_leader":2}],"b":{"is_leader":3}}"#;
    assert!(read(apart).is_ok());
    let long = format!(r#"{{"{0}":1,"{0}":1}}"#, "k".repeat(MAX_BODY / 3));
    assert!(read(&long).unwrap_err().to_string().len() < 200);
}

#[test]
fn status_503_means_that_the_source_cannot_know() {
    let answer = Answer::read(503, CONTRACT.as_bytes()).unwrap();
    assert_eq!(answer.certainty, Certainty::CannotKnow);
}

proptest! {
    #[test]
    fn any_status_and_body_can_be_parsed_without_a_panic(status: u16, body: Vec<u8>) {
        drop(Answer::read(status, &body));
    }

    #[test]
    fn a_truncated_answer_is_refused(end in 0..CONTRACT.len()) {
        prop_assert!(Answer::read(200, &CONTRACT.as_bytes()[..end]).is_err());
    }
}
