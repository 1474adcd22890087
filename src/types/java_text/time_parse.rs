//! Text to dates and times.
//!
//! Two resolvers of `java.time` differ in what they forgive: STRICT refuses February 30 and 24:00, SMART makes them the
//! month's last day and the next day's midnight. The JDBC forms (`java.sql.Timestamp.valueOf`) roll over instead.
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::string_slice
)]

use super::{Moment, days_from_civil, parse_integer, trim};

/// `json.timestamp-format.standard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampStyle {
    /// `2020-01-02 03:04:05.123`, and with `Z` for TIMESTAMP_LTZ
    Sql,
    /// `2020-01-02T03:04:05.123`, and with `Z` for TIMESTAMP_LTZ
    Iso8601,
    /// `2020-01-02T03:04:05.123+02:00`
    Iso8601WithOffset,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Resolver {
    Strict,
    Smart,
}

/// A date as days since 1970-01-01: `DateTimeFormatter.ISO_LOCAL_DATE`. `None` also for dates beyond 32 bits of days.
pub fn parse_date_iso(text: &str) -> Option<i32> {
    let mut cursor = Cursor::new(text);
    let days = cursor.date(Resolver::Strict)?;
    cursor.end()?;
    i32::try_from(days).ok()
}

/// Days since 1970 of a literal: `2024-2-9` (Calcite's `DateTimeUtils` reads fields of any width).
pub fn parse_date_literal(text: &str) -> Option<i32> {
    let mut parts = text.trim().splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    i32::try_from(literal_date(year, month, day)?).ok()
}

fn literal_date(year: &str, month: &str, day: &str) -> Option<i64> {
    let number = |text: &str, width: usize| {
        (!text.is_empty() && text.len() <= width).then(|| plain_integer(text)).flatten()
    };
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let (month, day) = (u32::try_from(month).ok()?, u32::try_from(day).ok()?);
    if year < 1 { None } else { resolve_date(year, month, day, Resolver::Strict) }
}

/// Milliseconds of the day of a literal: `1:2:3.456`.
pub fn parse_time_literal(text: &str) -> Option<i32> {
    let nanos = literal_time(text.trim())?;
    i32::try_from(nanos.checked_div(1_000_000)?).ok()
}

/// Nanoseconds of the day; further digits are cut.
fn literal_time(text: &str) -> Option<u64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut cursor = Cursor::new(clock);
    let hour = cursor.one_or_two()?;
    cursor.literal(b':')?;
    let minute = cursor.one_or_two()?;
    cursor.literal(b':')?;
    let second = cursor.one_or_two()?;
    cursor.end()?;
    let mut nanos: u32 = 0;
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    for digit in digits {
        nanos = nanos.checked_mul(10)?.checked_add(u32::from(digit.wrapping_sub(b'0')))?;
    }
    Some(resolve_time(hour, minute, second, nanos, Resolver::Strict)?.nanos)
}

/// A TIMESTAMP literal: `2024-2-9 1:2:3.456`; the time of the day may be missing.
pub fn parse_timestamp_literal(text: &str) -> Option<Moment> {
    let text = text.trim();
    let (date, time) = text.split_once(' ').unwrap_or((text, "00:00:00"));
    let days = i64::from(parse_date_literal(date)?);
    Some(Moment::from_day(days, literal_time(time.trim())?))
}

/// Milliseconds of the day: `HH:mm:ss[.fffffffff]`, Flink's `SQL_TIME_FORMAT`.
pub fn parse_time_sql(text: &str) -> Option<i32> {
    let mut cursor = Cursor::new(text);
    let time = cursor.time(Resolver::Smart, Seconds::Required)?;
    cursor.end()?;
    // 24:00:00 is the midnight that starts a day when there is no date to carry into.
    i32::try_from(time.nanos.checked_div(1_000_000)?).ok()
}

