//! From tokens to columns: the part of decoding that most formats share.

use super::column::Builder;
use super::filter::Filter;
use super::payload::shown;
use crate::base::limits::{RECORD_VALUES_MAX, ROW_ERRORS_KEPT_MAX};
use crate::base::{Error, Result};
use crate::expr::Selection;
use crate::table::{DecodeRequest, Decoded};
use crate::types::{Column, DataType, Field, Kind, Kinds, RowErrors, RowKind};
use arrow_array::{Array, BooleanArray, new_empty_array};
use arrow_buffer::BooleanBuffer;
use arrow_select::filter::FilterBuilder;
use std::collections::BTreeSet;
use std::fmt::Debug;

/// Rows that are scanned before they are converted: enough to spread the costs per conversion, few enough that their
/// tokens and text stay in the second-level cache.
pub(crate) const CHUNK_ROWS: usize = 4_096;

/// What the scan found for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// The field is not in the record.
    Missing,
    Null,
    True,
    False,
    /// A number without point and exponent.
    Int,
    /// A number with one.
    Float,
    /// Text that stands for itself.
    String,
    /// Text with escapes.
    Escaped,
    Object,
    Array,
}

/// A field's place in its record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    /// First byte in the record; of a string, the first inside of the quotes.
    pub(crate) start: u32,
    /// Bytes; of a string, those inside of the quotes.
    pub(crate) len: u32,
    /// What it is.
    pub(crate) kind: TokenKind,
}

impl Token {
    /// No such field.
    pub(crate) const MISSING: Token = Token { start: 0, len: 0, kind: TokenKind::Missing };

    /// A token over `start..end`. Records are shorter than 2^31 bytes ([`crate::table::Payload::len`]).
    #[inline]
    pub(crate) fn new(start: usize, end: usize, kind: TokenKind) -> Token {
        Token { start: start as u32, len: end.wrapping_sub(start) as u32, kind }
    }

    /// The token's text.
    #[inline]
    pub(crate) fn text(self, record: &str) -> &str {
        let start = self.start as usize;
        record.get(start..start.wrapping_add(self.len as usize)).unwrap_or("")
    }
}

/// What was wrong in the values of one row.
#[derive(Debug)]
pub(crate) struct Problems {
    /// How many values were wrong.
    pub(crate) count: u64,
    /// Whether somebody will read about the first one.
    describe: bool,
    /// Place inside of the column (`.b[2]`) and reason.
    first: Option<(String, String)>,
}

impl Problems {
    fn new(describe: bool) -> Problems {
        Problems { count: 0, describe, first: None }
    }

    /// Notes a wrong value.
    #[cold]
    pub(crate) fn note(&mut self, reason: impl FnOnce() -> String) {
        self.count = self.count.saturating_add(1);
        if self.describe && self.first.is_none() {
            self.first = Some((String::new(), reason()));
        }
    }

    /// Says where the first problem lies, from the inside out, if there was none `before`.
    #[inline]
    pub(crate) fn locate(&mut self, before: u64, step: impl FnOnce() -> String) {
        if before == 0
            && self.count > 0
            && let Some((path, _)) = &mut self.first
        {
            path.insert_str(0, &step());
        }
    }
}

/// Turns tokens into values. Must add exactly one value to `out` whatever the token is; a wrong one becomes NULL and is
/// noted.
pub(crate) trait Convert: Debug + Send {
    /// A record as it lies in the slab: `str` in text formats, `[u8]` in binary ones.
    type Record: AsRef<[u8]> + ?Sized;

    /// The next values are those of a field, by its number among the tokens of a row.
    fn begin_column(&mut self, _column: usize) {}

    /// Adds the value of `token` in `record` to `out`, a column of the field's type.
    fn convert(
        &mut self,
        field: &Field,
        token: Token,
        record: &Self::Record,
        out: &mut Builder,
        problems: &mut Problems,
    );
}

/// Payload number of a row that must not come out.
const DEAD: u32 = u32::MAX;

/// The filter, and the columns that it looks at.
#[derive(Debug)]
struct Filtered {
    filter: Filter,
    builders: Vec<Builder>,
    /// What stands where it does not look: a chunk may have few rows, so that nothing is made anew for it.
    empty: Vec<Column>,
}

