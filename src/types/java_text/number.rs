//! Numbers to text.

use super::{TextOut, write_double, write_float};

/// `Double.toString`.
pub fn double_to_string(value: f64) -> String {
    let mut out = String::new();
    write_double(value, &mut out);
    out
}

/// `Float.toString`.
pub fn float_to_string(value: f32) -> String {
    let mut out = String::new();
    write_float(value, &mut out);
    out
}

/// `BigDecimal.toPlainString` of `unscaled` × 10^−`scale`.
pub fn decimal_to_plain(unscaled: i128, scale: i32) -> String {
    let mut out = String::new();
    write_decimal_plain(unscaled, scale, &mut out);
    out
}

/// `BigDecimal.toString` of `unscaled` × 10^−`scale`: with an exponent where the scale is negative or more than six
/// zeros would follow the point.
pub fn decimal_to_java(unscaled: i128, scale: i32) -> String {
    let mut out = String::new();
    write_decimal_java(unscaled, scale, &mut out);
    out
}

/// Appends a whole number.
#[inline]
pub fn write_integer(value: impl itoa::Integer, out: &mut impl TextOut) {
    out.put(itoa::Buffer::new().format(value));
}

/// Appends `BigDecimal.toPlainString`.
pub fn write_decimal_plain(unscaled: i128, scale: i32, out: &mut impl TextOut) {
    let mut buffer = itoa::Buffer::new();
    if unscaled < 0 {
        out.put("-");
    }
    let digits = buffer.format(unscaled.unsigned_abs());
    let Ok(places) = usize::try_from(scale) else {
        out.put(digits);
        if unscaled != 0 {
            put_zeros(scale.unsigned_abs(), out);
        }
        return;
    };
    put_plain(digits, places, out);
}

/// Appends `BigDecimal.toString`.
pub fn write_decimal_java(unscaled: i128, scale: i32, out: &mut impl TextOut) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(unscaled.unsigned_abs());
    write_decimal_digits(unscaled < 0, digits, i64::from(scale), out);
}

/// Appends `BigDecimal.toString` of an unscaled value given by its `digits`, without leading zeros.
pub fn write_decimal_digits(negative: bool, digits: &str, scale: i64, out: &mut impl TextOut) {
    if negative {
        out.put("-");
    }
    let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let adjusted = (length - 1).saturating_sub(scale);
    if scale >= 0 && adjusted >= -6 {
        return put_plain(digits, usize::try_from(scale).unwrap_or(0), out);
    }
    let (head, tail) = digits.split_at_checked(1).unwrap_or((digits, ""));
    out.put(head);
    if !tail.is_empty() {
        out.put(".");
        out.put(tail);
    }
    if adjusted != 0 {
        out.put(if adjusted > 0 { "E+" } else { "E" });
        out.put(itoa::Buffer::new().format(adjusted));
    }
}

fn put_plain(digits: &str, places: usize, out: &mut impl TextOut) {
    if places == 0 {
        return out.put(digits);
    }
    match digits.len().checked_sub(places).and_then(|at| digits.split_at_checked(at)) {
        Some(("", fraction)) => {
            out.put("0.");
            out.put(fraction);
        }
        Some((whole, fraction)) => {
            out.put(whole);
            out.put(".");
            out.put(fraction);
        }
        None => {
            out.put("0.");
            put_zeros(u32::try_from(places - digits.len()).unwrap_or(0), out);
            out.put(digits);
        }
    }
}

/// The same number without zeros at its end, as `BigDecimal.stripTrailingZeros`: unscaled value and scale, which may
/// become negative.
pub fn strip_trailing_zeros(unscaled: i128, scale: i32) -> (i128, i32) {
    if unscaled == 0 {
        return (0, 0);
    }
    let (mut unscaled, mut scale) = (unscaled, scale);
    while unscaled % 10 == 0 {
        unscaled /= 10;
        scale -= 1;
    }
    (unscaled, scale)
}

const ZEROS: &str = "0000000000000000000000000000000000000000";

fn zeros(count: usize) -> &'static str {
    ZEROS.get(..count).unwrap_or(ZEROS)
}

fn put_zeros(mut count: u32, out: &mut impl TextOut) {
    while count > 0 {
        let now = count.min(40);
        out.put(zeros(usize::try_from(now).unwrap_or(0)));
        count -= now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_have_javas_layout() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (100.0, "100.0"),
            (123.456, "123.456"),
            (0.001, "0.001"),
            (0.0123, "0.0123"),
            (0.000_999, "9.99E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (1.234_567_8e7, "1.2345678E7"),
            (1.0e10, "1.0E10"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
            (5e-324, "4.9E-324"),
            (1e-323, "1.0E-323"),
            (-f64::MAX, "-1.7976931348623157E308"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (0.1 + 0.2, "0.30000000000000004"),
        ] {
            assert_eq!(double_to_string(value), text);
        }
        for (value, text) in [
            (1.1f32, "1.1"),
            (3.4e38, "3.4E38"),
            (16_777_216.0, "1.6777216E7"),
            (1e-45, "1.4E-45"),
            (-0.0, "-0.0"),
        ] {
            assert_eq!(float_to_string(value), text);
        }
    }

    #[test]
    fn decimals_have_javas_layout() {
        for (unscaled, scale, java, plain) in [
            (0, 0, "0", "0"),
            (0, 2, "0.00", "0.00"),
            (12345, 2, "123.45", "123.45"),
            (-5, 2, "-0.05", "-0.05"),
            (123, 3, "0.123", "0.123"),
            (1, 6, "0.000001", "0.000001"),
            (1, 7, "1E-7", "0.0000001"),
            (-12, 8, "-1.2E-7", "-0.00000012"),
            (0, 10, "0E-10", "0.0000000000"),
            (1, -2, "1E+2", "100"),
            (15, -1, "1.5E+2", "150"),
            (0, -3, "0E+3", "0"),
            (
                i128::MAX,
                0,
                "170141183460469231731687303715884105727",
                "170141183460469231731687303715884105727",
            ),
        ] {
            assert_eq!(decimal_to_java(unscaled, scale), java);
            assert_eq!(decimal_to_plain(unscaled, scale), plain);
        }
    }
}
