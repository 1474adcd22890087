//! Literals, parentheses, constructors and the functions with a grammar of their own.

use super::{Parser, Result, error};
use crate::base::Span;
use crate::sql::ast::{
    BinaryOp, CaseBranch, CollectionKind, Expr, ExprKind, Ident, Literal, NumberKind, ObjectName,
    Query, RoundDirection, TrimSide,
};
use crate::sql::token::{Symbol, TokenKind};

/// What a pair of parentheses holds.
pub(super) enum Parens {
    Query(Query),
    Exprs(Vec<Expr>),
}

/// What to call a unit that no function here knows.
pub(in crate::sql) const OTHER_UNIT: &str = "a time unit other than MILLENNIUM, CENTURY, DECADE, YEAR, \
    QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND, MILLISECOND, MICROSECOND, NANOSECOND, EPOCH, \
    DOW, ISODOW, DOY and ISOYEAR (units of functions are singular)";

/// Functions that are called without parentheses.
const WITHOUT_PARENTHESES: &[&str] = &[
    "CURRENT_CATALOG",
    "CURRENT_DATE",
    "CURRENT_DEFAULT_TRANSFORM_GROUP",
    "CURRENT_PATH",
    "CURRENT_ROLE",
    "CURRENT_SCHEMA",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "SESSION_USER",
    "SYSTEM_USER",
    "USER",
];

/// Reserved words that are functions before a parenthesis.
pub(super) const RESERVED_FUNCTIONS: &[&str] = &[
    "ABS",
    "AVG",
    "CARDINALITY",
    "CHAR",
    "CHARACTER_LENGTH",
    "CHAR_LENGTH",
    "CLASSIFIER",
    "COALESCE",
    "COLLECT",
    "COUNT",
    "COVAR_POP",
    "COVAR_SAMP",
    "CUME_DIST",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "DATE",
    "DATE_TRUNC",
    "DENSE_RANK",
    "ELEMENT",
    "EVERY",
    "EXP",
    "FIRST_VALUE",
    "FUSION",
    "GROUPING",
    "HOUR",
    "INTERSECTION",
    "LAG",
    "LAST_VALUE",
    "LEAD",
    "LEFT",
    "LN",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "LOWER",
    "MATCH_NUMBER",
    "MAX",
    "MIN",
    "MINUTE",
    "MOD",
    "MONTH",
    "NTH_VALUE",
    "NTILE",
    "NULLIF",
    "OCTET_LENGTH",
    "PERCENTILE_CONT",
    "PERCENTILE_DISC",
    "PERCENT_RANK",
    "POWER",
    "RANK",
    "REGR_COUNT",
    "REGR_SXX",
    "REGR_SYY",
    "RIGHT",
    "ROW_NUMBER",
    "SECOND",
    "SOME",
    "SQRT",
    "STDDEV_POP",
    "STDDEV_SAMP",
    "SUM",
    "TIME",
    "TIMESTAMP",
    "TRANSLATE",
    "TRUNCATE",
    "UPPER",
    "USER",
    "VAR_POP",
    "VAR_SAMP",
    "YEAR",
];