/// Rows on their way from tokens to columns.
#[derive(Debug)]
pub(crate) struct Rows<C> {
    convert: C,
    /// A field per token: the requested columns, then those that must only be there or be correct.
    fields: Vec<Field>,
    /// Fields that are checked in every row before the filter.
    checked: Vec<usize>,
    /// What a message says could not be read.
    what: &'static str,
    ignore_errors: bool,
    builders: Vec<Builder>,
    filter: Option<Filtered>,
    /// Tokens of the rows that wait for conversion.
    tokens: Vec<Token>,
    /// Payload of each waiting row, as an index into the chunk's texts.
    waiting: Vec<u32>,
    failed: Vec<bool>,
    sources: Vec<u32>,
    /// Kinds of the waiting rows and of the converted ones, in formats whose records are changes.
    kinds: Option<(Vec<RowKind>, Vec<RowKind>)>,
    dead: usize,
    /// Rows that one payload may have.
    rows_max: usize,
    /// Payloads before the current chunk, since the last finish.
    payloads: u32,
    /// A payload that failed while some of its rows were converted already.
    failed_across: Option<u32>,
    /// Payloads of which the options ignored something: how many there were up to the last finish, and the numbers of
    /// those since.
    ignored: u64,
    ignored_now: BTreeSet<u32>,
}

impl<C: Convert> Rows<C> {
    /// `all` says whether every declared field has a token; else only requested ones have.
    pub(crate) fn new(
        convert: C,
        request: &DecodeRequest,
        all: bool,
        what: &'static str,
        ignore_errors: bool,
    ) -> Result<Rows<C>> {
        let mut fields = Vec::with_capacity(request.columns.len());
        for column in &request.columns {
            let field = request.fields.get(*column);
            fields.push(
                field.cloned().ok_or_else(|| Error::internal("a column that is not declared"))?,
            );
        }
        let builders = || fields.iter().map(|field| Builder::new(&field.data_type)).collect();
        let (filtered, builders): (Vec<Builder>, Vec<Builder>) = (builders(), builders());
        let requested = builders.len();
        let empty = fields.iter().map(|field| new_empty_array(&field.data_type.physical()));
        let filter = request.predicate.clone().map(|predicate| Filtered {
            filter: Filter::new(predicate, requested, request.time_zone),
            builders: filtered,
            empty: empty.collect(),
        });
        if all {
            let unused = (0..request.fields.len()).filter(|at| !request.columns.contains(at));
            fields.extend(unused.filter_map(|at| request.fields.get(at).cloned()));
        }
        let per_row = fields.iter().map(|field| values_of(&field.data_type)).sum::<usize>().max(1);
        let checked = (0..fields.len()).filter(|at| match &filter {
            Some(Filtered { filter, .. }) => !used(&filter.uses, *at),
            None => *at >= requested,
        });
        let checked = if request.strict { checked.collect() } else { Vec::new() };
        Ok(Rows {
            convert,
            checked,
            what,
            ignore_errors,
            builders,
            filter,
            fields,
            tokens: Vec::new(),
            waiting: Vec::new(),
            failed: Vec::new(),
            sources: Vec::new(),
            kinds: None,
            dead: 0,
            rows_max: RECORD_VALUES_MAX.checked_div(per_row).unwrap_or(0).max(1),
            payloads: 0,
            failed_across: None,
            ignored: 0,
            ignored_now: BTreeSet::new(),
        })
    }

    /// For records that are changes: every row has a kind, given by [`Rows::begin_change`].
    pub(crate) fn with_kinds(mut self) -> Rows<C> {
        self.kinds = Some((Vec::new(), Vec::new()));
        self
    }

    /// For each declared field its token in a row, if it has one.
    pub(crate) fn slots(request: &DecodeRequest, all: bool) -> Vec<Option<u32>> {
        let mut unused = request.columns.len();
        (0..request.fields.len())
            .map(|at| {
                let slot = match request.columns.iter().position(|column| *column == at) {
                    Some(slot) => slot,
                    None if all => {
                        unused = unused.saturating_add(1);
                        unused.saturating_sub(1)
                    }
                    None => return None,
                };
                Some(slot as u32)
            })
            .collect()
    }

    /// What turns tokens into values.
    pub(crate) fn converter(&mut self) -> &mut C {
        &mut self.convert
    }

    /// Tokens per row.
    fn width(&self) -> usize {
        self.fields.len()
    }

