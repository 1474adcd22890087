//! Literals and their types, as Calcite gives them.

use super::schema_error;
use crate::base::{Result, Span};
use crate::expr::{CastMode, Expr, Scalar};
use crate::sql::ast::{IntervalQualifier, Literal, NumberKind, TimeUnit};
use crate::types::{Kind, java_text};

pub(super) fn bind(literal: &Literal, span: Span) -> Result<Expr> {
    Ok(match literal {
        Literal::Null => Expr::null(Kind::Null),
        Literal::Boolean(None) => Expr::null(Kind::Boolean),
        Literal::Boolean(Some(truth)) => {
            Expr::literal(Scalar::Boolean(*truth), Kind::Boolean.not_null())
        }
        Literal::Number { text, kind } => number(text, *kind, false, span)?,
        Literal::String(text) => {
            // Calcite counts UTF-16 units.
            let length = u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX);
            Expr::literal(Scalar::String(text.clone()), Kind::Char(length).not_null())
        }
        Literal::Binary(bytes) => {
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            Expr::literal(Scalar::Bytes(bytes.clone()), Kind::Binary(length).not_null())
        }
        Literal::Date(text) => {
            let days = java_text::parse_date_literal(text)
                .ok_or_else(|| illegal("DATE", text, "yyyy-MM-dd", span))?;
            Expr::literal(Scalar::Date(days), Kind::Date.not_null())
        }
        Literal::Time(text) => {
            let millis = java_text::parse_time_literal(text)
                .ok_or_else(|| illegal("TIME", text, "HH:mm:ss", span))?;
            Expr::literal(Scalar::Time(millis), Kind::Time(0).not_null())
        }
        Literal::Timestamp(text) => timestamp(text, span)?,
        Literal::TimestampLtz(text) => {
            let local = timestamp(text, span)?;
            let kind = Kind::TimestampLtz(fraction_digits(text));
            Expr::cast(local, kind, CastMode::default())
        }
        Literal::Interval { negative, value, qualifier } => {
            interval(*negative, value, qualifier, span)?
        }
    })
}

fn illegal(kind: &str, text: &str, form: &str, span: Span) -> crate::base::Error {
    schema_error(format!("illegal {kind} literal '{text}'"), span)
        .with_hint(format!("a {kind} is written {kind} '{form}'"))
}

fn timestamp(text: &str, span: Span) -> Result<Expr> {
    let moment = java_text::parse_timestamp_literal(text)
        .ok_or_else(|| illegal("TIMESTAMP", text, "yyyy-MM-dd HH:mm:ss[.fraction]", span))?;
    let kind = Kind::Timestamp(fraction_digits(text));
    Ok(Expr::literal(Scalar::Timestamp(moment.to_nanos()), kind.not_null()))
}

/// A number: INT or BIGINT by size, DECIMAL with digits after a point, DOUBLE with an exponent.
pub(super) fn number(text: &str, kind: NumberKind, negative: bool, span: Span) -> Result<Expr> {
    let out_of_range = || schema_error(format!("numeric literal '{text}' out of range"), span);
    let sign = if negative { "-" } else { "" };
    match kind {
        NumberKind::Integer => {
            let text = text.trim_end_matches('.');
            let integer: i64 = format!("{sign}{text}").parse().map_err(|_| out_of_range())?;
            let kind = if i32::try_from(integer).is_ok() { Kind::Int } else { Kind::BigInt };
            Ok(Expr::literal(Scalar::Integer(integer), kind.not_null()))
        }
        NumberKind::Decimal => {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            if fraction.is_empty() {
                return number(whole, NumberKind::Integer, negative, span);
            }
            let value: i128 =
                format!("{sign}{whole}{fraction}").parse().map_err(|_| out_of_range())?;
            // Digits count as they are written: 0.5 is a DECIMAL(2, 1).
            decimal(value, whole.len() + fraction.len(), fraction.len()).ok_or_else(out_of_range)
        }
        NumberKind::Approximate => {
            let value: f64 = format!("{sign}{text}").parse().map_err(|_| out_of_range())?;
            if value.is_infinite() {
                return Err(out_of_range());
            }
            // A literal is a decimal number, which has no negative zero.
            let value = if value == 0.0 { 0.0 } else { value };
            Ok(Expr::literal(Scalar::Double(value), Kind::Double.not_null()))
        }
    }
}

fn decimal(value: i128, precision: usize, scale: usize) -> Option<Expr> {
    let precision = u8::try_from(precision).ok().filter(|p| *p <= 38)?;
    let scale = u8::try_from(scale).ok().filter(|s| *s <= precision)?;
    Some(Expr::literal(Scalar::Decimal(value), Kind::Decimal { precision, scale }.not_null()))
}

fn fraction_digits(text: &str) -> u8 {
    let digits = text.trim().rsplit_once('.').map_or(0, |(_, fraction)| fraction.len());
    u8::try_from(digits).unwrap_or(9).min(9)
}

