//! Functions that make arrays and maps of other arrays and maps.

use super::nested::{column, columns, interleave, maps, of_array, of_map, range, values};
use super::seen::Seen;
use super::signature::any_nullable;
use super::{Call, Function, Param, Signature};
use crate::base::limits::BATCH_ITEMS_MAX;
use crate::expr::order::operator_order;
use crate::expr::{Expr, build};
use crate::types::{Column, DataType, Field, Kind, RowErrors, items};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ListArray, StructArray, new_null_array};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};
use arrow_schema::DataType as Physical;
use std::sync::Arc;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "ARRAY_APPEND(array, element)",
        "The array with one element more at its end.",
        with_element,
        |call| {
            let (array, element) = (column(call, 0), column(call, 1));
            build(call, vec![Arc::clone(values(&array)), element], |row, out| {
                out.all(0, valid_range(&array, row)?);
                out.one(1, row);
                Some(())
            })
        },
    ),
    Function::new(
        "ARRAY_PREPEND(array, element)",
        "The array with one element more at its start.",
        with_element,
        |call| {
            let (array, element) = (column(call, 0), column(call, 1));
            build(call, vec![Arc::clone(values(&array)), element], |row, out| {
                let range = valid_range(&array, row)?;
                out.one(1, row);
                out.all(0, range);
                Some(())
            })
        },
    ),
    Function::new(
        "ARRAY_CONCAT(array, …)",
        "The elements of all arrays; NULL where an array is NULL.",
        common_arrays,
        |call| {
            let arrays = columns(call);
            build(
                call,
                arrays.iter().map(|array| Arc::clone(values(array))).collect(),
                |row, out| {
                    for (at, array) in arrays.iter().enumerate() {
                        out.all(at, valid_range(array, row)?);
                    }
                    Some(())
                },
            )
        },
    ),
    Function::new(
        "ARRAY_UNION(array, array)",
        "The elements of both arrays without repetitions.",
        two_arrays,
        |call| {
            let arrays = columns(call);
            build(
                call,
                arrays.iter().map(|array| Arc::clone(values(array))).collect(),
                |row, out| {
                    let ranges = (valid_range(&arrays[0], row)?, valid_range(&arrays[1], row)?);
                    out.distinct(0, ranges.0);
                    out.distinct(1, ranges.1);
                    Some(())
                },
            )
        },
    ),
    Function::new(
        "ARRAY_EXCEPT(array, array)",
        "The elements of the first array that the second does not hold, without repetitions.",
        two_arrays_as_first,
        |call| filtered(call, false),
    ),
    Function::new(
        "ARRAY_INTERSECT(array, array)",
        "The elements that both arrays hold, without repetitions.",
        two_arrays_as_first,
        |call| filtered(call, true),
    ),
    Function::new(
        "ARRAY_SLICE(array, start [, end])",
        "The elements from `start` to `end`, both included; negative positions count from the end.",
        |args| {
            let params = [Param::Int, Param::Int];
            let given = params.get(..args.len().checked_sub(1)?)?;
            (!given.is_empty()).then_some(())?;
            // BIGINT positions are refused.
            args.iter().all(|arg| arg.data_type.kind != Kind::BigInt).then_some(())?;
            of_array(args, given, |element| Some(Kind::Array(Box::new(element.clone()))))
        },
        slice,
    ),
    Function::new(
        "ARRAY_SORT(array [, ascending [, null_first]])",
        "The elements in order; NULLs stand first, last where the order is descending.",
        |args| {
            let (first, rest) = args.split_first()?;
            let Kind::Array(element) = &first.data_type.kind else { return None };
            (!element.kind.is_nested() && rest.len() <= 2).then_some(())?;
            let flag = |arg: &Expr| matches!(arg.data_type.kind, Kind::Boolean | Kind::Null);
            rest.iter().all(flag).then_some(())?;
            let mut kinds = vec![first.data_type.kind.clone()];
            kinds.resize(args.len(), Kind::Boolean);
            let returns = DataType { kind: kinds[0].clone(), nullable: any_nullable(args) };
            Some(Signature { args: kinds, returns })
        },
        sort,
    ),
    Function::new(
        "MAP_ENTRIES(map)",
        "The entries as an array of rows of key and value.",
        |args| {
            of_map(args, |key, value| {
                let fields =
                    vec![Field::new("key", key.clone()), Field::new("value", value.clone())];
                Kind::Array(Box::new(Kind::Row(fields).nullable()))
            })
        },
        |call| {
            let map = column(call, 0);
            let map = map.as_map();
            let Physical::List(field) = call.returns.physical() else {
                return new_null_array(&call.returns.physical(), call.rows);
            };
            let Physical::Struct(fields) = field.data_type() else {
                return new_null_array(&call.returns.physical(), call.rows);
            };
            let columns = vec![Arc::clone(crate::types::map_keys(map)), Arc::clone(map.values())];
            let rows = Arc::new(StructArray::new(fields.clone(), columns, None));
            Arc::new(ListArray::new(field, map.offsets().clone(), rows, map.nulls().cloned()))
        },
    ),
    Function::new(
        "MAP_FROM_ARRAYS(keys, values)",
        "A map of keys and values at the same places; the arrays must be of the same length.",
        |args| {
            let [keys, values] = args else { return None };
            let (Kind::Array(key), Kind::Array(value)) =
                (&keys.data_type.kind, &values.data_type.kind)
            else {
                return None;
            };
            let kind = Kind::Map(key.clone(), value.clone());
            Some(Signature {
                args: args.iter().map(|arg| arg.data_type.kind.clone()).collect(),
                returns: DataType { kind, nullable: any_nullable(args) },
            })
        },
        map_from_arrays,
    )
    .can_fail(),
    Function::new(
        "MAP_UNION(map, …)",
        "The entries of all maps; of a key that several hold, the last one's value.",
        |args| {
            let common = build::common_type(args.iter().map(|arg| &arg.data_type))?;
            matches!(common.kind, Kind::Map(..)).then_some(())?;
            let returns = DataType { kind: common.kind.clone(), nullable: any_nullable(args) };
            Some(Signature { args: vec![common.kind; args.len()], returns })
        },
        map_union,
    ),
];

