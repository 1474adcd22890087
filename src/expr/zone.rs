//! Between UTC and the session's local time, as `java.time` converts.

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

fn offset_seconds(utc_seconds: i64, zone: Tz) -> i64 {
    if zone == Tz::UTC {
        return 0;
    }
    match DateTime::from_timestamp(utc_seconds, 0) {
        Some(moment) => {
            let offset = zone.offset_from_utc_datetime(&moment.naive_utc());
            i64::from(offset.fix().local_minus_utc())
        }
        None => 0,
    }
}

fn local_offset_seconds(local_seconds: i64, zone: Tz) -> i64 {
    if zone == Tz::UTC {
        return 0;
    }
    let Some(local) = DateTime::from_timestamp(local_seconds, 0) else { return 0 };
    match zone.offset_from_local_datetime(&local.naive_utc()) {
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
        assert_eq!(
            utc_to_local(micros("2024-03-31 01:30:00"), zone),
            micros("2024-03-31 03:30:00")
        );
    }
}
