//! SaslAuthenticate (36): one message of a SASL exchange and its answer (KIP-152). From version 1
//! the broker says for how long the login counts (KIP-368).

use bytes::Bytes;

use crate::wire::table::messages;

messages! {
    api SaslAuthenticate { key: 36, versions: 0..=2, flexible_from: 2, SaslAuthenticateRequest => SaslAuthenticateResponse }

    struct SaslAuthenticateRequest {
        auth_bytes: Bytes [0+];
    }

    struct SaslAuthenticateResponse {
        error_code: i16 [0+];
        error_message: Option<String> [0+, null 0+];
        auth_bytes: Bytes [0+];
        session_lifetime_ms: i64 [1+, ignorable];
    }
}
