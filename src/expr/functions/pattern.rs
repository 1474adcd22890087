//! Patterns of Java's `DateTimeFormatter` and `SimpleDateFormat`, as far as both agree.

use crate::types::java_text::{
    civil_from_days, days_from_civil, legacy_civil_from_days, legacy_days_from_civil,
};
use std::fmt::Write;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A pattern taken apart once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JavaPattern {
    items: Vec<Item>,
    /// Why `DateTimeFormatter` refuses what `SimpleDateFormat` takes.
    refused: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Literal(String),
    Field(Letter, usize),
    /// `[`: what follows up to the `]` may be missing.
    Optional,
    EndOfOptional,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letter {
    Year,
    /// `u`: the year, and the number of the day in `SimpleDateFormat`, Monday 1.
    YearOrDay,
    Quarter,
    Month,
    DayOfMonth,
    DayOfYear,
    DayOfWeek,
    DayOfWeekNumber,
    /// `F`: days of a month counted in sevens.
    DayInSeven,
    AmPm,
    Hour24,
    Hour12,
    HourFrom1To24,
    HourFrom0To11,
    Minute,
    Second,
    Fraction,
    WeekYear,
    WeekOfYear,
    WeekOfMonth,
    Era,
    NanoOfSecond,
    MilliOfDay,
    NanoOfDay,
    DayPeriod,
    /// `X`, `x` and `Z`: read, and of no effect on a local time.
    Offset(char),
}

impl JavaPattern {
    /// Takes a pattern apart.
    ///
    /// # Errors
    /// The text names the letter that is not known.
    pub(crate) fn new(pattern: &str) -> Result<JavaPattern, String> {
        let (mut items, mut refused): (Vec<Item>, _) = (Vec::new(), None);
        let mut chars = pattern.chars().peekable();
        let literal = |items: &mut Vec<Item>, c: char| match items.last_mut() {
            Some(Item::Literal(text)) => text.push(c),
            _ => items.push(Item::Literal(c.to_string())),
        };
        while let Some(c) = chars.next() {
            if c == '\'' {
                if chars.next_if_eq(&'\'').is_some() {
                    literal(&mut items, '\'');
                    continue;
                }
                loop {
                    match chars.next() {
                        Some('\'') if chars.next_if_eq(&'\'').is_some() => {
                            literal(&mut items, '\'');
                        }
                        Some('\'') => break,
                        Some(c) => literal(&mut items, c),
                        None => return Err(format!("unterminated quote in pattern '{pattern}'")),
                    }
                }
                continue;
            }
            match c {
                '[' => items.push(Item::Optional),
                ']' if depth(&items) == 0 => {
                    return Err(format!("']' without '[' in pattern '{pattern}'"));
                }
                ']' => items.push(Item::EndOfOptional),
                _ if !c.is_ascii_alphabetic() => literal(&mut items, c),
                _ => {}
            }
            if matches!(c, '#' | '{' | '}') {
                refused = Some(format!("pattern includes reserved character: '{c}'"));
            }
            if !c.is_ascii_alphabetic() {
                continue;
            }
            let mut count = 1;
            while chars.next_if_eq(&c).is_some() {
                count += 1;
            }
            let letter = match c {
                'y' => Letter::Year,
                'u' => Letter::YearOrDay,
                'Q' | 'q' => Letter::Quarter,
                'M' | 'L' => Letter::Month,
                'd' => Letter::DayOfMonth,
                'D' => Letter::DayOfYear,
                'E' => Letter::DayOfWeek,
                'e' | 'c' if count >= 3 => Letter::DayOfWeek,
                'e' => Letter::DayOfWeekNumber,
                'c' if count == 1 => Letter::DayOfWeekNumber,
                'F' if count == 1 => Letter::DayInSeven,
                'a' => Letter::AmPm,
                'H' => Letter::Hour24,
                'h' => Letter::Hour12,
                'k' => Letter::HourFrom1To24,
                'K' => Letter::HourFrom0To11,
                'm' => Letter::Minute,
                's' => Letter::Second,
                'S' => Letter::Fraction,
                'Y' => Letter::WeekYear,
                'w' => Letter::WeekOfYear,
                'W' => Letter::WeekOfMonth,
                'G' => Letter::Era,
                'n' => Letter::NanoOfSecond,
                'A' => Letter::MilliOfDay,
                'N' => Letter::NanoOfDay,
                'B' => Letter::DayPeriod,
                'X' | 'x' if count <= 3 => Letter::Offset(c),
                'Z' if count <= 3 || count == 5 => Letter::Offset(c),
                _ => {
                    return Err(format!("letter '{c}' of pattern '{pattern}' is not supported"));
                }
            };
            if count > letters_at_most(c) {
                refused = Some(format!("too many pattern letters: {c}"));
            }
            items.push(Item::Field(letter, count));
        }
        Ok(JavaPattern { items, refused })
    }

    /// The pattern where a local time can be written with it.
    ///
    /// # Errors
    /// Names a letter for an offset from UTC, or says what `DateTimeFormatter` does not take.
    pub(crate) fn local(&self) -> Result<&JavaPattern, String> {
        if let Some(why) = &self.refused {
            return Err(why.clone());
        }
        let offset = self.items.iter().find_map(|item| match item {
            Item::Field(Letter::Offset(letter), _) => Some(letter),
            _ => None,
        });
        offset.map_or(Ok(self), |letter| {
            Err(format!(
                "letter '{letter}' of a pattern, an offset from UTC, is not supported here"
            ))
        })
    }

    /// The pattern where `SimpleDateFormat` knows all its letters.
    ///
    /// # Errors
    /// As `SimpleDateFormat` says it.
    pub(crate) fn simple(&self) -> Result<SimplePattern<'_>, String> {
        let unknown = |item: &Item| {
            Some(match item {
                Item::Field(Letter::Offset('x'), _) => 'x',
                Item::Field(Letter::Quarter, _) => 'Q',
                Item::Field(Letter::DayOfWeekNumber, _) => 'e',
                Item::Field(Letter::DayInSeven, _) => 'F',
                Item::Field(Letter::NanoOfSecond, _) => 'n',
                Item::Field(Letter::MilliOfDay, _) => 'A',
                Item::Field(Letter::NanoOfDay, _) => 'N',
                Item::Field(Letter::DayPeriod, _) => 'B',
                _ => return None,
            })
        };
        match self.items.iter().find_map(unknown) {
            Some(letter) => Err(format!("illegal pattern character '{letter}'")),
            None => Ok(SimplePattern(self)),
        }
    }

    /// Writes a local time in microseconds since 1970 and `nanos` below the microsecond.
    pub(crate) fn format(&self, local: i64, nanos: i64, out: &mut String) {
        // An optional part is written: every time has all fields.
        self.write((local, nanos), 0, Calendar::Iso, ["", ""], out);
    }

    fn write(
        &self,
        time: (i64, i64),
        offset: i64,
        calendar: Calendar,
        brackets: [&str; 2],
        out: &mut String,
    ) {
        let [opening, closing] = brackets;
        for item in &self.items {
            match item {
                Item::Literal(text) => out.push_str(text),
                Item::Field(Letter::Offset(letter), count) => {
                    write_offset(*letter, *count, offset, out);
                }
                Item::Field(letter, count) => {
                    format_field(*letter, *count, time, calendar, out);
                }
                Item::Optional => out.push_str(opening),
                Item::EndOfOptional => out.push_str(closing),
            }
        }
    }

    /// Reads a local time in microseconds since 1970; what the pattern does not name is that of 1970-01-01 00:00.
    pub(crate) fn parse(&self, text: &str) -> Option<i64> {
        let (time, rest) = self.parse_prefix(text)?;
        rest.is_empty().then_some(time)
    }

    fn parse_prefix<'t>(&self, text: &'t str) -> Option<(i64, &'t str)> {
        let (fields, rest) = parse_items(&self.items, Fields::default(), text)?;
        Some((fields.resolve()?, rest))
    }
}

