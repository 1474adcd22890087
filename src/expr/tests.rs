//! Evaluation of whole expressions.

use super::*;
use crate::types::{Column, RowErrors};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, Int32Array, StringViewArray};
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
