//! The settings of a web configuration, with all its sections.

use std::path::Path;

use axum::http::HeaderMap;

use crate::config::ConfigProblem;

use super::headers;
use super::section_reader::{Keys, SectionReader};
use super::tls_settings::{self, TlsSettings};
use super::users::{self, Users};
use super::yaml;

/// The settings of a web configuration, before the files that it names are parsed.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The section `tls_server_config`; `None` if the file does not have it.
    pub(super) tls: Option<TlsSettings>,
    /// The headers that are added to every response.
    pub(super) headers: HeaderMap,
    /// The users of `basic_auth_users`. If there are none, no password is asked for.
    pub(super) users: Users,
}

const FILE: Keys = Keys {
    known: &[
        "tls_server_config",
        "http_server_config",
        "basic_auth_users",
    ],
    refused: &[(
        "rate_limit",
        "is not there: connections are bounded already, and a limit would refuse probes; remove the section",
    )],
};

const HTTP: Keys = Keys {
    known: &["http2", "headers"],
    refused: &[],
};

/// Parses the text of a web configuration. Relative names of files in the text refer to `folder`.
///
/// # Errors
/// The text is not valid. All problems are returned.
pub(super) fn parse(text: &str, folder: &Path) -> Result<Settings, Vec<ConfigProblem>> {
    let entries = yaml::parse(text).map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    let mut reader = SectionReader::of_file(&entries, &mut problems, FILE);
    let tls = tls_settings::read(&mut reader, folder);
    let headers = match reader.section("http_server_config", HTTP) {
        Some(mut http) => {
            if http.boolean("http2") == Some(true) {
                let message = "there is only HTTP/1.1, which Prometheus uses too; write false, or remove the key";
                http.add_problem("http2", message);
            }
            headers::read(&mut http)
        }
        None => HeaderMap::new(),
    };
    let users = match reader.table("basic_auth_users") {
        Some((_, users)) => users::read(users, &mut problems),
        None => Users::new(),
    };
    let settings = Settings {
        tls,
        headers,
        users,
    };
    if problems.is_empty() && settings.is_empty() {
        problems.push(ConfigProblem {
            line: None,
            path: String::new(),
            message: "asks for nothing, so everybody would be answered; write tls_server_config or basic_auth_users, \
                      or remove exporter.web.config_file"
                .to_owned(),
        });
    }
    if problems.is_empty() {
        Ok(settings)
    } else {
        Err(problems)
    }
}

// === impl Settings ===

impl Settings {
    /// Returns true if the settings change nothing: no TLS, no headers and no users.
    fn is_empty(&self) -> bool {
        self.tls.is_none() && self.headers.is_empty() && self.users.is_empty()
    }
}
