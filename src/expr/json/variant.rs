//! JSON values as VARIANT prints them (`BinaryVariantInternalBuilder`, `BinaryVariant.toJson`).
//!
//! Nothing in Flink 2.1 looks into a VARIANT: it is parsed and printed. So its column holds the text that it prints.

use super::Json;
use super::write::write_with;
use crate::types::java_text::write_double;

/// Digits, and digits after the point, that a number may have to be kept as a decimal.
const DECIMAL_DIGITS_MAX: usize = 38;

/// Appends the text of a value as a VARIANT: members by their names, numbers without needless digits.
pub(crate) fn write_variant(value: &Json<'_>, out: &mut String) {
    write_with(value, out, |number, out| match number {
        Json::Integer(text) => match text.parse::<i64>() {
            Ok(number) => out.push_str(itoa::Buffer::new().format(number)),
            Err(_) => write_number(text, out),
        },
        Json::Decimal(text) => write_number(text, out),
        _ => {}
    });
}

/// A number that is no BIGINT: a decimal where it has no exponent and few enough digits, else a DOUBLE.
fn write_number(text: &str, out: &mut String) {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let leading = if whole == "0" { fraction.trim_start_matches('0') } else { fraction };
    let precision = leading.len() + if whole == "0" { 0 } else { whole.len() };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !plain || precision.max(fraction.len()) > DECIMAL_DIGITS_MAX {
        return write_double(text.parse().unwrap_or(f64::NAN), out);
    }
    let fraction = fraction.trim_end_matches('0');
    if whole == "0" && fraction.is_empty() {
        return out.push('0');
    }
    out.push_str(sign);
    out.push_str(whole);
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn values_print_as_variants() {
        for (json, text) in [
            (" { \"b\" : 1.50, \"a\":[ null , true ] } ", r#"{"a":[null,true],"b":1.5}"#),
            ("-0", "0"),
            ("-0.00", "0"),
            ("100.00", "100"),
            ("9223372036854775808", "9223372036854775808"),
            ("123456789012345678901234567890123456789", "1.2345678901234568E38"),
            ("1e2", "100.0"),
            ("0.00000000000000000001", "0.00000000000000000001"),
            (r#""a\/é\u0001""#, r#""a/é\u0001""#),
        ] {
            let mut out = String::new();
            write_variant(&parse(json).unwrap(), &mut out);
            assert_eq!(out, text);
        }
    }
}
