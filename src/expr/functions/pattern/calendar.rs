//! The two calendars of Java, and weeks as they are counted in the United States.

use crate::types::java_text::{
    civil_from_days, days_from_civil, legacy_civil_from_days, legacy_days_from_civil,
};

/// Which calendar dates are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calendar {
    /// That of `java.time`: Gregorian for ever.
    Iso,
    /// `java.util.GregorianCalendar`: Julian before 1582-10-15, and years before Christ count backwards.
    Legacy,
}

impl Calendar {
    pub(super) fn date(self, days: i64) -> (i64, u32, u32) {
        match self {
            Calendar::Iso => civil_from_days(days),
            Calendar::Legacy => legacy_civil_from_days(days),
        }
    }

    pub(super) fn days(self, year: i64, month: u32, day: i64) -> i64 {
        match self {
            Calendar::Iso => days_from_civil(year, month, 1).saturating_add(day).saturating_sub(1),
            Calendar::Legacy => legacy_days_from_civil(year, month, day),
        }
    }

    /// The year within its era.
    pub(super) fn year_shown(self, year: i64) -> i64 {
        match self {
            Calendar::Legacy if year <= 0 => 1 - year,
            _ => year,
        }
    }

    /// The Sunday that the first week of a year starts with: the week that holds January 1st.
    pub(super) fn first_week(self, year: i64) -> i64 {
        on_or_before(self.days(year, 1, 1), 0)
    }

    /// Year and week as in the United States: weeks start on Sunday and the first holds January 1st.
    pub(super) fn week_of_year(self, days: i64) -> (i64, i64) {
        let sunday = on_or_before(days, 0);
        let (year, ..) = self.date(sunday + 6);
        (year, (sunday - self.first_week(year)) / 7 + 1)
    }

    /// The first week of a month holds its first day.
    pub(super) fn week_of_month(self, days: i64) -> i64 {
        let (year, month, _) = self.date(days);
        (on_or_before(days, 0) - on_or_before(self.days(year, month, 1), 0)) / 7 + 1
    }
}

/// The number of a day of the week: 0 is Sunday.
pub(super) fn day_of_week(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// The last day of the week `day`, where 0 is Sunday, that is not after `days`.
pub(super) fn on_or_before(days: i64, day: i64) -> i64 {
    days - (days + 4 - day).rem_euclid(7)
}
