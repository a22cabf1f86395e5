//! Tests of the thread that gets tokens, with a token endpoint of the test's own.

pub(in crate::kafka) mod broker;
mod file;
mod handover;
pub(in crate::kafka) mod provider;

use std::sync::Arc;
use std::time::Duration;

use shared::config::{Environment, Mask, OauthLogin, Program};
use tokio::sync::watch;
use tokio::time::Instant;

use super::*;
use crate::gate::client_slot::{ClientSlot, ClientState};
use crate::gate::{ClosedReason, Gate, Until};
use crate::kafka::native::Fence;
use crate::snapshot::Reason;

use self::provider::{Provider, granted};

const MINUTE: Duration = Duration::from_secs(60);

/// Returns the properties of a cluster that logs in with tokens from the endpoint at `url`, in TOML.
pub(in crate::kafka) fn properties(url: &str) -> String {
    let client = if url.starts_with("file:") {
        ""
    } else {
        "\"sasl.oauthbearer.client.id\" = \"exporter\"\n\"sasl.oauthbearer.client.secret\" = \"hunter2\"\n"
    };
    format!(
        "\"security.protocol\" = \"sasl_plaintext\"\n\"sasl.mechanism\" = \"OAUTHBEARER\"\n\
         \"sasl.oauthbearer.method\" = \"oidc\"\n{client}\"sasl.oauthbearer.token.endpoint.url\" = \"{url}\"\n"
    )
}

/// Returns the login with tokens from the endpoint at `url`, and the mask of its cluster.
fn login(url: &str) -> (OauthLogin, Mask) {
    let properties = properties(url);
    let text = format!(
        "[[clusters]]\nname = \"a\"\nbootstrap_servers = \"kafka\"\n[clusters.consumer_properties]\n{properties}\
         \"sasl.oauthbearer.scope\" = \"kafka lag\"\n"
    );
    let text = if url.starts_with("file:") {
        text.replace("\"sasl.oauthbearer.scope\" = \"kafka lag\"\n", "")
    } else {
        text
    };
    let env = Environment::default();
    let loaded = shared::config::parse(&text, "test", Program::Collector, &env).unwrap();
    let cluster = &loaded.config.clusters[0];
    let mask = Mask::of(&cluster.consumer_properties);
    (cluster.oauth.clone().unwrap(), mask)
}

/// A gate, and a login whose thread gets tokens under the gate's permission.
struct World {
    gate: watch::Sender<Gate>,
    clients: watch::Receiver<ClientState>,
    fence: Arc<Fence>,
    login: Login,
}

fn start(url: &str) -> World {
    let (gate, seen) = watch::channel(Gate::Open {
        until: Until::Forever,
        term: 7,
        opening: 1,
    });
    let (slot, clients) = ClientSlot::new();
    let guard = Arc::new(slot.take(&seen).unwrap());
    let fence = Fence::new(guard.permit_check());
    let (login, mask) = login(url);
    let login = Login::start(&login, mask, &fence, guard).unwrap();
    World {
        gate,
        clients,
        fence,
        login,
    }
}

/// Returns the first event of the login.
fn first_event(world: &mut World) -> TokenEvent {
    let events = world.login.wait_for_first_token(Instant::now() + MINUTE);
    events.into_iter().next().unwrap()
}

