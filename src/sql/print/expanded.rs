//! The text that Flink keeps of views and computed columns: every name in back-ticks, tables with catalog and database,
//! columns with their table, clauses on lines of their own, and the long forms that Calcite's parser makes of short ones
//! (`SqlNode.toSqlString` after validation).

use super::Printer;
use super::scope::{Scope, bare, is_bare};
use crate::sql::ast::{
    Expr, ExprKind, FunctionArg, Hint, Ident, Literal, NumberKind, ObjectName, Query, QueryBody,
    QueryBodyKind, RowCount, Select, UnaryOp,
};
use crate::sql::precedence;
use std::borrow::Cow;

/// What unqualified names mean.
#[derive(Debug, Default)]
pub(super) struct Expanded {
    /// Catalog and database of tables.
    home: Option<(String, String)>,
    /// Names that WITH gives at this place: they stay as they are.
    common: Vec<String>,
    /// What columns there are in each SELECT around the place.
    scopes: Vec<Scope>,
}

/// An expression of a table's declaration.
#[must_use]
pub fn expanded_expr(expr: &Expr) -> String {
    let mut printer = Printer { out: String::new(), expanded: Some(Expanded::default()) };
    printer.any(expr);
    printer.out
}

/// The query of a view whose unqualified tables are in this catalog and database.
#[must_use]
pub fn expanded_query(query: &Query, home: &(String, String)) -> String {
    let expanded = Expanded { home: Some(home.clone()), ..Expanded::default() };
    let mut printer = Printer { out: String::new(), expanded: Some(expanded) };
    printer.query(query);
    printer.out
}

/// Layout.
impl Printer {
    pub(super) fn is_expanded(&self) -> bool {
        self.expanded.is_some()
    }

    /// Of a view's query, which Flink validates before it prints it.
    pub(super) fn is_view(&self) -> bool {
        self.expanded.as_ref().is_some_and(|expanded| expanded.home.is_some())
    }

    /// ` FROM ` and the like: on a line of its own where the text is an expanded one.
    pub(super) fn clause(&mut self, text: &str) {
        match self.expanded {
            Some(_) => {
                self.text("\n");
                self.text(text.trim_start());
            }
            None => self.text(text),
        }
    }

    /// Between tables of FROM and rows of VALUES.
    pub(super) fn comma(&mut self) {
        self.text(if self.is_expanded() { ",\n" } else { ", " });
    }

    /// Between the hints of a SELECT, if any, and its items.
    pub(super) fn after_hints(&mut self, hints: &[Hint]) {
        self.text(if self.is_expanded() && !hints.is_empty() { "\n" } else { " " });
    }

    /// Between the inputs of a set operation.
    pub(super) fn set_operator(&mut self, text: &str) {
        match self.expanded {
            Some(_) => self.text(&format!("\n{}\n", text.trim())),
            None => self.text(text),
        }
    }

    /// An input of a set operation. Calcite forgets parentheses, and prints those that it needs or likes.
    pub(super) fn set_input(&mut self, body: &QueryBody, is_right: bool) {
        let body = self.without_parentheses(body);
        let parentheses = match body.kind {
            QueryBodyKind::Values(_) | QueryBodyKind::Table(_) => self.is_expanded(),
            QueryBodyKind::SetOperation { .. } => self.is_expanded() && is_right,
            QueryBodyKind::Select(_) | QueryBodyKind::Nested(_) => false,
        };
        self.text_if(parentheses, "(");
        self.query_body(body);
        self.text_if(parentheses, ")");
    }

    /// The query in parentheses that is all of this one.
    pub(super) fn only_parentheses<'a>(&self, query: &'a Query) -> Option<&'a Query> {
        match &query.body.kind {
            QueryBodyKind::Nested(inner) if self.is_expanded() && is_bare(query) => Some(inner),
            _ => None,
        }
    }

    /// The body of a query, in an expanded text without parentheses that say nothing.
    pub(super) fn without_parentheses<'a>(&self, body: &'a QueryBody) -> &'a QueryBody {
        if self.is_expanded() { bare(body) } else { body }
    }

    pub(super) fn row_counts(&mut self, limit: Option<&RowCount>, offset: Option<&RowCount>) {
        let (limit, offset) = (limit.map(|count| count.rows), offset.map(|count| count.rows));
        if self.is_expanded() {
            offset.iter().for_each(|rows| self.text(&format!("\nOFFSET {rows} ROWS")));
            limit.iter().for_each(|rows| self.text(&format!("\nFETCH NEXT {rows} ROWS ONLY")));
        } else {
            limit.iter().for_each(|rows| self.text(&format!(" LIMIT {rows}")));
            offset.iter().for_each(|rows| self.text(&format!(" OFFSET {rows}")));
        }
    }
}

