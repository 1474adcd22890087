//! Casts from and to text and bytes.

use super::{Cast, as_decimal};
use crate::expr::text::{TextStyle, TextWriter};
use crate::expr::value::{
    RowResult, build_bytes, build_prim, build_slices, build_string, within_limit,
};
use crate::expr::zone;
use crate::types::java_text::{
    Moment, ParsedDecimal, parse_date_cast, parse_decimal, parse_double, parse_float,
    parse_time_cast, parse_timestamp_cast,
};
use crate::types::{Column, Kind, RowErrors};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, StringViewArray};
use std::sync::Arc;

/// 0001-01-01 in seconds since 1970: the first timestamp.
const YEAR_1: i64 = -62_135_596_800;

/// Characters of a text that an error message shows.
const SHOWN_CHARS: usize = 60;

/// Anything as text, then cut and padded to the target's length.
pub(super) fn to_text(cast: &Cast<'_>, column: &Column, errors: &mut RowErrors) -> Column {
    let style = if cast.legacy { TextStyle::Legacy } else { TextStyle::Cast };
    let writer = TextWriter::with(column.as_ref(), cast.from, cast.zone, style);
    let text = build_string(column.len(), cast.selection, errors, |row, out| {
        Ok(writer.write(row, out).then_some(()))
    });
    fit_text(cast, &(Arc::new(text) as Column), errors)
}

/// VARCHAR(n) cuts after n code points, CHAR(n) also pads with blanks.
pub(super) fn fit_text(cast: &Cast<'_>, column: &Column, errors: &mut RowErrors) -> Column {
    let selection = cast.selection;
    let (length, pad) = match &cast.to.kind {
        _ if cast.legacy => return Arc::clone(column),
        Kind::Char(n) => (*n as usize, true),
        Kind::VarChar(Kind::STRING_LENGTH) => return Arc::clone(column),
        Kind::VarChar(n) => (*n as usize, false),
        _ => return Arc::clone(column),
    };
    let array = column.as_string_view();
    if !pad {
        if array.lengths().all(|bytes| bytes as usize <= length) {
            return Arc::clone(column);
        }
        return Arc::new(build_slices(array.len(), selection, |row| {
            array.is_valid(row).then(|| first_chars(array.value(row), length))
        }));
    }
    Arc::new(build_string(array.len(), selection, errors, |row, out| {
        if array.is_null(row) {
            return Ok(None);
        }
        let text = first_chars(array.value(row), length);
        out.push_str(text);
        within_limit(length)?;
        (text.chars().count()..length).for_each(|_| out.push(' '));
        Ok(Some(()))
    }))
}

/// The first `n` code points.
pub(crate) fn first_chars(text: &str, n: usize) -> &str {
    if text.len() <= n {
        return text;
    }
    // Whole blocks of bytes are counted at once.
    const BLOCK: usize = 64;
    let begins = |byte: u8| byte & 0xc0 != 0x80;
    let (mut left, mut end) = (n, 0);
    for block in text.as_bytes().chunks(BLOCK) {
        let chars = block.iter().filter(|byte| begins(**byte)).count();
        if chars > left {
            let mut ends = block.iter().enumerate().filter(|(_, byte)| begins(**byte));
            end += ends.nth(left).map_or(0, |(at, _)| at);
            return &text[..end];
        }
        left -= chars;
        end += block.len();
    }
    text
}

/// The UTF-8 bytes of a text, cut and padded with zeros to the target's length.
pub(super) fn text_to_bytes(cast: &Cast<'_>, column: &Column, errors: &mut RowErrors) -> Column {
    let array = column.as_string_view();
    let (length, pad) = byte_length(cast);
    Arc::new(build_bytes(array.len(), cast.selection, errors, |row, out| {
        array
            .is_valid(row)
            .then(|| put_bytes(array.value(row).as_bytes(), length, pad, out))
            .transpose()
    }))
}

