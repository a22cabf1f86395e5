//! OpenSSL's client, with each version of TLS and each kind of certificate, at servers with different demands.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::certificates::{Authority, Issued};
use e2e::lab::closed_programs::ClosedPrograms;
use e2e::lab::closing::{CLIENT, WEB_CONFIG};
use e2e::lab::host::TempDir;
use e2e::lab::{self, Closing, Way, process};

use super::written;

const LIMIT: Duration = Duration::from_secs(30);

/// A shell script that sends a request through `openssl s_client`. Its first argument is the path to ask for, and the others go to
/// `s_client`. It succeeds also if the server refuses the connection.
const ASK: &str = r#"printf 'GET %s HTTP/1.1\r\nHost: klag-exporter\r\nConnection: close\r\n\r\n' "$0" | openssl s_client -quiet "$@" 2>&1; true"#;

/// The options that choose each version of TLS. OpenSSL offers the versions before 1.2 only at its lowest level of security.
const VERSIONS: [&[&str]; 4] = [
    &["-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"],
    &["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"],
    &["-tls1_2"],
    &["-tls1_3"],
];

/// The options that offer all cipher suites of TLS 1.2 without AES-GCM and `ChaCha20`: old and anonymous ones.
const WEAK: [&str; 3] = [
    "-tls1_2",
    "-cipher",
    "ALL:COMPLEMENTOFALL:!AESGCM:!CHACHA20:@SECLEVEL=0",
];

/// The certificates that a client can show, by the names of their files. All but one are wrong in one way each.
const CLIENTS: [&str; 5] = ["none", "right", "other-name", "stranger", "expired"];

/// A web configuration, and the clients that it lets in.
struct Server {
    name: &'static str,
    way: Way,
    /// The lines that are added to `tls_server_config`.
    lines: &'static str,
    versions: &'static [&'static str],
    clients: &'static [&'static str],
}

const SERVERS: [Server; 5] = [
    Server {
        name: "as it is",
        way: Way::Tls,
        lines: "",
        versions: &["-tls1_2", "-tls1_3"],
        clients: &CLIENTS,
    },
    Server {
        name: "1.3 at least",
        way: Way::Tls,
        lines: "  min_version: TLS13\n",
        versions: &["-tls1_3"],
        clients: &CLIENTS,
    },
    Server {
        name: "1.2 at most",
        way: Way::Tls,
        lines: "  max_version: TLS12\n",
        versions: &["-tls1_2"],
        clients: &CLIENTS,
    },
    Server {
        name: "certificates are required",
        way: Way::Certificate,
        lines: "",
        versions: &["-tls1_2", "-tls1_3"],
        clients: &["right"],
    },
    Server {
        name: "certificates are verified if given",
        way: Way::Tls,
        lines: "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.crt\n",
        versions: &["-tls1_2", "-tls1_3"],
        clients: &["none", "right", "other-name"],
    },
];

/// Writes the certificates of [`CLIENTS`] into the folder.
fn write_clients(folder: &Path, closing: &Closing) -> Result<()> {
    let write = |name: &str, issued: Issued| {
        fs::write(folder.join(format!("{name}.crt")), issued.certificate)?;
        fs::write(folder.join(format!("{name}.key")), issued.key)
    };
    let authority = closing.authority();
    write("right", authority.issue("client", &[CLIENT])?)?;
    write("other-name", authority.issue("client", &["grafana"])?)?;
    write("expired", authority.issue_expired("client", &[CLIENT])?)?;
    write("stranger", Authority::new()?.issue("client", &[CLIENT])?)?;
    Ok(())
}

/// Asks the server on a port for a path, and returns all output of OpenSSL, which includes the answer.
fn ask(folder: &Path, (port, path): (u16, &str), options: &[&str]) -> Result<String> {
    let mut command = Command::new("sh");
    command
        .current_dir(folder)
        .args(["-c", ASK, path, "-CAfile", "ca.crt", "-verify_return_error"])
        .args(["-connect", &format!("127.0.0.1:{port}")])
        .args(options);
    process::run(command, LIMIT)
}

/// Asks a program with every version and every certificate. Returns the number of clients that were let in, and of those that were
/// refused.
fn matrix(server: &Server, folder: &Path, door: (&str, u16, &str)) -> Result<[u32; 2]> {
    let (program, port, path) = door;
    let mut counts = [0, 0];
    for version in VERSIONS {
        for client in CLIENTS {
            let files = [format!("{client}.crt"), format!("{client}.key")];
            let shown = ["-cert", &files[0], "-key", &files[1]];
            let shown = if client == "none" { &[][..] } else { &shown };
            let said = ask(folder, (port, path), &[version, shown].concat())?;
            let is_in = said.contains("HTTP/1.1 200");
            let wanted = server.versions.contains(&version[0]) && server.clients.contains(&client);
            ensure!(
                is_in == wanted,
                "{program}, {}, {version:?}, certificate {client}: {said}",
                server.name
            );
            ensure!(is_in || !said.contains("kafka_lag_exporter"), "{said}");
            counts[usize::from(!is_in)] += 1;
        }
    }
    let said = ask(folder, (port, path), &WEAK)?;
    ensure!(!said.contains("HTTP/1.1"), "weak ciphers: {said}");
    ensure!(said.contains("alert"), "weak ciphers: {said}");
    Ok(counts)
}

#[test]
fn versions_and_certificates_are_let_in_as_the_file_says() -> Result<()> {
    let _reservation = lab::reserve()?;
    let scratch = TempDir::new("versions")?;
    for server in SERVERS {
        let closing = Closing::by(server.way)?;
        let folder = written(&scratch, &closing, server.name)?;
        write_clients(&folder, &closing)?;
        let text = server.way.web_config() + server.lines;
        fs::write(folder.join(WEB_CONFIG), text)?;
        let programs = ClosedPrograms::start(&scratch, &folder)?;
        for door in programs.doors() {
            let [n_in, n_refused] = matrix(&server, &folder, door)?;
            lab::say(format_args!(
                "{}, {}: {n_in} let in, {n_refused} refused, as wanted",
                server.name, door.0
            ));
        }
    }
    Ok(())
}
