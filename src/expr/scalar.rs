//! One value.

/// A constant of any simple type; the type itself stands beside it.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// NULL of any type.
    Null,
    /// BOOLEAN
    Boolean(bool),
    /// TINYINT to BIGINT
    Integer(i64),
    /// FLOAT and DOUBLE
    Double(f64),
    /// DECIMAL: unscaled value; the scale is in the type
    Decimal(i128),
    /// CHAR, VARCHAR, STRING
    String(String),
    /// BINARY, VARBINARY, BYTES
    Bytes(Vec<u8>),
    /// DATE: days since 1970-01-01
    Date(i32),
    /// TIME: milliseconds of the day
    Time(i32),
    /// TIMESTAMP (local) and TIMESTAMP_LTZ (UTC): nanoseconds since 1970-01-01T00:00
    Timestamp(i128),
    /// Year-month interval, months
    Months(i32),
    /// Day-time interval, milliseconds
    Millis(i64),
}
