//! Dates and times to text.

use super::TextOut;

const NANOS_PER_SECOND: i128 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A point on a time line without leap seconds: local for TIMESTAMP, UTC for TIMESTAMP_LTZ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Seconds since 1970-01-01T00:00:00, rounded down.
    pub seconds: i64,
    /// Nanoseconds after `seconds`, below 10^9.
    pub nanos: u32,
}

impl Moment {
    /// From microseconds since 1970, the layout of TIMESTAMP(0..=6).
    pub fn from_micros(micros: i64) -> Moment {
        let nanos = u32::try_from(micros.rem_euclid(1_000_000)).unwrap_or(0);
        Moment { seconds: micros.div_euclid(1_000_000), nanos: nanos.saturating_mul(1_000) }
    }

    /// From nanoseconds since 1970, the layout of TIMESTAMP(7..=9); saturates beyond 64-bit seconds.
    pub fn from_nanos(nanos: i128) -> Moment {
        let seconds = nanos.div_euclid(NANOS_PER_SECOND);
        let limit = if nanos < 0 { i64::MIN } else { i64::MAX };
        Moment {
            seconds: i64::try_from(seconds).unwrap_or(limit),
            nanos: u32::try_from(nanos.rem_euclid(NANOS_PER_SECOND)).unwrap_or(0),
        }
    }

    /// From days and nanoseconds of the day.
    pub fn from_day(days: i64, nanos_of_day: u64) -> Moment {
        let seconds = i64::try_from(nanos_of_day / 1_000_000_000).unwrap_or(0);
        Moment {
            seconds: days.saturating_mul(SECONDS_PER_DAY).saturating_add(seconds),
            nanos: u32::try_from(nanos_of_day % 1_000_000_000).unwrap_or(0),
        }
    }

    /// Microseconds since 1970, rounded down; `None` beyond 64 bits (years around ±292,000).
    pub fn to_micros(self) -> Option<i64> {
        self.seconds.checked_mul(1_000_000)?.checked_add(i64::from(self.nanos / 1_000))
    }

    /// Nanoseconds since 1970.
    pub fn to_nanos(self) -> i128 {
        i128::from(self.seconds) * NANOS_PER_SECOND + i128::from(self.nanos)
    }

    /// The same with `precision` digits of the second; further ones are cut as in `TimestampData` casts.
    #[must_use]
    pub fn truncated(self, precision: u8) -> Moment {
        let unit = 10u32.pow(u32::from(9u8.saturating_sub(precision)));
        Moment { nanos: self.nanos - self.nanos % unit, ..self }
    }
}

/// How many digits of the second are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fraction {
    /// No trailing zeros and no point without digits, as in `DateTimeFormatter.appendFraction(0, 9)`.
    Trimmed,
    /// At least this many, more where they are not zero, as in Flink's CAST to STRING.
    AtLeast(u8),
}

/// Year, month 1..=12 and day 1..=31 of a day since 1970-01-01 in the proleptic Gregorian calendar.
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    // Years start in March here, so that the leap day is the last day of a year.
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
}

/// Days since 1970-01-01 of a date; days beyond the month's end count on into the next month.
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// 1582-10-15 in days since 1970: the first day of the Gregorian calendar in `java.util.GregorianCalendar`.
const GREGORIAN_START: i64 = -141_427;