fn with_element(args: &[Expr]) -> Option<Signature> {
    let [array, element] = args else { return None };
    let Kind::Array(inner) = &array.data_type.kind else { return None };
    crate::expr::implicitly_castable(&element.data_type, inner).then_some(())?;
    let common = DataType {
        kind: inner.kind.clone(),
        nullable: inner.nullable || element.data_type.nullable,
    };
    let nullable = any_nullable(args);
    if inner.kind.is_string() && element.data_type.kind.is_string() {
        // Flink keeps the length of the array's texts in the type, and the whole text in the array.
        let kept = DataType { kind: inner.kind.clone(), nullable: common.nullable };
        let returns = DataType { kind: Kind::Array(Box::new(kept)), nullable };
        // A CHAR is cut.
        let wanted = match inner.kind {
            Kind::Char(_) => inner.kind.clone(),
            _ => element.data_type.kind.clone(),
        };
        let args = args.iter().map(|arg| match arg.data_type.kind.is_string() {
            true => wanted.clone(),
            false => arg.data_type.kind.clone(),
        });
        return Some(Signature { args: args.collect(), returns });
    }
    let kind = Kind::Array(Box::new(common.clone()));
    let returns = DataType { kind: kind.clone(), nullable };
    Some(Signature { args: vec![kind, common.kind], returns })
}

fn common_arrays(args: &[Expr]) -> Option<Signature> {
    let common = build::common_type(args.iter().map(|arg| &arg.data_type))?;
    matches!(common.kind, Kind::Array(_)).then_some(())?;
    Some(Signature { args: vec![common.kind.clone(); args.len()], returns: common })
}

fn two_arrays(args: &[Expr]) -> Option<Signature> {
    (args.len() == 2).then(|| common_arrays(args))?
}

