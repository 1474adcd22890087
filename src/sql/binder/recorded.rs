//! Replays what real Flink answered (`tests/slt/flink_*.slt`) without a broker: each SELECT item of each INSERT is bound,
//! evaluated over the decoded rows, cast to the sink's type, encoded as JSON and compared with the recorded record.

use super::Binder;
use super::tables::Tables;
use crate::base::Result;
use crate::expr::{EvalEnv, Expr, Input, Selection};
use crate::formats::JsonFormat;
use crate::options::{OptionReader, Options, Taken};
use crate::sql::ast::{QueryBodyKind, SelectItemKind, Statement};
use crate::sql::{ToSql, parse_statement};
use crate::table::{DecodeRequest, EncodeRequest, Encoded, Format, Payload, TableDef};
use crate::types::{Batch, Column, RowErrors, Schema};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Differences that stay: file, expression, reason.
const KNOWN: &[(&str, &str, &str)] = &[
    ("flink_cast", "TRY_CAST(i AS FLOAT)", "JDK-4511638: one digit more than needed"),
    ("flink_cast", "TRY_CAST(v AS FLOAT)", "JDK-4511638: one digit more than needed"),
    ("flink_arithmetic", "f + i", "JDK-4511638: one digit more than needed"),
    ("flink_arithmetic", "f / 3", "JDK-4511638: one digit more than needed"),
    (
        "flink_cast",
        "TRY_CAST(v AS DECIMAL(10, 2))",
        "Flink takes 't' for 0 and overflows by rounding",
    ),
    ("flink_cast", "TRY_CAST(v AS DECIMAL(5, 0))", "Flink takes 't' for 0"),
    ("flink_cast", "CAST(TRY_CAST(v AS TIME) AS STRING)", "Flink takes dates for times of the day"),
    ("flink_time_functions", "TO_DATE('x', 'yyyy')", "Flink answers a date of the year 5471"),
    (
        "flink_string_functions",
        "REPLACE(s, u, '[]')",
        "Flink cuts characters above U+FFFF in halves",
    ),
    (
        "flink_string_functions",
        "REPLACE(s, '', 'x')",
        "Flink cuts characters above U+FFFF in halves",
    ),
    (
        "flink_string_functions",
        "OVERLAY(s PLACING 'XX' FROM 2 FOR 5)",
        "Flink cuts characters above U+FFFF in halves",
    ),
];

/// What a replay found.
#[derive(Debug, Default)]
struct Outcome {
    compared: usize,
    wrong: Vec<String>,
    unsupported: Vec<String>,
}

struct Replay {
    tables: Tables,
    topics: BTreeMap<String, Vec<String>>,
    /// Written to each topic: column, value as text and as JSON, for each row that passed the filter.
    written: BTreeMap<String, Vec<Vec<(String, String)>>>,
    zone: chrono_tz::Tz,
    outcome: Outcome,
    file: String,
}

impl Replay {
    fn run(path: &Path) -> Outcome {
        let text = std::fs::read_to_string(path).unwrap();
        let mut replay = Replay {
            tables: Tables::default(),
            topics: BTreeMap::new(),
            written: BTreeMap::new(),
            zone: chrono_tz::UTC,
            outcome: Outcome::default(),
            file: path.file_stem().unwrap().to_string_lossy().into_owned(),
        };
        for block in text.split("\n\n") {
            let lines: Vec<&str> =
                block.trim_matches('\n').lines().skip_while(|l| l.starts_with('#')).collect();
            let Some((first, rest)) = lines.split_first() else { continue };
            let words: Vec<&str> = first.split(' ').collect();
            match words.as_slice() {
                ["kafka-produce", topic] => {
                    let records = rest.iter().map(|line| (*line).to_owned());
                    replay.topics.entry((*topic).to_owned()).or_default().extend(records);
                }
                ["statement", "ok"] => replay.statement(&rest.join("\n")),
                ["statement", "error"] => {
                    let sql: Vec<&str> =
                        rest.iter().take_while(|l| **l != "----").copied().collect();
                    replay.refused(&sql.join("\n"));
                }
                ["kafka-expect", topic] => replay.expect(topic, rest),
                _ => {}
            }
        }
        replay.outcome
    }

