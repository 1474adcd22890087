//! Statements other than table definitions and queries.

use super::{AlterTable, CreateTable, Expr, Hint, Ident, ObjectName, Property, Query, SqlString};
use crate::base::Span;

/// A statement.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // each variant is one statement, documented at its type
pub enum Statement {
    CreateTable(Box<CreateTable>),
    AlterTable(AlterTable),
    CreateView(CreateView),
    AlterView(AlterView),
    CreateDatabase(CreateDatabase),
    AlterDatabase(AlterDatabase),
    CreateCatalog(CreateCatalog),
    AlterCatalog(AlterCatalog),
    CreateFunction(CreateFunction),
    AlterFunction(AlterFunction),
    Drop(Drop),
    Query(Box<Query>),
    Insert(Box<Insert>),
    StatementSet(StatementSet),
    Set(Set),
    Reset(Reset),
    Use(Use),
    Show(Show),
    Describe(Describe),
    Explain(Explain),
    Jar(Jar),
    LoadModule(LoadModule),
    UnloadModule(UnloadModule),
    StopJob(StopJob),
    Client(Client),
    Unsupported(Unsupported),
}

impl Statement {
    /// Where it stands, without the closing `;`.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::CreateTable(s) => s.span,
            Self::AlterTable(s) => s.span,
            Self::CreateView(s) => s.span,
            Self::AlterView(s) => s.span,
            Self::CreateDatabase(s) => s.span,
            Self::AlterDatabase(s) => s.span,
            Self::CreateCatalog(s) => s.span,
            Self::AlterCatalog(s) => s.span,
            Self::CreateFunction(s) => s.span,
            Self::AlterFunction(s) => s.span,
            Self::Drop(s) => s.span,
            Self::Query(s) => s.span,
            Self::Insert(s) => s.span,
            Self::StatementSet(s) => s.span,
            Self::Set(s) => s.span,
            Self::Reset(s) => s.span,
            Self::Use(s) => s.span,
            Self::Show(s) => s.span,
            Self::Describe(s) => s.span,
            Self::Explain(s) => s.span,
            Self::Jar(s) => s.span,
            Self::LoadModule(s) => s.span,
            Self::UnloadModule(s) => s.span,
            Self::StopJob(s) => s.span,
            Self::Client(s) => s.span,
            Self::Unsupported(s) => s.span,
        }
    }

    /// What kind of statement it is, in upper case: `CREATE TABLE`, `INSERT INTO`, `SELECT`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CreateTable(_) => "CREATE TABLE",
            Self::AlterTable(_) => "ALTER TABLE",
            Self::CreateView(_) => "CREATE VIEW",
            Self::AlterView(_) => "ALTER VIEW",
            Self::CreateDatabase(_) => "CREATE DATABASE",
            Self::AlterDatabase(_) => "ALTER DATABASE",
            Self::CreateCatalog(_) => "CREATE CATALOG",
            Self::AlterCatalog(_) => "ALTER CATALOG",
            Self::CreateFunction(_) => "CREATE FUNCTION",
            Self::AlterFunction(_) => "ALTER FUNCTION",
            Self::Drop(s) => s.object.statement_kind(),
            Self::Query(s) => s.statement_kind(),
            Self::Insert(s) if s.overwrite => "INSERT OVERWRITE",
            Self::Insert(_) => "INSERT INTO",
            Self::StatementSet(s) if s.execute => "EXECUTE STATEMENT SET",
            Self::StatementSet(_) => "BEGIN STATEMENT SET",
            Self::Set(_) => "SET",
            Self::Reset(_) => "RESET",
            Self::Use(s) => s.kind.statement_kind(),
            Self::Show(s) => s.what.statement_kind(),
            Self::Describe(_) => "DESCRIBE",
            Self::Explain(_) => "EXPLAIN",
            Self::Jar(s) if s.remove => "REMOVE JAR",
            Self::Jar(_) => "ADD JAR",
            Self::LoadModule(_) => "LOAD MODULE",
            Self::UnloadModule(_) => "UNLOAD MODULE",
            Self::StopJob(_) => "STOP JOB",
            Self::Client(s) => s.command.name(),
            Self::Unsupported(s) => s.kind,
        }
    }
}

impl Query {
    /// `VALUES`, `TABLE` or `SELECT`: also a WITH and a set operation are a SELECT to a user.
    #[must_use]
    pub fn statement_kind(&self) -> &'static str {
        use super::QueryBodyKind as Kind;
        match &self.body.kind {
            Kind::Values(_) => "VALUES",
            Kind::Table(_) => "TABLE",
            Kind::Select(_) | Kind::SetOperation { .. } => "SELECT",
            Kind::Nested(inner) => inner.statement_kind(),
        }
    }
}