fn two_arrays_as_first(args: &[Expr]) -> Option<Signature> {
    two_arrays(args)
}

/// Places of a row's elements; `None` for NULL.
fn valid_range(collection: &Column, row: usize) -> Option<std::ops::Range<usize>> {
    collection.is_valid(row).then(|| range(collection, row))
}

/// Elements of one array after another, picked from several columns.
pub(super) struct Elements<'a> {
    sources: &'a [Column],
    picks: Vec<(usize, usize)>,
    /// What [`Elements::one_if_new`] has added to the array under way.
    seen: Seen,
    room: Room,
}

impl Elements<'_> {
    pub(super) fn one(&mut self, source: usize, at: usize) {
        self.all(source, at..at + 1);
    }

    fn all(&mut self, source: usize, range: std::ops::Range<usize>) {
        if self.room.take(&self.sources[source], range.clone()) {
            self.picks.extend(range.map(|at| (source, at)));
        }
    }

    /// Elements that the array under way does not hold yet.
    fn distinct(&mut self, source: usize, range: std::ops::Range<usize>) {
        for at in range {
            self.one_if_new(source, at);
        }
    }

    fn one_if_new(&mut self, source: usize, at: usize) {
        if self.seen.insert(self.sources, (source, at)) {
            self.one(source, at);
        }
    }
}

