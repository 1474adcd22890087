//! Java's text forms of numbers and times: what Flink prints and what it accepts.
//!
//! Every writer appends ASCII to a `Vec<u8>` or a `String` and allocates nothing else. Formats, CAST and the print
//! connector all use these, so that a value has one spelling everywhere.

mod float;
mod number;
mod number_parse;
mod time;
mod time_parse;

pub use float::{write_double, write_float};
pub use number::{
    decimal_to_java, decimal_to_plain, double_to_string, float_to_string, strip_trailing_zeros,
    write_decimal_digits, write_decimal_java, write_decimal_plain, write_integer,
};
pub use number_parse::{
    ParsedDecimal, parse_boolean, parse_decimal, parse_double, parse_float, parse_integer, trim,
};
pub use time::{
    Fraction, Moment, civil_from_days, date_to_string, days_from_civil, legacy_civil_from_days,
    legacy_days_from_civil, time_to_string, timestamp_to_string, write_date, write_date_cast,
    write_time, write_timestamp, write_timestamp_cast,
};
pub use time_parse::{
    TimestampStyle, parse_date_cast, parse_date_iso, parse_date_jdbc, parse_date_literal,
    parse_time_cast, parse_time_iso, parse_time_literal, parse_time_sql, parse_timestamp_cast,
    parse_timestamp_jdbc, parse_timestamp_literal, parse_timestamp_ltz, parse_timestamp_text,
};

/// What a character behind a backslash stands for (JLS 3.10.7, without its numbers): itself, where it has no meaning.
pub fn escaped(character: char) -> char {
    match character {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        other => other,
    }
}

/// Where text goes.
pub trait TextOut {
    /// Appends `text`.
    fn put(&mut self, text: &str);
}

impl TextOut for Vec<u8> {
    #[inline]
    fn put(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

impl TextOut for String {
    #[inline]
    fn put(&mut self, text: &str) {
        self.push_str(text);
    }
}