/// Milliseconds of the day: `LocalTime.parse`, with optional seconds.
pub fn parse_time_iso(text: &str) -> Option<i32> {
    let mut cursor = Cursor::new(text);
    let time = cursor.time(Resolver::Strict, Seconds::Optional)?;
    cursor.end()?;
    i32::try_from(time.nanos.checked_div(1_000_000)?).ok()
}

/// A TIMESTAMP in one of the standards of the JSON format (`TimeFormats`).
pub fn parse_timestamp_text(text: &str, style: TimestampStyle) -> Option<Moment> {
    let mut cursor = Cursor::new(text);
    let moment = match style {
        TimestampStyle::Sql => {
            let days = cursor.date(Resolver::Smart)?;
            cursor.literal(b' ')?;
            cursor.time(Resolver::Smart, Seconds::Required)?.on(days)?
        }
        TimestampStyle::Iso8601 => {
            let days = cursor.date(Resolver::Strict)?;
            cursor.literal_ignoring_case(b't')?;
            cursor.time(Resolver::Strict, Seconds::Optional)?.on(days)?
        }
        TimestampStyle::Iso8601WithOffset => return parse_with_offset(text),
    };
    cursor.end()?;
    Some(moment)
}

/// A TIMESTAMP_LTZ in one of the standards of the JSON format, in UTC.
pub fn parse_timestamp_ltz(text: &str, style: TimestampStyle) -> Option<Moment> {
    let separator = match style {
        TimestampStyle::Sql => b' ',
        TimestampStyle::Iso8601 => b'T',
        TimestampStyle::Iso8601WithOffset => return parse_with_offset(text),
    };
    let seconds = if separator == b' ' { Seconds::Required } else { Seconds::Optional };
    let mut cursor = Cursor::new(text);
    let days = cursor.date(Resolver::Smart)?;
    cursor.literal(separator)?;
    let moment = cursor.time(Resolver::Smart, seconds)?.on(days)?;
    cursor.literal(b'Z')?;
    cursor.end()?;
    Some(moment)
}

fn parse_with_offset(text: &str) -> Option<Moment> {
    let mut cursor = Cursor::new(text);
    let days = cursor.date(Resolver::Smart)?;
    cursor.literal(b'T')?;
    let moment = cursor.time(Resolver::Smart, Seconds::Optional)?.on(days)?;
    let offset = cursor.offset()?;
    cursor.end()?;
    Some(Moment { seconds: moment.seconds.checked_sub(offset)?, ..moment })
}

/// Flink's CAST of STRING to DATE (`DateTimeUtils.parseDate`): `2020`, `2020-1`, `2020-1-2`, a time after it is
/// ignored.
pub fn parse_date_cast(text: &str) -> Option<i32> {
    // A space at the very start does not end the date.
    let text = match text.split_once(' ') {
        Some((date, _)) if !date.is_empty() => date,
        _ => text,
    };
    let mut parts = text.splitn(3, '-').map(|part| plain_integer(trim(part)));
    let year = parts.next()??;
    let month = parts.next().unwrap_or(Some(1))?;
    let day = parts.next().unwrap_or(Some(1))?;
    let (month, day) = (u32::try_from(month).ok()?, u32::try_from(day).ok()?);
    if !(0..=9999).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    if !(1..=month_length(year, month)).contains(&day) {
        return None;
    }
    i32::try_from(days_from_civil(year, month, day)).ok()
}

