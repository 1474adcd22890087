//! The decoder: walks records by the writer's schema, leaves a token per wanted column, and hands on.

use super::convert::AvroConvert;
use super::cursor::{Cursor, Fault};
use super::json::{JsonForm, json_to_binary};
use super::plan::{Compiler, Op, TOO_MANY_PARTS, skip};
use super::schema::{NodeId, Schema, Shape};
use crate::base::Result;
use crate::formats::payload::bytes_of;
use crate::formats::rows::{CHUNK_ROWS, Rows, Token, TokenKind};
use crate::table::{DecodeRequest, Decoded, Decoder, Payload};
use crate::types::{Field, RowErrors};
use bytes::Bytes;
use std::sync::Arc;

/// Rows of Avro records, whoever found out their schema.
#[derive(Debug)]
pub(super) struct AvroRows {
    pub(super) rows: Rows<AvroConvert>,
    fields: Vec<Field>,
    slots: Vec<Option<u32>>,
    pub(super) reader: Arc<Schema>,
    /// The record of the table's fields in the reader's schema.
    record: NodeId,
}

/// How the records of one writer's schema are walked.
#[derive(Debug)]
pub(super) struct WriterPlan {
    schema: Arc<Schema>,
    root: Root,
}

/// How a record with the table's fields is walked.
#[derive(Debug)]
pub(super) enum Root {
    Record {
        steps: Vec<TopStep>,
        missing: Vec<(u32, u32)>,
    },
    /// A union around the records, by branch.
    Union(Vec<Root>),
    /// There is no record.
    Null,
    /// No row comes of such a record, and why.
    Fail(String),
}

/// A field of the record: passed over, with a token where a column is made of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TopStep {
    node: NodeId,
    /// Token and plan.
    column: Option<(u32, u32)>,
}

/// Why a record gives no row.
pub(super) enum Refused {
    Fault(Fault),
    Type(String),
}

impl Refused {
    pub(super) fn describe(&self) -> String {
        match self {
            Refused::Fault(fault) => fault.describe(),
            Refused::Type(reason) => reason.clone(),
        }
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Refused {
        Refused::Fault(fault)
    }
}

impl AvroRows {
    /// `record` of `reader`: the schema of the table's fields, one field each.
    pub(super) fn new(
        request: &DecodeRequest,
        reader: Arc<Schema>,
        record: NodeId,
    ) -> Result<AvroRows> {
        let slots = Rows::<AvroConvert>::slots(request, request.strict);
        let rows =
            Rows::new(AvroConvert::default(), request, request.strict, "Avro record", false)?;
        Ok(AvroRows { rows, fields: request.fields.clone(), slots, reader, record })
    }

    /// Compiles the way from records of `schema` to the columns.
    pub(super) fn plan(&mut self, schema: Arc<Schema>) -> WriterPlan {
        let reader = Arc::clone(&self.reader);
        let root = self.root(&Compiler::new(&schema, &reader), &schema, schema.root());
        WriterPlan { schema, root }
    }

    /// How the writer's `node` is walked. `compiler` is that of the whole `schema`.
    pub(super) fn root(
        &mut self,
        compiler: &Compiler<'_>,
        schema: &Arc<Schema>,
        node: NodeId,
    ) -> Root {
        let fields = match schema.shape(node) {
            Shape::Record { fields, .. } if compiler.count(fields.len()) => fields,
            Shape::Record { .. } => return Root::Fail(TOO_MANY_PARTS.to_owned()),
            Shape::Union(branches) => {
                let roots = branches.iter().map(|id| self.root(compiler, schema, *id));
                return Root::Union(roots.collect());
            }
            Shape::Null => return Root::Null,
            _ => {
                let found = schema.describe(node);
                return Root::Fail(format!("its Avro type is {found}, not a record"));
            }
        };
        let record = self.record;
        let Shape::Record { fields: read, .. } = compiler.reader.shape(record) else {
            return Root::Fail("the schema is no record".to_owned());
        };
        let mut found = vec![false; self.fields.len()];
        let mut steps = Vec::with_capacity(fields.len());
        for field in fields {
            let at = compiler.position(node, record, &field.name);
            let column = at.and_then(|at| {
                *found.get_mut(at)? = true;
                let slot = (*self.slots.get(at)?)?;
                let op =
                    compiler.op(field.node, read.get(at)?.node, &self.fields.get(at)?.data_type);
                Some((slot, self.rows.converter().add(op, schema)))
            });
            steps.push(TopStep { node: field.node, column });
        }
        let mut missing = Vec::new();
        for (at, (field, slot)) in self.fields.iter().zip(&self.slots).enumerate() {
            if let (Some(false), Some(slot)) = (found.get(at), slot) {
                let op: Op = compiler.missing(record, at, field);
                missing.push((*slot, self.rows.converter().add(op, schema)));
            }
        }
        Root::Record { steps, missing }
    }

    /// Walks the record that starts at byte `from` of the chunk's text `text`; its row waits.
    #[inline]
    pub(super) fn record(
        &mut self,
        plan: &WriterPlan,
        text: usize,
        record: &[u8],
        from: usize,
    ) -> std::result::Result<(), Refused> {
        let mut cursor = Cursor::new(record, from);
        let tokens = self.rows.begin_row(text);
        if walk(&plan.schema, &plan.root, &mut cursor, tokens)? {
            return Ok(());
        }
        Err(Refused::Type("it is null".to_owned()))
    }

