//! Options of `datagen`, and what they come to for a schema.

use super::generator::{Generator, Text};
use crate::base::{Error, Result};
use crate::options::{Opt, OptKind, OptionReader};
use crate::table::{ScanRequest, TableContext, TableName};
use crate::types::{DataType, Kind};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

pub(super) const ROWS_PER_SECOND: Opt =
    Opt::new("rows-per-second", OptKind::Long, "Rows per second of the whole table.")
        .default("10000");
pub(super) const NUMBER_OF_ROWS: Opt =
    Opt::new("number-of-rows", OptKind::Long, "Total rows; unset means without end.");
pub(super) const PARALLELISM: Opt =
    Opt::new("scan.parallelism", OptKind::Int, "Parallelism of the source.");
const KINDS: &[&str] = &["random", "sequence"];

/// Every option, for the reference.
pub(super) const ALL: &[Opt] = &[
    ROWS_PER_SECOND,
    NUMBER_OF_ROWS,
    PARALLELISM,
    Opt::new("fields.#.kind", OptKind::Enum(KINDS), "How values are made.").default("random"),
    Opt::new("fields.#.min", OptKind::String, "Smallest random number, inclusive."),
    Opt::new("fields.#.max", OptKind::String, "Largest random number, inclusive for integers."),
    Opt::new("fields.#.max-past", OptKind::Duration, "How far back random timestamps go.")
        .default("0"),
    Opt::new("fields.#.length", OptKind::Int, "Length of random texts, bytes and collections."),
    Opt::new("fields.#.var-len", OptKind::Bool, "Random length from 1 up to `length`.")
        .default("false"),
    Opt::new("fields.#.start", OptKind::String, "First value of a sequence."),
    Opt::new("fields.#.end", OptKind::String, "Last value of a sequence."),
    Opt::new("fields.#.null-rate", OptKind::Double, "Share of NULL values, 0 to 1.").default("0"),
];

/// Length of random texts where nothing is said.
const TEXT_LENGTH: u32 = 100;

/// What to generate.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) columns: Vec<(DataType, Generator)>,
    pub(super) rows_per_second: u64,
    /// Rows of the whole table.
    pub(super) rows: Option<u64>,
    pub(super) parallelism: usize,
    pub(super) seed: u64,
    /// Wall clock at the job's time zero, milliseconds since 1970 UTC.
    pub(super) started_at_millis: i64,
    pub(super) time_zone: chrono_tz::Tz,
}

/// Reads and checks all options.
pub(super) fn read(context: &TableContext<'_>, scan: &ScanRequest) -> Result<Plan> {
    let options = context.options;
    let at_least = |opt: &Opt, least: i64| -> Result<Option<u64>> {
        match options.long(opt)? {
            None => Ok(None),
            Some(n) if n >= least => Ok(u64::try_from(n).ok()),
            Some(_) => Err(options.invalid(opt, format_args!("expected a number from {least}"))),
        }
    };
    let rows_per_second = at_least(&ROWS_PER_SECOND, 1)?.unwrap_or(10_000);
    let mut rows = at_least(&NUMBER_OF_ROWS, 0)?;
    let parallelism =
        at_least(&PARALLELISM, 1)?.map_or(scan.parallelism, |n| usize::try_from(n).unwrap_or(1));
    let mut columns = Vec::new();
    let mut generators = Vec::new();
    for field in context.table.physical_fields() {
        let scoped = options.scoped(&format!("fields.{}.", field.name));
        let (generator, bound) = field_generator(&scoped, &field.data_type)?;
        if let Some(bound) = bound {
            rows = Some(rows.map_or(bound, |rows| rows.min(bound)));
        }
        generators.push((field.name, field.data_type, generator));
    }
    for at in &scan.columns {
        let name =
            context.table.columns.get(*at).map(|column| column.name.as_str()).unwrap_or_default();
        let Some((_, data_type, generator)) = generators.iter().find(|(field, ..)| field == name)
        else {
            return Err(Error::unsupported(format!(
                "metadata column '{name}' of connector 'datagen'"
            )));
        };
        columns.push((data_type.clone(), generator.clone()));
    }
    Ok(Plan {
        columns,
        rows_per_second,
        rows,
        parallelism,
        seed: context.job.seed ^ hash_of(&context.table.name),
        started_at_millis: context.job.started_at_millis,
        time_zone: context.job.time_zone,
    })
}

/// Tables of one job have numbers of their own.
fn hash_of(table: &TableName) -> u64 {
    let mut hasher = DefaultHasher::new();
    table.hash(&mut hasher);
    hasher.finish()
}

/// The generator of a field and, for a sequence, how many rows it lasts.
fn field_generator(
    options: &OptionReader<'_>,
    data_type: &DataType,
) -> Result<(Generator, Option<u64>)> {
    let kind = Opt::new("kind", OptKind::Enum(KINDS), "").default("random");
    if options.word(&kind)? == Some("sequence") {
        return sequence(options, data_type);
    }
    let null_rate = Opt::new("null-rate", OptKind::Double, "").default("0");
    let share = options.double(&null_rate)?.unwrap_or(0.0);
    if !(0.0..=1.0).contains(&share) {
        return Err(options.invalid(&null_rate, "expected a share from 0 to 1"));
    }
    let generator = random(options, data_type)?;
    let generator =
        if share > 0.0 { Generator::Nullable(share, Box::new(generator)) } else { generator };
    Ok((generator, None))
}