    /// Rows that [`Rows::finish`] would hand out.
    pub(crate) fn len(&self) -> usize {
        self.sources.len().saturating_sub(self.dead)
    }

    /// Payloads that the format's options dropped, or values of theirs.
    pub(crate) fn ignored(&self) -> u64 {
        self.ignored.saturating_add(self.ignored_now.len() as u64)
    }

    /// Whether the waiting rows should be converted before more are scanned.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= CHUNK_ROWS
    }

    /// Rows that one payload may have: beyond, it is refused instead of taking all memory.
    pub(crate) fn rows_max(&self) -> usize {
        self.rows_max
    }

    /// Adds a waiting row of the chunk's text `text`; the caller fills the tokens in.
    #[inline]
    pub(crate) fn begin_row(&mut self, text: usize) -> &mut [Token] {
        let start = self.tokens.len();
        self.tokens.resize(start.wrapping_add(self.width()), Token::MISSING);
        self.waiting.push(text as u32);
        self.tokens.get_mut(start..).unwrap_or_default()
    }

    /// As [`Rows::begin_row`], for a row of a kind.
    #[inline]
    pub(crate) fn begin_change(&mut self, text: usize, kind: RowKind) -> &mut [Token] {
        if let Some((waiting, _)) = &mut self.kinds {
            waiting.push(kind);
        }
        self.begin_row(text)
    }

    /// The tokens of the last waiting row.
    pub(crate) fn last_row(&self) -> &[Token] {
        self.tokens.get(self.tokens.len().saturating_sub(self.width())..).unwrap_or_default()
    }

    /// Whether something holds of each field of the last waiting row.
    #[inline]
    pub(crate) fn last_row_is(&self, holds: impl Fn(&Field, Token) -> bool) -> bool {
        self.fields.iter().zip(self.last_row()).all(|(field, token)| holds(field, *token))
    }

    /// Takes the last waiting row back.
    pub(crate) fn abandon_row(&mut self) {
        self.waiting.pop();
        if let Some((waiting, _)) = &mut self.kinds {
            waiting.pop();
        }
        self.tokens.truncate(self.tokens.len().saturating_sub(self.width()));
    }

    /// The options ignore something of the payload of the chunk's text `text`.
    #[cold]
    pub(crate) fn ignore(&mut self, text: usize) {
        self.ignored_now.insert(self.payloads.wrapping_add(text as u32));
    }

    /// The payload of the chunk's text `text` is no record: none of its rows come out.
    #[cold]
    pub(crate) fn fail(
        &mut self,
        text: usize,
        payload: &[u8],
        errors: &mut RowErrors,
        reason: impl FnOnce() -> String,
    ) {
        while self.waiting.last() == Some(&(text as u32)) {
            self.abandon_row();
        }
        let number = self.payloads.wrapping_add(text as u32);
        if self.failed_across == Some(number) {
            return;
        }
        self.kill_converted(number);
        if self.ignore_errors {
            self.ignore(text);
            return;
        }
        let what = self.what;
        errors.push(number as usize, || {
            format!("failed to deserialize {what} '{}': {}", shown(payload), reason())
        });
    }

    /// Rows of `number` that were converted in an earlier chunk: only the last rows can be.
    fn kill_converted(&mut self, number: u32) {
        for source in self.sources.iter_mut().rev() {
            if *source != number {
                break;
            }
            *source = DEAD;
            self.dead = self.dead.saturating_add(1);
        }
    }

    /// Converts the waiting rows. `texts` are the chunk's records.
    pub(crate) fn convert(&mut self, texts: &[&C::Record], errors: &mut RowErrors) -> Result<()> {
        let rows = self.waiting.len();
        if rows == 0 {
            return Ok(());
        }
        self.failed.clear();
        self.failed.resize(rows, false);
        if let Some(number) = self.failed_across {
            for (failed, text) in self.failed.iter_mut().zip(&self.waiting) {
                *failed = self.payloads.wrapping_add(*text) == number;
            }
        }
        self.check(texts, errors)?;
        let selection = match self.filter.take() {
            None => Selection::All(rows),
            Some(mut filtered) => {
                let selected = self.filtered(&mut filtered, texts, errors);
                self.filter = Some(filtered);
                selected?
            }
        };
        let mut builders = std::mem::take(&mut self.builders);
        for (column, builder) in builders.iter_mut().enumerate() {
            match &selection {
                Selection::All(rows) => self.column(column, 0..*rows, texts, builder, errors),
                Selection::Rows(rows) => {
                    let rows = rows.iter().map(|row| *row as usize);
                    self.column(column, rows, texts, builder, errors);
                }
            }
        }
        self.builders = builders;
        let (waiting, failed, payloads) = (&self.waiting, &self.failed, self.payloads);
        let source = |row: usize| match (waiting.get(row), failed.get(row)) {
            (Some(text), Some(false)) => payloads.wrapping_add(*text),
            _ => DEAD,
        };
        let before = self.sources.len();
        match &selection {
            Selection::All(rows) => self.sources.extend((0..*rows).map(source)),
            Selection::Rows(rows) => {
                self.sources.extend(rows.iter().map(|row| source(*row as usize)));
            }
        }
        if let Some((waiting, kinds)) = &mut self.kinds {
            match &selection {
                Selection::All(_) => kinds.append(waiting),
                Selection::Rows(rows) => {
                    kinds.extend(rows.iter().filter_map(|row| waiting.get(*row as usize)));
                    waiting.clear();
                }
            }
        }
        if self.failed.contains(&true) {
            let added = self.sources.get(before..).unwrap_or_default();
            let dead = added.iter().filter(|source| **source == DEAD).count();
            self.dead = self.dead.saturating_add(dead);
        }
        self.tokens.clear();
        self.waiting.clear();
        Ok(())
    }

    /// Checks the types of fields that nobody will look at.
    fn check(&mut self, texts: &[&C::Record], errors: &mut RowErrors) -> Result<()> {
        let checked = std::mem::take(&mut self.checked);
        for column in &checked {
            let Some(field) = self.fields.get(*column) else { continue };
            let mut builder = Builder::new(&field.data_type);
            self.column(*column, 0..self.waiting.len(), texts, &mut builder, errors);
        }
        self.checked = checked;
        Ok(())
    }

    /// Evaluates the filter over the waiting rows.
    fn filtered(
        &mut self,
        filtered: &mut Filtered,
        texts: &[&C::Record],
        errors: &mut RowErrors,
    ) -> Result<Selection> {
        let rows = self.waiting.len();
        let Filtered { filter, builders, empty } = filtered;
        let mut columns = empty.clone();
        let places = columns.iter_mut().zip(builders).enumerate();
        for (column, (place, builder)) in places {
            let Some(field) = self.fields.get(column) else { break };
            if used(&filter.uses, column) {
                let data_type = field.data_type.clone();
                self.column(column, 0..rows, texts, builder, errors);
                *place = builder.finish(&data_type)?;
            }
        }
        let selection = if self.failed.contains(&true) {
            let rows = (0u32..).zip(&self.failed).filter(|(_, failed)| !**failed);
            Selection::Rows(rows.map(|(row, _)| row).collect())
        } else {
            Selection::All(rows)
        };
        let mut failures = RowErrors::new();
        let selected = filter.evaluate(&columns, rows, &selection, &mut failures);
        if failures.is_empty() {
            return Ok(selected);
        }
        for failure in failures.kept() {
            self.fail_row(failure.row, errors, || failure.message.clone());
        }
        for row in failures.rows() {
            self.fail_row(*row as usize, errors, || "the filter failed".to_owned());
        }
        Ok(match selected {
            Selection::All(_) => selected,
            Selection::Rows(mut rows) => {
                rows.retain(|row| !used(&self.failed, *row as usize));
                Selection::Rows(rows)
            }
        })
    }

    /// Converts one column of some waiting rows.
    fn column(
        &mut self,
        column: usize,
        rows: impl Iterator<Item = usize>,
        texts: &[&C::Record],
        builder: &mut Builder,
        errors: &mut RowErrors,
    ) {
        let Some(field) = self.fields.get(column) else { return };
        self.convert.begin_column(column);
        let describe = !self.ignore_errors && errors.kept().len() < ROW_ERRORS_KEPT_MAX;
        let mut problems = Problems::new(describe);
        // A field is borrowed from `self` while rows fail, so that failures wait until the loop's end.
        let mut broken: Vec<(usize, Option<(String, String)>)> = Vec::new();
        for row in rows {
            let token = self.tokens.get(row.wrapping_mul(self.width()).wrapping_add(column));
            let text = self.waiting.get(row).and_then(|text| texts.get(*text as usize));
            let (Some(token), Some(text), Some(false)) = (token, text, self.failed.get(row)) else {
                builder.push_null();
                continue;
            };
            self.convert.convert(field, *token, text, builder, &mut problems);
            if problems.count > 0 {
                if self.ignore_errors {
                    let text = self.waiting.get(row).copied().unwrap_or(0);
                    self.ignored_now.insert(self.payloads.wrapping_add(text));
                } else {
                    broken.push((row, problems.first.take()));
                }
                problems = Problems::new(describe && broken.len() < ROW_ERRORS_KEPT_MAX);
            }
        }
        for (row, first) in broken {
            let Some(text) = self.waiting.get(row).and_then(|text| texts.get(*text as usize))
            else {
                continue;
            };
            let name = self.fields.get(column).map_or("", |field| field.name.as_str()).to_owned();
            let what = self.what;
            self.fail_row(row, errors, || {
                let (path, reason) = first.unwrap_or_default();
                let payload = shown((*text).as_ref());
                format!("failed to deserialize {what} '{payload}': field '{name}{path}': {reason}")
            });
        }
    }

    /// A waiting row fails, and with it all rows of its payload.
    #[cold]
    fn fail_row(&mut self, row: usize, errors: &mut RowErrors, message: impl FnOnce() -> String) {
        let Some(text) = self.waiting.get(row).copied() else { return };
        if used(&self.failed, row) {
            return;
        }
        let number = self.payloads.wrapping_add(text);
        errors.push(number as usize, message);
        // The rows of a payload are neighbours.
        let (before, from) = self.waiting.split_at(row.min(self.waiting.len()));
        let first = row.saturating_sub(before.iter().rev().take_while(|t| **t == text).count());
        let last = row.saturating_add(from.iter().take_while(|t| **t == text).count());
        if let Some(failed) = self.failed.get_mut(first..last) {
            failed.fill(true);
        }
        if first == 0 {
            self.kill_converted(number);
        }
        if self.waiting.last() == Some(&text) {
            self.failed_across = Some(number);
        }
    }

    /// Ends a chunk of `texts` records; all waiting rows were converted.
    pub(crate) fn end_chunk(&mut self, texts: usize) {
        self.payloads = self.payloads.wrapping_add(texts as u32);
    }

    /// Hands out the rows and starts anew.
    pub(crate) fn finish(&mut self) -> Result<Decoded> {
        let mut columns = Vec::with_capacity(self.builders.len());
        for (builder, field) in self.builders.iter_mut().zip(&self.fields) {
            columns.push(builder.finish(&field.data_type)?);
        }
        let mut sources = std::mem::take(&mut self.sources);
        let mut kinds = self.kinds.as_mut().map(|(_, kinds)| std::mem::take(kinds));
        if self.dead > 0 {
            let alive = BooleanBuffer::collect_bool(sources.len(), |row| {
                sources.get(row).is_some_and(|source| *source != DEAD)
            });
            let filter = FilterBuilder::new(&BooleanArray::new(alive, None)).optimize().build();
            for column in &mut columns {
                debug_assert_eq!(column.len(), sources.len());
                *column = filter.filter(column).map_err(Error::internal)?;
            }
            if let Some(kinds) = &mut kinds {
                let mut alive = sources.iter().map(|source| *source != DEAD);
                kinds.retain(|_| alive.next().unwrap_or(false));
            }
            sources.retain(|source| *source != DEAD);
        }
        self.dead = 0;
        self.payloads = 0;
        self.ignored = self.ignored();
        self.ignored_now.clear();
        self.failed_across = None;
        Ok(Decoded { columns, kinds: kinds.map_or(Kinds::AllInsert, Kinds::PerRow), sources })
    }
}

/// Values that one of a type takes in its column, NULL included.
fn values_of(data_type: &DataType) -> usize {
    match &data_type.kind {
        Kind::Row(fields) => {
            let inner = fields.iter().map(|field| values_of(&field.data_type));
            inner.fold(1, usize::saturating_add)
        }
        _ => 1,
    }
}

fn used(flags: &[bool], at: usize) -> bool {
    flags.get(at).copied().unwrap_or(false)
}
