//! What all decoders share: filters, numbering, failures, chunks, memory; and other implementations as oracles.

use super::harness::{
    all_columns, decode, decoder, decoder_for, encoder, parse_fields, show_rows, slab,
};
use super::rows::CHUNK_ROWS;
use super::{CsvFormat, JsonFormat, RawFormat};
use crate::expr::{CompareOp, Expr, Scalar};
use crate::table::{DecodeRequest, Encoded, Format};
use crate::types::{Batch, DataType, RowErrors};
use serde_json::Value;

fn options(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn request(fields: &str, columns: &[usize], predicate: Option<Expr>) -> DecodeRequest {
    let fields = parse_fields(fields).unwrap();
    DecodeRequest { columns: columns.to_vec(), predicate, ..all_columns(&fields) }
}

/// `column = text`.
fn equals(column: usize, text: &str) -> Expr {
    Expr::compare(
        CompareOp::Eq,
        Expr::column(column, DataType::string()),
        Expr::literal(Scalar::String(text.to_owned()), DataType::string()),
    )
}

/// Rows of the requested columns, sources, messages.
fn run(
    format: &dyn Format,
    given: &[(&str, &str)],
    request: &DecodeRequest,
    payloads: &[Option<&str>],
) -> (String, Vec<u32>, Vec<String>) {
    let mut decoder = decoder_for(format, &options(given), request).unwrap();
    let payloads: Vec<Option<&[u8]>> = payloads.iter().map(|p| p.map(str::as_bytes)).collect();
    let (decoded, errors) = decode(decoder.as_mut(), &payloads);
    let fields: Vec<_> = request.columns.iter().map(|at| request.fields[*at].clone()).collect();
    let messages = errors.kept().iter().map(|e| format!("{}: {}", e.row, e.message)).collect();
    (show_rows(&decoded, &fields), decoded.sources.clone(), messages)
}

#[test]
fn filters_are_applied_by_every_format() {
    let wanted = |fields| request(fields, &[1, 0], Some(equals(0, "x")));
    let json = [r#"{"a":1,"b":"x"}"#, r#"{"a":2,"b":"y"}"#, r#"{"a":3}"#, r#"{"b":"x","a":4}"#];
    let (rows, sources, errors) =
        run(&JsonFormat, &[], &wanted("a INT, b STRING"), &json.map(Some));
    assert_eq!((rows.as_str(), sources, errors.len()), ("('x', 1) ('x', 4)", vec![0, 3], 0));
    let csv = ["1,x", "2,y", "3,", "4,x"];
    let (rows, sources, errors) = run(&CsvFormat, &[], &wanted("a INT, b STRING"), &csv.map(Some));
    assert_eq!((rows.as_str(), sources, errors.len()), ("('x', 1) ('x', 4)", vec![0, 3], 0));
    let raw = request("a STRING", &[0], Some(equals(0, "x")));
    let (rows, sources, _) = run(&RawFormat, &[], &raw, &[Some("y"), Some("x"), None, Some("x")]);
    assert_eq!((rows.as_str(), sources), ("('x') ('x')", vec![1, 3]));
}

#[test]
fn columns_that_nobody_sees_are_not_type_checked() {
    let fields = "a INT, b STRING, c INT";
    let wanted = request(fields, &[1, 0], Some(equals(0, "x")));
    let payloads = [
        // `c` is not requested; `a` is only in a row that the filter refuses.
        r#"{"a":1,"b":"x","c":"no number"}"#,
        r#"{"a":"no number","b":"y","c":1}"#,
        // Structure counts everywhere.
        r#"{"a":1,"b":"y","c":tru}"#,
        r#"{"a":"no number","b":"x"}"#,
    ];
    let (rows, sources, errors) = run(&JsonFormat, &[], &wanted, &payloads.map(Some));
    assert_eq!((rows.as_str(), sources), ("('x', 1)", vec![0]));
    assert_eq!(
        errors,
        [
            r#"2: failed to deserialize JSON '{"a":1,"b":"y","c":tru}': unexpected character 't' at byte 19: expected a value ('true', 'false' and 'null' are the only words)"#,
            r#"3: failed to deserialize JSON '{"a":"no number","b":"x"}': field 'a': expected INT, found "no number""#,
        ]
    );
}

#[test]
fn a_strict_decoder_checks_every_field_of_every_record() {
    let fields = "a INT, b STRING, c INT";
    let payloads = [
        r#"{"a":1,"b":"x","c":"no number"}"#,
        r#"{"a":"no number","b":"y","c":1}"#,
        r#"{"a":3,"b":"x","c":1}"#,
        r#"{"a":4,"b":"y","c":{}}"#,
    ];
    for predicate in [None, Some(equals(0, "x"))] {
        let filtered = predicate.is_some();
        let wanted = DecodeRequest { strict: true, ..request(fields, &[1, 0], predicate) };
        let (rows, sources, errors) = run(&JsonFormat, &[], &wanted, &payloads.map(Some));
        assert_eq!((rows.as_str(), sources), ("('x', 3)", vec![2]));
        let mut rows: Vec<&str> = errors.iter().map(|error| &error[..1]).collect();
        rows.sort_unstable();
        assert_eq!(rows, ["0", "1", "3"]);
        let ignore = [("ignore-parse-errors", "true")];
        let (rows, _, errors) = run(&JsonFormat, &ignore, &wanted, &payloads.map(Some));
        assert!(errors.is_empty());
        assert_eq!(rows.matches('(').count(), if filtered { 2 } else { 4 });
    }
    let csv = ["1,x,n", "n,y,1", "3,x,1"];
    let wanted = DecodeRequest { strict: true, ..request(fields, &[1], Some(equals(0, "x"))) };
    let (rows, _, errors) = run(&CsvFormat, &[], &wanted, &csv.map(Some));
    assert_eq!((rows.as_str(), errors.len()), ("('x')", 2));
}

#[test]
fn failures_name_payload_place_and_reason() {
    for (given, fields, payload, message) in [
        (&[][..], "a INT", "{\"a\":1", "unexpected end of input at byte 6: expected ',' or '}'"),
        (
            &[][..],
            "a INT",
            "[1]",
            "unexpected character '1' at byte 1: expected a JSON object as item of the array",
        ),
        (
            &[][..],
            "a INT",
            "7",
            "unexpected character '7' at byte 0: expected a JSON object, or an array of objects",
        ),
        (
            &[("fail-on-missing-field", "true")][..],
            "a INT, b INT",
            "{\"a\":1}",
            "could not find field with name 'b'",
        ),
        (
            &[("fail-on-missing-field", "true")][..],
            "a ROW<x INT, y INT>",
            "{\"a\":{\"x\":1}}",
            "field 'a.y': the field is missing",
        ),
        (
            &[][..],
            "a ARRAY<ROW<x INT>>",
            "{\"a\":[{\"x\":1},{\"x\":[]}]}",
            "field 'a[2].x': expected INT, found []",
        ),
        (
            &[][..],
            "a MAP<STRING,DATE>",
            "{\"a\":{\"k\":5}}",
            "field 'a['k']': expected DATE, found 5",
        ),
        (&[][..], "a TINYINT", "{\"a\":1.5}", "field 'a': expected TINYINT, found 1.5"),
    ] {
        let wanted = all_columns(&parse_fields(fields).unwrap());
        let (_, _, errors) =
            run(&JsonFormat, given, &wanted, &[Some("{\"a\":null,\"b\":1}"), Some(payload)]);
        assert_eq!(
            errors.last().unwrap(),
            &format!("1: failed to deserialize JSON '{payload}': {message}")
        );
    }
    let wanted = request("a INT, b INT", &[0], None);
    for (payload, message) in [
        ("1", "row length mismatch. 2 fields expected but was 1"),
        ("1,2,3", "too many entries: expected at most 2 (value #2 (1 chars) \"3\")"),
        ("x,2", "field 'a': expected INT, found \"x\""),
        ("\"1", "missing closing quote for value"),
        ("", "no content to map due to end-of-input"),
    ] {
        let (_, _, errors) = run(&CsvFormat, &[], &wanted, &[Some(payload)]);
        assert_eq!(errors, [format!("0: failed to deserialize CSV row '{payload}': {message}")]);
    }
}

#[test]
fn long_and_binary_payloads_are_shown_short() {
    let fields = parse_fields("a INT").unwrap();
    let mut json = decoder(&JsonFormat, &[], &fields).unwrap();
    let long = vec![b'x'; 10_000];
    let (_, errors) = decode(json.as_mut(), &[Some(&long), Some(b"{\"a\":\"\xff\"}")]);
    assert!(errors.kept()[0].message.len() < 400);
    assert!(errors.kept()[1].message.contains("it is not valid UTF-8"));
}

#[test]
fn payloads_are_numbered_until_the_finish() {
    let fields = parse_fields("a INT").unwrap();
    let mut json = decoder(&JsonFormat, &[], &fields).unwrap();
    let mut errors = RowErrors::new();
    for _ in 0..2 {
        for text in ["{\"a\":1}", "x"] {
            let (bytes, places) = slab(&[Some(text.as_bytes()), None, Some(b"")]);
            json.push(&bytes, &places, &mut errors).unwrap();
        }
        assert_eq!(json.rows(), 1);
        assert_eq!(json.finish().unwrap().sources, [0]);
    }
    assert_eq!(errors.rows(), [3, 3]);
}

#[test]
fn records_of_which_something_is_ignored_are_counted() {
    let fields = parse_fields("a INT, b ARRAY<INT>").unwrap();
    let given = options(&[("ignore-parse-errors", "true")]);
    let mut json = decoder(&JsonFormat, &given, &fields).unwrap();
    let payloads = [&b"x"[..], b"{\"a\":\"x\",\"b\":[1,\"y\",\"z\"]}", b"[{\"a\":1},2]"].map(Some);
    let (decoded, errors) = decode(json.as_mut(), &payloads);
    assert!(errors.is_empty());
    assert_eq!(show_rows(&decoded, &fields), "(null, [1, null, null]) (1, null)");
    assert_eq!(decoded.sources, [1, 2]);
    // Each record once, however much of it is left out.
    assert_eq!(json.ignored(), 3);
    decode(json.as_mut(), &payloads);
    assert_eq!(json.ignored(), 6);
    let both = options(&[("ignore-parse-errors", "true"), ("fail-on-missing-field", "true")]);
    let error = decoder(&JsonFormat, &both, &fields).unwrap_err().to_string();
    assert!(error.contains("shouldn't both be true"), "{error}");
}

#[test]
fn arrays_of_any_length_give_all_rows_or_none() {
    let fields = parse_fields("a INT").unwrap();
    let items = CHUNK_ROWS * 2 + 7;
    let array = |last: &str| format!("[{}{last}]", "{\"a\":1},".repeat(items));
    for (last, reason) in
        [("{\"a\":2}", ""), ("{\"a\":\"x\"}", "expected INT"), ("{\"a\":2", "unexpected")]
    {
        let mut json = decoder(&JsonFormat, &[], &fields).unwrap();
        let array = array(last);
        let payloads = [Some(&b"{\"a\":0}"[..]), Some(array.as_bytes()), Some(&b"{\"a\":3}"[..])];
        let (decoded, errors) = decode(json.as_mut(), &payloads);
        if reason.is_empty() {
            assert!(errors.is_empty());
            assert_eq!(decoded.sources.len(), items + 3);
            assert!(decoded.sources.is_sorted());
        } else {
            assert_eq!(decoded.sources, [0, 2]);
            assert_eq!(show_rows(&decoded, &fields), "(0) (3)");
            assert_eq!(errors.rows(), [1]);
            assert!(errors.kept()[0].message.contains(reason));
        }
    }
    // A fault at the start of a long array takes the rows of later chunks with it.
    let mut json = decoder(&JsonFormat, &[], &fields).unwrap();
    let array = format!("[{{\"a\":\"x\"}},{}{{}}]", "{\"a\":1},".repeat(items));
    let (decoded, errors) = decode(json.as_mut(), &[Some(array.as_bytes())]);
    assert!(decoded.sources.is_empty());
    assert_eq!(errors.rows(), [0]);
}

#[test]
fn depth_is_bounded() {
    let fields = parse_fields("a STRING").unwrap();
    for (depth, fits) in [(63, true), (64, false), (100_000, false)] {
        let text = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let mut json = decoder(&JsonFormat, &[], &fields).unwrap();
        let (decoded, errors) = decode(json.as_mut(), &[Some(text.as_bytes())]);
        assert_eq!((decoded.sources.len(), errors.is_empty()), (usize::from(fits), fits));
    }
}

#[test]
fn many_rows_cost_few_allocations() {
    let json: Vec<String> = (0..10_000)
        .map(|n| {
            format!(
                "{{\"user_id\":{n},\"item_id\":{},\"behavior\":\"{}\",\"ts\":\"2020-01-02 03:04:05\",\"note\":\"an \\\"escaped\\\" text of some length\"}}",
                n * 7,
                if n % 10 == 0 { "buy" } else { "pv" }
            )
        })
        .collect();
    let csv: Vec<String> = (0..10_000)
        .map(|n| {
            format!(
                "{n},{},{},2020-01-02 03:04:05,\"a \"\"quoted\"\" text of some length\"",
                n * 7,
                if n % 10 == 0 { "buy" } else { "pv" }
            )
        })
        .collect();
    let fields = "user_id BIGINT, item_id BIGINT, behavior STRING, ts TIMESTAMP(3), note STRING";
    for (format, texts) in [(&JsonFormat as &dyn Format, &json), (&CsvFormat, &csv)] {
        for predicate in [None, Some(equals(1, "buy"))] {
            let wanted = request(fields, &[0, 2, 3, 4], predicate);
            let mut decoder = decoder_for(format, &[], &wanted).unwrap();
            let payloads: Vec<Option<&[u8]>> = texts.iter().map(|t| Some(t.as_bytes())).collect();
            let (bytes, places) = slab(&payloads);
            let mut errors = RowErrors::new();
            // Once to warm up: memory is kept between batches.
            decoder.push(&bytes, &places, &mut errors).unwrap();
            decoder.finish().unwrap();
            let info = allocation_counter::measure(|| {
                decoder.push(&bytes, &places, &mut errors).unwrap();
                decoder.finish().unwrap();
            });
            assert!(errors.is_empty());
            assert!(info.count_total < 160, "{} allocations for 10,000 records", info.count_total);
        }
    }
    let parsed = parse_fields(fields).unwrap();
    let mut decoder = decoder(&JsonFormat, &[], &parsed).unwrap();
    let payloads: Vec<Option<&[u8]>> = json.iter().map(|t| Some(t.as_bytes())).collect();
    let (decoded, _) = decode(decoder.as_mut(), &payloads);
    let batch = Batch::append(decoded.sources.len(), decoded.columns);
    for format in [&JsonFormat as &dyn Format, &CsvFormat] {
        let mut encoder = encoder(format, &[], &parsed).unwrap();
        let (mut out, mut errors) = (Encoded::default(), RowErrors::new());
        encoder.encode(&batch, &mut out, &mut errors).unwrap();
        let info = allocation_counter::measure(|| {
            out.clear();
            encoder.encode(&batch, &mut out, &mut errors).unwrap();
        });
        assert!(info.count_total < 10, "{} allocations for 10,000 rows", info.count_total);
    }
}

/// A seeded generator (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.below(items.len())]
    }

    fn string(&mut self) -> String {
        let parts = [
            "a",
            "b",
            "\\n",
            "\\\"",
            "\\\\",
            "\\u00e9",
            "é",
            "😀",
            " ",
            "\\/",
            "\\ud83d\\ude00",
            "a longer run of plain text that fills several words",
            "\\u0000",
        ];
        (0..self.below(5)).map(|_| self.pick(&parts)).collect()
    }

    fn json(&mut self, depth: usize) -> String {
        let space = self.pick(&["", "", "", " ", "\n\t"]);
        match self.below(if depth < 4 { 9 } else { 6 }) {
            0 => self.pick(&["true", "false", "null"]).to_owned(),
            1 => self
                .pick(&["0", "-1", "1.50", "1e3", "123456789012", "-0.25E-2", "9007199254740993"])
                .to_owned(),
            2 => format!("{}", self.next() as i64),
            3..=5 => format!("\"{}\"", self.string()),
            6 => {
                let items: Vec<String> = (0..self.below(4)).map(|_| self.json(depth + 1)).collect();
                format!("[{space}{}{space}]", items.join(","))
            }
            _ => self.object(depth),
        }
    }

    fn object(&mut self, depth: usize) -> String {
        let space = self.pick(&["", "", " "]);
        let fields: Vec<String> = (0..self.below(5))
            .map(|_| {
                let key =
                    self.pick(&["a", "b", "c", "longer_than_a_word", "é", "\\u0061", "a\\\"b"]);
                format!("{space}\"{key}\"{space}:{space}{}", self.json(depth + 1))
            })
            .collect();
        format!("{{{}}}", fields.join(","))
    }
}

