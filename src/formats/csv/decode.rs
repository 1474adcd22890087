//! The decoder: finds the fields of a record's first line.

use super::convert::CsvConvert;
use super::options::CsvOptions;
use crate::base::Result;
use crate::formats::payload::bytes_of;
use crate::formats::rows::{CHUNK_ROWS, Rows, Token, TokenKind};
use crate::table::{DecodeRequest, Decoded, Decoder, Payload};
use crate::types::RowErrors;
use crate::types::java_text::trim;
use bytes::Bytes;

/// No requested column.
const NO_SLOT: u32 = u32::MAX;

/// A decoder compiled for a schema.
#[derive(Debug)]
pub(super) struct CsvDecoder {
    rows: Rows<CsvConvert>,
    dialect: Dialect,
    /// Token of each declared field.
    slots: Vec<u32>,
    ignore_parse_errors: bool,
}

/// The characters that mean something.
#[derive(Clone, Debug)]
struct Dialect {
    delimiter: Symbol,
    quote: Option<Symbol>,
    escape: Option<Symbol>,
    comments: bool,
    /// Bytes that may end an unquoted field or start a symbol.
    stops: [bool; 256],
}

/// A character as UTF-8.
#[derive(Clone, Copy, Debug)]
struct Symbol {
    bytes: [u8; 4],
    len: usize,
}

impl Symbol {
    fn new(character: char) -> Symbol {
        let mut bytes = [0; 4];
        let len = character.encode_utf8(&mut bytes).len();
        Symbol { bytes, len }
    }

    fn first(self) -> u8 {
        let [first, ..] = self.bytes;
        first
    }

    /// Whether it stands at `at`.
    #[inline]
    fn is_at(self, line: &[u8], at: usize) -> bool {
        if self.len == 1 {
            return byte(line, at) == Some(self.first());
        }
        line.get(at..)
            .is_some_and(|rest| rest.starts_with(self.bytes.get(..self.len).unwrap_or(&[])))
    }
}

/// Why a record is no line of the table.
#[derive(Debug)]
enum Fault {
    NoContent,
    MissingQuote,
    EscapeAtEnd,
    AfterQuote { at: usize },
    TooMany { field: Token },
    TooFew { found: usize },
}

#[inline(always)]
fn byte(line: &[u8], at: usize) -> Option<u8> {
    line.get(at).copied()
}

#[inline(always)]
fn next(at: usize) -> usize {
    at.wrapping_add(1)
}

impl CsvDecoder {
    pub(super) fn new(options: CsvOptions, request: &DecodeRequest) -> Result<CsvDecoder> {
        let slots = Rows::<CsvConvert>::slots(request, request.strict);
        let slots = slots.into_iter().map(|slot| slot.unwrap_or(NO_SLOT)).collect();
        let delimiter = Symbol::new(options.delimiter);
        let escape = options.escape.map(Symbol::new);
        let mut stops = [false; 256];
        let mut stop = |byte: u8| {
            if let Some(place) = stops.get_mut(usize::from(byte)) {
                *place = true;
            }
        };
        stop(b'\n');
        stop(b'\r');
        stop(delimiter.first());
        if let Some(escape) = escape {
            stop(escape.first());
        }
        let dialect = Dialect {
            delimiter,
            quote: options.quote.map(Symbol::new),
            escape,
            comments: options.comments,
            stops,
        };
        let ignore_parse_errors = options.ignore_parse_errors;
        let rows = Rows::new(
            CsvConvert::new(options),
            request,
            request.strict,
            "CSV row",
            ignore_parse_errors,
        )?;
        Ok(CsvDecoder { rows, dialect, slots, ignore_parse_errors })
    }
}

impl Dialect {
    /// Start of the first line's first field.
    fn start(&self, text: &[u8]) -> Result<usize, Fault> {
        let mut at = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        if self.comments {
            // With comments Jackson skips empty lines and white space before the first field, too.
            loop {
                while byte(text, at).is_some_and(|b| b <= b' ') && !self.delimiter.is_at(text, at) {
                    at = next(at);
                }
                if byte(text, at) != Some(b'#') {
                    break;
                }
                while byte(text, at).is_some_and(|b| b != b'\n' && b != b'\r') {
                    at = next(at);
                }
            }
        }
        if at >= text.len() { Err(Fault::NoContent) } else { Ok(at) }
    }

    /// The field at `at`, and the position after it.
    #[inline]
    fn field(&self, line: &[u8], at: usize) -> Result<(Token, usize), Fault> {
        match self.quote {
            Some(quote) if quote.is_at(line, at) => self.quoted(line, at, quote),
            _ => self.plain(line, at),
        }
    }

    #[inline]
    fn plain(&self, line: &[u8], start: usize) -> Result<(Token, usize), Fault> {
        let mut at = start;
        let mut kind = TokenKind::String;
        loop {
            while let Some(here) = byte(line, at) {
                if self.stops.get(usize::from(here)).copied().unwrap_or(true) {
                    break;
                }
                at = next(at);
            }
            match byte(line, at) {
                None | Some(b'\n' | b'\r') => break,
                _ if self.delimiter.is_at(line, at) => break,
                _ => {}
            }
            match self.escape {
                Some(escape) if escape.is_at(line, at) => {
                    kind = TokenKind::Escaped;
                    at = escaped(line, at.wrapping_add(escape.len))?;
                }
                // The first byte of a symbol, but not the symbol.
                _ => at = next(at),
            }
        }
        Ok((Token::new(start, at, kind), at))
    }

