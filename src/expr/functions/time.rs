//! Functions over dates and times. TIMESTAMP_LTZ is read in the session's time zone.

use super::signature::{STRING, fixed, nullable};
use super::time_unit::{MICROS_PER_DAY, add_months, add_months_to_days, months_between};
use super::{Call, Function, JavaPattern, Param, Signature, Unit};
use crate::expr::cast::first_chars;
use crate::expr::value::{Prim, Str, Time, nanos_to_micros};
use crate::expr::{Expr, Scalar, zone};
use crate::types::java_text::{
    Moment, parse_date_cast, parse_date_jdbc, parse_timestamp_cast, parse_timestamp_jdbc,
};
use crate::types::{Column, Kind};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Int32Type, Int64Type, Time32MillisecondType,
    TimestampMicrosecondType,
};
use std::sync::Arc;

use Param::{Double, Interval, Long, Temporal, Text, Timestamp};

const DEFAULT_PATTERN: &str = "yyyy-MM-dd HH:mm:ss";

/// What TO_DATE with a pattern makes of text that does not fit, in days: the smallest number of milliseconds, as a date
/// that overflowed.
const NO_DATE: i32 = 1_278_983;

macro_rules! extract {
    ($usage:literal, $doc:literal, $unit:expr) => {
        Function::new(
            $usage,
            $doc,
            |args| fixed(args, &[Temporal], 1, Kind::BigInt),
            |call| extract(call, 0, $unit),
        )
    };
}

