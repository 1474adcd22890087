//! Neighbouring projections become one, and conditions move towards the scan.

use super::query::{as_column, unique_name};
use super::rewrite::on_inputs;
use crate::expr::{CompareOp, Expr, Node, Stability};
use crate::plan::Rel;
use crate::types::{Field, Schema};

/// Most parts of a condition that computed columns are put into. Without a bound it doubles with each of a chain of views
/// that use a column twice; conditions that people write stay far below.
const CONDITION_PARTS_MAX: usize = 64;

/// Merges neighbouring projections where the lower one only renames or drops columns or is used once per column, and
/// moves conditions below projections, as Flink does (Calcite's `FilterProjectTransposeRule`): columns are computed for
/// the rows only that pass.
pub(super) fn merge(rel: Rel) -> Rel {
    match rel {
        Rel::Project { input, expressions, schema } => {
            projected(merge(*input), expressions, schema)
        }
        Rel::Filter { input, condition } => filtered(merge(*input), condition),
        other => on_inputs(other, &merge),
    }
}

/// A projection of a merged relation.
fn projected(input: Rel, expressions: Vec<Expr>, schema: Schema) -> Rel {
    match input {
        Rel::Project { input, expressions: lower, .. } if is_cheap(&lower, &expressions) => {
            let expressions = expressions.into_iter().map(|e| inline(e, &lower)).collect();
            Rel::Project { input, expressions, schema }
        }
        Rel::Union { inputs, .. } => {
            let each = |input| projected(input, expressions.clone(), schema.clone());
            Rel::Union { inputs: inputs.into_iter().map(each).collect(), schema }
        }
        input => Rel::Project { input: Box::new(input), expressions, schema },
    }
}

/// The rows of a merged relation for which a condition holds.
fn filtered(input: Rel, condition: Expr) -> Rel {
    match input {
        Rel::Project { input, expressions, schema } => {
            below_project(*input, expressions, schema, condition)
        }
        Rel::Filter { input, condition: lower } => {
            Rel::Filter { input, condition: Expr::and(vec![lower, condition]) }
        }
        Rel::Union { inputs, schema } => {
            let each = |input| filtered(input, condition.clone());
            Rel::Union { inputs: inputs.into_iter().map(each).collect(), schema }
        }
        input => Rel::Filter { input: Box::new(input), condition },
    }
}

/// A projection of those rows only for which a condition on its columns holds. Parts of the condition that may do so
/// look at the input, with the columns put in. For the others, what they look at is computed first: once, and nothing
/// else for rows that do not pass.
fn below_project(input: Rel, mut expressions: Vec<Expr>, schema: Schema, condition: Expr) -> Rel {
    let lower = Lower(&expressions);
    // As in Flink's `FlinkFilterProjectTransposeRule`, a condition stays above where it looks at what is another value
    // each time it is computed.
    if !lower.of(&condition).all(|expr| expr.stability() == Stability::Immutable) {
        let input = Box::new(Rel::Project { input: Box::new(input), expressions, schema });
        return Rel::Filter { input, condition };
    }
    let (mut early, mut late) = (Vec::new(), Vec::new());
    let mut late_may_fail = false;
    for part in condition.into_conjuncts() {
        // The rows that fail stay the same: of two parts that change places none may fail.
        let may_fail = part.can_fail() || lower.of(&part).any(Expr::can_fail);
        let in_turn = late.is_empty() || !(may_fail || late_may_fail);
        if in_turn && lower.is_put_into(&part) {
            early.push(inline(part, &expressions));
        } else {
            late_may_fail |= may_fail;
            late.push(part);
        }
    }
    let input = match early.is_empty() {
        true => input,
        false => filtered(input, Expr::and(early)),
    };
    if late.is_empty() {
        return Rel::Project { input: Box::new(input), expressions, schema };
    }
    let late = Expr::and(late);
    let mut fields = input.schema().fields;
    let columns = fields.iter().enumerate();
    let mut first: Vec<Expr> =
        columns.map(|(at, field)| Expr::column(at, field.data_type.clone())).collect();
    for at in late.columns_used() {
        let (Some(expr), Some(field)) = (expressions.get_mut(at), schema.fields.get(at)) else {
            continue;
        };
        if as_column(expr).is_none() {
            let column = Expr::column(first.len(), expr.data_type.clone());
            first.push(std::mem::replace(expr, column));
            let name = unique_name(field.name.clone(), &fields);
            fields.push(Field::new(name, field.data_type.clone()));
        }
    }
    let condition = inline(late, &expressions);
    let (input, computed) = (Box::new(input), Schema::new(fields));
    let first = Rel::Project { input, expressions: first, schema: computed };
    let input = Box::new(Rel::Filter { input: Box::new(first), condition });
    Rel::Project { input, expressions, schema }
}

/// The columns of a projection, to those that look at them from above.
#[derive(Clone, Copy)]
struct Lower<'a>(&'a [Expr]);

impl<'a> Lower<'a> {
    /// The columns that an expression looks at, each once.
    fn of(self, expr: &Expr) -> impl Iterator<Item = &'a Expr> + use<'a> {
        expr.columns_used().into_iter().filter_map(move |at| self.0.get(at))
    }

    /// Whether the columns that a condition looks at may be computed in it, and for the rows that pass once more: where
    /// that is little work, or few rows pass. An equality with a constant is taken to let few pass, as in Calcite's
    /// `RelMdUtil.guessSelectivity`.
    fn is_put_into(self, condition: &Expr) -> bool {
        let few_pass = match &condition.node {
            Node::InSet { .. } => true,
            Node::Compare { op: CompareOp::Eq, left, right } => {
                left.as_literal().is_some() || right.as_literal().is_some()
            }
            _ => false,
        };
        let mut parts = 0;
        condition.visit(&mut |expr| {
            parts += as_column(expr).and_then(|at| self.0.get(at)).map_or(1, Expr::parts);
        });
        parts <= CONDITION_PARTS_MAX && (few_pass || !self.of(condition).any(Expr::is_costly))
    }
}

/// Whether inlining repeats no computation: every lower expression is a column, or is used at most once.
fn is_cheap(lower: &[Expr], upper: &[Expr]) -> bool {
    let mut uses = vec![0_usize; lower.len()];
    for expr in upper {
        expr.visit(&mut |expr| {
            if let Some(uses) = as_column(expr).and_then(|at| uses.get_mut(at)) {
                *uses += 1;
            }
        });
    }
    lower.iter().zip(uses).all(|(expr, uses)| uses <= 1 || as_column(expr).is_some())
}

/// Puts the lower expressions in place of the columns that stand for them.
fn inline(expr: Expr, lower: &[Expr]) -> Expr {
    expr.replace_columns(&mut |at, column| lower.get(at).unwrap_or(column).clone())
}