/// A pattern as `SimpleDateFormat` takes it: brackets are characters like others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SimplePattern<'p>(&'p JavaPattern);

impl SimplePattern<'_> {
    /// Writes a local time in microseconds since 1970, which is `offset` microseconds ahead of UTC.
    pub(crate) fn format(self, local: i64, offset: i64, out: &mut String) {
        self.0.write((local, 0), offset, Calendar::Legacy, ["[", "]"], out);
    }

    /// Reads the beginning of a text as a lenient `SimpleDateFormat` does: numbers have any width and range, February 30th
    /// is in March, hour 25 on the next day.
    pub(crate) fn parse_leniently(self, text: &str) -> Option<SimpleTime> {
        let mut fields = Fields::default();
        let mut rest = text;
        for (at, item) in self.0.items.iter().enumerate() {
            match item {
                Item::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Item::Field(letter, count) => {
                    let adjacent = matches!(self.0.items.get(at + 1), Some(Item::Field(..)));
                    let text = rest.trim_start_matches([' ', '\t']);
                    rest = fields.read_leniently(*letter, *count, adjacent, text)?;
                }
                Item::Optional => rest = rest.strip_prefix('[')?,
                Item::EndOfOptional => rest = rest.strip_prefix(']')?,
            }
        }
        Some(SimpleTime { local: fields.resolve_leniently()?, offset: fields.offset })
    }
}

