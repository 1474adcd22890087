//! Texts read by a pattern as `DateTimeFormatter` does, with its SMART resolver.
//!
//! A text gives the fields that the pattern names. They are resolved to a date and a time where they suffice, and
//! compared with those where more was said. What then is not there is taken from 1970-01-01 00:00, field by field, as
//! Flink's `DateTimeUtils.fromTemporalAccessor` does: a minute counts without an hour.

use super::calendar::{Calendar, day_of_week, on_or_before};
use super::{DAYS, Item, JavaPattern, Letter, MICROS_PER_DAY, MONTHS, depth, read_offset};
use std::ops::RangeInclusive;

/// Years that `ChronoField.YEAR` takes; beyond them days do not fit.
const YEARS: RangeInclusive<i64> = -999_999_999..=999_999_999;

impl JavaPattern {
    /// Reads a local time in microseconds since 1970; what the pattern does not name is that of 1970-01-01 00:00.
    pub(crate) fn parse(&self, text: &str) -> Option<i64> {
        let (fields, rest) = parse_items(&self.items, Fields::default(), text)?;
        if rest.is_empty() { fields.resolve() } else { None }
    }
}

/// Reads what the items name into the fields; an optional part that does not fit is passed over.
fn parse_items<'t>(items: &[Item], mut fields: Fields, text: &'t str) -> Option<(Fields, &'t str)> {
    let (mut at, mut rest) = (0, text);
    while let Some(item) = items.get(at) {
        at += 1;
        match item {
            Item::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
            Item::Field(letter, count) => {
                let behind = digits_behind(items.get(at..)?);
                rest = fields.read(*letter, *count, behind, rest)?;
            }
            Item::Pad(width) => {
                let (padded, behind) = rest.split_at_checked(*width)?;
                let Some(Item::Field(letter, count)) = items.get(at) else { return None };
                at += 1;
                let unread = fields.read(*letter, *count, 0, padded.trim_start_matches(' '))?;
                if !unread.is_empty() {
                    return None;
                }
                rest = behind;
            }
            Item::Optional => {
                let within = items.get(at..)?;
                let end = (0..within.len())
                    .find(|end| {
                        within.get(*end) == Some(&Item::EndOfOptional)
                            && within.get(..*end).is_some_and(|inner| depth(inner) == 0)
                    })
                    .unwrap_or(within.len());
                if let Some(read) = parse_items(within.get(..end)?, fields.clone(), rest) {
                    (fields, rest) = read;
                }
                at += end;
            }
            Item::EndOfOptional => {}
        }
    }
    Some((fields, rest))
}

/// How many digits the numbers of fixed width take that follow a number at once: it leaves them to these
/// (`DateTimeFormatterBuilder`'s adjacent value parsing).
fn digits_behind(items: &[Item]) -> usize {
    let mut digits = 0;
    for item in items {
        let Item::Field(letter, count) = item else { break };
        match letter.number(*count) {
            Some(Number { least, most, sign: Sign::Never }) if least == most => digits += most,
            // The number before such a one takes what it can.
            Some(_) => return 0,
            None => break,
        }
    }
    digits
}

/// Which signs a number may have (`SignStyle` where parsing is strict).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Never,
    Minus,
    /// A plus where, and only where, there are more digits than letters.
    Exceeding,
}

/// How a number is read.
struct Number {
    least: usize,
    most: usize,
    sign: Sign,
}

impl Letter {
    /// How the letter is read as a number; none where it is a text.
    fn number(self, count: usize) -> Option<Number> {
        let (least, most, sign) = match self {
            Letter::Year | Letter::YearOrDay | Letter::WeekYear => match count {
                2 => (2, 2, Sign::Never),
                1 | 3 => (count, 19, Sign::Minus),
                _ => (count, 19, Sign::Exceeding),
            },
            Letter::Month | Letter::Quarter if matches!(count, 3 | 4) => return None,
            Letter::DayOfWeek | Letter::AmPm | Letter::Era => return None,
            Letter::DayPeriod | Letter::Offset(_) => return None,
            // Narrow names are not unique: they are numbers.
            Letter::Month | Letter::Quarter if count == 5 => (1, 19, Sign::Minus),
            Letter::DayOfYear if count > 1 => (count, 3, Sign::Never),
            Letter::NanoOfSecond | Letter::MilliOfDay | Letter::NanoOfDay => {
                (count, 19, Sign::Never)
            }
            Letter::WeekOfYear => (count, 2, Sign::Never),
            Letter::Fraction | Letter::WeekOfMonth | Letter::DayOfWeekNumber => {
                (count, count, Sign::Never)
            }
            _ if count == 1 => (1, 19, Sign::Minus),
            _ => (count, count, Sign::Never),
        };
        Some(Number { least, most, sign })
    }
}

