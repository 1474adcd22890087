//! What an envelope says beside its rows, as columns.

use crate::base::{Error, Result};
use crate::types::java_text::{
    Moment, TimestampStyle, parse_date_jdbc, parse_timestamp_cast, parse_timestamp_jdbc,
    parse_timestamp_text,
};
use crate::types::{Column, DataType, Kind};
use arrow_array::TimestampMicrosecondArray;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use std::sync::Arc;

/// Bytes of `2020-05-13T15:40:07.000000`.
const ISO_MOMENT_BYTES: usize = 26;

/// One key of `METADATA FROM 'value.<key>'`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metadata {
    pub(super) key: &'static str,
    /// Field of the envelope.
    pub(super) field: &'static str,
    /// Field of the object in it, where not all of it is meant.
    pub(super) property: Option<&'static str>,
    pub(super) read: Read,
}

/// How a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Text,
    Texts,
    TextMap,
    IntMap,
    /// Milliseconds since 1970 UTC.
    Millis,
    /// The same, out of a map of texts: NULL and whole numbers only.
    MillisText,
    /// Seconds since 1970 UTC.
    Seconds,
    /// `2020-05-13T15:40:07.000000`, taken as UTC; what cannot be read is NULL.
    IsoMoment,
    /// `2020-05-13 15:40:06.000000`, taken as UTC.
    SqlMoment,
}

impl Metadata {
    /// Type of the column.
    pub(super) fn data_type(self) -> DataType {
        match self.read {
            Read::Text => DataType::string(),
            Read::Texts => Kind::Array(Box::new(DataType::string())).nullable(),
            Read::TextMap => map_to(DataType::string()),
            Read::IntMap => map_to(Kind::Int.nullable()),
            Read::Millis | Read::MillisText | Read::Seconds => Kind::TimestampLtz(3).nullable(),
            Read::IsoMoment | Read::SqlMoment => Kind::TimestampLtz(6).nullable(),
        }
    }

    /// Type in which the JSON value is read before it becomes the column.
    pub(super) fn read_type(self) -> DataType {
        match self.read {
            Read::Millis | Read::MillisText | Read::Seconds => Kind::BigInt.nullable(),
            Read::IsoMoment | Read::SqlMoment => DataType::string(),
            _ => self.data_type(),
        }
    }

    /// The moment that a text stands for (Flink's `DateTimeUtils.parseTimestampData`, with a pattern for
    /// `IsoMoment`), of whose digits Flink takes three.
    pub(super) fn moment(self, text: &str) -> Option<Moment> {
        if self.read != Read::IsoMoment {
            return parse_timestamp_cast(text).map(|moment| moment.truncated(3));
        }
        if text.len() == ISO_MOMENT_BYTES
            && text.as_bytes().get(10) == Some(&b'T')
            && let Some(moment) = parse_timestamp_text(text, TimestampStyle::Iso8601)
        {
            return Some(moment.truncated(3));
        }
        match text.contains(' ') {
            true => parse_timestamp_jdbc(text),
            false => Some(Moment::from_day(i64::from(parse_date_jdbc(text)?), 0)),
        }
    }

    /// The column, out of one of [`Metadata::read_type`].
    pub(super) fn finish(self, column: Column) -> Result<Column> {
        let layout = || Error::internal("a metadata column's layout and its type differ");
        let micros_per = match self.read {
            Read::Millis | Read::MillisText => 1_000,
            Read::Seconds => 1_000_000,
            Read::IsoMoment | Read::SqlMoment => {
                let texts = column.as_string_view_opt().ok_or_else(layout)?;
                let micros = |text: Option<&str>| self.moment(text?)?.to_micros();
                return Ok(Arc::new(
                    texts.iter().map(micros).collect::<TimestampMicrosecondArray>(),
                ));
            }
            _ => return Ok(column),
        };
        let numbers = column.as_primitive_opt::<Int64Type>().ok_or_else(layout)?;
        let micros = |number: Option<i64>| number?.checked_mul(micros_per);
        Ok(Arc::new(numbers.iter().map(micros).collect::<TimestampMicrosecondArray>()))
    }
}

fn map_to(value: DataType) -> DataType {
    Kind::Map(Box::new(DataType::string()), Box::new(value)).nullable()
}