macro_rules! now {
    ($usage:literal, $doc:literal, $kind:expr, $build:expr) => {
        Function::new($usage, $doc, |args| fixed(args, &[], 0, $kind), |call| now(call, $build))
            .time()
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "$EXTRACT(unit, time)",
        "EXTRACT(unit FROM time).",
        |args| {
            let of_time = fixed(args, &[Text, Temporal], 2, Kind::BigInt);
            let of_interval = || {
                let unit = match args.first()?.as_literal() {
                    Some(Scalar::String(unit)) => Unit::parse(unit)?,
                    _ => return None,
                };
                let fits = match args.get(1)?.data_type.kind {
                    Kind::IntervalMonths => unit.months().is_some(),
                    _ => unit.micros().is_some() || matches!(unit, Unit::Epoch | Unit::Nanosecond),
                };
                fits.then(|| fixed(args, &[Text, Interval], 2, Kind::BigInt))?
            };
            of_time.or_else(of_interval)
        },
        |call| match unit(call, 0) {
            Some(unit) if call.data_type(1).kind == Kind::IntervalMonths => {
                let months = call.int(1);
                call.values::<Int64Type>(|row| Ok(months.get(row).and_then(|months| {
                    let months = i64::from(months);
                    Some(match unit {
                        Unit::Year => months / 12,
                        Unit::Quarter => months % 12 / 3 + 1,
                        Unit::Month => months % 12,
                        _ => return None,
                    })
                })))
            }
            Some(unit) if call.data_type(1).kind == Kind::IntervalMillis => {
                let millis = call.long(1);
                call.values::<Int64Type>(|row| Ok(millis.get(row).and_then(|millis| {
                    Some(match unit {
                        Unit::Day => millis / 86_400_000,
                        Unit::Hour => millis % 86_400_000 / 3_600_000,
                        Unit::Minute => millis % 3_600_000 / 60_000,
                        Unit::Second => millis % 60_000 / 1_000,
                        Unit::Millisecond => millis % 1_000,
                        Unit::Epoch => millis / 1_000,
                        _ => return None,
                    })
                })))
            }
            Some(unit) => extract(call, 1, unit),
            None => call.values::<Int64Type>(|_| Ok(None)),
        },
    ),
    extract!("YEAR(date)", "The year.", Unit::Year),
    extract!("QUARTER(date)", "The quarter, 1 to 4.", Unit::Quarter),
    extract!("MONTH(date)", "The month, 1 to 12.", Unit::Month),
    extract!("WEEK(date)", "The ISO week, 1 to 53.", Unit::Week),
    extract!("DAYOFYEAR(date)", "The day of the year, 1 to 366.", Unit::DayOfYear),
    extract!("DAYOFMONTH(date)", "The day of the month, 1 to 31.", Unit::Day),
    extract!("DAYOFWEEK(date)", "The day of the week; Sunday is 1.", Unit::DayOfWeek),
    extract!("HOUR(timestamp)", "The hour, 0 to 23.", Unit::Hour),
    extract!("MINUTE(timestamp)", "The minute, 0 to 59.", Unit::Minute),
    extract!("SECOND(timestamp)", "The second, 0 to 59.", Unit::Second),
    Function::new(
        "$FLOOR(unit, time)",
        "FLOOR(time TO unit).",
        round_signature,
        |call| round(call, Unit::floor),
    ),
    Function::new(
        "$CEIL(unit, time)",
        "CEIL(time TO unit).",
        round_signature,
        |call| round(call, Unit::ceil),
    ),
    Function::new(
        "$ADD(time, interval)",
        "A time an interval later.",
        |args| same_time(args, &[Temporal, Interval], 0),
        |call| {
            let months = matches!(call.data_type(1).kind, Kind::IntervalMonths);
            if months {
                let months = call.int(1);
                return shift(call, 0, |row| months.get(row).map(|months| Step::Months(months.into())));
            }
            let millis = call.long(1);
            shift(call, 0, |row| millis.get(row).map(|millis| Step::Micros(millis.wrapping_mul(1_000))))
        },
    ),
    Function::new(
        "TIMESTAMPADD(unit, count, time)",
        "A time `count` units later.",
        timestampadd_signature,
        |call| {
            let Some(unit) = unit(call, 0) else { return shift(call, 2, |_| None) };
            let count = call.long(1);
            shift(call, 2, |row| {
                let count = count.get(row)?;
                match (unit.months(), unit.micros()) {
                    (Some(months), _) => Some(Step::Months(count.saturating_mul(months))),
                    (None, Some(micros)) => Some(Step::Micros(count.saturating_mul(micros))),
                    (None, None) => None,
                }
            })
        },
    ),
    Function::new(
        "TIMESTAMPDIFF(unit, from, to)",
        "The number of whole units between two times.",
        |args| {
            // Flink has no code for times of the day, nor for a TIMESTAMP_LTZ beside another type.
            let moments = args.iter().filter(|arg| matches!(arg.data_type.kind, Kind::TimestampLtz(_)));
            (moments.count() != 1).then_some(())?;
            let of_day = |arg: &Expr| matches!(arg.data_type.kind, Kind::Time(_));
            (!args.iter().any(of_day)).then_some(())?;
            let nanos = matches!(args.first()?.as_literal(),
                Some(Scalar::String(unit)) if Unit::parse(unit) == Some(Unit::Nanosecond));
            let returns = if nanos { Kind::BigInt } else { Kind::Int };
            fixed(args, &[Text, Temporal, Temporal], 3, returns)
        },
        |call| {
            let Some(unit) = unit(call, 0) else { return call.values::<Int32Type>(|_| Ok(None)) };
            let moment = |at| matches!(call.data_type(at).kind, Kind::TimestampLtz(_));
            let (from, to) = if moment(1) && moment(2) {
                (Local::Timestamp(call.timestamp(1)), Local::Timestamp(call.timestamp(2)))
            } else {
                (Local::new(call, 1), Local::new(call, 2))
            };
            // Flink takes these units for seconds, which it counts as an INT.
            let seconds = |row: usize| {
                let millis = to.get(row)?.div_euclid(1_000) - from.get(row)?.div_euclid(1_000);
                Some(millis / 1_000)
            };
            if unit == Unit::Nanosecond {
                return call.values::<Int64Type>(|row| {
                    Ok(seconds(row).map(|seconds| seconds.wrapping_mul(1_000_000_000)))
                });
            }
            call.values::<Int32Type>(|row| {
                let (Some(from), Some(to)) = (from.get(row), to.get(row)) else { return Ok(None) };
                let small = |factor: i32| {
                    seconds(row).map(|seconds| (seconds as i32).wrapping_mul(factor))
                };
                match unit {
                    Unit::Millisecond => return Ok(small(1_000)),
                    Unit::Microsecond => return Ok(small(1_000_000)),
                    Unit::Week => return Ok(small(1).map(|seconds| seconds / 604_800)),
                    _ => {}
                }
                Ok(match (unit.months(), unit.micros()) {
                    (Some(months), _) => Some((months_between(to, from) / months) as i32),
                    // Flink counts milliseconds.
                    (None, Some(micros)) => {
                        Some(((to.div_euclid(1_000) - from.div_euclid(1_000)) / (micros / 1_000).max(1)) as i32)
                    }
                    (None, None) => None,
                })
            })
        },
    ),
    Function::new(
        "$DIFF(to, from)",
        "(to - from) DAY TO SECOND.",
        |args| fixed(args, &[Temporal, Temporal], 2, Kind::IntervalMillis),
        |call| {
            let moment = |at| matches!(call.data_type(at).kind, Kind::TimestampLtz(_));
            let (to, from) = if moment(0) && moment(1) {
                (Local::Timestamp(call.timestamp(0)), Local::Timestamp(call.timestamp(1)))
            } else {
                (Local::new(call, 0), Local::new(call, 1))
            };
            call.values::<Int64Type>(|row| {
                let pair = to.get(row).zip(from.get(row));
                Ok(pair.map(|(to, from)| to.div_euclid(1_000) - from.div_euclid(1_000)))
            })
        },
    ),
    Function::new(
        "DATE_FORMAT(timestamp, pattern)",
        "The time as text by a pattern of Java's DateTimeFormatter; a text is read as a timestamp first.",
        |args| {
            let time = fixed(args, &[Timestamp, Text], 2, STRING);
            nullable(time.or_else(|| fixed(args, &[Text, Text], 2, STRING)))
        },
        date_format,
    )
    .can_fail(),
    Function::new(
        "TO_TIMESTAMP(string [, pattern])",
        "The text as TIMESTAMP(3), by default `yyyy-MM-dd HH:mm:ss`; NULL where it does not fit.",
        |args| nullable(fixed(args, &[Text, Text], 1, Kind::Timestamp(3))),
        |call| {
            let local = parse_local(call, 0, 1);
            call.values::<TimestampMicrosecondType>(|row| {
                Ok(local(row)?.map(|micros| micros.div_euclid(1_000) * 1_000))
            })
        },
    )
    .can_fail(),
    Function::new(
        "TO_DATE(string [, pattern])",
        "The text as DATE. Where it does not fit, NULL without a pattern and 5471-09-27 with one, as in Flink.",
        |args| nullable(fixed(args, &[Text, Text], 1, Kind::Date)),
        |call| {
            if !call.has(1) {
                let text = call.text(0);
                return call.values::<Date32Type>(|row| Ok(text.get(row).and_then(parse_date_cast)));
            }
            let text = call.text(0);
            let mut pattern = Pattern::new(call, 1);
            call.values::<Date32Type>(|row| {
                let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)?) else {
                    return Ok(None);
                };
                let read = pattern.simple()?.parse_leniently(text, call.env.now_micros);
                let days = read.map(|time| time.utc(|local| local).div_euclid(MICROS_PER_DAY) as i32);
                Ok(Some(days.unwrap_or(NO_DATE)))
            })
        },
    )
    .can_fail()
    // A year of two digits is in the century around now.
    .time(),
    Function::new(
        "TO_TIMESTAMP_LTZ(number [, precision])",
        "Seconds (precision 0) or milliseconds (precision 3, the default) since 1970 as TIMESTAMP_LTZ(3); also a text, by a pattern, in UTC or a given time zone.",
        to_timestamp_ltz_signature,
        to_timestamp_ltz,
    )
    .can_fail(),
    Function::new(
        "FROM_UNIXTIME(seconds [, pattern])",
        "Seconds since 1970 as text in the session's time zone, by default `yyyy-MM-dd HH:mm:ss`.",
        |args| nullable(fixed(args, &[Long, Text], 1, STRING)),
        |call| {
            let (seconds, pattern) = (call.long(0), Pattern::new(call, 1));
            let zone = call.env.time_zone;
            let mut pattern = pattern;
            call.strings(|row, out| {
                let Some(seconds) = seconds.get(row) else { return Ok(None) };
                let Some(pattern) = pattern.get(row)? else { return Ok(None) };
                let pattern = pattern.simple()?;
                // Java counts milliseconds, around the end of BIGINT.
                let micros = seconds.wrapping_mul(1_000).saturating_mul(1_000);
                let local = zone::utc_to_local_legacy(micros, zone).0;
                pattern.format(local, local.saturating_sub(micros), out);
                Ok(Some(()))
            })
        },
    )
    .can_fail(),
    Function::new(
        "UNIX_TIMESTAMP([string [, pattern]])",
        "Seconds since 1970: now, or of a text in the session's time zone, by default `yyyy-MM-dd HH:mm:ss`.",
        |args| fixed(args, &[Text, Text], 0, Kind::BigInt),
        |call| {
            if !call.has(0) {
                let now = call.env.now_micros.div_euclid(1_000_000);
                return call.values::<Int64Type>(|_| Ok(Some(now)));
            }
            let (text, mut pattern) = (call.text(0), Pattern::new(call, 1));
            let zone = call.env.time_zone;
            call.values::<Int64Type>(|row| {
                let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)?) else {
                    return Ok(None);
                };
                // Flink answers the smallest BIGINT for a text that does not fit.
                let read = pattern.simple()?.parse_leniently(text, call.env.now_micros);
                let utc =
                    read.map(|time| time.utc(|local| zone::local_to_utc_legacy(local, zone)));
                // Towards zero, as Java divides.
                Ok(Some(utc.map_or(i64::MIN, |micros| micros / 1_000_000)))
            })
        },
    )
    .can_fail()
    .time(),
    Function::new(
        "CONVERT_TZ(string, from, to)",
        "A time `yyyy-MM-dd HH:mm:ss` of one time zone as text of another.",
        |args| nullable(fixed(args, &[Text, Text, Text], 3, STRING)),
        |call| {
            let (text, from, to) = (call.text(0), call.text(1), call.text(2));
            let pattern = JavaPattern::new(DEFAULT_PATTERN);
            call.strings(|row, out| {
                let (Some(text), Some(from), Some(to)) = (text.get(row), from.get(row), to.get(row))
                else {
                    return Ok(None);
                };
                let pattern = pattern.as_ref().map_err(Clone::clone)?;
                let (pattern, to) = (pattern.simple()?, JavaZone::of(to));
                let Some(read) = pattern.parse_leniently(text, call.env.now_micros) else { return Ok(None) };
                let utc = JavaZone::of(from).utc(read.local);
                let local = to.local(utc);
                pattern.format(local, local.saturating_sub(utc), out);
                Ok(Some(()))
            })
        },
    ),
    now!("CURRENT_TIMESTAMP()", "The moment, as TIMESTAMP_LTZ(3).", Kind::TimestampLtz(3), |utc, _| {
        Scalar::Timestamp(i128::from(utc) * 1_000)
    })
    .aliases(&["NOW", "CURRENT_ROW_TIMESTAMP"]),
    now!("PROCTIME()", "The moment, as TIMESTAMP_LTZ(3).", Kind::TimestampLtz(3), |utc, _| {
        Scalar::Timestamp(i128::from(utc) * 1_000)
    }),
    now!("LOCALTIMESTAMP()", "The local time, as TIMESTAMP(3).", Kind::Timestamp(3), |_, local| {
        Scalar::Timestamp(i128::from(local) * 1_000)
    }),
    now!("CURRENT_DATE()", "The local date.", Kind::Date, |_, local| {
        Scalar::Date(local.div_euclid(MICROS_PER_DAY) as i32)
    }),
    now!("LOCALTIME()", "The local time of the day.", Kind::Time(0), |_, local| {
        Scalar::Time((local.rem_euclid(MICROS_PER_DAY) / 1_000_000 * 1_000) as i32)
    })
    .aliases(&["CURRENT_TIME"]),
];

