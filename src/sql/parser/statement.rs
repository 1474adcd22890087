//! Statements by their leading words.

use super::table::CreateWords;
use super::{Parser, Result, error};
use crate::base::Span;
use crate::sql::ast::{
    CreateCatalog, CreateDatabase, CreateFunction, CreateView, Drop, DropObject, Explain,
    ExplainDetail, ExprKind, FunctionLanguage, Insert, PartitionItem, Statement, StatementSet,
    Unsupported,
};
use crate::sql::token::{Symbol, TokenKind};

impl Parser<'_> {
    pub(in crate::sql) fn statement(&mut self) -> Result<Statement> {
        let start = self.here();
        if let Some(recognised) = self.recognised()? {
            return Ok(recognised);
        }
        match self.keyword_at(0) {
            Some("SELECT" | "WITH" | "VALUES" | "VALUE" | "TABLE") => self.query_statement(),
            _ if self.at(Symbol::LParen) => self.query_statement(),
            Some("CREATE") => self.create(),
            Some("REPLACE") => {
                self.advance();
                let temporary = self.eat_keyword("TEMPORARY");
                let words = CreateWords { or_replace: true, temporary };
                let table = self.create_table(words, start)?;
                if table.as_query.is_none() {
                    self.expecting("AS");
                    return Err(self.unexpected());
                }
                Ok(Statement::CreateTable(Box::new(table)))
            }
            Some("DROP") => self.drop_statement(),
            Some("ALTER") => self.alter(),
            Some("INSERT") => self.insert().map(|insert| Statement::Insert(Box::new(insert))),
            Some("EXECUTE") => self.execute(),
            Some("BEGIN") => self.begin_statement_set(),
            Some("EXPLAIN") => self.explain(),
            _ => self.utility(),
        }
    }

    fn query_statement(&mut self) -> Result<Statement> {
        self.query().map(|query| Statement::Query(Box::new(query)))
    }

    fn create(&mut self) -> Result<Statement> {
        let start = self.here();
        self.expect_keyword("CREATE")?;
        let or_replace = self.eat_keywords(&["OR", "REPLACE"]);
        let temporary = self.eat_keyword("TEMPORARY");
        let words = CreateWords { or_replace, temporary };
        if self.at_keyword("TABLE") {
            return self
                .create_table(words, start)
                .map(|table| Statement::CreateTable(Box::new(table)));
        }
        self.expecting("TABLE");
        if self.eat_keyword("VIEW") {
            return self.create_view(words, start);
        }
        if !or_replace {
            if self.at_keyword("FUNCTION") || self.at_keyword("SYSTEM") {
                return self.create_function(temporary, start);
            }
            self.expecting("FUNCTION");
        }
        if !or_replace && !temporary {
            if self.eat_keyword("DATABASE") {
                return self.create_database(start);
            }
            if self.eat_keyword("CATALOG") {
                return self.create_catalog(start);
            }
        }
        Err(self.unexpected())
    }

    fn create_view(&mut self, words: CreateWords, start: Span) -> Result<Statement> {
        let if_not_exists = self.if_not_exists();
        let name = self.object_name()?;
        let columns = self.column_aliases()?;
        let comment = self.comment()?;
        self.expect_keyword("AS")?;
        let query = Box::new(self.query()?);
        let CreateWords { or_replace, temporary } = words;
        let span = self.since(start);
        Ok(Statement::CreateView(CreateView {
            or_replace,
            temporary,
            if_not_exists,
            name,
            columns,
            comment,
            query,
            span,
        }))
    }

    pub(super) fn create_database(&mut self, start: Span) -> Result<Statement> {
        let if_not_exists = self.if_not_exists();
        let name = self.object_name()?;
        let comment = self.comment()?;
        let properties = self.with_properties()?;
        let span = self.since(start);
        let database = CreateDatabase { if_not_exists, name, comment, properties, span };
        Ok(Statement::CreateDatabase(database))
    }

    pub(super) fn create_catalog(&mut self, start: Span) -> Result<Statement> {
        let if_not_exists = self.if_not_exists();
        let name = self.ident()?;
        let comment = self.comment()?;
        let properties = self.with_properties()?;
        let span = self.since(start);
        let catalog = CreateCatalog { if_not_exists, name, comment, properties, span };
        Ok(Statement::CreateCatalog(catalog))
    }

    fn create_function(&mut self, temporary: bool, start: Span) -> Result<Statement> {
        let system_span = self.here();
        let system = self.eat_keyword("SYSTEM");
        if system && !temporary {
            let message = "CREATE SYSTEM FUNCTION is not supported, system functions can only be \
                           registered as temporary function, you can use CREATE TEMPORARY SYSTEM \
                           FUNCTION instead.";
            return Err(error(message, system_span));
        }
        self.expect_keyword("FUNCTION")?;
        self.function_after_its_word(temporary, system, start)
    }

    pub(super) fn function_after_its_word(
        &mut self,
        temporary: bool,
        system: bool,
        start: Span,
    ) -> Result<Statement> {
        let if_not_exists = self.if_not_exists();
        let name = self.object_name()?;
        self.expect_keyword("AS")?;
        let class = self.string()?;
        let language = self.language()?;
        let mut jars = Vec::new();
        if self.eat_keyword("USING") {
            jars = self.comma_list(|p| {
                p.expect_keyword("JAR")?;
                p.string()
            })?;
        }
        let span = self.since(start);
        Ok(Statement::CreateFunction(CreateFunction {
            temporary,
            system,
            if_not_exists,
            name,
            class,
            language,
            jars,
            span,
        }))
    }

    /// `LANGUAGE JAVA`, or nothing.
    pub(super) fn language(&mut self) -> Result<Option<FunctionLanguage>> {
        if !self.eat_keyword("LANGUAGE") {
            return Ok(None);
        }
        let language = self.eat_one_of(&[
            ("JAVA", FunctionLanguage::Java),
            ("SCALA", FunctionLanguage::Scala),
            ("PYTHON", FunctionLanguage::Python),
            ("SQL", FunctionLanguage::Sql),
        ]);
        language.map(Some).ok_or_else(|| self.unexpected())
    }

    fn drop_statement(&mut self) -> Result<Statement> {
        let start = self.here();
        self.expect_keyword("DROP")?;
        let temporary = self.eat_keyword("TEMPORARY");
        let object = if temporary && self.eat_keyword("SYSTEM") {
            self.expect_keyword("FUNCTION")?;
            Some(DropObject::SystemFunction)
        } else {
            self.eat_one_of(&[
                ("TABLE", DropObject::Table),
                ("VIEW", DropObject::View),
                ("FUNCTION", DropObject::Function),
            ])
        };
        let object = match object {
            Some(object) => Some(object),
            None if temporary => None,
            None => self.eat_one_of(&[
                ("DATABASE", DropObject::Database),
                ("CATALOG", DropObject::Catalog),
            ]),
        };
        let Some(object) = object else { return Err(self.unexpected()) };
        let if_exists = self.if_exists();
        let name = self.object_name()?;
        let cascade = if object == DropObject::Database {
            self.eat_one_of(&[("CASCADE", true), ("RESTRICT", false)])
        } else {
            None
        };
        let span = self.since(start);
        Ok(Statement::Drop(Drop { object, temporary, if_exists, name, cascade, span }))
    }

    pub(super) fn insert(&mut self) -> Result<Insert> {
        let start = self.here();
        self.expect_keyword("INSERT")?;
        let insert = self.insert_after_its_word()?;
        Ok(Insert { span: self.since(start), ..insert })
    }

    pub(super) fn insert_after_its_word(&mut self) -> Result<Insert> {
        let start = self.here();
        let overwrite = self.eat_keyword("OVERWRITE");
        if !overwrite {
            self.expect_keyword("INTO")?;
        }
        let table = self.object_name()?;
        let hints = self.hints()?;
        let partition = if self.eat_keyword("PARTITION") {
            self.parenthesized_list(Self::partition_item)?
        } else {
            Vec::new()
        };
        let columns = if self.at(Symbol::LParen) && !self.query_starts_in_parens_at(0) {
            self.parenthesized_list(Self::object_name)?
        } else {
            Vec::new()
        };
        let query = Box::new(self.query()?);
        let span = self.since(start);
        Ok(Insert { overwrite, table, hints, partition, columns, query, span })
    }

    pub(super) fn partition_item(&mut self) -> Result<PartitionItem> {
        let column = self.ident()?;
        self.expect(Symbol::Eq)?;
        let value = self.primary()?;
        if !matches!(value.kind, ExprKind::Literal(_)) {
            return Err(error("the value of a partition is a literal", value.span));
        }
        Ok(PartitionItem { span: self.since(column.span), column, value })
    }

    /// EXECUTE before a statement set, an INSERT or a query changes nothing for the latter two.
    fn execute(&mut self) -> Result<Statement> {
        let start = self.here();
        self.expect_keyword("EXECUTE")?;
        if self.at_keyword("STATEMENT") {
            return self.statement_set(start).map(Statement::StatementSet);
        }
        self.expecting("STATEMENT");
        if self.at_keyword("INSERT") {
            let mut insert = self.insert()?;
            insert.span = self.since(start);
            return Ok(Statement::Insert(Box::new(insert)));
        }
        self.expecting("INSERT");
        self.query_statement()
    }

    /// `STATEMENT SET BEGIN insert; … END`.
    pub(super) fn statement_set(&mut self, start: Span) -> Result<StatementSet> {
        self.expect_keywords(&["STATEMENT", "SET", "BEGIN"])?;
        self.statement_set_body(true, start)
    }

    /// `BEGIN STATEMENT SET; insert; … END`.
    fn begin_statement_set(&mut self) -> Result<Statement> {
        let start = self.here();
        self.expect_keywords(&["BEGIN", "STATEMENT", "SET"])?;
        self.expect_in_set()?;
        self.statement_set_body(false, start).map(Statement::StatementSet)
    }

    /// The `;` within a statement set. Where the tokens end, the set has no END: such a one is cut at its first `;`.
    fn expect_in_set(&mut self) -> Result<()> {
        let is_cut = self.token().kind == TokenKind::End;
        self.expect(Symbol::Semicolon).map_err(|mut error| {
            error.hint = is_cut.then(|| "a statement set ends with END;".to_owned()).or(error.hint);
            error
        })
    }

    fn statement_set_body(&mut self, execute: bool, start: Span) -> Result<StatementSet> {
        let mut inserts = Vec::new();
        loop {
            // As in Flink, BEGIN may be followed by END.
            if !(execute && inserts.is_empty()) && self.eat_keyword("END") {
                let span = self.since(start);
                return Ok(StatementSet { execute, inserts, span });
            }
            inserts.push(self.insert()?);
            self.expect_in_set()?;
        }
    }

    fn explain(&mut self) -> Result<Statement> {
        let start = self.here();
        self.expect_keyword("EXPLAIN")?;
        let mut details = Vec::new();
        if !self.eat_keywords(&["PLAN", "FOR"]) {
            let table = [
                ExplainDetail::EstimatedCost,
                ExplainDetail::ChangelogMode,
                ExplainDetail::JsonExecutionPlan,
                ExplainDetail::PlanAdvice,
            ]
            .map(|detail| (detail.name(), detail));
            if let Some(first) = self.eat_one_of(&table) {
                details.push(first);
                while self.eat(Symbol::Comma) {
                    let span = self.here();
                    let detail = self.eat_one_of(&table).ok_or_else(|| self.unexpected())?;
                    if details.contains(&detail) {
                        return Err(error("Duplicate EXPLAIN DETAIL is not allowed.", span));
                    }
                    details.push(detail);
                }
            }
        }
        let inner = self.here();
        let statement = match self.keyword_at(0) {
            Some("STATEMENT") => Statement::StatementSet(self.statement_set(inner)?),
            Some("INSERT") => Statement::Insert(Box::new(self.insert()?)),
            Some("UPSERT") => self.recognised()?.ok_or_else(|| self.unexpected())?,
            Some("CREATE" | "REPLACE") => match self.statement()? {
                Statement::CreateTable(table) if table.as_query.is_some() => {
                    Statement::CreateTable(table)
                }
                other => {
                    let message = format!("EXPLAIN of {} is no statement", other.kind());
                    return Err(error(message, inner));
                }
            },
            _ => self.query_statement()?,
        };
        let span = self.since(start);
        Ok(Statement::Explain(Explain { details, statement: Box::new(statement), span }))
    }
}