/// Names.
impl Printer {
    /// How many names WITH gives around a query; for [`Self::forget_common_tables`].
    pub(super) fn common_tables(&self) -> usize {
        self.expanded.as_ref().map_or(0, |expanded| expanded.common.len())
    }

    pub(super) fn add_common_table(&mut self, name: &Ident) {
        if let Some(expanded) = &mut self.expanded {
            expanded.common.push(name.value.clone());
        }
    }

    pub(super) fn forget_common_tables(&mut self, around: usize) {
        if let Some(expanded) = &mut self.expanded {
            expanded.common.truncate(around);
        }
    }

    pub(super) fn enter_select(&mut self, select: &Select) {
        if let Some(expanded) = &mut self.expanded {
            expanded.scopes.push(Scope::of(select));
        }
    }

    pub(super) fn enter_order(&mut self, body: &QueryBody) {
        if let Some(expanded) = &mut self.expanded {
            expanded.scopes.push(Scope::of_order(body));
        }
    }

    pub(super) fn leave_scope(&mut self) {
        if let Some(expanded) = &mut self.expanded {
            expanded.scopes.pop();
        }
    }

    pub(super) fn table_name(&mut self, name: &ObjectName) {
        let home = self.expanded.as_ref().and_then(|expanded| {
            let common = name.parts.len() == 1 && expanded.common.iter().any(|c| c == name.last());
            if common { None } else { expanded.home.clone() }
        });
        if let Some((catalog, database)) = home {
            let missing = [catalog, database];
            for part in missing.iter().take(3_usize.saturating_sub(name.parts.len())) {
                self.quoted(part, '`');
                self.text(".");
            }
        }
        self.name(name);
    }

    /// A column; behind the name of its table where that is known. A name of several parts stays as it is.
    pub(super) fn column_name(&mut self, name: &ObjectName) {
        let scope = self.expanded.as_ref().and_then(|expanded| expanded.scopes.last());
        let table = scope.filter(|_| name.parts.len() == 1);
        if self.is_view()
            && matches!(name.parts.as_slice(), [only] if !only.quoted && only.value.eq_ignore_ascii_case("PI"))
        {
            return self.text("PI"); // no column, as its parentheses may be left out
        }
        if let Some(table) = table.and_then(|scope| scope.table_of(name.last())).map(str::to_owned)
        {
            self.quoted(&table, '`');
            self.text(".");
        }
        self.name(name);
    }

    /// Functions of an operator table are keywords to Calcite's printer, all others are names.
    pub(super) fn is_quoted_function(&self, name: &str) -> bool {
        let is_in = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        self.is_expanded() && !is_in(OPERATORS) && (self.is_view() || !is_in(DECLARED_OPERATORS))
    }
}

/// Long forms.
impl Printer {
    /// The condition that `CASE operand WHEN values` stands for.
    pub(super) fn equals(&mut self, operand: &Expr, values: &[Expr]) {
        match values {
            [value] => self.infix(operand, "=", value, precedence::COMPARISON),
            _ => {
                self.expr(operand, precedence::RANGE);
                self.text(" IN (");
                self.exprs(values);
                self.text(")");
            }
        }
    }