/// VARBINARY(n) cuts after n bytes, BINARY(n) also pads with zeros; so does VARBINARY(n) what may be longer, in Flink.
pub(super) fn fit_bytes(cast: &Cast<'_>, column: &Column, errors: &mut RowErrors) -> Column {
    let (length, pad) = byte_length(cast);
    let longer = |n: u32| n as usize > length;
    let pad = pad || matches!(cast.from.kind, Kind::Binary(n) | Kind::VarBinary(n) if longer(n));
    let array = column.as_binary_view();
    if !pad && array.lengths().all(|bytes| bytes as usize <= length) {
        return Arc::clone(column);
    }
    Arc::new(build_bytes(array.len(), cast.selection, errors, |row, out| {
        array.is_valid(row).then(|| put_bytes(array.value(row), length, pad, out)).transpose()
    }))
}

/// The length of the target, and whether shorter values are padded to it.
fn byte_length(cast: &Cast<'_>) -> (usize, bool) {
    match &cast.to.kind {
        _ if cast.legacy => (usize::MAX, false),
        Kind::Binary(n) => (*n as usize, true),
        Kind::VarBinary(n) => (*n as usize, false),
        _ => (usize::MAX, false),
    }
}

fn put_bytes(
    bytes: &[u8],
    length: usize,
    pad: bool,
    out: &mut Vec<u8>,
) -> std::result::Result<(), String> {
    out.extend_from_slice(&bytes[..bytes.len().min(length)]);
    if pad {
        within_limit(length)?;
        out.resize(length, 0);
    }
    Ok(())
}

/// Text to anything that is not text or bytes.
pub(super) fn parse(cast: &Cast<'_>, column: &Column, errors: &mut RowErrors) -> Column {
    let texts = column.as_string_view();
    let (to, zone) = (cast.to, cast.zone);
    let fail = |text: &str, why: &str| {
        let shown = first_chars(text, SHOWN_CHARS);
        let dots = if shown.len() < text.len() { "…" } else { "" };
        format!("cannot cast '{shown}{dots}' to {}: {why}", to.kind)
    };
    let integer = |text: &str| parse_integer_cast(text).map_err(|why| fail(text, why));
    match &to.kind {
        Kind::Boolean => {
            let rows = texts.len();
            Arc::new(crate::expr::value::build_bool(rows, cast.selection, errors, |row| {
                if texts.is_null(row) {
                    return Ok(None);
                }
                let text = texts.value(row);
                parse_boolean_cast(text).map(Some).ok_or_else(|| fail(text, "not a truth value"))
            }))
        }
        Kind::TinyInt => each::<Int8Type>(cast, texts, errors, |text| {
            i8::try_from(integer(text)?).map(Some).map_err(|_| fail(text, "overflow"))
        }),
        Kind::SmallInt => each::<Int16Type>(cast, texts, errors, |text| {
            i16::try_from(integer(text)?).map(Some).map_err(|_| fail(text, "overflow"))
        }),
        Kind::Int => each::<Int32Type>(cast, texts, errors, |text| {
            i32::try_from(integer(text)?).map(Some).map_err(|_| fail(text, "overflow"))
        }),
        Kind::BigInt => each::<Int64Type>(cast, texts, errors, |text| integer(text).map(Some)),
        Kind::Float => each::<Float32Type>(cast, texts, errors, |text| {
            parse_float(text).map(Some).ok_or_else(|| fail(text, "not a number"))
        }),
        Kind::Double => each::<Float64Type>(cast, texts, errors, |text| {
            parse_double(text).map(Some).ok_or_else(|| fail(text, "not a number"))
        }),
        Kind::Decimal { precision, scale } => {
            let array = build_prim(texts.len(), cast.selection, errors, |row| {
                if texts.is_null(row) {
                    return Ok(None);
                }
                let text = texts.value(row);
                match parse_decimal_cast(text, *precision, *scale) {
                    ParsedDecimal::Value(value) => Ok(Some(value)),
                    ParsedDecimal::Overflow => Err(fail(text, "overflow")),
                    ParsedDecimal::Invalid => Err(fail(text, "not a number")),
                }
            });
            as_decimal(array, to)
        }
        Kind::Date => each::<Date32Type>(cast, texts, errors, |text| {
            parse_date_cast(text).map(Some).ok_or_else(|| fail(text, "not a date"))
        }),
        Kind::Time(_) => each::<Time32MillisecondType>(cast, texts, errors, |text| {
            let time = parse_time_cast(text).map(|millis| super::cut_time(millis, to));
            time.map(Some).ok_or_else(|| fail(text, "not a time"))
        }),
        Kind::Timestamp(precision) | Kind::TimestampLtz(precision) => {
            let local = matches!(to.kind, Kind::TimestampLtz(_));
            let moment = |text: &str| -> Result<Moment, String> {
                let moment = parse_timestamp_cast(text).filter(|m| m.seconds >= YEAR_1);
                Ok(moment.ok_or_else(|| fail(text, "not a timestamp"))?.truncated(*precision))
            };
            if *precision <= 6 {
                return each::<TimestampMicrosecondType>(cast, texts, errors, |text| {
                    let micros = moment(text)?.to_micros();
                    let utc =
                        |micros| if local { zone::local_to_utc(micros, zone) } else { micros };
                    micros.map(|micros| Some(utc(micros))).ok_or_else(|| fail(text, "overflow"))
                });
            }
            let array = build_prim(texts.len(), cast.selection, errors, |row| {
                if texts.is_null(row) {
                    return Ok(None);
                }
                let nanos = moment(texts.value(row))?.to_nanos();
                Ok(Some(if local { zone::local_to_utc_nanos(nanos, zone) } else { nanos }))
            });
            as_decimal(array, to)
        }
        _ => arrow_array::new_null_array(&to.physical(), texts.len()),
    }
}

