//! The decoder: finds rows and operation in the envelope, and hands the rows on as changes.

use super::dialect::{Dialect, ENVELOPE_FIELDS_MAX, OPERATION};
use super::metadata::{Metadata, Read};
use crate::base::{Error, Result};
use crate::formats::json::convert::JsonConvert;
use crate::formats::json::decode::{FEWER_ROWS, Problem, Scan, has_decimal, object, push_records};
use crate::formats::json::keys::Keys;
use crate::formats::json::options::JsonOptions;
use crate::formats::json::scan::{Fault, Members, byte, next, start, value};
use crate::formats::json::text::unescape;
use crate::formats::rows::{Rows, Token, TokenKind};
use crate::java_regex::JavaRegex;
use crate::table::{DecodeRequest, Decoded, Decoder, Payload};
use crate::types::{Field, RowErrors, RowKind};
use bytes::Bytes;
use std::borrow::Cow;

/// Whose changes are read, where not all are.
#[derive(Debug, Default)]
pub(super) struct Include {
    pub(super) database: Option<JavaRegex>,
    pub(super) table: Option<JavaRegex>,
}

/// A decoder compiled for a schema and the metadata in use.
#[derive(Debug)]
pub(super) struct ChangeDecoder {
    dialect: Dialect,
    rows: Rows<JsonConvert>,
    /// Keys of the object around the envelope, where there is one: `payload` and `schema`.
    around: Option<Keys>,
    envelope: Keys,
    fields: Keys,
    /// Number of the tokens of a row.
    slots: usize,
    metadata: Vec<Wanted>,
    include: Include,
    ignore_errors: bool,
    /// A key without its escapes.
    name: String,
    /// Tokens of an image of the row at hand.
    image: Vec<Token>,
    /// For each token of a row, whether the record at hand has an old value of its name.
    changed: Vec<bool>,
    /// Metadata of the record at hand: tokens by their places in a row.
    said: Vec<(usize, Token)>,
}

/// A metadata column that is read.
#[derive(Debug)]
struct Wanted {
    metadata: Metadata,
    /// Token of the envelope.
    envelope: usize,
    /// Token of the row.
    slot: usize,
}

/// The tokens of a record.
#[derive(Debug)]
struct Record {
    envelope: [Token; ENVELOPE_FIELDS_MAX],
    /// The schema around the envelope.
    schema: Token,
}

impl Record {
    fn get(&self, at: usize) -> Token {
        self.envelope.get(at).copied().unwrap_or(Token::MISSING)
    }
}

impl ChangeDecoder {
    pub(super) fn new(
        dialect: Dialect,
        options: &JsonOptions,
        schema_include: bool,
        include: Include,
        request: &DecodeRequest,
    ) -> Result<ChangeDecoder> {
        let mut inner = request.clone();
        let mut metadata = Vec::with_capacity(request.metadata.len());
        for key in &request.metadata {
            let Some(found) = dialect.metadata().iter().find(|known| known.key == key) else {
                return Err(Error::internal(format_args!("no metadata '{key}'")));
            };
            let envelope = dialect.fields().iter().position(|field| *field == found.field);
            metadata.push(Wanted {
                metadata: *found,
                envelope: envelope.unwrap_or(0),
                slot: inner.columns.len(),
            });
            inner.columns.push(inner.fields.len());
            inner.fields.push(Field::new(format!("value.{key}"), found.read_type()));
        }
        let slots = Rows::<JsonConvert>::slots(&inner, request.strict);
        let named = || {
            let named = request.fields.iter().zip(&slots);
            named.filter_map(|(field, slot)| Some((field.name.as_str(), (*slot)?)))
        };
        let big_decimals = request.fields.iter().any(|field| has_decimal(&field.data_type));
        let convert = JsonConvert::new(options.style, false, big_decimals).of_tree();
        let ignore = options.ignore_parse_errors;
        let rows = Rows::new(convert, &inner, request.strict, dialect.name(), ignore)?.with_kinds();
        let around = [("payload", 0), ("schema", 1)];
        Ok(ChangeDecoder {
            dialect,
            rows,
            around: schema_include.then(|| Keys::new(around)),
            envelope: Keys::new((0u32..).zip(dialect.fields()).map(|(slot, name)| (*name, slot))),
            fields: Keys::new(named()),
            slots: inner.fields.len(),
            metadata,
            include,
            ignore_errors: ignore,
            name: String::new(),
            image: Vec::new(),
            changed: Vec::new(),
            said: Vec::new(),
        })
    }

