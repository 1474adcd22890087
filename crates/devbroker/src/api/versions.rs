//! ApiVersions (KIP-35, KIP-511).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::{
    ApiVersion, FinalizedFeatureKey, SupportedFeatureKey,
};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};

use super::{Answer, Outcome, encode, respond, text};
use crate::cluster::Cluster;
use crate::wire::tables::{APIS, ApiKey};
use crate::wire::{Reply, Request};

/// Longest client software name or version that is taken; Kafka bounds only their characters.
const SOFTWARE_NAME_BYTES_MAX: usize = 255;

/// The feature that says which transactions producers use (KIP-890), and its highest level.
const TRANSACTION_VERSION: &str = "transaction.version";
const TRANSACTION_VERSION_MAX: i16 = 2;

pub(super) fn answer(cluster: &Cluster, request: &Request) -> Answer {
    let body: ApiVersionsRequest = request.decode()?;
    let named = request.version < 3
        || (is_software_name(&body.client_software_name)
            && is_software_name(&body.client_software_version));
    let response = if named {
        with_features(
            cluster,
            ApiVersionsResponse::default().with_api_keys(advertised()),
            request.version,
        )
    } else {
        ApiVersionsResponse::default().with_error_code(ResponseError::InvalidRequest.code())
    };
    respond(cluster, request, &response)
}

/// The answer to a version above ours: version 0, which names the versions we know.
pub(super) fn unknown_version(cluster: &Cluster, correlation_id: i32) -> Answer {
    let response = ApiVersionsResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_api_keys(advertised());
    let reply =
        Reply { key: ApiKey::ApiVersions, version: 0, correlation_id, flexible_header: false };
    encode(cluster, reply, &response).map(Outcome::Respond)
}

/// Features exist from version 3 on (KIP-584); one decides how producers use transactions.
fn with_features(
    cluster: &Cluster,
    response: ApiVersionsResponse,
    version: i16,
) -> ApiVersionsResponse {
    if version < 3 {
        return response;
    }
    let level = cluster.config.transaction_version.clamp(0, TRANSACTION_VERSION_MAX);
    let supported = SupportedFeatureKey::default()
        .with_name(text(TRANSACTION_VERSION))
        // Clients take a minimum of 0 from version 4 on.
        .with_min_version(i16::from(version < 4))
        .with_max_version(TRANSACTION_VERSION_MAX);
    let response =
        response.with_supported_features(vec![supported]).with_finalized_features_epoch(1);
    if level == 0 {
        return response;
    }
    let finalized = FinalizedFeatureKey::default()
        .with_name(text(TRANSACTION_VERSION))
        .with_min_version_level(level)
        .with_max_version_level(level);
    response.with_finalized_features(vec![finalized])
}

fn advertised() -> Vec<ApiVersion> {
    APIS.iter()
        .map(|api| {
            ApiVersion::default()
                .with_api_key(api.key as i16)
                .with_min_version(api.min)
                .with_max_version(api.max)
        })
        .collect()
}

/// Alphanumerics with dots and hyphens inside (`ApiVersionsRequest.isValid` in Kafka).
fn is_software_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    name.len() <= SOFTWARE_NAME_BYTES_MAX
        && name.bytes().all(inner)
        && edge(name.bytes().next())
        && edge(name.bytes().last())
}
