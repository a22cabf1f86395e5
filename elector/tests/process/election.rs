//! Tests of an elector whose configuration asks for an election.

#[cfg(feature = "kubernetes")]
mod with_an_election {
    use tokio::time::Instant;

    use crate::fixture::{AT_ONCE, ELECTED, Elector};

    #[test]
    fn without_a_cluster_the_elector_reports_it_stays_up_and_ends_at_a_signal() {
        let elector = Elector::start("no_cluster", ELECTED);
        let began = Instant::now();
        let answer = loop {
            let answer = elector.get("/leader");
            if !answer.contains(r#""state":"starting""#) || began.elapsed() > 2 * AT_ONCE {
                break answer;
            }
        };
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(
            answer.contains(r#""state":"blocked","reason":"api_unreachable""#),
            "{answer}"
        );
        assert!(elector.get("/health").starts_with("HTTP/1.1 200"));
        elector.signal("TERM");
        let (status, log, took) = elector.end();
        assert_eq!(status, Some(0), "{log}");
        assert!(
            log.contains("WARN klag_exporter::leadership::kubernetes: "),
            "{log}"
        );
        assert!(took < AT_ONCE, "{took:?}");
    }

    #[test]
    fn a_second_signal_ends_the_process_at_once() {
        let mut elector = Elector::start("second_signal", ELECTED);
        let poll = "/?consumer=pod-a&instance=x&seq=1&healthy=true&gate=open&wait_ms=0";
        elector.get(poll);
        elector.signal("TERM");
        // The elector waits for the full grant that an earlier process may have given.
        elector.wait_for("Grants nothing any more");
        elector.signal("INT");
        let (status, log, took) = elector.end();
        assert_eq!(status, Some(0), "{log}");
        assert!(log.contains("Leaving at once"), "{log}");
        assert!(took < AT_ONCE, "{took:?}");
    }
}

#[cfg(not(feature = "kubernetes"))]
mod without_the_feature {
    use crate::fixture::{ELECTED, Elector};

    #[test]
    fn an_election_that_is_not_compiled_in_causes_a_warning_and_single_instance_mode() {
        let elector = Elector::start("no_feature", ELECTED);
        let warning = "Kubernetes leadership is enabled in config but the 'kubernetes' feature is not compiled in. \
                       Falling back to single-instance mode.";
        let line = elector.said.lines().find(|line| line.contains(" WARN "));
        assert!(
            line.is_some_and(|line| line.ends_with(warning)),
            "{}",
            elector.said
        );
        let answer = elector.get("/leader");
        assert!(
            answer.ends_with(concat!(
                r#"{"is_leader":true,"identity":"pod-a","name":"pod-a","term":0,"#,
                r#""valid_for_ms":5000,"state":"single-instance","reason":"feature_missing"}"#
            )),
            "{answer}"
        );
        elector.signal("TERM");
        assert_eq!(elector.end().0, Some(0));
    }
}
