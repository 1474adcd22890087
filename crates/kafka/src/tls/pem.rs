//! PEM text (RFC 7468), read leniently: it comes out of SQL strings and property files, where line
//! breaks turn into spaces or into `\n`.
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::string_slice
)]

use std::fmt;

use base64ct::{Base64, Encoding};

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// One block. Its bytes may be a private key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) label: String,
    pub(super) der: Vec<u8>,
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("label", &self.label).finish_non_exhaustive()
    }
}

/// All blocks of a text; what stands between them is ignored.
///
/// # Errors
/// A sentence about a block that does not end or is not base64.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, String> {
    // A line break that was written as an escape.
    let text = text.replace("\\r", "\n").replace("\\n", "\n");
    let mut found = Vec::new();
    let mut rest = text.as_str();
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (label, after) = after
            .split_once(DASHES)
            .ok_or_else(|| "a BEGIN line of the PEM text does not end".to_owned())?;
        let end = format!("{END}{label}{DASHES}");
        let (body, after) = after.split_once(end.as_str()).ok_or_else(|| {
            format!("the PEM text has no END line for '{}'", label.escape_debug())
        })?;
        if body.contains("Proc-Type:") {
            return Err(format!(
                "the PEM block '{}' is encrypted in OpenSSL's old way; convert it with 'openssl pkcs8 -topk8'",
                label.escape_debug()
            ));
        }
        let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
        let der = Base64::decode_vec(&body)
            .map_err(|_| format!("the PEM block '{}' is not base64", label.escape_debug()))?;
        found.push(Block { label: label.to_owned(), der });
        rest = after;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_of_every_kind() {
        for text in [
            "-----BEGIN A B-----\nAQID\nBAU=\n-----END A B-----\n",
            "-----BEGIN A B----- AQID BAU= -----END A B-----",
            "-----BEGIN A B-----\\nAQID\\r\\nBAU=\\n-----END A B-----",
            "subject=x\n-----BEGIN A B-----\r\nAQIDBAU=\r\n-----END A B-----\nrest",
        ] {
            let expected = Block { label: "A B".to_owned(), der: vec![1, 2, 3, 4, 5] };
            assert_eq!(blocks(text), Ok(vec![expected]), "{text}");
        }
        assert_eq!(blocks("no blocks"), Ok(vec![]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, said) in [
            ("-----BEGIN A", "does not end"),
            ("-----BEGIN A-----\nAQID", "no END line"),
            ("-----BEGIN A-----\n%%%\n-----END A-----", "not base64"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAQID\n-----END RSA PRIVATE KEY-----",
                "openssl pkcs8",
            ),
        ] {
            let error = blocks(text).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
