//! Function calls: arguments, and what may follow them.

use super::primary::OTHER_UNIT;
use super::{Parser, Result};
use crate::sql::ast::Expr;
use crate::sql::ast::{
    ArgValue, ExprKind, FunctionArg, FunctionCall, NullTreatment, ObjectName, OrderItem, Over,
    SetQuantifier, TableArg, TableArgSource,
};
use crate::sql::token::{Symbol, TokenKind};

impl Parser<'_> {
    /// `(args)` and what follows it, after the name of a function.
    pub(super) fn call(&mut self, name: ObjectName) -> Result<ExprKind> {
        Ok(ExprKind::Function(Box::new(self.function_call(name)?)))
    }

    pub(super) fn function_call(&mut self, name: ObjectName) -> Result<FunctionCall> {
        self.expect(Symbol::LParen)?;
        let mut call = new_call(name);
        if self.eat(Symbol::RParen) {
            return self.call_suffixes(call);
        }
        let orders = ORDERED.contains(&name_text(&call).as_str());
        call.quantifier =
            self.eat_one_of(&[("DISTINCT", SetQuantifier::Distinct), ("ALL", SetQuantifier::All)]);
        if self.at(Symbol::Star) && call.quantifier.is_none() {
            let span = self.bump();
            call.args.push(FunctionArg { name: None, value: ArgValue::Star, span });
        } else {
            call.args = self.comma_list(Self::argument)?;
            if orders {
                call.nulls = self.null_treatment();
            }
            if orders && self.eat_by("ORDER")? {
                call.order_by = self.comma_list(Self::order_item)?;
            }
        }
        self.expect(Symbol::RParen)?;
        self.call_suffixes(call)
    }

    /// `TIMESTAMPADD(unit, …)` from its name on.
    pub(super) fn call_with_unit(&mut self) -> Result<ExprKind> {
        let name = self.reserved_name();
        self.expect(Symbol::LParen)?;
        let mut call = new_call(name);
        let other_unit = self.eat_other_unit();
        if !other_unit {
            let (unit, span) = self.function_unit()?;
            call.args.push(FunctionArg { name: None, value: ArgValue::Unit(unit), span });
        }
        for _ in 0..2 {
            self.expect(Symbol::Comma)?;
            let argument = self.argument()?;
            call.args.push(argument);
        }
        self.expect(Symbol::RParen)?;
        if other_unit {
            return Ok(self.recognised_expr(OTHER_UNIT, call.name.span).kind);
        }
        call.span = self.since(call.name.span);
        Ok(ExprKind::Function(Box::new(call)))
    }

    /// A call of which everything has been parsed.
    pub(super) fn plain_call(&self, name: ObjectName, args: Vec<Expr>) -> ExprKind {
        let arg = |expr: Expr| {
            let span = expr.span;
            FunctionArg { name: None, value: ArgValue::Expr(expr), span }
        };
        let span = self.since(name.span);
        let args = args.into_iter().map(arg).collect();
        ExprKind::Function(Box::new(FunctionCall { args, span, ..new_call(name) }))
    }

    pub(super) fn call_without_parentheses(name: ObjectName) -> ExprKind {
        ExprKind::Function(Box::new(FunctionCall { parentheses: false, ..new_call(name) }))
    }

    fn argument(&mut self) -> Result<FunctionArg> {
        let start = self.here();
        let mut name = None;
        if self.symbol_at(1) == Some(Symbol::Arrow) {
            name = Some(self.ident()?);
            self.expect(Symbol::Arrow)?;
        }
        let value = self.argument_value()?;
        Ok(FunctionArg { name, value, span: self.since(start) })
    }

    fn argument_value(&mut self) -> Result<ArgValue> {
        if self.eat_keyword("DEFAULT") {
            return Ok(ArgValue::Default);
        }
        if self.at_keyword("DESCRIPTOR") && self.symbol_at(1) == Some(Symbol::LParen) {
            self.advance();
            if self.symbol_at(1) == Some(Symbol::RParen) {
                self.advance();
                self.advance();
                return Ok(ArgValue::Descriptor(Vec::new()));
            }
            return Ok(ArgValue::Descriptor(self.parenthesized_list(Self::object_name)?));
        }
        let is_name = |kind: &TokenKind| match kind {
            TokenKind::QuotedIdent(_) => true,
            TokenKind::Word(keyword) => !keyword.is_some_and(|k| k.reserved),
            _ => false,
        };
        if self.at_keyword("MODEL") && is_name(&self.peek(1).kind) {
            self.advance();
            return Ok(ArgValue::Model(self.object_name()?));
        }
        let start = self.here();
        let source = if self.eat_keyword("TABLE") {
            TableArgSource::Name(self.object_name()?)
        } else if self.query_starts_at(0) {
            TableArgSource::Query(Box::new(self.nested(Self::query)?))
        } else {
            let expr = self.expr()?;
            let is_table = self.at_keyword("PARTITION");
            match expr.kind {
                ExprKind::Subquery(query) if is_table => TableArgSource::Query(query),
                kind => return Ok(ArgValue::Expr(Expr { kind, span: expr.span })),
            }
        };
        let partition_by = if self.eat_by("PARTITION")? {
            self.one_or_parenthesized(Self::expr)?
        } else {
            Vec::new()
        };
        let order_by = if self.eat_by("ORDER")? {
            self.one_or_parenthesized(Self::order_item)?
        } else {
            Vec::new()
        };
        let span = self.since(start);
        Ok(ArgValue::Table(TableArg { source, partition_by, order_by, span }))
    }

    /// A comma would end the argument, so several keys stand in parentheses.
    fn one_or_parenthesized<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        if self.at(Symbol::LParen) { self.parenthesized_list(item) } else { Ok(vec![item(self)?]) }
    }

    fn call_suffixes(&mut self, mut call: FunctionCall) -> Result<FunctionCall> {
        if call.nulls.is_none() {
            call.nulls = self.null_treatment();
        }
        if self.eat_keyword("WITHIN") {
            call.within_group = self.within_group()?;
        }
        if self.at_keyword("FILTER") {
            self.advance();
            self.expect(Symbol::LParen)?;
            self.expect_keyword("WHERE")?;
            call.filter = Some(self.expr()?);
            self.expect(Symbol::RParen)?;
        }
        if call.nulls.is_none() {
            call.nulls = self.null_treatment();
        }
        if self.eat_keyword("OVER") {
            call.over = Some(match self.token().kind {
                TokenKind::Symbol(Symbol::LParen) => Over::Spec(self.window_spec()?),
                _ => Over::Name(self.ident()?),
            });
        }
        call.span = self.since(call.name.span);
        Ok(call)
    }

    fn null_treatment(&mut self) -> Option<NullTreatment> {
        if self.eat_keywords(&["IGNORE", "NULLS"]) {
            Some(NullTreatment::Ignore)
        } else {
            self.eat_keywords(&["RESPECT", "NULLS"]).then_some(NullTreatment::Respect)
        }
    }

    /// `GROUP (ORDER BY …)` after WITHIN.
    pub(super) fn within_group(&mut self) -> Result<Vec<OrderItem>> {
        self.expect_keyword("GROUP")?;
        self.expect(Symbol::LParen)?;
        self.expect_keywords(&["ORDER", "BY"])?;
        let items = self.comma_list(Self::order_item)?;
        self.expect(Symbol::RParen)?;
        Ok(items)
    }
}

/// Functions whose arguments may be followed by ORDER BY.
const ORDERED: &[&str] = &["ARRAY_AGG", "ARRAY_CONCAT_AGG", "GROUP_CONCAT", "STRING_AGG"];

/// In upper case; empty for a name of several parts.
fn name_text(call: &FunctionCall) -> String {
    match call.name.parts.as_slice() {
        [only] => only.value.to_ascii_uppercase(),
        _ => String::new(),
    }
}

fn new_call(name: ObjectName) -> FunctionCall {
    FunctionCall {
        span: name.span,
        name,
        parentheses: true,
        quantifier: None,
        args: Vec::new(),
        order_by: Vec::new(),
        within_group: Vec::new(),
        filter: None,
        nulls: None,
        over: None,
    }
}