#[test]
fn serde_json_accepts_the_same_texts() {
    let mut random = Random(1);
    let fields = parse_fields("a STRING, c STRING").unwrap();
    let mut json = decoder(&JsonFormat, &[], &fields).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut text = random.object(0).into_bytes();
        if random.below(2) == 0 {
            let at = random.below(text.len());
            match random.below(4) {
                0 => drop(text.remove(at)),
                1 => text.truncate(at),
                2 => text.insert(at, b"\",:{}[]0-e.x\\ un"[random.below(16)]),
                _ => text[at] = b"\",:{}[]0-e.x\\ un"[random.below(16)],
            }
        }
        let (decoded, errors) = decode(json.as_mut(), &[Some(&text)]);
        let parsed = serde_json::from_slice::<Value>(&text);
        let shown = String::from_utf8_lossy(&text);
        match &parsed {
            // Flink and serde_json differ in which of a repeated field's values counts.
            Ok(Value::Object(_)) if repeats(&shown) => {}
            Ok(Value::Object(object)) => {
                assert!(errors.is_empty(), "{shown}: {:?}", errors.kept());
                accepted += 1;
                for (column, name) in ["a", "c"].iter().enumerate() {
                    agree(object.get(*name), &decoded.columns[column], &shown);
                }
            }
            Ok(_) => {}
            Err(error) if text.is_empty() || error.to_string().contains("trailing characters") => {}
            // Half of a surrogate pair, and numbers that no double holds, are left to the values.
            Err(error) if error.to_string().contains("surrogate") => {}
            Err(error) if error.to_string().contains("hex escape") && errors.is_empty() => {}
            Err(error) if error.to_string().contains("number out of range") => {}
            Err(error) => {
                assert!(!errors.is_empty(), "{shown}: {error}");
                refused += 1;
            }
        }
    }
    assert!(accepted > 5_000 && refused > 3_000, "{accepted} accepted, {refused} refused");
}

