//! Division of a constant by zero, which Flink's planner refuses where it computes constants: `1e0 / 0` is no infinity
//! although `d / 0` is one.

use super::schema_error;
use crate::base::Result;
use crate::sql::ast::{BinaryOp, Expr, ExprKind, Literal, UnaryOp};

/// Refuses such a division where Calcite's `RexSimplify` comes by: as the whole expression, as a result of CASE, a field
/// of ROW, or compared with what is no constant. Elsewhere the rows decide.
pub(super) fn check(expr: &Expr) -> Result<()> {
    match &expr.kind {
        ExprKind::Binary { op, left, right, .. } if op.is_comparison() => {
            if is_constant(left) && is_constant(right) {
                return Ok(());
            }
            not_by_zero(left)?;
            not_by_zero(right)
        }
        ExprKind::Row { fields, .. } => fields.iter().try_for_each(check),
        ExprKind::Case { operand: None, branches, otherwise } => {
            // What a constant condition leaves out is forgotten before.
            if branches.iter().any(|branch| branch.when.iter().any(is_constant)) {
                return Ok(());
            }
            let results = branches.iter().map(|branch| &branch.then);
            results.chain(otherwise.as_deref()).try_for_each(check)
        }
        _ => not_by_zero(expr),
    }
}

fn not_by_zero(expr: &Expr) -> Result<()> {
    match &expr.kind {
        ExprKind::Binary { op: BinaryOp::Divide, left, right, .. }
            if is_constant(left) && is_zero(right) =>
        {
            Err(schema_error("division by zero", expr.span))
        }
        _ => Ok(()),
    }
}

fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(literal) => !matches!(literal, Literal::Null),
        ExprKind::Unary { op: UnaryOp::Minus | UnaryOp::Plus, operand } => is_constant(operand),
        ExprKind::Binary { left, right, .. } => is_constant(left) && is_constant(right),
        ExprKind::Cast { operand, is_try: false, .. } => is_constant(operand),
        _ => false,
    }
}

fn is_zero(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(Literal::Number { text, .. }) => {
            let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
            mantissa.chars().all(|c| matches!(c, '0' | '.'))
        }
        ExprKind::Unary { op: UnaryOp::Minus | UnaryOp::Plus, operand }
        | ExprKind::Cast { operand, is_try: false, .. } => is_zero(operand),
        _ => false,
    }
}
