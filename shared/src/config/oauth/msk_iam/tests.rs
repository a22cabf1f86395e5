use super::super::{OauthLogin, TokenSource, as_given, is_taken_out};
use super::*;

const IAM: &[(&str, &str)] = &[
    ("security.protocol", "SASL_SSL"),
    ("sasl.mechanism", "AWS_MSK_IAM"),
];

const SERVERS: &str = "b-1.lag.abcdef.c2.kafka.eu-west-1.amazonaws.com:9098,b-2.lag.abcdef.c2.kafka.eu-west-1.amazonaws.com:9098";

fn read(
    changes: &[(&str, &str)],
    servers: &str,
    variables: &[(&str, &str)],
) -> Result<MskIam, PropertyProblem> {
    let mut properties = BTreeMap::new();
    for (name, value) in IAM.iter().chain(changes) {
        properties.insert((*name).to_owned(), Secret::new((*value).to_owned()));
    }
    let variable = |name: &str| {
        let value = variables.iter().find(|(known, _)| *known == name);
        Ok(value.map(|(_, value)| (*value).to_owned()))
    };
    let surroundings = Surroundings {
        servers,
        variable: &variable,
    };
    let login = OauthLogin::of(&properties, &surroundings)?.unwrap();
    assert!(login.extensions.is_empty());
    match login.source {
        TokenSource::MskIam(login) => Ok(login),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(changes: &[(&str, &str)], name: &str, words: &str) {
    let problem = read(changes, SERVERS, &[]).unwrap_err();
    assert_eq!(problem.name, name, "{problem:?}");
    assert!(problem.message.contains(words), "{problem:?}");
    assert!(!problem.message.contains("hunter2"), "{problem:?}");
}

#[test]
fn the_region_is_the_property_s_or_the_brokers_or_the_environment_s() {
    let variables = [("AWS_REGION", "us-east-2"), ("AWS_DEFAULT_REGION", "x")];
    let region = |changes, servers| read(changes, servers, &variables).unwrap().region;
    assert_eq!(region(&[("aws.region", "sa-east-1")], SERVERS), "sa-east-1");
    for (servers, expected) in [
        (SERVERS, "eu-west-1"),
        (
            "boot-x1.c3.kafka-serverless.us-east-1.amazonaws.com:9098",
            "us-east-1",
        ),
        (
            "SASL_SSL://B-1-public.lag.x.c2.KAFKA.eu-north-1.amazonaws.COM:9198",
            "eu-north-1",
        ),
        (
            "b-1.lag.x.c2.kafka.cn-north-1.amazonaws.com.cn:9098",
            "cn-north-1",
        ),
        // The name of a proxy in front of the cluster tells no region, and one broker that does is enough.
        (
            "kafka.example.com:9098,b-1.x.kafka.eu-west-3.amazonaws.com",
            "eu-west-3",
        ),
        ("kafka.example.com:9098", "us-east-2"),
        (
            "vpce-1.x.vpce-svc.eu-west-1.vpce.amazonaws.com:14001",
            "us-east-2",
        ),
        ("kafka.eu-west-1.amazonaws.com.example.com", "us-east-2"),
        ("[::1]:9098", "us-east-2"),
        (".kafka.\u{e9}.amazonaws.com", "\u{e9}"),
    ] {
        let told = read(&[], servers, &variables).map(|login| login.region);
        match told {
            Ok(region) => assert_eq!(region, expected, "{servers}"),
            // A name with other characters is no region.
            Err(problem) => assert_eq!((problem.name.as_str(), expected), (REGION, "\u{e9}")),
        }
    }
    let default = read(
        &[],
        "kafka:9098",
        &[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "us-west-2")],
    );
    assert_eq!(default.unwrap().region, "us-west-2");
}

#[test]
fn a_region_that_is_missing_wrong_or_ambiguous_is_an_error() {
    refused(&[("aws.region", "EU (hunter2)")], REGION, "is no region");
    refused(&[("aws.region", "eu.hunter2/")], REGION, "is no region");
    let missing = read(&[], "kafka:9098", &[]).unwrap_err();
    assert_eq!(missing.name, REGION);
    assert!(missing.message.contains("AWS_REGION"), "{missing:?}");
    let wrong = read(&[], "kafka:9098", &[("AWS_REGION", "hunter 2")]).unwrap_err();
    assert!(
        wrong.message.contains("the variable AWS_REGION"),
        "{wrong:?}"
    );
    let two = "b-1.x.kafka.eu-west-1.amazonaws.com,b-1.x.kafka.eu-west-2.amazonaws.com";
    let two = read(&[], two, &[]).unwrap_err();
    assert!(two.message.contains("two regions"), "{two:?}");
}

#[test]
fn profile_role_and_authorities_are_read() {
    let plain = read(&[], SERVERS, &[]).unwrap();
    assert_eq!((plain.profile, plain.role), (None, None));
    assert_eq!(plain.authorities, Authorities::System);
    let whole = read(
        &[
            ("aws.profile", "kafka"),
            ("aws.role.arn", "arn:aws-cn:iam::123456789012:role/path/lag"),
            ("aws.role.external.id", "hunter2"),
            ("https.ca.location", "/etc/proxy/ca.crt"),
        ],
        SERVERS,
        &[],
    )
    .unwrap();
    assert_eq!(whole.profile.as_deref(), Some("kafka"));
    let role = whole.role.unwrap();
    assert_eq!(role.arn, "arn:aws-cn:iam::123456789012:role/path/lag");
    assert_eq!(role.session_name, "klag-exporter");
    assert_eq!(
        role.external_id.as_ref().map(Secret::expose),
        Some("hunter2")
    );
    assert_eq!(
        whole.authorities,
        Authorities::Location("/etc/proxy/ca.crt".into())
    );
    let named = [
        ("aws.role.arn", "arn:aws:iam::123456789012:role/lag"),
        ("aws.role.session.name", "lag-1"),
    ];
    let named = read(&named, SERVERS, &[]).unwrap();
    assert_eq!(named.role.unwrap().session_name, "lag-1");
}

#[test]
fn what_contradicts_the_login_is_named_with_a_remedy() {
    for protocol in ["", "SASL_PLAINTEXT", "SSL"] {
        refused(
            &[("security.protocol", protocol)],
            "security.protocol",
            "SASL_SSL",
        );
    }
    refused(&[("aws.role.arn", "hunter2")], ROLE_ARN, "ARN of a role");
    refused(
        &[("aws.role.session.name", "hunter2")],
        ROLE_SESSION_NAME,
        "\"aws.role.arn\" only",
    );
    refused(
        &[("aws.role.external.id", "hunter2")],
        ROLE_EXTERNAL_ID,
        "\"aws.role.arn\" only",
    );
    refused(&[("aws.regions", "x")], "aws.regions", "known are");
    let jaas = "software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn=\"hunter2\";";
    refused(&[("sasl.jaas.config", jaas)], "sasl.jaas.config", "Java");
    let method = "sasl.oauthbearer.method";
    refused(&[(method, "oidc")], method, "AWS_MSK_IAM");
    let unsecured = "enable.sasl.oauthbearer.unsecure.jwt";
    refused(&[(unsecured, "true")], unsecured, "unsecured");
    // librdkafka has two names for the mechanism, of which this one counts where both are there.
    refused(
        &[("sasl.mechanisms", "PLAIN"), ("aws.profile", "hunter2")],
        PROFILE,
        "AWS_MSK_IAM",
    );
}

#[test]
fn librdkafka_is_given_its_own_mechanism_and_none_of_these_properties() {
    assert_eq!(as_given("sasl.mechanism", "AWS_MSK_IAM"), "OAUTHBEARER");
    assert_eq!(as_given("sasl.mechanisms", "AWS_MSK_IAM"), "OAUTHBEARER");
    assert_eq!(as_given("sasl.mechanisms", "PLAIN"), "PLAIN");
    assert_eq!(as_given("sasl.username", "AWS_MSK_IAM"), "AWS_MSK_IAM");
    assert!(is_taken_out("aws.region") && is_taken_out("aws.role.external.id"));
}
