//! ApiVersions (KIP-35, KIP-511).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};

use super::{Answer, Outcome, encode, respond};
use crate::cluster::Cluster;
use crate::wire::tables::{APIS, ApiKey};
use crate::wire::{Reply, Request};

/// Longest client software name or version that is taken; Kafka bounds only their characters.
const SOFTWARE_NAME_BYTES_MAX: usize = 255;

pub(super) fn answer(cluster: &Cluster, request: &Request) -> Answer {
    let body: ApiVersionsRequest = request.decode()?;
    let named = request.version < 3
        || (is_software_name(&body.client_software_name)
            && is_software_name(&body.client_software_version));
    let response = if named {
        ApiVersionsResponse::default().with_api_keys(advertised())
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
