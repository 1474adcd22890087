//! Nanoseconds per record of decoders and encoders, on records with seven fields, four of them used, and a filter that
//! one in ten passes. Run with `cargo run --release --example json_throughput`.
#![allow(clippy::print_stdout)]

use brooklet::base::Result;
use brooklet::expr::{CompareOp, Expr, Scalar};
use brooklet::formats::{AvroFormat, CsvFormat, JsonFormat};
use brooklet::options::{OptionReader, Options, Taken};
use brooklet::table::{DecodeRequest, Decoder, EncodeRequest, Encoded, Encoder, Format, Payload};
use brooklet::types::{Batch, DataType, Field, Kind, RowErrors};
use bytes::Bytes;
use std::time::Instant;

/// Records in the slab, about one large fetch.
const RECORDS: usize = 8_000;

/// Timed passes over the slab; the fastest counts.
const PASSES: usize = 300;

fn main() -> Result<()> {
    let all = [0, 1, 2, 3, 4, 5, 6];
    let used = [0, 1, 3, 4];
    for (name, format, record) in [
        ("json", &JsonFormat as &dyn Format, json_record as fn(usize) -> String),
        ("csv", &CsvFormat, csv_record),
        ("avro", &AvroFormat, json_record),
    ] {
        let (mut slab, mut payloads) = slab(record);
        if name == "avro" {
            (slab, payloads) = translated(&JsonFormat, format, &slab, &payloads)?;
        }
        println!("{name}: records of {} bytes", slab.len() / RECORDS);
        decode("4 of 7 columns, 10 % pass", format, &slab, &payloads, &used, Some(buy()))?;
        decode("4 of 7 columns, all pass", format, &slab, &payloads, &used, None)?;
        decode("7 of 7 columns, all pass", format, &slab, &payloads, &all, None)?;
        decode("structure only", format, &slab, &payloads, &[], None)?;
        encode("7 columns", format, &slab, &payloads)?;
    }
    Ok(())
}

fn fields() -> Vec<Field> {
    vec![
        Field::new("user_id", Kind::BigInt.nullable()),
        Field::new("item_id", Kind::BigInt.nullable()),
        Field::new("category_id", Kind::BigInt.nullable()),
        Field::new("behavior", DataType::string()),
        Field::new("ts", Kind::Timestamp(3).nullable()),
        Field::new("price", Kind::Double.nullable()),
        Field::new("city", DataType::string()),
    ]
}

/// `behavior = 'buy'`, with `behavior` as the third column in use.
fn buy() -> Expr {
    let behavior = Expr::column(2, DataType::string());
    let literal = Expr::literal(Scalar::String("buy".to_owned()), DataType::string());
    Expr::compare(CompareOp::Eq, behavior, literal)
}

fn behavior(number: usize) -> &'static str {
    ["buy", "pv", "cart", "pv", "fav", "pv", "pv", "cart", "pv", "pv"][number * 7 % 10]
}

fn json_record(number: usize) -> String {
    format!(
        "{{\"user_id\":{},\"item_id\":{},\"category_id\":{},\"behavior\":\"{}\",\
         \"ts\":\"2017-11-26 01:{:02}:{:02}\",\"price\":{}.{:02},\"city\":\"Zürich City\"}}",
        100_000 + number * 13 % 900_000,
        2_000_000 + number * 31 % 900_000,
        4_000 + number % 999,
        behavior(number),
        number % 60,
        number * 7 % 60,
        number % 1_000,
        number % 100,
    )
}

fn csv_record(number: usize) -> String {
    format!(
        "{},{},{},{},2017-11-26 01:{:02}:{:02},{}.{:02},Xi'an",
        100_000 + number * 13 % 900_000,
        2_000_000 + number * 31 % 900_000,
        4_000 + number % 999,
        behavior(number),
        number % 60,
        number * 7 % 60,
        number % 1_000,
        number % 100,
    )
}

