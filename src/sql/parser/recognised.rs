//! Statements of Flink that are parsed and answered with "not supported yet".

use super::statement::unsupported;
use super::{Parser, Result};
use crate::base::Span;
use crate::sql::ast::{ExprKind, Literal, PartitionItem, Statement};
use crate::sql::token::Symbol;

type Rest = fn(&mut Parser<'_>) -> Result<()>;

/// Leading words, what to call the statement, and what follows the words; longer forms first.
const RECOGNISED: &[(&[&str], &str, Rest)] = &[
    (&["ALTER", "MATERIALIZED", "TABLE"], "ALTER MATERIALIZED TABLE", alter_materialized_table),
    (&["ALTER", "MODEL"], "ALTER MODEL", alter_model),
    (&["ANALYZE", "TABLE"], "ANALYZE TABLE", analyze_table),
    (&["CALL"], "CALL", call),
    (&["COMPILE"], "COMPILE PLAN", compile_plan),
    (&["CREATE", "MATERIALIZED", "TABLE"], "CREATE MATERIALIZED TABLE", create_materialized_table),
    (&["CREATE", "MODEL"], "CREATE MODEL", create_model),
    (&["CREATE", "TEMPORARY", "MODEL"], "CREATE MODEL", create_model),
    (&["CREATE", "OR", "REPLACE", "MODEL"], "CREATE MODEL", create_model),
    (&["CREATE", "OR", "REPLACE", "CATALOG"], "CREATE OR REPLACE CATALOG", create_catalog),
    (&["CREATE", "TEMPORARY", "CATALOG"], "CREATE TEMPORARY CATALOG", create_catalog),
    (&["CREATE", "TEMPORARY", "DATABASE"], "CREATE TEMPORARY DATABASE", create_database),
    (&["CREATE", "OR", "REPLACE", "FUNCTION"], "CREATE OR REPLACE FUNCTION", create_function),
    (&["DELETE"], "DELETE", delete),
    (&["DESCRIBE", "JOB"], "DESCRIBE JOB", text),
    (&["DESC", "JOB"], "DESCRIBE JOB", text),
    (&["DESCRIBE", "MODEL"], "DESCRIBE MODEL", extended_name),
    (&["DESC", "MODEL"], "DESCRIBE MODEL", extended_name),
    (&["DROP", "MATERIALIZED", "TABLE"], "DROP MATERIALIZED TABLE", name_if_exists),
    (&["DROP", "MODEL"], "DROP MODEL", name_if_exists),
    (&["DROP", "TEMPORARY", "MODEL"], "DROP MODEL", name_if_exists),
    (&["DROP", "SYSTEM", "FUNCTION"], "DROP SYSTEM FUNCTION", name_if_exists),
    (&["EXECUTE", "PLAN"], "EXECUTE PLAN", text),
    (&["MERGE"], "MERGE", merge),
    (&["SHOW", "CREATE", "MODEL"], "SHOW CREATE MODEL", name),
    (&["TRUNCATE", "TABLE"], "TRUNCATE TABLE", name),
    (&["UPDATE"], "UPDATE", update),
    (&["UPSERT"], "UPSERT", upsert),
];

impl Parser<'_> {
    /// A statement that is only recognised, if one begins here.
    pub(super) fn recognised(&mut self) -> Result<Option<Statement>> {
        let start = self.here();
        let found = RECOGNISED.iter().find(|(words, ..)| self.at_keywords(words));
        let Some((words, kind, rest)) = found else { return Ok(None) };
        words.iter().for_each(|_| self.advance());
        rest(self)?;
        Ok(Some(self.recognised_as(kind, start)))
    }

    /// The text since `start` as a statement that is only recognised.
    pub(super) fn recognised_as(&self, kind: &'static str, start: Span) -> Statement {
        unsupported(kind, self.since(start), self.source)
    }

    /// `PARTITION (a = 1, …)`.
    pub(super) fn partition_spec(&mut self) -> Result<Vec<PartitionItem>> {
        self.expect_keyword("PARTITION")?;
        self.parenthesized_list(Self::partition_item)
    }

    fn interval_literal(&mut self) -> Result<()> {
        self.expecting("INTERVAL");
        let value = self.primary()?;
        match value.kind {
            ExprKind::Literal(Literal::Interval { .. }) => Ok(()),
            _ => Err(super::error("expected an interval literal", value.span)),
        }
    }

    fn refresh_mode(&mut self) -> Result<()> {
        self.expect_keyword("REFRESH_MODE")?;
        self.expect(Symbol::Eq)?;
        if self.eat_keyword("FULL") { Ok(()) } else { self.expect_keyword("CONTINUOUS") }
    }

    fn freshness(&mut self) -> Result<()> {
        self.expect_keyword("FRESHNESS")?;
        self.expect(Symbol::Eq)?;
        self.interval_literal()
    }

    fn where_clause(&mut self) -> Result<()> {
        if self.eat_keyword("WHERE") {
            self.expr()?;
        }
        Ok(())
    }

    fn name_with_alias(&mut self) -> Result<()> {
        self.object_name()?;
        if self.eat_keyword("AS") {
            self.ident()?;
        } else {
            self.eat_ident();
        }
        Ok(())
    }

    fn assignments(&mut self) -> Result<()> {
        self.expect_keyword("SET")?;
        self.comma_list(|p| {
            p.ident()?;
            p.expect(Symbol::Eq)?;
            p.expr()
        })
        .map(drop)
    }
}

fn name(p: &mut Parser<'_>) -> Result<()> {
    p.object_name().map(drop)
}

