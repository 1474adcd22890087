//! Avro values to columns, by the compiled plans.

use super::cursor::{Cursor, Fault};
use super::plan::{Op, Step, To, Wire, skip};
use super::schema::{NodeId, Schema, Unit};
use crate::base::COMPARED_MAX;
use crate::formats::column::Builder;
use crate::formats::rows::{Convert, Problems, Token};
use crate::types::Field;
use crate::types::java_map::{self, bucket};
use crate::types::java_text::Moment;
use std::borrow::Cow;
use std::sync::Arc;

/// Milliseconds of a day.
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// What reads a column of the rows of one writer's schema.
#[derive(Debug)]
struct ColumnPlan {
    op: Op,
    schema: Arc<Schema>,
}

/// The converter of one decoder. A token's `len` is the number of its plan.
#[derive(Debug, Default)]
pub(super) struct AvroConvert {
    plans: Vec<ColumnPlan>,
    /// The entries of the maps being converted, inner ones behind outer ones.
    entries: Vec<Entry>,
}

/// An entry of a map, by positions in the record.
#[derive(Clone, Copy, Debug)]
struct Entry {
    key: usize,
    value: usize,
    /// Of the key in Java's map.
    bucket: u32,
}

impl Entry {
    fn key(self, record: &[u8]) -> &[u8] {
        Cursor::new(record, self.key).bytes().unwrap_or_default()
    }
}

impl AvroConvert {
    /// Adds a plan over values of `schema`: its number.
    pub(super) fn add(&mut self, op: Op, schema: &Arc<Schema>) -> u32 {
        self.plans.push(ColumnPlan { op, schema: Arc::clone(schema) });
        self.plans.len().saturating_sub(1) as u32
    }
}

impl Convert for AvroConvert {
    type Record = [u8];

    #[inline]
    fn convert(
        &mut self,
        _field: &Field,
        token: Token,
        record: &[u8],
        out: &mut Builder,
        problems: &mut Problems,
    ) {
        let Some(plan) = self.plans.get(token.len as usize) else { return out.push_null() };
        let mut reading = Reading { schema: &plan.schema, entries: &mut self.entries, problems };
        reading.value(&plan.op, &mut Cursor::new(record, token.start as usize), out);
    }
}

/// One value being read. The record's structure was checked: a cursor that fails here is a bug, not a wrong record.
struct Reading<'a> {
    schema: &'a Schema,
    entries: &'a mut Vec<Entry>,
    problems: &'a mut Problems,
}

