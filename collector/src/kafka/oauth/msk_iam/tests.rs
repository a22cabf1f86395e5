use aws_credential_types::provider::error::CredentialsError;
use shared::config::Authorities;

use super::*;

const NOW: Duration = Duration::from_secs(1_700_000_000);

fn credentials(expires: Option<i64>) -> Credentials {
    let expiry = expires.map(|seconds| {
        UNIX_EPOCH + Duration::from_secs(NOW.as_secs().saturating_add_signed(seconds))
    });
    Credentials::new("AKID", "hunter2", None, expiry, "test")
}

#[test]
fn a_token_lives_no_longer_than_the_credentials_that_sign_it() {
    for (expires, expected) in [(None, 900), (Some(3600), 900), (Some(60), 60)] {
        let told = life(&credentials(expires), NOW).unwrap();
        assert_eq!(told, Duration::from_secs(expected), "{expires:?}");
    }
    for (expires, words) in [(0, "expired 0 s ago"), (-30, "expired 30 s ago")] {
        let (kind, text) = life(&credentials(Some(expires)), NOW).unwrap_err();
        assert_eq!(kind, TokenTroubleKind::Expired);
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_failure_without_an_answer_is_about_the_credentials_themselves() {
    let last_answer = LastAnswer::default();
    let login = MskIam {
        region: "eu-west-1".to_owned(),
        profile: None,
        role: None,
        authorities: Authorities::System,
    };
    let none = CredentialsError::not_loaded("nothing here");
    let wrong = CredentialsError::invalid_configuration("profile `lag` was not defined");
    for (error, words) in [(none, "no credentials"), (wrong, "profile `lag`")] {
        let (kind, text) = failure::of(&error, &login, &last_answer);
        assert_eq!(kind, TokenTroubleKind::AwsCredentials);
        assert!(text.contains(words), "{text}");
    }
}
