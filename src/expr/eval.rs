//! Evaluation: dispatch over the kinds of expressions.

use super::cast::Cast;
use super::functions::Call;
use super::share::{KnownParts, Shared};
use super::value::{Str, Value};
use super::{Expr, Node, Scalar, Selection, arithmetic, choose, compare, logic};
use crate::types::{Column, RowErrors};
use arrow_array::BooleanArray;
use std::sync::Arc;

/// The batch that an expression is evaluated over.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Columns by position, as [`Node::Column`] counts them; each has `rows` rows.
    pub columns: &'a [Column],
    /// Number of rows.
    pub rows: usize,
}

/// What expressions may know of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvalEnv {
    /// `table.local-time-zone`.
    pub time_zone: chrono_tz::Tz,
    /// What `CURRENT_TIMESTAMP` and the like answer, in microseconds since the epoch: the start of the query in batch
    /// mode, the time of the batch in streaming mode (Flink: of the record).
    pub now_micros: i64,
}

impl Expr {
    /// The value for every selected row, as a column of `input.rows` rows laid out as
    /// [`crate::types::DataType::physical`] says.
    ///
    /// Rows that are not selected hold anything: NULL, a default or a value. Kernels that cannot fail may compute
    /// them, since that is cheaper than leaving them out; those that can fail never look at them. A row that fails is
    /// pushed to `errors` by its position in the batch and holds NULL; it may be pushed more than once.
    pub fn eval(
        &self,
        input: Input<'_>,
        selection: &Selection,
        errors: &mut RowErrors,
        env: &EvalEnv,
    ) -> Column {
        Eval::new(input, errors, env).column(self, selection)
    }

    /// The selected rows for which this BOOLEAN expression is TRUE.
    ///
    /// The arms of an AND narrow the selection one after another; an arm is not evaluated for rows that an earlier one
    /// made FALSE or UNKNOWN. Rows that fail are left out and pushed to `errors`.
    pub fn eval_predicate(
        &self,
        input: Input<'_>,
        selection: &Selection,
        errors: &mut RowErrors,
        env: &EvalEnv,
    ) -> Selection {
        Eval::new(input, errors, env).predicate(self, selection)
    }
}

impl Shared {
    /// As [`Expr::eval`], for every expression.
    pub fn eval(
        &self,
        input: Input<'_>,
        selection: &Selection,
        errors: &mut RowErrors,
        env: &EvalEnv,
    ) -> Vec<Column> {
        let mut eval = Eval::new(input, errors, env);
        self.exprs().iter().map(|expr| eval.column(expr, selection)).collect()
    }

    /// As [`Expr::eval_predicate`], for all of the expressions.
    pub fn eval_predicate(
        &self,
        input: Input<'_>,
        selection: &Selection,
        errors: &mut RowErrors,
        env: &EvalEnv,
    ) -> Selection {
        Eval::new(input, errors, env).all_hold(self.exprs(), selection)
    }
}

/// One evaluation under way.
pub(crate) struct Eval<'a> {
    pub(crate) columns: &'a [Column],
    pub(crate) rows: usize,
    pub(crate) errors: &'a mut RowErrors,
    pub(crate) env: &'a EvalEnv,
    known: KnownParts,
}

