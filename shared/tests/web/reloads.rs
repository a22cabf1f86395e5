//! Changes of the web configuration and of the files that it names, while a server runs.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::authority::Authority;
use crate::world::{Ask, Folder, Server};
use crate::{RIGHT, TLS, VERSIONS, folder_with_certificate, users};

/// The time in which a change that has settled is noticed.
const NOTICED: Duration = Duration::from_secs(6);

/// Returns the number of changes with this result.
fn n_reloads(server: &Server, result: &str) -> String {
    server.count(&format!(
        "test_web_config_reloads_total{{result=\"{result}\"}}"
    ))
}

#[tokio::test(start_paused = true)]
async fn new_certificates_are_taken_and_broken_ones_change_nothing() {
    let (folder, before) = folder_with_certificate();
    let server = folder.serve(TLS).await;
    let ask_before = Ask::tls("/metrics", before.roots(), &VERSIONS);
    assert_eq!(server.status(&ask_before).await, Ok(200));

    let after = Authority::new("servers");
    folder.write("tls.crt", &after.issue(&["localhost"]).certificate_pem);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(
        server.status(&ask_before).await,
        Ok(200),
        "the key is another's"
    );
    assert_eq!(
        server.count(r#"test_web_config_reloads_total{result="failure"}"#),
        "1"
    );
    assert_eq!(server.count("test_web_config_last_reload_successful"), "0");

    folder.write_server(&after.issue(&["localhost"]));
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(server.status(&ask_before).await.is_err());
    let ask_after = Ask::tls("/metrics", after.roots(), &VERSIONS);
    assert_eq!(server.status(&ask_after).await, Ok(200));
    assert_eq!(server.count("test_web_config_last_reload_successful"), "1");
    // Certificates of rcgen are valid until the beginning of the year 4096.
    assert_eq!(
        server.count("test_web_certificate_expiry_timestamp_seconds"),
        "67090118400"
    );

    folder.write("web.config.yml", "tls_server_config:\n");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(
        server.status(&ask_after).await,
        Ok(200),
        "an empty file opens nothing"
    );
    folder.write("web.config.yml", &format!("{TLS}{}", users()));
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(server.status(&ask_after).await, Ok(401));
    assert_eq!(
        server.count(r#"test_web_config_reloads_total{result="failure"}"#),
        "2"
    );
    assert_eq!(
        server.count(r#"test_web_config_reloads_total{result="success"}"#),
        "2"
    );
    server.end();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_kept_ends_after_a_change() {
    let server_folder = Folder::new();
    let server = server_folder.serve(&users()).await;
    let ask = Ask::plain("/metrics")
        .with_password(RIGHT)
        .text("keep-alive");
    let mut kept = TcpStream::connect(server.address).await.unwrap();
    kept.write_all(ask.as_bytes()).await.unwrap();
    let mut head = [0; 15];
    kept.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");

    server_folder.write_server(&Authority::new("servers").issue(&["localhost"]));
    server_folder.write("web.config.yml", &format!("{TLS}{}", users()));
    tokio::time::sleep(Duration::from_secs(6)).await;
    kept.write_all(ask.as_bytes()).await.unwrap();
    let mut rest = String::new();
    kept.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("HTTP/1.1 400"), "{rest}");
    server.end();
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_half_written_is_read_when_it_is_whole() {
    let folder = Folder::new();
    let server = folder.serve(&users()).await;
    let whole = users();
    tokio::time::sleep(Duration::from_millis(4900)).await;
    folder.write("web.config.yml", &whole[..whole.len() - 20]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    folder.write("web.config.yml", &whole);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(n_reloads(&server, "failure"), "0");
    assert_eq!(n_reloads(&server, "success"), "1");
    server.end();
}

#[tokio::test(start_paused = true)]
async fn a_file_that_asks_for_less_opens_nothing_while_the_server_runs() {
    let (folder, authority) = folder_with_certificate();
    let whole = format!("{TLS}{}", users());
    let server = folder.serve(&whole).await;
    let plain = Ask::plain("/metrics");
    let encrypted = Ask::tls("/metrics", authority.roots(), &VERSIONS);
    let headers = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n";
    for (n, less) in [headers, "", "# nothing\n", TLS, &users()]
        .into_iter()
        .enumerate()
    {
        folder.write("web.config.yml", less);
        tokio::time::sleep(NOTICED).await;
        assert_eq!(n_reloads(&server, "failure"), (n + 1).to_string(), "{less}");
        assert_eq!(server.count("test_web_config_last_reload_successful"), "0");
        assert_eq!(server.status(&plain).await, Ok(400), "{less}");
        assert_eq!(server.status(&encrypted).await, Ok(401), "{less}");
    }
    folder.write("web.config.yml", &whole);
    tokio::time::sleep(NOTICED).await;
    assert_eq!(n_reloads(&server, "success"), "1");
    assert_eq!(server.count("test_web_config_last_reload_successful"), "1");
    // A server that starts takes what it is given.
    folder.write("web.config.yml", TLS);
    assert!(folder.read().is_ok());
    server.end();
}

/// All of the server's tasks have one thread here, so whatever holds that thread holds the ticks too.
#[tokio::test]
async fn a_file_with_many_wrong_lines_holds_no_other_task_up() {
    let folder = Folder::new();
    let server = folder.serve(&users()).await;
    let mut wrong = "tls_server_config:\n".to_owned();
    for i in 0..80_000 {
        writeln!(wrong, "  k{i}: 1").unwrap();
    }
    folder.write("web.config.yml", &wrong);
    let mut ticks = interval(Duration::from_millis(20));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut longest, mut last) = (Duration::ZERO, Instant::now());
    while n_reloads(&server, "failure") != "1" {
        ticks.tick().await;
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    server.end();
}
