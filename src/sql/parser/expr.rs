//! Expressions: operators by binding power.

use super::primary::Parens;
use super::{Parser, Result};
use crate::base::Span;
use crate::sql::ast::{
    BinaryOp, Expr, ExprKind, IsTest, LikeKind, QuantifiedRight, Quantifier, UnaryOp,
};
use crate::sql::precedence::{self as power, Power};
use crate::sql::token::Symbol;

/// What follows IS [NOT]; longer forms first.
const IS_TESTS: &[(&[&str], IsTest)] = &[
    (&["NULL"], IsTest::Null),
    (&["TRUE"], IsTest::True),
    (&["FALSE"], IsTest::False),
    (&["UNKNOWN"], IsTest::Unknown),
    (&["JSON", "OBJECT"], IsTest::JsonObject),
    (&["JSON", "ARRAY"], IsTest::JsonArray),
    (&["JSON", "SCALAR"], IsTest::JsonScalar),
    (&["JSON", "VALUE"], IsTest::JsonValue),
    (&["JSON"], IsTest::JsonValue),
    (&["A", "SET"], IsTest::ASet),
    (&["EMPTY"], IsTest::Empty),
    (&["NORMALIZED"], IsTest::Normalized),
];

/// Predicates on periods.
const PERIOD_PREDICATES: &[&[&str]] = &[
    &["OVERLAPS"],
    &["CONTAINS"],
    &["EQUALS"],
    &["PRECEDES"],
    &["SUCCEEDS"],
    &["IMMEDIATELY", "PRECEDES"],
    &["IMMEDIATELY", "SUCCEEDS"],
];

