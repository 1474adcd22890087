//! `avro-confluent`: records that name their schema by its id in a registry (Flink's `RegistryAvroFormatFactory`; the
//! wire format of Confluent's serializers: a zero byte, the id in four bytes, the record).

use super::debezium::{EnvelopePlan, Images, change};
use super::decode::{AvroRows, Refused, WriterPlan};
use super::encode::AvroWriter;
use super::plan::{Compiler, Op};
use super::registry_options::{OPTIONS, RegistryOptions};
use super::schema::{Schema, Shape};
use super::{derive, parse};
use crate::base::{Error, ErrorKind, Result};
use crate::formats::payload::bytes_of;
use crate::formats::rows::CHUNK_ROWS;
use crate::options::{Opt, OptionReader};
use crate::table::{
    Answer, DecodeRequest, Decoded, Decoder, EncodeRequest, Encoded, Encoder, Format, Payload,
    Readiness, SchemaRegistries, SchemaResolver, Waker,
};
use crate::types::{Batch, Field, RowErrors};
use bytes::Bytes;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Bytes before the record.
const HEADER_BYTES: usize = 5;

/// The format.
#[derive(Clone, Debug)]
pub struct AvroConfluentFormat {
    registries: Arc<dyn SchemaRegistries>,
}

impl AvroConfluentFormat {
    /// A format whose registries are opened by `registries`.
    pub fn new(registries: Arc<dyn SchemaRegistries>) -> AvroConfluentFormat {
        AvroConfluentFormat { registries }
    }
}

impl Format for AvroConfluentFormat {
    fn identifier(&self) -> &'static str {
        "avro-confluent"
    }

    fn options(&self) -> &'static [Opt] {
        OPTIONS
    }

    fn decoder(
        &self,
        options: &OptionReader<'_>,
        request: &DecodeRequest,
    ) -> Result<Box<dyn Decoder>> {
        let read = RegistryOptions::read(options)?;
        let (_, reader) = schema_of(&read, &request.fields, false, options)?;
        let resolver = read.open(&*self.registries, options)?;
        let record = reader.not_null(reader.root()).unwrap_or(reader.root());
        let rows = AvroRows::new(request, reader, record)?;
        Ok(Box::new(ConfluentDecoder {
            rows,
            plans: HashMap::new(),
            refused: HashMap::new(),
            awaited: VecDeque::new(),
            resolver,
            images: None,
        }))
    }

    fn encoder(
        &self,
        options: &OptionReader<'_>,
        request: &EncodeRequest,
    ) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(ConfluentEncoder::open(&*self.registries, options, request, None)?))
    }
}

/// The schema that the options give, which must be that of the fields, or the one that follows from them; `nullable`: in
/// a union with null.
pub(super) fn schema_of(
    read: &RegistryOptions,
    fields: &[Field],
    nullable: bool,
    options: &OptionReader<'_>,
) -> Result<(Arc<str>, Arc<Schema>)> {
    let unfit = |problem: String| options.invalid(&read.schema_of, problem);
    let Some(text) = &read.schema else {
        let mut text = derive::derive_schema(fields, true).map_err(|error| {
            error.context(format!("deriving the Avro schema of {}", options.subject()))
        })?;
        if nullable {
            text = format!("[\"null\",{text}]");
        }
        let schema = parse(&text).map_err(Error::internal)?;
        return Ok((text.into(), schema));
    };
    let schema =
        parse(text).map_err(|problem| unfit(format!("it is no Avro schema: {problem}")))?;
    let root = schema.not_null(schema.root()).unwrap_or(schema.root());
    let Shape::Record { fields: declared, .. } = schema.shape(root) else {
        return Err(unfit("it is no Avro schema of a record".to_owned()));
    };
    if declared.len() != fields.len() {
        return Err(unfit(format!(
            "it has {} fields, the table {}: they must be the same, in the same order",
            declared.len(),
            fields.len()
        )));
    }
    let compiler = Compiler::new(&schema, &schema);
    for (declared, field) in declared.iter().zip(fields) {
        if let Op::Fail(problem, _) = compiler.op(declared.node, declared.node, &field.data_type) {
            return Err(unfit(format!("it does not fit field '{}': {problem}", field.name)));
        }
    }
    Ok((text.as_str().into(), schema))
}

