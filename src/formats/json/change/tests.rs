//! What recordings of Flink cannot show: records larger than a chunk, filters inside of the decoder.

use super::ChangeJsonFormat;
use crate::base::limits::RECORD_VALUES_MAX;
use crate::expr::{CompareOp, Expr, Scalar};
use crate::formats::JsonFormat;
use crate::formats::harness::{all_columns, decode, decoder_for, parse_fields};
use crate::formats::rows::CHUNK_ROWS;
use crate::table::{DecodeRequest, Format};
use crate::types::{Kind, Kinds, RowKind};

/// A Canal message of updates of `rows` rows; the last one has this id.
fn updates(rows: usize, last: &str) -> String {
    let mut data: Vec<String> = (1..rows).map(|id| format!(r#"{{"id":"{id}"}}"#)).collect();
    data.push(format!(r#"{{"id":{last}}}"#));
    let old = vec![r#"{"id":"0"}"#; rows].join(",");
    format!(r#"{{"type":"UPDATE","data":[{}],"old":[{old}]}}"#, data.join(","))
}

#[test]
fn a_record_of_many_rows_comes_out_whole_or_not_at_all() {
    let fields = parse_fields("id INT").unwrap();
    let rows = CHUNK_ROWS + 10;
    let (good, bad) = (updates(rows, "\"7\""), updates(rows, "\"seven\""));
    let payloads = [r#"{"type":"INSERT","data":[{"id":"1"}]}"#, &bad, &good];
    let payloads: Vec<Option<&[u8]>> = payloads.iter().map(|text| Some(text.as_bytes())).collect();
    let request = all_columns(&fields);
    let mut decoder = decoder_for(&ChangeJsonFormat::CANAL, &[], &request).unwrap();
    let (decoded, errors) = decode(decoder.as_mut(), &payloads);
    assert_eq!(errors.kept().iter().map(|failed| failed.row).collect::<Vec<_>>(), [1]);
    assert_eq!((decoded.sources[0], decoded.sources[1]), (0, 2));
    assert_eq!(decoded.sources.len(), 1 + 2 * rows);
    let Kinds::PerRow(kinds) = &decoded.kinds else { panic!("no kinds") };
    assert_eq!(kinds.len(), decoded.sources.len());
    let pair = [RowKind::UpdateBefore, RowKind::UpdateAfter];
    assert!(kinds[0] == RowKind::Insert && kinds[1..].chunks(2).all(|chunk| chunk == pair));
}

#[test]
fn a_filter_keeps_the_kinds_of_the_rows_that_are_left() {
    let fields = parse_fields("id INT, n INT").unwrap();
    let above = Expr::compare(
        CompareOp::Gt,
        Expr::column(1, Kind::Int.nullable()),
        Expr::literal(Scalar::Integer(1), Kind::Int.not_null()),
    );
    let request = DecodeRequest { predicate: Some(above), ..all_columns(&fields) };
    let mut decoder = decoder_for(&ChangeJsonFormat::DEBEZIUM, &[], &request).unwrap();
    let (decoded, errors) = decode(
        decoder.as_mut(),
        &[
            Some(br#"{"after":{"id":1,"n":1},"op":"c"}"#),
            None,
            Some(br#"{"before":{"id":1,"n":1},"after":{"id":1,"n":2},"op":"u"}"#),
            Some(br#"{"before":{"id":1,"n":2},"after":{"id":1,"n":0},"op":"u"}"#),
            Some(br#"{"before":{"id":2,"n":5},"op":"d"}"#),
        ],
    );
    assert!(errors.is_empty());
    assert_eq!(decoded.sources, [2, 3, 4]);
    let kinds = vec![RowKind::UpdateAfter, RowKind::UpdateBefore, RowKind::Delete];
    assert_eq!(decoded.kinds, Kinds::PerRow(kinds));
}

/// An array of `{}` has a row for every three bytes.
#[test]
fn a_record_of_too_many_rows_fails_before_it_takes_all_memory() {
    const COLUMNS: usize = 500;
    let columns: Vec<String> = (0..COLUMNS).map(|n| format!("c{n} INT")).collect();
    let fields = parse_fields(&format!("r ROW<{}>", columns.join(", "))).unwrap();
    let rows = 2 * RECORD_VALUES_MAX / COLUMNS;
    let items = vec!["{}"; rows].join(",");
    let change = format!(r#"{{"type":"INSERT","data":[{items}]}}"#);
    let array = format!("[{items}]");
    let (one_change, one) = (r#"{"type":"INSERT","data":[{}]}"#, "[{}]");
    let canal: (&dyn Format, _) = (&ChangeJsonFormat::CANAL, [one_change, &change, one_change]);
    for (format, payloads) in [canal, (&JsonFormat, [one, &array, one])] {
        let payloads = payloads.map(|text| Some(text.as_bytes()));
        let mut decoder = decoder_for(format, &[], &all_columns(&fields)).unwrap();
        let mut result = None;
        let memory = allocation_counter::measure(|| {
            result = Some(decode(decoder.as_mut(), &payloads));
        });
        let (decoded, errors) = result.unwrap();
        assert!(decoded.sources == [0, 2], "{} rows", decoded.sources.len());
        let [error] = errors.kept() else { panic!("{errors:?}") };
        assert!(error.row == 1 && error.message.contains("more values than a record may have"));
        let most = 16 * RECORD_VALUES_MAX as u64;
        assert!(memory.bytes_max < most, "{} bytes at once", memory.bytes_max);
    }
}
