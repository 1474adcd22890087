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
        self.computed(false, false, zone).fitted()
    }

    /// `inside` of a larger constant; or as an `operand` of a function or operator, which Flink's runtime converts, not
    /// Calcite.
    fn computed(self, inside: bool, operand: bool, zone: chrono_tz::Tz) -> Expr {
        if self.as_literal().is_some() {
            return self;
        }
        let constant = inside || self.is_constant();
        let operator =
            matches!(self.node, Node::Call { .. } | Node::Arithmetic { .. } | Node::Negate(_));
        let written = matches!(&self.node, Node::Cast { input, .. } if input.is_written());
        let expr =
            self.map_children(&mut |child| child.computed(constant, operator, zone)).simplified();
        if expr.as_literal().is_some() || !(constant || expr.is_constant()) {
            return expr;
        }
        if let Some(value) = widened_constant(&expr).filter(|_| written && !operand) {
            return Expr::literal(Scalar::Double(value), expr.data_type);
        }
        let cast_number = written
            && matches!(&expr.node, Node::Cast { input, .. } if input.data_type.kind.is_numeric());
        let computed = expr.evaluated(zone);
        if inside || cast_number { computed } else { computed.rounded() }
    }

    /// Whether nothing in it depends on rows or on when it is computed.
    fn is_constant(&self) -> bool {
        !self.has_column() && self.stability() == Stability::Immutable
    }

    /// Whether it is a constant as it stands in the statement, cast at most: Calcite casts it without Flink's runtime.
    fn is_written(&self) -> bool {
        match &self.node {
            Node::Literal(_) => true,
            Node::Cast { input, .. } => input.is_written(),
            _ => false,
        }
    }

    /// As Calcite keeps what Flink computed (`RexBuilder.clean`), decimal numbers: a FLOAT with seven digits, and zero
    /// without sign. What a larger constant is computed from is not kept.
    fn rounded(mut self) -> Expr {
        match (&mut self.node, &self.data_type.kind) {
            (Node::Literal(Scalar::Double(value)), Kind::Float) => {
                *value = format!("{value:.6e}").parse::<f32>().map_or(*value, f64::from) + 0.0;
            }
            (Node::Literal(Scalar::Double(value)), _) => *value += 0.0,
            _ => {}
        }
        self
    }

    fn evaluated(self, zone: chrono_tz::Tz) -> Expr {
        let expr = self;
        if let Some(answer) = compare_constant_texts(&expr) {
            return Expr::literal(Scalar::Boolean(answer), Kind::Boolean.not_null());
        }
        let env = EvalEnv { time_zone: zone, now_micros: 0 };
        let mut errors = RowErrors::new();
        let input = Input { columns: &[], rows: 1 };
        let column = expr.eval(input, &Selection::All(1), &mut errors, &env);
        match scalar_at(&column, 0, &expr.data_type) {
            Some(scalar) if errors.is_empty() => {
                let scalar = match (scalar, &expr.data_type.kind) {
                    // A literal of CHAR is as long as its type, in UTF-16 units; a legacy cast may have left it shorter.
                    (Scalar::String(text), Kind::Char(length)) => {
                        let units = text.encode_utf16().count();
                        let missing = (*length as usize).saturating_sub(units);
                        Scalar::String(text + &" ".repeat(missing))
                    }
                    (scalar, _) => scalar,
                };
                let nullable = expr.data_type.nullable;
                let nullable = nullable && (scalar == Scalar::Null);
                Expr::literal(scalar, expr.data_type.with_nullable(nullable))
            }
            _ => expr,
        }
    }

    /// Constant bytes cut to the length of their type: Flink declares ENCODE as BINARY(1).
    fn fitted(self) -> Expr {
        let mut expr = self.map_children(&mut Expr::fitted);
        if let (Node::Literal(Scalar::Bytes(bytes)), Kind::Binary(length)) =
            (&mut expr.node, &expr.data_type.kind)
        {
            bytes.truncate(usize::try_from(*length).unwrap_or(usize::MAX));
        }
        expr
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
            node => return Expr { node, ..self },
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
        Kind::Char(_) | Kind::VarChar(_) | Kind::Variant => {
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
        Kind::Null
        | Kind::Array(_)
        | Kind::Multiset(_)
        | Kind::Map(..)
        | Kind::Row(_)
        | Kind::Structured(..) => return None,
    })
}
