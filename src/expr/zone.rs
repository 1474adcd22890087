//! Between UTC and the session's local time, as `java.time` converts.

use crate::types::java_text::{civil_from_days, days_from_civil};
use chrono::{DateTime, MappedLocalTime, Offset, TimeZone};
use chrono_tz::Tz;

/// Local time of a moment; both in microseconds since 1970.
pub(crate) fn utc_to_local(micros: i64, zone: Tz) -> i64 {
    micros.saturating_add(offset_seconds(micros.div_euclid(1_000_000), zone) * 1_000_000)
}

/// Local time of a moment; both in nanoseconds since 1970.
pub(crate) fn utc_to_local_nanos(nanos: i128, zone: Tz) -> i128 {
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(0);
    nanos + i128::from(offset_seconds(seconds, zone)) * 1_000_000_000
}

/// The moment of a local time; both in microseconds since 1970. A time that occurs twice is the earlier one; a time that
/// is skipped moves on by the length of the gap (`ZonedDateTime.ofLocal`).
pub(crate) fn local_to_utc(micros: i64, zone: Tz) -> i64 {
    let seconds = micros.div_euclid(1_000_000);
    micros.saturating_sub(local_offset_seconds(seconds, zone) * 1_000_000)
}

/// The moment of a local time; both in nanoseconds since 1970.
pub(crate) fn local_to_utc_nanos(nanos: i128, zone: Tz) -> i128 {
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(0);
    nanos - i128::from(local_offset_seconds(seconds, zone)) * 1_000_000_000
}

/// Local time of a moment and how far it is ahead of UTC, as `java.util.TimeZone` has it: before 1900 the zone's present
/// standard time counts, not its mean solar time. Both in microseconds.
pub(crate) fn utc_to_local_legacy(micros: i64, zone: Tz) -> (i64, i64) {
    let seconds = micros.div_euclid(1_000_000);
    let offset =
        if seconds < YEAR_1900 { standard_seconds(zone) } else { offset_seconds(seconds, zone) };
    (micros.saturating_add(offset * 1_000_000), offset * 1_000_000)
}

/// The moment of a local time as `java.util.TimeZone` has it: a time that occurs twice is the later one, and before 1900
/// the zone's present standard time counts. Both in microseconds since 1970.
pub(crate) fn local_to_utc_legacy(micros: i64, zone: Tz) -> i64 {
    let seconds = micros.div_euclid(1_000_000);
    let offset = if seconds < YEAR_1900 + offset_seconds(YEAR_1900, zone) {
        standard_seconds(zone)
    } else {
        match mapped(seconds, zone) {
            MappedLocalTime::Ambiguous(_, offset) => i64::from(offset.fix().local_minus_utc()),
            _ => local_offset_seconds(seconds, zone),
        }
    };
    micros.saturating_sub(offset * 1_000_000)
}

/// The zone's present standard time.
fn standard_seconds(zone: Tz) -> i64 {
    let winter = offset_seconds(JANUARY_2024, zone);
    winter.min(offset_seconds(JANUARY_2024 + 182 * 86_400, zone))
}

/// 1900-01-01 in seconds since 1970.
const YEAR_1900: i64 = -2_208_988_800;
/// 2024-01-01 in seconds since 1970.
const JANUARY_2024: i64 = 1_704_067_200;
/// 2100-01-01 in seconds since 1970: the time zone data lists no changes from there on.
const YEAR_2100: i64 = 4_102_444_800;

/// The same moment of a year before 2100 that has the same calendar: the rules of today go on for ever.
fn within_data(seconds: i64) -> i64 {
    if seconds < YEAR_2100 {
        return seconds;
    }
    let days = seconds.div_euclid(86_400);
    let (year, ..) = civil_from_days(days);
    let first = |year: i64| days_from_civil(year, 1, 1);
    let same = |candidate: &i64| {
        (first(*candidate) - first(year)) % 7 == 0
            && first(*candidate + 1) - first(*candidate) == first(year + 1) - first(year)
    };
    let twin = (2_060..2_088).find(same).unwrap_or(2_060);
    seconds + (first(twin) - first(year)) * 86_400
}

fn offset_seconds(utc_seconds: i64, zone: Tz) -> i64 {
    if zone == Tz::UTC {
        return 0;
    }
    match DateTime::from_timestamp(within_data(utc_seconds), 0) {
        Some(moment) => {
            let offset = zone.offset_from_utc_datetime(&moment.naive_utc());
            i64::from(offset.fix().local_minus_utc())
        }
        None => 0,
    }
}

/// The offsets that a local time may have.
fn mapped(local_seconds: i64, zone: Tz) -> MappedLocalTime<<Tz as TimeZone>::Offset> {
    match DateTime::from_timestamp(within_data(local_seconds), 0) {
        Some(local) => zone.offset_from_local_datetime(&local.naive_utc()),
        None => MappedLocalTime::None,
    }
}

fn local_offset_seconds(local_seconds: i64, zone: Tz) -> i64 {
    if zone == Tz::UTC {
        return 0;
    }
    match mapped(local_seconds, zone) {
        MappedLocalTime::Single(offset) | MappedLocalTime::Ambiguous(offset, _) => {
            i64::from(offset.fix().local_minus_utc())
        }
        // In a gap the offset before it counts; no gap is near another one.
        MappedLocalTime::None => offset_seconds(local_seconds - 86_400, zone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::java_text::parse_timestamp_cast;

    fn micros(text: &str) -> i64 {
        parse_timestamp_cast(text).unwrap().to_micros().unwrap()
    }

    #[test]
    fn local_times_map_as_in_java() {
        let zone = Tz::Europe__Berlin;
        for (local, utc) in [
            ("2024-01-15 12:00:00", "2024-01-15 11:00:00"),
            ("2024-07-15 12:00:00", "2024-07-15 10:00:00"),
            // Skipped: 02:30 becomes 03:30 summer time.
            ("2024-03-31 02:30:00", "2024-03-31 01:30:00"),
            // Twice: the earlier, in summer time.
            ("2024-10-27 02:30:00", "2024-10-27 00:30:00"),
        ] {
            assert_eq!(local_to_utc(micros(local), zone), micros(utc), "{local}");
        }
        // `java.util.TimeZone` takes the later one, in standard time.
        let later = local_to_utc_legacy(micros("2024-10-27 02:30:00"), zone);
        assert_eq!(later, micros("2024-10-27 01:30:00"));
        assert_eq!(
            utc_to_local(micros("2024-03-31 01:30:00"), zone),
            micros("2024-03-31 03:30:00")
        );
    }
}
