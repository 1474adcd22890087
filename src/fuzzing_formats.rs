//! Entry points of the formats' fuzz targets. Each takes any bytes and may only return; a panic is a finding.

use crate::formats::{
    AvroConfluentFormat, AvroFormat, ChangeJsonFormat, CsvFormat, DebeziumAvroFormat, JsonFormat,
    ProtobufFormat, RawFormat,
};
use crate::options::{OptionReader, Options, Taken};
use crate::table::{
    Answer, DecodeRequest, Decoded, EncodeRequest, Encoded, Format, Payload, RegistryAccess,
    SchemaRegistries, SchemaResolver, Waker, WrongProperty,
};
use crate::types::{Batch, DataType, Field, Kind, RowErrors};
use bytes::Bytes;
use std::sync::Arc;

/// The first byte chooses options; the rest is cut at bytes 0xfe into payloads of one push. What was decoded is encoded
/// and decoded again, and must give the same number of rows.
///
/// # Panics
/// When it does not.
pub fn json_decode(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let mut options = Options::default();
    set(&mut options, *choice & 1 != 0, "ignore-parse-errors", "true");
    set(&mut options, *choice & 3 == 2, "fail-on-missing-field", "true");
    set(&mut options, *choice & 4 != 0, "timestamp-format.standard", "ISO-8601");
    set(&mut options, *choice & 8 != 0, "encode.decimal-as-plain-number", "true");
    round_trip(&JsonFormat, &options, &json_fields(), data, true);
}

/// As [`json_decode`].
///
/// # Panics
/// When the decoder does.
pub fn csv_decode(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let mut options = Options::default();
    set(&mut options, *choice & 1 != 0, "ignore-parse-errors", "true");
    set(&mut options, *choice & 2 != 0, "escape-character", "\\");
    set(&mut options, *choice & 4 != 0, "allow-comments", "true");
    set(&mut options, *choice & 8 != 0, "null-literal", "n");
    set(&mut options, *choice & 16 != 0, "field-delimiter", "é");
    set(&mut options, *choice & 32 != 0, "disable-quote-character", "true");
    round_trip(&CsvFormat, &options, &csv_fields(), data, false);
}

/// As [`json_decode`]; the first byte chooses the column's type.
///
/// # Panics
/// When the decoder does.
pub fn raw_decode(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let kinds = [
        Kind::VarChar(Kind::STRING_LENGTH),
        Kind::VarBinary(Kind::STRING_LENGTH),
        Kind::Boolean,
        Kind::TinyInt,
        Kind::SmallInt,
        Kind::Int,
        Kind::BigInt,
        Kind::Float,
        Kind::Double,
    ];
    let Some(kind) = kinds.get(usize::from(*choice & 15)) else { return };
    let mut options = Options::default();
    set(&mut options, *choice & 16 != 0, "endianness", "little-endian");
    let charset = ["UTF-8", "UTF-16", "ISO-8859-1", "US-ASCII"].get(usize::from(*choice >> 6));
    set(&mut options, true, "charset", charset.copied().unwrap_or("UTF-8"));
    round_trip(&RawFormat, &options, &[field("a", kind.clone())], data, true);
}

/// As [`json_decode`], over a table of every type that Avro has.
///
/// # Panics
/// When the decoder does.
pub fn avro_decode(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let mut options = Options::default();
    set(&mut options, *choice & 1 != 0, "encoding", "json");
    set(&mut options, *choice & 2 != 0, "timestamp_mapping.legacy", "false");
    round_trip(&AvroFormat, &options, &avro_fields(), data, true);
}

/// Up to the first byte 0xfe the writer's schema, behind it records as in [`json_decode`], each with a registry's id.
///
/// # Panics
/// When the decoder does.
pub fn avro_confluent_decode(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == 0xfe).unwrap_or(data.len());
    let (schema, records) = data.split_at(end);
    let schema = String::from_utf8_lossy(schema).into_owned();
    let registries: Arc<dyn SchemaRegistries> = Arc::new(OneSchema(schema.into()));
    let mut options = Options::default();
    set(&mut options, true, "url", "http://registry");
    set(&mut options, true, "subject", "s");
    let rows = AvroConfluentFormat::new(Arc::clone(&registries));
    round_trip(&rows, &options, &avro_fields(), records, false);
    round_trip(&DebeziumAvroFormat::new(registries), &options, &avro_fields(), records, false);
}

/// A registry that knows one schema, under every id.
#[derive(Clone, Debug)]
struct OneSchema(Arc<str>);

impl SchemaRegistries for OneSchema {
    fn open(&self, _access: RegistryAccess) -> Result<Arc<dyn SchemaResolver>, WrongProperty> {
        Ok(Arc::new(self.clone()))
    }
}

impl SchemaResolver for OneSchema {
    fn schema(&self, _id: u32, _waker: &Waker) -> Answer<Arc<str>> {
        Answer::Ready(Arc::clone(&self.0))
    }

