//! Arrays, maps and rows: constructors, access and the functions over them.

use super::seen::Seen;
use super::signature::{STRING, any_nullable, fixed, nullable};
use super::{Call, Function, Param, Signature, array, regexp};
use crate::expr::order::operator_order;
use crate::expr::text::TextWriter;
use crate::expr::value::{Prim, Value};
use crate::expr::{Expr, build};
use crate::types::java_map;
use crate::types::{Column, DataType, Field, Kind};
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::{Array, ListArray, StructArray, UInt32Array, new_empty_array, new_null_array};
use arrow_buffer::{NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType as Physical;
use std::cmp::Ordering;
use std::sync::Arc;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("$ARRAY(value, …)", "ARRAY[value, …].", array_signature, |call| {
        let columns = columns(call);
        let width = columns.len();
        array::build(call, columns, |row, out| {
            (0..width).for_each(|at| out.one(at, row));
            Some(())
        })
    }),
    Function::new("$MAP(key, value, …)", "MAP[key, value, …].", map_signature, array::map_constructor),
    Function::new("$ROW(value, …)", "ROW(value, …).", row_signature, |call| {
        let columns = columns(call);
        match call.returns.physical() {
            Physical::Struct(fields) if !columns.is_empty() => {
                Arc::new(StructArray::new(fields, columns, None))
            }
            other => new_null_array(&other, call.rows),
        }
    }),
    Function::new(
        "$CHOOSE(number, value, …)",
        "Value number `number`, from 0; the values have one type.",
        |args| {
            let (number, values) = args.split_first()?;
            let common = build::common_type(values.iter().map(|arg| &arg.data_type))?;
            let mut kinds = vec![Param::Long.accepts(&number.data_type.kind)?];
            kinds.resize(args.len(), common.kind.clone());
            Some(Signature { args: kinds, returns: common })
        },
        choose,
    ),
    Function::new("$ITEM(collection, key)", "collection[key].", item_signature, item),
    Function::new(
        "CARDINALITY(collection)",
        "The number of elements of an array, map or multiset.",
        |args| {
            let [arg] = args else { return None };
            let fits =
                matches!(arg.data_type.kind, Kind::Array(_) | Kind::Map(..) | Kind::Multiset(_));
            fits.then(|| Signature {
                args: vec![arg.data_type.kind.clone()],
                returns: DataType { kind: Kind::Int, nullable: arg.data_type.nullable },
            })
        },
        |call| {
            let column = column(call, 0);
            call.values::<Int32Type>(|row| {
                Ok(column.is_valid(row).then(|| range(&column, row).len() as i32))
            })
        },
    ),
    Function::new(
        "ELEMENT(array)",
        "The only element of an array; NULL where it is empty.",
        |args| {
            let mut signature = of_array(args, &[], |element| Some(element.kind.clone()))?;
            if let Kind::Array(element) = &args.first()?.data_type.kind {
                signature.returns.nullable |= element.nullable;
            }
            Some(signature)
        },
        |call| {
            let column = column(call, 0);
            let mut picks = Picks::new(call.rows);
            let errors = &mut *call.errors;
            call.selection.scan(call.rows, |row, selected| {
                let range =
                    if selected && column.is_valid(row) { range(&column, row) } else { 0..0 };
                if range.len() > 1 {
                    errors
                        .push(row, || "ELEMENT of an array with more than one element".to_owned());
                }
                picks.push((range.len() == 1).then_some(range.start));
            });
            picks.take(values(&column))
        },
    )
    .can_fail(),
    Function::new(
        "ARRAY_CONTAINS(array, value)",
        "Whether the array holds the value; NULL is found too.",
        |args| of_array_and_value(args, |_| Some(Kind::Boolean)),
        |call| {
            let (array, wanted) = (column(call, 0), column(call, 1));
            call.bools(|row| {
                let found = |at| same(values(&array), at, &wanted, row);
                Ok(array.is_valid(row).then(|| range(&array, row).any(found)))
            })
        },
    ),
    Function::new(
        "ARRAY_POSITION(array, value)",
        "Position of the value's first occurrence, 0 where there is none.",
        |args| {
            let mut signature = of_array_and_value(args, |_| Some(Kind::Int))?;
            signature.returns.nullable = any_nullable(args);
            Some(signature)
        },
        |call| {
            let (array, wanted) = (column(call, 0), column(call, 1));
            call.values::<Int32Type>(|row| {
                if array.is_null(row) || wanted.is_null(row) {
                    return Ok(None);
                }
                let found =
                    range(&array, row).position(|at| same(values(&array), at, &wanted, row));
                Ok(Some(found.map_or(0, |at| at as i32 + 1)))
            })
        },
    ),
    Function::new("ARRAY_REVERSE(array)", "The elements from last to first.", same_array, |call| {
        rebuild(call, |_, range| range.rev().collect())
    }),
    Function::new(
        "ARRAY_DISTINCT(array)",
        "The elements without repetitions.",
        same_array,
        |call| {
            rebuild(call, |array, range| {
                let (mut seen, elements) = (Seen::default(), std::slice::from_ref(values(array)));
                range.filter(|at| seen.insert(elements, (0, *at))).collect()
            })
        },
    ),
    Function::new(
        "ARRAY_REMOVE(array, value)",
        "The elements other than the value.",
        |args| of_array_and_value(args, |array| Some(array.clone())),
        |call| {
            let wanted = column(call, 1);
            rebuild_rows(call, |array, range, row| {
                range.filter(|at| !same(values(array), *at, &wanted, row)).collect()
            })
        },
    ),
    Function::new("ARRAY_MAX(array)", "The largest element.", extreme_signature, |call| {
        extreme(call, Ordering::Greater)
    }),
    Function::new("ARRAY_MIN(array)", "The smallest element.", extreme_signature, |call| {
        extreme(call, Ordering::Less)
    }),
    Function::new(
        "ARRAY_JOIN(array, delimiter [, null_replacement])",
        "The texts of the array joined; NULLs are left out, or replaced.",
        |args| {
            let [first, rest @ ..] = args else { return None };
            let texts = Kind::Array(Box::new(DataType::string()));
            let Kind::Array(element) = &first.data_type.kind else { return None };
            element.kind.is_string().then_some(())?;
            let mut signature = fixed(rest, &[Param::Text, Param::Text], 1, STRING)?;
            signature.args.insert(0, texts);
            signature.returns.nullable = any_nullable(args);
            Some(signature)
        },
        |call| {
            let (array, delimiter, replacement) = (column(call, 0), call.text(1), call.text(2));
            let (zone, replaces) = (call.env.time_zone, call.has(2));
            let texts = TextWriter::new(values(&array).as_ref(), &DataType::string(), zone);
            call.strings(|row, out| {
                let Some(delimiter) = delimiter.get(row).filter(|_| array.is_valid(row)) else {
                    return Ok(None);
                };
                if replaces && replacement.get(row).is_none() {
                    return Ok(None);
                }
                let mut first = true;
                for at in range(&array, row) {
                    let is_null = values(&array).is_null(at);
                    if is_null && !replaces {
                        continue;
                    }
                    if !std::mem::take(&mut first) {
                        out.push_str(delimiter);
                    }
                    if is_null {
                        out.push_str(replacement.get(row).unwrap_or_default());
                    } else {
                        texts.write(at, out);
                    }
                }
                Ok(Some(()))
            })
        },
    ),
    Function::new(
        "MAP_KEYS(map)",
        "The keys as an array.",
        |args| of_map(args, |key, _| Kind::Array(Box::new(key.clone()))),
        |call| {
            let map = column(call, 0);
            let keys = Arc::clone(crate::types::map_keys(map.as_map()));
            as_list(call, &map, keys)
        },
    ),
    Function::new(
        "MAP_VALUES(map)",
        "The values as an array.",
        |args| of_map(args, |_, value| Kind::Array(Box::new(value.clone()))),
        |call| {
            let map = column(call, 0);
            let values = Arc::clone(map.as_map().values());
            as_list(call, &map, values)
        },
    ),
    Function::new(
        "STR_TO_MAP(string [, pair_delimiter, key_delimiter])",
        "Pairs of a text as a map; by default `,` stands between pairs and `=` after a key. The delimiters are regular expressions.",
        |args| {
            (args.len() != 2).then_some(())?;
            let map = Kind::Map(Box::new(DataType::string()), Box::new(DataType::string()));
            nullable(fixed(args, &[Param::Text, Param::Text, Param::Text], 1, map))
        },
        str_to_map,
    )
    .can_fail(),
];