/// An array column whose elements `f` picks for each row; a row for which it has none is NULL.
pub(super) fn build(
    call: &mut Call<'_, '_>,
    sources: Vec<Column>,
    mut f: impl FnMut(usize, &mut Elements<'_>) -> Option<()>,
) -> Column {
    let mut elements = Elements {
        sources: &sources,
        picks: Vec::new(),
        seen: Seen::default(),
        room: Room::default(),
    };
    let mut lengths = Vec::with_capacity(call.rows);
    let mut nulls = NullBufferBuilder::new(call.rows);
    let errors = &mut *call.errors;
    call.selection.scan(call.rows, |row, selected| {
        let start = elements.picks.len();
        elements.seen.clear();
        let made = if selected { f(row, &mut elements) } else { None };
        let valid = elements.room.end(row, errors) && made.is_some();
        if !valid {
            elements.picks.truncate(start);
        }
        nulls.append(valid);
        lengths.push(elements.picks.len() - start);
    });
    let picked = interleave(&sources, &elements.picks);
    match call.returns.physical() {
        Physical::List(field) => Arc::new(ListArray::new(
            field,
            OffsetBuffer::from_lengths(lengths),
            picked,
            nulls.finish(),
        )),
        other => new_null_array(&other, call.rows),
    }
}

/// What the collections of a batch that a call makes may still hold; see [`BATCH_ITEMS_MAX`].
struct Room {
    left: usize,
    /// What was left before the row under way.
    before: usize,
    /// The row under way wanted more.
    over: bool,
}

impl Default for Room {
    fn default() -> Room {
        Room { left: BATCH_ITEMS_MAX, before: BATCH_ITEMS_MAX, over: false }
    }
}

impl Room {
    /// Uses it for elements of the row under way; says whether there is any.
    fn take(&mut self, source: &Column, elements: std::ops::Range<usize>) -> bool {
        match self.left.checked_sub(items(source, elements)) {
            Some(left) if !self.over => self.left = left,
            _ => self.over = true,
        }
        !self.over
    }

    /// Ends a row, which fails where there was too little.
    fn end(&mut self, row: usize, errors: &mut RowErrors) -> bool {
        let over = std::mem::take(&mut self.over);
        match over {
            true => self.left = self.before,
            false => self.before = self.left,
        }
        if over {
            errors.push_crowded(row, || {
                format!(
                    "a collection, with those of the rows before it, holds more than the {BATCH_ITEMS_MAX} items that \
                     a function may make for a batch"
                )
            });
        }
        !over
    }
}

fn filtered(call: &mut Call<'_, '_>, wanted: bool) -> Column {
    let arrays = columns(call);
    let sources: Vec<Column> = arrays.iter().map(|array| Arc::clone(values(array))).collect();
    let mut others = Seen::default();
    build(call, sources, |row, out| {
        let first = valid_range(&arrays[0], row)?;
        let second = valid_range(&arrays[1], row)?;
        others.clear();
        for at in second {
            others.insert(out.sources, (1, at));
        }
        for at in first {
            if others.contains(out.sources, (0, at)) == wanted {
                out.one_if_new(0, at);
            }
        }
        Some(())
    })
}

fn slice(call: &mut Call<'_, '_>) -> Column {
    let array = column(call, 0);
    let (start, end, has_end) = (call.int(1), call.int(2), call.has(2));
    build(call, vec![Arc::clone(values(&array))], |row, out| {
        let range = valid_range(&array, row)?;
        let length = range.len() as i64;
        let start = i64::from(start.get(row)?);
        let end = if has_end { i64::from(end.get(row)?) } else { length };
        // `ArraySliceFunction`: 0 is taken for 1, negative positions count from the end.
        let place = |at: i64| if at < 0 { at + length + 1 } else { at };
        let from = match start {
            0 => 1,
            start => place(start).max(1),
        };
        let to = match end {
            0 => 1,
            end => place(end).min(length),
        };
        if length == 0 || start > length || end < -length || from > to {
            return Some(());
        }
        let (from, to) = (usize::try_from(from).ok()?, usize::try_from(to).ok()?);
        out.all(0, range.start + from - 1..range.start + to);
        Some(())
    })
}

fn sort(call: &mut Call<'_, '_>) -> Column {
    let array = column(call, 0);
    let flags: Vec<Column> = (1..call.args.len()).map(|at| column(call, at)).collect();
    let Kind::Array(element) = call.returns.kind.clone() else { return array };
    let elements = values(&array);
    let compare = operator_order(elements, &element.kind);
    // Flink's sort takes NaN for less than what it meets; where it ends up is chance. Here it is above everything.
    let of_nan = |at: usize| compare(at, at).is_none();
    let order = |a: usize, b: usize| compare(a, b).unwrap_or_else(|| of_nan(a).cmp(&of_nan(b)));
    build(call, vec![Arc::clone(elements)], |row, out| {
        let range = valid_range(&array, row)?;
        let flag = |at: usize| match flags.get(at) {
            Some(flag) => flag.is_valid(row).then(|| Some(flag.as_boolean().value(row))),
            None => Some(None),
        };
        let ascending = flag(0)?.unwrap_or(true);
        let nulls_first = flag(1)?.unwrap_or(ascending);
        let (nulls, mut places): (Vec<usize>, Vec<usize>) =
            range.partition(|at| elements.is_null(*at));
        places.sort_by(|a, b| match ascending {
            true => order(*a, *b),
            false => order(*b, *a),
        });
        if nulls_first {
            out.picks.extend(nulls.iter().map(|at| (0, *at)));
        }
        out.picks.extend(places.iter().map(|at| (0, *at)));
        if !nulls_first {
            out.picks.extend(nulls.iter().map(|at| (0, *at)));
        }
        Some(())
    })
}

/// A map column of picked keys and values; a key that is picked twice keeps its place and its value.
struct Entries {
    keys: Vec<(usize, usize)>,
    values: Vec<(usize, usize)>,
    lengths: Vec<usize>,
    nulls: NullBufferBuilder,
    /// Keys that [`Entries::put`] has added to the map under way.
    seen: Seen,
}

impl Entries {
    fn new(rows: usize) -> Entries {
        Entries {
            keys: Vec::new(),
            values: Vec::new(),
            lengths: Vec::with_capacity(rows),
            nulls: NullBufferBuilder::new(rows),
            seen: Seen::default(),
        }
    }

    fn put(&mut self, keys: &[Column], key: (usize, usize), value: (usize, usize)) {
        if self.seen.insert(keys, key) {
            self.keys.push(key);
            self.values.push(value);
        }
    }

    fn end(&mut self, start: usize, valid: bool) {
        if !valid {
            self.keys.truncate(start);
            self.values.truncate(start);
        }
        self.lengths.push(self.keys.len() - start);
        self.nulls.append(valid);
        self.seen.clear();
    }

    fn finish(mut self, returns: &DataType, keys: &[Column], values: &[Column]) -> Column {
        let rows = self.lengths.len();
        let entries = (interleave(keys, &self.keys), interleave(values, &self.values));
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        maps(returns, rows, offsets, entries, self.nulls.finish())
    }
}

/// The entries stand as they are written, also where values repeat a key.
pub(super) fn map_constructor(call: &mut Call<'_, '_>) -> Column {
    let columns = columns(call);
    let half =
        |from: usize| -> Vec<Column> { columns.iter().skip(from).step_by(2).cloned().collect() };
    let (keys, values) = last_of_each_key(half(0), half(1));
    let mut entries = Entries::new(call.rows);
    let mut room = Room::default();
    let errors = &mut *call.errors;
    call.selection.scan(call.rows, |row, selected| {
        let start = entries.keys.len();
        if selected && keys.iter().chain(&values).all(|source| room.take(source, row..row + 1)) {
            let of_row = (0..keys.len()).map(|at| (at, row));
            entries.keys.extend(of_row.clone());
            entries.values.extend(of_row);
        }
        entries.end(start, room.end(row, errors) && selected);
    });
    entries.finish(call.returns, &keys, &values)
}

/// Constructors repeat a key by mistake: where two keys are the same in every row, the last value counts.
fn last_of_each_key(keys: Vec<Column>, values: Vec<Column>) -> (Vec<Column>, Vec<Column>) {
    let mut kept: Vec<(Column, Column)> = Vec::with_capacity(keys.len());
    for (key, value) in keys.into_iter().zip(values) {
        match kept.iter_mut().find(|(before, _)| before.as_ref() == key.as_ref()) {
            Some(entry) => entry.1 = value,
            None => kept.push((key, value)),
        }
    }
    kept.into_iter().unzip()
}

fn map_from_arrays(call: &mut Call<'_, '_>) -> Column {
    let (keys, items) = (column(call, 0), column(call, 1));
    let (key_source, item_source) = ([Arc::clone(values(&keys))], [Arc::clone(values(&items))]);
    let mut entries = Entries::new(call.rows);
    let mut start = 0;
    let errors = &mut *call.errors;
    call.selection.scan(call.rows, |row, selected| {
        let pair = valid_range(&keys, row).zip(valid_range(&items, row)).filter(|_| selected);
        let mut valid = pair.is_some();
        if let Some((keys, items)) = pair {
            if keys.len() != items.len() {
                errors.push(row, || {
                    let (keys, items) = (keys.len(), items.len());
                    format!("MAP_FROM_ARRAYS of {keys} keys and {items} values")
                });
                valid = false;
            } else {
                for (key, item) in keys.zip(items) {
                    // Flink keeps a key that repeats.
                    entries.keys.push((0, key));
                    entries.values.push((0, item));
                }
            }
        }
        entries.end(start, valid);
        start = entries.keys.len();
    });
    entries.finish(call.returns, &key_source, &item_source)
}

fn map_union(call: &mut Call<'_, '_>) -> Column {
    let given = columns(call);
    let keys: Vec<Column> =
        given.iter().map(|map| Arc::clone(crate::types::map_keys(map.as_map()))).collect();
    let items: Vec<Column> = given.iter().map(|map| Arc::clone(map.as_map().values())).collect();
    let mut entries = Entries::new(call.rows);
    let mut start = 0;
    call.selection.scan(call.rows, |row, selected| {
        let valid = selected && given.iter().all(|map| map.is_valid(row));
        if valid {
            // Flink begins with the last map, whose values count.
            for (source, map) in given.iter().enumerate().rev() {
                for at in range(map, row) {
                    entries.put(&keys, (source, at), (source, at));
                }
            }
        }
        entries.end(start, valid);
        start = entries.keys.len();
    });
    entries.finish(call.returns, &keys, &items)
}