    /// The tokens of the envelope, and of a schema around it.
    fn envelope(&mut self, text: &str) -> Result<Record, Problem> {
        let bytes = text.as_bytes();
        let mut from = start(bytes);
        let mut schema = Token::MISSING;
        let mut depth: usize = 1;
        if byte(bytes, from) == Some(b'[')
            && matches!(self.dialect, Dialect::Debezium | Dialect::Ogg)
        {
            (from, depth) = (only_item(text, from, self.ignore_errors)?, 2);
        }
        if byte(bytes, from) != Some(b'{') {
            return Err(Problem::Content("it is not a JSON object".into()));
        }
        if let Some(around) = &mut self.around {
            let mut tokens = [Token::MISSING; 2];
            object(around, &mut self.name, &mut tokens, bytes, next(from), depth)?;
            let [payload, found] = tokens;
            if payload.kind != TokenKind::Object {
                return Err(Problem::Content(
                    "it has no payload; 'schema-include' is only for records with a schema".into(),
                ));
            }
            schema = found;
            from = payload.start as usize;
            depth = depth.saturating_add(1);
        }
        let mut envelope = [Token::MISSING; ENVELOPE_FIELDS_MAX];
        object(&mut self.envelope, &mut self.name, &mut envelope, bytes, next(from), depth)?;
        Ok(Record { envelope, schema })
    }

    /// Adds a row of a kind: the object at `token`.
    fn add(&mut self, texts: &[&str], token: Token, kind: RowKind) -> Result<(), Problem> {
        let text = texts.last().copied().unwrap_or("");
        let row = self.rows.begin_change(texts.len().saturating_sub(1), kind);
        let from = next(token.start as usize);
        object(&mut self.fields, &mut self.name, row, text.as_bytes(), from, 2)?;
        put(row, &self.said);
        Ok(())
    }

    /// Adds the row before an update to the row at `after`: what the object at `old` does not have did not change.
    fn add_old(&mut self, texts: &[&str], old: Token, after: Token) -> Result<(), Problem> {
        let text = texts.last().copied().unwrap_or("");
        let mut image = std::mem::take(&mut self.image);
        image.clear();
        image.resize(self.slots, Token::MISSING);
        let from = next(after.start as usize);
        object(&mut self.fields, &mut self.name, &mut image, text.as_bytes(), from, 3)?;
        let row = self.rows.begin_change(texts.len().saturating_sub(1), RowKind::UpdateBefore);
        let from = next(old.start as usize);
        object(&mut self.fields, &mut self.name, row, text.as_bytes(), from, 3)?;
        for ((token, after), changed) in row.iter_mut().zip(&image).zip(&self.changed) {
            if token.kind == TokenKind::Missing && !changed {
                *token = *after;
            }
        }
        put(row, &self.said);
        self.image = image;
        Ok(())
    }

    /// Finds the metadata that the rows to come will have.
    fn describe(&mut self, text: &str, record: &Record) -> Result<(), Problem> {
        self.said.clear();
        for wanted in &self.metadata {
            let mut token = match (&self.around, wanted.metadata.field) {
                (Some(_), "schema") => record.schema,
                _ => record.get(wanted.envelope),
            };
            if let Some(property) = wanted.metadata.property {
                token = member(text, token, property);
            }
            check(text, token, wanted.metadata)?;
            self.said.push((wanted.slot, token));
        }
        Ok(())
    }

