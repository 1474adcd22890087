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

/// `Long.parseLong`: an optional sign and decimal digits of any script. Narrower types check the range themselves.
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
                return parse_integer(&western(text)?);
            }
            // 18 digits stay below 2^63.
            value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
        }
        return Some(if negative { value.wrapping_neg() } else { value });
    }
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return parse_integer(&western(text)?);
        }
        // Counts downwards, since i64::MIN has no positive twin.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// The digit zero of every script in the basic plane but ours; the other nine follow it.
const ZEROS: [char; 36] = [
    '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}',
    '\u{be6}', '\u{c66}', '\u{ce6}', '\u{d66}', '\u{de6}', '\u{e50}', '\u{ed0}', '\u{f20}',
    '\u{1040}', '\u{1090}', '\u{17e0}', '\u{1810}', '\u{1946}', '\u{19d0}', '\u{1a80}', '\u{1a90}',
    '\u{1b50}', '\u{1bb0}', '\u{1c40}', '\u{1c50}', '\u{a620}', '\u{a8d0}', '\u{a900}', '\u{a9d0}',
    '\u{a9f0}', '\u{aa50}', '\u{abf0}', '\u{ff10}',
];

/// The text with the digits that `Character.digit` knows as `0` to `9`; `None` where there are only those.
#[cold]
fn western(text: &str) -> Option<String> {
    let ascii = |character: char| {
        let at = ZEROS.partition_point(|zero| *zero <= character).checked_sub(1)?;
        let digit = u32::from(character).checked_sub(u32::from(*ZEROS.get(at)?))?;
        char::from_digit(digit, 10)
    };
    let changed: String = text.chars().map(|c| ascii(c).unwrap_or(c)).collect();
    (changed.len() < text.len()).then_some(changed)
}

/// `Double.parseDouble`, which trims, and takes `NaN`, `Infinity`, a suffix `d` or `f`, and hexadecimal forms
/// such as `0x1.8p3`.
pub fn parse_double(text: &str) -> Option<f64> {
    match decimal_float(text) {
        Some(decimal) => decimal.parse().ok(),
        None => hex_float(text, 53, -1_074),
    }
}

/// `Float.parseFloat`; see [`parse_double`].
pub fn parse_float(text: &str) -> Option<f32> {
    match decimal_float(text) {
        Some(decimal) => decimal.parse().ok(),
        None => hex_float(text, 24, -149).map(|value| value as f32),
    }
}

/// `[sign]0x[digits][.digits]p[sign]digits[suffix]`, rounded to even at `precision` bits; no bit is below
/// 2^`exponent_min`.
#[cold]
fn hex_float(text: &str, precision: i64, exponent_min: i64) -> Option<f64> {
    let text = trim(text);
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"))?;
    let (mantissa, exponent) = digits.split_once(['p', 'P'])?;
    let exponent = exponent.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent_digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if exponent_digits.is_empty() || !exponent_digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Beyond 64 bits it is zero or infinity all the same.
    let limit = if exponent.starts_with('-') { -1_000_000_000 } else { 1_000_000_000 };
    let mut power = parse_integer(exponent).unwrap_or(limit).clamp(-1_000_000_000, 1_000_000_000);
    let (mut value, mut lost) = (0_u128, false);
    for (at, symbol) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = symbol.to_digit(16)?;
        let after_point = at >= whole.len();
        if value >> 120 == 0 {
            value = (value << 4) | u128::from(digit);
            power = power.saturating_sub(if after_point { 4 } else { 0 });
        } else {
            lost |= digit > 0;
            power = power.saturating_add(if after_point { 0 } else { 4 });
        }
    }
    let bits = i64::from(128_u32.saturating_sub(value.leading_zeros()));
    let drop = bits.saturating_sub(precision).max(exponent_min.saturating_sub(power));
    if drop > 0 {
        let shift = u32::try_from(drop).ok().filter(|shift| *shift < 128);
        let kept = shift.map_or(0, |shift| value >> shift);
        let half = u32::try_from(drop.saturating_sub(1)).ok().filter(|shift| *shift < 128);
        let is_half = half.is_some_and(|half| (value >> half) & 1 == 1);
        let rest = half.map_or(value, |half| value & !(u128::MAX << half));
        let up = is_half && (lost || rest > 0 || kept & 1 == 1);
        value = kept.saturating_add(u128::from(up));
        power = power.saturating_add(drop);
    }
    // At most 54 bits, and a power that `powi` may leave the range of: two steps keep both exact.
    let power = i32::try_from(power.clamp(-2_200, 2_200)).ok()?;
    let first = power.clamp(-1_000, 1_000);
    let magnitude = value as f64 * 2_f64.powi(first) * 2_f64.powi(power.saturating_sub(first));
    Some(if negative { -magnitude } else { magnitude })
}

/// The part that Rust's parser reads as Java's would; `None` where Rust is more liberal.
fn decimal_float(text: &str) -> Option<&str> {
    let text = trim(text);
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, "NaN" | "Infinity") {
        return Some(text);
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || unsigned.starts_with("0x")
        || unsigned.starts_with("0X")
    {
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
    let parse = |text: &str| decimal(text.as_bytes(), precision, scale);
    parse(text).or_else(|| parse(&western(text)?)).unwrap_or(ParsedDecimal::Invalid)
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
            ("٣", Some(3)),
            ("-١٢3", Some(-123)),
            ("１２", Some(12)),
            ("๑x", None),
            ("½", None),
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
            ("0x1p3", Some(8.0)),
            ("-0X.8P1f", Some(-1.0)),
            ("0x1.fffffffffffff8p0", Some(2.0)),
            ("0x1.fffffffffffff7p0", Some(1.999_999_999_999_999_8)),
            ("0x1p-1074", Some(5e-324)),
            ("0x1p-1075", Some(0.0)),
            ("0x1.8p-1075", Some(5e-324)),
            ("0x1p1024", Some(f64::INFINITY)),
            ("0x1p99999999999999999999", Some(f64::INFINITY)),
            ("0x1", None),
            ("0xp1", None),
            ("0x1p", None),
            ("0x1pf", None),
            ("٣", None),
        ] {
            assert_eq!(parse_double(text), value, "{text}");
        }
        assert!(parse_double("NaN").unwrap().is_nan());
        assert_eq!(parse_float("0x1.fffffep0"), Some(1.999_999_9));
        assert_eq!(parse_float("0x1.ffffffp0"), Some(2.0));
        assert_eq!(parse_float("0x1p-149"), Some(1e-45));
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
