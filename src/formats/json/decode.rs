//! The decoder: scans records into tokens and hands them on.

use super::convert::JsonConvert;
use super::keys::{Keys, NO_KEY, NO_SLOT};
use super::misplaced::{fits, rewritten};
use super::options::JsonOptions;
use super::scan::{Fault, Members, byte, fault, next, skip_space, start, string_end, token, value};
use super::text::unescape;
use crate::base::Result;
use crate::formats::payload::bytes_of;
use crate::formats::rows::{CHUNK_ROWS, Rows, Token, TokenKind};
use crate::table::{DecodeRequest, Decoded, Decoder, Payload};
use crate::types::{DataType, Field, Kind, RowErrors};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::HashMap;

/// What [`Fault::expected`] says of a record without a declared field.
const MISSING_FIELD: &str = "all declared fields";

/// What it says of an array with too many rows.
pub(super) const FEWER_ROWS: &str =
    "the end of the array: its rows have more values than a record may have";

/// A decoder compiled for a schema.
#[derive(Debug)]
pub(super) struct JsonDecoder {
    rows: Rows<JsonConvert>,
    keys: Keys,
    /// Tokens of all declared fields, [`NO_SLOT`] for those that nobody asked for.
    declared: HashMap<String, u32>,
    /// A key without its escapes.
    name: String,
    ignore_parse_errors: bool,
    /// Of a field that comes twice the last value counts, as in a tree; else what [`first_fields`] says.
    tree: bool,
    /// All declared fields, where objects and arrays in wrong places are read as Flink's parser does.
    misplaced: Option<Vec<Field>>,
    /// Names of all declared fields by token, where each must be in every record.
    required: Vec<String>,
}

impl JsonDecoder {
    pub(super) fn new(options: &JsonOptions, request: &DecodeRequest) -> Result<JsonDecoder> {
        // Where the parser stands after a field depends on its type, also if nobody asked for it.
        let misplaced = options.ignore_parse_errors && !options.tree;
        let all = options.fail_on_missing_field || request.strict || misplaced;
        let slots = Rows::<JsonConvert>::slots(request, all);
        let named = request.fields.iter().zip(&slots);
        let declared = named.clone();
        let declared = declared.map(|(field, slot)| (field.name.clone(), slot.unwrap_or(NO_SLOT)));
        let declared = declared.collect();
        let named = named.filter_map(|(field, slot)| Some((field.name.as_str(), (*slot)?)));
        let slots: Vec<(&str, u32)> = named.collect();
        let mut required = Vec::new();
        if options.fail_on_missing_field {
            required = vec![String::new(); slots.len()];
            for (name, slot) in &slots {
                if let Some(place) = required.get_mut(*slot as usize) {
                    (*name).clone_into(place);
                }
            }
        }
        let convert = JsonConvert::new(
            options.style,
            options.fail_on_missing_field,
            request.fields.iter().any(|field| has_decimal(&field.data_type)),
        );
        let convert = if options.tree { convert.of_tree() } else { convert };
        Ok(JsonDecoder {
            rows: Rows::new(convert, request, all, "JSON", options.ignore_parse_errors)?,
            keys: Keys::new(slots),
            declared,
            name: String::new(),
            ignore_parse_errors: options.ignore_parse_errors,
            tree: options.tree,
            misplaced: misplaced.then(|| request.fields.clone()),
            required,
        })
    }

    /// Scans one record, which is not empty; its rows wait.
    fn scan(&mut self, texts: &[&str], errors: &mut RowErrors) -> Result<Result<(), Fault>> {
        let at = texts.len().saturating_sub(1);
        let Some(text) = texts.last() else { return Ok(Ok(())) };
        let bytes = text.as_bytes();
        let first = start(bytes);
        match byte(bytes, first) {
            Some(b'{') => {
                let scanned = self.row(text, at, first, 1);
                if let Some(fields) = &self.misplaced
                    && scanned.is_ok()
                    && !self.rows.last_row_is(|field, token| fits(&field.data_type, token, text))
                {
                    let Some(record) = rewritten(fields, text, first) else {
                        return Ok(fault(first, "no objects and arrays in wrong places"));
                    };
                    return self.replaced(texts, &record, errors);
                }
                Ok(scanned.map(|_| ()))
            }
            Some(b'[') => self.array(texts, next(first), errors),
            _ => Ok(fault(first, "a JSON object, or an array of objects")),
        }
    }

    /// Scans the object at `start` of a text as a row of text `number`; one past its end.
    #[inline]
    fn row(
        &mut self,
        text: &str,
        number: usize,
        start: usize,
        depth: usize,
    ) -> Result<usize, Fault> {
        let tokens = self.rows.begin_row(number);
        let (keys, name) = (&mut self.keys, &mut self.name);
        let scanned = object(keys, name, tokens, text.as_bytes(), next(start), depth)?;
        if self.tree
            || !scanned.repeated
            || !first_fields(&self.declared, name, tokens, text, start)
        {
            self.missing(start)?;
        }
        Ok(scanned.end)
    }