#[track_caller]
fn first_trouble(url: &str) -> TokenTrouble {
    match first_event(&mut start(url)) {
        TokenEvent::Failed(trouble) => {
            assert!(!trouble.text.contains("hunter2"), "{trouble}");
            trouble
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_is_asked_for_at_once_with_the_client_s_credentials() {
    let provider = Provider::start(|_| granted("S3CRETTOKEN", 300));
    let mut world = start(&provider.url());
    assert_eq!(first_event(&mut world), TokenEvent::Renewed);
    assert_eq!(world.login.state(Instant::now()), TokenState::Valid);
    let later = Instant::now() + Duration::from_secs(301);
    assert_eq!(world.login.state(later), TokenState::Expired);
    let request = provider.requests().remove(0);
    for part in [
        "POST /token HTTP/1.1\r\n",
        // The Base64 text is that of exporter:hunter2.
        "authorization: Basic ZXhwb3J0ZXI6aHVudGVyMg==\r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
        "\r\n\r\ngrant_type=client_credentials&scope=kafka+lag",
    ] {
        assert!(request.contains(part), "{part}{request}");
    }
}

#[test]
fn each_trouble_has_its_reason_and_says_who_is_at_fault() {
    let refused = Provider::start(|_| {
        let why = "{\"error\":\"invalid_client\",\"error_description\":\"no hunter2\\nhere\"}";
        (401, why.to_owned())
    });
    let trouble = first_trouble(&refused.url());
    assert_eq!(trouble.reason(), Reason::TokenRefused);
    let words = "answered status 401: invalid_client: no ***\\nhere";
    assert!(trouble.text.contains(words), "{trouble}");
    assert!(trouble.text.starts_with("token endpoint 127.0.0.1:"));

    let busy = Provider::start(|_| (503, String::new()));
    let trouble = first_trouble(&busy.url());
    assert_eq!(trouble.reason(), Reason::TokenUnreachable);

    let trouble = first_trouble("http://127.0.0.1:1/token?key=hunter2");
    assert_eq!(trouble.kind, TokenTroubleKind::Unreachable);
    assert!(trouble.text.contains("onnection refused"), "{trouble}");

    let unusable = Provider::start(|_| (200, "<html>hunter2".to_owned()));
    let trouble = first_trouble(&unusable.url());
    assert_eq!(trouble.reason(), Reason::TokenUnusable);

    let old = Provider::start(|_| granted("t", 0));
    assert_eq!(first_trouble(&old.url()).reason(), Reason::TokenExpired);
    let not_tls = Provider::start(|_| granted("t", 300));
    let trouble = first_trouble(&not_tls.url().replace("http:", "https:"));
    assert_eq!(trouble.kind, TokenTroubleKind::Certificate, "{trouble}");
}

#[test]
fn an_attempt_that_fails_is_repeated_and_the_token_then_counts() {
    let provider = Provider::start(|n| match n {
        0 => (503, String::new()),
        _ => granted("t", 300),
    });
    let mut world = start(&provider.url());
    assert!(matches!(first_event(&mut world), TokenEvent::Failed(_)));
    let state = world.login.state(Instant::now());
    assert!(matches!(state, TokenState::NoneYet(Some(_))), "{state:?}");
    while world.login.state(Instant::now()) != TokenState::Valid {
        world.login.take_reports();
        std::thread::yield_now();
    }
    assert!(provider.requests().len() >= 2);
}

/// Checks that `end` cuts a request, and that nothing of the session is left once the fence is closed.
fn ends_a_request(end: impl FnOnce(&World)) {
    let (provider, silent) = Provider::silent();
    let mut world = start(&provider);
    let mut connection = silent.accept().unwrap().0;
    provider::read_request(&mut connection);
    assert_ne!(*world.clients.borrow(), ClientState::Gone);
    end(&world);
    assert!(provider::is_closed(&mut connection));
    world.fence.close();
    while *world.clients.borrow_and_update() != ClientState::Gone {
        std::thread::yield_now();
    }
    assert!(world.login.take_reports().is_empty());
}

#[test]
fn a_closed_fence_ends_a_request_and_only_then_the_clients_count_as_gone() {
    ends_a_request(|world| world.fence.close());
}

#[test]
fn the_end_of_the_permission_ends_a_request() {
    ends_a_request(|world| {
        world.gate.send_replace(Gate::Closed {
            reason: ClosedReason::Standby,
        });
    });
}

#[test]
fn a_permission_that_lapses_for_a_moment_is_used_again() {
    let (url, silent) = Provider::silent();
    let world = start(&url);
    let open = *world.gate.borrow();
    let mut connection = silent.accept().unwrap().0;
    world.gate.send_replace(Gate::Closed {
        reason: ClosedReason::Expired,
    });
    provider::read_request(&mut connection);
    assert!(provider::is_closed(&mut connection));
    world.gate.send_replace(open);
    let mut connection = silent.accept().unwrap().0;
    assert!(provider::read_request(&mut connection).starts_with("POST"));
}

#[test]
fn nothing_is_asked_behind_a_closed_fence() {
    let (url, silent) = Provider::silent();
    silent.set_nonblocking(true).unwrap();
    let guard = Arc::new(crate::gate::client_slot::ClientGuard::without_election());
    let fence = Fence::new(guard.permit_check());
    fence.close();
    let (login, mask) = login(&url);
    let mut login = Login::start(&login, mask, &fence, guard).unwrap();
    assert!(
        login
            .wait_for_first_token(Instant::now() + MINUTE)
            .is_empty()
    );
    assert!(silent.accept().is_err());
}

#[cfg(not(feature = "msk-iam"))]
#[test]
fn a_login_that_the_build_does_not_have_is_an_error_with_the_feature() {
    let text = "[[clusters]]\nname = \"a\"\nbootstrap_servers = \"kafka\"\n[clusters.consumer_properties]\n\
                \"security.protocol\" = \"SASL_SSL\"\n\"sasl.mechanism\" = \"AWS_MSK_IAM\"\n\"aws.region\" = \"eu-west-1\"\n";
    let env = Environment::default();
    let loaded = shared::config::parse(text, "test", Program::Collector, &env).unwrap();
    let why = check(loaded.config.clusters[0].oauth.as_ref().unwrap()).unwrap_err();
    assert!(why.contains("the Cargo feature msk-iam"), "{why}");
}