/// Flink's CAST of STRING to TIME (`DateTimeUtils.parseTime`): `10`, `10:20`, `10:20:30.5`, an offset is applied.
/// Milliseconds of the day; may lie outside of one day, and wraps around at 32 bits, as in Flink.
pub fn parse_time_cast(text: &str) -> Option<i32> {
    let (clock, offset_minutes) = match text.find(['-', '+']) {
        None => (text, 0),
        Some(at) => {
            let (clock, offset) = text.split_at_checked(at)?;
            let sign = if offset.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = match offset.get(1..)?.split_once(':') {
                None => (plain_integer(trim(offset.get(1..)?))?, 0),
                Some((hours, minutes)) => {
                    (plain_integer(trim(hours))?, plain_integer(trim(minutes))?)
                }
            };
            (clock, hours.checked_mul(60)?.checked_add(minutes)?.checked_mul(sign)?)
        }
    };
    let mut parts = clock.splitn(3, ':');
    let hour = plain_integer(trim(parts.next()?))?;
    let minute = parts.next().map_or(Some(0), |part| plain_integer(trim(part)))?;
    let (second, milli) = match parts.next() {
        None => (0, 0),
        Some(part) => match part.split_once('.') {
            None => (plain_integer(trim(part))?, 0),
            Some((second, fraction)) => (plain_integer(trim(second))?, millis(trim(fraction))),
        },
    };
    let minutes = hour.checked_mul(60)?.checked_add(minute)?.checked_add(offset_minutes)?;
    let seconds = minutes.checked_mul(60)?.checked_add(second)?;
    // Java adds up in 32 bits.
    Some(seconds.checked_mul(1_000)?.checked_add(milli)? as i32)
}

/// Three digits of a fraction, the last one rounded by the fourth, as Flink's `parseFraction` does.
fn millis(fraction: &str) -> i64 {
    let digit = |at: usize| {
        let byte = fraction.as_bytes().get(at).copied().unwrap_or(b'0');
        if byte.is_ascii_digit() { i64::from(byte.wrapping_sub(b'0')) } else { 0 }
    };
    let three = digit(0).wrapping_mul(100).wrapping_add(digit(1).wrapping_mul(10));
    let round = fraction.as_bytes().get(3).is_some_and(|byte| *byte >= b'5');
    three.wrapping_add(digit(2)).wrapping_add(i64::from(round))
}

/// Flink's CAST of STRING to TIMESTAMP (`DateTimeUtils.parseTimestampData`): `2020-1-2`, `2020-01-02 3:4:5.678`.
pub fn parse_timestamp_cast(text: &str) -> Option<Moment> {
    let mut cursor = Cursor::new(text);
    let year = cursor.year(19)?;
    cursor.literal(b'-')?;
    let month = cursor.one_or_two()?;
    cursor.literal(b'-')?;
    let day = cursor.one_or_two()?;
    let days = resolve_date(year, month, day, Resolver::Smart)?;
    if cursor.end().is_some() {
        return Some(Moment::from_day(days, 0));
    }
    cursor.literal(b' ')?;
    let hour = cursor.one_or_two()?;
    cursor.literal(b':')?;
    let minute = cursor.one_or_two()?;
    cursor.literal(b':')?;
    let second = cursor.one_or_two()?;
    let nanos = cursor.fraction()?;
    cursor.end()?;
    resolve_time(hour, minute, second, nanos, Resolver::Smart)?.on(days)
}

/// `java.sql.Date.valueOf`: `2020-1-2`; days beyond the month's end roll over.
pub fn parse_date_jdbc(text: &str) -> Option<i32> {
    i32::try_from(jdbc_date(text)?).ok()
}

/// `java.sql.Timestamp.valueOf`: `2020-1-2 3:4:5.678`; hours, minutes and seconds roll over.
pub fn parse_timestamp_jdbc(text: &str) -> Option<Moment> {
    let (date, time) = trim(text).split_once(' ')?;
    let days = jdbc_date(date)?;
    let (hour, rest) = time.split_once(':')?;
    let (minute, second) = rest.split_once(':')?;
    let (second, nanos) = match second.split_once('.') {
        None => (second, 0),
        Some((second, fraction)) => {
            if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let scale =
                10i64.checked_pow(u32::try_from(9usize.checked_sub(fraction.len())?).ok()?)?;
            (second, parse_integer(fraction)?.checked_mul(scale)?)
        }
    };
    let field = |text: &str| parse_integer(text).filter(|n| i32::try_from(*n).is_ok());
    let seconds = field(hour)?
        .checked_mul(3_600)?
        .checked_add(field(minute)?.checked_mul(60)?)?
        .checked_add(field(second)?)?;
    let seconds = days.checked_mul(86_400)?.checked_add(seconds)?;
    Some(Moment { seconds, nanos: u32::try_from(nanos).ok()? })
}