/// The id of a record's schema; what is wrong with its header otherwise.
fn id_of(record: &[u8]) -> std::result::Result<u32, &'static str> {
    match record.first_chunk::<HEADER_BYTES>() {
        Some([0, id @ ..]) => Ok(u32::from_be_bytes(*id)),
        Some(_) => {
            Err("unknown data format: it does not start with a zero byte and the id of a schema")
        }
        None => Err("it is too short for a zero byte and the id of a schema"),
    }
}

/// The decoder, of rows or of changes of rows.
#[derive(Debug)]
pub(super) struct ConfluentDecoder {
    rows: AvroRows,
    /// By id.
    plans: HashMap<u32, Plan>,
    /// Ids that the registry does not have, and what it said. It is asked again for the next records: what is registered
    /// late is found when its resolver asks anew.
    refused: HashMap<u32, String>,
    /// Ids that the registry was asked for and has not answered, in that order.
    awaited: VecDeque<u32>,
    resolver: Arc<dyn SchemaResolver>,
    /// Where records are changes.
    images: Option<Images>,
}

/// How the records of one schema are walked.
#[derive(Debug)]
enum Plan {
    Row(WriterPlan),
    Change(EnvelopePlan),
    /// No row comes of them, and why.
    Refused(String),
}

impl ConfluentDecoder {
    /// A decoder of changes.
    pub(super) fn changes(rows: AvroRows, resolver: Arc<dyn SchemaResolver>) -> ConfluentDecoder {
        ConfluentDecoder {
            rows,
            plans: HashMap::new(),
            refused: HashMap::new(),
            awaited: VecDeque::new(),
            resolver,
            images: Some(Images::default()),
        }
    }

    /// Asks for the schema of an id. That the registry does not have it is an answer too.
    fn ask(&mut self, id: u32, waker: &Waker) -> Answer<()> {
        match self.resolver.schema(id, waker) {
            Answer::Pending => return Answer::Pending,
            Answer::Failed(error) if error.kind() != ErrorKind::Data => {
                return Answer::Failed(error);
            }
            Answer::Failed(error) => {
                self.refused.insert(id, error.to_string());
            }
            Answer::Ready(text) => {
                let plan = self.plan(&text);
                self.plans.insert(id, plan);
            }
        }
        Answer::Ready(())
    }

    fn plan(&mut self, schema: &str) -> Plan {
        let planned = parse(schema).and_then(|schema| match self.images {
            None => Ok(Plan::Row(self.rows.plan(schema))),
            Some(_) => EnvelopePlan::new(&mut self.rows, schema).map(Plan::Change),
        });
        planned.unwrap_or_else(Plan::Refused)
    }

    fn chunk(&mut self, records: &[&[u8]], nulls: &[bool], errors: &mut RowErrors) -> Result<()> {
        // Neighbours have the same schema.
        let mut last: Option<(u32, &Plan)> = None;
        for (number, record) in records.iter().enumerate() {
            // Of changes, empty records are tombstones too.
            let tombstone = self.images.is_some() && record.is_empty();
            if nulls.get(number) != Some(&false) || tombstone {
                continue;
            }
            let id = match id_of(record) {
                Ok(id) => id,
                Err(problem) => {
                    self.rows.rows.fail(number, record, errors, || problem.to_owned());
                    continue;
                }
            };
            let plan = match last {
                Some((known, plan)) if known == id => plan,
                _ => match self.plans.get(&id) {
                    Some(plan) => plan,
                    None => return Err(Error::internal("a schema that was not asked for")),
                },
            };
            last = Some((id, plan));
            let rows = &mut self.rows;
            let walked = match (plan, &mut self.images) {
                (Plan::Row(plan), _) => rows.record(plan, number, record, HEADER_BYTES),
                (Plan::Change(plan), Some(images)) => {
                    change(rows, images, plan, number, record, HEADER_BYTES)
                }
                (Plan::Refused(reason), _) => Err(Refused::Type(reason.clone())),
                _ => return Err(Error::internal("a change among rows")),
            };
            if let Err(refused) = walked {
                self.rows.rows.fail(number, record, errors, || {
                    format!("{} (its schema has the id {id})", refused.describe())
                });
            }
        }
        self.rows.rows.convert(records, errors)?;
        self.rows.rows.end_chunk(records.len());
        Ok(())
    }
}