fn sequence(options: &OptionReader<'_>, data_type: &DataType) -> Result<(Generator, Option<u64>)> {
    let start = Opt::new("start", OptKind::Long, "");
    let end = Opt::new("end", OptKind::Long, "");
    match &data_type.kind {
        Kind::Boolean => return Ok((Generator::Boolean, None)),
        kind if kind.is_numeric() || kind.is_string() => {}
        _ => return Err(options.invalid(&start, format_args!("no sequence for type {data_type}"))),
    }
    options.required(&start)?;
    options.required(&end)?;
    let (first, last) = (options.long(&start)?.unwrap_or(0), options.long(&end)?.unwrap_or(0));
    let Some(steps) = last.checked_sub(first).and_then(|n| u64::try_from(n).ok()) else {
        return Err(options.invalid(&end, "the end of a sequence lies before its start"));
    };
    Ok((Generator::Sequence(first), Some(steps.saturating_add(1))))
}

fn random(options: &OptionReader<'_>, data_type: &DataType) -> Result<Generator> {
    Ok(match &data_type.kind {
        Kind::Boolean => Generator::Boolean,
        Kind::TinyInt => integer(options, i64::from(i8::MIN), i64::from(i8::MAX))?,
        Kind::SmallInt => integer(options, i64::from(i16::MIN), i64::from(i16::MAX))?,
        Kind::Int => integer(options, i64::from(i32::MIN), i64::from(i32::MAX))?,
        Kind::BigInt => integer(options, i64::MIN, i64::MAX)?,
        // Java's MIN_VALUE is the smallest positive number: Flink never makes negative ones by default.
        Kind::Float => real(options, f64::from(f32::from_bits(1)), f64::from(f32::MAX))?,
        Kind::Double => real(options, f64::from_bits(1), f64::MAX)?,
        // Flink's `DecimalDataRandomGenerator` draws from what the type holds.
        Kind::Decimal { precision, scale } => {
            let scale = i32::from(*scale);
            let most = 10_f64.powi(i32::from(*precision) - scale) - 10_f64.powi(-scale);
            match real(options, f64::from_bits(1), f64::MAX)? {
                Generator::Real(low, high) => {
                    Generator::Real(low.clamp(-most, most), high.clamp(-most, most))
                }
                other => other,
            }
        }
        Kind::Char(n) => fixed(options, *n)?,
        Kind::Binary(n) => fixed(options, *n)?,
        Kind::VarChar(n) | Kind::VarBinary(n) => variable(options, *n)?,
        Kind::Date => Generator::Today,
        Kind::Time(_) => Generator::TimeOfDay,
        Kind::Timestamp(_) | Kind::TimestampLtz(_) => {
            let past = Opt::new("max-past", OptKind::Duration, "").default("0");
            let past = options.duration(&past)?.unwrap_or_default();
            Generator::Timestamp(i64::try_from(past.as_millis()).unwrap_or(i64::MAX))
        }
        _ => return Err(Error::unsupported(format_args!("datagen for type {data_type}"))),
    })
}

fn integer(options: &OptionReader<'_>, least: i64, most: i64) -> Result<Generator> {
    let min = Opt::new("min", OptKind::Long, "");
    let max = Opt::new("max", OptKind::Long, "");
    let low = options.long(&min)?.unwrap_or(least);
    let high = options.long(&max)?.unwrap_or(most);
    for (opt, value) in [(&min, low), (&max, high)] {
        if !(least..=most).contains(&value) {
            return Err(
                options.invalid(opt, format_args!("expected a number from {least} to {most}"))
            );
        }
    }
    if low > high {
        return Err(options.invalid(&min, format_args!("the minimum is above the maximum {high}")));
    }
    Ok(Generator::Integer(low, high))
}

fn real(options: &OptionReader<'_>, least: f64, most: f64) -> Result<Generator> {
    let min = Opt::new("min", OptKind::Double, "");
    let max = Opt::new("max", OptKind::Double, "");
    let low = options.double(&min)?.unwrap_or(least);
    let high = options.double(&max)?.unwrap_or(most);
    if low > high {
        return Err(options.invalid(&min, format_args!("the minimum is above the maximum {high}")));
    }
    Ok(Generator::Real(low, high))
}

const LENGTH: Opt = Opt::new("length", OptKind::Int, "");
const VAR_LEN: Opt = Opt::new("var-len", OptKind::Bool, "").default("false");

fn fixed(options: &OptionReader<'_>, length: u32) -> Result<Generator> {
    if options.is_set(&LENGTH) {
        return Err(options.invalid(
            &LENGTH,
            "a custom length for a fixed-length type (CHAR/BINARY) is not supported",
        ));
    }
    if options.bool(&VAR_LEN)? {
        return Err(options.invalid(&VAR_LEN, "only for VARCHAR, STRING, VARBINARY and BYTES"));
    }
    Ok(text(length.min(TEXT_LENGTH), false))
}

fn variable(options: &OptionReader<'_>, most: u32) -> Result<Generator> {
    let length = match options.long(&LENGTH)? {
        None => most.min(TEXT_LENGTH),
        Some(n) => match u32::try_from(n) {
            Ok(n) if n >= 1 && n <= most => n,
            Ok(n) if n > most => {
                return Err(options.invalid(
                    &LENGTH,
                    format_args!("should be no longer than '{most}' defined in the schema"),
                ));
            }
            _ => return Err(options.invalid(&LENGTH, "expected a length from 1")),
        },
    };
    Ok(text(length, options.bool(&VAR_LEN)?))
}

fn text(length: u32, variable: bool) -> Generator {
    let length = usize::try_from(length).unwrap_or(0);
    Generator::Text(Text { length, variable })
}
