//! Options of `datagen`, and what they come to for a schema.

use super::generator::{Generator, Text};
use crate::base::limits::{BATCH_ROWS_MAX, DATAGEN_ELEMENTS_MAX};
use crate::base::{Error, Result};
use crate::options::{Opt, OptKind, OptionReader};
use crate::table::{ScanRequest, TableContext, TableName, WallClock};
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
    Opt::new(
        "fields.#.kind",
        OptKind::Enum(KINDS),
        "How a column's values are made. In the other options `#` is a column or a part of one: `row.field`, \
         `array.element`, `multiset.element`, `map.key`, `map.value`.",
    )
    .default("random"),
    Opt::new("fields.#.min", OptKind::String, "Smallest random number, inclusive."),
    Opt::new("fields.#.max", OptKind::String, "Largest random number, inclusive for integers."),
    Opt::new("fields.#.max-past", OptKind::Duration, "How far back random timestamps go.")
        .default("0"),
    Opt::new("fields.#.length", OptKind::Int, "Length of random texts and bytes (100), and of collections (3)."),
    Opt::new("fields.#.var-len", OptKind::Bool, "Random length from 1 up to `length`.")
        .default("false"),
    Opt::new("fields.#.start", OptKind::String, "First value of a sequence."),
    Opt::new("fields.#.end", OptKind::String, "Last value of a sequence."),
    Opt::new("fields.#.null-rate", OptKind::Double, "Share of NULL values, 0 to 1.").default("0"),
];

/// Length of random texts where nothing is said.
const TEXT_LENGTH: u32 = 100;

/// Elements of random collections where nothing is said.
const COLLECTION_LENGTH: usize = 3;

/// Counts of the elements of a MULTISET (Flink's `RandomGeneratorVisitor`).
const COUNTS: Generator = Generator::Integer(0, 10);

/// What to generate.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) columns: Vec<(DataType, Generator)>,
    pub(super) rows_per_second: u64,
    /// Rows of the whole table.
    pub(super) rows: Option<u64>,
    pub(super) parallelism: usize,
    pub(super) seed: u64,
    pub(super) wall_clock: WallClock,
    pub(super) time_zone: chrono_tz::Tz,
}

impl Plan {
    /// Rows of one batch: fewer where rows have many elements, since a batch is to stay small.
    pub(super) fn batch_rows(&self) -> usize {
        let elements = self.columns.iter().map(|(_, generator)| generator.elements()).max();
        (BATCH_ROWS_MAX / elements.unwrap_or(1)).max(1)
    }
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
        wall_clock: context.job.wall_clock,
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
    match options.word(&KIND)? {
        Some("sequence") => sequence(options, data_type),
        _ => Ok((random(options, data_type)?, None)),
    }
}

fn sequence(options: &OptionReader<'_>, data_type: &DataType) -> Result<(Generator, Option<u64>)> {
    let start = Opt::new("start", OptKind::Long, "");
    let end = Opt::new("end", OptKind::Long, "");
    match &data_type.kind {
        Kind::Boolean => return Ok((Generator::Boolean, None)),
        kind if kind.is_numeric() || kind.is_string() => {}
        _ => return Err(options.invalid(&KIND, format_args!("no sequence for type {data_type}"))),
    }
    options.required(&start)?;
    options.required(&end)?;
    let (first, last) = (options.long(&start)?.unwrap_or(0), options.long(&end)?.unwrap_or(0));
    let Some(steps) = last.checked_sub(first).and_then(|n| u64::try_from(n).ok()) else {
        return Err(options.invalid(&end, "the end of a sequence lies before its start"));
    };
    Ok((Generator::Sequence(first), Some(steps.saturating_add(1))))
}

/// The generator of random values of a field or of a part of one.
fn random(options: &OptionReader<'_>, data_type: &DataType) -> Result<Generator> {
    let null_rate = Opt::new("null-rate", OptKind::Double, "").default("0");
    let share = options.double(&null_rate)?.unwrap_or(0.0);
    if !(0.0..=1.0).contains(&share) {
        return Err(options.invalid(&null_rate, "expected a share from 0 to 1"));
    }
    let generator = never_null(options, data_type)?;
    Ok(if share > 0.0 { Generator::Nullable(share, Box::new(generator)) } else { generator })
}

