//! `ApiVersions`: the requests and versions that the stand-in takes.

use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, api_versions_response::ApiVersion,
};

use crate::standin::{
    answer::RequestContext, cluster::Release, code, fault::FaultSite, protocol::Api,
};

pub(crate) fn answer(
    context: &RequestContext<'_>,
    _request: &ApiVersionsRequest,
) -> ApiVersionsResponse {
    let api_keys = Api::all().map(|api| {
        let (oldest, newest) = api.versions();
        let newest = newest.min(newest_of(context.cluster.release, api));
        ApiVersion::default()
            .with_api_key(api.key())
            .with_min_version(oldest)
            .with_max_version(newest)
    });
    ApiVersionsResponse::default()
        .with_error_code(context.fault(FaultSite::Answer))
        .with_api_keys(api_keys.collect())
}

/// Returns the newest version of a request in a release; a release sets no limit where clients would not behave differently.
fn newest_of(release: Release, api: Api) -> i16 {
    match (release, api) {
        (Release::Old, Api::Metadata) => 9,
        (Release::Old, Api::Fetch) => 11,
        (Release::Old | Release::Current, _) => i16::MAX,
    }
}

/// Returns the answer to an `ApiVersions` request of an unsupported version: an error in version 0, with the supported versions
/// of `ApiVersions`.
pub(crate) fn unsupported() -> ApiVersionsResponse {
    let (oldest, newest) = Api::ApiVersions.versions();
    let known = ApiVersion::default()
        .with_api_key(Api::ApiVersions.key())
        .with_min_version(oldest)
        .with_max_version(newest);
    ApiVersionsResponse::default()
        .with_error_code(code::UNSUPPORTED_VERSION)
        .with_api_keys(vec![known])
}
