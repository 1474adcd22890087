//! PRINTF: `java.util.Formatter` for the values that SQL has.

use super::signature::{STRING, nullable};
use super::text::within_limit;
use super::{Function, Param, Signature};
use crate::expr::text::TextWriter;
use crate::expr::value::RowResult;
use crate::types::java_text::write_double;
use crate::types::{Column, DataType, Kind};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};

/// Characters of a width or precision; a larger one fails its row instead of taking all memory.
const WIDTH_MAX: usize = 1 << 20;

pub(super) static FUNCTIONS: &[Function] = &[Function::new(
    "PRINTF(format, value, …)",
    "The values as text by a pattern of Java's Formatter; NULL where the pattern does not fit them.",
    |args| {
        let (format, rest) = args.split_first()?;
        let mut kinds = vec![Param::Text.accepts(&format.data_type.kind)?];
        kinds.extend(rest.iter().map(|arg| arg.data_type.kind.clone()));
        let nullable_format = format.data_type.nullable;
        let returns = DataType { kind: STRING, nullable: nullable_format };
        nullable(Some(Signature { args: kinds, returns }))
    },
    |call| {
        let format = call.text(0);
        let columns = super::nested::columns(call);
        let zone = call.env.time_zone;
        let texts: Vec<TextWriter<'_>> = (1..columns.len())
            .map(|at| TextWriter::new(columns[at].as_ref(), call.data_type(at), zone))
            .collect();
        let types: Vec<&DataType> = (1..columns.len()).map(|at| call.data_type(at)).collect();
        call.strings(|row, out| {
            let Some(format) = format.get(row) else { return Ok(None) };
            let arg = |at: usize| -> Option<Arg> {
                Some(Arg::new(columns.get(at + 1)?, types.get(at)?, texts.get(at)?, row))
            };
            write(format, &arg, out)
        })
    },
)
.can_fail()];

/// What may stand behind `%t` (`java.util.Formatter`).
const TIME_PARTS: &str = "HIklMSLNpzZsQBbhAaCYyjmdeRTrDFc";

enum Arg {
    Null,
    /// With the number of its bits.
    Integer(i64, u32),
    Double(f64),
    Bool(bool),
    Text(String),
}

impl Arg {
    fn new(column: &Column, data_type: &DataType, text: &TextWriter<'_>, row: usize) -> Arg {
        if data_type.kind == Kind::Null || column.is_null(row) {
            return Arg::Null;
        }
        match data_type.kind {
            Kind::TinyInt => Arg::Integer(column.as_primitive::<Int8Type>().value(row).into(), 8),
            Kind::SmallInt => {
                Arg::Integer(column.as_primitive::<Int16Type>().value(row).into(), 16)
            }
            Kind::Int => Arg::Integer(column.as_primitive::<Int32Type>().value(row).into(), 32),
            Kind::BigInt => Arg::Integer(column.as_primitive::<Int64Type>().value(row), 64),
            Kind::Float => Arg::Double(column.as_primitive::<Float32Type>().value(row).into()),
            Kind::Double => Arg::Double(column.as_primitive::<Float64Type>().value(row)),
            Kind::Boolean => Arg::Bool(column.as_boolean().value(row)),
            Kind::IntervalMonths => {
                Arg::Integer(column.as_primitive::<Int32Type>().value(row).into(), 32)
            }
            Kind::Timestamp(_) => {
                // `LocalDateTime.toString`.
                let mut out = String::new();
                crate::types::write_value(&mut out, column, data_type, row);
                Arg::Text(out)
            }
            _ => {
                let mut out = String::new();
                text.write(row, &mut out);
                Arg::Text(out)
            }
        }
    }
}