/// What a text says of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SimpleTime {
    /// Microseconds since 1970 on the clock that the text shows.
    pub(crate) local: i64,
    /// How far that clock is ahead of UTC, in microseconds, where the text says so.
    offset: Option<i64>,
}

impl SimpleTime {
    /// The moment; `of_zone` says what a time of the zone is in UTC.
    pub(crate) fn utc(self, of_zone: impl Fn(i64) -> i64) -> i64 {
        self.offset.map_or_else(|| of_zone(self.local), |offset| self.local.saturating_sub(offset))
    }
}

/// How many letters of a kind `DateTimeFormatterBuilder` takes in a row.
fn letters_at_most(letter: char) -> usize {
    match letter {
        'a' | 'F' | 'W' => 1,
        'd' | 'h' | 'H' | 'k' | 'K' | 'm' | 's' | 'w' => 2,
        'D' => 3,
        'e' | 'c' | 'E' | 'G' | 'L' | 'M' | 'q' | 'Q' | 'B' | 'x' | 'X' | 'Z' => 5,
        'S' => 9,
        _ => 19,
    }
}

/// How many optional parts are open behind these items.
fn depth(items: &[Item]) -> usize {
    let count = |wanted: &Item| items.iter().filter(|item| *item == wanted).count();
    count(&Item::Optional).saturating_sub(count(&Item::EndOfOptional))
}