    fn quoted(&self, line: &[u8], start: usize, quote: Symbol) -> Result<(Token, usize), Fault> {
        let inside = start.wrapping_add(quote.len);
        let mut at = inside;
        let mut kind = TokenKind::String;
        let end = loop {
            if at >= line.len() {
                return Err(Fault::MissingQuote);
            }
            if quote.is_at(line, at) {
                let after = at.wrapping_add(quote.len);
                if !quote.is_at(line, after) {
                    break at;
                }
                kind = TokenKind::Object;
                at = after.wrapping_add(quote.len);
                continue;
            }
            match self.escape {
                Some(escape) if escape.is_at(line, at) => {
                    kind = TokenKind::Object;
                    at = escaped(line, at.wrapping_add(escape.len))?;
                }
                _ => at = next(at),
            }
        };
        let mut after = end.wrapping_add(quote.len);
        while let Some(here) = byte(line, after) {
            if here == b'\n' || here == b'\r' || self.delimiter.is_at(line, after) {
                break;
            }
            if here > b' ' {
                return Err(Fault::AfterQuote { at: after });
            }
            after = next(after);
        }
        Ok((Token::new(inside, end, kind), after))
    }

    /// Scans the first line into tokens.
    fn line(&self, text: &str, slots: &[u32], tokens: &mut [Token]) -> Result<usize, Fault> {
        let bytes = text.as_bytes();
        let mut at = self.start(bytes)?;
        let mut found: usize = 0;
        loop {
            let (token, after) = self.field(bytes, at)?;
            match slots.get(found) {
                Some(slot) => {
                    if let Some(place) = tokens.get_mut(*slot as usize) {
                        *place = token;
                    }
                    found = next(found);
                }
                None => {
                    // One empty field more than declared may end the line, as after a trailing delimiter.
                    let last = !self.delimiter.is_at(bytes, after);
                    if !last || !trim(token.text(text)).is_empty() {
                        return Err(Fault::TooMany { field: token });
                    }
                    return Ok(found);
                }
            }
            if !self.delimiter.is_at(bytes, after) {
                return Ok(found);
            }
            at = after.wrapping_add(self.delimiter.len);
        }
    }
}

/// The position after an escaped character.
fn escaped(line: &[u8], at: usize) -> Result<usize, Fault> {
    let Some(first) = byte(line, at) else { return Err(Fault::EscapeAtEnd) };
    let len = match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    };
    Ok(at.wrapping_add(len).min(line.len()))
}

impl Fault {
    fn describe(&self, text: &str, declared: usize) -> String {
        match self {
            Fault::NoContent => "no content to map due to end-of-input".to_owned(),
            Fault::MissingQuote => "missing closing quote for value".to_owned(),
            Fault::EscapeAtEnd => "unexpected end of input in escaped character".to_owned(),
            Fault::AfterQuote { at } => {
                let found = text.get(*at..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
                format!(
                    "unexpected character '{}' at byte {at}: expected the field delimiter or the end of the line",
                    found.escape_debug()
                )
            }
            Fault::TooMany { field } => {
                let field = field.text(text);
                format!(
                    "too many entries: expected at most {declared} (value #{declared} ({} chars) \"{field}\")",
                    field.chars().count()
                )
            }
            Fault::TooFew { found } => {
                format!("row length mismatch. {declared} fields expected but was {found}")
            }
        }
    }
}

impl Decoder for CsvDecoder {
    fn push(&mut self, slab: &Bytes, payloads: &[Payload], errors: &mut RowErrors) -> Result<()> {
        let mut texts: Vec<&str> = Vec::with_capacity(payloads.len().min(CHUNK_ROWS));
        for chunk in payloads.chunks(CHUNK_ROWS) {
            texts.clear();
            for payload in chunk {
                let number = texts.len();
                let Some(bytes) = bytes_of(slab, *payload)? else {
                    texts.push("");
                    continue;
                };
                let Ok(text) = simdutf8::basic::from_utf8(bytes) else {
                    texts.push("");
                    self.rows.fail(number, bytes, errors, || "it is not valid UTF-8".to_owned());
                    continue;
                };
                texts.push(text);
                let tokens = self.rows.begin_row(number);
                let declared = self.slots.len();
                let scanned = match self.dialect.line(text, &self.slots, tokens) {
                    Ok(found) if found < declared && !self.ignore_parse_errors => {
                        Err(Fault::TooFew { found })
                    }
                    other => other,
                };
                if let Err(fault) = scanned {
                    self.rows.fail(number, bytes, errors, || fault.describe(text, declared));
                }
            }
            self.rows.convert(&texts, errors)?;
            self.rows.end_chunk(texts.len());
        }
        Ok(())
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
