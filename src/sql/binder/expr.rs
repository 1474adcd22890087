//! Expressions: names resolved in a scope, operators and functions resolved by type.

use super::coerce;
use super::{Binder, data_type, literal, not_yet, schema_error};
use crate::base::{Result, Span, nearest};
use crate::expr::{ArithmeticOp, CompareOp, Expr, Node, Scalar};
use crate::sql::ast::{
    self, ArgValue, BinaryOp, ExprKind, IsTest, LikeKind, Literal, RoundDirection, TrimSide,
    UnaryOp,
};
use crate::types::{DataType, Kind};

/// The columns that an expression may name.
#[derive(Debug, Default)]
pub(super) struct Scope {
    alias: String,
    columns: Vec<(String, Expr)>,
}

impl Scope {
    pub(super) fn add(&mut self, name: &str, at: usize, data_type: &DataType) {
        self.add_expr(name, Expr::column(at, data_type.clone()));
    }

    /// A name that stands for a computation.
    pub(super) fn add_expr(&mut self, name: &str, expr: Expr) {
        self.columns.push((name.to_owned(), expr));
    }

    pub(super) fn set_alias(&mut self, alias: &str) {
        alias.clone_into(&mut self.alias);
    }

    pub(super) fn is_alias(&self, name: &str) -> bool {
        self.alias == name
    }

    /// Gives the columns new names; false where their number differs.
    pub(super) fn rename_columns(&mut self, names: Vec<String>) -> bool {
        if names.len() != self.columns.len() {
            return false;
        }
        for ((old, _), new) in self.columns.iter_mut().zip(names) {
            *old = new;
        }
        true
    }

    /// Every column, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = (String, Expr)> + '_ {
        self.columns.iter().cloned()
    }

    fn find(&self, name: &ast::ObjectName) -> Result<Expr> {
        let parts: Vec<&str> = name.parts.iter().map(|part| part.value.as_str()).collect();
        let column = |wanted: &str| self.columns.iter().find(|(name, _)| name == wanted);
        match parts.as_slice() {
            [only] => {
                if let Some((_, expr)) = column(only) {
                    return Ok(expr.clone());
                }
                let mut error =
                    schema_error(format!("column '{only}' not found in any table"), name.span);
                if let Some(near) =
                    nearest(only, self.columns.iter().map(|(name, _)| name.as_str()))
                {
                    error = error.with_hint(format!("did you mean '{near}'?"));
                }
                Err(error)
            }
            [table, wanted] if self.is_alias(table) => match column(wanted) {
                Some((_, expr)) => Ok(expr.clone()),
                None => Err(schema_error(
                    format!("column '{wanted}' not found in table '{table}'"),
                    name.span,
                )),
            },
            [first, ..] if column(first).is_some() || self.is_alias(first) => {
                not_yet("access to nested fields", name.span)
            }
            [first, ..] => Err(schema_error(format!("table '{first}' not found"), name.span)),
            [] => Err(schema_error("an empty name", name.span)),
        }
    }
}