impl Reading<'_> {
    #[inline]
    fn value(&mut self, op: &Op, cursor: &mut Cursor<'_>, out: &mut Builder) {
        match op {
            Op::Nullable { null, inner } => match cursor.long() {
                Ok(branch) if branch == *null => out.push_null(),
                _ => self.value(inner, cursor, out),
            },
            Op::Leaf(wire, to) => {
                if let Err(problem) = leaf(wire, *to, cursor, out) {
                    out.push_null();
                    self.problems.note(|| problem.into_owned());
                }
            }
            other => self.nested(other, cursor, out),
        }
    }

    fn nested(&mut self, op: &Op, cursor: &mut Cursor<'_>, out: &mut Builder) {
        match op {
            Op::Null | Op::Leaf(..) | Op::Nullable { .. } => out.push_null(),
            Op::Union(branches) => {
                let branch = usize::try_from(cursor.long().unwrap_or(-1)).ok();
                match branch.and_then(|branch| branches.get(branch)) {
                    Some(op) => self.value(op, cursor, out),
                    None => out.push_null(),
                }
            }
            Op::Fail(problem, node) => {
                out.push_null();
                self.problems.note(|| problem.clone());
                let _ = skip(self.schema, *node, cursor, 0);
            }
            Op::Default(schema, bytes, op) => {
                let entries = &mut *self.entries;
                let mut default = Reading { schema, entries, problems: &mut *self.problems };
                default.value(op, &mut Cursor::new(bytes, 0), out);
            }
            Op::List(item) => self.list(item, cursor, out),
            Op::Map(value, node) => self.map(value, *node, cursor, out),
            Op::Row { steps, missing } => self.row(steps, missing, cursor, out),
        }
    }

    fn list(&mut self, op: &Op, cursor: &mut Cursor<'_>, out: &mut Builder) {
        let Builder::List { ends, nulls, items } = out else { return out.push_null() };
        let first = ends.last();
        while let Ok(count @ 1..) = cursor.block() {
            for _ in 0..count {
                let before = self.problems.count;
                self.value(op, cursor, items);
                self.problems.locate(before, || format!("[{}]", items.len().saturating_sub(first)));
            }
        }
        ends.push(items.len());
        nulls.append_non_null();
    }

    /// Of a repeated key the last value counts; the order is that of Java's map.
    fn map(&mut self, op: &Op, node: NodeId, cursor: &mut Cursor<'_>, out: &mut Builder) {
        let Builder::Map { ends, nulls, keys, values } = out else { return out.push_null() };
        let record = cursor.record();
        let outer = self.entries.len();
        while let Ok(count @ 1..) = cursor.block() {
            for _ in 0..count {
                let key = cursor.at();
                if cursor.bytes().is_err() {
                    break;
                }
                self.entries.push(Entry { key, value: cursor.at(), bucket: 0 });
                let _ = skip(self.schema, node, cursor, 0);
            }
        }
        in_order(self.entries, outer, record);
        for at in outer..self.entries.len() {
            let Some(entry) = self.entries.get(at).copied() else { break };
            let name = String::from_utf8_lossy(entry.key(record));
            if let Builder::String(builder) = &mut **keys {
                builder.append_value(&name);
            }
            let before = self.problems.count;
            self.value(op, &mut Cursor::new(record, entry.value), values);
            self.problems.locate(before, || format!("['{name}']"));
        }
        self.entries.truncate(outer);
        ends.push(values.len());
        nulls.append_non_null();
    }

    fn row(
        &mut self,
        steps: &[Step],
        missing: &[(usize, Op)],
        cursor: &mut Cursor<'_>,
        out: &mut Builder,
    ) {
        let Builder::Struct { nulls, rows, fields } = out else { return out.push_null() };
        for step in steps {
            let column = step.column.as_ref();
            match column.and_then(|step| Some((step, fields.get_mut(step.at)?))) {
                Some((step, column)) => {
                    let before = self.problems.count;
                    self.value(&step.op, cursor, column);
                    self.problems.locate(before, || format!(".{}", step.name));
                }
                None => {
                    let _ = skip(self.schema, step.node, cursor, 0);
                }
            }
        }
        for (at, op) in missing {
            if let Some(column) = fields.get_mut(*at) {
                self.value(op, cursor, column);
            }
        }
        nulls.append_non_null();
        *rows = rows.wrapping_add(1);
    }
}

/// Brings the entries from `first` on into the order of Java's map, each key once: of one that comes again the first
/// place and the last value. Asks for no memory while they are few.
fn in_order(entries: &mut Vec<Entry>, first: usize, record: &[u8]) {
    if entries.len() <= first.saturating_add(1) {
        return;
    }
    if entries.len() > first.saturating_add(COMPARED_MAX) {
        let by_key = entries.drain(first..).map(|entry| (entry.key(record), entry));
        let distinct = java_map::distinct(by_key);
        entries.extend(distinct.into_iter().map(|(_, entry)| entry));
    } else {
        let mut end = first;
        for at in first..entries.len() {
            let Some(entry) = entries.get(at).copied() else { break };
            let mut before = entries.get_mut(first..end).unwrap_or_default().iter_mut();
            match before.find(|before| before.key(record) == entry.key(record)) {
                Some(before) => before.value = entry.value,
                None => {
                    entries.swap(at, end);
                    end = end.saturating_add(1);
                }
            }
        }
        entries.truncate(end);
    }
    let entries = entries.get_mut(first..).unwrap_or_default();
    let count = entries.len();
    for entry in entries.iter_mut() {
        entry.bucket = bucket(&String::from_utf8_lossy(entry.key(record)), count);
    }
    entries.sort_by_key(|entry| entry.bucket);
}