    fn statement(&mut self, sql: &str) {
        let Ok(statement) = parse_statement(sql) else { return };
        match statement {
            Statement::Set(set) => {
                let zone = set.assignment.filter(|set| set.key.value == "table.local-time-zone");
                if let Some(zone) = zone {
                    self.zone = zone.value.value.parse().unwrap();
                }
            }
            Statement::CreateTable(create) => {
                match Binder::new(&self.tables).create_table(&create) {
                    Ok(table) => {
                        self.tables.0.insert(table.name.table.clone(), Arc::new(table));
                    }
                    Err(error) => self.outcome.unsupported.push(format!("{sql}: {error}")),
                }
            }
            Statement::Insert(insert) => self.insert(&insert),
            _ => {}
        }
    }

    /// A statement that Flink refuses must be refused, or fail on a row.
    fn refused(&mut self, sql: &str) {
        let Ok(statement) = parse_statement(sql) else { return };
        let binder = Binder::new(&self.tables).with_time_zone(self.zone);
        let accepted = match &statement {
            Statement::Query(query) => binder.query(query).is_ok(),
            // Fails while it runs.
            _ => false,
        };
        self.outcome.compared += 1;
        if accepted {
            self.outcome.wrong.push(format!("{}: Flink refuses {sql}", self.file));
        }
    }

    fn insert(&mut self, insert: &crate::sql::ast::Insert) {
        let Some(sink) = self.tables.0.get(insert.table.last()).cloned() else { return };
        let QueryBodyKind::Select(select) = &insert.query.body.kind else { return };
        let Some(from) = &select.from else { return };
        let crate::sql::ast::TableRefKind::Table { name, .. } = &from.kind else { return };
        let Some(source) = self.tables.0.get(name.last()).cloned() else { return };
        let topic = |table: &TableDef| {
            let topic = table.options.get("topic").unwrap_or_default();
            topic.trim_start_matches("${topic:").trim_end_matches('}').to_owned()
        };
        let records = self.topics.get(&topic(&source)).cloned().unwrap_or_default();
        let schema = source.schema();
        let columns = decode(&schema, &records, &source.options, self.zone);
        let rows = columns.first().map_or(0, |column| column.len());
        let input = Input { columns: &columns, rows };
        let env = EvalEnv { time_zone: self.zone, now_micros: 0 };
        let mut errors = RowErrors::new();
        let binder = Binder::new(&self.tables).with_time_zone(self.zone);
        let mut selection = Selection::All(rows);
        if let Some(filter) = &select.filter {
            match binder.expression(filter, &schema) {
                Ok(condition) => {
                    selection = condition.eval_predicate(input, &selection, &mut errors, &env);
                }
                Err(error) => {
                    self.outcome.unsupported.push(format!("WHERE {}: {error}", filter.to_sql()));
                    return;
                }
            }
        }
        let selected = selection.to_rows();
        let mut written = vec![Vec::new(); selected.len()];
        let positions: Vec<usize> = (0..sink.columns.len()).collect();
        for (item, at) in select.items.iter().zip(positions) {
            let SelectItemKind::Expr { expr, .. } = &item.kind else { return };
            let target = &sink.columns[at];
            let bound: Result<Expr> = binder
                .expression(expr, &schema)
                .and_then(|expr| super::coerce::implicit_cast(expr, &target.data_type, false));
            let bound = match bound {
                // Both ways must give the same: folded and not.
                Ok(bound) => bound.folded(self.zone),
                Err(error) => {
                    let text = format!("{}: {}: {error}", self.file, expr.to_sql());
                    self.outcome.unsupported.push(text);
                    continue;
                }
            };
            let column = bound.eval(input, &selection, &mut errors, &env);
            let batch = Batch::append(rows, vec![column]).select(&selected).unwrap();
            let field = crate::types::Field::new(target.name.clone(), target.data_type.clone());
            let texts = encode(&Schema::new(vec![field]), &batch, &sink.options, self.zone);
            for (row, text) in written.iter_mut().zip(texts) {
                row.push((expr.to_sql(), text));
            }
        }
        for error in errors.kept() {
            self.outcome.wrong.push(format!("{}: row {}: {}", self.file, error.row, error.message));
        }
        self.written.insert(topic(&sink), written);
    }

