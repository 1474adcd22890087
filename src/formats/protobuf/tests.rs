//! What the recorded rows of `tests/slt/flink_protobuf.slt` do not show.

use super::ProtobufFormat;
use crate::formats::harness::{all_columns, decode, decoder, decoder_for, encoder, show_rows};
use crate::table::Encoded;
use crate::types::{Batch, DataType, Field, Kind};

const PROTO: &str = r#"
    syntax = "proto3";
    message M {
      int32 i = 1;
      string s = 2;
      M m = 3;
      repeated int64 l = 4;
      map<int64, string> t = 5;
      repeated M r = 1000;
    }
"#;

fn fields() -> Vec<Field> {
    let inner = vec![Field::new("i", Kind::Int.nullable()), Field::new("s", DataType::string())];
    let row = || Kind::Row(inner.clone()).nullable();
    let long = || Box::new(Kind::BigInt.nullable());
    vec![
        Field::new("i", Kind::Int.nullable()),
        Field::new("m", row()),
        Field::new("l", Kind::Array(long()).nullable()),
        Field::new("t", Kind::Map(long(), Box::new(DataType::string())).nullable()),
        Field::new("r", Kind::Array(Box::new(row())).nullable()),
    ]
}

fn format() -> ProtobufFormat {
    ProtobufFormat::of_source(PROTO, "M").unwrap()
}

/// A record with every field, and one of each twice.
fn full() -> Vec<u8> {
    let inner: &[u8] = &[0x08, 5, 0x12, 1, b'x'];
    let mut record = vec![0x08, 7, 0x12, 1, b'y'];
    for _ in 0..2 {
        record.extend([0x1a, 5]);
        record.extend(inner);
        record.extend([0x22, 2, 1, 2, 0x20, 3, 0x2a, 5, 0x08, 9, 0x12, 1, b'z']);
        record.extend([0xc2, 0x3e, 5]);
        record.extend(inner);
        record.extend([0x7b, 0x08, 1, 0x7c]);
    }
    record
}

#[test]
fn records_that_end_anywhere_are_read_or_refused() {
    let mut decoder = decoder(&format(), &[], &fields()).unwrap();
    let full = full();
    let (decoded, errors) = decode(decoder.as_mut(), &[Some(&full)]);
    assert!(errors.is_empty());
    let rows = show_rows(&decoded, &fields());
    assert_eq!(rows, "(7, (5, 'x'), [1, 2, 3, 1, 2, 3], {9='z'}, [(5, 'x'), (5, 'x')])");
    for end in 0..full.len() {
        let (decoded, errors) = decode(decoder.as_mut(), &[Some(&full[..end]), Some(&full)]);
        assert_eq!(decoded.sources.len() + errors.rows().len(), 2, "{end}");
        assert_eq!(decoded.sources.last(), Some(&1));
    }
}

#[test]
fn any_byte_may_be_another() {
    let mut decoder = decoder(&format(), &[], &fields()).unwrap();
    let full = full();
    for at in 0..full.len() {
        for byte in 0..=255 {
            let mut record = full.clone();
            record[at] = byte;
            let (decoded, errors) = decode(decoder.as_mut(), &[Some(&record)]);
            assert_eq!(decoded.sources.len() + errors.rows().len(), 1, "{at} {byte}");
        }
    }
}

#[test]
fn failures_tell_the_byte() {
    let mut decoder = decoder(&format(), &[], &fields()).unwrap();
    for (record, reason) in [
        (&[0x08, 1, 0x12, 9][..], "the record ends too early at byte 4"),
        (&[0x12, 1, 0xff], "a string before it is no UTF-8 at byte 3"),
        (&[0x08, 1, 0x07, 0], "a field has the wire type 7, which there is not at byte 2"),
        (&[0x1a, 2, 0x12, 1], "the record ends too early at byte 4"),
        (&[0x0c], "a group ends that did not begin at byte 1"),
    ] {
        let (_, errors) = decode(decoder.as_mut(), &[Some(record)]);
        let message = &errors.kept()[0].message;
        assert!(message.starts_with("failed to deserialize Protobuf message '"), "{message}");
        assert!(message.ends_with(reason), "{message}");
    }
    let (_, errors) = decode(decoder.as_mut(), &[None]);
    assert!(errors.kept()[0].message.ends_with("it is NULL"));
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| {
        let mut record: Vec<u8> = Vec::new();
        for _ in 0..levels {
            let mut outer = vec![0x1a];
            super::cursor::write_varint(record.len() as u64, &mut outer);
            outer.extend(&record);
            record = outer;
        }
        record
    };
    let mut decoder = decoder(&format(), &[], &fields()).unwrap();
    for (levels, fails) in [(1, 0), (100, 0), (101, 1), (5_000, 1)] {
        let (_, errors) = decode(decoder.as_mut(), &[Some(&nested(levels))]);
        assert_eq!(errors.rows().len(), fails, "{levels}");
    }
}