/// `CREATE [TEMPORARY] VIEW [IF NOT EXISTS] name [(columns)] [COMMENT 'c'] AS query`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateView {
    /// CREATE OR REPLACE.
    pub or_replace: bool,
    /// TEMPORARY.
    pub temporary: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// The view.
    pub name: ObjectName,
    /// New column names; empty where none are written.
    pub columns: Vec<Ident>,
    /// COMMENT.
    pub comment: Option<SqlString>,
    /// What it stands for.
    pub query: Box<Query>,
    /// Position.
    pub span: Span,
}

/// `ALTER VIEW name …`.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterView {
    /// The view.
    pub name: ObjectName,
    /// What changes.
    pub action: AlterViewAction,
    /// Position.
    pub span: Span,
}

/// The actions of ALTER VIEW.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum AlterViewAction {
    RenameTo(ObjectName),
    As(Box<Query>),
}

/// `CREATE DATABASE [IF NOT EXISTS] name [COMMENT 'c'] [WITH (…)]`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateDatabase {
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// The database.
    pub name: ObjectName,
    /// COMMENT.
    pub comment: Option<SqlString>,
    /// WITH.
    pub properties: Vec<Property>,
    /// Position.
    pub span: Span,
}

/// `ALTER DATABASE name SET (…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterDatabase {
    /// The database.
    pub name: ObjectName,
    /// New properties.
    pub properties: Vec<Property>,
    /// Position.
    pub span: Span,
}

/// `CREATE CATALOG [IF NOT EXISTS] name [COMMENT 'c'] WITH (…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateCatalog {
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// The catalog.
    pub name: Ident,
    /// COMMENT.
    pub comment: Option<SqlString>,
    /// WITH.
    pub properties: Vec<Property>,
    /// Position.
    pub span: Span,
}

/// `ALTER CATALOG name …`.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterCatalog {
    /// The catalog.
    pub name: Ident,
    /// What changes.
    pub action: AlterCatalogAction,
    /// Position.
    pub span: Span,
}

/// The actions of ALTER CATALOG.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum AlterCatalogAction {
    SetOptions(Vec<Property>),
    ResetOptions(Vec<SqlString>),
    Comment(SqlString),
}

/// `CREATE [TEMPORARY] [SYSTEM] FUNCTION [IF NOT EXISTS] name AS 'class' [LANGUAGE x] [USING JAR 'path']`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateFunction {
    /// TEMPORARY.
    pub temporary: bool,
    /// SYSTEM.
    pub system: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// The function.
    pub name: ObjectName,
    /// Class or `module.function`.
    pub class: SqlString,
    /// LANGUAGE, in upper case.
    pub language: Option<FunctionLanguage>,
    /// USING JAR.
    pub jars: Vec<SqlString>,
    /// Position.
    pub span: Span,
}

/// `ALTER [TEMPORARY] [SYSTEM] FUNCTION [IF EXISTS] name AS 'class' [LANGUAGE x]`.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterFunction {
    /// TEMPORARY.
    pub temporary: bool,
    /// SYSTEM.
    pub system: bool,
    /// IF EXISTS.
    pub if_exists: bool,
    /// The function.
    pub name: ObjectName,
    /// Class or `module.function`.
    pub class: SqlString,
    /// LANGUAGE.
    pub language: Option<FunctionLanguage>,
    /// Position.
    pub span: Span,
}

/// The language of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FunctionLanguage {
    Java,
    Scala,
    Python,
    Sql,
}

/// `DROP [TEMPORARY] TABLE | VIEW | DATABASE | CATALOG | FUNCTION [IF EXISTS] name`.
#[derive(Debug, Clone, PartialEq)]
pub struct Drop {
    /// What is dropped.
    pub object: DropObject,
    /// TEMPORARY.
    pub temporary: bool,
    /// IF EXISTS.
    pub if_exists: bool,
    /// Its name.
    pub name: ObjectName,
    /// DROP DATABASE … CASCADE is `Some(true)`, RESTRICT `Some(false)`.
    pub cascade: Option<bool>,
    /// Position.
    pub span: Span,
}

/// What DROP drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DropObject {
    Table,
    View,
    Database,
    Catalog,
    Function,
    SystemFunction,
}

