//! SET, USE, SHOW, DESCRIBE and the other short statements.

use super::{Parser, Result, error};
use crate::base::Span;
use crate::sql::ast::{
    Client, ClientCommand, Describe, DescribeObject, Jar, LoadModule, ObjectName, Property, Reset,
    Set, Show, ShowLike, ShowScope, ShowWhat, SqlString, Statement, StopJob, UnloadModule, Use,
    UseKind,
};
use crate::sql::token::{Symbol, TokenKind};

impl Parser<'_> {
    /// A statement that begins with none of the words of
    /// [`statement`](Parser::statement).
    pub(super) fn utility(&mut self) -> Result<Statement> {
        let start = self.here();
        if let Some(command) = self.at_client_command() {
            self.advance();
            return Ok(Statement::Client(Client { command, span: start }));
        }
        // Said in this order where nothing fits.
        for word in ["SELECT", "INSERT", "CREATE", "DROP", "ALTER", "EXECUTE", "EXPLAIN"] {
            self.expecting(word);
        }
        if self.eat_keyword("SET") {
            self.set(start)
        } else if self.eat_keyword("RESET") {
            self.reset(start)
        } else if self.eat_keyword("USE") {
            self.use_statement(start)
        } else if self.eat_keyword("SHOW") {
            self.show(start)
        } else if self.eat_keyword("DESCRIBE") || self.eat_keyword("DESC") {
            self.describe(start)
        } else if self.eat_keyword("ADD") {
            self.jar(false, start)
        } else if self.eat_keyword("REMOVE") {
            self.jar(true, start)
        } else if self.eat_keyword("LOAD") {
            self.expect_keyword("MODULE")?;
            let name = self.ident()?;
            let properties = self.with_properties()?;
            let span = self.since(start);
            Ok(Statement::LoadModule(LoadModule { name, properties, span }))
        } else if self.eat_keyword("UNLOAD") {
            self.expect_keyword("MODULE")?;
            let name = self.ident()?;
            Ok(Statement::UnloadModule(UnloadModule { name, span: self.since(start) }))
        } else if self.eat_keyword("STOP") {
            self.stop_job(start)
        } else {
            Err(self.unexpected())
        }
    }

    /// A word that stands alone: none of them is a keyword of Flink.
    fn at_client_command(&self) -> Option<ClientCommand> {
        let alone = matches!(self.peek(1).kind, TokenKind::End)
            || self.symbol_at(1) == Some(Symbol::Semicolon);
        let is_word = matches!(self.token().kind, TokenKind::Word(_));
        let word = self.here().text(self.source);
        let commands =
            [ClientCommand::Quit, ClientCommand::Exit, ClientCommand::Clear, ClientCommand::Help];
        let mut commands = commands.into_iter();
        commands.find(|c| alone && is_word && c.name().eq_ignore_ascii_case(word))
    }

    fn at_statement_end(&self) -> bool {
        self.token().kind == TokenKind::End || self.at(Symbol::Semicolon)
    }

    fn set(&mut self, start: Span) -> Result<Statement> {
        let assignment = if self.at_statement_end() {
            None
        } else if self.token().kind.is_text() {
            Some(self.property()?)
        } else {
            Some(self.bare_assignment()?)
        };
        Ok(Statement::Set(Set { assignment, span: self.since(start) }))
    }

    /// `key = value` of Flink's client: the key is any text without blanks, the value too unless
    /// it is quoted.
    fn bare_assignment(&mut self) -> Result<Property> {
        let key = self.bare_text(true)?;
        self.expect(Symbol::Eq)?;
        let value = match self.token().kind {
            TokenKind::String(_) => self.string()?,
            _ => self.bare_text(false)?,
        };
        Ok(Property { span: key.span.join(value.span), key, value })
    }

    /// Adjacent tokens as text.
    fn bare_text(&mut self, until_eq: bool) -> Result<SqlString> {
        let start = self.here();
        let mut end = start.start;
        loop {
            let stops = self.at_statement_end()
                || until_eq && self.at(Symbol::Eq)
                || matches!(self.token().kind, TokenKind::String(_));
            if stops || self.here().start != end {
                break;
            }
            end = self.here().end;
            self.advance();
        }
        if end == start.start {
            self.expecting(if until_eq { "key" } else { "value" });
            return Err(self.unexpected());
        }
        let span = Span::new(start.start, end);
        Ok(SqlString { value: span.text(self.source).to_owned(), span })
    }

    fn reset(&mut self, start: Span) -> Result<Statement> {
        let key = if self.at_statement_end() {
            None
        } else if matches!(self.token().kind, TokenKind::Invalid(_)) {
            return Err(self.unexpected());
        } else if let Some(key) = self.eat_string()? {
            Some(key)
        } else {
            Some(self.bare_text(true)?)
        };
        Ok(Statement::Reset(Reset { key, span: self.since(start) }))
    }

    fn use_statement(&mut self, start: Span) -> Result<Statement> {
        let kind = if self.eat_keyword("CATALOG") {
            UseKind::Catalog(self.ident()?)
        } else if self.eat_keyword("MODULES") {
            UseKind::Modules(self.comma_list(Self::ident)?)
        } else {
            UseKind::Database(self.object_name()?)
        };
        Ok(Statement::Use(Use { kind, span: self.since(start) }))
    }

    fn show(&mut self, start: Span) -> Result<Statement> {
        let (what, can_scope, can_like) = self.show_what()?;
        let scope = if can_scope { self.show_scope()? } else { None };
        if let (ShowWhat::Databases, Some(scope)) = (&what, &scope)
            && scope.name.parts.len() > 1
        {
            let message = "SHOW DATABASES from/in identifier has more than one part";
            return Err(error(message, scope.name.span));
        }
        if matches!(what, ShowWhat::Columns) && scope.is_none() {
            return Err(self.unexpected());
        }
        let can_ilike = !matches!(
            what,
            ShowWhat::Tables | ShowWhat::Views | ShowWhat::Columns | ShowWhat::Models
        );
        let like = if can_like { self.show_like(can_ilike)? } else { None };
        Ok(Statement::Show(Show { what, scope, like, span: self.since(start) }))
    }

    /// What is shown, and whether FROM and LIKE may follow.
    fn show_what(&mut self) -> Result<(ShowWhat, bool, bool)> {
        if self.eat_keyword("CURRENT") {
            if self.eat_keyword("CATALOG") {
                return Ok((ShowWhat::CurrentCatalog, false, false));
            }
            self.expect_keyword("DATABASE")?;
            return Ok((ShowWhat::CurrentDatabase, false, false));
        }
        if self.eat_keyword("CREATE") {
            let make: fn(ObjectName) -> ShowWhat = if self.eat_keyword("TABLE") {
                ShowWhat::CreateTable
            } else if self.eat_keyword("VIEW") {
                ShowWhat::CreateView
            } else {
                self.expect_keyword("CATALOG")?;
                let name = self.ident()?;
                let name = ObjectName { span: name.span, parts: vec![name] };
                return Ok((ShowWhat::CreateCatalog(name), false, false));
            };
            return Ok((make(self.object_name()?), false, false));
        }
        if self.eat_keyword("FULL") {
            self.expect_keyword("MODULES")?;
            return Ok((ShowWhat::Modules { full: true }, false, false));
        }
        if self.eat_keyword("USER") {
            self.expect_keyword("FUNCTIONS")?;
            return Ok((ShowWhat::Functions { user: true }, true, true));
        }
        if self.eat_keyword("PARTITIONS") {
            let name = self.object_name()?;
            let of = if self.at_keyword("PARTITION") { self.partition_spec()? } else { Vec::new() };
            return Ok((ShowWhat::Partitions(name, of), false, false));
        }
        if self.eat_keyword("CATALOGS") {
            Ok((ShowWhat::Catalogs, false, true))
        } else if self.eat_keyword("DATABASES") {
            Ok((ShowWhat::Databases, true, true))
        } else if self.eat_keyword("TABLES") {
            Ok((ShowWhat::Tables, true, true))
        } else if self.eat_keyword("VIEWS") {
            Ok((ShowWhat::Views, true, true))
        } else if self.eat_keyword("COLUMNS") {
            Ok((ShowWhat::Columns, true, true))
        } else if self.eat_keyword("FUNCTIONS") {
            Ok((ShowWhat::Functions { user: false }, true, true))
        } else if self.eat_keyword("MODULES") {
            Ok((ShowWhat::Modules { full: false }, false, false))
        } else if self.eat_keyword("JARS") {
            Ok((ShowWhat::Jars, false, false))
        } else if self.eat_keyword("JOBS") {
            Ok((ShowWhat::Jobs, false, false))
        } else if self.eat_keyword("PROCEDURES") {
            Ok((ShowWhat::Procedures, true, true))
        } else if self.eat_keyword("MODELS") {
            Ok((ShowWhat::Models, true, true))
        } else {
            Err(self.unexpected())
        }
    }

    pub(super) fn show_scope(&mut self) -> Result<Option<ShowScope>> {
        let is_in = self.eat_keyword("IN");
        if !is_in && !self.eat_keyword("FROM") {
            return Ok(None);
        }
        Ok(Some(ShowScope { is_in, name: self.object_name()? }))
    }

    pub(super) fn show_like(&mut self, can_ilike: bool) -> Result<Option<ShowLike>> {
        let negated = self.eat_keyword("NOT");
        let ignore_case = can_ilike && self.eat_keyword("ILIKE");
        if !ignore_case && !self.eat_keyword("LIKE") {
            return if negated { Err(self.unexpected()) } else { Ok(None) };
        }
        Ok(Some(ShowLike { negated, ignore_case, pattern: self.string()? }))
    }

    fn describe(&mut self, start: Span) -> Result<Statement> {
        if self.query_starts_at(0) && !self.at_keyword("TABLE") {
            self.query()?;
            return Ok(self.recognised_as("DESCRIBE of a query", start));
        }
        let objects = [
            ("CATALOG", DescribeObject::Catalog),
            ("DATABASE", DescribeObject::Database),
            ("FUNCTION", DescribeObject::Function),
            ("TABLE", DescribeObject::Table),
        ];
        let written = self.eat_one_of(&objects);
        let extended = written != Some(DescribeObject::Table) && self.eat_keyword("EXTENDED");
        let object = written.unwrap_or(DescribeObject::Table);
        let name = if object == DescribeObject::Catalog {
            let name = self.ident()?;
            ObjectName { span: name.span, parts: vec![name] }
        } else {
            self.object_name()?
        };
        let span = self.since(start);
        Ok(Statement::Describe(Describe { object, extended, name, span }))
    }

    fn jar(&mut self, remove: bool, start: Span) -> Result<Statement> {
        self.expect_keyword("JAR")?;
        let path = self.string()?;
        Ok(Statement::Jar(Jar { remove, path, span: self.since(start) }))
    }

    fn stop_job(&mut self, start: Span) -> Result<Statement> {
        self.expect_keyword("JOB")?;
        let id = self.string()?;
        let with_savepoint = self.eat_keywords(&["WITH", "SAVEPOINT"]);
        let drain = self.here();
        let with_drain = self.eat_keywords(&["WITH", "DRAIN"]);
        if with_drain && !with_savepoint {
            return Err(error("WITH DRAIN could only be used after WITH SAVEPOINT.", drain));
        }
        let span = self.since(start);
        Ok(Statement::StopJob(StopJob { id, with_savepoint, with_drain, span }))
    }
}