pub(super) fn column(call: &Call<'_, '_>, at: usize) -> Column {
    call.args[at].clone().into_column(call.data_type(at), call.rows)
}

pub(super) fn columns(call: &Call<'_, '_>) -> Vec<Column> {
    (0..call.args.len()).map(|at| column(call, at)).collect()
}

/// Places of a row's elements among all elements.
pub(super) fn range(collection: &Column, row: usize) -> std::ops::Range<usize> {
    let offsets = match collection.as_list_opt::<i32>() {
        Some(list) => list.value_offsets(),
        None => collection.as_map().value_offsets(),
    };
    offsets[row] as usize..offsets[row + 1] as usize
}

/// All elements of an array column; the values of a map column.
pub(super) fn values(collection: &Column) -> &Column {
    match collection.as_list_opt::<i32>() {
        Some(list) => list.values(),
        None => collection.as_map().values(),
    }
}

/// Whether two values are the same; NULL is the same as NULL.
pub(crate) fn same(a: &Column, i: usize, b: &Column, j: usize) -> bool {
    match (a.is_null(i), b.is_null(j)) {
        (true, true) => true,
        (false, false) => same_value(a, i, b, j),
        _ => false,
    }
}

/// Whether two values that are not NULL are the same. Columns of simple types are read in place.
fn same_value(a: &Column, i: usize, b: &Column, j: usize) -> bool {
    macro_rules! primitive {
        ($type:ty) => {
            a.as_primitive::<$type>().value(i) == b.as_primitive::<$type>().value(j)
        };
    }
    match (a.data_type(), b.data_type()) {
        (Physical::Int8, Physical::Int8) => primitive!(Int8Type),
        (Physical::Int16, Physical::Int16) => primitive!(Int16Type),
        (Physical::Int32, Physical::Int32) => primitive!(Int32Type),
        (Physical::Int64, Physical::Int64) => primitive!(Int64Type),
        (Physical::Float64, Physical::Float64) => primitive!(Float64Type),
        (Physical::Decimal128(..), Physical::Decimal128(..)) => primitive!(Decimal128Type),
        (Physical::Utf8View, Physical::Utf8View) => {
            a.as_string_view().value(i) == b.as_string_view().value(j)
        }
        _ => a.slice(i, 1).as_ref() == b.slice(j, 1).as_ref(),
    }
}