    /// Takes the row of the last record from `record` instead, and converts it while there is one.
    #[cold]
    fn replaced(
        &mut self,
        texts: &[&str],
        record: &str,
        errors: &mut RowErrors,
    ) -> Result<Result<(), Fault>> {
        self.rows.abandon_row();
        self.rows.convert(texts, errors)?;
        self.rows.ignore(texts.len().saturating_sub(1));
        let mut texts = texts.to_vec();
        if let Some(last) = texts.last_mut() {
            *last = record;
        }
        if let Err(found) = self.row(record, texts.len().saturating_sub(1), 0, 1) {
            return Ok(Err(found));
        }
        self.rows.convert(&texts, errors)?;
        Ok(Ok(()))
    }

    /// Scans the items of a top-level array, each a row; NULL items are none.
    fn array(
        &mut self,
        texts: &[&str],
        from: usize,
        errors: &mut RowErrors,
    ) -> Result<Result<(), Fault>> {
        let number = texts.len().saturating_sub(1);
        let bytes = texts.last().map_or(&[][..], |text| text.as_bytes());
        let mut at = skip_space(bytes, from);
        if byte(bytes, at) == Some(b']') {
            return Ok(Ok(()));
        }
        let mut rows = 0usize;
        loop {
            let scanned = match byte(bytes, at) {
                Some(b'{') => {
                    if self.rows.is_full() {
                        self.rows.convert(texts, errors)?;
                    }
                    rows = rows.saturating_add(1);
                    if rows > self.rows.rows_max() {
                        return Ok(fault(at, FEWER_ROWS));
                    }
                    self.row(texts.last().copied().unwrap_or(""), number, at, 2)
                }
                _ => value(bytes, at, 1).and_then(|item| {
                    if item.kind != TokenKind::Null {
                        if !self.ignore_parse_errors {
                            return fault(at, "a JSON object as item of the array");
                        }
                        self.rows.ignore(number);
                    }
                    Ok(item.end)
                }),
            };
            at = match scanned {
                Ok(end) => skip_space(bytes, end),
                Err(found) => return Ok(Err(found)),
            };
            match byte(bytes, at) {
                Some(b',') => at = skip_space(bytes, next(at)),
                Some(b']') => return Ok(Ok(())),
                _ => return Ok(fault(at, "',' or ']'")),
            }
        }
    }

    /// Whether the last row lacks a field that must be there.
    fn missing(&self, at: usize) -> Result<(), Fault> {
        if self.required.is_empty() || self.rows.last_row().iter().all(is_there) {
            return Ok(());
        }
        fault(at, MISSING_FIELD)
    }

    /// The name of a missing field, for a message.
    fn missing_name(&self) -> Option<String> {
        let missing = self.rows.last_row().iter().position(|token| !is_there(token))?;
        self.required.get(missing).cloned()
    }
}

fn is_there(token: &Token) -> bool {
    token.kind != TokenKind::Missing
}

/// An object that was scanned.
pub(super) struct ScannedObject {
    /// One past its end.
    pub(super) end: usize,
    /// A field came more than once.
    repeated: bool,
}

/// Scans an object from after its brace.
#[inline]
pub(super) fn object(
    keys: &mut Keys,
    name: &mut String,
    tokens: &mut [Token],
    bytes: &[u8],
    from: usize,
    depth: usize,
) -> Result<ScannedObject, Fault> {
    let mut at = skip_space(bytes, from);
    if byte(bytes, at) == Some(b'}') {
        return Ok(ScannedObject { end: next(at), repeated: false });
    }
    let mut repeated = false;
    let mut previous = NO_KEY;
    loop {
        if byte(bytes, at) != Some(b'"') {
            return fault(at, "a field name in quotes");
        }
        let inside = next(at);
        let (key, after) = match keys.expected(previous, bytes, inside) {
            Some(found) => found,
            None => other_key(keys, name, previous, bytes, inside)?,
        };
        if key != NO_KEY {
            previous = key;
        }
        at = skip_space(bytes, after);
        let scanned = value(bytes, at, depth)?;
        if let Some(place) = tokens.get_mut(keys.slot(key) as usize) {
            repeated |= place.kind != TokenKind::Missing;
            *place = token(at, scanned);
        }
        at = skip_space(bytes, scanned.end);
        match byte(bytes, at) {
            Some(b',') => at = skip_space(bytes, next(at)),
            Some(b'}') => return Ok(ScannedObject { end: next(at), repeated }),
            _ => return fault(at, "',' or '}'"),
        }
    }
}

