//! FROM: tables, table functions, subqueries and joins.

use super::primary::RESERVED_FUNCTIONS;
use super::{Parser, Result, error};
use crate::base::Span;
use crate::sql::ast::{
    Expr, ExprKind, FunctionCall, JoinCondition, JoinKind, TableAlias, TableRef, TableRefKind,
};
use crate::sql::token::{Symbol, TokenKind};

impl Parser<'_> {
    /// What stands after FROM.
    pub(super) fn from(&mut self) -> Result<TableRef> {
        let mut left = self.joined_table()?;
        while self.eat(Symbol::Comma) {
            let right = self.chained(Self::joined_table)?;
            left = join(left, right, JoinKind::Comma, false, JoinCondition::None);
        }
        Ok(left)
    }

    fn joined_table(&mut self) -> Result<TableRef> {
        let left = self.table_primary()?;
        self.joins(left)
    }

    fn joins(&mut self, mut left: TableRef) -> Result<TableRef> {
        while let Some((kind, natural)) = self.join_words()? {
            let right = self.chained(Self::table_primary)?;
            let condition = if self.eat_keyword("ON") {
                JoinCondition::On(Box::new(self.chained(Self::expr)?))
            } else if self.eat_keyword("USING") {
                JoinCondition::Using(self.parenthesized_list(Self::ident)?)
            } else {
                JoinCondition::None
            };
            left = join(left, right, kind, natural, condition);
            left.span = self.since(left.span);
        }
        Ok(left)
    }

    /// `[NATURAL] [INNER | LEFT [OUTER] | … | CROSS] JOIN`, or nothing.
    fn join_words(&mut self) -> Result<Option<(JoinKind, bool)>> {
        let natural = self.eat_keyword("NATURAL");
        let outer =
            [("LEFT", JoinKind::Left), ("RIGHT", JoinKind::Right), ("FULL", JoinKind::Full)];
        let kind = if self.eat_keyword("CROSS") {
            JoinKind::Cross
        } else if let Some(kind) = self.eat_one_of(&outer) {
            self.eat_keyword("OUTER");
            kind
        } else if self.eat_keyword("INNER") || natural || self.at_keyword("JOIN") {
            JoinKind::Inner
        } else {
            self.expecting("JOIN");
            return Ok(None);
        };
        self.expect_keyword("JOIN")?;
        Ok(Some((kind, natural)))
    }

    fn table_primary(&mut self) -> Result<TableRef> {
        self.nested(Self::table_primary_level)
    }

    fn table_primary_level(&mut self) -> Result<TableRef> {
        let start = self.here();
        let lateral = self.eat_keyword("LATERAL");
        let kind = if self.at_keyword("UNNEST") {
            self.unnest(lateral)?
        } else if self.eat_keyword("TABLE") {
            self.expect(Symbol::LParen)?;
            let name = self.function_name()?;
            let call = Box::new(self.function_call(name)?);
            self.expect(Symbol::RParen)?;
            let alias = self.table_alias()?;
            TableRefKind::Function { lateral, table_keyword: true, call, alias }
        } else if self.at(Symbol::LParen) {
            return self.table_in_parens(lateral);
        } else if lateral {
            self.expecting("(");
            return Err(self.unexpected());
        } else {
            return self.named_table();
        };
        Ok(TableRef { kind, span: self.since(start) })
    }

    /// A function's name; some are reserved words.
    fn function_name(&mut self) -> Result<crate::sql::ast::ObjectName> {
        let is_reserved_function =
            self.keyword_at(0).is_some_and(|word| RESERVED_FUNCTIONS.contains(&word));
        if is_reserved_function && self.symbol_at(1) == Some(Symbol::LParen) {
            return Ok(self.reserved_name());
        }
        self.object_name()
    }

    fn unnest(&mut self, lateral: bool) -> Result<TableRefKind> {
        self.advance();
        let exprs = if self.symbol_at(0) == Some(Symbol::LParen) && self.query_starts_at(1) {
            let start = self.here();
            let query = Box::new(self.query_in_its_parens()?);
            vec![Expr { kind: ExprKind::Subquery(query), span: self.since(start) }]
        } else {
            self.parenthesized_list(Self::expr)?
        };
        let with_ordinality = self.eat_keywords(&["WITH", "ORDINALITY"]);
        let alias = self.table_alias()?;
        Ok(TableRefKind::Unnest { lateral, exprs, with_ordinality, alias })
    }

    /// `(query)`, `(a JOIN b …)`.
    fn table_in_parens(&mut self, lateral: bool) -> Result<TableRef> {
        let start = self.bump();
        let held = if self.query_starts_at(0) {
            Held::Query(Box::new(self.query()?))
        } else {
            self.held_in_parens()?
        };
        self.expect(Symbol::RParen)?;
        let parens = self.since(start);
        let table = match held {
            Held::Query(query) => {
                let alias =
                    if self.at_unsupported().is_some() { None } else { self.table_alias()? };
                TableRefKind::Subquery { lateral, query, alias }
            }
            Held::Join(_) if lateral => {
                return Err(error("LATERAL needs a query, TABLE(…) or UNNEST(…)", parens));
            }
            Held::Join(inner) => {
                let is_join = matches!(
                    inner.kind,
                    TableRefKind::Join { .. }
                        | TableRefKind::Nested { .. }
                        | TableRefKind::Subquery { .. }
                );
                if !is_join {
                    return Err(error("Expected query or join", parens));
                }
                TableRefKind::Nested { inner }
            }
        };
        let table = TableRef { kind: table, span: self.since(start) };
        self.unsupported_suffix(table, start)
    }

    fn held_in_parens(&mut self) -> Result<Held> {
        let start = self.here();
        if !self.query_starts_in_parens_at(0) {
            return Ok(Held::Join(Box::new(self.joined_table()?)));
        }
        let first = self.table_primary()?;
        match first.kind {
            // `((SELECT 1) UNION SELECT 2)`, `((SELECT 1))`
            TableRefKind::Subquery { query, alias: None, lateral: false }
                if self.at_query_tail() || self.at(Symbol::RParen) =>
            {
                if self.at(Symbol::RParen) {
                    return Ok(Held::Query(query));
                }
                Ok(Held::Query(Box::new(self.query_after(query, first.span, start)?)))
            }
            kind => {
                let left = self.joins(TableRef { kind, span: first.span })?;
                Ok(Held::Join(Box::new(left)))
            }
        }
    }

    /// A table with its hints, or a call of a table function without TABLE(…).
    fn named_table(&mut self) -> Result<TableRef> {
        let start = self.here();
        let name = self.object_name()?;
        let kind = if self.at(Symbol::LParen) {
            let call: Box<FunctionCall> = Box::new(self.function_call(name)?);
            let alias = self.table_alias()?;
            TableRefKind::Function { lateral: false, table_keyword: false, call, alias }
        } else {
            let hints = self.hints()?;
            let as_of = if self.eat_keywords(&["FOR", "SYSTEM_TIME"]) {
                self.expect_keywords(&["AS", "OF"])?;
                Some(self.expr()?)
            } else {
                None
            };
            let alias = if self.at_unsupported().is_some() { None } else { self.table_alias()? };
            TableRefKind::Table { name, hints, as_of, alias }
        };
        let table = TableRef { kind, span: self.since(start) };
        self.unsupported_suffix(table, start)
    }

    /// `[AS] name [(columns)]`, or nothing.
    fn table_alias(&mut self) -> Result<Option<TableAlias>> {
        let start = self.here();
        let name = if self.eat_keyword("AS") { Some(self.ident()?) } else { self.eat_ident() };
        let Some(name) = name else { return Ok(None) };
        let columns = self.column_aliases()?;
        Ok(Some(TableAlias { name, columns, span: self.since(start) }))
    }

    fn at_unsupported(&self) -> Option<&'static str> {
        match self.keyword_at(0)? {
            word @ ("MATCH_RECOGNIZE" | "PIVOT" | "UNPIVOT" | "TABLESAMPLE") => Some(word),
            _ => None,
        }
    }

    /// Skips `MATCH_RECOGNIZE (…)` and the like.
    fn unsupported_suffix(&mut self, input: TableRef, start: Span) -> Result<TableRef> {
        let has_alias = match &input.kind {
            TableRefKind::Table { alias, .. } | TableRefKind::Subquery { alias, .. } => {
                alias.is_some()
            }
            _ => false,
        };
        let Some(construct) = self.at_unsupported() else { return Ok(input) };
        let is_sample = construct == "TABLESAMPLE";
        if has_alias && !is_sample {
            return Err(self.unexpected());
        }
        let construct_start = self.bump();
        match construct {
            "TABLESAMPLE" => self.sample()?,
            "MATCH_RECOGNIZE" => self.skip_parens(&["PATTERN", "DEFINE"])?,
            "PIVOT" => self.skip_parens(&["FOR", "IN"])?,
            _ => {
                if self.eat_keyword("INCLUDE") || self.eat_keyword("EXCLUDE") {
                    self.expect_keyword("NULLS")?;
                }
                self.skip_parens(&["FOR", "IN"])?;
            }
        }
        let construct_span = self.since(construct_start);
        let text = construct_span.text(self.source).to_owned();
        let alias = if is_sample { None } else { self.table_alias()? };
        let input = Box::new(input);
        let kind = TableRefKind::Unsupported { input, construct, text, construct_span, alias };
        Ok(TableRef { kind, span: self.since(start) })
    }

    /// `BERNOULLI (10)`, `SYSTEM (10) REPEATABLE (1)`, `SUBSTITUTE ('x')`.
    fn sample(&mut self) -> Result<()> {
        if self.eat_keyword("SUBSTITUTE") {
            return self.parenthesized_list(Self::string).map(drop);
        }
        if !self.eat_keyword("BERNOULLI") {
            self.expect_keyword("SYSTEM")?;
        }
        self.expect(Symbol::LParen)?;
        let (span, number) = (self.here(), self.primary()?);
        let percent = span.text(self.source).parse::<f64>().ok();
        if !matches!(number.kind, ExprKind::Literal(_)) || !percent.is_some_and(|p| p <= 100.0) {
            return Err(error("TABLESAMPLE percentage must be between 0 and 100, inclusive", span));
        }
        self.expect(Symbol::RParen)?;
        if self.eat_keyword("REPEATABLE") {
            self.parenthesized_list(Self::unsigned::<u64>)?;
        }
        Ok(())
    }

    /// Parentheses and what they hold: these words in this order, each with something behind it.
    pub(super) fn skip_parens(&mut self, words: &[&'static str]) -> Result<()> {
        self.expect(Symbol::LParen)?;
        let (mut open, mut words) = (1, words.iter().copied().peekable());
        loop {
            let token = self.token();
            match &token.kind {
                TokenKind::Symbol(Symbol::LParen) => open += 1,
                TokenKind::Symbol(Symbol::RParen) => open -= 1,
                TokenKind::End => {
                    self.expecting(")");
                    return Err(self.unexpected());
                }
                _ => {}
            }
            if open == 0 {
                break;
            }
            let found = open == 1 && words.peek().is_some_and(|word| self.at_keyword(word));
            self.advance();
            if found {
                let is_pattern = words.next() == Some("PATTERN");
                let nothing = self.at(Symbol::LParen) && self.symbol_at(1) == Some(Symbol::RParen);
                if is_pattern && nothing || self.at(Symbol::RParen) {
                    self.expecting("expression");
                    return Err(self.unexpected());
                }
            }
        }
        match words.next() {
            Some(word) => self.expect_keyword(word),
            None => self.expect(Symbol::RParen),
        }
    }
}

/// What parentheses in FROM hold.
enum Held {
    Query(Box<crate::sql::ast::Query>),
    Join(Box<TableRef>),
}

fn join(
    left: TableRef,
    right: TableRef,
    kind: JoinKind,
    natural: bool,
    condition: JoinCondition,
) -> TableRef {
    let span = left.span.join(right.span);
    let (left, right) = (Box::new(left), Box::new(right));
    TableRef { kind: TableRefKind::Join { left, right, kind, natural, condition }, span }
}
