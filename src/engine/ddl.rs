//! CREATE, DROP and ALTER of tables and views.

use super::alter;
use super::catalog::{Declared, Object, View, exists, quoted, refused};
use super::expand;
use super::legacy;
use super::like;
use super::partitions;
use super::session::Session;
use crate::base::{Error, ErrorKind, Result};
use crate::plan::Settings;
use crate::sql::ast::{
    self, AlterTableAction, AlterViewAction, ColumnKind, CreateTable, DropObject, Ident, ObjectName,
};
use crate::sql::binder::ViewSource;
use crate::table::{self, Catalog as _, Connector, TableDef, TableName};
use std::sync::Arc;

/// Parts of a name as texts.
pub(super) fn parts(name: &ObjectName) -> Vec<String> {
    name.parts.iter().map(|part| part.value.clone()).collect()
}

/// Whether an item is there among those before it.
pub(super) fn repeats<T>(items: &[T], at: usize, same: impl Fn(&T, &T) -> bool) -> bool {
    items.get(at).is_some_and(|item| items.iter().take(at).any(|before| same(before, item)))
}

impl Session {
    /// CREATE TABLE in all its forms; with AS the INSERT of the query's rows comes back.
    pub(super) fn create_table(&mut self, create: &CreateTable) -> Result<Option<ast::Insert>> {
        let name = self.catalog.resolve(&parts(&create.name));
        if let (Some(_), true) = (self.catalog.object(&name), create.if_not_exists) {
            return Ok(None);
        }
        let (declared, insert) = self.planned(create, &name)?;
        // Flink replaces a table by one with AS only: without it, OR REPLACE means nothing.
        if create.or_replace && insert.is_some() {
            self.catalog.drop(&name, create.temporary);
        }
        let object = Object::Table(declared);
        self.catalog
            .create(name, object, create.temporary, create.if_not_exists)
            .map_err(|error| error.at(create.name.span))?;
        Ok(insert)
    }

    /// What CREATE TABLE declares, and the INSERT of its AS.
    pub(super) fn planned(
        &self,
        create: &CreateTable,
        name: &TableName,
    ) -> Result<(Declared, Option<ast::Insert>)> {
        let mut written = match &create.like {
            Some(clause) => {
                let base = self.like_base(clause)?;
                like::merged(create, clause, &base)?
            }
            None => create.clone(),
        };
        let mut insert = None;
        if let Some(query) = &create.as_query {
            if create.temporary {
                let message =
                    "CREATE TABLE AS SELECT does not support to create temporary table yet";
                return Err(refused(message).at(create.name.span));
            }
            let settings = Settings::read(&self.options)?;
            let schema = self.binder(&settings).query(query)?.schema();
            written = like::with_query(&written, &schema)?;
            insert = Some(insert_of(create, query, &schema));
        }
        Ok((self.declare(written, name)?, insert))
    }

