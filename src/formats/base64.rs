//! Base64 as Jackson reads and writes BYTES: the standard alphabet with padding, white space ignored.

use base64::Engine;
use base64::alphabet::STANDARD as STANDARD_ALPHABET;
use base64::display::Base64Display;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use std::io::Write as _;

/// Bits that no byte takes are dropped, as Jackson does.
const JACKSON: GeneralPurpose = GeneralPurpose::new(
    &STANDARD_ALPHABET,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Appends the bytes that `text` stands for; false, with anything appended, where it is not base64.
pub(crate) fn decode(text: &[u8], out: &mut Vec<u8>) -> bool {
    if text.iter().all(|byte| *byte > b' ') {
        return JACKSON.decode_vec(text, out).is_ok();
    }
    let symbols: Vec<u8> = text.iter().copied().filter(|byte| *byte > b' ').collect();
    JACKSON.decode_vec(symbols, out).is_ok()
}

/// Appends the text of `bytes`, with padding and without line breaks.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    // Writing to a Vec has no way to fail.
    let _ = write!(out, "{}", Base64Display::new(bytes, &JACKSON));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for length in 0..70u8 {
            let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(37)).collect();
            let (mut text, mut back) = (Vec::new(), Vec::new());
            encode(&bytes, &mut text);
            assert!(decode(&text, &mut back));
            assert_eq!(back, bytes);
        }
    }

    #[test]
    fn reads_what_jackson_reads() {
        for (text, value) in [
            ("aGVsbG8=", Some("hello")),
            ("aGVs\nbG8= ", Some("hello")),
            ("", Some("")),
            ("aGVsbG8", None),
            ("!!", None),
            ("aGVsb-_=", None),
            ("aGVsbG8=x", None),
            ("a=GV", None),
            ("====", None),
        ] {
            let mut out = Vec::new();
            let ok = decode(text.as_bytes(), &mut out);
            assert_eq!(ok.then_some(out), value.map(|v| v.as_bytes().to_vec()), "{text}");
        }
    }
}