impl<'a> Eval<'a> {
    fn new(input: Input<'a>, errors: &'a mut RowErrors, env: &'a EvalEnv) -> Eval<'a> {
        let known = KnownParts::default();
        Eval { columns: input.columns, rows: input.rows, errors, env, known }
    }

    fn column(&mut self, expr: &Expr, selection: &Selection) -> Column {
        let rows = self.rows;
        self.value(expr, selection).into_column(&expr.data_type, rows)
    }

    pub(crate) fn value<'e>(&mut self, expr: &'e Expr, selection: &Selection) -> Value<'e> {
        let before = self.errors.kept().len();
        let value = self.computed(expr, selection);
        if let Some(span) = expr.place.span() {
            self.errors.place_after(before, span);
        }
        value
    }

    fn computed<'e>(&mut self, expr: &'e Expr, selection: &Selection) -> Value<'e> {
        let rows = self.rows;
        match &expr.node {
            Node::Column(position) => Value::Array(Arc::clone(&self.columns[*position])),
            Node::Literal(scalar) => Value::Scalar(scalar),
            Node::Compare { op, left, right } => {
                let a = self.value(left, selection);
                let b = self.value(right, selection);
                let (a, b) = ((&a, &left.data_type), (&b, &right.data_type));
                Value::Array(Arc::new(compare::compare(*op, a, b, selection, rows)))
            }
            Node::And(exprs) => {
                Value::Array(Arc::new(logic::connect(true, exprs, selection, self)))
            }
            Node::Or(exprs) => {
                Value::Array(Arc::new(logic::connect(false, exprs, selection, self)))
            }
            Node::Not(input) => {
                let value = self.value(input, selection);
                Value::Array(Arc::new(logic::not(&value, rows)))
            }
            Node::IsNull(input) => {
                let value = self.value(input, selection);
                Value::Array(Arc::new(logic::is_null(&value, rows)))
            }
            Node::IsTruth { input, truth } => {
                let value = self.value(input, selection);
                Value::Array(Arc::new(logic::is_truth(&value, *truth, rows)))
            }
            Node::Arithmetic { op, left, right } => {
                let a = self.value(left, selection);
                let b = self.value(right, selection);
                let (a, b) = ((&a, &left.data_type), (&b, &right.data_type));
                let context = (selection, rows, &mut *self.errors);
                Value::Array(arithmetic::arithmetic(*op, a, b, &expr.data_type, context))
            }
            Node::Negate(input) => {
                let value = self.value(input, selection);
                Value::Array(arithmetic::negate(&value, &expr.data_type, rows))
            }
            Node::Case { branches, otherwise } => {
                let otherwise = otherwise.as_deref();
                Value::Array(choose::case(branches, otherwise, &expr.data_type, selection, self))
            }
            Node::Coalesce(operands) => {
                Value::Array(choose::coalesce(operands, &expr.data_type, selection, self))
            }
            Node::InSet { input, set } => {
                let value = self.value(input, selection);
                let kind = &input.data_type.kind;
                Value::Array(Arc::new(set.contains(&value, kind, selection, rows)))
            }
            Node::Like { input, pattern } => {
                let value = self.value(input, selection);
                let texts = Str::new(&value);
                let bits = selection
                    .bits(rows, |row| texts.get(row).is_some_and(|text| pattern.matches(text)));
                if value.is_null_literal() {
                    return Value::Array(Arc::new(BooleanArray::new_null(rows)));
                }
                Value::Array(Arc::new(BooleanArray::new(bits, value.nulls().cloned())))
            }
            Node::Cast { input, mode } => {
                let column = self.column(input, selection);
                let zone = self.env.time_zone;
                let (from, to, legacy) = (&input.data_type, &expr.data_type, mode.legacy);
                let cast = Cast { from, to, zone, legacy, selection };
                if !mode.gives_null() {
                    return Value::Array(cast.apply(&column, self.errors));
                }
                let mut failed = RowErrors::new();
                let column = cast.apply(&column, &mut failed);
                // Where an element cannot be cast, all of the value is NULL.
                let nested = !failed.is_empty() && !expr.data_type.physical().is_primitive();
                Value::Array(if nested { choose::without(&column, failed.rows()) } else { column })
            }
            Node::Field { input, index } => {
                let column = self.column(input, selection);
                Value::Array(choose::field(&column, *index))
            }
            Node::Shared { slot, input } => {
                if let Some(column) = self.known.get(*slot, selection) {
                    return Value::Array(Arc::clone(column));
                }
                let column = self.column(input, selection);
                self.known.put(*slot, selection, Arc::clone(&column));
                Value::Array(column)
            }
            Node::Call { function, args } => {
                let values: Vec<Value<'_>> =
                    args.iter().map(|arg| self.value(arg, selection)).collect();
                let mut call = Call {
                    args: &values,
                    exprs: args,
                    returns: &expr.data_type,
                    rows,
                    selection,
                    errors: &mut *self.errors,
                    env: self.env,
                };
                Value::Array(function.eval(&mut call))
            }
        }
    }

    /// The selected rows for which all of the conditions hold, each looked at for the rows that those before it leave.
    fn all_hold(&mut self, exprs: &[Expr], selection: &Selection) -> Selection {
        let mut open = selection.clone();
        for expr in exprs {
            if open.is_empty() {
                break;
            }
            open = self.predicate(expr, &open);
        }
        open
    }

    pub(crate) fn predicate(&mut self, expr: &Expr, selection: &Selection) -> Selection {
        match &expr.node {
            Node::And(exprs) => return self.all_hold(exprs, selection),
            Node::Literal(scalar) => {
                return match scalar {
                    Scalar::Boolean(true) => selection.clone(),
                    _ => Selection::Rows(Vec::new()),
                };
            }
            Node::Compare { op, left, right } => {
                let operands = match (&left.node, &right.node) {
                    (Node::Column(at), Node::Literal(literal)) => Some((*op, *at, left, literal)),
                    (Node::Literal(literal), Node::Column(at)) => {
                        Some((op.flipped(), *at, right, literal))
                    }
                    _ => None,
                };
                if let Some((op, at, column, literal)) = operands {
                    let operand = (self.columns[at].as_ref(), &column.data_type);
                    let shortcut = compare::select_against_literal(op, operand, literal, selection);
                    if let Some(selected) = shortcut {
                        return selected;
                    }
                }
            }
            _ => {}
        }
        let value = self.value(expr, selection);
        selection.masked(&logic::Truth::of(&value, self.rows).is_true)
    }
}
