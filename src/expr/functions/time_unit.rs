//! Units of time and the calendar arithmetic that belongs to them. Local time everywhere, in microseconds since 1970.

use crate::types::java_text::{civil_from_days, days_from_civil};

pub(crate) const MICROS_PER_SECOND: i64 = 1_000_000;
pub(crate) const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
const MILLIS_PER_DAY: i64 = 86_400_000;

/// A unit of EXTRACT, FLOOR, CEIL, TIMESTAMPADD and TIMESTAMPDIFF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Millennium,
    Century,
    Decade,
    Year,
    IsoYear,
    Quarter,
    Month,
    Week,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    Epoch,
}

impl Unit {
    /// The unit of a SQL name in upper case.
    pub(crate) fn parse(name: &str) -> Option<Unit> {
        Some(match name {
            "MILLENNIUM" => Unit::Millennium,
            "CENTURY" => Unit::Century,
            "DECADE" => Unit::Decade,
            "YEAR" | "SQL_TSI_YEAR" => Unit::Year,
            "ISOYEAR" => Unit::IsoYear,
            "QUARTER" | "SQL_TSI_QUARTER" => Unit::Quarter,
            "MONTH" | "SQL_TSI_MONTH" => Unit::Month,
            "WEEK" | "SQL_TSI_WEEK" => Unit::Week,
            "DAY" | "SQL_TSI_DAY" => Unit::Day,
            "DOW" => Unit::DayOfWeek,
            "ISODOW" => Unit::IsoDayOfWeek,
            "DOY" => Unit::DayOfYear,
            "HOUR" | "SQL_TSI_HOUR" => Unit::Hour,
            "MINUTE" | "SQL_TSI_MINUTE" => Unit::Minute,
            "SECOND" | "SQL_TSI_SECOND" => Unit::Second,
            "MILLISECOND" => Unit::Millisecond,
            "MICROSECOND" => Unit::Microsecond,
            "NANOSECOND" => Unit::Nanosecond,
            "EPOCH" => Unit::Epoch,
            _ => return None,
        })
    }

    /// Months of a unit that is counted in months.
    pub(crate) fn months(self) -> Option<i64> {
        Some(match self {
            Unit::Month => 1,
            Unit::Quarter => 3,
            Unit::Year => 12,
            Unit::Decade => 120,
            Unit::Century => 1_200,
            Unit::Millennium => 12_000,
            _ => return None,
        })
    }

    /// Microseconds of a unit of fixed length.
    pub(crate) fn micros(self) -> Option<i64> {
        Some(match self {
            Unit::Week => 7 * MICROS_PER_DAY,
            Unit::Day => MICROS_PER_DAY,
            Unit::Hour => 3_600 * MICROS_PER_SECOND,
            Unit::Minute => 60 * MICROS_PER_SECOND,
            Unit::Second => MICROS_PER_SECOND,
            Unit::Millisecond => 1_000,
            Unit::Microsecond => 1,
            _ => return None,
        })
    }

    /// EXTRACT of a local time. `nanos` are those below the microsecond.
    ///
    /// Flink divides milliseconds since 1970 towards zero: the last moment of 1969 counts as 1970-01-01 there.
    pub(crate) fn extract(self, local: i64, nanos: i64) -> i64 {
        let millis = local.div_euclid(1_000);
        let of_milli = local.rem_euclid(1_000);
        let days = millis / MILLIS_PER_DAY;
        let of_day = millis % MILLIS_PER_DAY;
        let (year, month, day) = civil_from_days(days);
        match self {
            Unit::Millennium => positive_period(year, 1_000),
            Unit::Century => positive_period(year, 100),
            Unit::Decade => year.div_euclid(10),
            Unit::Year => year,
            Unit::IsoYear => iso_year_week(days).0,
            Unit::Quarter => i64::from((month - 1) / 3 + 1),
            Unit::Month => i64::from(month),
            Unit::Week => iso_year_week(days).1,
            Unit::Day => i64::from(day),
            // 1970-01-01 was a Thursday; Sunday is 1, Monday is 1 for ISO.
            Unit::DayOfWeek => (days + 4).rem_euclid(7) + 1,
            Unit::IsoDayOfWeek => (days + 3).rem_euclid(7) + 1,
            Unit::DayOfYear => days - days_from_civil(year, 1, 1) + 1,
            Unit::Hour => of_day / 3_600_000,
            Unit::Minute => of_day % 3_600_000 / 60_000,
            Unit::Second => of_day % 60_000 / 1_000,
            Unit::Millisecond => millis % 1_000,
            Unit::Microsecond => millis % 1_000 * 1_000 + of_milli,
            Unit::Nanosecond => millis % 1_000 * 1_000_000 + of_milli * 1_000 + nanos,
            Unit::Epoch => millis / 1_000,
        }
    }

