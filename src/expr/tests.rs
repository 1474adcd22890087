//! Evaluation of whole expressions.

use super::*;
use crate::base::limits::BATCH_ITEMS_MAX;
use crate::types::{Column, RowErrors};
use arrow_array::builder::{ListBuilder, StringViewBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{Array, BooleanArray, Int32Array, ListArray, StringViewArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType as Physical, Field};
use std::sync::Arc;

fn env() -> EvalEnv {
    EvalEnv { time_zone: chrono_tz::UTC, now_micros: 0 }
}

fn columns() -> Vec<Column> {
    vec![
        Arc::new(Int32Array::from(vec![Some(1), None, Some(3), Some(4)])),
        Arc::new(StringViewArray::from(vec![
            Some("buy"),
            Some("a text of more than twelve bytes"),
            None,
            Some("a text of more than twelve bytes!"),
        ])),
    ]
}

fn int(at: usize) -> Expr {
    Expr::column(at, Kind::Int.nullable())
}

fn text(at: usize) -> Expr {
    Expr::column(at, DataType::string())
}

fn lit(value: i64) -> Expr {
    Expr::literal(Scalar::Integer(value), Kind::Int.not_null())
}

fn lit_text(value: &str) -> Expr {
    Expr::literal(Scalar::String(value.into()), DataType::string().with_nullable(false))
}

fn rows(expr: &Expr) -> Vec<u32> {
    let columns = columns();
    let mut errors = RowErrors::new();
    let input = Input { columns: &columns, rows: 4 };
    let selected = expr.eval_predicate(input, &Selection::All(4), &mut errors, &env()).to_rows();
    // The general path must agree with the shortcut.
    let column = expr.eval(input, &Selection::All(4), &mut errors, &env());
    let column = column.as_boolean();
    let slow: Vec<u32> = (0..4)
        .filter(|row| column.is_valid(*row as usize) && column.value(*row as usize))
        .collect();
    assert_eq!(selected, slow);
    assert!(errors.is_empty());
    selected
}

#[test]
fn comparisons_with_literals() {
    use CompareOp::*;
    let long = "a text of more than twelve bytes";
    for (expr, expected) in [
        (Expr::compare(Eq, int(0), lit(3)), vec![2]),
        (Expr::compare(NotEq, int(0), lit(3)), vec![0, 3]),
        (Expr::compare(GtEq, int(0), lit(3)), vec![2, 3]),
        (Expr::compare(Lt, lit(3), int(0)), vec![3]),
        (Expr::compare(Eq, text(1), lit_text("buy")), vec![0]),
        (Expr::compare(NotEq, text(1), lit_text("buy")), vec![1, 3]),
        (Expr::compare(Eq, lit_text(long), text(1)), vec![1]),
        (Expr::compare(NotEq, text(1), lit_text(long)), vec![0, 3]),
        (Expr::compare(Gt, text(1), lit_text(long)), vec![0, 3]),
        (Expr::compare(Eq, int(0), int(0)), vec![0, 2, 3]),
        (Expr::compare(Eq, text(1), text(1)), vec![0, 1, 3]),
        (Expr::compare(Eq, int(0), Expr::literal(Scalar::Null, Kind::Int.nullable())), vec![]),
    ] {
        assert_eq!(rows(&expr), expected, "{expr:?}");
    }
}

#[test]
fn logic_is_three_valued() {
    use CompareOp::*;
    let one = || Expr::compare(Eq, int(0), lit(1));
    let null_text = || Expr::is_null(text(1));
    assert_eq!(rows(&Expr::or(vec![one(), null_text()])), [0, 2]);
    assert_eq!(rows(&Expr::and(vec![one(), null_text()])), [0_u32; 0]);
    assert_eq!(rows(&Expr::negate(one())), [2, 3]);
    assert_eq!(rows(&Expr::negate(Expr::is_null(int(0)))), [0, 2, 3]);
    // UNKNOWN AND FALSE is FALSE, so its negation holds in row 1.
    let both = Expr::and(vec![one(), null_text()]);
    assert_eq!(rows(&Expr::negate(both)), [0, 1, 2, 3]);
}

#[test]
fn a_column_is_handed_out_as_it_is() {
    let columns = columns();
    let input = Input { columns: &columns, rows: 4 };
    let column = int(0).eval(input, &Selection::Rows(vec![2]), &mut RowErrors::new(), &env());
    assert_eq!(column.as_primitive::<Int32Type>().value(2), 3);
}

fn called(name: &str, args: Vec<Expr>, columns: &[Column]) -> Column {
    let call = Expr::call(function(name).unwrap(), args).unwrap();
    let mut errors = RowErrors::new();
    let rows = columns[0].len();
    let column = call.eval(Input { columns, rows }, &Selection::All(rows), &mut errors, &env());
    assert!(errors.is_empty());
    column
}

/// Flink's own order of them is no order: it depends on the sort.
#[test]
fn arrays_with_nan_are_sorted_with_it_above_everything() {
    let values = |at: i32| if at % 3 == 0 { f64::NAN } else { f64::from(at * 7 % 100) };
    let array = ListArray::from_iter_primitive::<Float64Type, _, _>([Some(
        (0..100).map(|at| Some(values(at))).chain([Some(0.0), Some(-0.0)]),
    )]);
    let columns: [Column; 1] = [Arc::new(array)];
    let array = Expr::column(0, Kind::Array(Box::new(Kind::Double.nullable())).not_null());
    for ascending in [true, false] {
        let flag = Expr::literal(Scalar::Boolean(ascending), Kind::Boolean.not_null());
        let sorted = called("ARRAY_SORT", vec![array.clone(), flag], &columns);
        let sorted = sorted.as_list::<i32>().value(0);
        let mut sorted: Vec<f64> = sorted.as_primitive::<Float64Type>().values().to_vec();
        if !ascending {
            sorted.reverse();
        }
        let (numbers, nans) = sorted.split_at(sorted.iter().take_while(|v| !v.is_nan()).count());
        assert!(numbers.is_sorted() && nans.len() == 34 && nans.iter().all(|v| v.is_nan()));
    }
}

#[test]
fn elements_are_compared_in_place() {
    const ELEMENTS: i32 = 1_000;
    let text = |at: i32| Some(format!("a text that is not in the view {}", at * 7 % ELEMENTS));
    let mut builder = ListBuilder::new(StringViewBuilder::new());
    builder.append_value((0..ELEMENTS).map(text));
    let columns: [Column; 1] = [Arc::new(builder.finish())];
    let array = Expr::column(0, Kind::Array(Box::new(DataType::string())).nullable());
    for (function, expected) in
        [("ARRAY_SORT", None), ("ARRAY_MAX", text(857)), ("ARRAY_MIN", text(0))]
    {
        let mut result = None;
        let memory = allocation_counter::measure(|| {
            result = Some(called(function, vec![array.clone()], &columns));
        });
        assert!(memory.count_total < 200, "{function}: {memory:?}");
        if let (Some(column), Some(expected)) = (result, expected) {
            assert_eq!(column.as_string_view().value(0), expected, "{function}");
        }
    }
}

/// Overlapping ones, in a text and for a search that would take hours if each began anew.
#[test]
fn the_nth_occurrence_is_found_in_one_pass() {
    const LENGTH: usize = 1_000_000;
    let columns: [Column; 2] = [
        Arc::new(StringViewArray::from(vec!["é".repeat(LENGTH)])),
        Arc::new(StringViewArray::from(vec!["é".repeat(LENGTH / 2)])),
    ];
    let found = |start: i64, nth: i64| {
        let args = vec![text(0), text(1), lit(start), lit(nth)];
        called("INSTR", args, &columns).as_primitive::<Int32Type>().value(0)
    };
    let half = LENGTH as i64 / 2;
    for (start, nth, expected) in
        [(1, half, half), (1, half + 1, half + 1), (1, half + 2, 0), (7, 2, 8), (-1, half, 2)]
    {
        assert_eq!(i64::from(found(start, nth)), expected, "{start}, {nth}");
    }
}

/// What cannot be counted, or fills the memory, is refused before it is made.
#[test]
fn a_row_whose_collection_would_hold_too_many_items_fails() {
    let long = BATCH_ITEMS_MAX / 2;
    let ends = [0, long, long + 3].map(|end| i32::try_from(end).unwrap());
    let field = Arc::new(Field::new_list_field(Physical::Boolean, true));
    let values = Arc::new(BooleanArray::from(vec![true; long + 3]));
    let offsets = OffsetBuffer::new(ends.to_vec().into());
    let columns: [Column; 1] = [Arc::new(ListArray::new(field, offsets, values, None))];
    let array = || Expr::column(0, Kind::Array(Box::new(Kind::Boolean.nullable())).nullable());
    let text = |text: &str| lit_text(text);
    for (function, args) in [
        ("$ARRAY", vec![array(), array()]),
        ("ARRAY_CONCAT", vec![array(), array(), array()]),
        ("$MAP", vec![text("a"), array(), text("b"), array()]),
    ] {
        let call = Expr::call(super::function(function).unwrap(), args).unwrap();
        let mut errors = RowErrors::new();
        let input = Input { columns: &columns, rows: 2 };
        let made = call.eval(input, &Selection::All(2), &mut errors, &env());
        assert_eq!((errors.rows(), made.is_valid(1)), (&[0][..], true), "{function}");
    }
}