/// What `TimeZone.getTimeZone` gives: a zone of the database, or one of its own that has an offset only.
#[derive(Clone, Copy)]
enum JavaZone {
    Named(chrono_tz::Tz),
    /// Microseconds ahead of UTC.
    Offset(i64),
}

impl JavaZone {
    /// A name, or `GMT+8`, `GMT+05:30`; what is unknown is taken for GMT.
    fn of(name: &str) -> JavaZone {
        let named = name.parse().ok().or_else(|| short_zone(name)?.parse().ok());
        let offset = || Some(JavaZone::Offset(custom_offset(name)? * 60_000_000));
        named.map(JavaZone::Named).or_else(offset).unwrap_or(JavaZone::Offset(0))
    }

    fn utc(self, local: i64) -> i64 {
        match self {
            JavaZone::Named(zone) => zone::local_to_utc_legacy(local, zone),
            JavaZone::Offset(offset) => local.saturating_sub(offset),
        }
    }

    fn local(self, utc: i64) -> i64 {
        match self {
            JavaZone::Named(zone) => zone::utc_to_local_legacy(utc, zone).0,
            JavaZone::Offset(offset) => utc.saturating_add(offset),
        }
    }
}

/// Minutes ahead of UTC of `GMT+H`, `GMT+HH`, `GMT+HMM`, `GMT+HHMM`, `GMT+H:MM` or `GMT+HH:MM`, or with `-`
/// (`java.util.TimeZone`'s custom ids).
fn custom_offset(name: &str) -> Option<i64> {
    let signed = name.strip_prefix("GMT")?;
    let (sign, time) = match signed.strip_prefix('+') {
        Some(time) => (1, time),
        None => (-1, signed.strip_prefix('-')?),
    };
    let (hours, minutes) = match time.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None if time.len() > 2 => time.split_at_checked(time.len() - 2)?,
        None => (time, "0"),
    };
    let number = |text: &str| {
        let plain = (1..=2).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
        plain.then(|| text.parse::<i64>().ok())?
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// The three letters that `java.util.TimeZone` takes for places (`ZoneId.SHORT_IDS`) where the zone database has no
/// zone of that name.
fn short_zone(name: &str) -> Option<&'static str> {
    Some(match name {
        "ACT" => "Australia/Darwin",
        "AET" => "Australia/Sydney",
        "AGT" => "America/Argentina/Buenos_Aires",
        "ART" => "Africa/Cairo",
        "AST" => "America/Anchorage",
        "BET" => "America/Sao_Paulo",
        "BST" => "Asia/Dhaka",
        "CAT" => "Africa/Harare",
        "CNT" => "America/St_Johns",
        "CST" => "America/Chicago",
        "CTT" => "Asia/Shanghai",
        "EAT" => "Africa/Addis_Ababa",
        "ECT" => "Europe/Paris",
        "IET" => "America/Indiana/Indianapolis",
        "IST" => "Asia/Kolkata",
        "JST" => "Asia/Tokyo",
        "MIT" => "Pacific/Apia",
        "NET" => "Asia/Yerevan",
        "NST" => "Pacific/Auckland",
        "PLT" => "Asia/Karachi",
        "PNT" => "America/Phoenix",
        "PRT" => "America/Puerto_Rico",
        "PST" => "America/Los_Angeles",
        "SST" => "Pacific/Guadalcanal",
        "VST" => "Asia/Ho_Chi_Minh",
        _ => return None,
    })
}