    /// The start of the unit that a local time lies in; `None` for units that nothing is rounded to.
    pub(crate) fn floor(self, local: i64) -> Option<i64> {
        let days = local.div_euclid(MICROS_PER_DAY);
        // Towards zero, as in `extract`.
        let (year, month, _) = civil_from_days(local.div_euclid(1_000) / MILLIS_PER_DAY);
        let start = |year: i64, month: u32| days_from_civil(year, month, 1) * MICROS_PER_DAY;
        Some(match self {
            Unit::Millennium => start((year - 1).div_euclid(1_000) * 1_000 + 1, 1),
            Unit::Century => start((year - 1).div_euclid(100) * 100 + 1, 1),
            Unit::Decade => start(year.div_euclid(10) * 10, 1),
            Unit::Year => start(year, 1),
            Unit::Quarter => start(year, (month - 1) / 3 * 3 + 1),
            Unit::Month => start(year, month),
            // Weeks start on Sunday, as in Calcite.
            Unit::Week => (days - (days + 4).rem_euclid(7)) * MICROS_PER_DAY,
            _ => {
                let unit = self.micros()?;
                local.div_euclid(unit) * unit
            }
        })
    }

    /// The start of the next unit, unless a local time is the start of one.
    pub(crate) fn ceil(self, local: i64) -> Option<i64> {
        // Flink rounds milliseconds: what is below them does not count.
        let local = if self == Unit::Microsecond { local } else { local.div_euclid(1_000) * 1_000 };
        let floor = self.floor(local)?;
        // From weeks up, Flink looks at the day only: any time of the first day is rounded down to its start.
        let by_day = self.months().is_some() || self == Unit::Week;
        let day = local.div_euclid(1_000) / MILLIS_PER_DAY * MICROS_PER_DAY;
        // The first day of a decade is rounded up as well.
        if self != Unit::Decade && floor == if by_day { day } else { local } {
            return Some(floor);
        }
        match self.months() {
            Some(months) => Some(add_months(floor, months)),
            None => floor.checked_add(self.micros()?),
        }
    }
}

fn positive_period(year: i64, length: i64) -> i64 {
    if year > 0 { (year + length - 1) / length } else { -((length - 1 - year) / length) }
}