#[derive(Default)]
struct Spec {
    index: Option<usize>,
    previous: bool,
    left: bool,
    alternate: bool,
    plus: bool,
    space: bool,
    zero: bool,
    group: bool,
    parentheses: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Writes by a pattern; `None` where Java throws.
fn write(format: &str, arg: &impl Fn(usize) -> Option<Arg>, out: &mut String) -> RowResult<()> {
    let mut pattern = Pattern { rest: format, ordinary: 0, last: None };
    while !pattern.rest.is_empty() {
        if pattern.write_next(arg, out).is_none() {
            return Ok(None);
        }
        within_limit(out.len())?;
    }
    Ok(Some(()))
}

/// What of a pattern is not written yet.
struct Pattern<'a> {
    rest: &'a str,
    /// Values that were taken in order.
    ordinary: usize,
    /// The value that was taken last.
    last: Option<usize>,
}

impl Pattern<'_> {
    /// Writes up to the end of the next conversion.
    fn write_next(&mut self, arg: &impl Fn(usize) -> Option<Arg>, out: &mut String) -> Option<()> {
        let Some(at) = self.rest.find('%') else {
            out.push_str(std::mem::take(&mut self.rest));
            return Some(());
        };
        out.push_str(self.rest.get(..at)?);
        let (spec, conversion, after) = parse(self.rest.get(at + 1..)?)?;
        self.rest = after;
        match conversion {
            'n' if spec.width.is_none() => out.push('\n'),
            '%' => padded("%", &spec, out)?,
            conversion => {
                let index = match (spec.index, spec.previous) {
                    (Some(index), _) => index.checked_sub(1)?,
                    (None, true) => self.last?,
                    (None, false) => {
                        self.ordinary += 1;
                        self.ordinary - 1
                    }
                };
                self.last = Some(index);
                one(&arg(index)?, &spec, conversion, out)?;
            }
        }
        Some(())
    }
}

/// Flags, width, precision and conversion after a `%`.
fn parse(text: &str) -> Option<(Spec, char, &str)> {
    let mut spec = Spec::default();
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = text;
    let count = digits(rest);
    if count > 0 && rest.get(count..)?.starts_with('$') {
        spec.index = Some(rest.get(..count)?.parse().ok()?);
        rest = rest.get(count + 1..)?;
    } else if let Some(after) = rest.strip_prefix('<') {
        spec.previous = true;
        rest = after;
    }
    while let Some(flag) = rest.chars().next() {
        let seen = match flag {
            '-' => &mut spec.left,
            '#' => &mut spec.alternate,
            '+' => &mut spec.plus,
            ' ' => &mut spec.space,
            '0' => &mut spec.zero,
            ',' => &mut spec.group,
            '(' => &mut spec.parentheses,
            _ => break,
        };
        if std::mem::replace(seen, true) {
            return None;
        }
        rest = rest.get(1..)?;
    }
    let bounded = |text: &str| text.parse::<usize>().ok().filter(|width| *width <= WIDTH_MAX);
    let count = digits(rest);
    if count > 0 {
        spec.width = Some(bounded(rest.get(..count)?)?);
        rest = rest.get(count..)?;
    }
    if let Some(after) = rest.strip_prefix('.') {
        let count = digits(after);
        spec.precision = Some(bounded(after.get(..count)?)?);
        rest = after.get(count..)?;
    }
    let conversion = rest.chars().next()?;
    let needs_width = spec.left || spec.zero;
    if (needs_width && spec.width.is_none()) || (spec.left && spec.zero) {
        return None;
    }
    rest = rest.get(conversion.len_utf8()..)?;
    if matches!(conversion, 't' | 'T') {
        // The part of a time that is meant.
        rest = rest.strip_prefix(|part| TIME_PARTS.contains(part))?;
    }
    Some((spec, conversion, rest))
}

fn padded(text: &str, spec: &Spec, out: &mut String) -> Option<()> {
    // Java counts UTF-16 units.
    let units = text.encode_utf16().count();
    let missing = spec.width.unwrap_or(0).saturating_sub(units);
    let blanks = std::iter::repeat_n(' ', missing);
    if spec.left {
        out.push_str(text);
        out.extend(blanks);
    } else {
        out.extend(blanks);
        out.push_str(text);
    }
    Some(())
}