/// Keys of a map whose `hashCode` in Java is the same, so that looking for one among the others must not take long.
#[test]
fn keys_of_one_hash_are_ordered_in_time() {
    let mut record = Vec::new();
    for number in 0..40_000i64 {
        let key = (number << 32 | number).cast_unsigned();
        let mut entry = vec![0x08];
        super::cursor::write_varint(key, &mut entry);
        record.push(0x2a);
        super::cursor::write_varint(entry.len() as u64, &mut record);
        record.extend(entry);
    }
    let mut decoder = decoder(&format(), &[], &fields()).unwrap();
    let (decoded, errors) = decode(decoder.as_mut(), &[Some(&record)]);
    assert!(errors.is_empty());
    assert_eq!(show_rows(&decoded, &fields()).matches("=''").count(), 40_000);
}

#[test]
fn columns_in_use_and_filters_of_them() {
    let mut request = all_columns(&fields());
    request.columns = vec![2, 0];
    let mut decoder = decoder_for(&format(), &[], &request).unwrap();
    let (decoded, errors) = decode(decoder.as_mut(), &[Some(&full()), Some(&[])]);
    assert!(errors.is_empty());
    let used = [fields()[2].clone(), fields()[0].clone()];
    assert_eq!(show_rows(&decoded, &used), "([1, 2, 3, 1, 2, 3], 7) (null, 0)");
}

#[test]
fn rows_round_trip() {
    let mut decoder = decoder(&format(), &[], &fields()).unwrap();
    let (decoded, _) = decode(decoder.as_mut(), &[Some(&full()), Some(&[])]);
    let rows = show_rows(&decoded, &fields());
    let mut encoder = encoder(&format(), &[], &fields()).unwrap();
    let (mut out, mut errors) = (Encoded::default(), crate::types::RowErrors::new());
    let batch = Batch::append(2, decoded.columns);
    encoder.encode(&batch, &mut out, &mut errors).unwrap();
    assert!(errors.is_empty());
    let records: Vec<Option<&[u8]>> = out.iter().collect();
    let (decoded, _) = decode(decoder.as_mut(), &records);
    assert_eq!(show_rows(&decoded, &fields()), rows);
}

