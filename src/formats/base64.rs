//! Base64 as Jackson reads and writes BYTES: the standard alphabet with padding, white space ignored.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const NOT_IN_ALPHABET: u8 = 0xff;

const VALUES: [u8; 256] = values();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler"
)]
const fn values() -> [u8; 256] {
    let mut values = [NOT_IN_ALPHABET; 256];
    let mut at = 0;
    while at < 64 {
        values[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    values
}

/// Appends the bytes that `text` stands for; false, with anything appended, where it is not base64.
pub(crate) fn decode(text: &[u8], out: &mut Vec<u8>) -> bool {
    let mut symbols = text.iter().copied().filter(|byte| *byte > b' ');
    loop {
        let Some(first) = symbols.next() else { return true };
        let (Some(second), Some(third), Some(fourth)) =
            (symbols.next(), symbols.next(), symbols.next())
        else {
            return false;
        };
        let value =
            |symbol: u8| VALUES.get(usize::from(symbol)).copied().unwrap_or(NOT_IN_ALPHABET);
        let (a, b, c, d) = (value(first), value(second), value(third), value(fourth));
        if (a | b) == NOT_IN_ALPHABET || a > 63 || b > 63 {
            return false;
        }
        out.push((a << 2) | (b >> 4));
        match (third, fourth) {
            (b'=', b'=') => return symbols.next().is_none(),
            (_, b'=') => {
                if c > 63 {
                    return false;
                }
                out.push((b << 4) | (c >> 2));
                return symbols.next().is_none();
            }
            _ => {
                if c > 63 || d > 63 {
                    return false;
                }
                out.push((b << 4) | (c >> 2));
                out.push((c << 6) | d);
            }
        }
    }
}

/// Appends the text of `bytes`, with padding and without line breaks.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    let symbol = |bits: u32| ALPHABET.get((bits & 63) as usize).copied().unwrap_or(b'=');
    for group in bytes.chunks(3) {
        let byte = |at: usize| group.get(at).copied().map_or(0, u32::from);
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        let third = if group.len() > 1 { symbol(bits >> 6) } else { b'=' };
        let fourth = if group.len() > 2 { symbol(bits) } else { b'=' };
        out.extend_from_slice(&[symbol(bits >> 18), symbol(bits >> 12), third, fourth]);
    }
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