/// Reads what the items name into the fields; an optional part that does not fit is passed over.
fn parse_items<'t>(items: &[Item], mut fields: Fields, text: &'t str) -> Option<(Fields, &'t str)> {
    let (mut at, mut rest) = (0, text);
    while let Some(item) = items.get(at) {
        at += 1;
        match item {
            Item::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
            Item::Field(letter, count) => {
                // Where digits follow each other, every field has exactly its width.
                let adjacent = matches!(items.get(at), Some(Item::Field(..)));
                rest = fields.read(*letter, *count, adjacent, rest)?;
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

/// Which calendar dates are counted in.
#[derive(Clone, Copy, Debug)]
enum Calendar {
    /// That of `java.time`: Gregorian for ever.
    Iso,
    /// `java.util.GregorianCalendar`: Julian before 1582-10-15, and years before Christ count backwards.
    Legacy,
}

impl Calendar {
    fn date(self, days: i64) -> (i64, u32, u32) {
        match self {
            Calendar::Iso => civil_from_days(days),
            Calendar::Legacy => legacy_civil_from_days(days),
        }
    }

    fn days(self, year: i64, month: u32, day: i64) -> i64 {
        match self {
            Calendar::Iso => days_from_civil(year, month, 1) + day - 1,
            Calendar::Legacy => legacy_days_from_civil(year, month, day),
        }
    }

    /// The year within its era.
    fn year_shown(self, year: i64) -> i64 {
        match self {
            Calendar::Legacy if year <= 0 => 1 - year,
            _ => year,
        }
    }

    /// Year and week as in the United States: weeks start on Sunday and the first holds January 1st.
    fn week_of_year(self, days: i64) -> (i64, i64) {
        let sunday = |day: i64| day - (day + 4).rem_euclid(7);
        let (year, ..) = self.date(sunday(days) + 6);
        (year, (sunday(days) - sunday(self.days(year, 1, 1))) / 7 + 1)
    }
}

fn format_field(
    letter: Letter,
    count: usize,
    (local, nanos): (i64, i64),
    calendar: Calendar,
    out: &mut String,
) {
    let days = local.div_euclid(MICROS_PER_DAY);
    let of_day = local.rem_euclid(MICROS_PER_DAY);
    let (year, month, day) = calendar.date(days);
    let hour = of_day / 3_600_000_000;
    let minute = of_day / 60_000_000 % 60;
    let nanos_of_second = of_day % 1_000_000 * 1_000 + nanos;
    let name = |names: &'static [&'static str], index: i64| {
        let name = names.get(usize::try_from(index).unwrap_or(0)).copied().unwrap_or("");
        match count {
            // The narrow form.
            5 => name.get(..1).unwrap_or(name),
            4 => name,
            _ => name.get(..3).unwrap_or(name),
        }
    };
    let number = match letter {
        Letter::YearOrDay if matches!(calendar, Calendar::Legacy) => (days + 3).rem_euclid(7) + 1,
        Letter::Year | Letter::YearOrDay if count == 2 => calendar.year_shown(year).rem_euclid(100),
        Letter::Year | Letter::YearOrDay => calendar.year_shown(year),
        Letter::WeekYear if count == 2 => calendar.week_of_year(days).0.rem_euclid(100),
        Letter::WeekYear => calendar.week_of_year(days).0,
        Letter::WeekOfYear => calendar.week_of_year(days).1,
        Letter::Quarter if count >= 3 => {
            let quarter = (month - 1) / 3 + 1;
            return out.push_str(&match (count, quarter) {
                (3, quarter) => format!("Q{quarter}"),
                (4, 1) => "1st quarter".to_owned(),
                (4, 2) => "2nd quarter".to_owned(),
                (4, 3) => "3rd quarter".to_owned(),
                (4, quarter) => format!("{quarter}th quarter"),
                (_, quarter) => quarter.to_string(),
            });
        }
        Letter::Quarter => i64::from((month - 1) / 3 + 1),
        // Weeks begin on Sunday, as `WeekFields` of the United States.
        Letter::WeekOfMonth => {
            let first = calendar.days(year, month, 1);
            (days - first + (first + 4).rem_euclid(7)) / 7 + 1
        }
        Letter::Month if count >= 3 => {
            return out.push_str(name(&MONTHS, i64::from(month) - 1));
        }
        Letter::Month => i64::from(month),
        Letter::DayOfMonth => i64::from(day),
        Letter::DayOfYear => days - calendar.days(year, 1, 1) + 1,
        Letter::DayOfWeek => return out.push_str(name(&DAYS, (days + 3).rem_euclid(7))),
        Letter::DayOfWeekNumber => (days + 4).rem_euclid(7) + 1,
        Letter::DayInSeven => (i64::from(day) - 1) % 7 + 1,
        Letter::AmPm => return out.push_str(if hour < 12 { "AM" } else { "PM" }),
        Letter::Era if count == 4 => {
            return out.push_str(if year > 0 { "Anno Domini" } else { "Before Christ" });
        }
        Letter::Era => return out.push_str(if year > 0 { "AD" } else { "BC" }),
        Letter::Hour24 => hour,
        Letter::Hour12 => (hour + 11) % 12 + 1,
        Letter::HourFrom1To24 => (hour + 23) % 24 + 1,
        Letter::HourFrom0To11 => hour % 12,
        Letter::Minute => minute,
        Letter::Second => of_day / 1_000_000 % 60,
        Letter::NanoOfSecond => nanos_of_second,
        Letter::MilliOfDay => of_day / 1_000,
        Letter::NanoOfDay => of_day * 1_000 + nanos,
        Letter::DayPeriod => {
            return out.push_str(match (hour, minute) {
                (0, 0) => "midnight",
                (12, 0) => "noon",
                (6..12, _) => "in the morning",
                (12..18, _) => "in the afternoon",
                (18..21, _) => "in the evening",
                _ => "at night",
            });
        }
        // Not a field of the local time.
        Letter::Offset(_) => return,
        Letter::Fraction => {
            let digits = format!("{nanos_of_second:09}");
            return out.push_str(digits.get(..count.min(9)).unwrap_or(&digits));
        }
    };
    // Writing to a String has no way to fail.
    let _ = write!(out, "{number:0count$}");
}

/// `+0130` for `Z`, and for `X` `Z` or `+01`, `+0130` or `+01:30` by their count (`SimpleDateFormat`).
fn write_offset(letter: char, count: usize, offset: i64, out: &mut String) {
    let minutes = (offset / 60_000_000).abs();
    let (sign, hours, minutes) = (if offset < 0 { '-' } else { '+' }, minutes / 60, minutes % 60);
    // Writing to a String has no way to fail.
    let _ = match (letter, count) {
        ('X', _) if offset == 0 => write!(out, "Z"),
        ('X', 1) => write!(out, "{sign}{hours:02}"),
        ('X', 3) => write!(out, "{sign}{hours:02}:{minutes:02}"),
        _ => write!(out, "{sign}{hours:02}{minutes:02}"),
    };
}

/// An offset from UTC in microseconds and what follows it: `+01`, `+0130` or `+01:30`, and `Z` for `X` and `ZZZZZ`
/// (`DateTimeFormatterBuilder`).
fn read_offset(letter: char, count: usize, text: &str) -> Option<(i64, &str)> {
    let colons = count == 3 && letter != 'Z' || count == 5;
    if let (true, Some(rest)) = (letter == 'X' || count == 5, text.strip_prefix('Z')) {
        return Some((0, rest));
    }
    let two_digits = |text: &str, below: i64| -> Option<i64> {
        let digits = text.get(..2).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse().ok().filter(|number| *number < below)
    };
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let hours = text.strip_prefix(['+', '-'])?;
    let (hour, rest) = (two_digits(hours, 19)?, hours.get(2..)?);
    let minutes = if colons { rest.strip_prefix(':') } else { Some(rest) };
    let (minute, rest) =
        match minutes.and_then(|text| Some((two_digits(text, 60)?, text.get(2..)?))) {
            Some(read) => read,
            // The minutes may be missing where the pattern is a single letter.
            None if count == 1 && letter != 'Z' => (0, rest),
            None => return None,
        };
    Some((sign * (hour * 60 + minute) * 60_000_000, rest))
}

#[derive(Clone, Debug, Default)]
struct Fields {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    pm: Option<bool>,
    hour: Option<i64>,
    hour12: Option<i64>,
    minute: i64,
    second: i64,
    micros: i64,
    /// Microseconds ahead of UTC.
    offset: Option<i64>,
}

impl Fields {
    fn read<'t>(
        &mut self,
        letter: Letter,
        count: usize,
        adjacent: bool,
        text: &'t str,
    ) -> Option<&'t str> {
        match letter {
            Letter::Month if count >= 3 => {
                let (index, rest) = read_name(&MONTHS, count, text)?;
                self.month = Some(index + 1);
                return Some(rest);
            }
            Letter::DayOfWeek => return Some(read_name(&DAYS, count, text)?.1),
            Letter::AmPm => {
                let (half, rest) = (text.get(..2)?, text.get(2..)?);
                self.pm = Some(match half.to_ascii_uppercase().as_str() {
                    "AM" => false,
                    "PM" => true,
                    _ => return None,
                });
                return Some(rest);
            }
            Letter::Offset(letter) => {
                let (offset, rest) = read_offset(letter, count, text)?;
                self.offset = Some(offset);
                return Some(rest);
            }
            _ => {}
        }
        let (least, most) = match letter {
            Letter::Year | Letter::YearOrDay if count == 2 => (2, 2),
            Letter::Year | Letter::YearOrDay if adjacent => (count, count),
            Letter::Year | Letter::YearOrDay => (count, 9),
            Letter::Fraction => (count, count),
            _ if count == 1 && !adjacent => (1, 2),
            Letter::DayOfYear => (count, 3),
            _ => (count, count),
        };
        let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if digits < least {
            return None;
        }
        let (number, rest) = text.split_at(digits);
        let value: i64 = number.parse().ok()?;
        match letter {
            Letter::Year | Letter::YearOrDay if count == 2 => self.year = Some(2_000 + value),
            Letter::Year | Letter::YearOrDay => self.year = Some(value),
            Letter::Month => self.month = Some(value),
            Letter::DayOfMonth => self.day = Some(value),
            Letter::DayOfYear => self.day_of_year = Some(value),
            Letter::Hour24 => self.hour = Some(within(value, 0..24)?),
            Letter::HourFrom1To24 => self.hour = Some(within(value, 1..25)? % 24),
            Letter::Hour12 => self.hour12 = Some(within(value, 1..13)? % 12),
            Letter::HourFrom0To11 => self.hour12 = Some(within(value, 0..12)?),
            Letter::Minute => self.minute = within(value, 0..60)?,
            Letter::Second => self.second = within(value, 0..60)?,
            Letter::Fraction => {
                let shown = number.get(..number.len().min(6))?;
                let scale = 10_i64.pow(u32::try_from(6 - shown.len()).ok()?);
                self.micros = shown.parse::<i64>().ok()? * scale;
            }
            Letter::Quarter
            | Letter::DayOfWeekNumber
            | Letter::DayInSeven
            | Letter::WeekOfYear
            | Letter::WeekOfMonth => {}
            Letter::WeekYear => self.year = Some(value),
            Letter::NanoOfSecond => self.micros = value / 1_000,
            Letter::MilliOfDay | Letter::NanoOfDay | Letter::DayPeriod | Letter::Era => {
                return None;
            }
            Letter::DayOfWeek | Letter::AmPm | Letter::Offset(_) => return None,
        }
        Some(rest)
    }

    fn read_leniently<'t>(
        &mut self,
        letter: Letter,
        count: usize,
        adjacent: bool,
        text: &'t str,
    ) -> Option<&'t str> {
        if matches!(letter, Letter::Offset(_)) {
            return self.read(letter, count, adjacent, text);
        }
        let is_text = matches!(letter, Letter::DayOfWeek | Letter::AmPm)
            || (letter == Letter::Month && count >= 3);
        if is_text {
            return self
                .read(letter, count.max(4), adjacent, text)
                .or_else(|| self.read(letter, 3, adjacent, text));
        }
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        // A sign is one of the characters of a field that another follows.
        let sign = text.len() - unsigned.len();
        let most = if adjacent { count.saturating_sub(sign) } else { usize::MAX };
        let digits = unsigned.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at(text.len() - unsigned.len() + digits);
        // Years and the like beyond 32 bits overflow in Java.
        let value = i64::from(number.parse::<i32>().ok()?);
        match letter {
            Letter::Year if count <= 2 && number.len() == 2 => self.year = Some(2_000 + value),
            Letter::Year | Letter::WeekYear => self.year = Some(value),
            Letter::Month => self.month = Some(value),
            Letter::DayOfMonth => self.day = Some(value),
            Letter::DayOfYear => self.day_of_year = Some(value),
            Letter::Hour24 => self.hour = Some(value),
            Letter::HourFrom1To24 => self.hour = Some(if value == 24 { 0 } else { value }),
            Letter::Hour12 => self.hour12 = Some(if value == 12 { 0 } else { value }),
            Letter::HourFrom0To11 => self.hour12 = Some(value),
            Letter::Minute => self.minute = value,
            Letter::Second => self.second = value,
            // Milliseconds, however many digits there are.
            Letter::Fraction => self.micros = value * 1_000,
            _ => {}
        }
        Some(rest)
    }

    fn resolve_leniently(&self) -> Option<i64> {
        let year = self.year.unwrap_or(1970);
        let days = match self.day_of_year {
            Some(day) => legacy_days_from_civil(year, 1, day),
            None => {
                let month = self.month.unwrap_or(1) - 1;
                let first = u32::try_from(month.rem_euclid(12) + 1).ok()?;
                let year = year + month.div_euclid(12);
                legacy_days_from_civil(year, first, self.day.unwrap_or(1))
            }
        };
        let half_day = if self.pm == Some(true) { 12 } else { 0 };
        let hour = self.hour.unwrap_or_else(|| self.hour12.unwrap_or(0) + half_day);
        let seconds = hour * 3_600 + self.minute * 60 + self.second;
        days.checked_mul(MICROS_PER_DAY)?.checked_add(seconds * 1_000_000 + self.micros)
    }

    fn resolve(&self) -> Option<i64> {
        let year = within(self.year.unwrap_or(1970), 0..10_000)?;
        let days = match self.day_of_year {
            Some(day) => days_from_civil(year, 1, 1) + within(day, 1..367)? - 1,
            None => {
                let month = u32::try_from(within(self.month.unwrap_or(1), 1..13)?).ok()?;
                let day = within(self.day.unwrap_or(1), 1..32)?;
                let first = days_from_civil(year, month, 1);
                let next = if month == 12 {
                    days_from_civil(year + 1, 1, 1)
                } else {
                    days_from_civil(year, month + 1, 1)
                };
                // `ResolverStyle.SMART` cuts the 31st of a shorter month to its last day.
                first + day.min(next - first) - 1
            }
        };
        let hour = match (self.hour, self.hour12) {
            (Some(hour), _) => hour,
            (None, Some(hour)) => hour + if self.pm? { 12 } else { 0 },
            (None, None) => 0,
        };
        let seconds = hour * 3_600 + self.minute * 60 + self.second;
        Some(days * MICROS_PER_DAY + seconds * 1_000_000 + self.micros)
    }
}