/// Places of values to pick, one per row.
struct Picks {
    places: Vec<u32>,
    nulls: NullBufferBuilder,
}

impl Picks {
    fn new(rows: usize) -> Picks {
        Picks { places: Vec::with_capacity(rows), nulls: NullBufferBuilder::new(rows) }
    }

    fn push(&mut self, place: Option<usize>) {
        self.nulls.append(place.is_some());
        self.places.push(u32::try_from(place.unwrap_or(0)).unwrap_or(u32::MAX));
    }

    fn take(mut self, from: &Column) -> Column {
        let rows = self.places.len();
        let indices = UInt32Array::new(ScalarBuffer::from(self.places), self.nulls.finish());
        if from.is_empty() {
            return new_null_array(from.data_type(), rows);
        }
        match arrow_select::take::take(from, &indices, None) {
            Ok(column) => column,
            Err(error) => panic!("places of elements lie within them: {error}"),
        }
    }
}

/// The values of these columns and rows.
pub(super) fn interleave(columns: &[Column], picks: &[(usize, usize)]) -> Column {
    if let ([], Some(first)) = (picks, columns.first()) {
        return new_empty_array(first.data_type());
    }
    let arrays: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
    match arrow_select::interleave::interleave(&arrays, picks) {
        Ok(column) => column,
        Err(error) => panic!("values of one call have one type and are not too many: {error}"),
    }
}