/// ISO week-based year and week of a day.
fn iso_year_week(days: i64) -> (i64, i64) {
    // The Thursday of a week decides its year.
    let thursday = days - (days + 3).rem_euclid(7) + 3;
    let (year, ..) = civil_from_days(thursday);
    (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}

/// A local time some months later; the day is cut to the month's last.
pub(crate) fn add_months(local: i64, months: i64) -> i64 {
    let days = local.div_euclid(MICROS_PER_DAY);
    let days = add_months_to_days(days, months);
    days.saturating_mul(MICROS_PER_DAY).saturating_add(local.rem_euclid(MICROS_PER_DAY))
}

/// A day some months later, cut to the month's last.
pub(crate) fn add_months_to_days(days: i64, months: i64) -> i64 {
    let (year, month, day) = civil_from_days(days);
    let total = year.saturating_mul(12).saturating_add(i64::from(month) - 1).saturating_add(months);
    // Years beyond any calendar would only overflow further on.
    let total = total.clamp(-12 * 200_000, 12 * 200_000);
    let (year, month) = (total.div_euclid(12), (total.rem_euclid(12) + 1) as u32);
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let first = days_from_civil(year, month, 1);
    let length = days_from_civil(next_year, next_month, 1) - first;
    first + i64::from(day).min(length) - 1
}

/// Months from one local time to another (`DateTimeUtils.subtractMonths`): by days, less one where the days agree and the
/// time of the day is not reached.
pub(crate) fn months_between(to: i64, from: i64) -> i64 {
    let split =
        |micros: i64| (micros.div_euclid(MICROS_PER_DAY), micros.rem_euclid(MICROS_PER_DAY));
    let ((to_day, to_time), (from_day, from_time)) = (split(to), split(from));
    let months = months_between_days(to_day, from_day);
    if add_months_to_days(from_day, months) == to_day && to_time < from_time {
        months - 1
    } else {
        months
    }
}

fn months_between_days(to: i64, from: i64) -> i64 {
    if to < from {
        return -months_between_days(from, to);
    }
    let (y1, m1, _) = civil_from_days(to);
    let (y0, m0, _) = civil_from_days(from);
    let months = (y1 - y0) * 12 + i64::from(m1) - i64::from(m0);
    if add_months_to_days(from, months) > to { months - 1 } else { months }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::java_text::parse_timestamp_cast;

    fn at(text: &str) -> i64 {
        parse_timestamp_cast(text).unwrap().to_micros().unwrap()
    }

    #[test]
    fn units_are_extracted() {
        let time = at("2024-12-30 23:59:58.123");
        for (unit, expected) in [
            ("YEAR", 2024),
            ("ISOYEAR", 2025),
            ("QUARTER", 4),
            ("MONTH", 12),
            ("WEEK", 1),
            ("DAY", 30),
            ("DOW", 2),
            ("ISODOW", 1),
            ("DOY", 365),
            ("HOUR", 23),
            ("MINUTE", 59),
            ("SECOND", 58),
            ("MILLISECOND", 123),
            ("CENTURY", 21),
            ("MILLENNIUM", 3),
            ("DECADE", 202),
        ] {
            assert_eq!(Unit::parse(unit).unwrap().extract(time, 0), expected, "{unit}");
        }
    }

    #[test]
    fn times_round_to_units() {
        let time = at("2024-05-15 10:20:30.5");
        for (unit, floor, ceil) in [
            ("YEAR", "2024-01-01 00:00:00", "2025-01-01 00:00:00"),
            ("QUARTER", "2024-04-01 00:00:00", "2024-07-01 00:00:00"),
            ("MONTH", "2024-05-01 00:00:00", "2024-06-01 00:00:00"),
            ("WEEK", "2024-05-12 00:00:00", "2024-05-19 00:00:00"),
            ("DAY", "2024-05-15 00:00:00", "2024-05-16 00:00:00"),
            ("HOUR", "2024-05-15 10:00:00", "2024-05-15 11:00:00"),
            ("SECOND", "2024-05-15 10:20:30", "2024-05-15 10:20:31"),
        ] {
            let unit = Unit::parse(unit).unwrap();
            assert_eq!(unit.floor(time), Some(at(floor)));
            assert_eq!(unit.ceil(time), Some(at(ceil)));
            assert_eq!(unit.ceil(at(floor)), Some(at(floor)));
        }
    }

    #[test]
    fn months_end_at_their_last_day() {
        assert_eq!(add_months(at("2024-01-31 10:00:00"), 1), at("2024-02-29 10:00:00"));
        assert_eq!(add_months(at("2024-03-31 10:00:00"), -1), at("2024-02-29 10:00:00"));
        assert_eq!(months_between(at("2024-03-15 00:00:00"), at("2024-01-16 00:00:00")), 1);
        assert_eq!(months_between(at("2024-01-16 00:00:00"), at("2024-03-15 00:00:00")), -1);
        assert_eq!(months_between(at("2024-03-16 00:00:00"), at("2024-01-16 00:00:00")), 2);
    }
}