/// Whether a field of the object comes more than once.
fn repeats(text: &str) -> bool {
    let mut names = std::collections::HashSet::new();
    let start = text.find('{').unwrap();
    !super::json::MembersForTests::new(text, start).all(|member| {
        let mut name = String::new();
        super::json::unescape_for_tests(member.key.text(text), &mut name);
        names.insert(name)
    })
}

/// Whether a STRING column holds what serde_json found.
fn agree(expected: Option<&Value>, column: &crate::types::Column, text: &str) {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    let column = column.as_string_view();
    let found = column.is_valid(0).then(|| column.value(0));
    match (expected, found) {
        (None | Some(Value::Null), None) => {}
        (Some(Value::String(expected)), Some(found)) => assert_eq!(expected, found, "{text}"),
        (Some(expected), Some(found)) => {
            let found: Value = serde_json::from_str(found).unwrap();
            assert!(same(expected, &found), "{text}: {expected} and {found}");
        }
        other => panic!("{text}: {other:?}"),
    }
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

#[test]
fn what_is_encoded_reads_back() {
    let fields = parse_fields("a STRING, b DOUBLE, c ARRAY<STRING>, d BIGINT, e BYTES").unwrap();
    let mut random = Random(2);
    let mut json = decoder(&JsonFormat, &[], &fields).unwrap();
    let mut encoder = encoder(&JsonFormat, &[], &fields).unwrap();
    for _ in 0..2_000 {
        let bits = f64::from_bits(random.next());
        let double = if bits.is_finite() { bits } else { 0.5 };
        let text = format!(
            "{{\"a\":\"{}\",\"b\":{double:e},\"c\":[\"{}\",null],\"d\":{},\"e\":\"aGVsbG8=\"}}",
            random.string(),
            random.string(),
            random.next() as i64
        );
        let (decoded, errors) = decode(json.as_mut(), &[Some(text.as_bytes())]);
        assert!(errors.is_empty());
        let (mut out, mut errors) = (Encoded::default(), RowErrors::new());
        encoder.encode(&Batch::append(1, decoded.columns), &mut out, &mut errors).unwrap();
        let expected: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&out.bytes).unwrap(), expected);
    }
}

