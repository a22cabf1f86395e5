use super::*;

fn mask(properties: &[(&str, &str)]) -> Mask {
    let secret = |value: &str| Secret::new(value.to_owned());
    let named = properties
        .iter()
        .map(|(name, value)| ((*name).to_owned(), secret(value)));
    Mask::of(&named.collect())
}

#[test]
fn a_secret_is_masked_wherever_it_stands_and_nothing_else_is() {
    let mask = mask(&[
        ("sasl.password", "hunter2"),
        ("sasl.mechanism", "PLAIN"),
        ("ssl.ca.location", "/etc/ca.pem"),
    ]);
    let text = "PLAIN: xhunter2y, hunter2 and /etc/ca.pem";
    assert_eq!(mask.hide(text), "PLAIN: x***y, *** and /etc/ca.pem");
}

#[test]
fn a_short_value_is_masked_where_it_stands_alone() {
    let mask = mask(&[("sasl.password", "x1"), ("statistics.interval.ms", "0")]);
    let text = "host:0: value \"0\" of x1, x10 refused";
    assert_eq!(mask.hide(text), "host:0: value \"***\" of ***, x10 refused");
}

#[test]
fn parts_of_a_value_that_librdkafka_splits_are_masked() {
    let mask = mask(&[(
        "sasl.oauthbearer.config",
        "principal=admin pasword=hunter2 S3CRETTOKEN lifeSeconds=36x00",
    )]);
    for (text, masked) in [
        (
            "Unrecognized sasl.oauthbearer.config beginning at: S3CRETTOKEN lifeSeconds=36x00",
            "Unrecognized sasl.oauthbearer.config beginning at: *** lifeSeconds=***",
        ),
        ("beginning at: pasword=hunt", "beginning at: pasword=***"),
        (
            "non-integral 'lifeSeconds=': 36x00",
            "non-integral 'lifeSeconds=': ***",
        ),
        ("empty 'principal='", "empty 'principal='"),
    ] {
        assert_eq!(mask.hide(text), masked);
    }
}

#[test]
fn a_secret_that_is_cut_off_at_the_end_is_masked() {
    let mask = mask(&[("sasl.password", "correct horse")]);
    assert_eq!(mask.hide("refused: correct ho"), "refused: ***");
    assert_eq!(mask.hide("refused: corr"), "refused: ***");
}

#[test]
fn lines_of_a_key_are_masked_and_the_words_around_it_are_not() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END PRIVATE KEY-----\n";
    let mask = mask(&[("ssl.key.pem", key)]);
    let text = "ssl.key.pem: bad base64 near QIBADAN in a PRIVATE KEY";
    assert_eq!(
        mask.hide(text),
        "ssl.key.pem: bad base64 near *** in a PRIVATE KEY"
    );
}

/// A token endpoint may repeat the header that it was sent: `Basic`, then name and secret in base64.
#[test]
fn a_login_at_a_token_endpoint_is_masked_in_base64_too() {
    let mask = mask(&[
        ("sasl.oauthbearer.client.id", "cid"),
        ("sasl.oauthbearer.client.secret", "S3cretClientPw!"),
    ]);
    let text = "bad header Basic Y2lkOlMzY3JldENsaWVudFB3IQ== here";
    assert_eq!(mask.hide(text), "bad header Basic ***== here");
}

#[test]
fn a_secret_in_a_url_is_masked_encoded_and_decoded() {
    let hidden = mask(&[("sasl.password", "p@ss w/ä")]);
    for text in [
        "to /p%40ss%20w%2f%C3%A4?",
        "to /p%40ss+w/ä?",
        "to /p@ss%20w%2F%c3%a4?",
        "to /p@ss w/ä?",
    ] {
        assert_eq!(hidden.hide(text), "to /***?", "{text}");
    }
    assert_eq!(hidden.hide("cut p%40ss%20w%2f%C"), "cut ***");
    assert_eq!(hidden.hide("100% of a+b"), "100% of a+b");
    let hidden = mask(&[("sasl.password", "p%40ss%20word")]);
    assert_eq!(hidden.hide("p@ss word, p%40ss word"), "***, ***");
}

#[test]
fn of_the_url_of_an_endpoint_the_query_is_a_secret() {
    let hidden = mask(&[
        (
            "sasl.oauthbearer.token.endpoint.url",
            "https://idp:8443/token?key=hunter%322&v=2",
        ),
        ("sasl.oauthbearer.client.id", "klag-exporter"),
    ]);
    for (text, shown) in [
        (
            "klag-exporter at https://idp:8443/token?key=hunter%322&v=2",
            "klag-exporter at https://idp:8443/token?***",
        ),
        ("key hunter22 of version 2", "key *** of version 2"),
    ] {
        assert_eq!(hidden.hide(text), shown);
    }
}

#[test]
fn letters_of_several_bytes_are_masked_whole() {
    let mask = mask(&[("sasl.password", "pässwörd")]);
    assert_eq!(mask.hide("näh: pässwörd ö"), "näh: *** ö");
    assert_eq!(format!("{mask:?}"), "Mask { .. }");
}
