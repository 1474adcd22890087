//! Text to numbers.
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::string_slice
)]

/// `String.trim`: cuts characters up to and including the space at both ends.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

/// `Boolean.parseBoolean`: everything that is not `true` in some case is false.
pub fn parse_boolean(text: &str) -> bool {
    text.eq_ignore_ascii_case("true")
}

/// `Long.parseLong`: an optional sign and decimal digits. Narrower types check the range themselves.
#[inline]
pub fn parse_integer(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, bytes),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    if digits.len() <= 18 {
        for byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            // 18 digits stay below 2^63.
            value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
        }
        return Some(if negative { value.wrapping_neg() } else { value });
    }
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Counts downwards, since i64::MIN has no positive twin.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// `Double.parseDouble`, which trims, and takes `NaN`, `Infinity`, and a suffix `d` or `f`. Hexadecimal forms are not
/// read.
pub fn parse_double(text: &str) -> Option<f64> {
    decimal_float(text)?.parse().ok()
}

/// `Float.parseFloat`; see [`parse_double`].
pub fn parse_float(text: &str) -> Option<f32> {
    decimal_float(text)?.parse().ok()
}

/// The part that Rust's parser reads as Java's would; `None` where Rust is more liberal.
fn decimal_float(text: &str) -> Option<&str> {
    let text = trim(text);
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, "NaN" | "Infinity") {
        return Some(text);
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    Some(text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text))
}

/// What a text is as a DECIMAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParsedDecimal {
    /// The unscaled value.
    Value(i128),
    /// A number with more digits than the type has; Flink makes it NULL.
    Overflow,
    /// Not a number.
    Invalid,
}

/// `new BigDecimal(text)`, then `DecimalData.fromBigDecimal`: rounded half up to `scale`, an overflow of `precision`
/// (at most 38) reported.
pub fn parse_decimal(text: &str, precision: u8, scale: u8) -> ParsedDecimal {
    decimal(text.as_bytes(), precision, scale).unwrap_or(ParsedDecimal::Invalid)
}

fn decimal(bytes: &[u8], precision: u8, scale: u8) -> Option<ParsedDecimal> {
    let (negative, unsigned) = match bytes.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, bytes),
    };
    let (mantissa, exponent) = match unsigned.iter().position(|b| matches!(b, b'e' | b'E')) {
        None => (unsigned, 0),
        Some(at) => {
            let (mantissa, rest) = unsigned.split_at_checked(at)?;
            (mantissa, exponent(rest.get(1..)?)?)
        }
    };
    let (whole, fraction) = match mantissa.iter().position(|b| *b == b'.') {
        None => (mantissa, &[][..]),
        Some(at) => (mantissa.get(..at)?, mantissa.get(at.checked_add(1)?..)?),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    if !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return None;
    }
    // Digits of the result before rounding: all of `whole`, and the exponent and scale further ones.
    let whole_len = i64::try_from(whole.len()).ok()?;
    let kept = whole_len.checked_add(exponent)?.checked_add(i64::from(scale))?;
    let mut value: i128 = 0;
    let mut round_up = false;
    let mut position: i64 = 0;
    for byte in whole.iter().chain(fraction) {
        let digit = i128::from(byte.wrapping_sub(b'0'));
        if position >= kept {
            round_up = position == kept && digit >= 5;
            break;
        }
        match value.checked_mul(10).and_then(|v| v.checked_add(digit)) {
            Some(next) => value = next,
            None => return Some(ParsedDecimal::Overflow),
        }
        position = position.checked_add(1)?;
    }
    while value != 0 && position < kept {
        match value.checked_mul(10) {
            Some(next) => value = next,
            None => return Some(ParsedDecimal::Overflow),
        }
        position = position.checked_add(1)?;
    }
    if round_up {
        value = value.checked_add(1)?;
    }
    let limit = 10i128.checked_pow(u32::from(precision.min(38)))?;
    if value >= limit {
        return Some(ParsedDecimal::Overflow);
    }
    Some(ParsedDecimal::Value(if negative { value.checked_neg()? } else { value }))
}

/// At most ten digits, as in `BigDecimal`.
fn exponent(bytes: &[u8]) -> Option<i64> {
    let digits = match bytes.split_first()? {
        (b'-' | b'+', rest) => rest,
        _ => bytes,
    };
    if digits.is_empty() || digits.len() > 10 {
        return None;
    }
    parse_integer(std::str::from_utf8(bytes).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_read_as_java_reads_them() {
        for (text, value) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("+7", Some(7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("000000000000000000000000012", Some(12)),
            ("", None),
            ("-", None),
            ("1.0", None),
            (" 1", None),
            ("1_0", None),
        ] {
            assert_eq!(parse_integer(text), value, "{text}");
        }
    }

    #[test]
    fn floats_read_as_java_reads_them() {
        for (text, value) in [
            ("1", Some(1.0)),
            (" 1.5d ", Some(1.5)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            (".5", Some(0.5)),
            ("1.", Some(1.0)),
            ("1e400", Some(f64::INFINITY)),
            ("inf", None),
            ("infinity", None),
            ("nan", None),
            ("", None),
            ("d", None),
            ("1dd", None),
        ] {
            assert_eq!(parse_double(text), value, "{text}");
        }
        assert!(parse_double("NaN").unwrap().is_nan());
    }

    #[test]
    fn decimals_round_half_up() {
        use ParsedDecimal::{Invalid, Overflow, Value};
        for (text, precision, scale, value) in [
            ("1.005", 10, 2, Value(101)),
            ("-1.005", 10, 2, Value(-101)),
            ("1.0049", 10, 2, Value(100)),
            ("99.995", 4, 2, Overflow),
            ("99.994", 4, 2, Value(9999)),
            ("1e2", 5, 1, Value(1000)),
            ("1e-1", 5, 1, Value(1)),
            ("0.05", 5, 1, Value(1)),
            ("0.04", 5, 1, Value(0)),
            ("0.005", 5, 1, Value(0)),
            ("5e-2", 5, 1, Value(1)),
            ("5e-3", 5, 1, Value(0)),
            (".5", 5, 0, Value(1)),
            ("1.", 5, 0, Value(1)),
            ("+3", 5, 0, Value(3)),
            ("99999999999999999999999999999999999999", 38, 0, Value(10i128.pow(38) - 1)),
            ("100000000000000000000000000000000000000", 38, 0, Overflow),
            ("1e9999999999", 38, 0, Overflow),
            ("0e9999999999", 38, 0, Value(0)),
            ("1e-9999999999", 38, 0, Value(0)),
            ("0.000000000000000000000000000000000000000001", 38, 2, Value(0)),
            ("1e99999999999", 38, 0, Invalid),
            ("", 5, 1, Invalid),
            (".", 5, 1, Invalid),
            ("e5", 5, 1, Invalid),
            ("1e", 5, 1, Invalid),
            (" 1", 5, 1, Invalid),
            ("1.2.3", 5, 1, Invalid),
        ] {
            assert_eq!(parse_decimal(text, precision, scale), value, "{text}");
        }
    }
}