fn within(value: i64, range: std::ops::Range<i64>) -> Option<i64> {
    range.contains(&value).then_some(value)
}

fn read_name<'t>(names: &[&str], count: usize, text: &'t str) -> Option<(i64, &'t str)> {
    for (index, name) in names.iter().enumerate() {
        let name = if count >= 4 { name } else { name.get(..3)? };
        if text.get(..name.len()).is_some_and(|head| head == name) {
            return Some((i64::try_from(index).ok()?, text.get(name.len()..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::java_text::parse_timestamp_cast;

    fn at(text: &str) -> i64 {
        parse_timestamp_cast(text).unwrap().to_micros().unwrap()
    }

    #[test]
    fn formats_like_java() {
        let time = at("2024-03-05 14:07:09.123456");
        for (pattern, expected) in [
            ("yyyy-MM-dd HH:mm:ss", "2024-03-05 14:07:09"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSS", "2024-03-05T14:07:09.123"),
            ("yy/M/d h:m:s a", "24/3/5 2:7:9 PM"),
            ("EEE, d MMM yyyy", "Tue, 5 Mar 2024"),
            ("EEEE MMMM", "Tuesday March"),
            ("D Q ''yy''", "65 1 '24'"),
            ("MMMMM EEEEE c eee F", "M T 3 Tue 5"),
            ("HH[:mm[:ss]]", "14:07:09"),
            ("yyyyMMddHH", "2024030514"),
        ] {
            let mut out = String::new();
            JavaPattern::new(pattern).unwrap().format(time, 0, &mut out);
            assert_eq!(out, expected, "{pattern}");
        }
        assert!(JavaPattern::new("yyyy-VV").unwrap_err().contains("'V'"));
    }

    #[test]
    fn parses_what_it_formats() {
        for (pattern, text, expected) in [
            ("yyyy-MM-dd HH:mm:ss", "2024-03-05 14:07:09", Some("2024-03-05 14:07:09")),
            ("yyyyMMddHHmmss", "20240305140709", Some("2024-03-05 14:07:09")),
            ("dd/MMM/yyyy", "05/Mar/2024", Some("2024-03-05 00:00:00")),
            ("h:mm a", "2:07 PM", Some("1970-01-01 14:07:00")),
            ("yyyy-MM-dd", "2024-02-31", Some("2024-02-29 00:00:00")),
            ("yyyy-MM-dd", "2024-13-01", None),
            ("yyyy-MM-dd", "2024-3-1", None),
            ("yyyy-MM-dd", "2024-03-01x", None),
            ("HH:mm:ss.SSS", "01:02:03.004", Some("1970-01-01 01:02:03.004")),
            ("yyyy-MM-dd[ HH:mm[:ss]]", "2024-03-05", Some("2024-03-05 00:00:00")),
            ("yyyy-MM-dd[ HH:mm[:ss]]", "2024-03-05 14:07", Some("2024-03-05 14:07:00")),
            ("yyyy-MM-dd[ HH:mm[:ss]]", "2024-03-05 14:07:09", Some("2024-03-05 14:07:09")),
            ("yyyy-MM-dd['T'][ ]HH", "2024-03-05T14", Some("2024-03-05 14:00:00")),
        ] {
            let parsed = JavaPattern::new(pattern).unwrap().parse(text);
            assert_eq!(parsed, expected.map(at), "{pattern} {text}");
        }
    }
    #[test]
    fn the_lenient_form_takes_what_simple_date_format_takes() {
        for (pattern, text, expected) in [
            ("yyyy-MM-dd", "2020-02-30", Some("2020-03-01 00:00:00")),
            ("yyyy-MM-dd", "2020-13-01", Some("2021-01-01 00:00:00")),
            ("yyyy-MM-dd", "2020-1-2 x", Some("2020-01-02 00:00:00")),
            ("yyyy-MM-dd", " 2020--1-02", Some("2019-11-02 00:00:00")),
            ("yyyy-MM-dd", "2020-+1-02", None),
            ("yyyyMMdd", "20200102", Some("2020-01-02 00:00:00")),
            ("yyyy-MM-dd HH:mm:ss", "2020-01-02 25:61:61", Some("2020-01-03 02:02:01")),
            ("yyyy-MM-dd HH:mm:ss", "2020-01-02", None),
            ("d MMMM yyyy", "3 March 2020", Some("2020-03-03 00:00:00")),
            ("d MMMM yyyy", "3 Mar 2020", Some("2020-03-03 00:00:00")),
            ("ss.SSS", "1.5", Some("1970-01-01 00:00:01.005")),
            ("[yyyy]", "[2020]", Some("2020-01-01 00:00:00")),
            ("yyyy HH Z", "2020 12 +0130", Some("2020-01-01 10:30:00")),
            ("yyyy HHX", "2020 12-01", Some("2020-01-01 13:00:00")),
            ("yyyy HHXXX", "2020 12Z", Some("2020-01-01 12:00:00")),
        ] {
            let pattern = JavaPattern::new(pattern).unwrap();
            let parsed = pattern.simple().unwrap().parse_leniently(text);
            assert_eq!(parsed.map(|time| time.utc(|local| local)), expected.map(at), "{text}");
        }
    }
}
