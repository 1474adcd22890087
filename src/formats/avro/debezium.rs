//! `debezium-avro-confluent`: changes of database rows in Avro envelopes with the fields `before`, `after` and `op`
//! (Flink's `DebeziumAvroFormatFactory`). The rows inside are read and written as those of `avro-confluent`.

use super::confluent::{ConfluentDecoder, ConfluentEncoder, schema_of};
use super::cursor::Cursor;
use super::decode::{AvroRows, Refused, Root};
use super::plan::{Compiler, skip};
use super::registry_options::{OPTIONS, RegistryOptions};
use super::schema::{NodeId, Schema, Shape};
use crate::base::Result;
use crate::formats::rows::Token;
use crate::options::{Opt, OptionReader};
use crate::table::{DecodeRequest, Decoder, EncodeRequest, Encoder, Format, SchemaRegistries};
use crate::types::{ChangelogMode, DataType, Field, Kind, RowKind};
use std::sync::Arc;

/// The format.
#[derive(Clone, Debug)]
pub struct DebeziumAvroFormat {
    registries: Arc<dyn SchemaRegistries>,
}

impl DebeziumAvroFormat {
    /// A format whose registries are opened by `registries`.
    pub fn new(registries: Arc<dyn SchemaRegistries>) -> DebeziumAvroFormat {
        DebeziumAvroFormat { registries }
    }
}

/// The fields of a record around changes of rows of `fields`.
fn envelope(fields: &[Field]) -> Vec<Field> {
    let row = || Kind::Row(fields.to_vec()).nullable();
    vec![
        Field::new("before", row()),
        Field::new("after", row()),
        Field::new("op", DataType::string()),
    ]
}

impl Format for DebeziumAvroFormat {
    fn identifier(&self) -> &'static str {
        "debezium-avro-confluent"
    }

    fn options(&self) -> &'static [Opt] {
        OPTIONS
    }

    fn changelog(&self) -> ChangelogMode {
        ChangelogMode::ALL
    }

    fn decoder(
        &self,
        options: &OptionReader<'_>,
        request: &DecodeRequest,
    ) -> Result<Box<dyn Decoder>> {
        let read = RegistryOptions::read(options)?;
        let (_, reader) = schema_of(&read, &envelope(&request.fields), true, options)?;
        let row = row_of(&reader)
            .ok_or_else(|| options.invalid(&read.schema_of, "it has no record 'after'"))?;
        let mut rows = AvroRows::new(request, reader, row)?;
        rows.rows = rows.rows.with_kinds();
        Ok(Box::new(ConfluentDecoder::changes(rows, read.open(&*self.registries, options)?)))
    }

    fn encoder(
        &self,
        options: &OptionReader<'_>,
        request: &EncodeRequest,
    ) -> Result<Box<dyn Encoder>> {
        let envelope = envelope(&request.fields);
        let envelope = Some(envelope.as_slice());
        Ok(Box::new(ConfluentEncoder::open(&*self.registries, options, request, envelope)?))
    }
}

/// The record of the rows in the schema of an envelope.
fn row_of(schema: &Schema) -> Option<NodeId> {
    let root = schema.not_null(schema.root())?;
    let Shape::Record { fields, .. } = schema.shape(root) else { return None };
    let after = fields.iter().find(|field| field.name == "after")?;
    schema.not_null(after.node)
}

impl AvroRows {
    /// Adds a row of a kind.
    fn begin(&mut self, text: usize, kind: RowKind, image: &[Token]) {
        for (token, found) in self.rows.begin_change(text, kind).iter_mut().zip(image) {
            *token = *found;
        }
    }
}

/// How envelopes of one writer's schema are walked.
#[derive(Debug)]
pub(super) struct EnvelopePlan {
    schema: Arc<Schema>,
    steps: Vec<(NodeId, Part)>,
    /// The branch of the envelope, where a union is around it.
    branch: Option<i64>,
}

#[derive(Debug)]
enum Part {
    Before(Root),
    After(Root),
    Op,
    Other,
}

