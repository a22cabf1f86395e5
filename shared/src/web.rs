//! The access to a listener: TLS, certificates of clients and passwords, by a file in the form of Prometheus' exporter-toolkit.
//!
//! 1. `yaml` parses the text of the file into a tree that knows its lines, and `section_reader` reads the tree key by key. All problems are
//!    collected, so that the user sees them at once.
//! 2. `settings` holds the meaning of the keys. Keys of exporter-toolkit that are not supported are problems whose messages say why.
//! 3. `contents` reads the file and the files that it names, and `policy` makes the demands on clients from them.
//! 4. `authenticator` compares passwords. `credentials` are the name and the password that a client sends, and `verdicts` keeps the results
//!    of comparisons.
//! 5. `admission` lets requests in or refuses them, by the present policy. `handshake_pace` bounds the CPU time of handshakes, and
//!    `reload` looks for changes of the files.
//!
//! No message contains a value of the file, because the value may be a key or the hash of a password.
//!
//! Not promised: revocation of certificates other than by a new `client_ca_file`, HTTP/2, and versions of TLS before 1.2.

mod admission;
mod algorithms;
mod authenticator;
mod client_names;
mod client_verifier;
mod contents;
mod credentials;
mod demands;
mod expiry;
mod handshake_pace;
mod headers;
mod host;
mod policy;
mod reload;
mod section_reader;
mod settings;
mod tls_settings;
mod users;
mod verdicts;
mod waiting_room;
mod yaml;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{ConfigError, Exporter};
use crate::tasks::Tasks;

use self::contents::Contents;
use self::demands::Demands;
use self::policy::Policy;
use self::reload::Reload;

pub use self::admission::Admission;
pub(crate) use self::admission::{Client, Stream};
pub(crate) use self::handshake_pace::HandshakePace;

/// The clients that a listener answers.
#[derive(Clone, Debug)]
pub enum Access {
    /// All clients.
    Everybody,
    /// The clients that the web configuration lets in; all clients at open paths.
    Restricted(Admission),
}

/// A web configuration that was read and is valid.
#[derive(Debug)]
pub struct WebConfig {
    contents: Contents,
    policy: Policy,
}

/// The metrics about the web configuration. The names of the families begin with a prefix of the program.
#[derive(Clone, Debug)]
pub struct WebMetrics {
    /// The number of changes of the files since the start, by `result`: `success` or `failure`.
    pub reloads: IntCounterVec,
    /// 1 if the files are in use as they are now; 0 if they cannot be used, and their last valid state is in use.
    pub is_in_use: IntGauge,
    /// The last second, counted from 1970, in which all certificates of the server are valid. There is no series without TLS.
    pub certificates_expire: IntGaugeVec,
    /// The number of refused requests and handshakes, by `reason`.
    pub refused: IntCounterVec,
}

// === impl Access ===

impl Access {
    /// Returns words for what is asked of clients at present, such as "TLS, password"; "nothing" if all clients are answered.
    pub(crate) fn asks_for(&self) -> String {
        match self {
            Self::Everybody => Demands::default().to_string(),
            Self::Restricted(admission) => admission.asks_for(),
        }
    }
}

// === impl WebMetrics ===

impl WebMetrics {
    /// Makes the metrics, as families whose names begin with `prefix`, and registers them.
    ///
    /// # Errors
    /// The registry has a family of the same name already, which is a bug.
    pub fn register(prefix: &str, registry: &Registry) -> prometheus::Result<Self> {
        let options = |name, help: &str| Opts::new(format!("{prefix}_{name}"), help);
        let counter = |name, help, label| {
            let counter = IntCounterVec::new(options(name, help), &[label])?;
            registry.register(Box::new(counter.clone()))?;
            prometheus::Result::Ok(counter)
        };
        let is_in_use = IntGauge::with_opts(options(
            "web_config_last_reload_successful",
            "1 if the web configuration is in use as it is, 0 if it was changed to something that cannot be used.",
        ))?;
        registry.register(Box::new(is_in_use.clone()))?;
        let certificates_expire = IntGaugeVec::new(
            options(
                "web_certificate_expiry_timestamp_seconds",
                "The last second in which all certificates of cert_file hold.",
            ),
            &[],
        )?;
        registry.register(Box::new(certificates_expire.clone()))?;
        Ok(Self {
            is_in_use,
            certificates_expire,
            reloads: counter(
                "web_config_reloads_total",
                "Changes of the web configuration, by result: success is in use, failure left the last one in use.",
                "result",
            )?,
            refused: counter(
                "http_refused_total",
                "Requests and handshakes that the web configuration refused, by reason.",
                "reason",
            )?,
        })
    }
}

// === impl WebConfig ===

impl WebConfig {
    /// Reads the web configuration at `path` and the files that it names.
    ///
    /// # Errors
    /// A file cannot be read, or its content cannot be used. The error has all problems.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let contents = Contents::read(path, |_| {});
        let policy = Policy::new(&contents)?;
        Ok(Self { contents, policy })
    }

    /// Returns the warning that a certificate of the server has expired; `None` if none has.
    pub fn warning(&self) -> Option<String> {
        let warning = self.policy.expired()?;
        Some(format!("{}: {warning}", self.contents.path().display()))
    }

    /// Returns true if the listener is to have TLS.
    pub const fn has_tls(&self) -> bool {
        self.policy.tls.is_some()
    }

    /// Returns the names of the users of whom one has to log in with a password. If there are none, no password is asked for.
    pub fn user_names(&self) -> impl Iterator<Item = &str> {
        self.policy.users.keys().map(String::as_str)
    }

    /// Reads the web configuration that `[exporter.web]` names; `None` if the table names none.
    ///
    /// # Errors
    /// The same as those of [`Self::read`].
    pub fn of(exporter: &Exporter) -> Result<Option<Self>, ConfigError> {
        let file = exporter.web_config_file.as_deref();
        file.map(Self::read).transpose()
    }

    /// Starts a task that compares passwords and one that looks for changes of the files, which both run until `end`. Returns the access of
    /// a listener by the web configuration. Requests for `open_paths` are answered to all clients.
    pub fn restrict(
        self,
        tasks: &Tasks,
        end: &CancellationToken,
        open_paths: &'static [&'static str],
        metrics: WebMetrics,
    ) -> Access {
        let (policy, present) = watch::channel(Arc::new(self.policy));
        let (passwords, authenticator) = authenticator::authenticator();
        let reload = Reload::new(self.contents, policy, metrics.clone());
        tasks.spawn("passwords", authenticator.run(end.clone()));
        tasks.spawn("web configuration", reload.run(end.clone()));
        let admission = Admission::new(present, passwords, open_paths, metrics.refused);
        Access::Restricted(admission)
    }
}