fn jdbc_date(text: &str) -> Option<i64> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    if year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return None;
    }
    let month = u32::try_from(parse_integer(month)?).ok().filter(|m| (1..=12).contains(m))?;
    let day = u32::try_from(parse_integer(day)?).ok().filter(|d| (1..=31).contains(d))?;
    // Year 0 is year 1 before Christ, and its era is lost on the way.
    Some(days_from_civil(parse_integer(year)?.max(1), month, day))
}

/// Digits without a sign, within 32 bits.
fn plain_integer(text: &str) -> Option<i64> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    parse_integer(text).filter(|n| i32::try_from(*n).is_ok())
}

fn month_length(year: i64, month: u32) -> u32 {
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    match month {
        2 => 28u32.wrapping_add(u32::from(leap)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn resolve_date(year: i64, month: u32, day: u32, resolver: Resolver) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year.abs() > 999_999_999 {
        return None;
    }
    let last = month_length(year, month);
    match resolver {
        Resolver::Strict if day > last => None,
        _ => Some(days_from_civil(year, month, day.min(last))),
    }
}

fn resolve_time(
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
    resolver: Resolver,
) -> Option<TimeOfDay> {
    if resolver == Resolver::Smart && (hour, minute, second, nanos) == (24, 0, 0, 0) {
        return Some(TimeOfDay { nanos: 0, next_day: true });
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = u64::from(hour)
        .checked_mul(3_600)?
        .checked_add(u64::from(minute).checked_mul(60)?)?
        .checked_add(u64::from(second))?;
    let nanos = seconds.checked_mul(1_000_000_000)?.checked_add(u64::from(nanos))?;
    Some(TimeOfDay { nanos, next_day: false })
}

#[derive(Clone, Copy)]
struct TimeOfDay {
    nanos: u64,
    next_day: bool,
}

impl TimeOfDay {
    fn on(self, days: i64) -> Option<Moment> {
        Some(Moment::from_day(days.checked_add(i64::from(self.next_day))?, self.nanos))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seconds {
    Required,
    Optional,
}

/// Reads ASCII from the front.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Cursor<'a> {
        Cursor { rest: text.as_bytes() }
    }

    fn end(&self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }

    fn literal(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        (*first == byte).then(|| self.rest = rest)
    }

    fn literal_ignoring_case(&mut self, lower: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        (first.to_ascii_lowercase() == lower).then(|| self.rest = rest)
    }

    fn digit(&mut self) -> Option<u32> {
        let (first, rest) = self.rest.split_first()?;
        let digit = first.wrapping_sub(b'0');
        (digit <= 9).then(|| {
            self.rest = rest;
            u32::from(digit)
        })
    }

    fn two(&mut self) -> Option<u32> {
        self.digit()?.checked_mul(10)?.checked_add(self.digit()?)
    }

    fn one_or_two(&mut self) -> Option<u32> {
        let first = self.digit()?;
        match self.digit() {
            Some(second) => first.checked_mul(10)?.checked_add(second),
            None => Some(first),
        }
    }

    /// Four digits, or more with a sign; a minus is allowed with four (`SignStyle.EXCEEDS_PAD`).
    fn year(&mut self, digits_max: usize) -> Option<i64> {
        let sign = match self.rest.first()? {
            b'-' => Some(-1),
            b'+' => Some(1),
            _ => None,
        };
        if sign.is_some() {
            self.rest = self.rest.get(1..)?;
        }
        let mut year: i64 = 0;
        let mut digits: usize = 0;
        while digits < digits_max {
            let Some(digit) = self.digit() else { break };
            year = year.checked_mul(10)?.checked_add(i64::from(digit))?;
            digits = digits.checked_add(1)?;
        }
        match sign {
            _ if digits < 4 => None,
            None => (digits == 4).then_some(year),
            Some(-1) => (year != 0).then_some(year.checked_neg()?),
            Some(_) => (digits > 4).then_some(year),
        }
    }

    fn date(&mut self, resolver: Resolver) -> Option<i64> {
        let year = self.year(10)?;
        self.literal(b'-')?;
        let month = self.two()?;
        self.literal(b'-')?;
        let day = self.two()?;
        resolve_date(year, month, day, resolver)
    }

    fn time(&mut self, resolver: Resolver, seconds: Seconds) -> Option<TimeOfDay> {
        let hour = self.two()?;
        self.literal(b':')?;
        let minute = self.two()?;
        let (mut second, mut nanos) = (0, 0);
        if self.rest.first() == Some(&b':') {
            self.literal(b':')?;
            second = self.two()?;
            nanos = self.fraction()?;
        } else if seconds == Seconds::Required {
            return None;
        }
        resolve_time(hour, minute, second, nanos, resolver)
    }

    /// Nanoseconds from an optional point and up to nine digits; a point without digits is allowed, as in Java.
    fn fraction(&mut self) -> Option<u32> {
        if self.literal(b'.').is_none() {
            return Some(0);
        }
        let mut nanos: u32 = 0;
        let mut unit: u32 = 100_000_000;
        while unit > 0 {
            let Some(digit) = self.digit() else { break };
            nanos = nanos.checked_add(digit.checked_mul(unit)?)?;
            unit = unit.checked_div(10)?;
        }
        Some(nanos)
    }

    /// `Z`, `+HH:mm` or `+HH:mm:ss`, at most 18 hours; seconds east of UTC.
    fn offset(&mut self) -> Option<i64> {
        if self.literal_ignoring_case(b'z').is_some() {
            return Some(0);
        }
        let sign: i64 = match self.rest.split_first()? {
            (b'+', rest) => {
                self.rest = rest;
                1
            }
            (b'-', rest) => {
                self.rest = rest;
                -1
            }
            _ => return None,
        };
        let hours = self.two()?;
        self.literal(b':')?;
        let minutes = self.two()?;
        let seconds = if self.literal(b':').is_some() { self.two()? } else { 0 };
        if minutes > 59 || seconds > 59 {
            return None;
        }
        let total = hours.checked_mul(3_600)?.checked_add(minutes.checked_mul(60)?)?;
        let total = i64::from(total.checked_add(seconds)?);
        (total <= 64_800).then(|| total.checked_mul(sign)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{date_to_string, timestamp_to_string};
    use super::*;

    fn date(days: Option<i32>) -> Option<String> {
        days.map(date_to_string)
    }

    fn moment(moment: Option<Moment>) -> Option<String> {
        moment.map(|m| timestamp_to_string(m, 0))
    }

    #[test]
    fn iso_dates_are_strict() {
        for (text, value) in [
            ("2020-02-29", Some("2020-02-29")),
            ("2021-02-29", None),
            ("2021-2-03", None),
            ("21-02-03", None),
            ("+12021-02-03", Some("+12021-02-03")),
            ("+2021-02-03", None),
            ("12021-02-03", None),
            ("-0001-02-03", Some("-0001-02-03")),
            ("-0000-02-03", None),
            ("2021-02-03 ", None),
            ("2021-13-03", None),
            ("", None),
        ] {
            assert_eq!(date(parse_date_iso(text)).as_deref(), value, "{text}");
        }
    }

    #[test]
    fn json_timestamps_follow_their_standard() {
        use TimestampStyle::{Iso8601, Iso8601WithOffset, Sql};
        for (style, text, value) in [
            (Sql, "2020-01-02 03:04:05.123", Some("2020-01-02 03:04:05.123")),
            (Sql, "2020-01-02 03:04:05", Some("2020-01-02 03:04:05")),
            (Sql, "2020-01-02 03:04:05.", Some("2020-01-02 03:04:05")),
            (Sql, "2021-02-30 24:00:00", Some("2021-03-01 00:00:00")),
            (Sql, "2020-01-02T03:04:05", None),
            (Sql, "2020-01-02 03:04", None),
            (Sql, "2020-01-02 03:04:05Z", None),
            (Sql, "2020-01-02 25:04:05", None),
            (Iso8601, "2020-01-02T03:04:05.123456789", Some("2020-01-02 03:04:05.123456789")),
            (Iso8601, "2020-01-02t03:04", Some("2020-01-02 03:04:00")),
            (Iso8601, "2020-01-02T24:00:00", None),
            (Iso8601, "2021-02-30T00:00:00", None),
            (Iso8601WithOffset, "2020-01-02T03:04:05+02:00", Some("2020-01-02 01:04:05")),
            (Iso8601WithOffset, "2020-01-02T03:04:05Z", Some("2020-01-02 03:04:05")),
            (Iso8601WithOffset, "2020-01-02T03:04:05", None),
            (Iso8601WithOffset, "2020-01-02T03:04:05+19:00", None),
        ] {
            assert_eq!(moment(parse_timestamp_text(text, style)).as_deref(), value, "{text}");
        }
        for (style, text, value) in [
            (Sql, "2020-01-02 03:04:05.1Z", Some("2020-01-02 03:04:05.1")),
            (Sql, "2020-01-02 03:04:05", None),
            (Iso8601, "2020-01-02T03:04:05Z", Some("2020-01-02 03:04:05")),
            (Iso8601, "2020-01-02T03:04:05z", None),
        ] {
            assert_eq!(moment(parse_timestamp_ltz(text, style)).as_deref(), value, "{text}");
        }
    }

    #[test]
    fn casts_are_liberal() {
        for (text, value) in [
            ("2020", Some("2020-01-01")),
            ("2020-3", Some("2020-03-01")),
            ("2020-3-7 10:00", Some("2020-03-07")),
            (" 2020-03-07", Some("2020-03-07")),
            ("2020-03-32", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(date(parse_date_cast(text)).as_deref(), value, "{text}");
        }
        for (text, value) in [
            ("2020-1-2", Some("2020-01-02 00:00:00")),
            ("2020-01-02 3:4:5.6", Some("2020-01-02 03:04:05.6")),
            ("2020-01-02 03:04", None),
            ("2020-01-02T03:04:05", None),
        ] {
            assert_eq!(moment(parse_timestamp_cast(text)).as_deref(), value, "{text}");
        }
        for (text, value) in [
            ("10", Some(36_000_000)),
            ("10:20:30.5678", Some(37_230_568)),
            ("10:00:00+01:00", Some(39_600_000)),
            ("10:x", None),
            ("25", Some(90_000_000)),
            ("2020", Some(-1_317_934_592)),
            ("2020-01", Some(-1_321_534_592)),
        ] {
            assert_eq!(parse_time_cast(text), value, "{text}");
        }
    }

    #[test]
    fn jdbc_forms_roll_over() {
        assert_eq!(date(parse_date_jdbc("2021-2-30")).as_deref(), Some("2021-03-02"));
        assert_eq!(date(parse_date_jdbc("21-2-3")), None);
        for (text, value) in [
            ("2020-1-2 3:4:5.5", Some("2020-01-02 03:04:05.5")),
            ("2020-01-02 23:59:60", Some("2020-01-03 00:00:00")),
            ("2020-01-02 03:04:05.", None),
            ("2020-01-02 03:04", None),
            ("2020-01-02", None),
            ("2020-01-02T03:04:05", None),
        ] {
            assert_eq!(moment(parse_timestamp_jdbc(text)).as_deref(), value, "{text}");
        }
    }

    #[test]
    fn times_of_day() {
        assert_eq!(parse_time_sql("12:00:01.0019"), Some(43_201_001));
        assert_eq!(parse_time_sql("12:00"), None);
        assert_eq!(parse_time_iso("12:00"), Some(43_200_000));
        assert_eq!(parse_time_iso("24:00"), None);
    }
}