fn choose(call: &mut Call<'_, '_>) -> Column {
    let number = call.long(0);
    // Constants stay one row long.
    let constant = |at: usize| matches!(call.args.get(at), Some(Value::Scalar(_)));
    let columns: Vec<Column> = (1..call.args.len())
        .map(|at| {
            let rows = if constant(at) { 1 } else { call.rows };
            call.args[at].clone().into_column(call.data_type(at), rows)
        })
        .collect();
    let pick = |row: usize| {
        let at = number.get(row).and_then(|at| usize::try_from(at).ok()).unwrap_or(0);
        let at = at.min(columns.len() - 1);
        (at, if constant(at + 1) { 0 } else { row })
    };
    let picks: Vec<(usize, usize)> = (0..call.rows).map(pick).collect();
    interleave(&columns, &picks)
}

fn array_signature(args: &[Expr]) -> Option<Signature> {
    let common = build::common_type(args.iter().map(|arg| &arg.data_type))?;
    (common.kind != Kind::Null).then_some(())?;
    let kind = common.kind.clone();
    let returns = Kind::Array(Box::new(common)).not_null();
    Some(Signature { args: vec![kind; args.len()], returns })
}

fn map_signature(args: &[Expr]) -> Option<Signature> {
    if args.is_empty() || args.len() % 2 == 1 {
        return None;
    }
    let of = |from| build::common_type(args.iter().skip(from).step_by(2).map(|arg| &arg.data_type));
    let (key, mut value) = (of(0)?, of(1)?);
    if key.kind == Kind::Null {
        return None;
    }
    if value.kind == Kind::Null {
        // Nothing says the type of the values: Calcite takes that of the keys.
        value = key.kind.clone().nullable();
    }
    let kinds = [key.kind.clone(), value.kind.clone()];
    let args = kinds.iter().cloned().cycle().take(args.len()).collect();
    Some(Signature { args, returns: Kind::Map(Box::new(key), Box::new(value)).not_null() })
}

/// A column of maps of a result's type.
pub(super) fn maps(
    returns: &DataType,
    rows: usize,
    offsets: OffsetBuffer<i32>,
    entries: (Column, Column),
    nulls: Option<NullBuffer>,
) -> Column {
    let physical = returns.physical();
    let maps = crate::types::map_array(&physical, offsets, entries, nulls);
    maps.unwrap_or_else(|_| new_null_array(&physical, rows))
}

fn row_signature(args: &[Expr]) -> Option<Signature> {
    let name = |at: usize| format!("EXPR${at}");
    let fields =
        args.iter().enumerate().map(|(at, arg)| Field::new(name(at), arg.data_type.clone()));
    let returns = Kind::Row(fields.collect()).not_null();
    Some(Signature { args: args.iter().map(|arg| arg.data_type.kind.clone()).collect(), returns })
}

fn item_signature(args: &[Expr]) -> Option<Signature> {
    let [collection, key] = args else { return None };
    let (key, value) = match &collection.data_type.kind {
        Kind::Array(element) => (Param::Int.accepts(&key.data_type.kind)?, element),
        Kind::Map(wanted, value) => {
            build::common_type([&**wanted, &key.data_type])?;
            let text = wanted.kind.is_string();
            (if text { STRING } else { wanted.kind.clone() }, value)
        }
        _ => return None,
    };
    let returns = value.kind.clone().nullable();
    Some(Signature { args: vec![collection.data_type.kind.clone(), key], returns })
}