impl Decoder for ConfluentDecoder {
    fn needs_schemas(&self) -> bool {
        true
    }

    fn ready(&mut self, slab: &Bytes, payloads: &[Payload], waker: &Waker) -> Result<Readiness> {
        // A registry answers in the order in which it is asked: the payloads are gone through again when the last answer
        // is there, not with every one.
        while let Some(id) = self.awaited.front().copied() {
            let answer = self.ask(id, waker);
            if matches!(answer, Answer::Pending) {
                return Ok(Readiness::Waiting);
            }
            self.awaited.pop_front();
            let named = |payload: &Payload| {
                bytes_of(slab, *payload)
                    .is_ok_and(|record| record.is_some_and(|r| id_of(r) == Ok(id)))
            };
            // Other payloads than those that it was asked for may be at hand.
            if let (Answer::Failed(error), Some(at)) = (answer, payloads.iter().position(named)) {
                return Ok(Readiness::Failed(vec![(at, error)]));
            }
        }
        let (mut last, mut asked, mut failed) = (None, HashSet::new(), Vec::new());
        for (at, payload) in payloads.iter().enumerate() {
            let Some(record) = bytes_of(slab, *payload)? else { continue };
            let Ok(id) = id_of(record) else { continue };
            if last == Some(id) || self.plans.contains_key(&id) {
                last = Some(id);
                continue;
            }
            if asked.insert(id) && !self.refused.contains_key(&id) {
                match self.ask(id, waker) {
                    Answer::Pending => self.awaited.push_back(id),
                    Answer::Failed(error) => return Ok(Readiness::Failed(vec![(at, error)])),
                    Answer::Ready(()) => {}
                }
            }
            if let Some(why) = self.refused.get(&id) {
                failed.push((at, Error::new(ErrorKind::Data, why.clone())));
            }
        }
        Ok(match (self.awaited.is_empty(), failed.is_empty()) {
            (false, _) => Readiness::Waiting,
            (true, true) => Readiness::Ready,
            (true, false) => Readiness::Failed(failed),
        })
    }