/// Reads an object with repeated fields again: Flink takes as many declared fields as there are columns, repeated ones
/// counted, and passes over what follows. Of a repeated field that is left the last value counts. Whether there were as
/// many, which is when none counts as missing.
#[cold]
fn first_fields(
    declared: &HashMap<String, u32>,
    name: &mut String,
    tokens: &mut [Token],
    text: &str,
    start: usize,
) -> bool {
    tokens.fill(Token::MISSING);
    let mut left = declared.len();
    for member in Members::new(text, start) {
        if left == 0 {
            break;
        }
        name.clear();
        unescape(member.key.text(text), name);
        if let Some(slot) = declared.get(name.as_str()) {
            left = left.saturating_sub(1);
            if let Some(place) = tokens.get_mut(*slot as usize) {
                *place = member.value;
            }
        }
    }
    left == 0
}

/// A key that was not expected: which one it is, and the position after its colon.
fn other_key(
    keys: &mut Keys,
    name: &mut String,
    previous: u32,
    bytes: &[u8],
    inside: usize,
) -> Result<(u32, usize), Fault> {
    let (quote, escaped) = string_end(bytes, inside)?;
    let raw = bytes.get(inside..quote).unwrap_or_default();
    let key = if escaped {
        name.clear();
        unescape(std::str::from_utf8(raw).unwrap_or(""), name);
        keys.find(name.as_bytes())
    } else {
        keys.find_or_learn(raw)
    };
    if key != NO_KEY {
        keys.remember(previous, key);
    }
    let colon = skip_space(bytes, next(quote));
    if byte(bytes, colon) != Some(b':') {
        return fault(colon, "':'");
    }
    Ok((key, next(colon)))
}

pub(super) fn has_decimal(data_type: &DataType) -> bool {
    match &data_type.kind {
        Kind::Decimal { .. } => true,
        Kind::Array(item) | Kind::Multiset(item) => has_decimal(item),
        Kind::Map(key, value) => has_decimal(key) || has_decimal(value),
        Kind::Row(fields) => fields.iter().any(|field| has_decimal(&field.data_type)),
        _ => false,
    }
}

/// Why a record gives no rows.
#[derive(Debug)]
pub(super) enum Problem {
    /// Its text is not JSON, or not the JSON that was expected.
    Fault(Fault),
    /// It does not say what it must.
    Content(Cow<'static, str>),
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        Problem::Fault(fault)
    }
}

impl Problem {
    fn describe(self, record: &str) -> String {
        match self {
            Problem::Fault(fault) => fault.describe(record),
            Problem::Content(text) => text.into_owned(),
        }
    }
}

/// Scans the records of one layout.
pub(super) trait Scan {
    /// Where rows wait.
    fn rows(&mut self) -> &mut Rows<JsonConvert>;

    /// Scans the last of `texts`, which is not empty; its rows wait.
    fn record(&mut self, texts: &[&str], errors: &mut RowErrors) -> Result<Result<(), Problem>>;
}

/// Scans and converts payloads, a chunk at a time. NULL and empty ones are no rows.
pub(super) fn push_records(
    scan: &mut impl Scan,
    slab: &Bytes,
    payloads: &[Payload],
    errors: &mut RowErrors,
) -> Result<()> {
    let mut texts: Vec<&str> = Vec::with_capacity(payloads.len().min(CHUNK_ROWS));
    for chunk in payloads.chunks(CHUNK_ROWS) {
        texts.clear();
        for payload in chunk {
            let number = texts.len();
            let bytes = bytes_of(slab, *payload)?.unwrap_or_default();
            let Ok(text) = simdutf8::basic::from_utf8(bytes) else {
                texts.push("");
                scan.rows().fail(number, bytes, errors, || "it is not valid UTF-8".to_owned());
                continue;
            };
            texts.push(text);
            if text.is_empty() {
                continue;
            }
            if scan.rows().is_full() {
                scan.rows().convert(&texts, errors)?;
            }
            if let Err(problem) = scan.record(&texts, errors)? {
                scan.rows().fail(number, bytes, errors, || problem.describe(text));
            }
        }
        scan.rows().convert(&texts, errors)?;
        scan.rows().end_chunk(texts.len());
    }
    Ok(())
}

impl Scan for JsonDecoder {
    fn rows(&mut self) -> &mut Rows<JsonConvert> {
        &mut self.rows
    }

    fn record(&mut self, texts: &[&str], errors: &mut RowErrors) -> Result<Result<(), Problem>> {
        Ok(self.scan(texts, errors)?.map_err(|fault| match self.missing_name() {
            Some(name) if fault.expected == MISSING_FIELD => {
                Problem::Content(format!("could not find field with name '{name}'").into())
            }
            _ => Problem::Fault(fault),
        }))
    }
}

impl Decoder for JsonDecoder {
    fn push(&mut self, slab: &Bytes, payloads: &[Payload], errors: &mut RowErrors) -> Result<()> {
        push_records(self, slab, payloads, errors)
    }

    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn finish(&mut self) -> Result<Decoded> {
        self.rows.finish()
    }

    fn ignored(&self) -> u64 {
        self.rows.ignored()
    }
}
