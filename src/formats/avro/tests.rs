use super::cursor::{write_bytes, write_long};
use super::decode::AvroRows;
use super::derive::derive_schema;
use super::schema::Schema;
use super::{AvroFormat, parse};
use crate::base::limits::AVRO_EMPTY_VALUES_MAX;
use crate::formats::harness::{
    all_columns, decode, decoder_for, encoder, parse_fields, show_rows, slab,
};
use crate::table::{DecodeRequest, Encoded};
use crate::types::java_map::bucket;
use crate::types::{Batch, Field, RowErrors, map_keys};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use std::sync::Arc;

const ALL_TYPES: &str = "b BOOLEAN, t TINYINT, s SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, v STRING, y BYTES, \
    p DECIMAL(10, 2), dt DATE, tm TIME(3), ts TIMESTAMP(3), n INT NOT NULL, a ARRAY<INT>, m MAP<STRING, ROW<x INT>>, \
    r ROW<x INT, y ARRAY<STRING> NOT NULL>";

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

/// Rows and messages of one record of another writer.
fn resolve(writer: &str, fields: &str, record: &[u8]) -> (String, Vec<String>) {
    let fields = parse_fields(fields).unwrap();
    let reader = derive_schema(&fields, false).unwrap();
    resolve_with(writer, &reader, &fields, record)
}

fn resolve_with(
    writer: &str,
    reader: &str,
    fields: &[Field],
    record: &[u8],
) -> (String, Vec<String>) {
    let request = all_columns(fields);
    let reader = parse(reader).unwrap();
    let mut rows = AvroRows::new(&request, Arc::clone(&reader), reader.root()).unwrap();
    let plan = rows.plan(Arc::new(Schema::parse(writer).unwrap()));
    let mut errors = RowErrors::new();
    if let Err(refused) = rows.record(&plan, 0, record, 0) {
        rows.rows.fail(0, record, &mut errors, || refused.describe());
    }
    rows.rows.convert(&[record], &mut errors).unwrap();
    rows.rows.end_chunk(1);
    let decoded = rows.rows.finish().unwrap();
    let messages = errors.kept().iter().map(|error| error.message.clone()).collect();
    (show_rows(&decoded, fields), messages)
}

