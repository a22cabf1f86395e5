//! Failures of the client's configuration: kubeconfig, service account, credentials.

use kube::client::{AuthError, RustlsTlsError};
use kube::config::{InClusterError, KubeconfigError, LoadDataError};

use crate::guard::outcome::RequestFailure;

pub(super) fn kubeconfig(error: &KubeconfigError) -> RequestFailure {
    use KubeconfigError as E;
    let what = match error {
        E::ReadConfig(error, path) => {
            format!("{} cannot be read: {}", path.display(), error.kind())
        }
        E::FindPath => "is not there, and there is no home to look for it".to_owned(),
        E::Parse(error) => match error.location() {
            Some(at) => format!(
                "is not what a kubeconfig is, at line {}, column {}",
                at.line(),
                at.column()
            ),
            None => "is not what a kubeconfig is".to_owned(),
        },
        E::CurrentContextNotSet => "has no current-context".to_owned(),
        E::LoadContext(_) => "has no context of the name that current-context says".to_owned(),
        E::LoadClusterOfContext(_) => "has no cluster of the name that the context says".to_owned(),
        E::MissingClusterUrl => "has a cluster without server".to_owned(),
        E::ParseClusterUrl(_) => "has a server that is no URL".to_owned(),
        E::ParseProxyUrl(_) => "has a proxy-url that is no URL".to_owned(),
        E::LoadCertificateAuthority(error) => {
            format!("has a certificate-authority that {}", unreadable(error))
        }
        E::LoadClientCertificate(error) => {
            format!("has a client-certificate that {}", unreadable(error))
        }
        E::LoadClientKey(error) => format!("has a client-key that {}", unreadable(error)),
        E::ParseCertificates(_) => "has a certificate-authority that is no PEM".to_owned(),
        _ => "cannot be used".to_owned(),
    };
    RequestFailure::new("kubeconfig", format!("the kubeconfig {what}"))
}

fn unreadable(error: &LoadDataError) -> String {
    match error {
        LoadDataError::DecodeBase64(_) => "is not base64".to_owned(),
        LoadDataError::ReadFile(error, path) => {
            format!("cannot be read from {}: {}", path.display(), error.kind())
        }
        LoadDataError::NoBase64DataOrFile => "is empty".to_owned(),
    }
}

pub(super) fn in_cluster(error: &InClusterError) -> RequestFailure {
    use InClusterError as E;
    let what = match error {
        E::ReadDefaultNamespace(error) => format!("namespace cannot be read: {}", error.kind()),
        E::ReadEnvironmentVariable(_) => {
            "address is not in KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT".to_owned()
        }
        E::ReadCertificateBundle(error) => format!("authority cannot be read: {}", error.kind()),
        E::ParseClusterPort(_) => "KUBERNETES_SERVICE_PORT is no port".to_owned(),
        E::ParseClusterUrl(_) => "KUBERNETES_SERVICE_HOST is no host".to_owned(),
        E::ParseCertificates(_) => "authority is no PEM".to_owned(),
    };
    let text = format!("there is no kubeconfig, and of the pod's service account the {what}");
    RequestFailure::new("service_account", text)
}

pub(super) fn credentials(error: &AuthError) -> RequestFailure {
    use AuthError as E;
    let plugin = |what: String| {
        RequestFailure::new(
            "plugin",
            format!("the credential plugin of the kubeconfig {what}"),
        )
    };
    let entry =
        |what: &str| RequestFailure::new("kubeconfig", format!("the kubeconfig has {what}"));
    match error {
        E::AuthExecStart(error) => plugin(format!("cannot be started: {}", error.kind())),
        E::AuthExecRun { out, .. } => plugin(format!("failed: {}", out.status)),
        E::AuthExecParse(_) | E::ExecPluginFailed | E::MalformedTokenExpirationDate(_) => {
            plugin("printed no credential".to_owned())
        }
        E::MissingCommand => plugin("has no command".to_owned()),
        E::ExecMissingClusterInfo => plugin("wants a cluster that is not there".to_owned()),
        E::InvalidBasicAuth(_) => entry("a user name or password that no header can have"),
        E::InvalidBearerToken(_) => entry("a token that no header can have"),
        E::ReadTokenFile(error, path) => RequestFailure::new(
            "token",
            format!(
                "the token {} cannot be read: {}",
                path.display(),
                error.kind()
            ),
        ),
        _ => RequestFailure::new(
            "credentials",
            "the credentials for the API server cannot be had",
        ),
    }
}

pub(super) fn identity(_: &RustlsTlsError) -> RequestFailure {
    let text = "the client's certificate or key, or the authority, cannot be used for TLS";
    RequestFailure::new("kubeconfig", text)
}