fn item(call: &mut Call<'_, '_>) -> Column {
    let collection = column(call, 0);
    let mut picks = Picks::new(call.rows);
    let (selection, rows) = (call.selection, call.rows);
    if matches!(call.data_type(0).kind, Kind::Array(_)) {
        let index: Prim<'_, Int32Type> = call.int(1);
        selection.scan(rows, |row, selected| {
            let index = if selected && collection.is_valid(row) { index.get(row) } else { None };
            let place = index.and_then(|index| {
                let range = range(&collection, row);
                let place = range.start + usize::try_from(index).ok()?.checked_sub(1)?;
                (place < range.end).then_some(place)
            });
            picks.push(place);
        });
        return picks.take(values(&collection));
    }
    let key = column(call, 1);
    let keys = Arc::clone(crate::types::map_keys(collection.as_map()));
    selection.scan(rows, |row, selected| {
        let valid = selected && collection.is_valid(row) && key.is_valid(row);
        let mut places = if valid { range(&collection, row) } else { 0..0 };
        picks.push(places.find(|at| same(&keys, *at, &key, row)));
    });
    picks.take(values(&collection))
}

/// A signature over an array and further parameters.
pub(super) fn of_array(
    args: &[Expr],
    params: &[Param],
    returns: impl Fn(&DataType) -> Option<Kind>,
) -> Option<Signature> {
    let (first, rest) = args.split_first()?;
    let Kind::Array(element) = &first.data_type.kind else { return None };
    let mut signature = fixed(rest, params, params.len(), returns(element)?)?;
    signature.args.insert(0, first.data_type.kind.clone());
    signature.returns.nullable = any_nullable(args);
    Some(signature)
}

/// A signature over an array and a value of its elements' type.
pub(super) fn of_array_and_value(
    args: &[Expr],
    returns: impl Fn(&Kind) -> Option<Kind>,
) -> Option<Signature> {
    let [array, value] = args else { return None };
    let Kind::Array(element) = &array.data_type.kind else { return None };
    crate::expr::implicitly_castable(&value.data_type, element).then_some(())?;
    let kind = array.data_type.kind.clone();
    let returns = DataType { kind: returns(&kind)?, nullable: array.data_type.nullable };
    Some(Signature { args: vec![kind, element.kind.clone()], returns })
}

pub(super) fn same_array(args: &[Expr]) -> Option<Signature> {
    of_array(args, &[], |element| Some(Kind::Array(Box::new(element.clone()))))
}

pub(super) fn of_map(
    args: &[Expr],
    returns: impl Fn(&DataType, &DataType) -> Kind,
) -> Option<Signature> {
    let [map] = args else { return None };
    let Kind::Map(key, value) = &map.data_type.kind else { return None };
    let returns = DataType { kind: returns(key, value), nullable: map.data_type.nullable };
    Some(Signature { args: vec![map.data_type.kind.clone()], returns })
}

/// An array column of other elements per row.
fn rebuild(
    call: &mut Call<'_, '_>,
    f: impl Fn(&Column, std::ops::Range<usize>) -> Vec<usize>,
) -> Column {
    rebuild_rows(call, |array, range, _| f(array, range))
}

fn rebuild_rows(
    call: &mut Call<'_, '_>,
    f: impl Fn(&Column, std::ops::Range<usize>, usize) -> Vec<usize>,
) -> Column {
    let array = column(call, 0);
    let mut picks = Picks::new(values(&array).len());
    let mut lengths = Vec::with_capacity(call.rows);
    call.selection.scan(call.rows, |row, selected| {
        let valid = selected && array.is_valid(row);
        let places = if valid { f(&array, range(&array, row), row) } else { Vec::new() };
        lengths.push(places.len());
        places.into_iter().for_each(|place| picks.push(Some(place)));
    });
    let elements = picks.take(values(&array));
    match call.returns.physical() {
        Physical::List(field) => {
            let nulls = array.nulls().cloned();
            Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), elements, nulls))
        }
        other => new_null_array(&other, call.rows),
    }
}

fn extreme_signature(args: &[Expr]) -> Option<Signature> {
    nullable(of_array(args, &[], |element| {
        (!element.kind.is_nested()).then(|| element.kind.clone())
    }))
}

