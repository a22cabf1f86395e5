//! Why a request came to nothing, in words of the elector. Errors of kube and of what is below it quote kubeconfigs, output of
//! credential plugins, and answers of peers, any of which may have a secret in it; so their kind is told, and never their text.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::iter;

use http_body_util::LengthLimitError;
use kube::core::Status;
use kube::runtime::watcher;
use rustls::CertificateError as Bad;

use crate::guard::troubles::{Failure, Said};

mod configured;

use configured::{credentials, identity, in_cluster, kubeconfig};

/// Reasons that an API server gives, as Kubernetes' `metav1` names them.
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

/// Verbs that it may deny.
const VERBS: [&str; 6] = ["create", "get", "list", "patch", "update", "watch"];

/// What `error` and what it came from come to.
pub(super) fn of(error: &(dyn Error + 'static)) -> Failure {
    let mut known = chain(error).filter_map(known);
    known.next().unwrap_or_else(|| {
        let broken = chain(error).any(|error| error.to_string() == "connection error");
        let text = if broken {
            "the connection to the API server broke"
        } else {
            "the request to the API server failed"
        };
        failure("connect", text)
    })
}

/// What may be told of an answer with an error, which has this `body`.
pub(super) fn said(body: &[u8]) -> Said {
    match serde_json::from_slice::<Status>(body) {
        Ok(status) => Said {
            verb: verb(&status.message),
            words: reason(&status),
        },
        Err(_) => Said {
            verb: None,
            words: "an answer that is none of an API server",
        },
    }
}

/// The verb that the API server denies: to apply to an absent object takes `create`, not `patch`.
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

/// What `error` itself says, if it is of a kind that says something.
fn known(error: &(dyn Error + 'static)) -> Option<Failure> {
    if let Some(watcher::Error::WatchError(status)) = error.downcast_ref() {
        return Some(answered(status));
    }
    let status = error.downcast_ref::<Box<Status>>().map(|status| &**status);
    if let Some(status) = status.or_else(|| error.downcast_ref()) {
        return Some(answered(status));
    }
    if error.is::<LengthLimitError>() {
        return Some(failure(
            "answer",
            "an answer is too long to be about a Lease",
        ));
    }
    if let Some(error) = error.downcast_ref::<serde_json::Error>() {
        let (line, column) = (error.line(), error.column());
        let text =
            format!("an answer is not as Kubernetes writes it, at line {line}, column {column}");
        return Some(failure("answer", text));
    }
    // hyper-util has no other way to tell.
    if error.to_string() == "dns error" {
        return Some(failure(
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

fn answered(status: &Status) -> Failure {
    let text = format!("watching was answered {}: {}", status.code, reason(status));
    failure("status", text)
}

fn tls(error: &rustls::Error) -> Failure {
    let rustls::Error::InvalidCertificate(bad) = error else {
        return match error {
            rustls::Error::AlertReceived(alert) => failure(
                "tls",
                format!("TLS with the API server failed: it sent {alert:?}"),
            ),
            _ => failure("tls", "TLS with the API server failed"),
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
    failure(
        "certificate",
        format!("the certificate of the API server {what}"),
    )
}

fn connection(error: &io::Error) -> Failure {
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
    failure(cause, text)
}

fn failure(cause: &'static str, text: impl Display) -> Failure {
    Failure {
        cause,
        text: shared::text::sanitize(&text.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use kube::client::AuthError;

    use super::*;

    /// What is told of an error that kube gives.
    fn told(error: &kube::Error) -> (&'static str, String) {
        let Failure { cause, text } = of(error);
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
    fn of_a_plugin_its_exit_status_is_told_and_not_what_it_says() {
        let (cause, text) = told(&plugin("echo SECRET; echo SECRET >&2; exit 3"));
        assert_eq!(cause, "plugin");
        assert_eq!(
            text,
            "the credential plugin of the kubeconfig failed: exit status: 3"
        );
    }

    #[test]
    fn of_a_kubeconfig_that_is_none_the_place_is_told() {
        let yaml = "apiVersion: v1\nusers:\n- name: a\n  user:\n    token: SECRET\n   x: [\n";
        let error = kube::config::Kubeconfig::from_yaml(yaml).unwrap_err();
        let (cause, text) = told(&kube::Error::InferKubeconfig(error));
        assert_eq!(cause, "kubeconfig");
        assert!(text.contains(", at line "), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
    }

    #[test]
    fn a_broken_connection_is_told_by_its_kind_however_deep_it_is() {
        let refused = io::Error::from_raw_os_error(111);
        let nested = io::Error::other(refused);
        let (cause, text) = told(&kube::Error::Service(Box::new(nested)));
        assert_eq!(cause, "connect");
        let right = "no connection to the API server: connection refused (os error 111)";
        assert_eq!(text, right);
    }

    #[test]
    fn a_certificate_is_judged_in_our_words() {
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
    fn of_an_answer_only_known_words_are_told() {
        let denial = r#"{"kind":"Status","reason":"Forbidden","message":"User \"SECRET\" cannot patch resource \"leases\""}"#;
        let right = Said {
            verb: Some("patch"),
            words: "Forbidden",
        };
        assert_eq!(said(denial.as_bytes()), right);
        let invented = r#"{"kind":"Status","reason":"SECRET","message":"u cannot SECRET x"}"#;
        let right = Said {
            verb: None,
            words: "no known reason",
        };
        assert_eq!(said(invented.as_bytes()), right);
        assert_eq!(said(b"<h1>SECRET</h1>").verb, None);
    }

    #[test]
    fn of_an_answer_that_cannot_be_read_the_place_is_told() {
        let error = serde_json::from_str::<Status>(r#"{"code":"SECRET"}"#).unwrap_err();
        let (cause, text) = told(&kube::Error::SerdeError(error));
        assert_eq!(cause, "answer");
        assert!(!text.contains("SECRET"), "{text}");
    }
}
