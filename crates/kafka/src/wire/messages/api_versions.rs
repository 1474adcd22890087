//! ApiVersions (18): which APIs, versions and features a broker has. Version 5 names the cluster
//! and node that the client expects (KIP-1242).

use crate::wire::table::messages;

messages! {
    api ApiVersions { key: 18, versions: 0..=5, flexible_from: 3, ApiVersionsRequest => ApiVersionsResponse }

    struct ApiVersionsRequest {
        client_software_name: String [3+, ignorable];
        client_software_version: String [3+, ignorable];
        cluster_id: Option<String> [5+, null 5+, ignorable] = None;
        node_id: i32 [5+, ignorable] = -1;
    }

    struct ApiVersionsResponse {
        error_code: i16 [0+];
        api_keys: Vec<ApiVersion> [0+];
        throttle_time_ms: i32 [1+, ignorable];
        supported_features: Vec<SupportedFeatureKey> [3+, tag 0, ignorable];
        finalized_features_epoch: i64 [3+, tag 1, ignorable] = -1;
        finalized_features: Vec<FinalizedFeatureKey> [3+, tag 2, ignorable];
        zk_migration_ready: bool [3+, tag 3, ignorable];
    }

    struct ApiVersion {
        api_key: i16 [0+];
        min_version: i16 [0+];
        max_version: i16 [0+];
    }

    struct SupportedFeatureKey {
        name: String [3+];
        min_version: i16 [3+];
        max_version: i16 [3+];
    }

    struct FinalizedFeatureKey {
        name: String [3+];
        max_version_level: i16 [3+];
        min_version_level: i16 [3+];
    }
}