impl Parser<'_> {
    /// An expression without operators and suffixes.
    pub(super) fn primary(&mut self) -> Result<Expr> {
        let start = self.here();
        let kind = self.primary_kind()?;
        Ok(Expr { kind, span: self.since(start) })
    }

    fn primary_kind(&mut self) -> Result<ExprKind> {
        let opens = self.symbol_at(1);
        match &self.token().kind {
            TokenKind::Number(kind) => {
                let kind = *kind;
                Ok(ExprKind::Literal(self.number(kind)))
            }
            kind if kind.is_text() => Ok(ExprKind::Literal(Literal::String(self.string()?.value))),
            TokenKind::EscapedString(text) => {
                let text = text.clone();
                Ok(ExprKind::Literal(Literal::String(self.escaped_string(&text)?)))
            }
            TokenKind::Binary(_) => self.binary_literal(),
            TokenKind::Symbol(Symbol::LParen) => self.parenthesized(),
            TokenKind::Symbol(Symbol::Question) => {
                let start = self.bump();
                Ok(self.recognised_expr("a dynamic parameter (?)", start).kind)
            }
            TokenKind::Symbol(Symbol::LBrace) => self.jdbc_escape(),
            TokenKind::QuotedIdent(_) | TokenKind::Word(None) => self.name_or_call(),
            TokenKind::Word(Some(keyword)) => match (keyword.text, opens) {
                ("TRY_CAST", Some(Symbol::LParen)) => self.cast(true),
                ("TIMESTAMPADD" | "TIMESTAMPDIFF", Some(Symbol::LParen)) => self.call_with_unit(),
                ("MAP", Some(Symbol::LBracket)) => self.map(),
                ("MAP", Some(Symbol::LParen)) => self.collection_query(CollectionKind::Map),
                _ if !keyword.reserved => self.name_or_call(),
                (text, opens) => self.reserved_primary(text, opens),
            },
            _ => {
                self.expecting("expression");
                Err(self.unexpected())
            }
        }
    }

    /// A primary that begins with a reserved word.
    fn reserved_primary(
        &mut self,
        keyword: &'static str,
        opens: Option<Symbol>,
    ) -> Result<ExprKind> {
        let parens = opens == Some(Symbol::LParen);
        let brackets = opens == Some(Symbol::LBracket);
        match keyword {
            "NULL" => Ok(self.word_literal(Literal::Null)),
            "TRUE" => Ok(self.word_literal(Literal::Boolean(Some(true)))),
            "FALSE" => Ok(self.word_literal(Literal::Boolean(Some(false)))),
            "UNKNOWN" => Ok(self.word_literal(Literal::Boolean(None))),
            "DATETIME" if matches!(self.peek(1).kind, TokenKind::String(_)) => {
                let start = self.bump();
                self.string()?;
                Ok(self.recognised_expr("a DATETIME literal", start).kind)
            }
            "DATE" | "TIME" | "TIMESTAMP" if !parens => self.time_literal(keyword),
            "INTERVAL" => self.interval(),
            "CASE" => self.case(),
            "NEXT" | "CURRENT" if self.keyword_at(1) == Some("VALUE") => {
                let start = self.bump();
                self.advance();
                self.expect_keyword("FOR")?;
                self.object_name()?;
                Ok(self.recognised_expr("a sequence", start).kind)
            }
            "CONVERT" if parens => {
                let start = self.open_call()?;
                self.expr()?;
                self.expect_keyword("USING")?;
                self.ident()?;
                self.expect(Symbol::RParen)?;
                Ok(self.recognised_expr("CONVERT (… USING …)", start).kind)
            }
            "TIMESTAMP_DIFF" | "TIMESTAMP_TRUNC" if parens => {
                let start = self.bump();
                self.skip_parens(&[])?;
                Ok(self.recognised_expr("this function", start).kind)
            }
            "CAST" if parens => self.cast(false),
            "EXISTS" if parens && !self.query_starts_in_parens_at(1) => {
                let start = self.bump();
                self.parenthesized_list(Self::expr)?;
                Ok(self.recognised_expr("EXISTS of something else than a query", start).kind)
            }
            "EXISTS" if parens => Ok(ExprKind::Exists(Box::new(self.query_in_parens()?))),
            "UNIQUE" if parens => Ok(ExprKind::Unique(Box::new(self.query_in_parens()?))),
            "EXTRACT" if parens => self.extract(),
            "FLOOR" if parens => self.round(RoundDirection::Floor),
            "CEIL" | "CEILING" if parens => self.round(RoundDirection::Ceil),
            "POSITION" if parens => self.position(),
            "SUBSTRING" if parens => self.substring(),
            "TRIM" if parens => self.trim(),
            "OVERLAY" if parens => self.overlay(),
            "ARRAY" if brackets => {
                self.advance();
                Ok(ExprKind::Array(self.bracketed()?))
            }
            "MULTISET" if brackets => {
                self.advance();
                self.expect(Symbol::LBracket)?;
                let items = self.comma_list(Self::expr)?;
                self.expect(Symbol::RBracket)?;
                Ok(ExprKind::Multiset(items))
            }
            "ARRAY" if parens => self.collection_query(CollectionKind::Array),
            "MULTISET" if parens => self.collection_query(CollectionKind::Multiset),
            "ROW" if parens => {
                self.advance();
                let fields = self.parenthesized_list(Self::row_element)?;
                Ok(ExprKind::Row { fields, explicit: true })
            }
            "PERIOD" if parens => {
                self.advance();
                let fields = self.parenthesized_list(Self::expr)?;
                Ok(ExprKind::Row { fields, explicit: false })
            }
            _ if keyword.starts_with("JSON_") && parens => self.json_call(keyword),
            _ if parens && RESERVED_FUNCTIONS.contains(&keyword) => {
                let name = self.reserved_name();
                self.call(name)
            }
            _ if WITHOUT_PARENTHESES.contains(&keyword) => {
                let name = self.reserved_name();
                Ok(Self::call_without_parentheses(name))
            }
            _ => {
                self.expecting("expression");
                let is_word_of_clause = super::opens_a_clause(keyword);
                Err(if is_word_of_clause { self.unexpected() } else { self.reserved_as_name() })
            }
        }
    }

    /// An element of ROW(…); Flink's parser lets a star and a query without parentheses be one.
    fn row_element(&mut self) -> Result<Expr> {
        let start = self.here();
        if self.query_starts_at(0) {
            self.query()?;
            return Ok(self.recognised_expr("a query in ROW (…)", start));
        }
        if let Some(parts) = self.at_qualified_wildcard() {
            for _ in 0..=2 * parts {
                self.advance();
            }
            return Ok(self.recognised_expr("a star in ROW (…)", start));
        }
        self.expr()
    }

    /// The text since `start` as an expression that is only recognised.
    pub(super) fn recognised_expr(&self, construct: &'static str, start: Span) -> Expr {
        let span = self.since(start);
        let text = span.text(self.source).to_owned();
        Expr { kind: ExprKind::Recognised { construct, text }, span }
    }

    /// `{fn f(x)}`, `{d '…'}`, `{t '…'}`, `{ts '…'}`.
    fn jdbc_escape(&mut self) -> Result<ExprKind> {
        let start = self.bump();
        let word = self.here().text(self.source).to_ascii_lowercase();
        if !matches!(word.as_str(), "fn" | "d" | "t" | "ts") {
            self.expecting("expression");
            return Err(self.unexpected());
        }
        self.advance();
        if word == "fn" {
            self.nested(Self::primary)?;
        } else {
            self.string()?;
        }
        self.expect(Symbol::RBrace)?;
        Ok(self.recognised_expr("a JDBC escape ({…})", start).kind)
    }

    /// Takes a name where a function's unit stands, unless it is one.
    pub(super) fn eat_other_unit(&mut self) -> bool {
        !self.at_function_unit() && self.eat_ident().is_some()
    }

    /// The current word as the name of a function.
    pub(super) fn reserved_name(&mut self) -> ObjectName {
        let span = self.here();
        let value = span.text(self.source).to_owned();
        self.advance();
        ObjectName { parts: vec![Ident { value, quoted: false, span }], span }
    }

    fn name_or_call(&mut self) -> Result<ExprKind> {
        let name = self.object_name()?;
        if self.at(Symbol::LParen) { self.call(name) } else { Ok(ExprKind::Name(name)) }
    }

    // ---- literals

    fn word_literal(&mut self, literal: Literal) -> ExprKind {
        self.advance();
        ExprKind::Literal(literal)
    }

    fn number(&mut self, kind: NumberKind) -> Literal {
        let text = self.bump().text(self.source).to_owned();
        Literal::Number { text, kind }
    }

    fn binary_literal(&mut self) -> Result<ExprKind> {
        let start = self.here();
        let mut digits = String::new();
        while let TokenKind::Binary(text) | TokenKind::String(text) = &self.token().kind {
            digits.push_str(text);
            self.at += 1;
        }
        self.expected.clear();
        let span = self.since(start);
        if digits.len() % 2 == 1 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Ok(self.recognised_expr("a binary literal of half a byte", start).kind);
        }
        let Some(bytes) = decode_hex(&digits) else {
            let message = "Binary literal string must contain only characters '0' - '9', \
                           'A' - 'F', two for each byte";
            return Err(error(message, span));
        };
        Ok(ExprKind::Literal(Literal::Binary(bytes)))
    }

    /// `DATE '…'`, `TIME '…'`, `TIMESTAMP '…'`.
    fn time_literal(&mut self, keyword: &'static str) -> Result<ExprKind> {
        if self.peek(1).kind.is_text() {
            self.advance();
            let text = self.string()?.value;
            return Ok(ExprKind::Literal(match keyword {
                "DATE" => Literal::Date(text),
                "TIME" => Literal::Time(text),
                _ => Literal::Timestamp(text),
            }));
        }
        if self.eat_keywords(&["TIMESTAMP", "WITH", "LOCAL", "TIME", "ZONE"]) {
            return Ok(ExprKind::Literal(Literal::TimestampLtz(self.string()?.value)));
        }
        Err(self.reserved_as_name())
    }

    fn interval(&mut self) -> Result<ExprKind> {
        self.advance();
        let negative = self.eat(Symbol::Minus);
        if !negative {
            self.eat(Symbol::Plus);
        }
        if let Some(text) = self.eat_string()? {
            if text.value.is_empty() {
                return Err(error("Illegal interval literal format ''", text.span));
            }
            let qualifier = self.interval_qualifier()?;
            let value = text.value;
            return Ok(ExprKind::Literal(Literal::Interval { negative, value, qualifier }));
        }
        let value = Box::new(self.nested(Self::primary)?);
        let qualifier = self.interval_qualifier()?;
        Ok(ExprKind::Interval { negative, value, qualifier })
    }

    // ---- parentheses and constructors

    /// `(…)`: a query, one expression or several.
    pub(super) fn parens(&mut self) -> Result<Parens> {
        self.expect(Symbol::LParen)?;
        let held = self.inside_parens()?;
        self.expect(Symbol::RParen)?;
        Ok(held)
    }

    fn inside_parens(&mut self) -> Result<Parens> {
        if self.query_starts_at(0) {
            return Ok(Parens::Query(self.query()?));
        }
        let start = self.here();
        let first = self.expr()?;
        // `((SELECT 1) UNION SELECT 2)`: only what follows the inner parentheses tells.
        if let ExprKind::Subquery(_) = first.kind
            && self.at_query_tail()
        {
            let ExprKind::Subquery(inner) = first.kind else { return Err(self.unexpected()) };
            return Ok(Parens::Query(self.query_after(inner, first.span, start)?));
        }
        let mut exprs = vec![first];
        while self.eat(Symbol::Comma) {
            exprs.push(self.expr()?);
        }
        Ok(Parens::Exprs(exprs))
    }

    fn parenthesized(&mut self) -> Result<ExprKind> {
        match self.parens()? {
            Parens::Query(query) => Ok(ExprKind::Subquery(Box::new(query))),
            Parens::Exprs(mut exprs) => match (exprs.pop(), exprs.is_empty()) {
                (Some(only), true) => match only.kind {
                    ExprKind::Binary { op: BinaryOp::Minus, left, right, .. }
                        if self.at_interval_unit() =>
                    {
                        let qualifier = self.interval_qualifier()?;
                        Ok(ExprKind::TimeBetween { to: left, from: right, qualifier })
                    }
                    kind => Ok(kind),
                },
                (last, _) => {
                    exprs.extend(last);
                    Ok(ExprKind::Row { fields: exprs, explicit: false })
                }
            },
        }
    }

    /// `EXISTS (query)` from its keyword on.
    fn query_in_parens(&mut self) -> Result<Query> {
        self.advance();
        self.query_in_its_parens()
    }

    pub(super) fn query_in_its_parens(&mut self) -> Result<Query> {
        match self.parens()? {
            Parens::Query(query) => Ok(query),
            Parens::Exprs(exprs) => {
                let span = exprs.first().map_or(self.here(), |first| first.span);
                Err(error("Non-query expression encountered in illegal context", span))
            }
        }
    }

    fn collection_query(&mut self, kind: CollectionKind) -> Result<ExprKind> {
        Ok(ExprKind::CollectionQuery { kind, query: Box::new(self.query_in_parens()?) })
    }

    /// `[a, b]`, possibly empty.
    fn bracketed(&mut self) -> Result<Vec<Expr>> {
        self.expect(Symbol::LBracket)?;
        if self.eat(Symbol::RBracket) {
            return Ok(Vec::new());
        }
        let items = self.comma_list(Self::expr)?;
        self.expect(Symbol::RBracket)?;
        Ok(items)
    }

    fn map(&mut self) -> Result<ExprKind> {
        let start = self.bump();
        let mut entries = Vec::new();
        let mut items = self.bracketed()?.into_iter();
        while let Some(key) = items.next() {
            let Some(value) = items.next() else {
                return Ok(self.recognised_expr("a key without a value in MAP", start).kind);
            };
            entries.push((key, value));
        }
        Ok(ExprKind::Map(entries))
    }

    fn case(&mut self) -> Result<ExprKind> {
        self.advance();
        let operand = if self.at_keyword("WHEN") { None } else { Some(Box::new(self.expr()?)) };
        let mut branches = Vec::new();
        while self.at_keyword("WHEN") {
            let start = self.bump();
            let when = match operand {
                Some(_) => self.comma_list(Self::expr)?,
                None => vec![self.expr()?],
            };
            self.expect_keyword("THEN")?;
            let then = self.expr()?;
            branches.push(CaseBranch { when, then, span: self.since(start) });
        }
        if branches.is_empty() {
            self.expecting("WHEN");
            return Err(self.unexpected());
        }
        let otherwise = if self.eat_keyword("ELSE") { Some(Box::new(self.expr()?)) } else { None };
        self.expecting("WHEN");
        self.expect_keyword("END")?;
        Ok(ExprKind::Case { operand, branches, otherwise })
    }

    // ---- functions with a grammar of their own; each begins at its name

    fn open_call(&mut self) -> Result<Span> {
        let name = self.bump();
        self.expect(Symbol::LParen)?;
        Ok(name)
    }

    fn cast(&mut self, is_try: bool) -> Result<ExprKind> {
        self.open_call()?;
        let operand = Box::new(self.expr()?);
        self.expect_keyword("AS")?;
        let data_type = self.cast_type()?;
        self.expect(Symbol::RParen)?;
        Ok(ExprKind::Cast { operand, data_type, is_try })
    }

    fn extract(&mut self) -> Result<ExprKind> {
        let start = self.open_call()?;
        if self.eat_other_unit() {
            self.expect_keyword("FROM")?;
            self.expr()?;
            self.expect(Symbol::RParen)?;
            return Ok(self.recognised_expr(OTHER_UNIT, start).kind);
        }
        let (unit, unit_span) = self.function_unit()?;
        self.expect_keyword("FROM")?;
        let operand = Box::new(self.expr()?);
        self.expect(Symbol::RParen)?;
        Ok(ExprKind::Extract { unit, unit_span, operand })
    }

    /// `FLOOR(x)` and `FLOOR(x TO unit)`.
    fn round(&mut self, direction: RoundDirection) -> Result<ExprKind> {
        let name = self.reserved_name();
        self.expect(Symbol::LParen)?;
        let operand = self.expr()?;
        if self.eat_keyword("TO") {
            if self.eat_other_unit() {
                self.expect(Symbol::RParen)?;
                return Ok(self.recognised_expr(OTHER_UNIT, name.span).kind);
            }
            let (unit, unit_span) = self.function_unit()?;
            self.expect(Symbol::RParen)?;
            let operand = Box::new(operand);
            return Ok(ExprKind::RoundTime { direction, operand, unit, unit_span });
        }
        self.expect(Symbol::RParen)?;
        Ok(self.plain_call(name, vec![operand]))
    }

    fn position(&mut self) -> Result<ExprKind> {
        self.open_call()?;
        // Without operators, unless in parentheses.
        let needle = Box::new(self.nested(Self::postfix)?);
        self.expect_keyword("IN")?;
        let haystack = Box::new(self.expr()?);
        let from = if self.eat_keyword("FROM") { Some(Box::new(self.expr()?)) } else { None };
        self.expect(Symbol::RParen)?;
        Ok(ExprKind::Position { needle, haystack, from })
    }

    /// `SUBSTRING(x FROM a FOR b)` and `SUBSTRING(x, a, b)`.
    fn substring(&mut self) -> Result<ExprKind> {
        let name = self.reserved_name();
        self.expect(Symbol::LParen)?;
        let mut args = vec![self.expr()?];
        if !self.eat_keyword("FROM") {
            self.expect(Symbol::Comma)?;
        }
        args.push(self.expr()?);
        if self.eat_keyword("FOR") || self.eat(Symbol::Comma) {
            args.push(self.expr()?);
        }
        self.expect(Symbol::RParen)?;
        Ok(self.plain_call(name, args))
    }

    fn trim(&mut self) -> Result<ExprKind> {
        let start = self.open_call()?;
        if self.eat(Symbol::RParen) {
            return Ok(self.recognised_expr("TRIM of nothing", start).kind);
        }
        let side = self.eat_one_of(&[
            ("BOTH", TrimSide::Both),
            ("LEADING", TrimSide::Leading),
            ("TRAILING", TrimSide::Trailing),
        ]);
        let mut characters = None;
        let operand = if side.is_some() && self.eat_keyword("FROM") {
            self.expr()?
        } else {
            let first = self.expr()?;
            if self.eat_keyword("FROM") {
                characters = Some(Box::new(first));
                self.expr()?
            } else {
                first
            }
        };
        self.expect(Symbol::RParen)?;
        let side = side.unwrap_or(TrimSide::Both);
        Ok(ExprKind::Trim { side, characters, operand: Box::new(operand) })
    }

    fn overlay(&mut self) -> Result<ExprKind> {
        self.open_call()?;
        let operand = Box::new(self.expr()?);
        self.expect_keyword("PLACING")?;
        let placing = Box::new(self.expr()?);
        self.expect_keyword("FROM")?;
        let from = Box::new(self.expr()?);
        let length = if self.eat_keyword("FOR") { Some(Box::new(self.expr()?)) } else { None };
        self.expect(Symbol::RParen)?;
        Ok(ExprKind::Overlay { operand, placing, from, length })
    }
}

fn decode_hex(digits: &str) -> Option<Vec<u8>> {
    let mut nibbles = digits.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()));
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    while let Some(high) = nibbles.next() {
        bytes.push(high? << 4 | nibbles.next()??);
    }
    Some(bytes)
}
