//! The text of a web configuration, and the files that it names.
//!
//! The first byte of a case says what stands before its text: `u` a user with a hash, `t` a section for TLS, anything else nothing. In
//! the text `HASH` stands for a hash. The property: what asks for users or for TLS, by its beginning or by another reading of the text, is
//! refused or read as asking for them; every problem says what is wrong and at which line; and no message has a hash.

use std::cell::LazyCell;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use shared::config::ConfigError;
use shared::web::WebConfig;

use super::case::{Case, within};

/// A hash with the lowest cost of bcrypt.
const HASH: &str = "$2y$04$bzSCVpV/VYDcnU9ZCxJXeOCpejkhpgdD2Cp7YL51Jsrb0iv/xC4ay";

/// A part of the hash, by which it is looked for.
const HASH_PART: &str = "bzSCVpV";

const USER: &str = "basic_auth_users:\n  first: HASH\n";

const TLS: &str = "tls_server_config:\n  cert_file: web.crt\n  key_file: web.key\n";

/// A folder with a certificate, its key and the web configuration. The folder is removed at the end.
struct Folder(PathBuf);

thread_local! {
    static FOLDER: LazyCell<Folder> = const { LazyCell::new(Folder::new) };
}

/// Checks the property for one case.
///
/// # Panics
/// The property does not hold.
pub fn check(bytes: &[u8]) {
    let mut case = Case::new(bytes);
    let begin = case.byte();
    let rest = String::from_utf8_lossy(case.rest()).into_owned();
    let (before, rest) = match begin {
        b'u' => (USER, rest.replace("HASH", "")),
        b't' => (TLS, rest),
        _ => ("", rest),
    };
    let text = format!("{before}{rest}").replace("HASH", HASH);
    let limit = (2 << 20) + 512 * text.len();
    match within(limit, || FOLDER.with(|folder| folder.read(&text))) {
        Ok(web) => {
            let users: Vec<&str> = web.user_names().collect();
            assert!(begin != b'u' || users.contains(&"first"), "{text:?}");
            assert!(begin != b't' || web.has_tls(), "{text:?}");
            let shown = format!("{web:?}");
            assert!(!shown.contains(HASH_PART), "{shown}");
            check_by_json(&text, &web, &users);
        }
        Err(error) => check_problems(&error, &text),
    }
}

/// Compares with the reading of the same text as JSON, where it can be read so.
fn check_by_json(text: &str, web: &WebConfig, users: &[&str]) {
    let Ok(json) = serde_saphyr::from_str::<Value>(text) else {
        return;
    };
    if let Some(Value::Object(named)) = json.get("basic_auth_users") {
        assert_eq!(users.len(), named.len(), "{text:?}");
        assert!(named.keys().all(|name| users.contains(&name.as_str())));
    }
    let asks_for_tls = json
        .get("tls_server_config")
        .is_some_and(|tls| !tls.is_null());
    assert_eq!(web.has_tls(), asks_for_tls, "{text:?}");
}

fn check_problems(error: &ConfigError, text: &str) {
    let n_lines = text.split(['\n', '\r']).count();
    assert!(!error.problems().is_empty());
    for problem in error.problems() {
        assert!(!problem.message.is_empty());
        if let Some(line) = problem.line {
            assert!((1..=n_lines).contains(&line), "{problem:?} {text:?}");
        }
    }
    // The value of a key that names a file is shown where there is no such file.
    if !text.contains("_file") && !text.contains("client_ca") {
        let said = error.to_string();
        assert!(!said.contains(HASH_PART), "{said}");
    }
}

// === impl Folder ===

impl Folder {
    fn new() -> Self {
        let thread = format!("{:?}", std::thread::current().id()).replace(['(', ')'], "");
        let name = format!("klag-exporter-fuzz-{}-{thread}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        let names = ["localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let write = |name, text| fs::write(folder.join(name), text).expect("a file");
        write("web.crt", made.cert.pem());
        write("web.key", made.signing_key.serialize_pem());
        Self(folder)
    }

    fn read(&self, text: &str) -> Result<WebConfig, ConfigError> {
        let path = self.0.join("web.yml");
        fs::write(&path, text).expect("a file");
        WebConfig::read(&path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
