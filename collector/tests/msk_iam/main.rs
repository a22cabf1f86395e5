//! The login at Amazon MSK with IAM, tried by the whole program: credentials from each place that AWS' own programs know, got from
//! stand-ins for AWS' services, and the token that arrives at a broker. The signature itself is held against AWS' own signer by
//! the unit tests.

#![cfg(feature = "msk-iam")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod broker;
mod check;
mod service;
mod tls;
mod token;

use std::io::Read as _;
use std::process::Stdio;

use self::broker::Broker;
use self::check::{Check, OWN_KEY, ROLE, WEB_IDENTITY, has_no_secret, path_of_file};
use self::service::{Service, sts_credentials};

#[test]
fn a_web_identity_becomes_credentials_that_sign_the_token() {
    let sts = Service::start(|_| (200, sts_credentials("AssumeRoleWithWebIdentity", 3600)));
    let checked = Check::new().web_identity(&sts.url()).run();
    let request = sts.only_request();
    assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
    let form = request.rsplit("\r\n").next().unwrap();
    for field in [
        "Action=AssumeRoleWithWebIdentity",
        "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Flag",
        &format!("WebIdentityToken={WEB_IDENTITY}"),
    ] {
        assert!(form.split('&').any(|it| it == field), "{field}\n{form}");
    }
    let token = checked.token();
    token.is_signed_by("ASIASTS", Some("session+token/="));
    // The broker is a stand-in that takes no token at all.
    let words = "the broker does not take the token";
    assert!(checked.text.contains(words), "{}", checked.text);
}

#[test]
fn a_role_is_assumed_with_the_credentials_of_the_environment() {
    let sts = Service::start(|_| (200, sts_credentials("AssumeRole", 3600)));
    let checked = Check::new()
        .own_credentials()
        .variable("AWS_ENDPOINT_URL_STS", &sts.url())
        .property("aws.role.arn", ROLE)
        .property("aws.role.external.id", "lag-id")
        .run();
    let request = sts.only_request();
    let form = request.rsplit("\r\n").next().unwrap();
    for field in [
        "Action=AssumeRole",
        "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Flag",
        "RoleSessionName=klag-exporter",
        "ExternalId=lag-id",
    ] {
        assert!(form.split('&').any(|it| it == field), "{field}\n{form}");
    }
    assert!(request.contains("Credential=AKIDENV/"), "{request}");
    assert!(request.contains("/us-east-2/sts/aws4_request"), "{request}");
    checked
        .token()
        .is_signed_by("ASIASTS", Some("session+token/="));
}

#[test]
fn the_credentials_of_the_environment_and_of_a_profile_sign_by_themselves() {
    let checked = Check::new().own_credentials().run();
    checked.token().is_signed_by("AKIDENV", None);

    let credentials = path_of_file(&format!(
        "[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key = {OWN_KEY}\n\
         [lag]\naws_access_key_id = AKIDLAG\naws_secret_access_key = {OWN_KEY}\naws_session_token = own+session\n"
    ));
    let with_files = || Check::new().variable("AWS_SHARED_CREDENTIALS_FILE", &credentials);
    with_files().run().token().is_signed_by("AKIDDEFAULT", None);
    // A profile that is named in the configuration comes before the environment.
    let named = with_files()
        .own_credentials()
        .property("aws.profile", "lag");
    named
        .run()
        .token()
        .is_signed_by("AKIDLAG", Some("own+session"));
    let by_variable = with_files().variable("AWS_PROFILE", "lag");
    by_variable
        .run()
        .token()
        .is_signed_by("AKIDLAG", Some("own+session"));
}

#[test]
fn a_profile_with_a_role_has_the_role_assumed() {
    let sts = Service::start(|_| (200, sts_credentials("AssumeRole", 3600)));
    let config = path_of_file(&format!(
        "[profile base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = {OWN_KEY}\n\
         [profile lag]\nrole_arn = {ROLE}\nsource_profile = base\n"
    ));
    let checked = Check::new()
        .variable("AWS_CONFIG_FILE", &config)
        .variable("AWS_ENDPOINT_URL_STS", &sts.url())
        .property("aws.profile", "lag")
        .run();
    assert!(sts.only_request().contains("Credential=AKIDBASE/"));
    checked
        .token()
        .is_signed_by("ASIASTS", Some("session+token/="));
}