    fn expect(&mut self, topic: &str, lines: &[&str]) {
        let Some(written) = self.written.get(topic) else { return };
        if written.len() != lines.len() {
            let text =
                format!("{}: {topic}: {} rows, Flink {}", self.file, written.len(), lines.len());
            self.outcome.wrong.push(text);
            return;
        }
        for (row, (columns, line)) in written.iter().zip(lines).enumerate() {
            for (sql, text) in columns {
                self.outcome.compared += 1;
                // `{"name":value}` inside of the recorded object.
                let inner = &text[1..text.len() - 1];
                let found = line.match_indices(inner).any(|(at, _)| {
                    let end = line.as_bytes()[at + inner.len()];
                    let start = line.as_bytes()[at - 1];
                    matches!(end, b',' | b'}') && matches!(start, b',' | b'{')
                });
                let known = KNOWN.iter().any(|(file, known, _)| *file == self.file && known == sql);
                if !found && !known {
                    let key = inner.split(':').next().unwrap_or_default();
                    let rest = line.find(key).map_or("", |at| &line[at..]);
                    let recorded: String = rest.chars().take(inner.chars().count() + 40).collect();
                    self.outcome.wrong.push(format!(
                        "{} row {}: {sql}\n    ours  {inner}\n    Flink {recorded}",
                        self.file,
                        row + 1,
                    ));
                }
            }
        }
    }
}

fn json_options(options: &Options) -> Options {
    let mut scoped = Options::default();
    for (key, value) in options.iter() {
        if let Some(key) = key.strip_prefix("json.") {
            scoped.set(key, &value.value, None);
        }
    }
    scoped
}

fn decode(
    schema: &Schema,
    records: &[String],
    options: &Options,
    zone: chrono_tz::Tz,
) -> Vec<Column> {
    let request = DecodeRequest {
        fields: schema.fields.clone(),
        columns: (0..schema.fields.len()).collect(),
        metadata: Vec::new(),
        predicate: None,
        strict: true,
        time_zone: zone,
    };
    let options = json_options(options);
    let taken = Taken::default();
    let reader = OptionReader::new(&options, &taken, "table 't'");
    let mut decoder = JsonFormat.decoder(&reader, &request).unwrap();
    let mut slab = Vec::new();
    let mut payloads = Vec::new();
    for record in records {
        let start = u32::try_from(slab.len()).unwrap();
        slab.extend_from_slice(record.as_bytes());
        payloads.push(Payload { start, len: i32::try_from(record.len()).unwrap() });
    }
    let mut errors = RowErrors::new();
    decoder.push(&slab.into(), &payloads, &mut errors).unwrap();
    assert!(errors.is_empty(), "{errors:?}");
    decoder.finish().unwrap().columns
}

fn encode(schema: &Schema, batch: &Batch, options: &Options, zone: chrono_tz::Tz) -> Vec<String> {
    let request = EncodeRequest { fields: schema.fields.clone(), subject: None, time_zone: zone };
    let options = json_options(options);
    let taken = Taken::default();
    let reader = OptionReader::new(&options, &taken, "table 't'");
    let mut encoder = JsonFormat.encoder(&reader, &request).unwrap();
    let mut out = Encoded::default();
    let mut errors = RowErrors::new();
    encoder.encode(batch, &mut out, &mut errors).unwrap();
    assert!(errors.is_empty(), "{errors:?}");
    out.iter().flatten().map(|record| String::from_utf8(record.to_vec()).unwrap()).collect()
}

/// Replays the files; `unsupported_max` is how many items may still be missing.
fn replay(files: &[&str], unsupported_max: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut all = Outcome::default();
    for file in files {
        let outcome = Replay::run(&folder.join(format!("{file}.slt")));
        all.compared += outcome.compared;
        all.wrong.extend(outcome.wrong);
        all.unsupported.extend(outcome.unsupported);
    }
    assert!(
        all.wrong.is_empty() && all.unsupported.len() <= unsupported_max,
        "{} values compared\nwrong: {}\n{}\nunsupported: {}\n{}",
        all.compared,
        all.wrong.len(),
        all.wrong.join("\n"),
        all.unsupported.len(),
        all.unsupported.join("\n"),
    );
    assert!(all.compared > 0);
}

#[test]
fn logic() {
    replay(&["flink_logic"], 0);
}

#[test]
fn string_functions() {
    replay(&["flink_string_functions"], 3);
}

#[test]
fn time_functions() {
    replay(&["flink_time_functions"], 1);
}

#[test]
fn casts_in_time_zones() {
    replay(&["flink_cast_zone", "flink_cast_dst"], 0);
}

#[test]
fn arithmetic() {
    replay(&["flink_arithmetic"], 0);
}

#[test]
fn casts() {
    replay(&["flink_cast"], 0);
}