impl Number {
    /// The value and what follows it; `behind` digits are left to the numbers that follow.
    fn read<'t>(&self, behind: usize, text: &'t str) -> Option<(i64, &'t str)> {
        let (negative, plus) = (text.starts_with('-'), text.starts_with('+'));
        let signed = match self.sign {
            Sign::Never => false,
            Sign::Minus => negative,
            Sign::Exceeding => negative || plus,
        };
        let digits = if signed { text.get(1..)? } else { text };
        let count = |most: usize| digits.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let mut width = count(self.most.saturating_add(behind));
        if behind > 0 {
            width = count(self.least.max(width.saturating_sub(behind)));
        }
        if width < self.least {
            return None;
        }
        let (number, rest) = digits.split_at_checked(width)?;
        let value: i64 = number.parse().ok()?;
        let exceeds = width > self.least;
        match self.sign {
            _ if negative && signed => (value != 0).then_some((-value, rest)),
            Sign::Exceeding if plus != exceeds => None,
            _ => Some((value, rest)),
        }
    }
}

/// What a text says, by `ChronoField`.
#[derive(Clone, Debug, Default)]
struct Fields {
    era: Option<i64>,
    year_of_era: Option<i64>,
    year: Option<i64>,
    quarter: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    week_year: Option<i64>,
    week_of_year: Option<i64>,
    week_of_month: Option<i64>,
    /// Days of the month counted in sevens.
    day_in_seven: Option<i64>,
    /// 0 is Sunday.
    day_of_week: Option<i64>,
    pm: Option<i64>,
    hour: Option<i64>,
    hour_from_1: Option<i64>,
    half_hour: Option<i64>,
    half_hour_from_1: Option<i64>,
    minute: Option<i64>,
    second: Option<i64>,
    nano: Option<i64>,
    milli_of_day: Option<i64>,
    nano_of_day: Option<i64>,
    offset: Option<i64>,
}

/// Two values of one field must agree.
fn put(field: &mut Option<i64>, value: i64) -> Option<()> {
    (*field.get_or_insert(value) == value).then_some(())
}

fn within(value: i64, range: RangeInclusive<i64>) -> Option<i64> {
    range.contains(&value).then_some(value)
}

/// The name that the text begins with, letter for letter.
fn read_name<'t>(names: &[&str], short: Option<usize>, text: &'t str) -> Option<(i64, &'t str)> {
    for (index, name) in names.iter().enumerate() {
        let name = short.map_or(Some(*name), |length| name.get(..length))?;
        if let Some(rest) = text.strip_prefix(name) {
            return Some((i64::try_from(index).ok()?, rest));
        }
    }
    None
}