#[test]
fn the_csv_crate_reads_and_writes_the_same() {
    let mut random = Random(3);
    let fields = parse_fields("a STRING, b STRING, c STRING").unwrap();
    let mut reader = decoder(&CsvFormat, &[], &fields).unwrap();
    let mut writer = encoder(&CsvFormat, &[], &fields).unwrap();
    let parts =
        ["a", "b", "\"", ",", "\n", "\r\n", " ", "é", "😀", "'", ";", "#", "long plain text, long"];
    for _ in 0..5_000 {
        let record: Vec<String> =
            (0..3).map(|_| (0..random.below(4)).map(|_| random.pick(&parts)).collect()).collect();
        let mut theirs = csv::WriterBuilder::new()
            .terminator(csv::Terminator::Any(b'\n'))
            .quote_style(csv::QuoteStyle::Always)
            .from_writer(Vec::new());
        theirs.write_record(&record).unwrap();
        let line = theirs.into_inner().unwrap();
        let (decoded, errors) = decode(reader.as_mut(), &[Some(&line)]);
        assert!(errors.is_empty(), "{record:?}");
        let shown: Vec<String> = record.iter().map(|field| format!("'{field}'")).collect();
        assert_eq!(show_rows(&decoded, &fields), format!("({})", shown.join(", ")));
        let (mut out, mut errors) = (Encoded::default(), RowErrors::new());
        writer.encode(&Batch::append(1, decoded.columns), &mut out, &mut errors).unwrap();
        let mut theirs =
            csv::ReaderBuilder::new().has_headers(false).from_reader(out.bytes.as_slice());
        let back: Vec<csv::StringRecord> = theirs.records().map(Result::unwrap).collect();
        assert_eq!(back.len(), 1, "{record:?}");
        assert_eq!(back[0].iter().collect::<Vec<_>>(), record, "{record:?}");
    }
}