fn one(arg: &Arg, spec: &Spec, conversion: char, out: &mut String) -> Option<()> {
    let upper = conversion.is_ascii_uppercase();
    let mut text = String::new();
    match (conversion.to_ascii_lowercase(), arg) {
        ('b', arg) => {
            let truth = match arg {
                Arg::Null => false,
                Arg::Bool(value) => *value,
                _ => true,
            };
            text.push_str(if truth { "true" } else { "false" });
            cut(&mut text, spec.precision);
        }
        ('s', arg) => {
            match arg {
                Arg::Null => text.push_str("null"),
                Arg::Integer(value, _) => text.push_str(&value.to_string()),
                Arg::Double(value) => write_double(*value, &mut text),
                Arg::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
                Arg::Text(value) => text.push_str(value),
            }
            cut(&mut text, spec.precision);
        }
        // Flink's own times are none of Java's: only NULL can be written.
        ('t', Arg::Null) if spec.precision.is_none() => text.push_str("null"),
        ('c' | 'd' | 'o' | 'x' | 'e' | 'f' | 'g', Arg::Null) => {
            text.push_str("null");
            cut(&mut text, spec.precision);
        }
        ('c', Arg::Integer(value, bits)) if *bits < 64 => {
            text.push(char::from_u32(u32::try_from(*value).ok()?)?);
        }
        ('d', Arg::Integer(value, _)) if spec.precision.is_none() && !upper => {
            let digits = value.unsigned_abs().to_string();
            let digits = if spec.group { grouped(&digits) } else { digits };
            signed(*value < 0, &digits, spec, &mut text);
        }
        ('o' | 'x', Arg::Integer(value, bits)) if spec.precision.is_none() => {
            let mask = if *bits == 64 { u64::MAX } else { (1_u64 << bits) - 1 };
            let value = *value as u64 & mask;
            let (prefix, digits) = match conversion.to_ascii_lowercase() {
                'o' => ("0", format!("{value:o}")),
                _ => ("0x", format!("{value:x}")),
            };
            if spec.alternate {
                text.push_str(prefix);
            }
            let missing = spec.width.unwrap_or(0).saturating_sub(digits.len() + text.len());
            if spec.zero {
                text.extend(std::iter::repeat_n('0', missing));
            }
            text.push_str(&digits);
        }
        ('e' | 'f' | 'g', Arg::Double(value)) => {
            if value.is_finite() {
                let digits = real(value.abs(), spec, conversion.to_ascii_lowercase());
                signed(value.is_sign_negative(), &digits, spec, &mut text);
            } else {
                let name = if value.is_nan() { "NaN" } else { "Infinity" };
                let spec = Spec { zero: false, ..Spec { plus: spec.plus, ..Spec::default() } };
                signed(*value < 0.0, name, &spec, &mut text);
            }
        }
        _ => return None,
    }
    if upper {
        text = text.to_uppercase();
    }
    padded(&text, spec, out)
}

fn cut(text: &mut String, precision: Option<usize>) {
    if let Some((at, _)) = precision.and_then(|precision| text.char_indices().nth(precision)) {
        text.truncate(at);
    }
}

/// Digits with a sign and zeros in front as the flags say.
fn signed(negative: bool, digits: &str, spec: &Spec, out: &mut String) {
    let (head, tail) = match (negative, spec.parentheses) {
        (true, true) => ("(", ")"),
        (true, false) => ("-", ""),
        (false, _) if spec.plus => ("+", ""),
        (false, _) if spec.space => (" ", ""),
        (false, _) => ("", ""),
    };
    out.push_str(head);
    if spec.zero {
        let used = digits.chars().count() + head.len() + tail.len();
        let missing = spec.width.unwrap_or(0).saturating_sub(used);
        out.extend(std::iter::repeat_n('0', missing));
    }
    out.push_str(digits);
    out.push_str(tail);
}