fn record_of(fields: &[(&str, &str)]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, schema)| format!(r#"{{"name":"{name}","type":{schema}}}"#))
        .collect();
    format!(r#"{{"type":"record","name":"w","fields":[{}]}}"#, fields.join(","))
}

#[test]
fn schemas_are_those_of_flink() {
    let fields =
        parse_fields("a INT, b STRING NOT NULL, r ROW<x DECIMAL(4, 2), y ARRAY<ROW<z INT>>>")
            .unwrap();
    assert_eq!(
        derive_schema(&fields, true).unwrap(),
        r#"{"type":"record","name":"record","namespace":"org.apache.flink.avro.generated","fields":[{"name":"a","type":["null","int"],"default":null},{"name":"b","type":"string"},{"name":"r","type":["null",{"type":"record","name":"record_r","fields":[{"name":"x","type":["null",{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}],"default":null},{"name":"y","type":["null",{"type":"array","items":["null",{"type":"record","name":"record_r_y","fields":[{"name":"z","type":["null","int"],"default":null}]}]}],"default":null}]}],"default":null}]}"#
    );
}

#[test]
fn numbers_are_promoted() {
    let int = hex("0e");
    for (writer, data_type, record, expected) in [
        ("\"int\"", "BIGINT", int.clone(), "(7)"),
        ("\"int\"", "FLOAT", int.clone(), "(7.0)"),
        ("\"int\"", "DOUBLE", int.clone(), "(7.0)"),
        ("\"long\"", "FLOAT", int.clone(), "(7.0)"),
        ("\"long\"", "DOUBLE", int.clone(), "(7.0)"),
        ("\"float\"", "DOUBLE", hex("0000c03f"), "(1.5)"),
        ("\"string\"", "BYTES", hex("0261"), "(x61)"),
        ("\"bytes\"", "STRING", hex("0261"), "('a')"),
        (r#"{"type":"enum","name":"e","symbols":["A","B"]}"#, "STRING", hex("02"), "('B')"),
        (r#"{"type":"fixed","name":"f","size":2}"#, "BYTES", hex("0102"), "(x0102)"),
        (
            r#"{"type":"long","logicalType":"timestamp-micros"}"#,
            "TIMESTAMP(6)",
            int.clone(),
            "(1970-01-01 00:00:00.000007000)",
        ),
        (
            r#"{"type":"long","logicalType":"timestamp-millis"}"#,
            "TIMESTAMP(6)",
            int.clone(),
            "(1970-01-01 00:00:00.007000000)",
        ),
        (r#"{"type":"long","logicalType":"time-micros"}"#, "TIME(3)", hex("b0ea01"), "(15)"),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}"#,
            "DECIMAL(9, 2)",
            hex("0404d2"),
            "(1.23)",
        ),
        ("[\"string\",\"int\"]", "BIGINT", hex("020e"), "(7)"),
        ("[\"int\",\"null\"]", "BIGINT", hex("02"), "(null)"),
    ] {
        let writer = record_of(&[("a", writer)]);
        let (rows, errors) = resolve(&writer, &format!("a {data_type}"), &record);
        assert_eq!((rows.as_str(), errors.len()), (expected, 0), "{writer} {data_type} {errors:?}");
    }
}

#[test]
fn types_that_do_not_fit_fail_their_rows() {
    for (writer, data_type, record, expected) in [
        ("\"long\"", "INT", hex("0e"), "the record's Avro type long is not INT"),
        ("\"double\"", "FLOAT", hex("0000000000000000"), "Avro type double is not FLOAT"),
        ("[\"int\",\"string\"]", "INT", hex("020261"), "Avro type string is not INT"),
        (
            "{\"type\":\"array\",\"items\":\"string\"}",
            "ARRAY<INT>",
            hex("02026100"),
            "field 'a[1]': the record's",
        ),
        (
            "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4}",
            "DECIMAL(4, 0)",
            hex("00"),
            "no bytes",
        ),
        ("\"int\"", "TIME(0)", hex("01"), "no time of a day"),
    ] {
        let writer = record_of(&[("a", writer)]);
        let (rows, errors) = resolve(&writer, &format!("a {data_type}"), &record);
        assert_eq!((rows.as_str(), errors.len()), ("", 1), "{writer} {data_type}");
        assert!(errors[0].contains(expected), "{errors:?}");
        assert!(errors[0].contains("field 'a"), "{errors:?}");
    }
    let (rows, errors) = resolve("\"int\"", "a INT", &[2]);
    assert!(
        rows.is_empty() && errors[0].contains("its Avro type is int, not a record"),
        "{errors:?}"
    );
}

#[test]
fn fields_are_found_by_name() {
    let writer = record_of(&[("z", "\"string\""), ("b", "\"int\""), ("a", "\"int\"")]);
    let record = hex("0278 04 02");
    assert_eq!(resolve(&writer, "a INT, b INT", &record).0, "(1, 2)");
    assert_eq!(resolve(&writer, "b INT, c STRING", &record).0, "(2, null)");
    let (_, errors) = resolve(&writer, "a INT, c STRING NOT NULL", &record);
    assert!(errors[0].contains("no field 'c', which has no default"), "{errors:?}");
    // Inside of a ROW too.
    let writer = record_of(&[(
        "r",
        &record_of(&[("q", "\"int\""), ("y", "\"int\"")]).replace("\"w\"", "\"i\""),
    )]);
    assert_eq!(resolve(&writer, "r ROW<x INT, y INT>", &hex("0204")).0, "((null, 2))");
}

#[test]
fn aliases_and_defaults_of_the_table_count() {
    let reader = r#"{"type":"record","name":"r","aliases":["w"],"fields":[
        {"name":"a","type":"int","aliases":["old"]},
        {"name":"b","type":["string","null"],"default":"none"},
        {"name":"c","type":{"type":"array","items":"long"},"default":[1,2]},
        {"name":"d","type":{"type":"record","name":"i","fields":[{"name":"x","type":"int","default":9}]},"default":{}}]}"#;
    let fields = parse_fields("a INT, b STRING, c ARRAY<BIGINT>, d ROW<x INT>").unwrap();
    let writer = record_of(&[("old", "\"int\"")]);
    let (rows, errors) = resolve_with(&writer, reader, &fields, &hex("0e"));
    assert_eq!((rows.as_str(), errors.len()), ("(7, 'none', [1, 2], (9))", 0), "{errors:?}");
    let (_, errors) = resolve_with(&writer, &reader.replace("[\"w\"]", "[]"), &fields, &hex("0e"));
    assert!(errors[0].contains("no field 'a'"), "{errors:?}");
}

#[test]
fn hostile_records_end() {
    // A list that has itself as item, with nothing in it, and a record that has itself.
    let list = r#"{"type":"record","name":"w","fields":[{"name":"a","type":{"type":"array","items":"w"}},{"name":"b","type":"int"}]}"#;
    let (_, errors) = resolve(list, "b INT", &[2u8; 4_096]);
    assert!(errors[0].contains("64 levels"), "{errors:?}");
    let own = r#"{"type":"record","name":"w","fields":[{"name":"a","type":["null","w"]},{"name":"b","type":"int"}]}"#;
    let (_, errors) = resolve(own, "b INT", &[2u8; 4_096]);
    assert!(errors[0].contains("64 levels"), "{errors:?}");
    // Items without bytes.
    let nulls = record_of(&[("a", r#"{"type":"array","items":"null"}"#), ("b", "\"int\"")]);
    let (_, errors) = resolve(&nulls, "b INT", &hex("feffffffffffffffff01 00 02"));
    assert!(errors[0].contains("more items"), "{errors:?}");
    assert_eq!(resolve(&nulls, "b INT", &hex("06 00 02")).0, "(1)");
    // As many as there may be in a record of a few bytes, and one more.
    for (items, fits) in [(AVRO_EMPTY_VALUES_MAX, true), (AVRO_EMPTY_VALUES_MAX + 64, false)] {
        let mut record = Vec::new();
        write_long(items as i64, &mut record);
        record.extend_from_slice(&hex("00 02"));
        let (rows, errors) = resolve(&nulls, "a ARRAY<STRING>", &record);
        assert_eq!(errors.is_empty(), fits, "{errors:?}");
        assert!(!fits || rows.matches("null").count() == items);
    }
    // Fields without bytes count each.
    let names: Vec<String> = (0..100).map(|n| format!("f{n}")).collect();
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "\"null\"")).collect();
    let empty = record_of(&fields).replace("\"w\"", "\"i\"");
    let empties = record_of(&[("a", &format!(r#"{{"type":"array","items":{empty}}}"#))]);
    let (_, errors) = resolve(&empties, "b INT", &hex("28 00"));
    assert!(errors[0].contains("values without bytes"), "{errors:?}");
    // Records with bytes are not counted, however many there are.
    let one = record_of(&[("x", "\"int\"")]).replace("\"w\"", "\"i\"");
    let many =
        record_of(&[("a", &format!(r#"{{"type":"array","items":{one}}}"#)), ("b", "\"int\"")]);
    let mut record = Vec::new();
    write_long(100_000, &mut record);
    record.resize(record.len() + 100_000, 0);
    record.extend_from_slice(&hex("00 02"));
    assert_eq!(resolve(&many, "b INT", &record).0, "(1)");
}

/// The plan of a schema is bounded as a whole.
#[test]
fn hostile_schemas_end() {
    for twice in [r#"["int","int"]"#, r#"["null",{"type":"int","logicalType":"date"},"int"]"#] {
        let problem = Schema::parse(&record_of(&[("a", twice)])).unwrap_err();
        assert!(problem.contains("holds the type 'int' twice"), "{problem}");
    }
    let own = r#"{"type":"record","name":"w","fields":[{"name":"a","type":["w","null"]}]}"#;
    Schema::parse(own).unwrap();
    // Each record of the union lacks all columns.
    const BRANCHES: usize = 3_000;
    let columns: Vec<String> = (0..400).map(|n| format!("c{n} INT")).collect();
    let branches: Vec<String> = (0..BRANCHES)
        .map(|n| format!(r#"{{"type":"record","name":"r{n}","fields":[]}}"#))
        .collect();
    let writer = format!("[{}]", branches.join(","));
    let fields = parse_fields(&columns.join(",")).unwrap();
    let reader = parse(&derive_schema(&fields, false).unwrap()).unwrap();
    let mut rows =
        AvroRows::new(&all_columns(&fields), Arc::clone(&reader), reader.root()).unwrap();
    let writer = Arc::new(Schema::parse(&writer).unwrap());
    let memory = allocation_counter::measure(|| drop(rows.plan(writer)));
    assert!(memory.bytes_max < 100 << 20, "{memory:?}");
}

#[test]
fn every_cut_and_every_changed_byte_gives_a_row_or_an_error() {
    let fields = parse_fields(ALL_TYPES).unwrap();
    let records = encode(&fields, "binary");
    let request = all_columns(&fields);
    for record in &records {
        for end in 0..record.len() {
            assert_eq!(outcome(&request, &record[..end]), (0, 1), "{end}");
        }
        for at in 0..record.len() {
            for value in [0, 1, 2, 3, 0x7f, 0x80, 0xff, record[at] ^ 1] {
                let mut changed = record.clone();
                changed[at] = value;
                let (rows, errors) = outcome(&request, &changed);
                assert_eq!(rows + errors, 1, "{at} {value}");
            }
        }
    }
}

fn outcome(request: &DecodeRequest, record: &[u8]) -> (usize, usize) {
    let mut decoder = decoder_for(&AvroFormat, &[], request).unwrap();
    let (decoded, errors) = decode(decoder.as_mut(), &[Some(record)]);
    (decoded.sources.len(), errors.len())
}

/// Two rows of [`ALL_TYPES`] as records.
fn encode(fields: &[Field], encoding: &str) -> Vec<Vec<u8>> {
    let json = [
        r#"{"b":true,"t":-1,"s":300,"i":7,"l":-9,"f":1.5,"d":-2.5,"v":"é","y":"AP8=","p":12.34,"dt":"2024-02-29","tm":"01:02:03","ts":"2024-02-29 01:02:03.004","n":1,"a":[1,null],"m":{"k":{"x":1},"l":null},"r":{"x":null,"y":["s"]}}"#,
        r#"{"n":2}"#,
    ];
    let payloads: Vec<Option<&[u8]>> = json.iter().map(|text| Some(text.as_bytes())).collect();
    let mut decoder = decoder_for(&crate::formats::JsonFormat, &[], &all_columns(fields)).unwrap();
    let (decoded, errors) = decode(decoder.as_mut(), &payloads);
    assert!(errors.is_empty(), "{:?}", errors.kept());
    let options = [("encoding".to_owned(), encoding.to_owned())];
    let mut encoder = encoder(&AvroFormat, &options, fields).unwrap();
    let (mut out, mut errors) = (Encoded::default(), RowErrors::new());
    let batch = Batch::append(decoded.sources.len(), decoded.columns);
    encoder.encode(&batch, &mut out, &mut errors).unwrap();
    assert!(errors.is_empty(), "{:?}", errors.kept());
    out.iter().map(|record| record.unwrap().to_vec()).collect()
}

#[test]
fn what_is_written_is_read() {
    let fields = parse_fields(ALL_TYPES).unwrap();
    for encoding in ["binary", "json"] {
        let records = encode(&fields, encoding);
        let payloads: Vec<Option<&[u8]>> =
            records.iter().map(|record| Some(record.as_slice())).collect();
        let options = [("encoding".to_owned(), encoding.to_owned())];
        let mut decoder = decoder_for(&AvroFormat, &options, &all_columns(&fields)).unwrap();
        let (decoded, errors) = decode(decoder.as_mut(), &payloads);
        assert!(errors.is_empty(), "{:?}", errors.kept());
        assert_eq!(
            show_rows(&decoded, &fields),
            "(true, -1, 300, 7, -9, 1.5, -2.5, 'é', x00ff, 12.34, 19782, 3723000, 2024-02-29 01:02:03.004000000, 1, [1, null], \
             {'k'=(1), 'l'=null}, (null, ['s'])) (null, null, null, null, null, null, null, null, null, null, null, \
             null, null, 2, null, null, null)"
        );
    }
}

#[test]
fn columns_that_nobody_uses_are_passed_over() {
    let fields = parse_fields(ALL_TYPES).unwrap();
    let records = encode(&fields, "binary");
    let payloads: Vec<Option<&[u8]>> =
        records.iter().map(|record| Some(record.as_slice())).collect();
    let request = DecodeRequest { columns: vec![13, 7], ..all_columns(&fields) };
    let mut decoder = decoder_for(&AvroFormat, &[], &request).unwrap();
    let (decoded, errors) = decode(decoder.as_mut(), &payloads);
    assert!(errors.is_empty());
    let shown = [fields[13].clone(), fields[7].clone()];
    assert_eq!(show_rows(&decoded, &shown), "(1, 'é') (2, null)");
}

/// Records hold what their writers like: a repeated key keeps its place among those of its bucket.
#[test]
fn of_repeated_keys_of_a_map_the_last_value_counts() {
    let names = (0u32..).map(|n| format!("key {n}"));
    let names: Vec<String> = names.filter(|name| bucket(name, 2) == 7).take(2).collect();
    // Maps and their values are in a union with null.
    let mut record = Vec::new();
    write_long(1, &mut record);
    write_long(3, &mut record);
    for (value, name) in [(1, &names[0]), (2, &names[1]), (3, &names[0])] {
        write_bytes(name.as_bytes(), &mut record);
        write_long(1, &mut record);
        write_long(value, &mut record);
    }
    write_long(0, &mut record);
    let fields = parse_fields("m MAP<STRING, INT>").unwrap();
    let mut decoder = decoder_for(&AvroFormat, &[], &all_columns(&fields)).unwrap();
    let (decoded, errors) = decode(decoder.as_mut(), &[Some(&record)]);
    assert!(errors.is_empty());
    let map = decoded.columns[0].as_map();
    let keys: Vec<_> = map_keys(map).as_string_view().iter().flatten().collect();
    assert_eq!(keys, [names[0].as_str(), names[1].as_str()]);
    assert_eq!(map.values().as_primitive::<Int32Type>().values(), &[3, 2]);
}

#[test]
fn maps_ask_for_no_memory_of_their_own() {
    let mut record = Vec::new();
    write_long(1, &mut record);
    write_long(3, &mut record);
    for value in 1..=3 {
        write_bytes(format!("key {value}").as_bytes(), &mut record);
        write_long(1, &mut record);
        // Of the map inside, one entry.
        write_long(1, &mut record);
        write_bytes(b"inner", &mut record);
        write_long(1, &mut record);
        write_long(value, &mut record);
        write_long(0, &mut record);
    }
    write_long(0, &mut record);
    let fields = parse_fields("m MAP<STRING, MAP<STRING, INT>>").unwrap();
    let mut decoder = decoder_for(&AvroFormat, &[], &all_columns(&fields)).unwrap();
    let (bytes, places) = slab(&vec![Some(record.as_slice()); 1_000]);
    let mut errors = RowErrors::new();
    let mut pass = || {
        decoder.push(&bytes, &places, &mut errors).unwrap();
        decoder.finish().unwrap()
    };
    let shown = "({'key 1'={'inner'=1}, 'key 2'={'inner'=2}, 'key 3'={'inner'=3}})";
    let decoded = pass();
    assert_eq!(show_rows(&decoded, &fields).split(") (").next(), shown.strip_suffix(')'));
    let info = allocation_counter::measure(|| drop(pass()));
    assert!(errors.is_empty());
    assert!(info.count_total < 200, "{} allocations for 1,000 records", info.count_total);
}