    fn is_included(&self, text: &str, record: &Record) -> Result<bool, Problem> {
        for (pattern, name) in
            [(&self.include.database, "database"), (&self.include.table, "table")]
        {
            let Some(pattern) = pattern else { continue };
            let at = self.dialect.fields().iter().position(|field| *field == name);
            let token = at.map_or(Token::MISSING, |at| record.get(at));
            if token.kind == TokenKind::Missing {
                return Err(Problem::Content(format!("it has no field '{name}'").into()));
            }
            let found = pattern.is_match(&string(text, token));
            if !found.map_err(|error| Problem::Content(error.into()))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Both images, one after the other (Debezium, Ogg).
    fn images(&mut self, texts: &[&str], record: &Record) -> Result<(), Problem> {
        let text = texts.last().copied().unwrap_or("");
        let [before, after, operation, ..] = record.envelope;
        let code = self.operation(text, operation)?;
        let kinds = match (self.dialect, &*code) {
            (Dialect::Debezium, "c" | "r") | (Dialect::Ogg, "I") => [None, Some(RowKind::Insert)],
            (Dialect::Debezium, "u") | (Dialect::Ogg, "U") => {
                [Some(RowKind::UpdateBefore), Some(RowKind::UpdateAfter)]
            }
            (Dialect::Debezium, "d") | (Dialect::Ogg, "D") => [Some(RowKind::Delete), None],
            _ => return Err(self.unknown(&code)),
        };
        self.describe(text, record)?;
        for ((kind, token), name) in kinds.into_iter().zip([before, after]).zip(["before", "after"])
        {
            let Some(kind) = kind else { continue };
            match token.kind {
                TokenKind::Object => self.add(texts, token, kind)?,
                TokenKind::Missing | TokenKind::Null => return Err(self.no_image(name, kind)),
                _ => return Err(no_row(name)),
            }
        }
        Ok(())
    }

    fn no_image(&self, name: &str, kind: RowKind) -> Problem {
        let operation = match kind {
            RowKind::Insert => "CREATE",
            RowKind::UpdateBefore | RowKind::UpdateAfter => "UPDATE",
            RowKind::Delete => "DELETE",
        };
        let null = format!("the \"{name}\" field of {operation} message is null");
        let text = match name {
            "before" => format!(
                "{null}, if you are using {} Postgres Connector, please check the Postgres table has been set REPLICA \
                 IDENTITY to FULL level",
                self.dialect.writer()
            ),
            _ => null,
        };
        Problem::Content(text.into())
    }

    /// The row itself, and what of it is old (Maxwell), or arrays of both (Canal).
    fn data(
        &mut self,
        texts: &[&str],
        record: &Record,
        errors: &mut RowErrors,
    ) -> Result<Result<(), Problem>> {
        let text = texts.last().copied().unwrap_or("");
        let [data, old, operation, ..] = record.envelope;
        let code = match self.operation(text, operation) {
            Ok(code) => code,
            Err(problem) => return Ok(Err(problem)),
        };
        let kind = match (self.dialect, &*code) {
            (Dialect::Canal, "INSERT") | (Dialect::Maxwell, "insert") => RowKind::Insert,
            (Dialect::Canal, "UPDATE") | (Dialect::Maxwell, "update") => RowKind::UpdateAfter,
            (Dialect::Canal, "DELETE") | (Dialect::Maxwell, "delete") => RowKind::Delete,
            // A new table is no change of rows.
            (Dialect::Canal, "CREATE") => return Ok(Ok(())),
            _ => return Ok(Err(self.unknown(&code))),
        };
        let is_list = self.dialect == Dialect::Canal;
        let wanted = if is_list { TokenKind::Array } else { TokenKind::Object };
        if data.kind != wanted {
            return Ok(Err(no_row("data")));
        }
        if kind == RowKind::UpdateAfter && old.kind != wanted {
            return Ok(Err(no_row("old")));
        }
        if let Err(problem) = self.describe(text, record) {
            return Ok(Err(problem));
        }
        if kind == RowKind::UpdateAfter {
            // As in Flink, a name counts wherever it stands inside of what is old.
            self.changed.clear();
            self.changed.resize(self.slots, false);
            mark_names(text, old, &self.fields, &mut self.changed);
        }
        let mut olds = Members::new(text, old.start as usize);
        let mut item = |token: Token, decoder: &mut ChangeDecoder| -> Result<(), Problem> {
            if token.kind != TokenKind::Object {
                return Err(no_row("data"));
            }
            if kind != RowKind::UpdateAfter {
                return decoder.add(texts, token, kind);
            }
            let before = match is_list {
                true => olds.next().map_or(Token::MISSING, |member| member.value),
                false => old,
            };
            if before.kind != TokenKind::Object {
                return Err(no_row("old"));
            }
            decoder.add_old(texts, before, token)?;
            decoder.add(texts, token, kind)
        };
        if !is_list {
            return Ok(item(data, self));
        }
        let per_item = if kind == RowKind::UpdateAfter { 2 } else { 1 };
        let items_max = self.rows.rows_max().div_euclid(per_item);
        for (at, member) in Members::new(text, data.start as usize).enumerate() {
            if self.rows.is_full() {
                self.rows.convert(texts, errors)?;
            }
            if at >= items_max {
                let at = member.value.start as usize;
                return Ok(Err(Fault { at, expected: FEWER_ROWS }.into()));
            }
            if let Err(problem) = item(member.value, self) {
                if !self.ignore_errors {
                    return Ok(Err(problem));
                }
                // As in Flink, the rows before the wrong one stay.
                self.rows.ignore(texts.len().saturating_sub(1));
                break;
            }
        }
        Ok(Ok(()))
    }

    /// What happened.
    fn operation<'a>(&self, text: &'a str, token: Token) -> Result<Cow<'a, str>, Problem> {
        if matches!(token.kind, TokenKind::Missing | TokenKind::Null) {
            let name = self.dialect.fields().get(OPERATION).copied().unwrap_or("");
            return Err(Problem::Content(format!("it has no field '{name}'").into()));
        }
        Ok(string(text, token))
    }