    fn id(
        &self,
        _subject: &str,
        _schema: &Arc<str>,
        _register: bool,
        _waker: &Waker,
    ) -> Answer<u32> {
        Answer::Ready(7)
    }
}

fn avro_fields() -> Vec<Field> {
    let string = || Box::new(DataType::string());
    let inner = vec![
        field("x", Kind::Int),
        field("y", Kind::Array(string())),
        Field::new("z", Kind::Double.not_null()),
    ];
    let rows = || Box::new(Kind::Row(inner.clone()).nullable());
    vec![
        field("a", Kind::BigInt),
        field("b", Kind::VarChar(Kind::STRING_LENGTH)),
        field("c", Kind::Decimal { precision: 20, scale: 4 }),
        field("d", Kind::Timestamp(3)),
        field("e", Kind::Boolean),
        field("f", Kind::Float),
        field("g", Kind::Date),
        field("h", Kind::Time(3)),
        field("i", Kind::VarBinary(Kind::STRING_LENGTH)),
        field("j", Kind::TinyInt),
        Field::new("k", Kind::SmallInt.not_null()),
        field("l", Kind::Row(inner.clone())),
        field("m", Kind::Array(rows())),
        field("n", Kind::Map(string(), rows())),
        field("o", Kind::Multiset(string())),
    ]
}

/// As [`json_decode`], over a message of every type that Protobuf has.
///
/// # Panics
/// When the decoder does.
pub fn protobuf_decode(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let mut options = Options::default();
    set(&mut options, *choice & 1 != 0, "ignore-parse-errors", "true");
    set(&mut options, *choice & 2 != 0, "read-default-values", "true");
    let message = if *choice & 4 == 0 { "Three" } else { "Two" };
    let source = if *choice & 4 == 0 { PROTO3 } else { PROTO2 };
    let Ok(format) = ProtobufFormat::of_source(source, message) else {
        panic!("the message of this test");
    };
    round_trip(&format, &options, &protobuf_fields(), data, true);
}

const PROTO3: &str = r#"
    syntax = "proto3";
    enum E { NONE = 0; ONE = 1; }
    message Three {
      bool a = 1; sint32 b = 2; fixed64 c = 3; float d = 4; double e = 5; string f = 6; bytes g = 7;
      E h = 8; repeated uint32 i = 9; map<string, Three> j = 10; Three k = 11; repeated Three l = 12;
      oneof m { string n = 13; E o = 14; }
      map<int64, E> p = 15;
    }
"#;

const PROTO2: &str = r#"
    syntax = "proto2";
    enum E { NONE = 0; ONE = 1; }
    message Two {
      optional bool a = 1 [default = true]; optional sint32 b = 2 [default = 7]; optional fixed64 c = 3;
      optional float d = 4; optional double e = 5; optional string f = 6 [default = "x"];
      optional bytes g = 7; optional E h = 8; repeated uint32 i = 9; map<string, Two> j = 10;
      optional group K = 11 { optional bool a = 1; optional string f = 6; repeated E q = 16; }
      repeated group L = 12 { optional string f = 6; }
      oneof m { string n = 13; E o = 14; }
      map<int64, E> p = 15;
    }
"#;

fn protobuf_fields() -> Vec<Field> {
    let string = || Box::new(DataType::string());
    let inner = Kind::Row(vec![field("f", Kind::VarChar(Kind::STRING_LENGTH))]);
    let rows = || Box::new(inner.clone().nullable());
    vec![
        field("a", Kind::Boolean),
        field("b", Kind::Int),
        field("c", Kind::BigInt),
        field("d", Kind::Float),
        field("e", Kind::Double),
        field("f", Kind::VarChar(Kind::STRING_LENGTH)),
        field("g", Kind::VarBinary(Kind::STRING_LENGTH)),
        field("h", Kind::VarChar(Kind::STRING_LENGTH)),
        field("i", Kind::Array(Box::new(Kind::Int.nullable()))),
        field("j", Kind::Map(string(), rows())),
        field("k", inner.clone()),
        field("l", Kind::Array(rows())),
        field("n", Kind::VarChar(Kind::STRING_LENGTH)),
        field("o", Kind::Int),
        field("p", Kind::Map(Box::new(Kind::BigInt.nullable()), string())),
    ]
}

/// As [`json_decode`], for changes in envelopes; the first byte chooses the format, too.
///
/// # Panics
/// When the decoder does.
pub fn change_decode(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let formats = [
        ChangeJsonFormat::DEBEZIUM,
        ChangeJsonFormat::CANAL,
        ChangeJsonFormat::MAXWELL,
        ChangeJsonFormat::OGG,
    ];
    let Some(format) = formats.get(usize::from(*choice >> 6)) else { return };
    let mut options = Options::default();
    set(&mut options, *choice & 1 != 0, "ignore-parse-errors", "true");
    set(&mut options, *choice & 2 != 0, "timestamp-format.standard", "ISO-8601");
    set(&mut options, *choice & 4 != 0, "encode.ignore-null-fields", "true");
    set(&mut options, *choice >> 6 == 0 && *choice & 8 != 0, "schema-include", "true");
    set(&mut options, *choice >> 6 == 1 && *choice & 8 != 0, "table.include", "t.*");
    round_trip(format, &options, &json_fields(), data, *choice & 8 == 0);
}

