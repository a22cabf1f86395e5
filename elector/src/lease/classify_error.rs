//! Turns errors into failures in words of this program.
//!
//! Errors of kube, and of the libraries below it, quote kubeconfigs, the output of credential plugins, and answers of peers. Any
//! of these may contain a secret. So the kind of an error is told, and never its text.

use std::error::Error;
use std::io;
use std::iter;

use http_body_util::LengthLimitError;
use kube::core::Status;
use kube::runtime::watcher;
use rustls::CertificateError as Bad;

use crate::guard::outcome::{RequestFailure, StatusSummary};

mod client_config;

use client_config::{credentials, identity, in_cluster, kubeconfig};

/// The reasons that an API server gives, as Kubernetes' `metav1` names them.
const REASONS: [&str; 19] = [
    "AlreadyExists",
    "BadRequest",
    "Conflict",
    "Expired",
    "Forbidden",
    "Gone",
    "InternalError",
    "Invalid",
    "MethodNotAllowed",
    "NotAcceptable",
    "NotFound",
    "RequestEntityTooLarge",
    "ServerTimeout",
    "ServiceUnavailable",
    "StoreReadError",
    "Timeout",
    "TooManyRequests",
    "Unauthorized",
    "UnsupportedMediaType",
];

/// The verbs that an API server may deny, as its messages name them.
const VERBS: [&str; 6] = ["create", "get", "list", "patch", "update", "watch"];

/// Returns the failure that `error` stands for: the first error in its chain of sources that says something.
pub(super) fn failure_of(error: &(dyn Error + 'static)) -> RequestFailure {
    let mut known = chain(error).filter_map(classify);
    known.next().unwrap_or_else(|| {
        let broken = chain(error).any(|error| error.to_string() == "connection error");
        let text = if broken {
            "the connection to the API server broke"
        } else {
            "the request to the API server failed"
        };
        RequestFailure::new("connect", text)
    })
}

/// Returns the part of an error answer with this `body` that may be passed on.
pub(super) fn status_summary(body: &[u8]) -> StatusSummary {
    match serde_json::from_slice::<Status>(body) {
        Ok(status) => StatusSummary {
            denied_verb: verb(&status.message),
            message: reason(&status),
        },
        Err(_) => StatusSummary {
            denied_verb: None,
            message: "an answer that is none of an API server",
        },
    }
}

/// Returns the verb that the API server denies. The verb may differ from that of the request: applying to an absent Lease needs
/// `create`.
fn verb(message: &str) -> Option<&'static str> {
    let (_, rest) = message.split_once(" cannot ")?;
    let (verb, _) = rest.split_once(' ')?;
    VERBS.into_iter().find(|&known| known == verb)
}

fn reason(status: &Status) -> &'static str {
    let known = REASONS.into_iter().find(|&reason| reason == status.reason);
    known.unwrap_or("no known reason")
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error| (*error).source())
}