impl DropObject {
    const fn statement_kind(self) -> &'static str {
        match self {
            Self::Table => "DROP TABLE",
            Self::View => "DROP VIEW",
            Self::Database => "DROP DATABASE",
            Self::Catalog => "DROP CATALOG",
            Self::Function | Self::SystemFunction => "DROP FUNCTION",
        }
    }
}

/// `INSERT INTO | OVERWRITE name [hints] [PARTITION (…)] [(columns)] query`, also after EXECUTE.
#[derive(Debug, Clone, PartialEq)]
pub struct Insert {
    /// INSERT OVERWRITE.
    pub overwrite: bool,
    /// The target.
    pub table: ObjectName,
    /// Hints after the name.
    pub hints: Vec<Hint>,
    /// `PARTITION (a = 1)`.
    pub partition: Vec<PartitionItem>,
    /// Target columns; several parts name a field of a row. Empty where none are written.
    pub columns: Vec<ObjectName>,
    /// What is written.
    pub query: Box<Query>,
    /// Position.
    pub span: Span,
}

/// `a = 1` of a PARTITION clause.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionItem {
    /// Partition column.
    pub column: Ident,
    /// Its fixed value.
    pub value: Expr,
    /// Position.
    pub span: Span,
}

/// `EXECUTE STATEMENT SET BEGIN …; END` or `BEGIN STATEMENT SET; …; END`.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementSet {
    /// Written with EXECUTE.
    pub execute: bool,
    /// The inserts.
    pub inserts: Vec<Insert>,
    /// Position, to END.
    pub span: Span,
}

/// `SET 'key' = 'value'`, `SET key = value`, `SET`.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    /// Absent in a plain SET, which lists all settings.
    pub assignment: Option<Property>,
    /// Position.
    pub span: Span,
}

/// `RESET 'key'`, `RESET key`, `RESET`.
#[derive(Debug, Clone, PartialEq)]
pub struct Reset {
    /// Absent in a plain RESET, which resets all settings.
    pub key: Option<SqlString>,
    /// Position.
    pub span: Span,
}

/// `USE …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    /// What is used from here on.
    pub kind: UseKind,
    /// Position.
    pub span: Span,
}

/// What USE switches.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum UseKind {
    Catalog(Ident),
    Database(ObjectName),
    Modules(Vec<Ident>),
}

impl UseKind {
    const fn statement_kind(&self) -> &'static str {
        match self {
            Self::Catalog(_) => "USE CATALOG",
            Self::Database(_) => "USE",
            Self::Modules(_) => "USE MODULES",
        }
    }
}

/// `SHOW …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Show {
    /// What is shown.
    pub what: ShowWhat,
    /// `FROM name`, `IN name`.
    pub scope: Option<ShowScope>,
    /// `[NOT] LIKE 'pattern'`, `ILIKE`.
    pub like: Option<ShowLike>,
    /// Position.
    pub span: Span,
}

/// What SHOW lists.
#[derive(Debug, Clone, PartialEq)]
pub enum ShowWhat {
    /// SHOW CATALOGS.
    Catalogs,
    /// SHOW CURRENT CATALOG.
    CurrentCatalog,
    /// SHOW DATABASES.
    Databases,
    /// SHOW CURRENT DATABASE.
    CurrentDatabase,
    /// SHOW TABLES.
    Tables,
    /// SHOW VIEWS.
    Views,
    /// SHOW COLUMNS FROM t; the table is the scope.
    Columns,
    /// SHOW `[USER]` FUNCTIONS.
    Functions {
        /// USER.
        user: bool,
    },
    /// SHOW `[FULL]` MODULES.
    Modules {
        /// FULL.
        full: bool,
    },
    /// SHOW JARS.
    Jars,
    /// SHOW JOBS.
    Jobs,
    /// SHOW PROCEDURES.
    Procedures,
    /// SHOW CREATE TABLE t.
    CreateTable(ObjectName),
    /// SHOW CREATE VIEW v.
    CreateView(ObjectName),
    /// SHOW CREATE CATALOG c.
    CreateCatalog(ObjectName),
    /// SHOW PARTITIONS t, of these values only.
    Partitions(ObjectName, Vec<PartitionItem>),
    /// SHOW MODELS.
    Models,
}