/// `INTERVAL '5' DAY`, `INTERVAL '1:30' HOUR TO MINUTE`, `INTERVAL '1-2' YEAR TO MONTH`.
pub(super) fn interval(
    negative: bool,
    text: &str,
    qualifier: &IntervalQualifier,
    span: Span,
) -> Result<Expr> {
    let wrong = || schema_error(format!("illegal interval literal '{text}'"), span);
    let (inner, text) = match text.trim().strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.trim().trim_start_matches('+')),
    };
    let sign = if negative == inner { 1 } else { -1 };
    let parts: Vec<&str> = text.split(['-', ' ', ':']).collect();
    check_fields(&parts, qualifier).map_err(|why| schema_error(why, span))?;
    let unit_millis = |unit: TimeUnit| -> Option<i64> {
        Some(match unit {
            TimeUnit::Week => 7 * 86_400_000,
            TimeUnit::Day => 86_400_000,
            TimeUnit::Hour => 3_600_000,
            TimeUnit::Minute => 60_000,
            TimeUnit::Second => 1_000,
            TimeUnit::Millisecond => 1,
            _ => return None,
        })
    };
    let unit_months = |unit: TimeUnit| match unit {
        TimeUnit::Year => Some(12),
        TimeUnit::Quarter => Some(3),
        TimeUnit::Month => Some(1),
        _ => None,
    };
    if let Some(months) = unit_months(qualifier.from) {
        let mut total: i64 = 0;
        for (part, factor) in parts.iter().zip([months, 1]) {
            let number: i64 = part.parse().map_err(|_| wrong())?;
            total =
                number.checked_mul(factor).and_then(|n| n.checked_add(total)).ok_or_else(wrong)?;
        }
        let expected = if qualifier.to.is_some() { 2 } else { 1 };
        let months = i32::try_from(sign * total).map_err(|_| wrong())?;
        if parts.len() != expected {
            return Err(wrong());
        }
        return Ok(Expr::literal(Scalar::Months(months), Kind::IntervalMonths.not_null()));
    }
    let order = [TimeUnit::Day, TimeUnit::Hour, TimeUnit::Minute, TimeUnit::Second];
    let units: Vec<TimeUnit> = match qualifier.to {
        None => vec![qualifier.from],
        Some(to) => {
            let from = order.iter().position(|unit| *unit == qualifier.from).ok_or_else(wrong)?;
            let to = order.iter().position(|unit| *unit == to).ok_or_else(wrong)?;
            order.get(from..=to).ok_or_else(wrong)?.to_vec()
        }
    };
    if units.len() != parts.len() {
        return Err(wrong());
    }
    let mut millis: i64 = 0;
    for (part, unit) in parts.iter().zip(units) {
        let factor = unit_millis(unit).ok_or_else(wrong)?;
        let (whole, fraction) = part.split_once('.').unwrap_or((part, ""));
        let number: i64 = whole.parse().map_err(|_| wrong())?;
        let mut value = number.checked_mul(factor).ok_or_else(wrong)?;
        if !fraction.is_empty() {
            let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
            value += digits.parse::<i64>().map_err(|_| wrong())? * factor / 1000;
        }
        millis = millis.checked_add(value).ok_or_else(wrong)?;
    }
    Ok(Expr::literal(Scalar::Millis(sign * millis), Kind::IntervalMillis.not_null()))
}

/// The widths of an interval literal's fields: the first has two digits, or as many as its precision says; the others
/// are below a whole of the field before them; a fraction has at most six digits.
fn check_fields(parts: &[&str], qualifier: &IntervalQualifier) -> std::result::Result<(), String> {
    let from = qualifier.from.name();
    let width = qualifier.from_precision.unwrap_or(2);
    let Some((first, rest)) = parts.split_first() else { return Ok(()) };
    let (whole, _) = first.split_once('.').unwrap_or((first, ""));
    let digits = whole.trim_start_matches('0').len();
    if u32::try_from(digits).map_or(true, |digits| digits > width) {
        return Err(format!(
            "interval field value {whole} exceeds precision of {from}({width}) field"
        ));
    }
    let mut most = match qualifier.from {
        TimeUnit::Year => 11,
        TimeUnit::Day => 23,
        _ => 59,
    };
    for part in rest {
        let (whole, fraction) = part.split_once('.').unwrap_or((part, ""));
        if whole.parse::<u32>().is_ok_and(|value| value > most) || fraction.len() > 6 {
            return Err(format!("illegal interval literal format '{}'", parts.join(" ")));
        }
        most = 59;
    }
    match first.split_once('.') {
        Some((_, fraction)) if fraction.len() > 6 => {
            Err(format!("illegal interval literal format '{first}' for INTERVAL {from}"))
        }
        _ => Ok(()),
    }
}