fn set(options: &mut Options, when: bool, key: &str, value: &str) {
    if when {
        options.set(key, value, None);
    }
}

fn field(name: &str, kind: Kind) -> Field {
    Field::new(name, kind.nullable())
}

fn simple_fields() -> Vec<Field> {
    vec![
        field("a", Kind::BigInt),
        field("b", Kind::VarChar(Kind::STRING_LENGTH)),
        field("c", Kind::Decimal { precision: 20, scale: 4 }),
        field("d", Kind::Timestamp(3)),
        field("e", Kind::Double),
        field("f", Kind::Boolean),
        field("g", Kind::VarBinary(Kind::STRING_LENGTH)),
        field("h", Kind::Date),
        field("i", Kind::TinyInt),
        field("j", Kind::TimestampLtz(9)),
        field("k", Kind::Time(0)),
        field("l", Kind::Float),
    ]
}

fn json_fields() -> Vec<Field> {
    let mut fields = simple_fields();
    let inner = simple_fields();
    fields.push(field("m", Kind::Array(Box::new(DataType::string()))));
    let map = Kind::Map(Box::new(DataType::string()), Box::new(Kind::Row(inner).nullable()));
    fields.push(field("n", map));
    fields.push(field("o", Kind::Multiset(Box::new(DataType::string()))));
    fields
}

fn csv_fields() -> Vec<Field> {
    let mut fields = simple_fields();
    fields.truncate(4);
    fields.push(field("m", Kind::Array(Box::new(Kind::Double.nullable()))));
    fields.push(field("n", Kind::Row(simple_fields())));
    fields
}

fn round_trip(format: &dyn Format, options: &Options, fields: &[Field], data: &[u8], again: bool) {
    let mut payloads = Vec::new();
    let mut start = 0;
    for part in data.split(|byte| *byte == 0xfe) {
        let len = i32::try_from(part.len()).unwrap_or(0);
        payloads.push(Payload { start, len });
        start += u32::try_from(part.len() + 1).unwrap_or(0);
    }
    payloads.push(Payload { start: 0, len: -1 });
    let Some(mut decoded) = decode(format, options, fields, data, &payloads) else { return };
    let rows = decoded.sources.len();
    decoded.columns.truncate(fields.len());
    let taken = Taken::default();
    let reader = OptionReader::new(options, &taken, "table");
    let request =
        EncodeRequest { fields: fields.to_vec(), subject: None, time_zone: chrono_tz::UTC };
    let Ok(mut encoder) = format.encoder(&reader, &request) else { return };
    let (mut out, mut errors) = (Encoded::default(), RowErrors::new());
    let waker: Waker = Arc::new(|| {});
    assert!(matches!(encoder.ready(&waker), Ok(true)));
    let Decoded { columns, kinds, .. } = decoded;
    let batch = Batch { rows, kinds, columns, origin: None };
    let encoded = encoder.encode(&batch, &mut out, &mut errors);
    assert!(encoded.is_ok() && errors.is_empty());
    assert_eq!(out.ends.len(), rows);
    let mut payloads = Vec::new();
    let mut start = 0;
    for end in &out.ends {
        payloads.push(Payload { start, len: i32::try_from(end - start).unwrap_or(0) });
        start = *end;
    }
    let back = decode(format, options, fields, &out.bytes, &payloads);
    // A NULL has no text in CSV, nor has an empty row; with missing fields left out nothing is promised either.
    if again && options.get("fail-on-missing-field").is_none() && fields.len() > 1 {
        assert_eq!(back.map(|back| back.sources.len()), Some(rows));
    }
}

fn decode(
    format: &dyn Format,
    options: &Options,
    fields: &[Field],
    data: &[u8],
    payloads: &[Payload],
) -> Option<Decoded> {
    let taken = Taken::default();
    let reader = OptionReader::new(options, &taken, "table");
    let request = DecodeRequest {
        fields: fields.to_vec(),
        columns: (0..fields.len()).collect(),
        metadata: format.metadata().iter().map(|(key, _)| (*key).to_owned()).collect(),
        predicate: None,
        strict: false,
        time_zone: chrono_tz::UTC,
    };
    let mut decoder = format.decoder(&reader, &request).ok()?;
    let mut errors = RowErrors::new();
    let (slab, waker): (Bytes, Waker) = (Bytes::copy_from_slice(data), Arc::new(|| {}));
    let ready = decoder.ready(&slab, payloads, &waker);
    assert!(ready.is_ok(), "{ready:?}");
    let pushed = decoder.push(&slab, payloads, &mut errors);
    assert!(pushed.is_ok(), "{pushed:?}");
    let rows = decoder.rows();
    let decoded = decoder.finish().ok()?;
    assert_eq!(rows, decoded.sources.len());
    assert!(decoded.columns.iter().all(|column| column.len() == rows));
    Some(decoded)
}