fn text(p: &mut Parser<'_>) -> Result<()> {
    p.string().map(drop)
}

fn extended_name(p: &mut Parser<'_>) -> Result<()> {
    p.eat_keyword("EXTENDED");
    name(p)
}

fn name_if_exists(p: &mut Parser<'_>) -> Result<()> {
    p.if_exists();
    name(p)
}

fn alter_materialized_table(p: &mut Parser<'_>) -> Result<()> {
    name(p)?;
    if p.eat_keyword("SUSPEND") {
        return Ok(());
    }
    if p.eat_keyword("RESUME") {
        return p.with_properties().map(drop);
    }
    if p.eat_keyword("REFRESH") {
        return if p.at_keyword("PARTITION") { p.partition_spec().map(drop) } else { Ok(()) };
    }
    if p.eat_keyword("RESET") {
        return p.option_keys().map(drop);
    }
    if p.eat_keyword("AS") {
        return p.query().map(drop);
    }
    p.expect_keyword("SET")?;
    match p.keyword_at(0) {
        Some("FRESHNESS") => p.freshness(),
        Some("REFRESH_MODE") => p.refresh_mode(),
        _ => p.properties().map(drop),
    }
}

fn alter_model(p: &mut Parser<'_>) -> Result<()> {
    name_if_exists(p)?;
    if p.eat_keyword("RENAME") {
        p.expect_keyword("TO")?;
        return name(p);
    }
    if p.eat_keyword("RESET") {
        return p.option_keys().map(drop);
    }
    p.expect_keyword("SET")?;
    p.properties().map(drop)
}

fn analyze_table(p: &mut Parser<'_>) -> Result<()> {
    name(p)?;
    if p.eat_keyword("PARTITION") {
        p.parenthesized_list(|p| {
            p.ident()?;
            if p.eat(Symbol::Eq) { p.primary().map(drop) } else { Ok(()) }
        })?;
    }
    p.expect_keywords(&["COMPUTE", "STATISTICS"])?;
    if !p.eat_keyword("FOR") {
        return Ok(());
    }
    if p.eat_keyword("ALL") {
        return p.expect_keyword("COLUMNS");
    }
    p.expect_keyword("COLUMNS")?;
    p.comma_list(Parser::ident).map(drop)
}

fn call(p: &mut Parser<'_>) -> Result<()> {
    let name = p.object_name()?;
    p.function_call(name).map(drop)
}

fn compile_plan(p: &mut Parser<'_>) -> Result<()> {
    let executed = p.eat_keywords(&["AND", "EXECUTE"]);
    p.expect_keyword("PLAN")?;
    text(p)?;
    if !executed {
        p.if_not_exists();
    }
    p.expect_keyword("FOR")?;
    if p.at_keyword("STATEMENT") {
        let start = p.here();
        return p.statement_set(start).map(drop);
    }
    p.expecting("STATEMENT");
    p.insert().map(drop)
}

fn create_materialized_table(p: &mut Parser<'_>) -> Result<()> {
    name(p)?;
    if p.at(Symbol::LParen) {
        p.parenthesized_list(Parser::constraint)?;
    }
    p.comment()?;
    if p.eat_keyword("PARTITIONED") {
        p.expect_keyword("BY")?;
        p.parenthesized_list(Parser::ident)?;
    }
    p.with_properties()?;
    p.freshness()?;
    if p.at_keyword("REFRESH_MODE") {
        p.refresh_mode()?;
    }
    p.expect_keyword("AS")?;
    p.query().map(drop)
}

fn create_model(p: &mut Parser<'_>) -> Result<()> {
    p.if_not_exists();
    name(p)?;
    for side in ["INPUT", "OUTPUT"] {
        if p.eat_keyword(side) {
            p.parenthesized_list(Parser::column)?;
        }
    }
    p.comment()?;
    p.with_properties()?;
    if p.eat_keyword("AS") { p.query().map(drop) } else { Ok(()) }
}

fn create_catalog(p: &mut Parser<'_>) -> Result<()> {
    let start = p.here();
    p.create_catalog(start).map(drop)
}

fn create_database(p: &mut Parser<'_>) -> Result<()> {
    let start = p.here();
    p.create_database(start).map(drop)
}

fn create_function(p: &mut Parser<'_>) -> Result<()> {
    let start = p.here();
    p.function_after_its_word(false, false, start).map(drop)
}

fn delete(p: &mut Parser<'_>) -> Result<()> {
    p.expect_keyword("FROM")?;
    p.name_with_alias()?;
    p.where_clause()
}

fn update(p: &mut Parser<'_>) -> Result<()> {
    p.name_with_alias()?;
    p.assignments()?;
    p.where_clause()
}

fn upsert(p: &mut Parser<'_>) -> Result<()> {
    p.insert_after_its_word().map(drop)
}

fn merge(p: &mut Parser<'_>) -> Result<()> {
    p.expect_keyword("INTO")?;
    p.name_with_alias()?;
    p.expect_keyword("USING")?;
    p.from()?;
    p.expect_keyword("ON")?;
    p.expr()?;
    p.expect_keyword("WHEN")?;
    if !p.eat_keyword("NOT") {
        p.expect_keywords(&["MATCHED", "THEN", "UPDATE"])?;
        p.assignments()?;
        if !p.eat_keyword("WHEN") {
            return Ok(());
        }
        p.expect_keyword("NOT")?;
    }
    p.expect_keywords(&["MATCHED", "THEN", "INSERT"])?;
    if p.at(Symbol::LParen) {
        p.parenthesized_list(Parser::ident)?;
    }
    p.query().map(drop)
}