impl Fields {
    fn read<'t>(
        &mut self,
        letter: Letter,
        count: usize,
        behind: usize,
        text: &'t str,
    ) -> Option<&'t str> {
        let Some(number) = letter.number(count) else { return self.read_text(letter, count, text) };
        let (value, rest) = number.read(behind, text)?;
        let in_century = |value: i64| if count == 2 { 2_000 + value } else { value };
        match letter {
            Letter::Year => put(&mut self.year_of_era, in_century(value)),
            Letter::YearOrDay => put(&mut self.year, in_century(value)),
            Letter::WeekYear => put(&mut self.week_year, in_century(value)),
            Letter::Quarter => put(&mut self.quarter, value),
            Letter::Month => put(&mut self.month, value),
            Letter::DayOfMonth => put(&mut self.day, value),
            Letter::DayOfYear => put(&mut self.day_of_year, value),
            Letter::WeekOfYear => put(&mut self.week_of_year, value),
            Letter::WeekOfMonth => put(&mut self.week_of_month, value),
            Letter::DayInSeven => put(&mut self.day_in_seven, value),
            Letter::DayOfWeekNumber => put(&mut self.day_of_week, within(value, 1..=7)? - 1),
            Letter::Hour24 => put(&mut self.hour, value),
            Letter::HourFrom1To24 => put(&mut self.hour_from_1, value),
            Letter::Hour12 => put(&mut self.half_hour_from_1, value),
            Letter::HourFrom0To11 => put(&mut self.half_hour, value),
            Letter::Minute => put(&mut self.minute, value),
            Letter::Second => put(&mut self.second, value),
            Letter::Fraction => {
                let scale = 10_i64.pow(u32::try_from(9_usize.checked_sub(count)?).ok()?);
                put(&mut self.nano, value.checked_mul(scale)?)
            }
            Letter::NanoOfSecond => put(&mut self.nano, value),
            Letter::MilliOfDay => put(&mut self.milli_of_day, value),
            Letter::NanoOfDay => put(&mut self.nano_of_day, value),
            Letter::DayOfWeek
            | Letter::AmPm
            | Letter::Era
            | Letter::DayPeriod
            | Letter::Offset(_) => None,
        }?;
        Some(rest)
    }

    fn read_text<'t>(&mut self, letter: Letter, count: usize, text: &'t str) -> Option<&'t str> {
        let short = |length: usize| (count < 4).then_some(length);
        let (field, (value, rest)) = match letter {
            Letter::Month => {
                let (month, rest) = read_name(&MONTHS, short(3), text)?;
                (&mut self.month, (month + 1, rest))
            }
            Letter::Quarter => {
                let names = ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"];
                let names = if count < 4 { ["Q1", "Q2", "Q3", "Q4"] } else { names };
                let (quarter, rest) = read_name(&names, None, text)?;
                (&mut self.quarter, (quarter + 1, rest))
            }
            Letter::DayOfWeek if count < 5 => {
                let (day, rest) = read_name(&DAYS, short(3), text)?;
                (&mut self.day_of_week, ((day + 1) % 7, rest))
            }
            Letter::AmPm => (&mut self.pm, read_name(&["AM", "PM"], None, text)?),
            Letter::Era => {
                let names = match count {
                    ..=3 => ["BC", "AD"],
                    4 => ["Before Christ", "Anno Domini"],
                    _ => ["B", "A"],
                };
                (&mut self.era, read_name(&names, None, text)?)
            }
            Letter::Offset(letter) => (&mut self.offset, read_offset(letter, count, text)?),
            _ => return None,
        };
        put(field, value)?;
        Some(rest)
    }

    /// Microseconds since 1970.
    fn resolve(mut self) -> Option<i64> {
        let date = self.resolve_date()?;
        let (time, next_day) = self.resolve_time()?;
        if let Some(date) = date {
            self.check_date(date)?;
        }
        let days = match date {
            Some(date) => date + i64::from(next_day),
            None => {
                let month = u32::try_from(within(self.month.unwrap_or(1), 1..=12)?).ok()?;
                let day = within(self.day.unwrap_or(1), 1..=31)?;
                let year = within(self.year.unwrap_or(1970), YEARS)?;
                let days = Calendar::Iso.days(year, month, day);
                // The day must be one of the month.
                (Calendar::Iso.date(days).1 == month).then_some(days)?
            }
        };
        days.checked_mul(MICROS_PER_DAY)?.checked_add(time.div_euclid(1_000))
    }

    /// Days since 1970, where the fields suffice for a date (`IsoChronology.resolveDate`, `WeekFields`).
    fn resolve_date(&mut self) -> Option<Option<i64>> {
        if let Some(year) = self.year_of_era {
            let year = within(year, 1..=*YEARS.end())?;
            let before_christ = match self.era {
                Some(era) => era == 0,
                None => self.year.is_some_and(|year| year <= 0),
            };
            put(&mut self.year, if before_christ { 1 - year } else { year })?;
        }
        let Some(year) = self.year else {
            let (Some(year), Some(week), Some(day)) =
                (self.week_year, self.week_of_year, self.day_of_week)
            else {
                return Some(None);
            };
            let year = within(year, YEARS)?;
            let last = (Calendar::Iso.first_week(year + 1) - Calendar::Iso.first_week(year)) / 7;
            let week = within(week, 1..=53)?.min(last);
            return Some(Some(Calendar::Iso.first_week(year) + (week - 1) * 7 + day));
        };
        let first = |month: i64| {
            let month = u32::try_from(within(month, 1..=12)?).ok()?;
            Some(Calendar::Iso.days(within(year, YEARS)?, month, 1))
        };
        let date = match (self.month, self.day) {
            (Some(month), Some(day)) => {
                let start = first(month)?;
                let next = if month == 12 {
                    Calendar::Iso.days(within(year + 1, YEARS)?, 1, 1)
                } else {
                    first(month + 1)?
                };
                // `ResolverStyle.SMART` cuts the 31st of a shorter month to its last day.
                Some(start + within(day, 1..=31)?.min(next - start) - 1)
            }
            _ => match (self.day_of_year, self.month, self.week_of_month, self.day_of_week) {
                (Some(day), ..) => {
                    let start = first(1)?;
                    let length = Calendar::Iso.days(within(year + 1, YEARS)?, 1, 1) - start;
                    Some(start + within(day, 1..=length)? - 1)
                }
                (None, Some(month), Some(week), Some(day)) => {
                    let week = within(week, 0..=6)?;
                    Some(on_or_before(first(month)?, 0) + (week - 1) * 7 + day)
                }
                _ => None,
            },
        };
        Some(date)
    }

    /// Nanoseconds of the day, and whether that is the next day: 24:00 is its midnight. Parts that do not make a time
    /// together count each by itself (`Parsed.resolveTimeFields` and `resolveTimeLenient`).
    fn resolve_time(&mut self) -> Option<(i64, bool)> {
        if let Some(hour) = self.hour_from_1 {
            put(&mut self.hour, within(hour, 0..=24)? % 24)?;
        }
        if let Some(hour) = self.half_hour_from_1 {
            put(&mut self.half_hour, within(hour, 0..=12)? % 12)?;
        }
        if let Some(hour) = self.half_hour {
            within(hour, 0..=11)?;
        }
        if let (Some(pm), Some(hour)) = (self.pm, self.half_hour) {
            put(&mut self.hour, pm * 12 + hour)?;
        }
        if let Some(nanos) = self.nano_of_day {
            self.put_time(within(nanos, 0..=86_399_999_999_999)?)?;
        }
        if let Some(millis) = self.milli_of_day {
            self.put_time(within(millis, 0..=86_399_999)?.checked_mul(1_000_000)?)?;
        }
        let minute = within(self.minute.unwrap_or(0), 0..=59)?;
        let second = within(self.second.unwrap_or(0), 0..=59)?;
        let nano = within(self.nano.unwrap_or(0), 0..=999_999_999)?;
        let midnight = (self.hour, minute, second, nano) == (Some(24), 0, 0, 0);
        let hour = if midnight { 0 } else { within(self.hour.unwrap_or(0), 0..=23)? };
        let gap = (self.minute.is_none() && (self.second.is_some() || self.nano.is_some()))
            || (self.minute.is_some() && self.second.is_none() && self.nano.is_some());
        if self.hour.is_some() && !gap {
            // What else the text says of the time must be true of it.
            let agrees = |field: Option<i64>, of_time: i64| field.is_none_or(|it| it == of_time);
            (agrees(self.pm, hour / 12) && agrees(self.half_hour, hour % 12)).then_some(())?;
        }
        Some((((hour * 60 + minute) * 60 + second) * 1_000_000_000 + nano, midnight))
    }

    fn put_time(&mut self, nanos: i64) -> Option<()> {
        let seconds = nanos / 1_000_000_000;
        put(&mut self.hour, seconds / 3_600)?;
        put(&mut self.minute, seconds / 60 % 60)?;
        put(&mut self.second, seconds % 60)?;
        put(&mut self.nano, nanos % 1_000_000_000)
    }

    /// What else the text says of the date must be true of it (`Parsed.crossCheck`).
    fn check_date(&self, date: i64) -> Option<()> {
        let (year, month, day) = Calendar::Iso.date(date);
        let (week_year, week_of_year) = Calendar::Iso.week_of_year(date);
        let day = i64::from(day);
        let month = i64::from(month);
        let said = [
            (self.year, year),
            (self.month, month),
            (self.quarter, (month - 1) / 3 + 1),
            (self.day_of_year, date - Calendar::Iso.days(year, 1, 1) + 1),
            (self.week_year, week_year),
            (self.week_of_year, week_of_year),
            (self.week_of_month, Calendar::Iso.week_of_month(date)),
            (self.day_in_seven, (day - 1) % 7 + 1),
            (self.day_of_week, day_of_week(date)),
        ];
        said.iter().all(|(said, is)| said.is_none_or(|said| said == *is)).then_some(())
    }
}