/// The unit that a constant argument names.
fn unit(call: &Call<'_, '_>, at: usize) -> Option<Unit> {
    Unit::parse(call.constant_text(at)?)
}

/// Local times of any temporal argument, in microseconds since 1970.
enum Local<'a> {
    Date(Prim<'a, Date32Type>),
    TimeOfDay(Prim<'a, Time32MillisecondType>),
    Timestamp(Time<'a>),
    Utc(Time<'a>, chrono_tz::Tz),
}

impl<'a> Local<'a> {
    fn new(call: &Call<'a, '_>, at: usize) -> Local<'a> {
        match call.data_type(at).kind {
            Kind::Date => Local::Date(Prim::new(call.arg(at))),
            Kind::Time(_) => Local::TimeOfDay(Prim::new(call.arg(at))),
            Kind::TimestampLtz(_) => Local::Utc(call.timestamp(at), call.env.time_zone),
            _ => Local::Timestamp(call.timestamp(at)),
        }
    }

    fn get(&self, row: usize) -> Option<i64> {
        match self {
            Local::Date(days) => days.get(row).map(|days| i64::from(days) * MICROS_PER_DAY),
            Local::TimeOfDay(millis) => millis.get(row).map(|millis| i64::from(millis) * 1_000),
            Local::Timestamp(time) => time.micros(row),
            Local::Utc(time, zone) => time.micros(row).map(|utc| zone::utc_to_local(utc, *zone)),
        }
    }

    /// Nanoseconds below the microsecond.
    fn nanos_of_micro(&self, row: usize) -> i64 {
        match self {
            Local::Timestamp(time) | Local::Utc(time, _) => time.nanos_of_micro(row),
            Local::Date(_) | Local::TimeOfDay(_) => 0,
        }
    }
}

fn extract(call: &mut Call<'_, '_>, at: usize, unit: Unit) -> Column {
    let local = Local::new(call, at);
    // Flink counts EPOCH in local time too.
    call.values::<Int64Type>(|row| {
        Ok(local.get(row).map(|time| unit.extract(time, local.nanos_of_micro(row))))
    })
}

/// The signature of a function that gives back a time of the type of argument `time`.
fn same_time(args: &[Expr], params: &[Param], time: usize) -> Option<Signature> {
    let mut signature = fixed(args, params, params.len(), Kind::Null)?;
    signature.returns.kind = signature.args.get(time)?.clone();
    Some(signature)
}

fn round_signature(args: &[Expr]) -> Option<Signature> {
    // Flink's planner breaks on units that divide no time.
    let moment =
        |arg: &Expr| matches!(arg.data_type.kind, Kind::Timestamp(_) | Kind::TimestampLtz(_));
    if let (Some(Scalar::String(unit)), true) =
        (args.first()?.as_literal(), args.get(1).is_some_and(moment))
    {
        let unit = Unit::parse(unit)?;
        let divides =
            !matches!(unit, Unit::DayOfWeek | Unit::IsoDayOfWeek | Unit::DayOfYear | Unit::Epoch);
        divides.then_some(())?;
    }
    same_time(args, &[Text, Temporal], 1)
}

fn timestampadd_signature(args: &[Expr]) -> Option<Signature> {
    let mut signature = same_time(args, &[Text, Long, Temporal], 2)?;
    let unit = match args.first()?.as_literal() {
        Some(Scalar::String(unit)) => Unit::parse(unit)?,
        _ => return None,
    };
    // Flink's intervals end at milliseconds.
    (!matches!(unit, Unit::Microsecond | Unit::Nanosecond)).then_some(())?;
    // A date some hours later is a timestamp.
    let below_day = unit.micros().is_some_and(|micros| micros < MICROS_PER_DAY);
    if signature.returns.kind == Kind::Date && below_day {
        signature.returns.kind = Kind::Timestamp(6);
        if let Some(time) = signature.args.last_mut() {
            *time = Kind::Timestamp(6);
        }
    }
    Some(signature)
}

/// Gives a time of the result's type for each row; `local` is in microseconds since 1970, and for TIMESTAMP_LTZ really in
/// UTC.
fn times(call: &mut Call<'_, '_>, f: impl Fn(usize) -> Option<i64>) -> Column {
    match call.returns.kind {
        Kind::Date => call.values::<Date32Type>(|row| {
            Ok(f(row).map(|micros| micros.div_euclid(MICROS_PER_DAY) as i32))
        }),
        Kind::Time(_) => call.values::<Time32MillisecondType>(|row| {
            Ok(f(row).map(|micros| (micros.rem_euclid(MICROS_PER_DAY) / 1_000) as i32))
        }),
        Kind::Timestamp(p) | Kind::TimestampLtz(p) if p <= 6 => {
            call.values::<TimestampMicrosecondType>(|row| Ok(f(row)))
        }
        _ => {
            let physical = call.returns.physical();
            let column = call.values::<Decimal128Type>(|row| {
                Ok(f(row).map(|micros| i128::from(micros) * 1_000))
            });
            Arc::new(column.as_primitive::<Decimal128Type>().clone().with_data_type(physical))
        }
    }
}

fn round(call: &mut Call<'_, '_>, f: fn(Unit, i64) -> Option<i64>) -> Column {
    let unit = unit(call, 0);
    let local = Local::new(call, 1);
    if call.data_type(1).kind == Kind::Date {
        return times(call, |row| {
            let (unit, day) = (unit?, local.get(row)?);
            // Flink takes the next day for the ceiling of a day, and lets units that divide no day be.
            Some(match unit {
                Unit::Day if f(unit, 1) != Some(0) => day + MICROS_PER_DAY,
                _ => f(unit, day).unwrap_or(day),
            })
        });
    }
    times(call, |row| {
        if let Local::Utc(time, zone) = &local {
            // Flink goes back to UTC by the offset of the time that is rounded, also across a change of the offset.
            let (local, offset) = zone::utc_to_local_legacy(time.micros(row)?, *zone);
            return Some(f(unit?, local)? - offset);
        }
        f(unit?, local.get(row)?)
    })
}

/// How far a time moves.
enum Step {
    Months(i64),
    Micros(i64),
}

fn shift(call: &mut Call<'_, '_>, at: usize, step: impl Fn(usize) -> Option<Step>) -> Column {
    match call.data_type(at).kind {
        Kind::Date => {
            let days: Prim<'_, Date32Type> = Prim::new(call.arg(at));
            times(call, |row| {
                let days = i64::from(days.get(row)?);
                let moved = match step(row)? {
                    Step::Months(months) => add_months_to_days(days, months),
                    Step::Micros(micros) => days.saturating_add(micros / MICROS_PER_DAY),
                };
                moved.checked_mul(MICROS_PER_DAY)
            })
        }
        Kind::Timestamp(p) | Kind::TimestampLtz(p) if p > 6 => {
            let time = call.timestamp(at);
            let physical = call.returns.physical();
            let column = call.values::<Decimal128Type>(|row| {
                let (Some(nanos), Some(step)) = (time.nanos(row), step(row)) else {
                    return Ok(None);
                };
                Ok(Some(match step {
                    Step::Months(months) => {
                        let moved = add_months(nanos_to_micros(nanos), months);
                        i128::from(moved) * 1_000 + nanos.rem_euclid(1_000)
                    }
                    Step::Micros(micros) => nanos + i128::from(micros) * 1_000,
                }))
            });
            Arc::new(column.as_primitive::<Decimal128Type>().clone().with_data_type(physical))
        }
        Kind::TimestampLtz(_) | Kind::Timestamp(_) => {
            // Flink moves TIMESTAMP_LTZ in UTC, without looking at the time zone.
            let time = call.timestamp(at);
            times(call, |row| Some(apply(time.micros(row)?, &step(row)?)))
        }
        _ => {
            let local = Local::new(call, at);
            times(call, |row| Some(apply(local.get(row)?, &step(row)?)))
        }
    }
}

fn apply(micros: i64, step: &Step) -> i64 {
    match step {
        Step::Months(months) => add_months(micros, *months),
        Step::Micros(step) => micros.wrapping_add(*step),
    }
}

/// A pattern argument, compiled once where it is constant.
enum Pattern<'a> {
    Fixed(Result<JavaPattern, String>),
    PerRow { text: Str<'a>, last: Option<(String, JavaPattern)> },
}

impl<'a> Pattern<'a> {
    fn new(call: &Call<'a, '_>, at: usize) -> Pattern<'a> {
        if !call.has(at) {
            return Pattern::Fixed(JavaPattern::new(DEFAULT_PATTERN));
        }
        match call.text(at) {
            Str::Scalar(Some(text)) => Pattern::Fixed(JavaPattern::new(text)),
            text => Pattern::PerRow { text, last: None },
        }
    }

    fn get(&mut self, row: usize) -> Result<Option<&JavaPattern>, String> {
        match self {
            Pattern::Fixed(pattern) => pattern.as_ref().map(Some).map_err(std::clone::Clone::clone),
            Pattern::PerRow { text, last } => {
                let Some(text) = text.get(row) else { return Ok(None) };
                if last.as_ref().is_none_or(|(pattern, _)| pattern != text) {
                    *last = Some((text.to_owned(), JavaPattern::new(text)?));
                }
                Ok(last.as_ref().map(|(_, pattern)| pattern))
            }
        }
    }
}

/// Reads local times as TO_TIMESTAMP does: by the pattern, else as `java.sql.Timestamp` or `Date` would.
fn parse_local<'a>(
    call: &Call<'a, '_>,
    at: usize,
    pattern_at: usize,
) -> impl Fn(usize) -> Result<Option<i64>, String> + use<'a> {
    let text = call.text(at);
    let pattern = std::cell::RefCell::new(Pattern::new(call, pattern_at));
    let plain = !call.has(pattern_at);
    move |row| {
        let Some(text) = text.get(row) else { return Ok(None) };
        let mut pattern = pattern.borrow_mut();
        let Some(pattern) = pattern.get(row)? else { return Ok(None) };
        if plain {
            return Ok(parse_timestamp_cast(text).and_then(Moment::to_micros));
        }
        Ok(pattern.parse(text).or_else(|| {
            let text = text.trim_matches(|c: char| c <= ' ');
            if text.contains(' ') {
                parse_timestamp_jdbc(text)?.to_micros()
            } else {
                Some(i64::from(parse_date_jdbc(text)?) * MICROS_PER_DAY)
            }
        }))
    }
}

