//! SaslHandshake (17): names the mechanism. After version 0 tokens travel without any header;
//! after version 1 in SaslAuthenticate (KIP-152).

use crate::wire::table::messages;

messages! {
    api SaslHandshake { key: 17, versions: 0..=1, flexible_from: 32767, SaslHandshakeRequest => SaslHandshakeResponse }

    struct SaslHandshakeRequest {
        mechanism: String [0+];
    }

    struct SaslHandshakeResponse {
        error_code: i16 [0+];
        mechanisms: Vec<String> [0+];
    }
}
