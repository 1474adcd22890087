//! Division of a constant by zero, which Flink's planner refuses where it computes constants: `1e0 / 0` is no infinity
//! although `d / 0` is one.

use super::schema_error;
use crate::base::Result;
use crate::sql::ast::{ArgValue, BinaryOp, Expr, ExprKind, FunctionCall, Literal, UnaryOp};

/// Refuses such a division where Calcite's `RexSimplify` comes by: as the whole expression, as a result of CASE, a field
/// of ROW, compared with what is no constant, or as an operand or argument beside such. Elsewhere the rows decide.
/// `nullable` says whether a part may be NULL.
pub(super) fn check(expr: &Expr, nullable: &dyn Fn(&Expr) -> bool) -> Result<()> {
    let operand = |part: &Expr| operand(part, nullable);
    match &expr.kind {
        ExprKind::Binary { op, left, right, .. }
            if (op.is_comparison() || op.is_arithmetic()) && !is_constant(expr) =>
        {
            operand(left)?;
            operand(right)
        }
        ExprKind::IsDistinctFrom { left, right, .. }
            if [left, right].into_iter().all(|side| !is_null(side))
                && !(is_constant(left) && is_constant(right)) =>
        {
            operand(left)?;
            operand(right)
        }
        ExprKind::Row { fields, .. } => fields.iter().try_for_each(|field| check(field, nullable)),
        ExprKind::Function(call) if call.name.last().eq_ignore_ascii_case("COALESCE") => {
            // What is behind an argument that is never NULL is forgotten before, and so are constants that are NULL.
            let before = |at: usize| arguments(call).take(at);
            let counts = |at| before(at).all(|arg| nullable(arg) && !is_null(arg));
            arguments(call).enumerate().try_for_each(|(at, arg)| {
                operand(arg).or_else(|error| if counts(at) { Err(error) } else { Ok(()) })
            })
        }
        ExprKind::Function(call) if !is_constant(expr) => arguments(call).try_for_each(operand),
        ExprKind::Case { operand: compared, branches, otherwise } => {
            // What a constant condition leaves out is forgotten before.
            let conditions = || branches.iter().flat_map(|branch| &branch.when);
            let is_decided = match compared {
                Some(compared) => is_constant(compared),
                None => conditions().any(is_constant),
            };
            if is_decided {
                return Ok(());
            }
            let results = branches.iter().map(|branch| &branch.then);
            results.chain(otherwise.as_deref()).try_for_each(|result| check(result, nullable))
        }
        _ => not_by_zero(expr),
    }
}

/// The same for an operand or argument: what a CASE there gives is left to the rows.
fn operand(expr: &Expr, nullable: &dyn Fn(&Expr) -> bool) -> Result<()> {
    match &expr.kind {
        ExprKind::Binary { .. } => check(expr, nullable),
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

fn arguments(call: &FunctionCall) -> impl Iterator<Item = &Expr> {
    call.args.iter().filter_map(|arg| match &arg.value {
        ArgValue::Expr(expr) => Some(expr),
        _ => None,
    })
}

fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(literal) => !matches!(literal, Literal::Null),
        ExprKind::Unary { op: UnaryOp::Minus | UnaryOp::Plus, operand } => is_constant(operand),
        ExprKind::Binary { left, right, .. } => is_constant(left) && is_constant(right),
        ExprKind::Cast { operand, is_try: false, .. } => is_constant(operand),
        ExprKind::Function(call) => !call.args.is_empty() && arguments(call).all(is_constant),
        _ => false,
    }
}

fn is_null(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(literal) => matches!(literal, Literal::Null),
        ExprKind::Cast { operand, .. } => is_null(operand),
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
