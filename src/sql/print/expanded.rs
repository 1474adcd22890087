//! The text that Flink keeps of views and computed columns: every name in back-ticks, tables with catalog and database,
//! columns with their table, clauses on lines of their own (Calcite's `SqlNode.toSqlString` after validation).

use super::Printer;
use crate::sql::ast::{Expr, ObjectName, Query, Select, TableRef, TableRefKind};

/// What unqualified names mean.
#[derive(Debug, Default)]
pub(super) struct Expanded {
    /// Catalog and database of tables.
    home: Option<(String, String)>,
    /// Names that WITH gives: they stay as they are.
    common: Vec<String>,
    /// The only table of each SELECT around the place, where there is just one.
    tables: Vec<Option<String>>,
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
    let common = query.with.iter().flat_map(|with| &with.tables);
    let expanded = Expanded {
        home: Some(home.clone()),
        common: common.map(|table| table.name.value.clone()).collect(),
        tables: Vec::new(),
    };
    let mut printer = Printer { out: String::new(), expanded: Some(expanded) };
    printer.query(query);
    printer.out
}

impl Printer {
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

    /// Between the inputs of a set operation.
    pub(super) fn set_operator(&mut self, text: &str) {
        match self.expanded {
            Some(_) => self.text(&format!("\n{}\n", text.trim())),
            None => self.text(text),
        }
    }

    pub(super) fn enter_select(&mut self, select: &Select) {
        if let Some(expanded) = &mut self.expanded {
            expanded.tables.push(select.from.as_ref().and_then(only_table));
        }
    }

    pub(super) fn leave_select(&mut self) {
        if let Some(expanded) = &mut self.expanded {
            expanded.tables.pop();
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

    /// A column; behind the name of its table where that is known.
    pub(super) fn column_name(&mut self, name: &ObjectName) {
        let table = self.expanded.as_ref().and_then(|expanded| expanded.tables.last()?.clone());
        if let Some(table) = table
            && name.parts.first().is_some_and(|first| first.value != table)
        {
            self.quoted(&table, '`');
            self.text(".");
        }
        self.name(name);
    }

    /// Functions of Flink's operator table are keywords to its printer, all others are names.
    pub(super) fn is_quoted_function(&self, name: &str) -> bool {
        self.expanded.is_some() && !OPERATORS.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

fn only_table(from: &TableRef) -> Option<String> {
    match &from.kind {
        TableRefKind::Table { name, alias, .. } => Some(match alias {
            Some(alias) => alias.name.value.clone(),
            None => name.last().to_owned(),
        }),
        TableRefKind::Subquery { alias, .. } => alias.as_ref().map(|a| a.name.value.clone()),
        _ => None,
    }
}

/// Names of `FlinkSqlOperatorTable`.
#[rustfmt::skip]
const OPERATORS: &[&str] = &[
    "ABS", "ACOS", "ASCII", "ASIN", "ATAN", "ATAN2", "AVG", "BIN", "CARDINALITY", "CEIL", "CEILING",
    "CHARACTER_LENGTH", "CHAR_LENGTH", "CHR", "COALESCE", "COLLECT", "CONCAT", "CONCAT_WS", "CONVERT_TZ", "COS",
    "COSH", "COT", "COUNT", "CUME_DIST", "CURRENT_DATE", "CURRENT_ROW_TIMESTAMP", "CURRENT_TIME",
    "CURRENT_TIMESTAMP", "DATE_FORMAT", "DAYOFMONTH", "DAYOFWEEK", "DAYOFYEAR", "DEGREES", "DENSE_RANK", "E",
    "ELEMENT", "EXP", "FIRST_VALUE", "FLOOR", "FROM_BASE64", "FROM_UNIXTIME", "GROUPING", "GROUPING_ID",
    "GROUP_ID", "HASH_CODE", "HEX", "HOP", "HOP_END", "HOP_START", "HOUR", "IF", "INITCAP", "INSTR", "IS_ALPHA",
    "IS_DECIMAL", "IS_DIGIT", "LAG", "LAST_VALUE", "LEAD", "LEFT", "LISTAGG", "LN", "LOCALTIME", "LOCALTIMESTAMP",
    "LOCATE", "LOG", "LOG10", "LOG2", "LOWER", "LPAD", "LTRIM", "MAX", "MD5", "MIN", "MINUTE", "MOD", "MONTH",
    "NOW", "NTILE", "NULLIF", "OVERLAY", "PARSE_URL", "PERCENT_RANK", "PI", "POSITION", "POWER", "PROCTIME",
    "QUARTER", "RADIANS", "RAND", "RAND_INTEGER", "RANK", "REGEXP", "REGEXP_EXTRACT", "REGEXP_REPLACE", "REPEAT",
    "REPLACE", "REVERSE", "RIGHT", "ROUND", "ROW_NUMBER", "RPAD", "RTRIM", "SECOND", "SESSION", "SESSION_END",
    "SESSION_START", "SHA1", "SHA2", "SHA224", "SHA256", "SHA384", "SHA512", "SIGN", "SIN", "SINH", "SPLIT_INDEX",
    "SQRT", "STDDEV_POP", "STDDEV_SAMP", "STR_TO_MAP", "SUBSTR", "SUBSTRING", "SUM", "TAN", "TANH", "TIMESTAMPADD",
    "TIMESTAMPDIFF", "TO_BASE64", "TO_DATE", "TO_TIMESTAMP", "TRUNCATE", "TUMBLE", "TUMBLE_END", "TUMBLE_ROWTIME",
    "TUMBLE_START", "UNIX_TIMESTAMP", "UPPER", "UUID", "VAR_POP", "VAR_SAMP", "WEEK", "YEAR",
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
        ] {
            let Ok(Statement::Query(query)) = parse_statement(written) else { panic!("{written}") };
            assert_eq!(expanded_query(&query, &home), expanded);
        }
    }
}