impl ShowWhat {
    const fn statement_kind(&self) -> &'static str {
        match self {
            Self::Catalogs => "SHOW CATALOGS",
            Self::CurrentCatalog => "SHOW CURRENT CATALOG",
            Self::Databases => "SHOW DATABASES",
            Self::CurrentDatabase => "SHOW CURRENT DATABASE",
            Self::Tables => "SHOW TABLES",
            Self::Views => "SHOW VIEWS",
            Self::Columns => "SHOW COLUMNS",
            Self::Functions { .. } => "SHOW FUNCTIONS",
            Self::Modules { .. } => "SHOW MODULES",
            Self::Jars => "SHOW JARS",
            Self::Jobs => "SHOW JOBS",
            Self::Procedures => "SHOW PROCEDURES",
            Self::CreateTable(_) => "SHOW CREATE TABLE",
            Self::CreateView(_) => "SHOW CREATE VIEW",
            Self::CreateCatalog(_) => "SHOW CREATE CATALOG",
            Self::Partitions(..) => "SHOW PARTITIONS",
            Self::Models => "SHOW MODELS",
        }
    }
}

/// `FROM name` of a SHOW.
#[derive(Debug, Clone, PartialEq)]
pub struct ShowScope {
    /// IN rather than FROM.
    pub is_in: bool,
    /// Catalog, database or table.
    pub name: ObjectName,
}

/// `LIKE 'pattern'` of a SHOW.
#[derive(Debug, Clone, PartialEq)]
pub struct ShowLike {
    /// NOT LIKE.
    pub negated: bool,
    /// ILIKE.
    pub ignore_case: bool,
    /// The pattern.
    pub pattern: SqlString,
}

/// `DESCRIBE name`.
#[derive(Debug, Clone, PartialEq)]
pub struct Describe {
    /// What is described.
    pub object: DescribeObject,
    /// EXTENDED.
    pub extended: bool,
    /// Its name; a job's id.
    pub name: ObjectName,
    /// Position.
    pub span: Span,
}

/// What DESCRIBE describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DescribeObject {
    /// A table or a view.
    Table,
    Catalog,
    Database,
    Function,
}

/// `EXPLAIN [PLAN FOR | details] statement`.
#[derive(Debug, Clone, PartialEq)]
pub struct Explain {
    /// ESTIMATED_COST, CHANGELOG_MODE, …
    pub details: Vec<ExplainDetail>,
    /// What is explained: a query, an INSERT or a statement set.
    pub statement: Box<Statement>,
    /// Position.
    pub span: Span,
}

/// What EXPLAIN adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ExplainDetail {
    EstimatedCost,
    ChangelogMode,
    JsonExecutionPlan,
    PlanAdvice,
}

impl ExplainDetail {
    /// Its SQL name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EstimatedCost => "ESTIMATED_COST",
            Self::ChangelogMode => "CHANGELOG_MODE",
            Self::JsonExecutionPlan => "JSON_EXECUTION_PLAN",
            Self::PlanAdvice => "PLAN_ADVICE",
        }
    }
}

/// `ADD JAR 'path'`, `REMOVE JAR 'path'`.
#[derive(Debug, Clone, PartialEq)]
pub struct Jar {
    /// REMOVE.
    pub remove: bool,
    /// Path or address.
    pub path: SqlString,
    /// Position.
    pub span: Span,
}

/// `LOAD MODULE name [WITH (…)]`.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadModule {
    /// The module.
    pub name: Ident,
    /// WITH.
    pub properties: Vec<Property>,
    /// Position.
    pub span: Span,
}

/// `UNLOAD MODULE name`.
#[derive(Debug, Clone, PartialEq)]
pub struct UnloadModule {
    /// The module.
    pub name: Ident,
    /// Position.
    pub span: Span,
}

/// `STOP JOB 'id' [WITH SAVEPOINT] [WITH DRAIN]`.
#[derive(Debug, Clone, PartialEq)]
pub struct StopJob {
    /// The job.
    pub id: SqlString,
    /// WITH SAVEPOINT.
    pub with_savepoint: bool,
    /// WITH DRAIN.
    pub with_drain: bool,
    /// Position.
    pub span: Span,
}

/// A command of the interactive client.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// Which one.
    pub command: ClientCommand,
    /// Position.
    pub span: Span,
}

/// The commands of Flink's client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ClientCommand {
    Quit,
    Exit,
    Clear,
    Help,
}

impl ClientCommand {
    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quit => "QUIT",
            Self::Exit => "EXIT",
            Self::Clear => "CLEAR",
            Self::Help => "HELP",
        }
    }
}

/// A statement of Flink that is recognised by its leading words and not taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Unsupported {
    /// Those words: `CREATE MODEL`, `DELETE`, `CALL`, `COMPILE PLAN`.
    pub kind: &'static str,
    /// The text, so that it can be printed again.
    pub text: String,
    /// Position.
    pub span: Span,
}