fn date_format(call: &mut Call<'_, '_>) -> Column {
    let mut pattern = Pattern::new(call, 1);
    if call.data_type(0).kind.is_string() {
        let text = call.text(0);
        let default = JavaPattern::new(DEFAULT_PATTERN);
        let zone = call.env.time_zone;
        return call.strings(|row, out| {
            let default = default.as_ref().map_err(Clone::clone)?.simple()?;
            let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)?) else {
                return Ok(None);
            };
            let pattern = pattern.simple()?;
            Ok(default.parse_leniently(text, call.env.now_micros).map(|read| {
                let offset = read.local.saturating_sub(zone::local_to_utc_legacy(read.local, zone));
                pattern.format(read.local, offset, out);
            }))
        });
    }
    let local = Local::new(call, 0);
    call.strings(|row, out| {
        let (Some(time), Some(pattern)) = (local.get(row), pattern.get(row)?) else {
            return Ok(None);
        };
        pattern.local()?.format(time, local.nanos_of_micro(row), out);
        Ok(Some(()))
    })
}

fn to_timestamp_ltz_signature(args: &[Expr]) -> Option<Signature> {
    let returns = || Kind::TimestampLtz(3);
    if let Some(precision) = args.get(1).map(|arg| &arg.data_type.kind) {
        // Only an INT is a precision.
        (!precision.is_integer() || *precision == Kind::Int).then_some(())?;
    }
    let mut by_number = fixed(args, &[Long, Param::Int], 1, returns());
    if matches!(args.first()?.data_type.kind, Kind::Decimal { .. }) {
        by_number = fixed(args, &[Param::Number, Param::Int], 1, returns());
        if let Some(number) = by_number.as_mut().and_then(|signature| signature.args.first_mut()) {
            *number = Kind::BigInt;
        }
    }
    let by_double = || fixed(args, &[Double, Param::Int], 1, returns());
    let by_text = || fixed(args, &[Text, Text, Text], 1, returns());
    nullable(by_number.or_else(by_double).or_else(by_text))
}

