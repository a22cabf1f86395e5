use super::*;

const OIDC: &[(&str, &str)] = &[
    ("security.protocol", "SASL_SSL"),
    ("sasl.mechanism", "OAUTHBEARER"),
    ("sasl.oauthbearer.method", "oidc"),
    ("sasl.oauthbearer.client.id", "exporter"),
    ("sasl.oauthbearer.client.secret", "hunter2"),
    (
        "sasl.oauthbearer.token.endpoint.url",
        "https://idp:8443/token",
    ),
];

const NOWHERE: &Surroundings<'_> = &Surroundings {
    servers: "kafka:9092",
    variable: &|_| Ok(None),
};

fn read(changes: &[(&str, &str)]) -> Result<Option<OauthLogin>, PropertyProblem> {
    let mut properties = BTreeMap::new();
    for (name, value) in OIDC.iter().chain(changes) {
        properties.insert((*name).to_owned(), Secret::new((*value).to_owned()));
    }
    // A change to the empty text takes the property away.
    properties.retain(|_, value| !value.expose().is_empty());
    OauthLogin::of(&properties, NOWHERE)
}

fn endpoint(changes: &[(&str, &str)]) -> TokenEndpoint {
    match read(changes).unwrap().unwrap().source {
        TokenSource::Endpoint(endpoint) => endpoint,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(changes: &[(&str, &str)], name: &str, words: &str) {
    let problem = read(changes).unwrap_err();
    assert_eq!(problem.name, name, "{problem:?}");
    assert!(problem.message.contains(words), "{problem:?}");
    assert!(!problem.message.contains("hunter2"), "{problem:?}");
}

#[test]
fn properties_of_librdkafka_are_understood_as_they_are() {
    let whole = endpoint(&[
        ("sasl.oauthbearer.scope", "kafka lag"),
        ("https.ca.location", "/etc/idp/ca.pem"),
        ("sasl.oauthbearer.grant.type", "client_credentials"),
    ]);
    assert_eq!(whole.url.expose(), "https://idp:8443/token");
    assert_eq!(whole.client_id, "exporter");
    assert_eq!(whole.client_secret.expose(), "hunter2");
    assert_eq!(whole.scope.as_deref(), Some("kafka lag"));
    assert_eq!(
        whole.authorities,
        Authorities::Location("/etc/idp/ca.pem".into())
    );
    let plain = endpoint(&[("https.ca.location", "probe")]);
    assert_eq!(
        (plain.scope, plain.authorities),
        (None, Authorities::System)
    );
    let alias = endpoint(&[
        (CLIENT_ID, ""),
        ("sasl.oauthbearer.client.credentials.client.id", "alias"),
    ]);
    assert_eq!(alias.client_id, "alias");
    assert_eq!(
        endpoint(&[(AUTHORITIES_PEM, "PEM")]).authorities,
        Authorities::Pem("PEM".to_owned())
    );
}

#[test]
fn without_the_method_there_is_no_such_login() {
    let mut properties = BTreeMap::new();
    assert_eq!(OauthLogin::of(&properties, NOWHERE), Ok(None));
    let unsecured = Secret::new("principal=admin".to_owned());
    properties.insert("sasl.oauthbearer.config".to_owned(), unsecured);
    assert_eq!(OauthLogin::of(&properties, NOWHERE), Ok(None));
    assert!(!is_taken_out("sasl.oauthbearer.config"));
    assert!(is_taken_out("sasl.oauthbearer.client.secret") && is_taken_out("https.ca.pem"));
    refused(&[(METHOD, "")], CLIENT_ID, "\"oidc\" only");
    refused(&[(METHOD, "default")], CLIENT_ID, "\"oidc\" only");
    refused(&[(METHOD, "hunter2")], METHOD, "write \"oidc\"");
}

#[test]
fn a_file_url_names_a_file_and_needs_no_client() {
    let bare = [
        (CLIENT_ID, ""),
        (CLIENT_SECRET, ""),
        (EXTENSIONS, "logicalCluster=lkc-1, identityPoolId=pool-2"),
    ];
    for url in [
        "file:///run/token",
        "file:/run/token",
        "FILE://localhost/run/token",
    ] {
        let login = read(&[&bare[..], &[(ENDPOINT, url)]].concat());
        let login = login.unwrap().unwrap();
        assert_eq!(login.source, TokenSource::File("/run/token".into()));
        let (key, value) = &login.extensions[1];
        assert_eq!((key.as_str(), value.as_str()), ("identityPoolId", "pool-2"));
    }
    for url in ["file:token", "file://host/token", "file:///run/a%20b"] {
        let changes = [&bare[..], &[(ENDPOINT, url)]].concat();
        refused(&changes, ENDPOINT, "absolute path");
    }
    refused(&[(ENDPOINT, "file:///t")], CLIENT_ID, "remove");
    let authorities = [
        &bare[..],
        &[
            (ENDPOINT, "file:///t"),
            (AUTHORITIES_LOCATION, "/etc/ca.pem"),
        ],
    ];
    refused(&authorities.concat(), AUTHORITIES_LOCATION, "remove");
}

#[test]
fn what_is_missing_or_not_supported_is_named() {
    refused(&[(CLIENT_SECRET, "")], CLIENT_SECRET, "missing");
    refused(&[(CLIENT_ID, "a:b")], CLIENT_ID, "colon");
    refused(&[(ENDPOINT, "")], ENDPOINT, "missing");
    refused(&[("sasl.mechanism", "PLAIN")], "sasl.mechanism", "OAUTHB");
    refused(&[("sasl.mechanisms", "PLAIN")], "sasl.mechanisms", "OAUTHB");
    refused(
        &[("security.protocol", "SSL")],
        "security.protocol",
        "SASL_SSL",
    );
    let unsecured = "sasl.oauthbearer.config";
    refused(&[(unsecured, "principal=hunter2")], unsecured, "unsecured");
    let assertion = "sasl.oauthbearer.assertion.private.key.file";
    refused(&[(assertion, "hunter2")], assertion, "not supported");
    let grant = "sasl.oauthbearer.grant.type";
    refused(&[(grant, "hunter2")], grant, "client_credentials");
    refused(&[("https.hunter", "x")], "https.hunter", "not supported");
    let both = [(AUTHORITIES_LOCATION, "/a"), (AUTHORITIES_PEM, "b")];
    refused(&both, AUTHORITIES_PEM, "one of the two");
    let twice = "sasl.oauthbearer.client.credentials.client.id";
    // Properties are read in the order of their names, so the problem is found at the second name.
    refused(&[(twice, "b")], CLIENT_ID, "two names");
}

#[test]
fn a_url_that_cannot_be_asked_is_refused_without_its_text() {
    for (url, words) in [
        ("idp:8443/hunter2", "https://"),
        ("ftp://idp/hunter2", "https://"),
        ("https://me:hunter2@idp/token", "user"),
        ("https://idp:hunter2/token", "host or port"),
        ("https://idp/#hunter2", "fragment"),
        ("https:///hunter2", "host or port"),
    ] {
        refused(&[(ENDPOINT, url)], ENDPOINT, words);
    }
    for url in ["http://idp/token?tenant=hunter2", "https://[::1]:8443/t"] {
        assert_eq!(endpoint(&[(ENDPOINT, url)]).url.expose(), url);
    }
}

#[test]
fn extensions_have_the_letters_of_the_protocol() {
    for (text, words) in [
        ("a", "without ="),
        ("a=1,", "without ="),
        ("a1=hunter2", "letters"),
        ("=hunter2", "letters"),
        ("auth=hunter2", "carries the token"),
        ("a=", "empty"),
        ("a=\u{1}", "plain ASCII"),
        ("a=1,a=2", "twice"),
    ] {
        refused(&[(EXTENSIONS, text)], EXTENSIONS, words);
    }
}