#[test]
fn types_that_a_format_cannot_carry_are_refused() {
    for (format, fields, message) in [
        (
            &JsonFormat as &dyn Format,
            "a MAP<INT, INT>",
            "JSON format doesn't support non-string as key type of map. The type is: MAP<INT, INT>",
        ),
        (&CsvFormat, "a MAP<STRING, INT>", "Unsupported type 'MAP<STRING, INT>' for field 'a'."),
        (
            &CsvFormat,
            "a ARRAY<ARRAY<INT>>",
            "Only simple types are supported in the second level nesting of fields 'a' but was: ARRAY<INT>",
        ),
        (
            &CsvFormat,
            "a TIME(6)",
            "Csv does not support TIME type with precision: 6, it only supports precision 0 ~ 3.",
        ),
    ] {
        let fields = parse_fields(fields).unwrap();
        let error = decoder(format, &[], &fields).unwrap_err();
        assert_eq!(error.message(), message);
        assert_eq!(encoder(format, &[], &fields).unwrap_err().message(), message);
    }
    let fields = parse_fields("a STRING").unwrap();
    for given in [
        &[("quote-character", "'"), ("disable-quote-character", "true")][..],
        &[("field-delimiter", "||")],
        &[("escape-character", "")],
    ] {
        assert!(decoder(&CsvFormat, &options(given), &fields).is_err(), "{given:?}");
    }
}

