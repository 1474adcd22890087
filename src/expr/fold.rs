//! Constant folding: what does not depend on rows is computed once, at planning time.

use super::{EvalEnv, Expr, Input, Node, Scalar, Selection, Stability};
use crate::types::{Column, DataType, Kind, RowErrors};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, TimestampMicrosecondType,
};

impl Expr {
    /// The same expression with constant parts computed. A part that fails stays as it is and fails at run time, for the
    /// rows that reach it. `zone` is the session's.
    #[must_use]
    pub fn folded(self, zone: chrono_tz::Tz) -> Expr {
        let expr = self.map_children(&mut |child| child.folded(zone)).simplified();
        let constant = |expr: &Expr| matches!(expr.node, Node::Literal(_));
        if constant(&expr) || expr.has_column() || expr.stability() != Stability::Immutable {
            return expr;
        }
        if let Some(value) = widened_constant(&expr) {
            return Expr::literal(Scalar::Double(value), expr.data_type);
        }
        if let Some(answer) = compare_constant_texts(&expr) {
            return Expr::literal(Scalar::Boolean(answer), Kind::Boolean.not_null());
        }
        let env = EvalEnv { time_zone: zone, now_micros: 0 };
        let mut errors = RowErrors::new();
        let input = Input { columns: &[], rows: 1 };
        let column = expr.eval(input, &Selection::All(1), &mut errors, &env);
        match scalar_at(&column, 0, &expr.data_type) {
            Some(scalar) if errors.is_empty() => {
                let nullable = expr.data_type.nullable;
                let nullable = nullable && (scalar == Scalar::Null);
                Expr::literal(scalar, expr.data_type.with_nullable(nullable))
            }
            _ => expr,
        }
    }

    fn has_column(&self) -> bool {
        let mut found = false;
        self.visit(&mut |expr| found |= matches!(expr.node, Node::Column(_)));
        found
    }

    /// TRUE arms of an AND and FALSE arms of an OR leave; one that decides stands alone if nothing before it can fail.
    fn simplified(self) -> Expr {
        let (arms, conjunction) = match self.node {
            Node::And(arms) => (arms, true),
            Node::Or(arms) => (arms, false),
            node => return Expr { node, data_type: self.data_type },
        };
        let mut kept: Vec<Expr> = Vec::with_capacity(arms.len());
        for arm in arms {
            match arm.as_literal() {
                Some(Scalar::Boolean(value)) if *value == conjunction => {}
                Some(Scalar::Boolean(_)) => {
                    if !kept.iter().any(Expr::can_fail) {
                        return arm;
                    }
                    kept.push(arm);
                    break;
                }
                _ => kept.push(arm),
            }
        }
        if conjunction { Expr::and(kept) } else { Expr::or(kept) }
    }
}

/// Calcite keeps constants as decimal numbers: 0.1 stays 0.1 on its way from FLOAT to DOUBLE.
fn widened_constant(expr: &Expr) -> Option<f64> {
    let Node::Cast { input, .. } = &expr.node else { return None };
    match (&input.data_type.kind, &expr.data_type.kind, input.as_literal()?) {
        (Kind::Float, Kind::Double, Scalar::Double(value)) => {
            crate::types::java_text::float_to_string(*value as f32).parse().ok()
        }
        _ => None,
    }
}

/// Calcite compares constant texts by UTF-16 units, Flink's runtime by the bytes of UTF-8: they differ above U+FFFF.
fn compare_constant_texts(expr: &Expr) -> Option<bool> {
    let Node::Compare { op, left, right } = &expr.node else { return None };
    match (left.as_literal()?, right.as_literal()?) {
        (Scalar::String(a), Scalar::String(b)) => {
            Some(op.holds(a.encode_utf16().cmp(b.encode_utf16())))
        }
        _ => None,
    }
}

/// One value of a column; `None` for nested types.
pub(crate) fn scalar_at(column: &Column, row: usize, data_type: &DataType) -> Option<Scalar> {
    if column.is_null(row) || data_type.kind == Kind::Null {
        return Some(Scalar::Null);
    }
    Some(match &data_type.kind {
        Kind::Boolean => Scalar::Boolean(column.as_boolean().value(row)),
        Kind::TinyInt => Scalar::Integer(column.as_primitive::<Int8Type>().value(row).into()),
        Kind::SmallInt => Scalar::Integer(column.as_primitive::<Int16Type>().value(row).into()),
        Kind::Int => Scalar::Integer(column.as_primitive::<Int32Type>().value(row).into()),
        Kind::BigInt => Scalar::Integer(column.as_primitive::<Int64Type>().value(row)),
        Kind::Float => Scalar::Double(column.as_primitive::<Float32Type>().value(row).into()),
        Kind::Double => Scalar::Double(column.as_primitive::<Float64Type>().value(row)),
        Kind::Decimal { .. } => Scalar::Decimal(column.as_primitive::<Decimal128Type>().value(row)),
        Kind::Char(_) | Kind::VarChar(_) => {
            Scalar::String(column.as_string_view().value(row).to_owned())
        }
        Kind::Binary(_) | Kind::VarBinary(_) => {
            Scalar::Bytes(column.as_binary_view().value(row).to_vec())
        }
        Kind::Date => Scalar::Date(column.as_primitive::<Date32Type>().value(row)),
        Kind::Time(_) => Scalar::Time(column.as_primitive::<Time32MillisecondType>().value(row)),
        Kind::Timestamp(p) | Kind::TimestampLtz(p) if *p <= 6 => {
            let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
            Scalar::Timestamp(i128::from(micros) * 1_000)
        }
        Kind::Timestamp(_) | Kind::TimestampLtz(_) => {
            Scalar::Timestamp(column.as_primitive::<Decimal128Type>().value(row))
        }
        Kind::IntervalMonths => Scalar::Months(column.as_primitive::<Int32Type>().value(row)),
        Kind::IntervalMillis => Scalar::Millis(column.as_primitive::<Int64Type>().value(row)),
        Kind::Null | Kind::Array(_) | Kind::Multiset(_) | Kind::Map(..) | Kind::Row(_) => {
            return None;
        }
    })
}