fn to_timestamp_ltz(call: &mut Call<'_, '_>) -> Column {
    // The years 0001 to 9999, beyond which Flink gives NULL.
    let within = |micros: i64| {
        (-62_135_596_800_000_000..=253_402_300_799_999_000).contains(&micros).then_some(micros)
    };
    let scale = |precision: i32| match precision {
        0 => Ok(1_000_000_i64),
        3 => Ok(1_000),
        other => Err(format!("the precision of TO_TIMESTAMP_LTZ is 0 or 3, not {other}")),
    };
    match call.data_type(0).kind {
        Kind::BigInt => {
            let (value, precision) = (call.long(0), call_precision(call));
            call.values::<TimestampMicrosecondType>(|row| {
                let (Some(value), Some(precision)) = (value.get(row), precision(row)) else {
                    return Ok(None);
                };
                Ok(value.checked_mul(scale(precision)?).and_then(within))
            })
        }
        Kind::Double => {
            let (value, precision) = (call.double(0), call_precision(call));
            call.values::<TimestampMicrosecondType>(|row| {
                let (Some(value), Some(precision)) = (value.get(row), precision(row)) else {
                    return Ok(None);
                };
                let millis = value * (scale(precision)? / 1_000) as f64;
                Ok((millis as i64).checked_mul(1_000).and_then(within))
            })
        }
        _ => {
            let local = parse_local(call, 0, 1);
            let (given, zone_text) = (call.text(0), call.text(2));
            let (alone, has_zone) = (!call.has(1), call.has(2));
            call.values::<TimestampMicrosecondType>(|row| {
                let Some(local) = local(row)? else {
                    // Only without a pattern does Flink fail the job.
                    return match given.get(row).filter(|_| alone) {
                        Some(text) => Err(format!("'{}' is no timestamp", first_chars(text, 60))),
                        None => Ok(None),
                    };
                };
                let zone = if has_zone {
                    let Some(text) = zone_text.get(row) else { return Ok(None) };
                    let Ok(zone) = text.parse() else { return Ok(None) };
                    zone
                } else {
                    chrono_tz::UTC
                };
                Ok(Some(zone::local_to_utc(local, zone).div_euclid(1_000) * 1_000))
            })
        }
    }
}

fn call_precision<'a>(call: &Call<'a, '_>) -> impl Fn(usize) -> Option<i32> + use<'a> {
    let precision = call.int(1);
    let given = call.has(1);
    move |row| if given { precision.get(row) } else { Some(3) }
}

fn now(call: &mut Call<'_, '_>, build: fn(i64, i64) -> Scalar) -> Column {
    let utc = call.env.now_micros.div_euclid(1_000) * 1_000;
    let local = zone::utc_to_local(utc, call.env.time_zone);
    crate::expr::spread(&build(utc, local), call.returns, call.rows)
}