    fn unknown(&self, code: &str) -> Problem {
        let name = self.dialect.fields().get(OPERATION).copied().unwrap_or("");
        Problem::Content(format!("unknown \"{name}\" value \"{code}\"").into())
    }
}

fn put(row: &mut [Token], said: &[(usize, Token)]) {
    for (slot, token) in said {
        if let Some(place) = row.get_mut(*slot) {
            *place = *token;
        }
    }
}

fn no_row(name: &str) -> Problem {
    Problem::Content(format!("its field '{name}' holds no row").into())
}

/// The text of a value.
fn string(text: &str, token: Token) -> Cow<'_, str> {
    match token.kind {
        TokenKind::Escaped => {
            let mut plain = String::new();
            unescape(token.text(text), &mut plain);
            plain.into()
        }
        _ => token.text(text).into(),
    }
}

/// Start of the only item of the array at `from` that is not NULL; if `ignored`, of the only object. Flink takes an
/// array for its items where it reads the envelope with the rows (`AbstractJsonDeserializationSchema.deserialize`), and
/// has no place for a second one.
fn only_item(text: &str, from: usize, ignored: bool) -> Result<usize, Problem> {
    value(text.as_bytes(), from, 0)?;
    let items = Members::new(text, from).map(|item| item.value);
    let mut items = items.filter(|item| match item.kind {
        TokenKind::Object => true,
        TokenKind::Null => false,
        _ => !ignored,
    });
    match (items.next(), items.next()) {
        (Some(item), None) => Ok(item.start as usize),
        _ => Err(Problem::Content("it is an array of other than one message".into())),
    }
}

/// The last field called `name` of the object at `token`.
fn member(text: &str, token: Token, name: &str) -> Token {
    if token.kind != TokenKind::Object {
        return Token::MISSING;
    }
    Members::new(text, token.start as usize)
        .filter(|member| string(text, member.key) == name)
        .last()
        .map_or(Token::MISSING, |member| member.value)
}

/// Marks those of `names` that fields anywhere inside of the value at `token` have (Jackson's `findValue`), in one pass.
fn mark_names(text: &str, token: Token, names: &Keys, found: &mut [bool]) {
    if !matches!(token.kind, TokenKind::Object | TokenKind::Array) {
        return;
    }
    for member in Members::new(text, token.start as usize) {
        let slot = names.slot(names.find(string(text, member.key).as_bytes()));
        if let Some(found) = found.get_mut(slot as usize) {
            *found = true;
        }
        mark_names(text, member.value, names, found);
    }
}

/// What cannot be read as metadata fails the record.
fn check(text: &str, token: Token, metadata: Metadata) -> Result<(), Problem> {
    if matches!(token.kind, TokenKind::Missing | TokenKind::Null) {
        return Ok(());
    }
    let right = match metadata.read {
        Read::MillisText => string(text, token).parse::<i64>().is_ok(),
        Read::SqlMoment => metadata.moment(&string(text, token)).is_some(),
        _ => true,
    };
    if right {
        return Ok(());
    }
    let value = string(text, token);
    Err(Problem::Content(
        format!("metadata '{}' cannot be read from '{value}'", metadata.key).into(),
    ))
}

impl Scan for ChangeDecoder {
    fn rows(&mut self) -> &mut Rows<JsonConvert> {
        &mut self.rows
    }

    fn record(&mut self, texts: &[&str], errors: &mut RowErrors) -> Result<Result<(), Problem>> {
        let text = texts.last().copied().unwrap_or("");
        let record = match self.envelope(text) {
            Ok(record) => record,
            Err(problem) => return Ok(Err(problem)),
        };
        match self.is_included(text, &record) {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(())),
            Err(problem) => return Ok(Err(problem)),
        }
        match self.dialect {
            Dialect::Debezium | Dialect::Ogg => Ok(self.images(texts, &record)),
            Dialect::Canal | Dialect::Maxwell => self.data(texts, &record, errors),
        }
    }
}

impl Decoder for ChangeDecoder {
    fn push(&mut self, slab: &Bytes, payloads: &[Payload], errors: &mut RowErrors) -> Result<()> {
        push_records(self, slab, payloads, errors)
    }

    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn finish(&mut self) -> Result<Decoded> {
        let mut decoded = self.rows.finish()?;
        for wanted in &self.metadata {
            if let Some(column) = decoded.columns.get_mut(wanted.slot) {
                *column = wanted.metadata.finish(std::sync::Arc::clone(column))?;
            }
        }
        Ok(decoded)
    }

    fn ignored(&self) -> u64 {
        self.rows.ignored()
    }
}