fn grouped(digits: &str) -> String {
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A finite number that is not negative.
fn real(value: f64, spec: &Spec, conversion: char) -> String {
    let precision = spec.precision.unwrap_or(6);
    let (digits, exponent) = shortest(value);
    match conversion {
        'f' => fixed(&digits, exponent, precision, spec.group),
        'e' => scientific(&digits, exponent, precision),
        _ => {
            let precision = precision.max(1);
            let (_, rounded) = round(&digits, exponent, precision as i64 - exponent - 1);
            let small = value == 0.0 || (value >= 1e-4 && rounded < precision as i64);
            if small {
                let decimals = (precision as i64 - rounded - 1).max(0);
                let decimals = if value == 0.0 { precision - 1 } else { decimals as usize };
                fixed(&digits, exponent, decimals, spec.group)
            } else {
                scientific(&digits, exponent, precision - 1)
            }
        }
    }
}

/// The shortest digits of a number, and the exponent of the first one.
fn shortest(value: f64) -> (Vec<u8>, i64) {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
    (digits, exponent.parse().unwrap_or(0))
}

/// The digits rounded half up to `decimals` places behind the point.
fn round(digits: &[u8], exponent: i64, decimals: i64) -> (Vec<u8>, i64) {
    let keep = exponent + 1 + decimals;
    let Ok(keep) = usize::try_from(keep) else { return (vec![0], -decimals) };
    let mut kept: Vec<u8> = digits.iter().copied().take(keep).collect();
    let up = digits.get(keep).is_some_and(|digit| *digit >= 5);
    let mut exponent = exponent;
    if up {
        let mut at = kept.len();
        loop {
            if at == 0 {
                kept.insert(0, 1);
                exponent += 1;
                break;
            }
            at -= 1;
            if kept[at] < 9 {
                kept[at] += 1;
                break;
            }
            kept[at] = 0;
        }
    }
    if kept.is_empty() {
        kept.push(0);
    }
    (kept, exponent)
}

fn fixed(digits: &[u8], exponent: i64, decimals: usize, group: bool) -> String {
    let (digits, exponent) = round(digits, exponent, decimals as i64);
    let digit = |place: i64| -> char {
        let at = usize::try_from(exponent - place).ok();
        char::from(b'0' + at.and_then(|at| digits.get(at)).copied().unwrap_or(0))
    };
    let whole: String = (0..=exponent.max(0)).rev().map(digit).collect();
    let mut out = if group { grouped(&whole) } else { whole };
    if decimals > 0 {
        out.push('.');
        out.extend((1..=decimals as i64).map(|place| digit(-place)));
    }
    out
}

fn scientific(digits: &[u8], exponent: i64, decimals: usize) -> String {
    let zero = digits.iter().all(|digit| *digit == 0);
    let (digits, exponent) = round(digits, exponent, decimals as i64 - exponent);
    let exponent = if zero { 0 } else { exponent };
    let mut out = String::new();
    for at in 0..=decimals {
        if at == 1 {
            out.push('.');
        }
        out.push(char::from(b'0' + digits.get(at).copied().unwrap_or(0)));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    out.push_str(&format!("e{sign}{:02}", exponent.unsigned_abs()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_java_s() {
        for (format, value, expected) in [
            ("%.2f", 0.125, "0.13"),
            ("%.0f", 2.5, "3"),
            ("%f", 1e10, "10000000000.000000"),
            ("%e", 12345.678, "1.234568e+04"),
            ("%.3e", 0.0, "0.000e+00"),
            ("%g", 0.0001, "0.000100000"),
            ("%,.1f", 1234567.89, "1,234,567.9"),
            ("%08.3f", -3.25159, "-003.252"),
            ("%+.1f", 9.96, "+10.0"),
        ] {
            let mut out = String::new();
            write(format, &|_| Some(Arg::Double(value)), &mut out).unwrap().unwrap();
            assert_eq!(out, expected, "{format} of {value}");
        }
    }

    #[test]
    fn a_result_is_bounded_like_that_of_repeat() {
        let mut out = String::new();
        let format = "%1048576%".repeat(100);
        let memory = allocation_counter::measure(|| {
            let problem = write(&format, &|_| None, &mut out).unwrap_err();
            assert!(problem.contains("is longer than"), "{problem}");
        });
        assert!(memory.bytes_max < 64 << 20, "{memory:?}");
    }
}
