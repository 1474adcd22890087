//! Times written by a pattern.

use super::calendar::{Calendar, day_of_week};
use super::{DAYS, Item, JavaPattern, Letter, MICROS_PER_DAY, MONTHS};
use std::fmt::Write;

impl JavaPattern {
    /// Writes a local time, in microseconds since 1970 and nanoseconds below them.
    pub(super) fn write(
        &self,
        time: (i64, i64),
        offset: i64,
        calendar: Calendar,
        brackets: [&str; 2],
        out: &mut String,
    ) {
        let [opening, closing] = brackets;
        let time = Shown::new(time, calendar);
        let mut pad: usize = 0;
        for item in &self.items {
            match item {
                Item::Literal(text) => out.push_str(text),
                Item::Field(letter, count) => {
                    let start = out.len();
                    match letter {
                        Letter::Offset(letter) => write_offset(*letter, *count, offset, out),
                        _ => format_field(*letter, *count, time, calendar, out),
                    }
                    if pad > 0 {
                        let width = out.len().saturating_sub(start);
                        out.insert_str(start, &" ".repeat(pad.saturating_sub(width)));
                        pad = 0;
                    }
                }
                Item::Pad(width) => pad = *width,
                Item::Optional => out.push_str(opening),
                Item::EndOfOptional => out.push_str(closing),
            }
        }
    }
}

/// A local time as a calendar shows it.
#[derive(Clone, Copy)]
struct Shown {
    days: i64,
    date: (i64, u32, u32),
    /// Microseconds.
    of_day: i64,
    /// Nanoseconds below the microsecond.
    nanos: i64,
}

impl Shown {
    fn new((local, nanos): (i64, i64), calendar: Calendar) -> Shown {
        let days = local.div_euclid(MICROS_PER_DAY);
        let of_day = local.rem_euclid(MICROS_PER_DAY);
        Shown { days, date: calendar.date(days), of_day, nanos }
    }
}

fn format_field(letter: Letter, count: usize, time: Shown, calendar: Calendar, out: &mut String) {
    let Shown { days, date: (year, month, day), of_day, nanos } = time;
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
        Letter::WeekOfMonth => calendar.week_of_month(days),
        Letter::Month if count >= 3 => {
            return out.push_str(name(&MONTHS, i64::from(month) - 1));
        }
        Letter::Month => i64::from(month),
        Letter::DayOfMonth => i64::from(day),
        Letter::DayOfYear => days - calendar.days(year, 1, 1) + 1,
        Letter::DayOfWeek => return out.push_str(name(&DAYS, (days + 3).rem_euclid(7))),
        Letter::DayOfWeekNumber => day_of_week(days) + 1,
        Letter::DayInSeven => match calendar {
            Calendar::Iso => (i64::from(day) - 1) % 7 + 1,
            Calendar::Legacy => (i64::from(day) - 1) / 7 + 1,
        },
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
            let digits = count.min(9);
            let below = 9_u32.saturating_sub(u32::try_from(digits).unwrap_or(9));
            return write_padded(nanos_of_second / 10_i64.pow(below), digits, out);
        }
    };
    // `SignStyle.EXCEEDS_PAD`.
    let is_year = matches!(letter, Letter::Year | Letter::YearOrDay | Letter::WeekYear);
    let exceeds = u32::try_from(count).ok().and_then(|digits| 10_i64.checked_pow(digits));
    if calendar == Calendar::Iso
        && is_year
        && count >= 4
        && exceeds.is_some_and(|least| number >= least)
    {
        out.push('+');
    }
    write_padded(number, count, out);
}

/// Writes a number with zeros in front where it has fewer than `width` characters.
fn write_padded(number: i64, width: usize, out: &mut String) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(number.unsigned_abs());
    let negative = number < 0;
    if negative {
        out.push('-');
    }
    for _ in digits.len() + usize::from(negative)..width {
        out.push('0');
    }
    out.push_str(digits);
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