pub(super) fn unsupported(kind: &'static str, span: Span, source: &str) -> Statement {
    Statement::Unsupported(Unsupported { kind, text: span.text(source).to_owned(), span })
}

/// The kind of a statement that could not be parsed, from its leading words; `None` where they
/// are no statement of Flink.
pub(in crate::sql) fn leading_kind(parser: &Parser<'_>) -> Option<&'static str> {
    const KINDS: &[(&[&str], &str)] = &[
        (&["CREATE", "TABLE"], "CREATE TABLE"),
        (&["CREATE", "VIEW"], "CREATE VIEW"),
        (&["CREATE", "DATABASE"], "CREATE DATABASE"),
        (&["CREATE", "CATALOG"], "CREATE CATALOG"),
        (&["CREATE", "FUNCTION"], "CREATE FUNCTION"),
        (&["CREATE"], "CREATE"),
        (&["REPLACE"], "CREATE TABLE"),
        (&["DROP", "TABLE"], "DROP TABLE"),
        (&["DROP", "VIEW"], "DROP VIEW"),
        (&["DROP", "DATABASE"], "DROP DATABASE"),
        (&["DROP", "CATALOG"], "DROP CATALOG"),
        (&["DROP", "FUNCTION"], "DROP FUNCTION"),
        (&["DROP"], "DROP"),
        (&["ALTER", "TABLE"], "ALTER TABLE"),
        (&["ALTER", "VIEW"], "ALTER VIEW"),
        (&["ALTER", "DATABASE"], "ALTER DATABASE"),
        (&["ALTER", "CATALOG"], "ALTER CATALOG"),
        (&["ALTER", "FUNCTION"], "ALTER FUNCTION"),
        (&["ALTER"], "ALTER"),
        (&["INSERT", "OVERWRITE"], "INSERT OVERWRITE"),
        (&["INSERT"], "INSERT INTO"),
        (&["EXECUTE", "INSERT"], "INSERT INTO"),
        (&["EXECUTE", "STATEMENT"], "EXECUTE STATEMENT SET"),
        (&["EXECUTE"], "EXECUTE"),
        (&["BEGIN"], "BEGIN STATEMENT SET"),
        (&["END"], "END"),
        (&["SELECT"], "SELECT"),
        (&["WITH"], "SELECT"),
        (&["VALUES"], "VALUES"),
        (&["TABLE"], "TABLE"),
        (&["SET"], "SET"),
        (&["RESET"], "RESET"),
        (&["USE"], "USE"),
        (&["SHOW"], "SHOW"),
        (&["DESCRIBE"], "DESCRIBE"),
        (&["DESC"], "DESCRIBE"),
        (&["EXPLAIN"], "EXPLAIN"),
        (&["ADD"], "ADD JAR"),
        (&["REMOVE"], "REMOVE JAR"),
        (&["LOAD"], "LOAD MODULE"),
        (&["UNLOAD"], "UNLOAD MODULE"),
        (&["STOP"], "STOP JOB"),
    ];
    if parser.at(Symbol::LParen) {
        return Some("SELECT");
    }
    // Words that say how, not what.
    let skipped = ["OR", "REPLACE", "TEMPORARY", "SYSTEM"];
    let mut words = Vec::new();
    for ahead in 0..8 {
        match parser.keyword_at(ahead) {
            Some(word) if ahead > 0 && skipped.contains(&word) => {}
            Some(word) => words.push(word),
            None => break,
        }
    }
    KINDS.iter().find(|(kind, _)| words.starts_with(kind)).map(|(_, name)| *name)
}