fn never_null(options: &OptionReader<'_>, data_type: &DataType) -> Result<Generator> {
    let part = |name: &str, data_type: &DataType| -> Result<Generator> {
        random(&options.scoped(&format!("{name}.")), data_type)
    };
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
        Kind::Row(fields) => {
            let fields = fields.iter().map(|field| part(&field.name, &field.data_type));
            Generator::Row(fields.collect::<Result<_>>()?)
        }
        Kind::Array(element) => {
            let element = Box::new(part("element", element)?);
            bounded(options, Generator::Array(entries(options)?, element))?
        }
        Kind::Multiset(element) => {
            let element = Box::new(part("element", element)?);
            bounded(options, Generator::Map(entries(options)?, element, Box::new(COUNTS)))?
        }
        Kind::Map(key, value) => {
            let (key, value) = (Box::new(part("key", key)?), Box::new(part("value", value)?));
            bounded(options, Generator::Map(entries(options)?, key, value))?
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

const KIND: Opt = Opt::new("kind", OptKind::Enum(KINDS), "").default("random");
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

/// How many elements or entries a collection has.
fn entries(options: &OptionReader<'_>) -> Result<usize> {
    let Some(length) = options.long(&LENGTH)? else { return Ok(COLLECTION_LENGTH) };
    usize::try_from(length).map_err(|_| options.invalid(&LENGTH, "expected a length from 0"))
}

/// Refuses collections that are too large for memory.
fn bounded(options: &OptionReader<'_>, generator: Generator) -> Result<Generator> {
    match generator.elements() {
        ..=DATAGEN_ELEMENTS_MAX => Ok(generator),
        _ => Err(options.invalid(
            &LENGTH,
            format_args!(
                "a row would hold more than {DATAGEN_ELEMENTS_MAX} elements in this column"
            ),
        )),
    }
}

fn text(length: u32, variable: bool) -> Generator {
    let length = usize::try_from(length).unwrap_or(0);
    Generator::Text(Text { length, variable })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Options, Taken};
    use crate::types::Field;

    /// The generator of a column `c`, or what is said of its options.
    fn read(kind: Kind, given: &[(&str, &str)]) -> std::result::Result<Generator, String> {
        let mut options = Options::default();
        given.iter().for_each(|(key, value)| options.set(*key, *value, None));
        let taken = Taken::default();
        let reader = OptionReader::new(&options, &taken, "table 't'");
        let generator = field_generator(&reader.scoped("fields.c."), &kind.nullable());
        let generator = generator.and_then(|(generator, _)| reader.finish().map(|()| generator));
        generator.map_err(|error| format!("{error}; {}", error.hint().unwrap_or_default()))
    }

    fn row() -> Kind {
        Kind::Row(vec![Field::new("x", Kind::Int.nullable()), Field::new("y", DataType::string())])
    }

    fn map() -> Kind {
        Kind::Map(Box::new(DataType::string()), Box::new(row().nullable()))
    }

    #[test]
    fn parts_have_options_under_their_names() {
        let given = [
            ("fields.c.null-rate", "0.5"),
            ("fields.c.length", "2"),
            ("fields.c.key.length", "8"),
            ("fields.c.key.var-len", "true"),
            ("fields.c.value.x.min", "1"),
            ("fields.c.value.x.max", "9"),
            ("fields.c.value.y.null-rate", "1"),
        ];
        let generator = read(map(), &given).unwrap();
        let expected = "Nullable(0.5, Map(2, Text(Text { length: 8, variable: true }), \
                        Row([Integer(1, 9), Nullable(1.0, Text(Text { length: 100, variable: false }))])))";
        assert_eq!(format!("{generator:?}"), expected);
        assert_eq!(generator.elements(), 2);
    }

    #[test]
    fn collections_have_three_elements_where_nothing_is_said() {
        let element = || Box::new(Kind::Boolean.nullable());
        let shown = |kind| format!("{:?}", read(kind, &[]).unwrap());
        assert_eq!(shown(Kind::Array(element())), "Array(3, Boolean)");
        assert_eq!(shown(Kind::Multiset(element())), "Map(3, Boolean, Integer(0, 10))");
    }

    #[test]
    fn an_unknown_part_is_refused_with_the_nearest() {
        let refused = read(row(), &[("fields.c.z.min", "1")]).unwrap_err();
        let expected =
            "unknown option 'fields.c.z.min' for table 't'; did you mean 'fields.c.x.min'?";
        assert!(refused.starts_with(expected), "{refused}");
        let refused =
            read(Kind::Array(Box::new(row().nullable())), &[("fields.c.elemnt.x.min", "1")]);
        let refused = refused.unwrap_err();
        assert!(refused.contains("did you mean 'fields.c.element.x.min'?"), "{refused}");
    }

    #[test]
    fn only_columns_have_a_kind() {
        let refused = read(row(), &[("fields.c.x.kind", "sequence")]).unwrap_err();
        assert!(refused.starts_with("unknown option 'fields.c.x.kind'"), "{refused}");
    }

    #[test]
    fn nested_types_have_no_sequence() {
        let element = || Box::new(Kind::Int.nullable());
        for kind in [row(), map(), Kind::Array(element()), Kind::Multiset(element())] {
            let expected = format!(
                "invalid option 'fields.c.kind' = 'sequence' for table 't': no sequence for type {kind}; "
            );
            assert_eq!(read(kind, &[("fields.c.kind", "sequence")]).unwrap_err(), expected);
        }
    }

    #[test]
    fn lengths_that_no_memory_holds_are_refused() {
        let array =
            || Kind::Array(Box::new(Kind::Array(Box::new(Kind::Int.nullable())).nullable()));
        let given = [("fields.c.length", "1000"), ("fields.c.element.length", "2000")];
        let refused = read(array(), &given).unwrap_err();
        let expected = "invalid option 'fields.c.length' = '1000' for table 't': \
                        a row would hold more than 1048576 elements in this column; ";
        assert_eq!(refused, expected);
        let refused = read(array(), &[("fields.c.length", "-1")]).unwrap_err();
        assert!(refused.ends_with("expected a length from 0; "), "{refused}");
        assert!(read(array(), &[("fields.c.length", "1000")]).is_ok());
    }
}