    /// `PERIOD (from, to)`, or an expression that is no period.
    pub(super) fn period(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Row { fields, explicit: false } if self.is_expanded() => {
                self.text("PERIOD ");
                self.parens(fields, Self::any);
            }
            _ => self.expr(expr, precedence::COMPARISON + 1),
        }
    }

    /// Whether words stand between the arguments of a function that is called with commas, too.
    pub(super) fn has_words(&self, function: &str) -> bool {
        self.is_view() && function.eq_ignore_ascii_case("SUBSTRING")
    }

    pub(super) fn substring(&mut self, args: &[FunctionArg]) {
        self.text("SUBSTRING(");
        for (arg, word) in args.iter().zip(["", " FROM ", " FOR "]) {
            self.text(word);
            self.arg(arg);
        }
        self.text(")");
    }

    /// The sign of a number is part of it.
    pub(super) fn signed_number(&self, op: UnaryOp, operand: &Expr) -> Option<String> {
        self.expanded.as_ref()?;
        let text = match &operand.kind {
            ExprKind::Literal(Literal::Number { text, kind }) => {
                long_number(text, *kind).into_owned()
            }
            ExprKind::Unary { op, operand } => self.signed_number(*op, operand)?,
            _ => return None,
        };
        match op {
            UnaryOp::Plus => Some(text),
            UnaryOp::Minus => {
                Some(text.strip_prefix('-').map_or_else(|| format!("-{text}"), str::to_owned))
            }
            UnaryOp::Not => None,
        }
    }

    pub(super) fn number(&mut self, text: &str, kind: NumberKind) {
        match self.expanded {
            Some(_) => self.text(&long_number(text, kind)),
            None => self.text(text),
        }
    }

    /// A string; one that is not ASCII says its character set in a view, and escapes what is not elsewhere.
    pub(super) fn string_literal(&mut self, text: &str) {
        if text.is_ascii() || !self.is_expanded() {
            return self.quoted(text, '\'');
        }
        if self.is_view() {
            self.text("_UTF16");
            return self.quoted(text, '\'');
        }
        let mut escaped = String::new();
        for unit in text.encode_utf16() {
            match char::from_u32(u32::from(unit)).filter(char::is_ascii) {
                Some('\\') => escaped.push_str("\\\\"),
                Some(c) => escaped.push(c),
                None => escaped.push_str(&format!("\\{unit:04x}")),
            }
        }
        self.text("u&");
        self.quoted(&escaped, '\'');
    }
}

/// A number without sign as `BigDecimal` shows it; one with an exponent has one digit before the point
/// (`Util.toScientificNotation`).
fn long_number(text: &str, kind: NumberKind) -> Cow<'_, str> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = match digits.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let Ok(exponent) = exponent.parse::<i32>() else { return Cow::Borrowed(text) };
    let length = |text: &str| i32::try_from(text.len()).unwrap_or(i32::MAX);
    let exponent =
        exponent.saturating_add(length(digits)).saturating_sub(length(fraction)).saturating_sub(1);
    // `BigDecimal.toString` goes over to exponents there.
    if kind != NumberKind::Approximate && exponent >= -6 {
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let point = if fraction.is_empty() { "" } else { "." };
        return Cow::Owned(format!("{whole}{point}{fraction}"));
    }
    let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
    let point = if rest.is_empty() { "" } else { "." };
    Cow::Owned(format!("{first}{point}{rest}E{exponent}"))
}

/// The name of a function of [`OPERATORS`].
pub(super) fn operator_name(name: &str) -> String {
    match name.to_ascii_uppercase() {
        name if name == "CEILING" => "CEIL".to_owned(),
        name => name,
    }
}

/// Functions of Calcite's operator table that Flink does not define again.
#[rustfmt::skip]
const OPERATORS: &[&str] = &[
    "ABS", "ACOS", "ASCII", "ASIN", "ATAN", "ATAN2", "AVG", "CARDINALITY", "CEIL", "CEILING", "CHARACTER_LENGTH",
    "CHAR_LENGTH", "COALESCE", "COLLECT", "COS", "COT", "COUNT", "CUME_DIST", "CURRENT_DATE", "CURRENT_TIME",
    "CURRENT_TIMESTAMP", "DAYOFMONTH", "DAYOFWEEK", "DAYOFYEAR", "DEGREES", "DENSE_RANK", "ELEMENT", "EXP",
    "FIRST_VALUE", "FLOOR", "GROUPING", "GROUPING_ID", "GROUP_ID", "HOP", "HOP_END", "HOP_START", "HOUR", "INITCAP",
    "LAG", "LAST_VALUE", "LEAD", "LISTAGG", "LN", "LOCALTIME", "LOCALTIMESTAMP", "LOG10", "LOWER", "MAX", "MIN",
    "MINUTE", "MOD", "MONTH", "NTILE", "NULLIF", "OVERLAY", "PERCENT_RANK", "PI", "POSITION", "POWER", "QUARTER",
    "RADIANS", "RAND", "RAND_INTEGER", "RANK", "REPLACE", "ROUND", "ROW_NUMBER", "SECOND", "SESSION", "SESSION_END",
    "SESSION_START", "SIGN", "SIN", "SQRT", "STDDEV_POP", "STDDEV_SAMP", "SUBSTRING", "SUM", "TAN", "TIMESTAMPADD",
    "TIMESTAMPDIFF", "TRANSLATE", "TRUNCATE", "TUMBLE", "TUMBLE_END", "TUMBLE_START", "UPPER", "VAR_POP", "VAR_SAMP", "WEEK",
    "YEAR",
];