/// Returns the failure that `error` itself stands for, if it is of a kind that says something.
fn classify(error: &(dyn Error + 'static)) -> Option<RequestFailure> {
    if let Some(watcher::Error::WatchError(status)) = error.downcast_ref() {
        return Some(answered(status));
    }
    let status = error.downcast_ref::<Box<Status>>().map(|status| &**status);
    if let Some(status) = status.or_else(|| error.downcast_ref()) {
        return Some(answered(status));
    }
    if error.is::<LengthLimitError>() {
        return Some(RequestFailure::new(
            "answer",
            "an answer is too long to be about a Lease",
        ));
    }
    if let Some(error) = error.downcast_ref::<serde_json::Error>() {
        let (line, column) = (error.line(), error.column());
        let text =
            format!("an answer is not as Kubernetes writes it, at line {line}, column {column}");
        return Some(RequestFailure::new("answer", text));
    }
    // hyper-util has no public type for a failed look-up of a name, so the text tells the error.
    if error.to_string() == "dns error" {
        return Some(RequestFailure::new(
            "resolve",
            "the name of the API server cannot be resolved",
        ));
    }
    let configured = error.downcast_ref().map(kubeconfig);
    configured
        .or_else(|| error.downcast_ref().map(in_cluster))
        .or_else(|| error.downcast_ref().map(credentials))
        .or_else(|| error.downcast_ref().map(identity))
        .or_else(|| error.downcast_ref().map(tls))
        .or_else(|| error.downcast_ref().map(connection))
}

fn answered(status: &Status) -> RequestFailure {
    let text = format!("watching was answered {}: {}", status.code, reason(status));
    RequestFailure::new("status", text)
}

fn tls(error: &rustls::Error) -> RequestFailure {
    let rustls::Error::InvalidCertificate(bad) = error else {
        return match error {
            rustls::Error::AlertReceived(alert) => RequestFailure::new(
                "tls",
                format!("TLS with the API server failed: it sent {alert:?}"),
            ),
            _ => RequestFailure::new("tls", "TLS with the API server failed"),
        };
    };
    let what = match bad {
        Bad::Expired | Bad::ExpiredContext { .. } => "has expired",
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => "is not valid yet",
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => "is for another name",
        Bad::UnknownIssuer => "is of an unknown authority",
        Bad::Revoked => "is revoked",
        _ => "is not good",
    };
    RequestFailure::new(
        "certificate",
        format!("the certificate of the API server {what}"),
    )
}

fn connection(error: &io::Error) -> RequestFailure {
    let inner = error.get_ref().map(|inner| inner as &(dyn Error + 'static));
    if let Some(inner) = inner {
        let told = inner.downcast_ref::<rustls::Error>().map(tls);
        let told = told.or_else(|| inner.downcast_ref().map(connection));
        if let Some(told) = told {
            return told;
        }
    }
    let number = error.raw_os_error();
    let number = number.map_or(String::new(), |number| format!(" (os error {number})"));
    let cause = match error.kind() {
        io::ErrorKind::TimedOut => "timeout",
        _ => "connect",
    };
    let text = format!("no connection to the API server: {}{number}", error.kind());
    RequestFailure::new(cause, text)
}

#[cfg(test)]
mod tests {
    use kube::client::AuthError;

    use super::*;

    /// Returns the cause and text of the failure that `error` stands for.
    fn told(error: &kube::Error) -> (&'static str, String) {
        let RequestFailure { cause, text } = failure_of(error);
        (cause, text)
    }

    fn plugin(script: &str) -> kube::Error {
        let mut command = std::process::Command::new("sh");
        let out = command.args(["-c", script]).output().unwrap();
        kube::Error::Auth(AuthError::AuthExecRun {
            cmd: format!("{command:?}"),
            out: Box::new(out),
        })
    }

    #[test]
    fn the_exit_status_of_a_plugin_is_told_and_its_output_is_not() {
        let (cause, text) = told(&plugin("echo SECRET; echo SECRET >&2; exit 3"));
        assert_eq!(cause, "plugin");
        assert_eq!(
            text,
            "the credential plugin of the kubeconfig failed: exit status: 3"
        );
    }

    #[test]
    fn the_place_of_a_mistake_in_a_kubeconfig_is_told_and_its_text_is_not() {
        let yaml = "apiVersion: v1\nusers:\n- name: a\n  user:\n    token: SECRET\n   x: [\n";
        let error = kube::config::Kubeconfig::from_yaml(yaml).unwrap_err();
        let (cause, text) = told(&kube::Error::InferKubeconfig(error));
        assert_eq!(cause, "kubeconfig");
        assert!(text.contains(", at line "), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
    }

    #[test]
    fn a_broken_connection_is_told_by_its_kind_however_deep_the_error_is_nested() {
        let refused = io::Error::from_raw_os_error(111);
        let nested = io::Error::other(refused);
        let (cause, text) = told(&kube::Error::Service(Box::new(nested)));
        assert_eq!(cause, "connect");
        let right = "no connection to the API server: connection refused (os error 111)";
        assert_eq!(text, right);
    }

    #[test]
    fn a_bad_certificate_is_told_in_words_of_this_program() {
        let names = vec!["SECRET".to_owned()];
        let expected = rustls::pki_types::ServerName::try_from("api").unwrap();
        let bad = Bad::NotValidForNameContext {
            expected,
            presented: names,
        };
        let bad = io::Error::other(rustls::Error::InvalidCertificate(bad));
        let (cause, text) = told(&kube::Error::Service(Box::new(bad)));
        assert_eq!(cause, "certificate");
        assert_eq!(
            text,
            "the certificate of the API server is for another name"
        );
    }

    #[test]
    fn only_known_words_of_an_answer_are_told() {
        let denial = r#"{"kind":"Status","reason":"Forbidden","message":"User \"SECRET\" cannot patch resource \"leases\""}"#;
        let right = StatusSummary {
            denied_verb: Some("patch"),
            message: "Forbidden",
        };
        assert_eq!(status_summary(denial.as_bytes()), right);
        let invented = r#"{"kind":"Status","reason":"SECRET","message":"u cannot SECRET x"}"#;
        let right = StatusSummary {
            denied_verb: None,
            message: "no known reason",
        };
        assert_eq!(status_summary(invented.as_bytes()), right);
        assert_eq!(status_summary(b"<h1>SECRET</h1>").denied_verb, None);
    }

    #[test]
    fn the_text_of_an_answer_that_cannot_be_read_is_not_told() {
        let error = serde_json::from_str::<Status>(r#"{"code":"SECRET"}"#).unwrap_err();
        let (cause, text) = told(&kube::Error::SerdeError(error));
        assert_eq!(cause, "answer");
        assert!(!text.contains("SECRET"), "{text}");
    }
}