impl EnvelopePlan {
    /// Compiles the way; why there is none otherwise.
    pub(super) fn new(
        rows: &mut AvroRows,
        schema: Arc<Schema>,
    ) -> std::result::Result<EnvelopePlan, String> {
        let is_record = |id: &NodeId| matches!(schema.shape(*id), Shape::Record { .. });
        let (node, branch) = match schema.shape(schema.root()) {
            Shape::Union(branches) => match (0i64..).zip(branches).find(|(_, id)| is_record(id)) {
                Some((at, id)) => (*id, Some(at)),
                None => return Err("its schema holds no record".to_owned()),
            },
            _ => (schema.root(), None),
        };
        let Shape::Record { fields, .. } = schema.shape(node) else {
            let found = schema.describe(node);
            return Err(format!("its Avro type is {found}, not the record of a change"));
        };
        let reader = Arc::clone(&rows.reader);
        let compiler = Compiler::new(&schema, &reader);
        let mut steps = Vec::with_capacity(fields.len());
        for field in fields {
            let part = match field.name.as_str() {
                "before" => Part::Before(rows.root(&compiler, &schema, field.node)),
                "after" => Part::After(rows.root(&compiler, &schema, field.node)),
                "op" => Part::Op,
                _ => Part::Other,
            };
            steps.push((field.node, part));
        }
        Ok(EnvelopePlan { steps, branch, schema: Arc::clone(&schema) })
    }
}

/// The rows of the change at hand, before it is known which of them count.
#[derive(Debug, Default)]
pub(super) struct Images {
    before: Vec<Token>,
    after: Vec<Token>,
}

/// Walks the envelope that starts at byte `from` of the chunk's text `text`; its rows wait.
pub(super) fn change(
    rows: &mut AvroRows,
    images: &mut Images,
    plan: &EnvelopePlan,
    text: usize,
    record: &[u8],
    from: usize,
) -> std::result::Result<(), Refused> {
    let mut cursor = Cursor::new(record, from);
    if let Some(branch) = plan.branch
        && cursor.long()? != branch
    {
        return Err(Refused::Type("it is no record of a change".to_owned()));
    }
    let (mut has_before, mut has_after, mut op) = (false, false, None);
    for (node, part) in &plan.steps {
        match part {
            Part::Before(root) => {
                has_before = rows.image(&plan.schema, root, &mut cursor, &mut images.before)?;
            }
            Part::After(root) => {
                has_after = rows.image(&plan.schema, root, &mut cursor, &mut images.after)?;
            }
            Part::Op => op = text_of(&plan.schema, *node, &mut cursor)?,
            Part::Other => skip(&plan.schema, *node, &mut cursor, 1)?,
        }
    }
    let missing = |what: &str| {
        Refused::Type(format!(
            "the \"before\" field of {what} message is null, if you are using Debezium Postgres Connector, please \
             check the Postgres table has been set REPLICA IDENTITY to FULL level"
        ))
    };
    let absent = || Refused::Type("the \"after\" field is null".to_owned());
    match op {
        Some("c" | "r") if has_after => rows.begin(text, RowKind::Insert, &images.after),
        Some("u") if !has_before => return Err(missing("UPDATE")),
        Some("u") if has_after => {
            rows.begin(text, RowKind::UpdateBefore, &images.before);
            rows.begin(text, RowKind::UpdateAfter, &images.after);
        }
        Some("c" | "r" | "u") => return Err(absent()),
        Some("d") if has_before => rows.begin(text, RowKind::Delete, &images.before),
        Some("d") => return Err(missing("DELETE")),
        Some(other) => {
            let shown: String = other.chars().take(20).collect();
            return Err(Refused::Type(format!("unknown \"op\" value \"{shown}\"")));
        }
        None => return Err(Refused::Type("it has no \"op\"".to_owned())),
    }
    Ok(())
}