impl Parser<'_> {
    /// An expression, one level deeper.
    pub(super) fn expr(&mut self) -> Result<Expr> {
        self.expr_above(power::LOWEST)
    }

    /// An expression of operators that bind at least as tightly as `min`, one level deeper.
    pub(super) fn expr_above(&mut self, min: Power) -> Result<Expr> {
        self.nested(|p| p.operators(min))
    }

    fn operators(&mut self, min: Power) -> Result<Expr> {
        let mut left = self.prefix()?;
        loop {
            if self.at(Symbol::BangEq) {
                return Err(self.unexpected());
            }
            match self.infix(left, min)? {
                (expr, true) => left = expr,
                (expr, false) => return Ok(expr),
            }
        }
    }

    fn prefix(&mut self) -> Result<Expr> {
        let start = self.here();
        let (op, operand_power) = if self.eat_keyword("NOT") {
            (UnaryOp::Not, power::NOT)
        } else if self.eat(Symbol::Minus) {
            (UnaryOp::Minus, power::SIGN)
        } else if self.eat(Symbol::Plus) {
            (UnaryOp::Plus, power::SIGN)
        } else {
            return self.postfix();
        };
        let operand = Box::new(self.expr_above(operand_power)?);
        Ok(Expr { kind: ExprKind::Unary { op, operand }, span: self.since(start) })
    }

    /// A primary with its `[index]` and `.field` suffixes.
    pub(super) fn postfix(&mut self) -> Result<Expr> {
        let start = self.here();
        let mut expr = self.primary()?;
        loop {
            // `(a).b` is `a.b`.
            if let ExprKind::Name(name) = &mut expr.kind
                && self.eat(Symbol::Dot)
            {
                name.parts.push(self.ident()?);
                expr.span = self.since(start);
                name.span = expr.span;
                continue;
            }
            let operand = Box::new(expr);
            let kind = if self.eat(Symbol::LBracket) {
                let index = Box::new(self.chained(Self::expr)?);
                self.expect(Symbol::RBracket)?;
                ExprKind::Element { operand, index }
            } else if self.eat(Symbol::Dot) {
                let field = self.chained(Self::ident)?;
                ExprKind::Field { operand, field }
            } else {
                return Ok(*operand);
            };
            expr = Expr { kind, span: self.since(start) };
        }
    }

    /// Takes one infix or suffix operator after `left`, if one is there that binds at least as
    /// tightly as `min`; answers whether it did.
    fn infix(&mut self, left: Expr, min: Power) -> Result<(Expr, bool)> {
        let start = left.span;
        let kind = if self.at_keywords(&["NOT", "SUBMULTISET", "OF"]) && power::RANGE >= min {
            self.take(3);
            self.chained(|p| p.operators(power::RANGE + 1))?;
            let not_there = self.recognised_expr("NOT SUBMULTISET OF", start);
            return Ok((not_there, true));
        } else if let Some((op, tokens)) = self.at_binary_op() {
            if power::power(op) < min {
                return Ok((left, false));
            }
            let op_span = self.take(tokens);
            self.binary(left, op, op_span)?
        } else if self.at_keyword("IS") && power::IS >= min {
            self.is_test(left)?
        } else if self.at_range_predicate() && power::RANGE >= min {
            self.range_predicate(left)?
        } else if let Some(op) = self.at_period_predicate().filter(|_| power::COMPARISON >= min) {
            self.take(op.len());
            let right = Box::new(self.chained(|p| p.operators(power::COMPARISON + 1))?);
            let op = match op {
                ["IMMEDIATELY", "PRECEDES"] => "IMMEDIATELY PRECEDES",
                ["IMMEDIATELY", _] => "IMMEDIATELY SUCCEEDS",
                [only, ..] => *only,
                [] => "",
            };
            ExprKind::Period { left: Box::new(left), op, right }
        } else {
            return Ok((left, false));
        };
        Ok((Expr { kind, span: self.since(start) }, true))
    }

    fn take(&mut self, tokens: usize) -> Span {
        let start = self.here();
        for _ in 0..tokens {
            self.advance();
        }
        self.since(start)
    }

    /// The infix operator at the current token and its number of tokens.
    fn at_binary_op(&self) -> Option<(BinaryOp, usize)> {
        if let Some(symbol) = self.symbol_at(0) {
            let op = match symbol {
                Symbol::Eq => BinaryOp::Eq,
                Symbol::NotEq => BinaryOp::NotEq,
                Symbol::Lt => BinaryOp::Lt,
                Symbol::LtEq => BinaryOp::LtEq,
                Symbol::Gt => BinaryOp::Gt,
                Symbol::GtEq => BinaryOp::GtEq,
                Symbol::Plus => BinaryOp::Plus,
                Symbol::Minus => BinaryOp::Minus,
                Symbol::Star => BinaryOp::Multiply,
                Symbol::Slash => BinaryOp::Divide,
                Symbol::Percent => BinaryOp::Modulo,
                Symbol::Concat => BinaryOp::Concat,
                _ => return None,
            };
            return Some((op, 1));
        }
        match self.keyword_at(0)? {
            "OR" => Some((BinaryOp::Or, 1)),
            "AND" => Some((BinaryOp::And, 1)),
            "MEMBER" if self.keyword_at(1) == Some("OF") => Some((BinaryOp::MemberOf, 2)),
            "SUBMULTISET" if self.keyword_at(1) == Some("OF") => Some((BinaryOp::SubmultisetOf, 2)),
            "MULTISET" => {
                // ALL where nothing is written, unlike UNION of queries.
                let (all, distinct) = match self.keyword_at(1)? {
                    "UNION" => (BinaryOp::MultisetUnionAll, BinaryOp::MultisetUnion),
                    "EXCEPT" => (BinaryOp::MultisetExceptAll, BinaryOp::MultisetExcept),
                    "INTERSECT" => (BinaryOp::MultisetIntersectAll, BinaryOp::MultisetIntersect),
                    _ => return None,
                };
                match self.keyword_at(2) {
                    Some("DISTINCT") => Some((distinct, 3)),
                    Some("ALL") => Some((all, 3)),
                    _ => Some((all, 2)),
                }
            }
            _ => None,
        }
    }

    fn at_period_predicate(&self) -> Option<&'static [&'static str]> {
        PERIOD_PREDICATES.iter().find(|words| self.at_keywords(words)).copied()
    }

    fn binary(&mut self, left: Expr, op: BinaryOp, op_span: Span) -> Result<ExprKind> {
        let left = Box::new(left);
        if op.is_comparison() && self.symbol_at(1) == Some(Symbol::LParen) {
            let quantifier = match self.keyword_at(0) {
                Some("ANY" | "SOME") => Some(Quantifier::Any),
                Some("ALL") => Some(Quantifier::All),
                _ => None,
            };
            if let Some(quantifier) = quantifier {
                self.advance();
                let right = match self.chained(Self::parens)? {
                    Parens::Query(query) => QuantifiedRight::Query(Box::new(query)),
                    Parens::Exprs(list) => QuantifiedRight::List(list),
                };
                return Ok(ExprKind::Quantified { left, op, quantifier, right });
            }
        }
        let right = Box::new(self.chained(|p| p.operators(power::power(op) + 1))?);
        Ok(ExprKind::Binary { op, op_span, left, right })
    }

    fn is_test(&mut self, left: Expr) -> Result<ExprKind> {
        self.expect_keyword("IS")?;
        let negated = self.eat_keyword("NOT");
        if self.eat_keyword("DISTINCT") {
            self.expect_keyword("FROM")?;
            let right = Box::new(self.chained(|p| p.operators(power::IS + 1))?);
            return Ok(ExprKind::IsDistinctFrom { left: Box::new(left), right, negated });
        }
        for (words, test) in IS_TESTS {
            if self.eat_keywords(words) {
                self.chained(|_| Ok(()))?;
                return Ok(ExprKind::Is { operand: Box::new(left), test: *test, negated });
            }
        }
        Err(self.unexpected())
    }

    fn at_range_predicate(&self) -> bool {
        let ahead = usize::from(self.at_keyword("NOT"));
        matches!(
            self.keyword_at(ahead),
            Some("IN" | "BETWEEN" | "LIKE" | "ILIKE" | "RLIKE" | "SIMILAR")
        )
    }

    fn range_predicate(&mut self, left: Expr) -> Result<ExprKind> {
        let negated = self.eat_keyword("NOT");
        let operand = Box::new(left);
        if self.eat_keyword("IN") {
            return Ok(match self.chained(Self::parens)? {
                Parens::Query(query) => {
                    ExprKind::InSubquery { operand, query: Box::new(query), negated }
                }
                Parens::Exprs(list) => ExprKind::InList { operand, list, negated },
            });
        }
        if self.eat_keyword("BETWEEN") {
            let symmetric = self.eat_keyword("SYMMETRIC");
            if !symmetric {
                self.eat_keyword("ASYMMETRIC");
            }
            // AND ends the lower bound, whatever else it holds.
            let mut low = self.chained(|p| p.operators(power::NOT))?;
            while self.at_keyword("OR") {
                let op_span = self.bump();
                let right = Box::new(self.chained(|p| p.operators(power::NOT))?);
                let (span, left) = (low.span.join(right.span), Box::new(low));
                let kind = ExprKind::Binary { op: BinaryOp::Or, op_span, left, right };
                low = Expr { kind, span };
            }
            let low = Box::new(low);
            self.expect_keyword("AND")?;
            let high = Box::new(self.chained(|p| p.operators(power::RANGE + 1))?);
            return Ok(ExprKind::Between { operand, low, high, symmetric, negated });
        }
        let kind = if self.eat_keyword("LIKE") {
            LikeKind::Like
        } else if self.eat_keyword("ILIKE") {
            LikeKind::ILike
        } else if self.eat_keyword("RLIKE") {
            LikeKind::RLike
        } else {
            self.expect_keywords(&["SIMILAR", "TO"])?;
            LikeKind::SimilarTo
        };
        let pattern = Box::new(self.chained(|p| p.operators(power::RANGE + 1))?);
        let escape = if kind != LikeKind::RLike && self.eat_keyword("ESCAPE") {
            Some(Box::new(self.chained(|p| p.operators(power::RANGE + 1))?))
        } else {
            None
        };
        Ok(ExprKind::Like { operand, kind, pattern, escape, negated })
    }
}