/// What the options must say, and what a table without its message is told.
#[test]
fn options_that_do_not_go_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(path("imports")).unwrap();
    std::fs::write(path("imports/b.proto"), "syntax = \"proto3\"; message B { int32 x = 1; }")
        .unwrap();
    let text = "syntax = \"proto3\"; package p; import \"b.proto\"; message A { B b = 1; int64 count = 2; }";
    std::fs::write(path("a.proto"), text).unwrap();
    std::fs::write(path("wrong.proto"), "syntax = \"proto3\"; message A { int32 x = ; }").unwrap();
    let mut compiler = protox::Compiler::new([path("imports"), path("")]).unwrap();
    compiler.include_imports(true).open_file("a.proto").unwrap();
    std::fs::write(path("a.set"), compiler.encode_file_descriptor_set()).unwrap();
    let (a, set, wrong) = (path("a.proto"), path("a.set"), path("wrong.proto"));
    let (imports, none) = (path("imports"), path("none.proto"));
    let class = ("message-class-name", "p.A");
    let column = |name: &str, kind: Kind| Field::new(name, kind.nullable());
    let count = || vec![column("count", Kind::BigInt)];
    for (options, fields, says) in [
        (vec![class, ("proto-file", &a), ("proto-path", &imports)], count(), ""),
        (
            vec![("message-class-name", "p.A.A"), ("proto-file", &a), ("proto-path", &imports)],
            count(),
            "Did you mean 'p.A'",
        ),
        (vec![("message-class-name", "p.AOuterClass$A"), ("descriptor-file", &set)], count(), ""),
        (vec![class, ("descriptor-file", &set)], count(), ""),
        (vec![class, ("descriptor-file", &a)], count(), "no descriptor set"),
        (vec![class, ("proto-file", &a)], count(), "b.proto"),
        (vec![class, ("proto-file", &none)], count(), "none.proto"),
        (vec![class, ("proto-file", &wrong)], count(), "wrong.proto"),
        (vec![class, ("proto-file", &a), ("descriptor-file", &set)], count(), "already"),
        (vec![class], count(), "protobuf.descriptor-file"),
        (vec![("descriptor-file", &set)], count(), "message-class-name"),
        (
            vec![("message-class-name", "quite.Another"), ("descriptor-file", &set)],
            count(),
            "Its messages: B, p.A",
        ),
        (
            vec![class, ("descriptor-file", &set)],
            vec![column("Count", Kind::BigInt)],
            "Did you mean 'count'",
        ),
        (
            vec![class, ("descriptor-file", &set)],
            vec![column("zzz", Kind::Int)],
            "Its fields: b, count",
        ),
        (vec![class, ("descriptor-file", &set)], vec![column("count", Kind::Int)], "is int64"),
        (
            vec![class, ("descriptor-file", &set)],
            vec![column("b", Kind::Row(vec![column("y", Kind::Int)]))],
            "message B has no field 'y'",
        ),
    ] {
        let options: Vec<(String, String)> =
            options.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let read = decoder(&ProtobufFormat::default(), &options, &fields).map(drop);
        let written = encoder(&ProtobufFormat::default(), &options, &fields).map(drop);
        for result in [read, written] {
            let told = result.map_or_else(
                |error| format!("{error} {}", error.hint().unwrap_or_default()),
                |()| String::new(),
            );
            assert!(told.contains(says) && told.is_empty() == says.is_empty(), "{says}: {told}");
        }
    }
}

/// The bytes of lists, with and without packing, groups and messages: as the specification of the encoding has them.
#[test]
fn lists_and_groups_are_written_as_declared() {
    let proto = r#"
        syntax = "proto2";
        message M {
          repeated int32 loose = 1;
          repeated int32 packed = 2 [packed = true];
          repeated group G = 3 { optional int32 x = 1; }
          repeated M m = 4;
          oneof o { int32 a = 5; string b = 6; }
        }
    "#;
    let ints = || Kind::Array(Box::new(Kind::Int.nullable())).nullable();
    let rows = |name: &str, kind: Kind| {
        let row = Kind::Row(vec![Field::new(name, kind.nullable())]);
        Kind::Array(Box::new(row.nullable())).nullable()
    };
    let fields = [
        Field::new("b", DataType::string()),
        Field::new("a", Kind::Int.nullable()),
        Field::new("m", rows("a", Kind::Int)),
        Field::new("g", rows("x", Kind::Int)),
        Field::new("packed", ints()),
        Field::new("loose", ints()),
    ];
    let format = ProtobufFormat::of_source(proto, "M").unwrap();
    let record: &[u8] = &[
        0x08, 1, 0x08, 0xac, 2, 0x12, 3, 1, 0xac, 2, 0x1b, 0x08, 7, 0x1c, 0x1b, 0x1c, 0x22, 2,
        0x28, 9, 0x22, 0, 0x28, 5,
    ];
    let mut decoder = decoder(&format, &[], &fields).unwrap();
    let (decoded, errors) = decode(decoder.as_mut(), &[Some(record)]);
    assert!(errors.is_empty());
    let rows = "(null, 5, [(9), (null)], [(7), (null)], [1, 300], [1, 300])";
    assert_eq!(show_rows(&decoded, &fields), rows);
    let mut encoder = encoder(&format, &[], &fields).unwrap();
    let (mut out, mut errors) = (Encoded::default(), crate::types::RowErrors::new());
    encoder.encode(&Batch::append(1, decoded.columns), &mut out, &mut errors).unwrap();
    assert_eq!(out.bytes, record);
}
