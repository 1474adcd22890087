//! Which table a column is of, as far as the text of a query tells.

use crate::sql::ast::{
    ExprKind, Query, QueryBody, QueryBodyKind, Select, SelectItem, SelectItemKind, TableAlias,
    TableRef, TableRefKind,
};

/// The tables of a SELECT, and what its ORDER BY may name besides.
#[derive(Debug, Default)]
pub(super) struct Scope {
    tables: Vec<ScopeTable>,
    outputs: Vec<String>,
    /// Whether every name may be that of an output.
    star: bool,
}

#[derive(Debug)]
struct ScopeTable {
    name: Option<String>,
    /// Where the text says what they are.
    columns: Option<Vec<String>>,
}

impl Scope {
    /// What the clauses of a SELECT see.
    pub(super) fn of(select: &Select) -> Self {
        let mut scope = Scope::default();
        if let Some(from) = &select.from {
            scope.add(from);
        }
        scope
    }

    /// What the ORDER BY of a query sees: the columns of its result first (`OrderByScope.fullyQualify`).
    pub(super) fn of_order(body: &QueryBody) -> Self {
        let QueryBodyKind::Select(select) = &body.kind else { return Scope::default() };
        let mut scope = Scope::of(select);
        for item in &select.items {
            match name_of(item) {
                Some(name) => scope.outputs.push(name.to_owned()),
                None => scope.star |= !matches!(item.kind, SelectItemKind::Expr { .. }),
            }
        }
        scope
    }

    /// The name of the table that an unqualified column is of.
    pub(super) fn table_of(&self, column: &str) -> Option<&str> {
        let has = |columns: &Vec<String>| columns.iter().any(|name| name == column);
        if self.star || has(&self.outputs) {
            return None;
        }
        let known = |table: &&ScopeTable| table.columns.as_ref().is_some_and(has);
        let mut unknown = self.tables.iter().filter(|table| table.columns.is_none());
        let table =
            self.tables.iter().find(known).or_else(|| match (unknown.next(), unknown.next()) {
                (Some(only), None) => Some(only),
                _ => None,
            });
        table?.name.as_deref()
    }

    fn add(&mut self, from: &TableRef) {
        match &from.kind {
            TableRefKind::Table { name, alias: None, .. } => {
                self.tables.push(ScopeTable { name: Some(name.last().to_owned()), columns: None });
            }
            TableRefKind::Table { alias, .. }
            | TableRefKind::Subquery { alias, .. }
            | TableRefKind::Function { alias, .. }
            | TableRefKind::Unnest { alias, .. } => self.tables.push(named(alias.as_ref())),
            TableRefKind::Join { left, right, .. } => {
                self.add(left);
                self.add(right);
            }
            TableRefKind::Nested { inner } => self.add(inner),
            TableRefKind::Unsupported { .. } => self.tables.push(named(None)),
        }
    }
}

fn named(alias: Option<&TableAlias>) -> ScopeTable {
    let columns = alias.map(|alias| &alias.columns).filter(|columns| !columns.is_empty());
    let names = columns.map(|columns| columns.iter().map(|name| name.value.clone()).collect());
    ScopeTable { name: alias.map(|alias| alias.name.value.clone()), columns: names }
}

/// The name of a result column, where it has one.
fn name_of(item: &SelectItem) -> Option<&str> {
    match &item.kind {
        SelectItemKind::Expr { alias: Some(alias), .. } => Some(&alias.value),
        SelectItemKind::Expr { expr, .. } => match &expr.kind {
            ExprKind::Name(name) => Some(name.last()),
            _ => None,
        },
        _ => None,
    }
}

/// A query that is nothing but its body.
pub(super) fn is_bare(query: &Query) -> bool {
    query.with.is_none()
        && query.order_by.is_empty()
        && query.limit.is_none()
        && query.offset.is_none()
}

/// A body without parentheses that say nothing.
pub(super) fn bare(body: &QueryBody) -> &QueryBody {
    match &body.kind {
        QueryBodyKind::Nested(query) if is_bare(query) => bare(&query.body),
        _ => body,
    }
}