/// Reads a value without parts; what is wrong with it otherwise, with nothing added.
#[inline]
fn leaf(
    wire: &Wire,
    to: To,
    cursor: &mut Cursor<'_>,
    out: &mut Builder,
) -> Result<(), Cow<'static, str>> {
    let broken = |_| Cow::Borrowed("the record ends too early");
    match (to, out) {
        (To::String, Builder::String(builder)) => match wire {
            Wire::Enum(symbols) => {
                let symbol = usize::try_from(cursor.int().map_err(broken)?).unwrap_or(usize::MAX);
                builder.append_value(symbols.get(symbol).map_or("", String::as_str));
            }
            _ => {
                let bytes = cursor.bytes().map_err(broken)?;
                match simdutf8::basic::from_utf8(bytes) {
                    Ok(text) => builder.append_value(text),
                    // Java replaces what is no UTF-8.
                    Err(_) => builder.append_value(String::from_utf8_lossy(bytes)),
                }
            }
        },
        (To::Binary, Builder::Binary(builder)) => {
            builder.append_value(bytes_of(wire, cursor).map_err(broken)?);
        }
        (To::Boolean, out @ Builder::Boolean { .. }) => {
            out.push_bool(cursor.boolean().map_err(broken)?);
        }
        // Java's `byteValue` and `shortValue` cut.
        (To::TinyInt, Builder::Int8(values)) => values.push(cursor.int().map_err(broken)? as i8),
        (To::SmallInt, Builder::Int16(values)) => values.push(cursor.int().map_err(broken)? as i16),
        (To::Int, Builder::Int32(values)) => values.push(cursor.int().map_err(broken)?),
        (To::BigInt, Builder::Int64(values)) => values.push(whole(wire, cursor).map_err(broken)?),
        (To::Float, Builder::Float32(values)) => values.push(match wire {
            Wire::Float => cursor.float().map_err(broken)?,
            #[expect(clippy::cast_precision_loss, reason = "a promotion of the specification")]
            _ => whole(wire, cursor).map_err(broken)? as f32,
        }),
        (To::Double, Builder::Float64(values)) => values.push(match wire {
            Wire::Double => cursor.double().map_err(broken)?,
            Wire::Float => f64::from(cursor.float().map_err(broken)?),
            #[expect(clippy::cast_precision_loss, reason = "a promotion of the specification")]
            _ => whole(wire, cursor).map_err(broken)? as f64,
        }),
        (To::Decimal { precision, scale, from }, Builder::Int128(values)) => {
            let bytes = bytes_of(wire, cursor).map_err(broken)?;
            if bytes.is_empty() {
                return Err(Cow::Borrowed("a decimal has no bytes"));
            }
            match unscaled(bytes).and_then(|value| rescaled(value, from, precision, scale)) {
                Some(value) => values.push(value),
                None => values.push_null(),
            }
        }
        (To::Time(unit), Builder::Int32(values)) => {
            let value = whole(wire, cursor).map_err(broken)?;
            let millis = if unit == Unit::Micros { value.div_euclid(1_000) } else { value };
            match i32::try_from(millis) {
                Ok(millis) if (0..DAY_MILLIS).contains(&i64::from(millis)) => values.push(millis),
                _ => return Err(Cow::Owned(format!("{millis} ms are no time of a day"))),
            }
        }
        (To::Timestamp(unit), out) => {
            let value = whole(wire, cursor).map_err(broken)?;
            let per_unit = match unit {
                Unit::Millis => 1_000_000,
                Unit::Micros => 1_000,
                Unit::Nanos => 1,
            };
            let moment = Moment::from_nanos(i128::from(value).wrapping_mul(per_unit));
            if out.push_moment(moment).is_none() {
                return Err(Cow::Owned(format!("timestamp {value} is out of range")));
            }
        }
        _ => return Err(Cow::Borrowed("a column's layout and its type differ")),
    }
    Ok(())
}