    fn push(&mut self, slab: &Bytes, payloads: &[Payload], errors: &mut RowErrors) -> Result<()> {
        self.refused.clear();
        let mut records: Vec<&[u8]> = Vec::with_capacity(payloads.len().min(CHUNK_ROWS));
        let mut nulls: Vec<bool> = Vec::with_capacity(payloads.len().min(CHUNK_ROWS));
        for chunk in payloads.chunks(CHUNK_ROWS) {
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

/// The encoder, of rows or of changes of rows.
#[derive(Debug)]
pub(super) struct ConfluentEncoder {
    writer: AvroWriter,
    resolver: Arc<dyn SchemaResolver>,
    subject: String,
    schema: Arc<str>,
    register: bool,
    id: Option<u32>,
}

impl ConfluentEncoder {
    /// An encoder of rows, or of their changes in records with the fields `envelope`.
    pub(super) fn open(
        registries: &dyn SchemaRegistries,
        options: &OptionReader<'_>,
        request: &EncodeRequest,
        envelope: Option<&[Field]>,
    ) -> Result<ConfluentEncoder> {
        let read = RegistryOptions::read(options)?;
        let subject = read.subject(options, request.subject.as_deref())?;
        let fields = envelope.unwrap_or(&request.fields);
        let (text, schema) = schema_of(&read, fields, envelope.is_some(), options)?;
        let writer = match envelope {
            Some(envelope) => AvroWriter::changes(&request.fields, envelope, &schema),
            None => AvroWriter::new(&request.fields, &schema),
        };
        let writer =
            writer.map_err(|error| error.context(format!("writing to {}", options.subject())))?;
        let register = read.register;
        let resolver = read.open(registries, options)?;
        Ok(ConfluentEncoder { writer, resolver, subject, schema: text, register, id: None })
    }
}

impl Encoder for ConfluentEncoder {
    fn ready(&mut self, waker: &Waker) -> Result<bool> {
        if self.id.is_none() {
            match self.resolver.id(&self.subject, &self.schema, self.register, waker) {
                Answer::Pending => {}
                Answer::Failed(error) => return Err(error),
                Answer::Ready(id) => self.id = Some(id),
            }
        }
        Ok(self.id.is_some())
    }

    fn encode(&mut self, batch: &Batch, out: &mut Encoded, errors: &mut RowErrors) -> Result<()> {
        let id = self.id.ok_or_else(|| Error::internal("a schema that was not registered"))?;
        let start = |bytes: &mut Vec<u8>| {
            bytes.push(0);
            bytes.extend_from_slice(&id.to_be_bytes());
        };
        self.writer.write(batch, out, errors, start, |_, _| {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::harness::{all_columns, parse_fields};
    use std::sync::Mutex;

    /// Has the even ids, and answers what it was asked for before.
    #[derive(Debug, Default)]
    struct Even {
        schema: String,
        asked: Mutex<Vec<u32>>,
        answers: Mutex<usize>,
    }

    impl SchemaResolver for Even {
        fn schema(&self, id: u32, _waker: &Waker) -> Answer<Arc<str>> {
            let mut asked = self.asked.lock().unwrap();
            let place = asked.iter().position(|known| *known == id).unwrap_or(asked.len());
            asked.push(id);
            match (place < *self.answers.lock().unwrap(), id % 2) {
                (false, _) => Answer::Pending,
                (true, 0) => Answer::Ready(self.schema.as_str().into()),
                (true, _) => Answer::Failed(Error::new(ErrorKind::Data, format!("no schema {id}"))),
            }
        }

        fn id(&self, _: &str, _: &Arc<str>, _: bool, _: &Waker) -> Answer<u32> {
            Answer::Failed(Error::internal("nothing is written"))
        }
    }

    fn decoder(changes: bool) -> (ConfluentDecoder, Arc<Even>) {
        let fields = parse_fields("a INT").unwrap();
        let schema = derive::derive_schema(&fields, false).unwrap();
        let resolver = Arc::new(Even { schema: schema.clone(), ..Even::default() });
        let reader = parse(&schema).unwrap();
        let root = reader.root();
        let rows = AvroRows::new(&all_columns(&fields), reader, root).unwrap();
        let mut decoder =
            ConfluentDecoder::changes(rows, Arc::clone(&resolver) as Arc<dyn SchemaResolver>);
        if !changes {
            decoder.images = None;
        }
        (decoder, resolver)
    }

    #[test]
    fn all_schemas_are_asked_for_at_once_and_all_refused_records_told_at_once() {
        const IDS: u32 = 100;
        for changes in [false, true] {
            let (mut decoder, registry) = decoder(changes);
            // Each id twice.
            let ids: Vec<u32> = (0..IDS).chain(0..IDS).collect();
            let slab: Vec<u8> =
                ids.iter().flat_map(|id| [&[0][..], &id.to_be_bytes()].concat()).collect();
            let slab = Bytes::from(slab);
            let payloads: Vec<Payload> =
                (0..2 * IDS).map(|at| Payload { start: 5 * at, len: 5 }).collect();
            let waker: Waker = Arc::new(|| ());
            let mut ready = || decoder.ready(&slab, &payloads, &waker).unwrap();
            assert!(matches!(ready(), Readiness::Waiting));
            assert_eq!(*registry.asked.lock().unwrap(), (0..IDS).collect::<Vec<_>>());
            for answers in 1..IDS as usize {
                *registry.answers.lock().unwrap() = answers;
                assert!(matches!(ready(), Readiness::Waiting));
            }
            // Every wake asks for what was answered and what comes next, not for everything.
            assert!(registry.asked.lock().unwrap().len() <= 3 * IDS as usize);
            *registry.answers.lock().unwrap() = IDS as usize;
            let Readiness::Failed(failed) = ready() else { panic!("some are refused") };
            let found: Vec<_> =
                failed.iter().map(|(at, error)| (*at, error.message().to_owned())).collect();
            let odd = (0..2 * IDS).filter(|at| at % 2 == 1);
            let expected: Vec<_> =
                odd.map(|at| (at as usize, format!("no schema {}", at % IDS))).collect();
            assert_eq!(found, expected);
        }
    }
}