impl Binder<'_> {
    /// A typed expression over the scope.
    pub(super) fn expr(&self, expr: &ast::Expr, scope: &Scope) -> Result<Expr> {
        self.untraced(expr, scope).map_err(|error| error.at(expr.span))
    }

    fn untraced(&self, expr: &ast::Expr, scope: &Scope) -> Result<Expr> {
        let span = expr.span;
        let bind = |expr: &ast::Expr| self.expr(expr, scope);
        match &expr.kind {
            ExprKind::Literal(written) => literal::bind(written, span),
            ExprKind::Name(name) => scope.find(name),
            ExprKind::Unary { op, operand } => match (op, &operand.kind) {
                (UnaryOp::Not, _) => Ok(Expr::negate(condition(bind(operand)?, operand.span)?)),
                (UnaryOp::Plus, _) => bind(operand),
                (UnaryOp::Minus, ExprKind::Literal(Literal::Number { text, kind })) => {
                    literal::number(text, *kind, true, span)
                }
                (UnaryOp::Minus, _) => Ok(Expr::negative(bind(operand)?)),
            },
            ExprKind::Binary { op, left, right, .. } => self.binary(*op, left, right, scope, span),
            ExprKind::Is { operand, test, negated } => {
                let tested = bind(operand)?;
                let truth = |truth| {
                    condition(tested.clone(), operand.span).map(|input| is_truth(input, truth))
                };
                let result = match test {
                    IsTest::Null => Expr::is_null(tested),
                    IsTest::Unknown => Expr::is_null(condition(tested, operand.span)?),
                    IsTest::True => truth(true)?,
                    IsTest::False => truth(false)?,
                    _ => return not_yet("IS JSON and other tests", span),
                };
                Ok(if *negated { Expr::negate(result) } else { result })
            }
            ExprKind::IsDistinctFrom { .. } => not_yet("IS DISTINCT FROM", span),
            ExprKind::Between { operand, low, high, symmetric, negated } => {
                if *symmetric {
                    return not_yet("BETWEEN SYMMETRIC", span);
                }
                let (operand, low, high) = (bind(operand)?, bind(low)?, bind(high)?);
                let above = coerce::compare(CompareOp::GtEq, operand.clone(), low)?;
                let below = coerce::compare(CompareOp::LtEq, operand, high)?;
                let between = Expr::and(vec![above, below]);
                Ok(if *negated { Expr::negate(between) } else { between })
            }
            ExprKind::InList { operand, list, negated } => {
                let operand = bind(operand)?;
                let list = list.iter().map(bind).collect::<Result<Vec<_>>>()?;
                let found = coerce::in_list(operand, list)?;
                Ok(if *negated { Expr::negate(found) } else { found })
            }
            ExprKind::Like { operand, kind, pattern, escape, negated } => {
                if *kind != LikeKind::Like {
                    return not_yet("ILIKE, RLIKE and SIMILAR TO", span);
                }
                let escape = escape.as_deref().map(bind).transpose()?;
                let matched = coerce::like(bind(operand)?, bind(pattern)?, escape)?;
                Ok(if *negated { Expr::negate(matched) } else { matched })
            }
            ExprKind::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref(), scope)
            }
            ExprKind::Cast { operand, data_type, is_try } => {
                let target = data_type::bind(data_type)?;
                coerce::cast(bind(operand)?, &target, *is_try)
            }
            ExprKind::Extract { unit, operand, .. } => {
                let unit =
                    Expr::literal(Scalar::String(unit.name().to_owned()), DataType::string());
                coerce::call("$EXTRACT", vec![unit, bind(operand)?])
            }
            ExprKind::RoundTime { direction, operand, unit, .. } => {
                let unit =
                    Expr::literal(Scalar::String(unit.name().to_owned()), DataType::string());
                let name = match direction {
                    RoundDirection::Floor => "$FLOOR",
                    RoundDirection::Ceil => "$CEIL",
                };
                coerce::call(name, vec![unit, bind(operand)?])
            }
            ExprKind::Position { needle, haystack, from: None } => {
                coerce::call("POSITION", vec![bind(needle)?, bind(haystack)?])
            }
            ExprKind::Trim { side, characters, operand } => {
                let name = match side {
                    TrimSide::Both => "BTRIM",
                    TrimSide::Leading => "LTRIM",
                    TrimSide::Trailing => "RTRIM",
                };
                let mut args = vec![bind(operand)?];
                if let Some(characters) = characters {
                    args.push(bind(characters)?);
                }
                coerce::call(name, args)
            }
            ExprKind::Function(call) => self.call(call, scope),
            ExprKind::Interval { .. } => not_yet("INTERVAL of an expression", span),
            ExprKind::InSubquery { .. }
            | ExprKind::Exists(_)
            | ExprKind::Subquery(_)
            | ExprKind::Quantified { .. }
            | ExprKind::Unique(_)
            | ExprKind::CollectionQuery { .. } => not_yet("subqueries in expressions", span),
            ExprKind::Json(_) => not_yet("JSON functions", span),
            ExprKind::Array(_)
            | ExprKind::Map(_)
            | ExprKind::Multiset(_)
            | ExprKind::Row { .. } => not_yet("ARRAY, MAP, MULTISET and ROW constructors", span),
            ExprKind::Element { .. } | ExprKind::Field { .. } => {
                not_yet("access to elements and nested fields", span)
            }
            _ => not_yet("this form of expression", span),
        }
    }

    fn binary(
        &self,
        op: BinaryOp,
        left: &ast::Expr,
        right: &ast::Expr,
        scope: &Scope,
        span: Span,
    ) -> Result<Expr> {
        let (a, b) = (self.expr(left, scope)?, self.expr(right, scope)?);
        let arithmetic = match op {
            BinaryOp::And => {
                return Ok(Expr::and(vec![condition(a, left.span)?, condition(b, right.span)?]));
            }
            BinaryOp::Or => {
                return Ok(Expr::or(vec![condition(a, left.span)?, condition(b, right.span)?]));
            }
            BinaryOp::Eq => return coerce::compare(CompareOp::Eq, a, b),
            BinaryOp::NotEq => return coerce::compare(CompareOp::NotEq, a, b),
            BinaryOp::Lt => return coerce::compare(CompareOp::Lt, a, b),
            BinaryOp::LtEq => return coerce::compare(CompareOp::LtEq, a, b),
            BinaryOp::Gt => return coerce::compare(CompareOp::Gt, a, b),
            BinaryOp::GtEq => return coerce::compare(CompareOp::GtEq, a, b),
            BinaryOp::Concat => return coerce::call("||", vec![a, b]),
            BinaryOp::Plus => ArithmeticOp::Add,
            BinaryOp::Minus => ArithmeticOp::Subtract,
            BinaryOp::Multiply => ArithmeticOp::Multiply,
            BinaryOp::Divide => ArithmeticOp::Divide,
            BinaryOp::Modulo => ArithmeticOp::Remainder,
            _ => return not_yet("MULTISET operators", span),
        };
        coerce::arithmetic(arithmetic, a, b)
    }

    fn case(
        &self,
        operand: Option<&ast::Expr>,
        branches: &[ast::CaseBranch],
        otherwise: Option<&ast::Expr>,
        scope: &Scope,
    ) -> Result<Expr> {
        let operand = operand.map(|expr| self.expr(expr, scope)).transpose()?;
        let mut arms = Vec::with_capacity(branches.len());
        for branch in branches {
            let mut conditions = Vec::with_capacity(branch.when.len());
            for when in &branch.when {
                let bound = self.expr(when, scope)?;
                conditions.push(match &operand {
                    Some(operand) => coerce::compare(CompareOp::Eq, operand.clone(), bound)?,
                    None => condition(bound, when.span)?,
                });
            }
            arms.push((Expr::or(conditions), self.expr(&branch.then, scope)?));
        }
        let otherwise = otherwise.map(|expr| self.expr(expr, scope)).transpose()?;
        coerce::case(arms, otherwise)
    }

    fn call(&self, call: &ast::FunctionCall, scope: &Scope) -> Result<Expr> {
        let name = call.name.last();
        if call.over.is_some() {
            return not_yet("OVER windows", call.span);
        }
        if call.quantifier.is_some() || call.filter.is_some() || !call.within_group.is_empty() {
            return not_yet(format_args!("aggregate function {name}"), call.span);
        }
        let aggregates = [
            "COUNT",
            "SUM",
            "AVG",
            "MIN",
            "MAX",
            "COLLECT",
            "LISTAGG",
            "FIRST_VALUE",
            "LAST_VALUE",
        ];
        if aggregates.iter().any(|aggregate| name.eq_ignore_ascii_case(aggregate)) {
            return not_yet(format_args!("aggregate function {name}"), call.span);
        }
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            match &arg.value {
                ArgValue::Expr(expr) if arg.name.is_none() => args.push(self.expr(expr, scope)?),
                ArgValue::Unit(unit) => args.push(Expr::literal(
                    Scalar::String(unit.name().to_owned()),
                    DataType::string(),
                )),
                _ => return not_yet("this form of argument", arg.span),
            }
        }
        coerce::call(name, args)
    }
}

/// BOOLEAN, or NULL taken for one.
fn condition(expr: Expr, span: Span) -> Result<Expr> {
    match expr.data_type.kind {
        Kind::Boolean => Ok(expr),
        Kind::Null => Ok(Expr::literal(Scalar::Null, Kind::Boolean.nullable())),
        _ => {
            Err(schema_error(format!("expected a condition, found type {}", expr.data_type), span))
        }
    }
}

fn is_truth(input: Expr, truth: bool) -> Expr {
    Expr::new(Node::IsTruth { input: Box::new(input), truth }, Kind::Boolean.not_null())
}
