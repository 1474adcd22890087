//! Patterns of Java's `DateTimeFormatter` and `SimpleDateFormat`: the letters that both know mean the same when a time is
//! written. They read texts in ways of their own: [`formatter`] and [`simple`].

mod calendar;
mod formatter;
mod simple;
mod write;

use calendar::Calendar;

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
    /// `p`: the field that follows has at least this many characters.
    Pad(usize),
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
    /// `F`: the day counted in sevens of the month, and which Tuesday, say, of the month it is in `SimpleDateFormat`.
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
            if c == 'p' {
                if !chars.peek().is_some_and(char::is_ascii_alphabetic) {
                    refused =
                        Some("pad letter 'p' must be followed by valid pad pattern".to_owned());
                }
                items.push(Item::Pad(count));
                continue;
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
                'F' => Letter::DayInSeven,
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

    /// Writes a local time in microseconds since 1970 and `nanos` below the microsecond.
    pub(crate) fn format(&self, local: i64, nanos: i64, out: &mut String) {
        // An optional part is written: every time has all fields.
        self.write((local, nanos), 0, Calendar::Iso, ["", ""], out);
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
            ("ppH|pppd", "14|  5"),
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
            ("Hmm", "934", Some("1970-01-01 09:34:00")),
            ("yyyy-MM-dd HH:mm", "2024-12-31 24:00", Some("2025-01-01 00:00:00")),
            ("yyyy-MM-dd hh:mm:ss", "2020-01-01 10:34:00", Some("2020-01-01 00:34:00")),
            ("HH:mm a", "13:00 AM", None),
            ("YYYY-MM-dd", "2020-01-02", Some("1970-01-02 00:00:00")),
            ("YYYY-'W'ww-e", "2020-W02-1", Some("2020-01-05 00:00:00")),
            ("EEE, d MMM yyyy", "Mon, 5 Jan 2020", None),
            ("EEE, d MMM yyyy", "Sun, 5 Jan 2020", Some("2020-01-05 00:00:00")),
            ("MM/dd/yyyy h:mm a", "01/02/2020 3:04 pm", None),
            ("ppd.M.yyyy", " 5.1.2020", Some("2020-01-05 00:00:00")),
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
            ("yy", "70", Some("1970-01-01 00:00:00")),
            ("yy", "26", Some("2026-01-01 00:00:00")),
            ("YYYY-MM-dd", "2020-01-01", Some("2019-12-29 00:00:00")),
            ("YYYY-ww", "2020-06", Some("2020-02-02 00:00:00")),
            ("yyyy-DDD", "2020-060", Some("2020-02-29 00:00:00")),
            ("yyyy MM F EEE", "2020 01 2 tue", Some("2020-01-14 00:00:00")),
            ("h:mm a", "3:04 pm", Some("1970-01-01 15:04:00")),
            ("yyyy HH Z", "2020 12 +0130", Some("2020-01-01 10:30:00")),
            ("yyyy HHX", "2020 12-01", Some("2020-01-01 13:00:00")),
            ("yyyy HHXXX", "2020 12Z", Some("2020-01-01 12:00:00")),
        ] {
            let pattern = JavaPattern::new(pattern).unwrap();
            let parsed = pattern.simple().unwrap().parse_leniently(text, at("2026-11-22 00:00:00"));
            assert_eq!(parsed.map(|time| time.utc(|local| local)), expected.map(at), "{text}");
        }
    }
}
