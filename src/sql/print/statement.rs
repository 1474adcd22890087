//! Statements other than CREATE TABLE and ALTER.

use super::Printer;
use crate::sql::ast::{
    CreateFunction, CreateView, Describe, DescribeObject, Drop, DropObject, Explain, Insert,
    PartitionItem, Show, ShowWhat, Statement, StatementSet, Use, UseKind,
};

impl Printer {
    pub(super) fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::CreateTable(create) => self.create_table(create),
            Statement::AlterTable(alter) => self.alter_table(alter),
            Statement::CreateView(create) => self.create_view(create),
            Statement::AlterView(alter) => self.alter_view(alter),
            Statement::CreateDatabase(create) => {
                self.text("CREATE DATABASE ");
                self.text_if(create.if_not_exists, "IF NOT EXISTS ");
                self.name(&create.name);
                self.comment(create.comment.as_ref());
                self.parens_after(" WITH ", &create.properties, Self::property);
            }
            Statement::AlterDatabase(alter) => {
                self.text("ALTER DATABASE ");
                self.name(&alter.name);
                self.text(" SET ");
                self.parens(&alter.properties, Self::property);
            }
            Statement::CreateCatalog(create) => {
                self.text("CREATE CATALOG ");
                self.text_if(create.if_not_exists, "IF NOT EXISTS ");
                self.ident(&create.name);
                self.comment(create.comment.as_ref());
                self.parens_after(" WITH ", &create.properties, Self::property);
            }
            Statement::AlterCatalog(alter) => self.alter_catalog(alter),
            Statement::CreateFunction(create) => self.create_function(create),
            Statement::AlterFunction(alter) => self.alter_function(alter),
            Statement::Drop(drop) => self.drop_statement(drop),
            Statement::Query(query) => self.query(query),
            Statement::Insert(insert) => self.insert(insert),
            Statement::StatementSet(set) => {
                self.text_if(set.execute, "EXECUTE ");
                self.statement_set(set);
            }
            Statement::Set(set) => {
                self.text("SET");
                if let Some(assignment) = &set.assignment {
                    self.text(" ");
                    self.property(assignment);
                }
            }
            Statement::Reset(reset) => {
                self.text("RESET");
                if let Some(key) = &reset.key {
                    self.text(" ");
                    self.string(key);
                }
            }
            Statement::Use(use_statement) => self.use_statement(use_statement),
            Statement::Show(show) => self.show(show),
            Statement::Describe(describe) => self.describe(describe),
            Statement::Explain(explain) => self.explain(explain),
            Statement::Jar(jar) => {
                self.text(if jar.remove { "REMOVE JAR " } else { "ADD JAR " });
                self.string(&jar.path);
            }
            Statement::LoadModule(load) => {
                self.text("LOAD MODULE ");
                self.ident(&load.name);
                self.parens_after(" WITH ", &load.properties, Self::property);
            }
            Statement::UnloadModule(unload) => {
                self.text("UNLOAD MODULE ");
                self.ident(&unload.name);
            }
            Statement::StopJob(stop) => {
                self.text("STOP JOB ");
                self.string(&stop.id);
                self.text_if(stop.with_savepoint, " WITH SAVEPOINT");
                self.text_if(stop.with_drain, " WITH DRAIN");
            }
            Statement::Client(client) => self.text(client.command.name()),
            Statement::Unsupported(unsupported) => self.text(&unsupported.text),
        }
    }

    fn create_view(&mut self, create: &CreateView) {
        self.text("CREATE ");
        self.text_if(create.or_replace, "OR REPLACE ");
        self.text_if(create.temporary, "TEMPORARY ");
        self.text("VIEW ");
        self.text_if(create.if_not_exists, "IF NOT EXISTS ");
        self.name(&create.name);
        self.parens_after(" ", &create.columns, Self::ident);
        self.comment(create.comment.as_ref());
        self.text(" AS ");
        self.query(&create.query);
    }

    fn create_function(&mut self, create: &CreateFunction) {
        self.text("CREATE ");
        self.text_if(create.temporary, "TEMPORARY ");
        self.text_if(create.system, "SYSTEM ");
        self.text("FUNCTION ");
        self.text_if(create.if_not_exists, "IF NOT EXISTS ");
        self.name(&create.name);
        self.text(" AS ");
        self.string(&create.class);
        self.language(create.language);
        if !create.jars.is_empty() {
            self.text(" USING ");
            self.list(&create.jars, |p, jar| {
                p.text("JAR ");
                p.string(jar);
            });
        }
    }

    fn drop_statement(&mut self, drop: &Drop) {
        self.text("DROP ");
        self.text_if(drop.temporary, "TEMPORARY ");
        self.text(match drop.object {
            DropObject::Table => "TABLE ",
            DropObject::View => "VIEW ",
            DropObject::Database => "DATABASE ",
            DropObject::Catalog => "CATALOG ",
            DropObject::Function => "FUNCTION ",
            DropObject::SystemFunction => "SYSTEM FUNCTION ",
        });
        self.text_if(drop.if_exists, "IF EXISTS ");
        self.name(&drop.name);
        match drop.cascade {
            Some(true) => self.text(" CASCADE"),
            Some(false) => self.text(" RESTRICT"),
            None => {}
        }
    }

    fn insert(&mut self, insert: &Insert) {
        self.text(if insert.overwrite { "INSERT OVERWRITE " } else { "INSERT INTO " });
        self.name(&insert.table);
        self.hints(&insert.hints);
        self.partition(&insert.partition);
        self.parens_after(" ", &insert.columns, Self::name);
        self.text(" ");
        self.query(&insert.query);
    }

    /// ` PARTITION (a = 1)`, or nothing.
    pub(super) fn partition(&mut self, items: &[PartitionItem]) {
        self.parens_after(" PARTITION ", items, |p, item| {
            p.ident(&item.column);
            p.text(" = ");
            p.any(&item.value);
        });
    }

    fn statement_set(&mut self, set: &StatementSet) {
        self.text(if set.execute { "STATEMENT SET BEGIN " } else { "BEGIN STATEMENT SET; " });
        for insert in &set.inserts {
            self.insert(insert);
            self.text("; ");
        }
        self.text("END");
    }

    fn use_statement(&mut self, use_statement: &Use) {
        match &use_statement.kind {
            UseKind::Catalog(name) => {
                self.text("USE CATALOG ");
                self.ident(name);
            }
            UseKind::Database(name) => {
                self.text("USE ");
                self.name(name);
            }
            UseKind::Modules(names) => {
                self.text("USE MODULES ");
                self.list(names, Self::ident);
            }
        }
    }

    fn show(&mut self, show: &Show) {
        let (what, name) = match &show.what {
            ShowWhat::Catalogs => ("CATALOGS", None),
            ShowWhat::CurrentCatalog => ("CURRENT CATALOG", None),
            ShowWhat::Databases => ("DATABASES", None),
            ShowWhat::CurrentDatabase => ("CURRENT DATABASE", None),
            ShowWhat::Tables => ("TABLES", None),
            ShowWhat::Views => ("VIEWS", None),
            ShowWhat::Columns => ("COLUMNS", None),
            ShowWhat::Functions { user: true } => ("USER FUNCTIONS", None),
            ShowWhat::Functions { user: false } => ("FUNCTIONS", None),
            ShowWhat::Modules { full: true } => ("FULL MODULES", None),
            ShowWhat::Modules { full: false } => ("MODULES", None),
            ShowWhat::Jars => ("JARS", None),
            ShowWhat::Jobs => ("JOBS", None),
            ShowWhat::Procedures => ("PROCEDURES", None),
            ShowWhat::CreateTable(name) => ("CREATE TABLE ", Some(name)),
            ShowWhat::CreateView(name) => ("CREATE VIEW ", Some(name)),
            ShowWhat::CreateCatalog(name) => ("CREATE CATALOG ", Some(name)),
            ShowWhat::Partitions(name, _) => ("PARTITIONS ", Some(name)),
            ShowWhat::Models => ("MODELS", None),
        };
        self.text("SHOW ");
        self.text(what);
        if let Some(name) = name {
            self.name(name);
        }
        if let ShowWhat::Partitions(_, of) = &show.what {
            self.partition(of);
        }
        if let Some(scope) = &show.scope {
            self.text(if scope.is_in { " IN " } else { " FROM " });
            self.name(&scope.name);
        }
        if let Some(like) = &show.like {
            self.text_if(like.negated, " NOT");
            self.text(if like.ignore_case { " ILIKE " } else { " LIKE " });
            self.string(&like.pattern);
        }
    }

    fn describe(&mut self, describe: &Describe) {
        self.text("DESCRIBE ");
        // A table may be named like what else can be described.
        let first = describe.name.parts.first();
        let is_ambiguous = first.is_some_and(|part| {
            ["CATALOG", "DATABASE"].iter().any(|word| part.value.eq_ignore_ascii_case(word))
        });
        self.text(match describe.object {
            DescribeObject::Table if is_ambiguous => "TABLE ",
            DescribeObject::Table => "",
            DescribeObject::Catalog => "CATALOG ",
            DescribeObject::Database => "DATABASE ",
            DescribeObject::Function => "FUNCTION ",
        });
        self.text_if(describe.extended, "EXTENDED ");
        self.name(&describe.name);
    }

    fn explain(&mut self, explain: &Explain) {
        self.text("EXPLAIN ");
        self.list(&explain.details, |p, detail| p.text(detail.name()));
        self.text_if(!explain.details.is_empty(), " ");
        match explain.statement.as_ref() {
            Statement::StatementSet(set) => self.statement_set(set),
            other => self.statement(other),
        }
    }
}
