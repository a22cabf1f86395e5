//! A check of a cluster by the collector, in an environment of the test's own.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::broker::Broker;
use crate::tls;
use crate::token::Token;

pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/lag";

/// A token of a Kubernetes service account, as STS gets it in place of a password.
pub(crate) const WEB_IDENTITY: &str = "eyWebIdentity.S3CRET.token";

/// The key of the credentials in environment and files.
pub(crate) const OWN_KEY: &str = "S3CRETownKey";

/// The end of a check: what it wrote, and the token that the broker got last.
pub(crate) struct Checked {
    pub(crate) text: String,
    pub(crate) token: Option<Token>,
}

/// A check of one cluster with this login, in an environment that has nothing else of AWS.
pub(crate) struct Check {
    properties: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

/// Writes a file with this text and a name of its own, and returns its path.
fn file(text: &str) -> PathBuf {
    static N_FILES: AtomicU32 = AtomicU32::new(0);
    let n = N_FILES.fetch_add(1, Ordering::Relaxed);
    let name = format!("msk_iam_{n}");
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

pub(crate) fn path_of_file(text: &str) -> String {
    file(text).display().to_string()
}

/// Checks that a text has no secret of these tests, and not the token.
#[track_caller]
pub(crate) fn has_no_secret(text: &str, token: Option<&Token>) {
    let token = token.map(Token::text);
    let secrets = ["S3CRET", "session+token", "session%2Btoken"];
    for secret in secrets.into_iter().chain(token) {
        assert!(!text.contains(secret), "{secret} is written:\n{text}");
    }
}

// === impl Check ===

impl Check {
    pub(crate) fn new() -> Self {
        let new = Self {
            properties: Vec::new(),
            environment: Vec::new(),
        };
        new.property("security.protocol", "SASL_SSL")
            .property("sasl.mechanism", "AWS_MSK_IAM")
            .property("ssl.ca.location", &tls::certificate_path())
            .property("aws.region", "eu-west-1")
            // The machine of the test has no metadata service, and looking for it takes seconds.
            .variable("AWS_EC2_METADATA_DISABLED", "true")
            // The region of the pod is another one than that of the Kafka cluster.
            .variable("AWS_REGION", "us-east-2")
    }

    pub(crate) fn property(mut self, name: &str, value: &str) -> Self {
        let line = format!("\"{name}\" = \"{value}\"\n");
        self.properties.push(line);
        self
    }

    pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// Sets credentials of a user in the environment.
    pub(crate) fn own_credentials(self) -> Self {
        self.variable("AWS_ACCESS_KEY_ID", "AKIDENV")
            .variable("AWS_SECRET_ACCESS_KEY", OWN_KEY)
    }

    /// Sets the variables that a pod gets whose service account has a role.
    pub(crate) fn web_identity(self, sts: &str) -> Self {
        self.variable("AWS_ROLE_ARN", ROLE)
            .variable("AWS_WEB_IDENTITY_TOKEN_FILE", &path_of_file(WEB_IDENTITY))
            .variable("AWS_ENDPOINT_URL_STS", sts)
    }

    /// Returns the command that starts the collector for a cluster of this broker.
    pub(crate) fn command(self, broker: &Broker) -> Command {
        let config = file(&format!(
            "[exporter]\nhttp_host = \"127.0.0.1\"\nhttp_port = 0\n[exporter.performance]\nkafka_timeout = \"2s\"\n\
             [[clusters]]\nname = \"msk\"\nbootstrap_servers = \"{}\"\n[clusters.consumer_properties]\n{}",
            broker.address(),
            self.properties.concat()
        ));
        let mut command = Command::new(env!("CARGO_BIN_EXE_collector"));
        command.arg("--config").arg(config);
        command.env_clear().envs(self.environment);
        command
    }

    /// Runs `--check --connect`, and checks that no secret is written.
    pub(crate) fn run(self) -> Checked {
        let broker = Broker::start();
        let mut command = self.command(&broker);
        let output = command.args(["--check", "--connect"]).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let token = broker.last_token();
        has_no_secret(&text, token.as_ref());
        Checked { text, token }
    }
}

// === impl Checked ===

impl Checked {
    /// Returns the token that the broker got.
    #[track_caller]
    pub(crate) fn token(&self) -> &Token {
        self.token
            .as_ref()
            .unwrap_or_else(|| panic!("no token:\n{}", self.text))
    }

    /// Checks that no token was sent, that the trouble has this reason, and that these words say why.
    #[track_caller]
    pub(crate) fn failed(&self, reason: &str, words: &[&str]) {
        assert!(self.token.is_none());
        let reason = format!("a token ({reason})");
        for words in std::iter::once(&*reason).chain(words.iter().copied()) {
            assert!(self.text.contains(words), "{words}\n{}", self.text);
        }
    }
}