fn whole(wire: &Wire, cursor: &mut Cursor<'_>) -> Result<i64, Fault> {
    match wire {
        Wire::Int => cursor.int().map(i64::from),
        _ => cursor.long(),
    }
}

fn bytes_of<'a>(wire: &Wire, cursor: &mut Cursor<'a>) -> Result<&'a [u8], Fault> {
    match wire {
        Wire::Fixed(len) => cursor.take(*len),
        _ => cursor.bytes(),
    }
}

/// A two's-complement number, the most significant byte first; `None` beyond 128 bits.
fn unscaled(bytes: &[u8]) -> Option<i128> {
    let sign: u8 = if bytes.first().is_some_and(|first| *first >= 0x80) { 0xff } else { 0 };
    let extra = bytes.len().saturating_sub(16);
    let (head, tail) = bytes.split_at_checked(extra)?;
    if head.iter().any(|byte| *byte != sign) {
        return None;
    }
    let mut value: i128 = if sign == 0 { 0 } else { -1 };
    for byte in tail {
        value = value << 8 | i128::from(*byte);
    }
    // Sixteen bytes after dropped ones may have turned the sign.
    ((value < 0) == (sign != 0)).then_some(value)
}

/// The value at another scale, rounded half up; `None` where it has too many digits.
fn rescaled(value: i128, from: u32, precision: u8, scale: u8) -> Option<i128> {
    let to = u32::from(scale);
    let value = if to >= from {
        value.checked_mul(10i128.checked_pow(to.saturating_sub(from))?)?
    } else {
        match 10i128.checked_pow(from.saturating_sub(to)) {
            Some(divisor) => {
                let (whole, rest) = (value.checked_div(divisor)?, value.checked_rem(divisor)?);
                let up = rest.unsigned_abs().saturating_mul(2) >= divisor.unsigned_abs();
                whole.saturating_add(if up { value.signum() } else { 0 })
            }
            None => 0,
        }
    };
    (value.unsigned_abs() < 10u128.checked_pow(u32::from(precision))?).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_two_complement() {
        for value in [0, 1, -1, 127, 128, -128, -129, i128::MAX, i128::MIN] {
            let bytes = value.to_be_bytes();
            assert_eq!(unscaled(&bytes), Some(value));
            let mut longer = vec![if value < 0 { 0xff } else { 0 }; 9];
            longer.extend_from_slice(&bytes);
            assert_eq!(unscaled(&longer), Some(value));
        }
        assert_eq!(unscaled(&[0x80]), Some(-128));
        assert_eq!(unscaled(&[0, 0x80]), Some(128));
        let mut too_long = [0; 17];
        too_long[1] = 0x80;
        assert_eq!(unscaled(&too_long), None);
    }

    #[test]
    fn scales_are_changed_half_up() {
        for (value, from, precision, scale, expected) in [
            (12_345, 2, 10, 2, Some(12_345)),
            (12_345, 2, 10, 4, Some(1_234_500)),
            (12_345, 2, 10, 1, Some(1_235)),
            (-12_345, 2, 10, 1, Some(-1_235)),
            (12_344, 2, 10, 1, Some(1_234)),
            (12_345, 2, 4, 2, None),
            (5, 60, 4, 2, Some(0)),
            (i128::MAX, 0, 38, 1, None),
        ] {
            assert_eq!(rescaled(value, from, precision, scale), expected, "{value} {from} {scale}");
        }
    }
}
