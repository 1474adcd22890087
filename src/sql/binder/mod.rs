//! From syntax to plan: names resolved, types checked, implicit casts made explicit.

mod call;
mod coerce;
mod data_type;
mod division;
mod expr;
#[cfg(test)]
mod expressions;
mod hints;
mod insert;
mod json;
mod literal;
mod merge;
mod order;
mod query;
#[cfg(test)]
mod recorded;
mod rewrite;
mod set_operation;
mod table;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod tests;
mod unnest;
mod values;

pub use data_type::TYPE_NAMES;
pub use query::unique_name;
pub use rewrite::pushed_down;

use crate::base::{Error, ErrorKind, Result, Span, nearest};
use crate::plan::{Insert, Rel};
use crate::sql::ast;
use crate::table::{Catalog, TableDef, TableName};
use std::sync::Arc;

/// What a view stands for.
#[derive(Clone, Debug)]
pub struct ViewSource {
    /// The query, as it was written.
    pub query: Arc<ast::Query>,
    /// Names of its columns.
    pub columns: Vec<String>,
    /// Catalog and database that were in use when it was created: its unqualified names mean those.
    pub home: Arc<(String, String)>,
}

/// How the binder finds views.
pub trait Views {
    /// The view of that name.
    fn view(&self, name: &TableName) -> Option<ViewSource>;
}

/// Most views that may stand upon each other: a bound for the stack.
const VIEW_DEPTH_MAX: usize = 32;

/// Binds statements against a catalog.
#[derive(Clone, Copy)]
pub struct Binder<'a> {
    catalog: &'a dyn Catalog,
    views: Option<&'a dyn Views>,
    /// Inside of a view, where its unqualified names are looked up.
    home: Option<&'a (String, String)>,
    view_depth: usize,
    /// The session's, once known: constants are folded then.
    time_zone: Option<chrono_tz::Tz>,
    /// CAST gives NULL instead of failing.
    legacy_cast: bool,
    /// Inputs end, so that they can be sorted.
    batch: bool,
    /// Whether OPTIONS hints may be used.
    option_hints: bool,
    /// Inside of a query.
    nested: bool,
    /// The tables that WITH names, inside of a query.
    frame: Option<&'a query::Frame<'a>>,
}

impl std::fmt::Debug for Binder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Binder")
    }
}

impl<'a> Binder<'a> {
    /// A binder that sees tables through `catalog` only.
    pub fn new(catalog: &'a dyn Catalog) -> Binder<'a> {
        Binder {
            catalog,
            views: None,
            home: None,
            view_depth: 0,
            time_zone: None,
            legacy_cast: false,
            batch: false,
            option_hints: true,
            nested: false,
            frame: None,
        }
    }

    /// The same with `table.exec.legacy-cast-behaviour`.
    #[must_use]
    pub fn with_legacy_cast(self, legacy_cast: bool) -> Binder<'a> {
        Binder { legacy_cast, ..self }
    }

    /// The same for batch mode.
    #[must_use]
    pub fn with_batch(self, batch: bool) -> Binder<'a> {
        Binder { batch, ..self }
    }

    /// The same with `table.dynamic-table-options.enabled`.
    #[must_use]
    pub fn with_option_hints(self, option_hints: bool) -> Binder<'a> {
        Binder { option_hints, ..self }
    }

    /// The same inside of a query.
    fn nested(self) -> Binder<'a> {
        Binder { nested: true, ..self }
    }

    /// The same with views.
    #[must_use]
    pub fn with_views(self, views: &'a dyn Views) -> Binder<'a> {
        Binder { views: Some(views), ..self }
    }

    /// The same with the session's time zone, so that constant parts of expressions are computed once.
    #[must_use]
    pub fn with_time_zone(self, time_zone: chrono_tz::Tz) -> Binder<'a> {
        Binder { time_zone: Some(time_zone), ..self }
    }

    /// A standalone expression over named columns: for tests and for options that hold expressions.
    pub fn expression(
        &self,
        expr: &ast::Expr,
        columns: &crate::types::Schema,
    ) -> Result<crate::expr::Expr> {
        let mut scope = expr::Scope::default();
        for (at, field) in columns.fields.iter().enumerate() {
            scope.add(&field.name, at, &field.data_type);
        }
        self.expr(expr, &scope).map(expr::selected)
    }

    /// The full name of a table or view.
    pub fn resolve(&self, name: &ast::ObjectName) -> TableName {
        let mut parts: Vec<String> = name.parts.iter().map(|part| part.value.clone()).collect();
        if let Some((catalog, database)) = self.home {
            if parts.len() == 1 {
                parts.insert(0, database.clone());
            }
            if parts.len() == 2 {
                parts.insert(0, catalog.clone());
            }
        }
        self.catalog.resolve(&parts)
    }

    /// CREATE TABLE to a declaration. Options are not checked here: Flink checks them when a table is used.
    pub fn create_table(&self, statement: &ast::CreateTable) -> Result<TableDef> {
        table::create(self, statement)
    }

    /// A query to its plan.
    pub fn query(&self, query: &ast::Query) -> Result<Rel> {
        query::bind(self, query)
    }

    /// A query as the text of a view: whether its rows can be sorted is a question to who reads the view.
    pub fn view_text(&self, query: &ast::Query) -> Result<Rel> {
        query::bind(&self.nested().with_batch(true), query)
    }

    /// The plan of a view.
    pub fn view(&self, name: &TableName, view: &ViewSource) -> Result<Rel> {
        let rel = query::bind_view(self, view)
            .map_err(|error| error.context(format!("reading view '{}'", name.table)))?;
        Ok(rewrite::optimise(rel, self.time_zone))
    }

    /// INSERT to its plan, with implicit casts to the sink's types.
    pub fn insert(&self, statement: &ast::Insert) -> Result<Insert> {
        insert::bind(self, statement)
    }

    /// The table of a name, with the options of its hints put over its own.
    fn table(&self, name: &ast::ObjectName, hints: &[ast::Hint]) -> Result<Arc<TableDef>> {
        let full = self.resolve(name);
        let Some(table) = self.catalog.table(&full) else {
            let parts: Vec<&str> = name.parts.iter().map(|part| part.value.as_str()).collect();
            let mut error =
                Error::new(ErrorKind::Schema, format!("object '{}' not found", parts.join(".")))
                    .at(name.span);
            let names = self.catalog.table_names();
            if let Some(near) = nearest(name.last(), names.iter().map(String::as_str)) {
                error = error.with_hint(format!("did you mean '{near}'?"));
            }
            return Err(error);
        };
        let mut used = table.used_at(name.span);
        if let Some((hint, properties)) = hints::options(hints) {
            if !self.option_hints {
                let message = "the 'OPTIONS' hint is allowed only when the config option \
                               'table.dynamic-table-options.enabled' is set to true";
                return Err(schema_error(message, hint.span));
            }
            for property in properties {
                used.options.set(&property.key.value, &property.value.value, Some(property.span));
            }
        }
        Ok(Arc::new(used))
    }
}

/// Correct Flink SQL that is not there yet, at its place.
fn not_yet<T>(what: impl std::fmt::Display, span: Span) -> Result<T> {
    Err(Error::unsupported(what).at(span))
}

/// Names or types do not fit, at their place.
fn schema_error(message: impl Into<String>, span: Span) -> Error {
    Error::new(ErrorKind::Schema, message).at(span)
}