    /// Refuses to write to a table whose declaration asks for what its connector cannot do (Flink's `DynamicSinkUtils`).
    pub(super) fn check_sink(&self, table: &TableDef) -> Result<()> {
        let subject = table.subject();
        let named =
            |connector: &&Arc<dyn Connector>| table.connector() == Some(connector.identifier());
        let connector = self.connectors.iter().find(named);
        // A connector that is not there is told when the table is opened.
        let by_partition = connector.is_none_or(|connector| connector.writes_partitions());
        if !table.partitioned_by.is_empty() && !by_partition {
            return Err(refused(format!(
                "{subject} is a partitioned table, but its connector does not write partitions"
            )));
        }
        let written = |column: &&table::ColumnDef| {
            matches!(column.kind, table::ColumnKind::Metadata { is_virtual: false, .. })
        };
        if let Some(connector) = connector.filter(|connector| !connector.writes_metadata())
            && let Some(column) = table.columns.iter().find(written)
        {
            return Err(refused(format!(
                "{subject} declares metadata column '{}' to be written, but connector '{}' writes no metadata",
                column.name,
                connector.identifier()
            ))
            .with_hint("if the column should not be written, declare it as METADATA VIRTUAL"));
        }
        match self.catalog.object(&table.name) {
            Some(Object::Table(declared)) if declared.written.distribution.is_some() => {
                Err(refused(format!(
                    "{subject} is distributed into buckets, but its connector does not write buckets"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Takes back what CREATE TABLE AS declared, when its INSERT cannot start.
    pub(super) fn forget_table(&mut self, create: &CreateTable) {
        let name = self.catalog.resolve(&parts(&create.name));
        self.catalog.drop(&name, create.temporary);
    }

    fn like_base(&self, clause: &ast::LikeClause) -> Result<Arc<CreateTable>> {
        let name = self.catalog.resolve(&parts(&clause.table));
        match self.catalog.object(&name) {
            Some(Object::Table(base)) => Ok(Arc::clone(&base.written)),
            Some(Object::View(_)) => Err(refused(format!(
                "source table '{}' of the LIKE clause can not be a VIEW",
                quoted(&name)
            ))
            .at(clause.table.span)),
            None => Err(refused(format!(
                "source table '{}' of the LIKE clause not found in the catalog",
                quoted(&name)
            ))
            .at(clause.table.span)),
        }
    }

    /// Binds a declaration without LIKE and AS. Its name is full from here on: USE may change what a short one means.
    fn declare(&self, mut written: CreateTable, name: &TableName) -> Result<Declared> {
        let span = written.name.span;
        let part = |part: &String| ast::Ident { value: part.clone(), quoted: true, span };
        written.name.parts = [&name.catalog, &name.database, &name.table].map(part).to_vec();
        let settings = Settings::read(&self.options)?;
        let mut def = self.binder(&settings).create_table(&written)?;
        def.options = expand::options(&def.options, self.missing())?;
        legacy::modernize(&mut def, &self.config.warnings)?;
        // The columns of a key are NOT NULL from here on, also when the key is dropped.
        for column in &mut written.columns {
            if let ColumnKind::Physical(data_type) = &mut column.kind
                && def.primary_key.contains(&column.name.value)
            {
                data_type.nullable = Some(false);
            }
        }
        Ok(Declared { written: Arc::new(written), def: Arc::new(def), partitions: Vec::new() })
    }

    /// ALTER TABLE.
    pub(super) fn alter_table(&mut self, statement: &ast::AlterTable) -> Result<()> {
        let name = self.catalog.resolve(&parts(&statement.name));
        let table = match self.catalog.permanent(&name) {
            Some(Object::Table(table)) if !self.catalog.is_temporary(&name) => table.clone(),
            Some(Object::View(_)) => {
                return Err(
                    refused("ALTER TABLE for a view is not allowed").at(statement.name.span)
                );
            }
            _ if statement.if_exists => return Ok(()),
            _ => {
                return Err(refused(format!(
                    "table {} doesn't exist or is a temporary table",
                    quoted(&name)
                ))
                .at(statement.name.span));
            }
        };
        if let AlterTableAction::RenameTo(to) = &statement.action {
            return self.rename(&name, to);
        }
        let doing = |error: Error| error.context("executing ALTER TABLE");
        let declared = match partitions::altered(&table, &statement.action).map_err(doing)? {
            Some(partitions) => Declared { partitions, ..table },
            None => {
                let written = alter::altered(&table, &statement.action).map_err(doing)?;
                let declared = self.declare(written, &name).map_err(doing)?;
                Declared { partitions: table.partitions, ..declared }
            }
        };
        self.catalog.replace(&name, Object::Table(declared));
        Ok(())
    }

    fn rename(&mut self, from: &TableName, to: &ObjectName) -> Result<()> {
        let target = match to.parts.as_slice() {
            [only] => TableName { table: only.value.clone(), ..from.clone() },
            _ => self.catalog.resolve(&parts(to)),
        };
        if (&target.catalog, &target.database) != (&from.catalog, &from.database) {
            return Err(
                refused("a table or view can only be renamed within its database").at(to.span)
            );
        }
        if self.catalog.object(&target).is_some() {
            return Err(refused(exists(&target)).at(to.span));
        }
        let temporary = self.catalog.is_temporary(from);
        let Some(mut object) = self.catalog.object(from).cloned() else { return Ok(()) };
        if let Object::Table(table) = &mut object {
            let mut def = (*table.def).clone();
            def.name = target.clone();
            table.def = Arc::new(def);
            let mut written = (*table.written).clone();
            written.name = to.clone();
            table.written = Arc::new(written);
        }
        self.catalog.drop(from, temporary);
        self.catalog.create(target, object, temporary, false).map(|_| ())
    }

    /// CREATE VIEW. As in Flink, OR REPLACE means nothing: a view that exists is refused.
    pub(super) fn create_view(&mut self, create: &ast::CreateView) -> Result<()> {
        let name = self.catalog.resolve(&parts(&create.name));
        let view = self.view(create)?;
        self.catalog
            .create(name, Object::View(view), create.temporary, create.if_not_exists)
            .map(|_| ())
            .map_err(|error| match create.or_replace {
                true => error.with_hint("Flink replaces no view: ALTER VIEW … AS does"),
                false => error,
            })
            .map_err(|error| error.at(create.name.span))
    }

    fn view(&self, create: &ast::CreateView) -> Result<View> {
        let settings = Settings::read(&self.options)?;
        let rel = self.dev_broker_rel(self.binder(&settings).view_text(&create.query)?);
        let schema = rel.schema();
        // What is wrong with options may be mended before the view is read; a sink stays one.
        match self.builder(&settings, "view").check_sources(&rel) {
            Err(error) if error.kind() == ErrorKind::Schema => return Err(error),
            _ => {}
        }
        let mut columns: Vec<String> = schema.fields.into_iter().map(|field| field.name).collect();
        if !create.columns.is_empty() {
            if create.columns.len() != columns.len() {
                return Err(refused(format!(
                    "VIEW definition and input fields not match: definition has {} fields, the query {}",
                    create.columns.len(),
                    columns.len()
                ))
                .at(create.name.span));
            }
            columns = create.columns.iter().map(|column| column.value.clone()).collect();
        }
        for (at, column) in columns.iter().enumerate() {
            if repeats(&columns, at, |a, b| a == b) {
                let written = create.columns.get(at).map_or(create.query.span, |name| name.span);
                let message = format!("a column with the same name `{column}` has been defined");
                return Err(refused(message).at(written));
            }
        }
        let (catalog, database) = self.catalog.current();
        let home = Arc::new((catalog.to_owned(), database.to_owned()));
        let source = ViewSource { query: Arc::new((*create.query).clone()), columns, home };
        Ok(View { written: Arc::new(create.clone()), source })
    }

    /// ALTER VIEW.
    pub(super) fn alter_view(&mut self, statement: &ast::AlterView) -> Result<()> {
        let name = self.catalog.resolve(&parts(&statement.name));
        let written = match self.catalog.object(&name) {
            Some(Object::View(view)) if !self.catalog.is_temporary(&name) => {
                Arc::clone(&view.written)
            }
            Some(Object::Table(_)) => {
                return Err(
                    refused("ALTER VIEW for a table is not allowed").at(statement.name.span)
                );
            }
            _ => {
                return Err(refused(format!(
                    "view {} doesn't exist or is a temporary view",
                    quoted(&name)
                ))
                .at(statement.name.span));
            }
        };
        match &statement.action {
            AlterViewAction::RenameTo(to) => self.rename(&name, to),
            AlterViewAction::As(query) => {
                let changed = ast::CreateView {
                    query: query.clone(),
                    columns: Vec::new(),
                    ..(*written).clone()
                };
                let view = self.view(&changed)?;
                self.catalog.replace(&name, Object::View(view));
                Ok(())
            }
        }
    }

    /// DROP of everything that can be dropped.
    pub(super) fn drop_object(&mut self, statement: &ast::Drop) -> Result<()> {
        let span = statement.name.span;
        let names = parts(&statement.name);
        match statement.object {
            DropObject::Table | DropObject::View => {
                self.drop_table_or_view(statement).map_err(|error| error.at(span))
            }
            DropObject::Database => {
                let (catalog, database) = self.catalog.resolve_database(&names);
                let known = self.catalog.catalogs.get(&catalog);
                if !known.is_some_and(|entry| entry.databases.contains_key(&database)) {
                    return missing(
                        statement,
                        format!("database {database} does not exist in catalog {catalog}"),
                    );
                }
                let cascade = statement.cascade == Some(true);
                self.catalog.drop_database(&catalog, &database, cascade).map_err(|e| e.at(span))
            }
            DropObject::Catalog => {
                let name = statement.name.last();
                if !self.catalog.catalogs.contains_key(name) {
                    return missing(statement, format!("catalog {name} does not exist"));
                }
                self.catalog.drop_catalog(name).map_err(|error| error.at(span))
            }
            DropObject::Function | DropObject::SystemFunction => {
                missing(statement, format!("function {} does not exist", names.join(".")))
            }
        }
    }

    fn drop_table_or_view(&mut self, statement: &ast::Drop) -> Result<()> {
        let (what, other) = match statement.object {
            DropObject::View => ("view", "table"),
            _ => ("table", "view"),
        };
        let name = self.catalog.resolve(&parts(&statement.name));
        let is_kind = |object: &Object| {
            matches!(object, Object::View(_)) == (statement.object == DropObject::View)
        };
        if statement.temporary {
            let found = self.catalog.object(&name).filter(|_| self.catalog.is_temporary(&name));
            if !found.is_some_and(is_kind) {
                return missing(
                    statement,
                    format!("temporary table or view with identifier '{name}' does not exist"),
                );
            }
            self.catalog.drop(&name, true);
            return Ok(());
        }
        if self.catalog.is_temporary(&name) {
            return Err(refused(format!(
                "temporary {what} with identifier '{}' exists. Drop it first before removing the permanent {what}",
                quoted(&name)
            )));
        }
        match self.catalog.permanent(&name).map(is_kind) {
            Some(true) => {
                self.catalog.drop(&name, false);
                Ok(())
            }
            Some(false) if statement.if_exists => Ok(()),
            found => {
                let gone =
                    missing(statement, format!("{what} with identifier '{name}' does not exist"));
                match found {
                    Some(_) => gone.map_err(|error| {
                        error.with_hint(format!(
                            "it is a {other}: use DROP {}",
                            other.to_uppercase()
                        ))
                    }),
                    None => gone,
                }
            }
        }
    }
}

fn missing(statement: &ast::Drop, message: String) -> Result<()> {
    if statement.if_exists { Ok(()) } else { Err(refused(message).at(statement.name.span)) }
}

/// The INSERT that fills the table of a CREATE TABLE AS.
fn insert_of(
    create: &CreateTable,
    query: &ast::Query,
    schema: &crate::types::Schema,
) -> ast::Insert {
    let span = query.span;
    let column = |field: &crate::types::Field| {
        let part = Ident { value: field.name.clone(), quoted: true, span };
        ObjectName { parts: vec![part], span }
    };
    ast::Insert {
        overwrite: false,
        table: create.name.clone(),
        hints: Vec::new(),
        partition: Vec::new(),
        columns: schema.fields.iter().map(column).collect(),
        query: Box::new(query.clone()),
        span,
    }
}