fn each<T: ArrowPrimitiveType>(
    cast: &Cast<'_>,
    texts: &StringViewArray,
    errors: &mut RowErrors,
    mut f: impl FnMut(&str) -> RowResult<T::Native>,
) -> Column {
    Arc::new(build_prim::<T>(texts.len(), cast.selection, errors, |row| {
        if texts.is_null(row) { Ok(None) } else { f(texts.value(row)) }
    }))
}

/// `BinaryStringDataUtil.toBooleanSQL`.
fn parse_boolean_cast(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["t", "true", "y", "yes", "1"]) {
        Some(true)
    } else if is(&["f", "false", "n", "no", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// `BinaryStringDataUtil.toDecimal`. Short texts go a way of their own there, on which one character after the number is
/// not looked at, leading zeros count as digits, and rounding may give a digit more than `precision`.
fn parse_decimal_cast(text: &str, precision: u8, scale: u8) -> ParsedDecimal {
    const SHORT_DIGITS_MAX: u8 = 18;
    if precision > SHORT_DIGITS_MAX || text.len() > usize::from(SHORT_DIGITS_MAX) {
        return parse_decimal(text.trim_matches([' ', '\n', '\t']), precision, scale);
    }
    parse_short_decimal(text.as_bytes(), precision, scale).unwrap_or(ParsedDecimal::Invalid)
}

/// At most 18 bytes: all sums and products fit into 64 bits.
fn parse_short_decimal(bytes: &[u8], precision: u8, scale: u8) -> Option<ParsedDecimal> {
    let space = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\t');
    let text = &bytes[bytes.iter().position(|byte| !space(byte))?..];
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if text.is_empty() {
        return None;
    }
    let mut symbols = text.iter().copied().peekable();
    let (mut value, mut digits, mut point, mut stop) = (0_i64, 0_i32, None, 0);
    for symbol in symbols.by_ref() {
        match symbol {
            b'0'..=b'9' => {
                value = value * 10 + i64::from(symbol - b'0');
                digits += 1;
            }
            b'.' if point.is_some() => return None,
            b'.' => point = Some(digits),
            other => {
                // It is used up, whatever it is.
                stop = other;
                break;
            }
        }
    }
    let mut exponent = 0;
    if matches!(stop, b'e' | b'E')
        && let Some(first) = symbols.peek().copied()
    {
        let signed = matches!(first, b'-' | b'+');
        if signed {
            symbols.next();
            symbols.peek()?;
        }
        for symbol in symbols.by_ref() {
            if !symbol.is_ascii_digit() {
                break;
            }
            if exponent < 40 {
                exponent = exponent * 10 + i32::from(symbol - b'0');
            }
        }
        if first == b'-' {
            exponent = -exponent;
        }
    }
    if !symbols.all(|symbol| space(&symbol)) {
        return None;
    }
    let change = exponent - (digits - point.unwrap_or(digits)) + i32::from(scale);
    if digits + change > i32::from(precision) {
        return Some(ParsedDecimal::Overflow);
    }
    let value = i128::from(value);
    let value = match u32::try_from(change) {
        Ok(zeros) => value * 10_i128.pow(zeros),
        // Java's table of powers ends at 10^18.
        Err(_) if change < -18 => return None,
        Err(_) => {
            let unit = 10_i128.pow(change.unsigned_abs());
            (value + unit / 2) / unit
        }
    };
    Some(ParsedDecimal::Value(if negative { -value } else { value }))
}

/// `BinaryStringDataUtil.toLong`: a sign, digits, and a fraction that is checked and dropped.
pub(crate) fn parse_integer_cast(text: &str) -> Result<i64, &'static str> {
    let bytes = text.trim_matches(' ').as_bytes();
    let (negative, digits) = match bytes {
        [] => return Err("empty"),
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() {
        return Err("only a sign");
    }
    // Counted downwards, since i64::MIN has no positive twin.
    let mut value = 0_i64;
    let mut digits = digits.iter();
    for byte in digits.by_ref() {
        match byte {
            b'.' => break,
            b'0'..=b'9' => {
                let digit = i64::from(byte - b'0');
                let next = value.checked_mul(10).and_then(|value| value.checked_sub(digit));
                value = next.ok_or("overflow")?;
            }
            _ => return Err("invalid character"),
        }
    }
    if !digits.all(u8::is_ascii_digit) {
        return Err("invalid character");
    }
    if negative { Ok(value) } else { value.checked_neg().ok_or("overflow") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_in_blocks_as_one_by_one() {
        for part in ["a", "ä", "杭", "a😀", "xä杭😀"] {
            let text = part.repeat(60);
            for n in 0..=text.chars().count() + 1 {
                let expected: String = text.chars().take(n).collect();
                assert_eq!(first_chars(&text, n), expected, "{part} {n}");
            }
        }
    }

    #[test]
    fn short_texts_become_decimals_as_in_flink() {
        use ParsedDecimal::{Invalid, Overflow, Value};
        for (text, value) in [
            ("12.345", Value(1_235)),
            (" -12.345\t", Value(-1_235)),
            ("1e2", Value(10_000)),
            ("15e-1", Value(150)),
            (".5", Value(50)),
            ("1.5f", Value(150)),
            ("1.5ff", Invalid),
            ("t", Value(0)),
            ("", Invalid),
            ("-", Invalid),
            ("1e", Value(100)),
            ("1e-", Invalid),
            ("1.2.3", Invalid),
            ("1 2", Invalid),
            ("99999999.995", Value(10_000_000_000)),
            ("0000000001.00", Overflow),
            ("123456789", Overflow),
            ("1e-30", Invalid),
        ] {
            assert_eq!(parse_decimal_cast(text, 10, 2), value, "{text}");
        }
    }
}