fn slab(record: impl Fn(usize) -> String) -> (Bytes, Vec<Payload>) {
    let mut bytes = Vec::new();
    let mut payloads = Vec::new();
    for number in 0..RECORDS {
        let text = record(number);
        let start = u32::try_from(bytes.len()).unwrap_or(0);
        bytes.extend_from_slice(text.as_bytes());
        payloads.push(Payload { start, len: i32::try_from(text.len()).unwrap_or(0) });
    }
    (Bytes::from(bytes), payloads)
}

/// The records of one format in another.
fn translated(
    from: &dyn Format,
    to: &dyn Format,
    slab: &Bytes,
    payloads: &[Payload],
) -> Result<(Bytes, Vec<Payload>)> {
    let mut decoder = decoder(from, &[0, 1, 2, 3, 4, 5, 6], None)?;
    decoder.push(slab, payloads, &mut RowErrors::new())?;
    let decoded = decoder.finish()?;
    let (mut out, mut errors) = (Encoded::default(), RowErrors::new());
    let batch = Batch::append(decoded.sources.len(), decoded.columns);
    encoder(to)?.encode(&batch, &mut out, &mut errors)?;
    let mut start = 0;
    let mut payloads = Vec::new();
    for end in &out.ends {
        payloads.push(Payload { start, len: i32::try_from(end - start).unwrap_or(0) });
        start = *end;
    }
    Ok((Bytes::from(out.bytes), payloads))
}

fn decoder(
    format: &dyn Format,
    columns: &[usize],
    predicate: Option<Expr>,
) -> Result<Box<dyn Decoder>> {
    let (options, taken) = (Options::default(), Taken::default());
    let request = DecodeRequest {
        fields: fields(),
        columns: columns.to_vec(),
        metadata: Vec::new(),
        predicate,
        strict: false,
        time_zone: chrono_tz::UTC,
    };
    format.decoder(&OptionReader::new(&options, &taken, "table"), &request)
}

fn encoder(format: &dyn Format) -> Result<Box<dyn Encoder>> {
    let (options, taken) = (Options::default(), Taken::default());
    let request = EncodeRequest { fields: fields(), subject: None, time_zone: chrono_tz::UTC };
    format.encoder(&OptionReader::new(&options, &taken, "table"), &request)
}

fn decode(
    what: &str,
    format: &dyn Format,
    slab: &Bytes,
    payloads: &[Payload],
    columns: &[usize],
    predicate: Option<Expr>,
) -> Result<()> {
    let mut decoder = decoder(format, columns, predicate)?;
    let mut rows = 0;
    report("decode", what, || {
        let mut errors = RowErrors::new();
        decoder.push(slab, payloads, &mut errors)?;
        rows = decoder.finish()?.sources.len();
        Ok(())
    })?;
    println!("        {rows} rows of {RECORDS}");
    Ok(())
}

fn encode(what: &str, format: &dyn Format, slab: &Bytes, payloads: &[Payload]) -> Result<()> {
    let mut decoder = decoder(format, &[0, 1, 2, 3, 4, 5, 6], None)?;
    decoder.push(slab, payloads, &mut RowErrors::new())?;
    let decoded = decoder.finish()?;
    let batch = Batch::append(decoded.sources.len(), decoded.columns);
    let mut encoder = encoder(format)?;
    let mut out = Encoded::default();
    report("encode", what, || {
        out.clear();
        encoder.encode(&batch, &mut out, &mut RowErrors::new())
    })
}

fn report(verb: &str, what: &str, mut pass: impl FnMut() -> Result<()>) -> Result<()> {
    let mut best = f64::MAX;
    for _ in 0..PASSES {
        let start = Instant::now();
        pass()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    let nanos = best * 1e9 / RECORDS as f64;
    println!("    {verb} {what}: {nanos:.0} ns/record, {:.2} M records/s", 1e3 / nanos);
    Ok(())
}