/// Further functions of `FlinkSqlOperatorTable`. In a view they are resolved to what Flink defines again.
#[rustfmt::skip]
const DECLARED_OPERATORS: &[&str] = &[
    "BIN", "CHR", "CONCAT", "CONCAT_WS", "CONVERT_TZ", "COSH", "CURRENT_ROW_TIMESTAMP", "DATE_FORMAT", "E",
    "FROM_BASE64", "FROM_UNIXTIME", "HASH_CODE", "HEX", "IF", "INSTR", "IS_ALPHA", "IS_DECIMAL", "IS_DIGIT", "LEFT",
    "LOCATE", "LOG", "LOG2", "LPAD", "LTRIM", "MD5", "NOW", "PARSE_URL", "PROCTIME", "REGEXP", "REGEXP_EXTRACT",
    "REGEXP_REPLACE", "REPEAT", "REVERSE", "RIGHT", "RPAD", "RTRIM", "SHA1", "SHA2", "SHA224", "SHA256", "SHA384",
    "SHA512", "SINH", "SPLIT_INDEX", "STR_TO_MAP", "SUBSTR", "TANH", "TO_BASE64", "TO_DATE", "TO_TIMESTAMP",
    "UNIX_TIMESTAMP", "UUID",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::ast::Statement;
    use crate::sql::parse_statement;

    #[test]
    fn views_are_kept_as_flink_keeps_them() {
        let home = ("c".to_owned(), "d".to_owned());
        for (written, expanded) in [
            (
                "select a, upper(b) as u from t where a > 1",
                "SELECT `t`.`a`, UPPER(`t`.`b`) AS `u`\nFROM `c`.`d`.`t`\nWHERE `t`.`a` > 1",
            ),
            (
                "SELECT x.a FROM e.t AS x UNION ALL SELECT to_timestamp_ltz(b, 3) FROM u",
                "SELECT `x`.`a`\nFROM `c`.`e`.`t` AS `x`\nUNION ALL\nSELECT `to_timestamp_ltz`(`u`.`b`, 3)\nFROM `c`.`d`.`u`",
            ),
            (
                "SELECT x.a FROM (SELECT a, b FROM t ORDER BY a, c LIMIT 5) x ORDER BY b OFFSET 1",
                "SELECT `x`.`a`\nFROM (SELECT `t`.`a`, `t`.`b`\nFROM `c`.`d`.`t`\nORDER BY `a`, `t`.`c`\nFETCH NEXT 5 ROWS ONLY) AS `x`\nORDER BY `x`.`b`\nOFFSET 1 ROWS",
            ),
            (
                "SELECT a, k FROM t, UNNEST(m) AS u(k, v) WHERE v > 1e0",
                "SELECT `t`.`a`, `u`.`k`\nFROM `c`.`d`.`t`,\nUNNEST(`t`.`m`) AS `u` (`k`, `v`)\nWHERE `u`.`v` > 1E0",
            ),
            (
                "((SELECT a FROM t)) UNION ALL (VALUES (- -1), (007))",
                "SELECT `t`.`a`\nFROM `c`.`d`.`t`\nUNION ALL\n(VALUES ROW(1),\nROW(7))",
            ),
            (
                "SELECT * FROM (WITH t AS (SELECT a FROM t) SELECT a FROM t) JOIN t ON TRUE",
                "SELECT *\nFROM (WITH `t` AS (SELECT `t`.`a`\nFROM `c`.`d`.`t`) SELECT `t`.`a`\nFROM `t`)\nINNER JOIN `c`.`d`.`t` ON TRUE",
            ),
        ] {
            let Ok(Statement::Query(query)) = parse_statement(written) else { panic!("{written}") };
            assert_eq!(expanded_query(&query, &home), expanded);
            let Ok(Statement::Query(again)) = parse_statement(expanded) else {
                panic!("{expanded}")
            };
            assert_eq!(expanded_query(&again, &home), expanded);
        }
    }
    #[test]
    fn numbers_are_shown_as_big_decimals() {
        for (written, shown) in [
            ("1e3", "1E3"),
            ("100E-2", "1.00E0"),
            ("12.340e1", "1.2340E2"),
            ("0.0001e0", "1E-4"),
            ("0.0e0", "0E-1"),
        ] {
            assert_eq!(long_number(written, NumberKind::Approximate), shown);
        }
        for (written, shown) in [("1.50", "1.50"), (".5", "0.5"), ("0.0000001", "1E-7")] {
            assert_eq!(long_number(written, NumberKind::Decimal), shown);
        }
        assert_eq!(long_number("007", NumberKind::Integer), "7");
        assert_eq!(long_number("1e99999999999", NumberKind::Approximate), "1e99999999999");
    }
}
