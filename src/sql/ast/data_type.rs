//! Types as written.

use super::{Ident, ObjectName, SqlString};
use crate::base::Span;

/// A type with its nullability.
#[derive(Debug, Clone, PartialEq)]
pub struct DataType {
    /// Which type.
    pub kind: DataTypeKind,
    /// `Some(false)` for `NOT NULL`, `Some(true)` for `NULL`, `None` when nothing is written.
    pub nullable: Option<bool>,
    /// Position, with the nullability.
    pub span: Span,
}

impl DataType {
    /// Whether values may be null: types are nullable unless `NOT NULL` is written.
    #[must_use]
    pub fn is_nullable(&self) -> bool {
        self.nullable != Some(false)
    }
}

/// The type without its nullability. Synonyms are merged (`INT` and `INTEGER`, `DEC` and
/// `NUMERIC`); absent lengths and precisions stay absent.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // the names are those of SQL
pub enum DataTypeKind {
    Boolean,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Float,
    Double,
    Decimal {
        /// Digits in all.
        precision: Option<u32>,
        /// Digits after the point; only together with a precision.
        scale: Option<u32>,
    },
    /// Length in characters.
    Char(Option<u32>),
    /// Length in characters.
    Varchar(Option<u32>),
    String,
    /// Length in bytes.
    Binary(Option<u32>),
    /// Length in bytes.
    Varbinary(Option<u32>),
    Bytes,
    Date,
    /// Digits after the second.
    Time(Option<u32>),
    Timestamp {
        /// Digits after the second.
        precision: Option<u32>,
        /// Which of the two timestamp types.
        zone: TimestampZone,
    },
    Interval(IntervalQualifier),
    Array(Box<DataType>),
    Multiset(Box<DataType>),
    /// Key and value.
    Map(Box<DataType>, Box<DataType>),
    Row(Vec<RowField>),
    /// `RAW('class', 'serializer snapshot')`.
    Raw {
        class: SqlString,
        serializer: SqlString,
    },
    /// `STRUCTURED<'class', a INT, …>`.
    Structured {
        class: SqlString,
        fields: Vec<RowField>,
    },
    Variant,
    /// A name that is no built-in type.
    UserDefined(ObjectName),
}

/// The zone of a timestamp type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampZone {
    /// `TIMESTAMP [WITHOUT TIME ZONE]`.
    Without,
    /// `TIMESTAMP_LTZ` or `TIMESTAMP WITH LOCAL TIME ZONE`.
    Local,
}

/// A field of a `ROW` type.
#[derive(Debug, Clone, PartialEq)]
pub struct RowField {
    /// Field name.
    pub name: Ident,
    /// Field type.
    pub data_type: DataType,
    /// `ROW<a INT 'text'>`.
    pub comment: Option<SqlString>,
    /// Position.
    pub span: Span,
}

/// A unit of time, singular or plural in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names are those of SQL
pub enum TimeUnit {
    Millennium,
    Century,
    Decade,
    Year,
    Quarter,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    /// Seconds since 1970-01-01; only in EXTRACT.
    Epoch,
    /// Day of the week, Sunday is 1; only in EXTRACT.
    Dow,
    /// ISO day of the week, Monday is 1; only in EXTRACT.
    IsoDow,
    /// Day of the year; only in EXTRACT.
    Doy,
    /// ISO year; only in EXTRACT.
    IsoYear,
}

impl TimeUnit {
    /// Whether a time of day has it.
    #[must_use]
    pub const fn is_of_time(self) -> bool {
        matches!(
            self,
            Self::Hour
                | Self::Minute
                | Self::Second
                | Self::Millisecond
                | Self::Microsecond
                | Self::Nanosecond
                | Self::Epoch
        )
    }

    /// Its SQL name, singular, upper case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Millennium => "MILLENNIUM",
            Self::Century => "CENTURY",
            Self::Decade => "DECADE",
            Self::Year => "YEAR",
            Self::Quarter => "QUARTER",
            Self::Month => "MONTH",
            Self::Week => "WEEK",
            Self::Day => "DAY",
            Self::Hour => "HOUR",
            Self::Minute => "MINUTE",
            Self::Second => "SECOND",
            Self::Millisecond => "MILLISECOND",
            Self::Microsecond => "MICROSECOND",
            Self::Nanosecond => "NANOSECOND",
            Self::Epoch => "EPOCH",
            Self::Dow => "DOW",
            Self::IsoDow => "ISODOW",
            Self::Doy => "DOY",
            Self::IsoYear => "ISOYEAR",
        }
    }
}

/// `DAY(3) TO SECOND(6)`: the fields of an interval.
#[derive(Debug, Clone, PartialEq)]
pub struct IntervalQualifier {
    /// The leading field.
    pub from: TimeUnit,
    /// Digits of the leading field.
    pub from_precision: Option<u32>,
    /// The last field, where a range is written.
    pub to: Option<TimeUnit>,
    /// Digits after the second.
    pub fraction_precision: Option<u32>,
    /// Position.
    pub span: Span,
}