/// Year, month and day of a day since 1970-01-01 as `java.util.GregorianCalendar` counts them: before 1582-10-15 in the
/// Julian calendar.
pub fn legacy_civil_from_days(days: i64) -> (i64, u32, u32) {
    if days >= GREGORIAN_START {
        return civil_from_days(days);
    }
    let shifted = days.saturating_add(719_470);
    let day_of_era = shifted.rem_euclid(1_461);
    let year_of_era = (day_of_era - day_of_era / 1_460) / 365;
    let day_of_year = day_of_era - 365 * year_of_era;
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = shifted.div_euclid(1_461) * 4 + year_of_era + i64::from(month <= 2);
    (year, u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
}

/// Days since 1970-01-01 of a date as `java.util.GregorianCalendar` counts them; `day` may lie beyond the month.
///
/// A date of the Gregorian calendar from 1582-10-15 on is that, everything else is a date of the Julian one, also what
/// lies between the two calendars.
pub fn legacy_days_from_civil(year: i64, month: u32, day: i64) -> i64 {
    let gregorian = days_from_civil(year, month, 1) + day - 1;
    if gregorian >= GREGORIAN_START {
        return gregorian;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year.div_euclid(4) * 1_461 + year.rem_euclid(4) * 365 + day_of_year - 719_470
}

/// `2020-01-02`.
pub fn date_to_string(days: i32) -> String {
    let mut out = String::new();
    write_date(i64::from(days), &mut out);
    out
}

/// Appends a date as Flink's CAST does: the last four digits of the year, each with the year's sign added to `'0'`.
pub fn write_date_cast(days: i64, out: &mut impl TextOut) {
    let (year, month, day) = civil_from_days(days);
    if (0..=9999).contains(&year) {
        return write_date(days, out);
    }
    let digit = |unit: i64| b'0'.wrapping_add_signed(i8::try_from(year / unit % 10).unwrap_or(0));
    let mut text = [digit(1_000), digit(100), digit(10), digit(1), b'-', 0, 0, b'-', 0, 0];
    let [_, _, _, _, _, m1, m2, _, d1, d2] = &mut text;
    [*m1, *m2] = two(month);
    [*d1, *d2] = two(day);
    out.put(ascii(&text));
}

/// Appends a timestamp as Flink's CAST of a TIMESTAMP(`precision`) to STRING does.
pub fn write_timestamp_cast(moment: Moment, precision: u8, out: &mut impl TextOut) {
    // Columns may hold more digits than their type has.
    let moment = moment.truncated(precision);
    write_date_cast(moment.seconds.div_euclid(SECONDS_PER_DAY), out);
    out.put(" ");
    let seconds = u64::try_from(moment.seconds.rem_euclid(SECONDS_PER_DAY)).unwrap_or(0);
    let nanos = seconds * 1_000_000_000 + u64::from(moment.nanos);
    write_time(nanos, Fraction::AtLeast(precision), out);
}

/// `03:04:05.123`, from milliseconds of the day.
pub fn time_to_string(millis: i32, fraction: Fraction) -> String {
    let mut out = String::new();
    write_time(millis_to_nanos(millis), fraction, &mut out);
    out
}

/// `2020-01-02 03:04:05.123`: Flink's CAST of a TIMESTAMP(`precision`) to STRING.
pub fn timestamp_to_string(moment: Moment, precision: u8) -> String {
    let mut out = String::new();
    write_timestamp(moment, b' ', Fraction::AtLeast(precision), &mut out);
    out
}

/// Nanoseconds of the day from milliseconds of the day; others than 0..86,400,000 wrap into a day.
fn millis_to_nanos(millis: i32) -> u64 {
    u64::try_from(millis.rem_euclid(86_400_000)).unwrap_or(0) * 1_000_000
}

/// Appends a date as `ISO_LOCAL_DATE` does: four digits of the year, more with a sign.
pub fn write_date(days: i64, out: &mut impl TextOut) {
    let (year, month, day) = civil_from_days(days);
    let mut text = *b"0000-00-00";
    if let (0..=9999, [y1, y2, y3, y4, _, m1, m2, _, d1, d2]) = (year, &mut text) {
        let year = u32::try_from(year).unwrap_or(0);
        [*y1, *y2] = two(year / 100);
        [*y3, *y4] = two(year % 100);
        [*m1, *m2] = two(month);
        [*d1, *d2] = two(day);
        return out.put(ascii(&text));
    }
    if year < 0 {
        out.put("-");
        if year > -1000 {
            out.put(if year > -10 {
                "000"
            } else if year > -100 {
                "00"
            } else {
                "0"
            });
        }
    } else {
        out.put("+");
    }
    out.put(itoa::Buffer::new().format(year.unsigned_abs()));
    let mut text = *b"-00-00";
    let [_, m1, m2, _, d1, d2] = &mut text;
    [*m1, *m2] = two(month);
    [*d1, *d2] = two(day);
    out.put(ascii(&text));
}

/// Appends a time of day.
pub fn write_time(nanos_of_day: u64, fraction: Fraction, out: &mut impl TextOut) {
    let seconds = u32::try_from(nanos_of_day / 1_000_000_000).unwrap_or(0);
    let mut text = *b"00:00:00";
    let [h1, h2, _, m1, m2, _, s1, s2] = &mut text;
    [*h1, *h2] = two(seconds / 3_600);
    [*m1, *m2] = two(seconds / 60 % 60);
    [*s1, *s2] = two(seconds % 60);
    out.put(ascii(&text));
    write_fraction(u32::try_from(nanos_of_day % 1_000_000_000).unwrap_or(0), fraction, out);
}

/// Appends date, `separator` (a space or `T`) and time.
pub fn write_timestamp(moment: Moment, separator: u8, fraction: Fraction, out: &mut impl TextOut) {
    write_date(moment.seconds.div_euclid(SECONDS_PER_DAY), out);
    out.put(if separator == b'T' { "T" } else { " " });
    let seconds = u64::try_from(moment.seconds.rem_euclid(SECONDS_PER_DAY)).unwrap_or(0);
    write_time(seconds * 1_000_000_000 + u64::from(moment.nanos), fraction, out);
}

fn write_fraction(nanos: u32, fraction: Fraction, out: &mut impl TextOut) {
    let least = match fraction {
        Fraction::Trimmed => 0,
        Fraction::AtLeast(digits) => usize::from(digits.min(9)),
    };
    if nanos == 0 && least == 0 {
        return;
    }
    let mut text = *b".000000000";
    let mut rest = nanos;
    for byte in text.iter_mut().skip(1).rev() {
        *byte += u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    let mut end = text.len();
    while end > least + 1 && text.get(end - 1) == Some(&b'0') {
        end -= 1;
    }
    out.put(ascii(text.get(..end).unwrap_or(&[])));
}

/// Two decimal digits of a number below 100.
fn two(number: u32) -> [u8; 2] {
    let digit = |d: u32| b'0' + u8::try_from(d % 10).unwrap_or(0);
    [digit(number / 10), digit(number)]
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_isos_form() {
        for (year, month, day, text) in [
            (1970, 1, 1, "1970-01-01"),
            (2000, 2, 29, "2000-02-29"),
            (1, 1, 1, "0001-01-01"),
            (9999, 12, 31, "9999-12-31"),
            (10_000, 1, 1, "+10000-01-01"),
            (-1, 3, 4, "-0001-03-04"),
            (0, 3, 1, "0000-03-01"),
        ] {
            let days = days_from_civil(year, month, day);
            assert_eq!(civil_from_days(days), (year, month, day));
            assert_eq!(date_to_string(i32::try_from(days).unwrap()), text);
        }
        for days in (-800_000..800_000).step_by(97) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }

    #[test]
    fn fractions_follow_the_precision() {
        let moment = Moment::from_micros(1_577_934_245_120_000);
        assert_eq!(timestamp_to_string(moment, 0), "2020-01-02 03:04:05.12");
        assert_eq!(timestamp_to_string(moment, 3), "2020-01-02 03:04:05.120");
        assert_eq!(timestamp_to_string(moment, 6), "2020-01-02 03:04:05.120000");
        let mut iso = String::new();
        write_timestamp(moment, b'T', Fraction::Trimmed, &mut iso);
        assert_eq!(iso, "2020-01-02T03:04:05.12");
        assert_eq!(timestamp_to_string(Moment::from_micros(-1), 6), "1969-12-31 23:59:59.999999");
        assert_eq!(timestamp_to_string(Moment::from_nanos(-1), 9), "1969-12-31 23:59:59.999999999");
        assert_eq!(time_to_string(3_661_001, Fraction::Trimmed), "01:01:01.001");
        assert_eq!(time_to_string(0, Fraction::Trimmed), "00:00:00");
        assert_eq!(Moment::from_nanos(-1).to_nanos(), -1);
        assert_eq!(Moment::from_micros(-1).to_micros(), Some(-1));
    }
}