/// A string, however it is nested in unions; `None` for null and for what is no string.
fn text_of<'a>(
    schema: &'a Schema,
    node: NodeId,
    cursor: &mut Cursor<'a>,
) -> std::result::Result<Option<&'a str>, Refused> {
    let mut node = node;
    if let Shape::Union(branches) = schema.shape(node) {
        let branch = usize::try_from(cursor.long()?).ok().and_then(|at| branches.get(at));
        match branch {
            Some(branch) => node = *branch,
            None => return Ok(cursor.fault("a union has no such branch")?),
        }
    }
    Ok(match schema.shape(node) {
        Shape::String | Shape::Bytes => std::str::from_utf8(cursor.bytes()?).ok(),
        Shape::Enum { symbols, .. } => {
            let symbol = usize::try_from(cursor.int()?).ok().and_then(|at| symbols.get(at));
            symbol.map(String::as_str)
        }
        _ => {
            skip(schema, node, cursor, 1)?;
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::avro::parse;
    use crate::formats::harness::{all_columns, parse_fields};
    use crate::types::RowErrors;

    const SCHEMA: &str = r#"{"type":"record","name":"e","fields":[
        {"name":"before","type":["null",{"type":"record","name":"v","fields":[{"name":"a","type":"int"}]}]},
        {"name":"op","type":["null","string","int"]},
        {"name":"after","type":["null","v"]}]}"#;

    /// The kinds of the rows of a change, or why there are none.
    fn kinds(schema: &str, record: &[u8]) -> String {
        let request = all_columns(&parse_fields("a INT").unwrap());
        let reader = super::super::derive::derive_schema(&envelope(&request.fields), true).unwrap();
        let reader = parse(&reader).unwrap();
        let row = row_of(&reader).unwrap();
        let mut rows = AvroRows::new(&request, reader, row).unwrap();
        rows.rows = rows.rows.with_kinds();
        let plan = match EnvelopePlan::new(&mut rows, parse(schema).unwrap()) {
            Ok(plan) => plan,
            Err(problem) => return problem,
        };
        if let Err(refused) = change(&mut rows, &mut Images::default(), &plan, 0, record, 0) {
            return refused.describe();
        }
        rows.rows.convert(&[record], &mut RowErrors::new()).unwrap();
        let decoded = rows.rows.finish().unwrap();
        (0..decoded.sources.len()).map(|row| format!("{:?} ", decoded.kinds.get(row))).collect()
    }

    #[test]
    fn operations_say_what_rows_come() {
        for (record, expected) in [
            (&b"\x00\x02\x02c\x02\x04"[..], "Insert "),
            (b"\x00\x02\x02r\x02\x04", "Insert "),
            (b"\x02\x04\x02\x02u\x02\x06", "UpdateBefore UpdateAfter "),
            (b"\x02\x04\x02\x02d\x00", "Delete "),
            (b"\x02\x04\x02\x02c\x00", "the \"after\" field is null"),
            (b"\x02\x04\x02\x02u\x00", "the \"after\" field is null"),
            (b"\x02\x04\x02\x02x\x00", "unknown \"op\" value \"x\""),
            (b"\x02\x04\x00\x00", "it has no \"op\""),
            (b"\x02\x04\x04\x02\x00", "it has no \"op\""),
        ] {
            assert_eq!(kinds(SCHEMA, record), expected, "{record:?}");
        }
        for record in [&b"\x00\x02\x02u\x02\x06"[..], b"\x00\x02\x02d\x00"] {
            assert!(kinds(SCHEMA, record).contains("REPLICA IDENTITY"));
        }
        assert!(kinds(SCHEMA, b"\x06").contains("no such branch"));
        assert!(kinds(SCHEMA, b"").contains("too early"));
    }

    #[test]
    fn schemas_without_an_envelope_are_refused() {
        assert!(kinds("\"int\"", &[2]).contains("its Avro type is int"));
        assert!(kinds("[\"null\",\"int\"]", &[2]).contains("holds no record"));
        let union = format!("[\"null\",{SCHEMA}]");
        assert_eq!(kinds(&union, b"\x02\x00\x02\x02c\x02\x04"), "Insert ");
        assert!(kinds(&union, b"\x00").contains("no record of a change"));
    }
}
