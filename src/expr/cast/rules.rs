//! Which casts exist (`LogicalTypeCasts`).

use crate::types::{DataType, Kind};

/// Whether a cast exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Castable {
    /// Yes.
    Yes,
    /// No.
    No,
    /// No, and Flink says what to use.
    Instead(&'static str),
}

/// Whether `CAST(from AS to)` exists.
pub fn castable(from: &DataType, to: &DataType) -> Castable {
    if implicitly_castable(from, to) {
        return Castable::Yes;
    }
    let (f, t) = (&from.kind, &to.kind);
    let interval = |kind: &Kind| matches!(kind, Kind::IntervalMonths | Kind::IntervalMillis);
    let timestamp = |kind: &Kind| matches!(kind, Kind::Timestamp(_) | Kind::TimestampLtz(_));
    let datetime = |kind: &Kind| timestamp(kind) || matches!(kind, Kind::Date | Kind::Time(_));
    let yes = match t {
        _ if *f == Kind::Variant => false,
        Kind::Char(_) | Kind::VarChar(_) => true,
        Kind::Boolean => f.is_string() || f.is_numeric(),
        Kind::Binary(_) | Kind::VarBinary(_) => f.is_string() || f.is_binary(),
        _ if t.is_numeric() && timestamp(f) => {
            return Castable::Instead("use UNIX_TIMESTAMP(CAST(timestamp_col AS STRING)) instead");
        }
        Kind::Timestamp(_) if f.is_numeric() => {
            return Castable::Instead("use TO_TIMESTAMP(FROM_UNIXTIME(numeric_col)) instead");
        }
        Kind::TimestampLtz(_) if f.is_numeric() => {
            return Castable::Instead("use TO_TIMESTAMP_LTZ(numeric_col, precision) instead");
        }
        _ if t.is_numeric() => {
            f.is_numeric()
                || f.is_string()
                || *f == Kind::Boolean
                || (interval(f) && matches!(t, Kind::Int | Kind::BigInt))
        }
        Kind::Date => timestamp(f) || f.is_string(),
        Kind::Time(_) => matches!(f, Kind::Time(_)) || timestamp(f) || f.is_string(),
        Kind::Timestamp(_) | Kind::TimestampLtz(_) => datetime(f) || f.is_string(),
        Kind::IntervalMonths | Kind::IntervalMillis => f.is_integer(),
        _ if t.is_nested() => {
            return children(from, to, |from, to| castable(from, to) == Castable::Yes);
        }
        _ => false,
    };
    if yes { Castable::Yes } else { Castable::No }
}

/// Whether a value of `from` may stand where `to` is wanted; nullability does not matter.
pub fn implicitly_castable(from: &DataType, to: &DataType) -> bool {
    let (f, t) = (&from.kind, &to.kind);
    if f == t || *f == Kind::Null {
        return true;
    }
    match t {
        Kind::Char(_) => matches!(f, Kind::Char(_)),
        Kind::VarChar(_) => f.is_string(),
        Kind::Binary(_) => matches!(f, Kind::Binary(_)),
        Kind::VarBinary(_) => f.is_binary(),
        Kind::Decimal { .. } | Kind::Double => f.is_numeric(),
        Kind::SmallInt => matches!(f, Kind::TinyInt),
        Kind::Int => matches!(f, Kind::TinyInt | Kind::SmallInt),
        Kind::BigInt => matches!(f, Kind::TinyInt | Kind::SmallInt | Kind::Int),
        Kind::Float => f.is_integer() || matches!(f, Kind::Decimal { .. }),
        Kind::Date => matches!(f, Kind::Timestamp(_)),
        Kind::Time(_) => matches!(f, Kind::Time(_) | Kind::Timestamp(_)),
        Kind::Timestamp(_) | Kind::TimestampLtz(_) => {
            matches!(f, Kind::Timestamp(_) | Kind::TimestampLtz(_))
        }
        _ if t.is_nested() => children(from, to, implicitly_castable) == Castable::Yes,
        _ => false,
    }
}

/// Whether a column of `from` can be written as `to` as it is (`supportsAvoidingCast`); nullability does not matter.
pub fn fits_without_cast(from: &DataType, to: &DataType) -> bool {
    match (&from.kind, &to.kind) {
        (Kind::Char(a) | Kind::VarChar(a), Kind::VarChar(b)) => a <= b,
        (Kind::Binary(a) | Kind::VarBinary(a), Kind::VarBinary(b)) => a <= b,
        (Kind::Row(a), Kind::Row(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| fits_without_cast(&a.data_type, &b.data_type))
                // The field names are part of the layout.
                && a.iter().zip(b).all(|(a, b)| a.name == b.name)
        }
        (Kind::Array(a), Kind::Array(b)) | (Kind::Multiset(a), Kind::Multiset(b)) => {
            fits_without_cast(a, b)
        }
        (Kind::Map(k1, v1), Kind::Map(k2, v2)) => {
            fits_without_cast(k1, k2) && fits_without_cast(v1, v2)
        }
        (a, b) => a == b,
    }
}

fn children(from: &DataType, to: &DataType, ok: impl Fn(&DataType, &DataType) -> bool) -> Castable {
    let yes = match (&from.kind, &to.kind) {
        (Kind::Array(a), Kind::Array(b)) | (Kind::Multiset(a), Kind::Multiset(b)) => ok(a, b),
        (Kind::Map(k1, v1), Kind::Map(k2, v2)) => ok(k1, k2) && ok(v1, v2),
        (from, to) => match (from.fields(), to.fields()) {
            (Some(a), Some(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| ok(&a.data_type, &b.data_type))
            }
            _ => false,
        },
    };
    if yes { Castable::Yes } else { Castable::No }
}