/// A fuzz target and some of its corpus.
type Target = (fn(&[u8]), &'static [&'static [u8]]);

#[test]
fn mutated_records_never_panic() {
    let seeds: [Target; 6] = [
        (
            crate::fuzzing_formats::avro_decode,
            &[
                include_bytes!("../../fuzz/corpus/avro_decode/all-fields"),
                include_bytes!("../../fuzz/corpus/avro_decode/several"),
                include_bytes!("../../fuzz/corpus/avro_decode/json"),
            ],
        ),
        (
            crate::fuzzing_formats::avro_confluent_decode,
            &[
                include_bytes!("../../fuzz/corpus/avro_confluent_decode/promoted"),
                include_bytes!("../../fuzz/corpus/avro_confluent_decode/nested"),
                include_bytes!("../../fuzz/corpus/avro_confluent_decode/logical"),
                include_bytes!("../../fuzz/corpus/avro_confluent_decode/references"),
                include_bytes!("../../fuzz/corpus/avro_confluent_decode/changes"),
            ],
        ),
        (
            crate::fuzzing_formats::change_decode,
            &[
                include_bytes!("../../fuzz/corpus/change_decode/debezium"),
                include_bytes!("../../fuzz/corpus/change_decode/schema"),
                include_bytes!("../../fuzz/corpus/change_decode/canal"),
                include_bytes!("../../fuzz/corpus/change_decode/maxwell"),
                include_bytes!("../../fuzz/corpus/change_decode/ogg"),
            ],
        ),
        (
            crate::fuzzing_formats::json_decode,
            &[
                include_bytes!("../../fuzz/corpus/json_decode/all-fields"),
                include_bytes!("../../fuzz/corpus/json_decode/array"),
                include_bytes!("../../fuzz/corpus/json_decode/several"),
            ],
        ),
        (
            crate::fuzzing_formats::csv_decode,
            &[
                include_bytes!("../../fuzz/corpus/csv_decode/line"),
                include_bytes!("../../fuzz/corpus/csv_decode/quotes"),
                include_bytes!("../../fuzz/corpus/csv_decode/escapes"),
                include_bytes!("../../fuzz/corpus/csv_decode/wide"),
            ],
        ),
        (
            crate::fuzzing_formats::raw_decode,
            &[
                include_bytes!("../../fuzz/corpus/raw_decode/text"),
                include_bytes!("../../fuzz/corpus/raw_decode/utf16"),
            ],
        ),
    ];
    let mut random = Random(4);
    for (target, corpus) in seeds {
        for _ in 0..1_500 {
            let mut bytes = corpus[random.below(corpus.len())].to_vec();
            for _ in 0..random.below(4) {
                let at = random.below(bytes.len());
                match random.below(4) {
                    0 => bytes[at] = random.next() as u8,
                    1 => bytes.truncate(at + 1),
                    2 => bytes.insert(at, b"\",:{}[]0-e.\\\n\xfe;n"[random.below(16)]),
                    _ => {
                        let copy = bytes[at..(at + random.below(20)).min(bytes.len())].to_vec();
                        let to = random.below(bytes.len());
                        bytes.splice(to..to, copy);
                    }
                }
            }
            target(&bytes);
        }
    }
}
