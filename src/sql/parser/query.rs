//! Queries: WITH, SELECT, VALUES, set operations, ORDER BY and limits.

use super::{Parser, Result, error};
use crate::base::Span;
use crate::sql::ast::{
    CommonTable, Expr, ExprKind, Ident, NumberKind, Query, QueryBody, QueryBodyKind, RowCount,
    Select, SelectItem, SelectItemKind, SetOperator, SetQuantifier, ValuesItem, ValuesRow, With,
};
use crate::sql::token::{Symbol, TokenKind};

impl Parser<'_> {
    /// Whether the token so far ahead begins a query without parentheses.
    pub(super) fn query_starts_at(&self, ahead: usize) -> bool {
        matches!(self.keyword_at(ahead), Some("SELECT" | "WITH" | "VALUES" | "VALUE" | "TABLE"))
    }

    /// Whether the tokens from so far ahead are any number of `(` and then a query.
    pub(super) fn query_starts_in_parens_at(&self, mut ahead: usize) -> bool {
        while self.symbol_at(ahead) == Some(Symbol::LParen) {
            ahead += 1;
        }
        self.query_starts_at(ahead)
    }

    /// Whether a query in parentheses goes on here.
    pub(super) fn at_query_tail(&self) -> bool {
        matches!(
            self.keyword_at(0),
            Some(
                "UNION" | "INTERSECT" | "EXCEPT" | "MINUS" | "ORDER" | "LIMIT" | "OFFSET" | "FETCH"
            )
        )
    }

    pub(super) fn query(&mut self) -> Result<Query> {
        self.nested(Self::query_level)
    }

    fn query_level(&mut self) -> Result<Query> {
        let start = self.here();
        let with = self.with()?;
        let body = self.query_body(0)?;
        self.query_tail(with, body, start)
    }

    /// The query that begins with `inner`, whose parentheses have been parsed.
    pub(super) fn query_after(
        &mut self,
        inner: Box<Query>,
        parens: Span,
        start: Span,
    ) -> Result<Query> {
        let left = QueryBody { kind: QueryBodyKind::Nested(inner), span: parens };
        let body = self.set_operations(left, 0)?;
        self.query_tail(None, body, start)
    }

    fn with(&mut self) -> Result<Option<With>> {
        let start = self.here();
        if !self.eat_keyword("WITH") {
            return Ok(None);
        }
        let tables = self.comma_list(Self::common_table)?;
        Ok(Some(With { tables, span: self.since(start) }))
    }

    fn common_table(&mut self) -> Result<CommonTable> {
        let name = self.ident()?;
        let columns = self.column_aliases()?;
        self.expect_keyword("AS")?;
        self.expect(Symbol::LParen)?;
        let query = Box::new(self.query()?);
        self.expect(Symbol::RParen)?;
        Ok(CommonTable { span: self.since(name.span), name, columns, query })
    }

    /// `(a, b)`, or nothing.
    pub(super) fn column_aliases(&mut self) -> Result<Vec<Ident>> {
        if self.at(Symbol::LParen) {
            self.parenthesized_list(Self::ident)
        } else {
            self.expecting(Symbol::LParen.text());
            Ok(Vec::new())
        }
    }

    fn query_tail(&mut self, with: Option<With>, body: QueryBody, start: Span) -> Result<Query> {
        let order_by =
            if self.eat_by("ORDER")? { self.comma_list(Self::order_item)? } else { Vec::new() };
        let (mut limit, mut offset) = (None, None);
        if self.eat_keyword("LIMIT") {
            if !self.eat_keyword("ALL") {
                limit = Some(self.row_count()?);
                if self.at(Symbol::Comma) {
                    let message = "'LIMIT start, count' is not allowed under the current SQL \
                                   conformance level";
                    let hint = Some("write LIMIT count OFFSET start".to_owned());
                    return Err(crate::sql::ParseError { hint, ..error(message, self.here()) });
                }
            }
            if self.eat_keyword("OFFSET") {
                offset = Some(self.offset_rows()?);
            }
        } else {
            if self.eat_keyword("OFFSET") {
                offset = Some(self.offset_rows()?);
            }
            if self.eat_keyword("FETCH") {
                if !self.eat_keyword("FIRST") {
                    self.expect_keyword("NEXT")?;
                }
                limit = Some(self.row_count()?);
                if !self.eat_keyword("ROW") {
                    self.expect_keyword("ROWS")?;
                }
                self.expect_keyword("ONLY")?;
            }
        }
        Ok(Query { with, body, order_by, limit, offset, span: self.since(start) })
    }

    fn row_count(&mut self) -> Result<RowCount> {
        let span = self.here();
        // Calcite takes any number here and cuts its fraction off.
        let text = match self.token().kind {
            TokenKind::Number(NumberKind::Integer | NumberKind::Decimal) => span.text(self.source),
            _ => {
                self.expecting("unsigned integer literal");
                return Err(self.unexpected());
            }
        };
        let digits = text.split('.').next().unwrap_or_default();
        let rows = if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u64::MAX) };
        self.advance();
        Ok(RowCount { rows, span })
    }

    fn offset_rows(&mut self) -> Result<RowCount> {
        let count = self.row_count()?;
        if !self.eat_keyword("ROW") {
            self.eat_keyword("ROWS");
        }
        Ok(count)
    }

    /// Set operations that bind at least as tightly as `min`: 0 is UNION and EXCEPT, 1 INTERSECT.
    fn query_body(&mut self, min: u8) -> Result<QueryBody> {
        let left = self.query_primary()?;
        self.set_operations(left, min)
    }

    fn set_operations(&mut self, mut left: QueryBody, min: u8) -> Result<QueryBody> {
        loop {
            let (op, power) = match self.keyword_at(0) {
                Some("UNION") => (SetOperator::Union, 0),
                Some("EXCEPT") => (SetOperator::Except, 0),
                Some("INTERSECT") => (SetOperator::Intersect, 1),
                Some("MINUS") => {
                    let message = "MINUS is not allowed under the current SQL conformance level";
                    let hint = Some("write EXCEPT".to_owned());
                    return Err(crate::sql::ParseError { hint, ..error(message, self.here()) });
                }
                _ => return Ok(left),
            };
            if power < min {
                return Ok(left);
            }
            self.advance();
            let all = self.eat_keyword("ALL");
            if !all {
                self.eat_keyword("DISTINCT");
            }
            let right = Box::new(self.chained(|p| p.query_body(power + 1))?);
            let span = left.span.join(right.span);
            let left_box = Box::new(left);
            let kind = QueryBodyKind::SetOperation { op, all, left: left_box, right };
            left = QueryBody { kind, span };
        }
    }

    fn query_primary(&mut self) -> Result<QueryBody> {
        let start = self.here();
        let kind = if self.at_keyword("SELECT") {
            QueryBodyKind::Select(Box::new(self.select()?))
        } else if self.eat_keyword("VALUES") || self.eat_keyword("VALUE") {
            QueryBodyKind::Values(self.comma_list(Self::values_row)?)
        } else if self.eat_keyword("TABLE") {
            QueryBodyKind::Table(self.object_name()?)
        } else if self.eat(Symbol::LParen) {
            let query = self.query()?;
            self.expect(Symbol::RParen)?;
            QueryBodyKind::Nested(Box::new(query))
        } else {
            self.expecting("query");
            return Err(self.unexpected());
        };
        Ok(QueryBody { kind, span: self.since(start) })
    }

    fn values_row(&mut self) -> Result<ValuesRow> {
        let start = self.here();
        let is_row = self.at_keyword("ROW") && self.symbol_at(1) == Some(Symbol::LParen);
        if is_row {
            self.advance();
        }
        let values = if is_row || self.at(Symbol::LParen) && !self.query_starts_in_parens_at(0) {
            let mut values = self.parenthesized_list(Self::values_item)?;
            match (values.pop(), values.is_empty(), is_row) {
                // `(ROW(1, 2))` is a row in parentheses.
                (Some(ValuesItem::Expr(only)), true, false) => fields_of_row(only),
                (last, _, _) => {
                    values.extend(last);
                    values
                }
            }
        } else {
            // `((SELECT 1), 2)`
            let expr = self.expr()?;
            match expr.kind {
                ExprKind::Row { explicit: false, .. } => fields_of_row(expr),
                _ => vec![ValuesItem::Expr(expr)],
            }
        };
        Ok(ValuesRow { values, span: self.since(start) })
    }

    fn values_item(&mut self) -> Result<ValuesItem> {
        if self.at_keyword("DEFAULT") {
            return Ok(ValuesItem::Default(self.bump()));
        }
        self.expr().map(ValuesItem::Expr)
    }

    fn select(&mut self) -> Result<Select> {
        let start = self.here();
        self.expect_keyword("SELECT")?;
        let hints = self.hints()?;
        let quantifier = self.eat_one_of(&[
            ("DISTINCT", SetQuantifier::Distinct),
            ("ALL", SetQuantifier::All),
            ("STREAM", SetQuantifier::Stream),
            ("UNIQUE", SetQuantifier::Unique),
        ]);
        let items = self.comma_list(Self::select_item)?;
        let mut select = Select {
            hints,
            quantifier,
            items,
            from: None,
            filter: None,
            group_by: None,
            having: None,
            windows: Vec::new(),
            qualify: None,
            span: start,
        };
        if self.eat_keyword("FROM") {
            select.from = Some(self.from()?);
            if self.eat_keyword("WHERE") {
                select.filter = Some(self.expr()?);
            }
            let group_start = self.here();
            if self.eat_by("GROUP")? {
                select.group_by = Some(self.group_by(group_start)?);
            }
            if self.eat_keyword("HAVING") {
                select.having = Some(self.expr()?);
            }
            if self.eat_keyword("WINDOW") {
                select.windows = self.comma_list(Self::named_window)?;
            }
            if self.eat_keyword("QUALIFY") {
                select.qualify = Some(self.expr()?);
            }
        }
        select.span = self.since(start);
        Ok(select)
    }

    fn select_item(&mut self) -> Result<SelectItem> {
        let start = self.here();
        if self.eat(Symbol::Star) {
            return self.wildcard(SelectItemKind::Wildcard, start);
        }
        if let Some(parts) = self.at_qualified_wildcard() {
            let mut name = self.object_name_of(parts)?;
            name.span = self.since(start);
            self.expect(Symbol::Dot)?;
            self.expect(Symbol::Star)?;
            return self.wildcard(SelectItemKind::QualifiedWildcard(name), start);
        }
        let mut expr = self.expr()?;
        if self.eat_keyword("FORMAT") {
            self.expect_keyword("JSON")?;
            expr = self.recognised_expr("FORMAT JSON outside of JSON functions", start);
        }
        let alias = self.alias()?;
        let kind = SelectItemKind::Expr { expr, alias };
        Ok(SelectItem { kind, span: self.since(start) })
    }

    /// A star; Flink's parser lets an alias follow it.
    fn wildcard(&mut self, kind: SelectItemKind, start: Span) -> Result<SelectItem> {
        let kind = match self.alias()? {
            Some(_) => {
                let expr = self.recognised_expr("an alias of *", start);
                SelectItemKind::Expr { expr, alias: None }
            }
            None => kind,
        };
        Ok(SelectItem { kind, span: self.since(start) })
    }

    /// `AS name`, `name`, or nothing.
    fn alias(&mut self) -> Result<Option<Ident>> {
        let has_as = self.eat_keyword("AS");
        if matches!(self.token().kind, TokenKind::String(_)) {
            let message = "Expecting alias, found character literal";
            let hint = Some("quote names with back-ticks: `name`".to_owned());
            return Err(crate::sql::ParseError { hint, ..error(message, self.here()) });
        }
        if has_as { self.ident().map(Some) } else { Ok(self.eat_ident()) }
    }

    /// The number of names before the `.*` of `a.b.*`.
    pub(super) fn at_qualified_wildcard(&self) -> Option<usize> {
        let mut parts = 0;
        loop {
            match self.peek(2 * parts).kind {
                TokenKind::QuotedIdent(_) | TokenKind::Word(_) => {}
                _ => return None,
            }
            if self.symbol_at(2 * parts + 1) != Some(Symbol::Dot) {
                return None;
            }
            parts += 1;
            if self.symbol_at(2 * parts) == Some(Symbol::Star) {
                return Some(parts);
            }
        }
    }

    fn object_name_of(&mut self, parts: usize) -> Result<crate::sql::ast::ObjectName> {
        let start = self.here();
        let mut names = vec![self.ident()?];
        while names.len() < parts {
            self.expect(Symbol::Dot)?;
            names.push(self.ident()?);
        }
        Ok(crate::sql::ast::ObjectName { parts: names, span: self.since(start) })
    }
}

/// The values of a row that is written out, or the one value.
fn fields_of_row(expr: Expr) -> Vec<ValuesItem> {
    match expr.kind {
        ExprKind::Row { fields, .. } => fields.into_iter().map(ValuesItem::Expr).collect(),
        _ => vec![ValuesItem::Expr(expr)],
    }
}