    /// Walks a record inside of another one and leaves its tokens in `image`; whether there is one.
    pub(super) fn image(
        &self,
        schema: &Schema,
        root: &Root,
        cursor: &mut Cursor<'_>,
        image: &mut Vec<Token>,
    ) -> std::result::Result<bool, Refused> {
        image.clear();
        image.resize(self.slots.iter().flatten().count(), Token::MISSING);
        walk(schema, root, cursor, image)
    }
}

/// Walks a record: checks its structure and leaves a token per column. `false` where it is null.
#[inline]
fn walk(
    schema: &Schema,
    root: &Root,
    cursor: &mut Cursor<'_>,
    tokens: &mut [Token],
) -> std::result::Result<bool, Refused> {
    let mut root = root;
    loop {
        match root {
            Root::Record { steps, missing } => {
                for step in steps {
                    if let Some((slot, op)) = step.column
                        && let Some(token) = tokens.get_mut(slot as usize)
                    {
                        *token = token_at(cursor.at(), op);
                    }
                    skip(schema, step.node, cursor, 1)?;
                }
                for (slot, op) in missing {
                    if let Some(token) = tokens.get_mut(*slot as usize) {
                        *token = token_at(cursor.at(), *op);
                    }
                }
                return Ok(true);
            }
            Root::Union(branches) => {
                let branch = usize::try_from(cursor.long()?).unwrap_or(usize::MAX);
                root = match branches.get(branch) {
                    Some(root) => root,
                    None => return Ok(cursor.fault("a union has no such branch")?),
                };
            }
            Root::Null => return Ok(false),
            Root::Fail(reason) => return Err(Refused::Type(reason.clone())),
        }
    }
}

fn token_at(start: usize, plan: u32) -> Token {
    Token { start: start as u32, len: plan, kind: TokenKind::Object }
}

/// The decoder of `avro`, whose records have the schema of the table.
#[derive(Debug)]
pub(super) struct AvroDecoder {
    rows: AvroRows,
    plan: WriterPlan,
    json: bool,
}

impl AvroDecoder {
    pub(super) fn new(
        request: &DecodeRequest,
        schema: Arc<Schema>,
        json: bool,
    ) -> Result<AvroDecoder> {
        let mut rows = AvroRows::new(request, Arc::clone(&schema), schema.root())?;
        let plan = rows.plan(schema);
        Ok(AvroDecoder { rows, plan, json })
    }

    fn chunk(&mut self, records: &[&[u8]], nulls: &[bool], errors: &mut RowErrors) -> Result<()> {
        for (number, record) in records.iter().enumerate() {
            if nulls.get(number) != Some(&false) {
                continue;
            }
            if let Err(refused) = self.rows.record(&self.plan, number, record, 0) {
                self.rows.rows.fail(number, record, errors, || refused.describe());
            }
        }
        self.rows.rows.convert(records, errors)?;
        self.rows.rows.end_chunk(records.len());
        Ok(())
    }

    /// Avro's JSON goes through the binary encoding.
    fn json_chunk(
        &mut self,
        slab: &Bytes,
        chunk: &[Payload],
        errors: &mut RowErrors,
    ) -> Result<()> {
        let schema = Arc::clone(&self.plan.schema);
        let mut binary = Vec::new();
        let mut ends = Vec::with_capacity(chunk.len());
        let mut nulls = Vec::with_capacity(chunk.len());
        for (number, payload) in chunk.iter().enumerate() {
            let record = bytes_of(slab, *payload)?;
            let before = binary.len();
            let translated = record.map(|record| {
                let value = serde_json::from_slice(record).map_err(|error| error.to_string())?;
                json_to_binary(&schema, schema.root(), &value, JsonForm::Record, &mut binary)
            });
            if let (Some(Err(problem)), Some(record)) = (&translated, record) {
                binary.truncate(before);
                self.rows.rows.fail(number, record, errors, || problem.clone());
            }
            nulls.push(!matches!(translated, Some(Ok(()))));
            ends.push(binary.len());
        }
        let mut start = 0;
        let mut records: Vec<&[u8]> = Vec::with_capacity(ends.len());
        for end in ends {
            records.push(binary.get(start..end).unwrap_or_default());
            start = end;
        }
        self.chunk(&records, &nulls, errors)
    }
}

impl Decoder for AvroDecoder {
    fn push(&mut self, slab: &Bytes, payloads: &[Payload], errors: &mut RowErrors) -> Result<()> {
        let mut records: Vec<&[u8]> = Vec::with_capacity(payloads.len().min(CHUNK_ROWS));
        let mut nulls: Vec<bool> = Vec::with_capacity(payloads.len().min(CHUNK_ROWS));
        for chunk in payloads.chunks(CHUNK_ROWS) {
            if self.json {
                self.json_chunk(slab, chunk, errors)?;
                continue;
            }
            records.clear();
            nulls.clear();
            for payload in chunk {
                let record = bytes_of(slab, *payload)?;
                nulls.push(record.is_none());
                records.push(record.unwrap_or_default());
            }
            self.chunk(&records, &nulls, errors)?;
        }
        Ok(())
    }

    fn rows(&self) -> usize {
        self.rows.rows.len()
    }

    fn finish(&mut self) -> Result<Decoded> {
        self.rows.rows.finish()
    }

    fn ignored(&self) -> u64 {
        self.rows.rows.ignored()
    }
}