#[test]
fn the_agent_of_pod_identity_gives_credentials() {
    let agent = Service::start(|_| {
        let body = "{\"AccessKeyId\":\"ASIAPOD\",\"SecretAccessKey\":\"S3CRETpod\",\"Token\":\"pod/session\",\
                    \"AccountId\":\"123456789012\",\"Expiration\":\"2126-01-01T00:00:00Z\"}";
        (200, body.to_owned())
    });
    let checked = Check::new()
        .variable(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            &format!("{}/v1/credentials", agent.url()),
        )
        .variable(
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            &path_of_file(WEB_IDENTITY),
        )
        .run();
    let request = agent.only_request();
    assert!(request.starts_with("GET /v1/credentials "), "{request}");
    let header = format!("authorization: {WEB_IDENTITY}\r\n");
    assert!(request.contains(&header), "{request}");
    checked.token().is_signed_by("ASIAPOD", Some("pod/session"));
}

#[test]
fn tls_with_aws_trusts_the_authorities_of_the_configuration() {
    let sts =
        Service::start_with_tls(|_| (200, sts_credentials("AssumeRoleWithWebIdentity", 3600)));
    let check = || Check::new().web_identity(&sts.url());
    let authority = tls::certificate_path();
    let trusted = check().property("https.ca.location", &authority).run();
    trusted
        .token()
        .is_signed_by("ASIASTS", Some("session+token/="));
    check()
        .run()
        .failed("token_unreachable", &["write the file with the authority"]);
    let nowhere = check().property("https.ca.location", "/nowhere/ca.pem");
    let words = ["\"https.ca.location\": cannot read /nowhere/ca.pem"];
    let text = nowhere.run().text;
    assert!(text.contains(words[0]), "{text}");
}

#[test]
fn a_collector_that_logs_everything_logs_no_secret() {
    let sts = Service::start(|_| (200, sts_credentials("AssumeRoleWithWebIdentity", 3600)));
    let broker = Broker::start();
    // A long value is cut in the log, so the request is a short one.
    let check = Check::new()
        .web_identity(&sts.url())
        .variable("AWS_ROLE_ARN", "arn:aws:iam::1:role/x")
        .variable("AWS_ROLE_SESSION_NAME", "x");
    let mut command = check.command(&broker);
    command
        .args(["--log-level", "trace"])
        .stderr(Stdio::piped());
    let mut collector = command.spawn().unwrap();
    let token = broker.wait_for_token();
    collector.kill().unwrap();
    let mut log = String::new();
    collector
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    collector.wait().unwrap();
    assert!(log.contains("Got a token"), "{log}");
    has_no_secret(&log, Some(&token));
    // At the level TRACE AWS' library would log requests with their headers, and what it signs.
    assert!(!log.contains("aws_"), "{log}");
}

#[test]
fn each_trouble_has_its_reason_and_its_words() {
    let denied = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                  <Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>";
    let refusing = Service::start(move |_| (403, denied.to_owned()));
    let refused = Check::new().web_identity(&refusing.url()).run();
    refused.failed(
        "token_refused",
        &[
            "AWS IAM for eu-west-1",
            "AccessDenied",
            "Not authorized",
            "trust policy",
        ],
    );
    assert!(refusing.requests().len() < 4, "{:?}", refusing.requests());

    let busy = Service::start(|_| (503, String::new()));
    let unavailable = Check::new().web_identity(&busy.url()).run();
    unavailable.failed("token_unreachable", &["answered status 503", "AWS_REGION"]);

    let nobody = Check::new().web_identity("http://127.0.0.1:1").run();
    nobody.failed("token_unreachable", &["onnection refused"]);

    let garbled = Service::start(|_| (200, "<html>S3CRET".to_owned()));
    let garbled = Check::new().web_identity(&garbled.url()).run();
    garbled.failed("token_unusable", &["credentials that can be used"]);

    let old = Service::start(|_| (200, sts_credentials("AssumeRoleWithWebIdentity", -60)));
    let old = Check::new().web_identity(&old.url()).run();
    old.failed("token_expired", &["the credentials have expired 6"]);

    let none = Check::new().run();
    none.failed("token_unusable", &["there are no credentials"]);

    let no_profile = Check::new()
        .own_credentials()
        .property("aws.profile", "nobody");
    no_profile
        .run()
        .failed("token_unusable", &["there is no profile nobody"]);

    let no_file = Check::new()
        .web_identity("http://127.0.0.1:1")
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token");
    no_file.run().failed("token_unusable", &["No such file"]);
}
