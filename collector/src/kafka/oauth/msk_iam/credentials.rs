//! AWS credentials, found as AWS' own programs find them.

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use shared::config::{AwsRole, MskIam};

/// The greatest number of attempts at one request. After them the fetcher of tokens waits, and begins anew.
const MAX_ATTEMPTS: u32 = 2;

/// Gets credentials, by requests through `http` where they do not lie in the environment or in a file.
///
/// # Errors
/// There are none, or a service refuses them or does not answer.
pub(super) async fn load(
    login: &MskIam,
    http: SharedHttpClient,
) -> Result<Credentials, CredentialsError> {
    // The region of AWS' own variables is that of the pod, where its STS is; the Kafka cluster may be in another one.
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(Region::new(login.region.clone()))
        .region()
        .await;
    let config = ProviderConfig::without_region()
        .with_region(region.clone())
        .with_retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
        .with_http_client(http.clone());
    let own = match &login.profile {
        Some(profile) => SharedCredentialsProvider::new(
            ProfileFileCredentialsProvider::builder()
                .configure(&config)
                .profile_name(profile)
                .build(),
        ),
        None => SharedCredentialsProvider::new(default_chain(config, region.clone()).await),
    };
    match &login.role {
        None => own.provide_credentials().await,
        Some(role) => assume(role, own, http, region).await,
    }
}

/// Returns the chain of places in which AWS' programs look for credentials where they are not told a profile.
async fn default_chain(config: ProviderConfig, region: Option<Region>) -> DefaultCredentialsChain {
    let metadata_service = imds::Client::builder()
        .configure(&config)
        .max_attempts(MAX_ATTEMPTS)
        .build();
    DefaultCredentialsChain::builder()
        .imds_client(metadata_service)
        .configure(config)
        .region(region)
        .build()
        .await
}

/// Gets credentials of a role from AWS' token service, by the credentials of `own`.
async fn assume(
    role: &AwsRole,
    own: SharedCredentialsProvider,
    http: SharedHttpClient,
    region: Option<Region>,
) -> Result<Credentials, CredentialsError> {
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .http_client(http)
        .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
        .credentials_provider(own)
        .load()
        .await;
    let mut provider = AssumeRoleProvider::builder(&role.arn)
        .configure(&sdk)
        .session_name(&role.session_name);
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id.expose());
    }
    provider.build().await.provide_credentials().await
}