/// The element that compares as `wanted` with all others.
fn extreme(call: &mut Call<'_, '_>, wanted: Ordering) -> Column {
    let array = column(call, 0);
    let elements = values(&array);
    let compare = operator_order(elements, &call.returns.kind);
    let mut picks = Picks::new(call.rows);
    call.selection.scan(call.rows, |row, selected| {
        let places = if selected && array.is_valid(row) { range(&array, row) } else { 0..0 };
        let mut best: Option<usize> = None;
        for at in places.filter(|at| elements.is_valid(*at)) {
            if best.is_none_or(|best| compare(at, best) == Some(wanted)) {
                best = Some(at);
            }
        }
        picks.push(best);
    });
    picks.take(elements)
}

/// Elements of a map as an array column.
fn as_list(call: &Call<'_, '_>, map: &Column, elements: Column) -> Column {
    let map = map.as_map();
    match call.returns.physical() {
        Physical::List(field) => {
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            Arc::new(ListArray::new(field, offsets, elements, nulls))
        }
        other => new_null_array(&other, call.rows),
    }
}

/// The bucket of `key` in Java's `HashMap` that was made for `size` entries and holds `entries`.
fn java_bucket(key: &str, size: usize, entries: usize) -> u32 {
    let mut buckets = u32::try_from(size.max(1)).unwrap_or(1 << 30).next_power_of_two();
    while entries as u64 > u64::from(buckets) * 3 / 4 {
        buckets = buckets.saturating_mul(2);
    }
    let hash = java_map::string_hash(key);
    (hash ^ (hash >> 16)) & buckets.wrapping_sub(1)
}

fn str_to_map(call: &mut Call<'_, '_>) -> Column {
    use arrow_array::builder::StringViewBuilder;
    let (text, pairs_by, key_by) = (call.text(0), call.text(1), call.text(2));
    let (has_pairs_by, has_key_by) = (call.has(1), call.has(2));
    let (mut keys, mut values) = (StringViewBuilder::new(), StringViewBuilder::new());
    let mut lengths = Vec::with_capacity(call.rows);
    let mut nulls = NullBufferBuilder::new(call.rows);
    let errors = &mut *call.errors;
    call.selection.scan(call.rows, |row, selected| {
        let pairs_by = if has_pairs_by { pairs_by.get(row) } else { Some(",") };
        let key_by = if has_key_by { key_by.get(row) } else { Some("=") };
        let (Some(text), Some(pairs_by), Some(key_by)) = (text.get(row), pairs_by, key_by) else {
            lengths.push(0);
            nulls.append(false);
            return;
        };
        let mut found: Vec<(&str, Option<&str>)> = Vec::new();
        let mut pairs: Vec<(&str, usize)> = Vec::new();
        let parts = if selected && !text.is_empty() { text } else { "" };
        let cut = regexp::java_split(parts, pairs_by).and_then(|parts| {
            let size = parts.len();
            for part in parts {
                let (key, value) = match regexp::java_split_once(part, key_by)? {
                    Some((key, value)) => (key, Some(value)),
                    None => (part, None),
                };
                found.push((key, value));
            }
            pairs = java_map::distinct(found.iter().enumerate().map(|(at, (key, _))| (*key, at)));
            let entries = pairs.len();
            pairs.sort_by_cached_key(|(key, _)| java_bucket(key, size, entries));
            Ok(())
        });
        if let Err(message) = cut {
            errors.push(row, || message);
        }
        for (key, value) in &pairs {
            keys.append_value(key);
            values.append_option(found.get(*value).and_then(|(_, value)| *value));
        }
        lengths.push(pairs.len());
        nulls.append(true);
    });
    let entries: (Column, Column) = (Arc::new(keys.finish()), Arc::new(values.finish()));
    let offsets = OffsetBuffer::from_lengths(lengths);
    maps(call.returns, call.rows, offsets, entries, nulls.finish())
}
