//! Queries: SELECT … FROM one table or subquery, WHERE, LIMIT. Everything else is named as missing, at its place.

use super::expr::{Scope, selected, typed};
use super::unnest::{self, Joined, Written};
use super::{
    Binder, VIEW_DEPTH_MAX, ViewSource, division, hints, not_yet, order, rewrite, schema_error,
    set_operation, values,
};
use crate::base::{Error, Result, Span};
use crate::expr::{Expr, Node};
use crate::plan::Rel;
use crate::sql::ast::{
    self, ExprKind, JoinCondition, JoinKind, QueryBodyKind, SelectItemKind, SetOperator,
    SetQuantifier, TableRefKind,
};
use crate::table::{ColumnKind, TableDef};
use crate::types::{Field, Kind, Schema};
use std::sync::Arc;

/// How the names of columns begin that were given none.
pub(super) const UNNAMED: &str = "EXPR$";

/// Binds a query and pushes projection and predicate into its scan.
pub(super) fn bind(binder: &Binder<'_>, query: &ast::Query) -> Result<Rel> {
    Ok(rewrite::optimise(bind_query(binder, query)?, binder.time_zone))
}

pub(super) fn bind_query(binder: &Binder<'_>, query: &ast::Query) -> Result<Rel> {
    if let Some(with) = &query.with {
        let mut frame =
            Frame { outer: binder.frame, tables: Vec::with_capacity(with.tables.len()) };
        for table in &with.tables {
            let inside = Binder { frame: Some(&frame), ..*binder }.nested();
            let rel = bind_query(&inside, &table.query)?;
            let names: Vec<String> = table.columns.iter().map(|name| name.value.clone()).collect();
            let rel = renamed(rel, names, table.span)?;
            frame.tables.push((table.name.value.clone(), rel));
        }
        return bind_body(&Binder { frame: Some(&frame), ..*binder }, query);
    }
    bind_body(binder, query)
}

/// The tables that WITH names, and those of the WITHs around it.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    outer: Option<&'a Frame<'a>>,
    tables: Vec<(String, Rel)>,
}

impl Frame<'_> {
    fn find(&self, name: &str) -> Option<&Rel> {
        let here = self.tables.iter().rev().find(|(known, _)| known == name);
        here.map(|(_, rel)| rel).or_else(|| self.outer?.find(name))
    }
}

/// The relation with other column names, where some are given.
fn renamed(rel: Rel, names: Vec<String>, span: Span) -> Result<Rel> {
    if names.is_empty() {
        return Ok(rel);
    }
    let schema = rel.schema();
    if names.len() != schema.fields.len() {
        return Err(schema_error(
            "the number of column aliases differs from the number of columns",
            span,
        ));
    }
    let columns = schema.fields.iter().enumerate();
    let expressions =
        columns.map(|(at, field)| Expr::column(at, field.data_type.clone())).collect();
    let fields = names.into_iter().zip(schema.fields);
    let fields = fields.map(|(name, field)| Field::new(name, field.data_type)).collect();
    Ok(Rel::Project { input: Box::new(rel), expressions, schema: Schema::new(fields) })
}

fn bind_body(binder: &Binder<'_>, query: &ast::Query) -> Result<Rel> {
    let rel = match query.order_by.is_empty() {
        true => bind_set(binder, &query.body)?,
        false => order::bind(binder, query)?,
    };
    let (rows, offset) = match (&query.limit, &query.offset) {
        (None, None) => return Ok(rel),
        (None, Some(offset)) if !binder.batch => {
            let message = "FETCH is missed, which on streaming table is not supported currently.";
            return Err(schema_error(message, offset.span).with_hint("add LIMIT"));
        }
        (limit, offset) => (
            limit.as_ref().map_or(u64::MAX, |limit| limit.rows),
            offset.as_ref().map_or(0, |offset| offset.rows),
        ),
    };
    Ok(Rel::Limit { input: Box::new(rel), rows, offset })
}

pub(super) fn bind_set(binder: &Binder<'_>, body: &ast::QueryBody) -> Result<Rel> {
    Ok(match &body.kind {
        QueryBodyKind::Select(select) => bind_select(binder, select)?,
        QueryBodyKind::Nested(inner) => bind_query(binder, inner)?,
        QueryBodyKind::Values(rows) => values::bind(binder, rows)?,
        QueryBodyKind::Table(name) => {
            let (rel, scope) = bind_table(binder, name, &[])?;
            let (names, expressions): (Vec<String>, Vec<Expr>) = scope.all().unzip();
            let fields = names.into_iter().zip(&expressions);
            let fields = fields.map(|(name, expr)| Field::new(name, expr.data_type.clone()));
            let schema = Schema::new(fields.collect());
            Rel::Project { input: Box::new(rel), expressions, schema }
        }
        QueryBodyKind::SetOperation { op: SetOperator::Union, all: true, .. } => {
            set_operation::union_all(binder, body)?
        }
        QueryBodyKind::SetOperation { op, all, .. } => {
            let name = match (op, all) {
                (SetOperator::Union, _) => "UNION without ALL",
                (SetOperator::Intersect, false) => "INTERSECT",
                (SetOperator::Intersect, true) => "INTERSECT ALL",
                (SetOperator::Except, false) => "EXCEPT",
                (SetOperator::Except, true) => "EXCEPT ALL",
            };
            return not_yet(name, body.span);
        }
    })
}

fn bind_select(binder: &Binder<'_>, select: &ast::Select) -> Result<Rel> {
    let (input, _, expressions, fields) = select_parts(binder, select)?;
    let schema = Schema::new(names_of_result(binder, fields));
    Ok(Rel::Project { input: Box::new(input), expressions, schema })
}

/// What a SELECT reads, what its expressions see, those of its list, and their names, as written, and types.
pub(super) fn select_parts(
    binder: &Binder<'_>,
    select: &ast::Select,
) -> Result<(Rel, Scope, Vec<Expr>, Vec<Field>)> {
    hints::check(&select.hints)?;
    match select.quantifier {
        Some(SetQuantifier::Distinct) => return not_yet("SELECT DISTINCT", select.span),
        Some(SetQuantifier::Stream) => return not_yet("SELECT STREAM", select.span),
        Some(SetQuantifier::Unique) => return not_yet("SELECT UNIQUE", select.span),
        Some(SetQuantifier::All) | None => {}
    }
    if let Some(group) = &select.group_by {
        return not_yet("GROUP BY", group.span);
    }
    if let Some(having) = &select.having {
        return not_yet("HAVING", having.span);
    }
    if let Some(window) = select.windows.first() {
        return not_yet("WINDOW", window.spec.span);
    }
    if let Some(qualify) = &select.qualify {
        return not_yet("QUALIFY", qualify.span);
    }
    let (mut rel, scope) = match &select.from {
        Some(from) => bind_from(binder, from)?,
        None => (values::rows(1), Scope::default()),
    };
    if let Some(filter) = &select.filter {
        division::check(filter, &|part| binder.may_be_null(part, &scope))?;
        rel = filtered(binder, rel, &scope, "WHERE", filter)?;
    }
    let (expressions, fields) = bind_items(binder, &select.items, &scope)?;
    Ok((rel, scope, expressions, fields))
}

/// The rows for which the condition of a clause holds.
pub(super) fn filtered(
    binder: &Binder<'_>,
    rel: Rel,
    scope: &Scope,
    clause: &str,
    written: &ast::Expr,
) -> Result<Rel> {
    let condition = condition(binder, scope, clause, written)?;
    Ok(Rel::Filter { input: Box::new(rel), condition })
}

/// The condition of a clause.
pub(super) fn condition(
    binder: &Binder<'_>,
    scope: &Scope,
    clause: &str,
    written: &ast::Expr,
) -> Result<Expr> {
    let condition = binder.expr(written, scope)?;
    match condition.data_type.kind {
        Kind::Boolean => Ok(condition),
        Kind::Null => Ok(Expr::null(Kind::Boolean)),
        _ => Err(schema_error(format!("{clause} clause must be a condition"), written.span)),
    }
}

fn bind_items(
    binder: &Binder<'_>,
    items: &[ast::SelectItem],
    scope: &Scope,
) -> Result<(Vec<Expr>, Vec<Field>)> {
    let mut expressions = Vec::new();
    let mut fields: Vec<Field> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        match &item.kind {
            SelectItemKind::Wildcard => {
                if scope.all().next().is_none() {
                    return Err(schema_error("SELECT * requires a FROM clause", item.span));
                }
                unambiguous(scope.repeated(None), item.span)?;
                for (name, expr) in scope.all() {
                    fields.push(Field::new(name, expr.data_type.clone()));
                    expressions.push(expr);
                }
            }
            SelectItemKind::QualifiedWildcard(qualifier) => {
                for (name, expr) in starred(scope, qualifier)? {
                    fields.push(Field::new(name, expr.data_type.clone()));
                    expressions.push(expr);
                }
            }
            SelectItemKind::Expr { expr, alias } => {
                division::check(expr, &|part| binder.may_be_null(part, scope))?;
                let bound = typed(selected(binder.expr(expr, scope)?), expr.span)?;
                let name = match (alias, &expr.kind) {
                    (Some(alias), _) => alias.value.clone(),
                    // Not `(a).b`.
                    (None, ExprKind::Name(name)) if name.starts_with_its_first_part() => {
                        name.last().to_owned()
                    }
                    (None, _) => format!("{UNNAMED}{at}"),
                };
                fields.push(Field::new(name, bound.data_type.clone()));
                expressions.push(bound);
            }
        }
    }
    Ok((expressions, fields))
}

fn unambiguous(repeated: Option<&str>, span: Span) -> Result<()> {
    match repeated {
        Some(name) => Err(schema_error(format!("column '{name}' is ambiguous"), span)),
        None => Ok(()),
    }
}

/// The columns of `t.*`, or the fields of `row_column.*`.
fn starred(scope: &Scope, qualifier: &ast::ObjectName) -> Result<Vec<(String, Expr)>> {
    let alias = match (qualifier.parts.as_slice(), scope.without_home(&qualifier.parts)) {
        ([table], _) if scope.is_alias(&table.value) => Some(table),
        (_, Some([table])) => Some(table),
        _ => None,
    };
    if let Some(table) = alias {
        unambiguous(scope.repeated(Some(&table.value)), qualifier.span)?;
        return Ok(scope.all_of(&table.value).collect());
    }
    let row = match (scope.find_row(qualifier), qualifier.parts.as_slice()) {
        (Err(_), [table]) => return Err(scope.no_table(table)),
        (found, _) => found?,
    };
    let Some(fields) = row.data_type.kind.fields() else {
        return Err(schema_error(
            format!(
                "'{}' is of type {}: only tables and rows have a '*'",
                qualifier.last(),
                row.data_type
            ),
            qualifier.span,
        ));
    };
    let field =
        |(at, field): (usize, &Field)| (field.name.clone(), Expr::field(row.clone(), at, field));
    Ok(fields.iter().enumerate().map(field).collect())
}

/// The columns of a result have names of their own. Inside of a query they keep what is written: a name that two of
/// them have is ambiguous there.
pub(super) fn names_of_result(binder: &Binder<'_>, fields: Vec<Field>) -> Vec<Field> {
    if binder.nested {
        return fields;
    }
    let mut named = Vec::with_capacity(fields.len());
    for field in fields {
        named.push(Field::new(unique_name(field.name, &named), field.data_type));
    }
    named
}

/// Calcite's names for repeated columns: `a`, `a0`, `a1`.
pub fn unique_name(name: String, fields: &[Field]) -> String {
    let taken = |name: &str| fields.iter().any(|field| field.name == name);
    if !taken(&name) {
        return name;
    }
    (0..).map(|n| format!("{name}{n}")).find(|candidate| !taken(candidate)).unwrap_or(name)
}

fn bind_from(binder: &Binder<'_>, from: &ast::TableRef) -> Result<(Rel, Scope)> {
    match &from.kind {
        TableRefKind::Table { name, hints, as_of, alias } => {
            if let Some(as_of) = as_of {
                return not_yet("FOR SYSTEM_TIME AS OF (temporal and lookup joins)", as_of.span);
            }
            let (rel, mut scope) = bind_table(binder, name, hints)?;
            rename(&mut scope, alias.as_ref(), name.last())?;
            if alias.is_none() {
                let full = binder.resolve(name);
                scope.set_home(&full.catalog, &full.database);
            }
            Ok((rel, scope))
        }
        TableRefKind::Subquery { query, alias, .. } => {
            let rel = bind_query(&binder.nested(), query)?;
            let mut scope = scope_of(&rel);
            rename(&mut scope, alias.as_ref(), "")?;
            if let Some(alias) = alias.as_ref().filter(|alias| alias.columns.is_empty())
                && is_column_of_values(query)
            {
                // The alias names the column, too: Calcite's `AliasNamespace`.
                scope.rename_columns(vec![alias.name.value.clone()]);
            }
            Ok((rel, scope))
        }
        TableRefKind::Nested { inner, .. } => bind_from(binder, inner),
        TableRefKind::Function { call, .. } => {
            not_yet(format_args!("table function {}", call.name.last()), from.span)
        }
        TableRefKind::Unnest { exprs, with_ordinality, alias, .. } => {
            let one = (values::rows(1), Scope::default());
            let written = Written { exprs, ordinality: *with_ordinality, alias: alias.as_ref() };
            unnest::bind(binder, one, &written, Joined::Inner(None), from.span)
        }
        TableRefKind::Join {
            left,
            right,
            kind: JoinKind::Comma,
            natural: false,
            condition: JoinCondition::None,
        } if starts_with_unnest(right) => {
            // `a, UNNEST(x) JOIN UNNEST(y)`: the comma binds less, but what it joins is the same from left to right.
            bind_from(binder, &after_comma(left, right))
        }
        TableRefKind::Join {
            kind: JoinKind::Inner | JoinKind::Left | JoinKind::Right | JoinKind::Full,
            natural: false,
            condition: JoinCondition::None,
            right,
            ..
        } => {
            let message = "INNER, LEFT, RIGHT or FULL join requires a condition (NATURAL keyword or ON or USING clause)";
            Err(schema_error(message, right.span))
        }
        TableRefKind::Join { left, right, kind, natural, condition } => {
            if let TableRefKind::Unnest { exprs, with_ordinality, alias, .. } = &right.kind
                && !natural
                && let Some(joined) = Joined::of(*kind, condition)
            {
                let written =
                    Written { exprs, ordinality: *with_ordinality, alias: alias.as_ref() };
                let left = bind_from(binder, left)?;
                return unnest::bind(binder, left, &written, joined, right.span);
            }
            not_yet(join_name(*kind, right), right.span)
        }
        TableRefKind::Unsupported { construct, construct_span, .. } => {
            not_yet(construct, *construct_span)
        }
    }
}

/// Whether this is a join that begins with an UNNEST.
fn starts_with_unnest(from: &ast::TableRef) -> bool {
    match &from.kind {
        TableRefKind::Join { left, .. } => {
            matches!(left.kind, TableRefKind::Unnest { .. }) || starts_with_unnest(left)
        }
        _ => false,
    }
}

/// `left, right` with what begins the joins of `right` joined to `left` first.
fn after_comma(left: &ast::TableRef, right: &ast::TableRef) -> ast::TableRef {
    let mut joined = right.clone();
    match &mut joined.kind {
        TableRefKind::Join { left: first, .. } => **first = after_comma(left, first),
        _ => {
            joined.kind = TableRefKind::Join {
                left: Box::new(left.clone()),
                right: Box::new(right.clone()),
                kind: JoinKind::Comma,
                natural: false,
                condition: JoinCondition::None,
            };
        }
    }
    joined
}

/// Whether this is nothing but VALUES of one column.
fn is_column_of_values(query: &ast::Query) -> bool {
    let bare = query.with.is_none()
        && query.order_by.is_empty()
        && query.limit.is_none()
        && query.offset.is_none();
    let one_column = |rows: &[ast::ValuesRow]| rows.iter().all(|row| row.values.len() == 1);
    bare && matches!(&query.body.kind, QueryBodyKind::Values(rows) if one_column(rows))
}

/// What to call a join that is not there yet.
fn join_name(kind: JoinKind, right: &ast::TableRef) -> &'static str {
    match (&right.kind, kind) {
        (TableRefKind::Table { as_of: Some(_), .. }, _) => {
            "FOR SYSTEM_TIME AS OF (temporal and lookup joins)"
        }
        (TableRefKind::Function { .. }, _) => "LATERAL TABLE (table functions)",
        (TableRefKind::Subquery { lateral: true, .. }, _) => "LATERAL subqueries",
        (_, JoinKind::Comma | JoinKind::Cross) => "CROSS JOIN",
        (_, JoinKind::Inner) => "JOIN",
        (_, JoinKind::Left) => "LEFT JOIN",
        (_, JoinKind::Right) => "RIGHT JOIN",
        (_, JoinKind::Full) => "FULL JOIN",
    }
}

/// A table of WITH or of the catalog.
fn bind_table(
    binder: &Binder<'_>,
    name: &ast::ObjectName,
    hints: &[ast::Hint],
) -> Result<(Rel, Scope)> {
    hints::check(hints)?;
    if let ([only], Some(frame)) = (name.parts.as_slice(), binder.frame)
        && let Some(rel) = frame.find(&only.value)
    {
        return Ok((rel.clone(), scope_of(rel)));
    }
    if let Some(views) = binder.views
        && let Some(view) = views.view(&binder.resolve(name))
    {
        if let Some((hint, _)) = hints::options(hints) {
            return Err(schema_error(
                format!("view '{}' cannot be enriched with new options", name.last()),
                hint.span,
            ));
        }
        let rel = bind_view(binder, &view).map_err(|error| {
            // Places inside of the view's text mean nothing to the reader of this statement.
            error.context(format!("reading view '{}'", name.last())).moved_to(name.span)
        })?;
        let rel = rewrite::written_at(rel, name.span);
        let scope = scope_of(&rel);
        return Ok((rel, scope));
    }
    scan(&binder.table(name, hints)?, name.span)
}

pub(super) fn bind_view(binder: &Binder<'_>, view: &ViewSource) -> Result<Rel> {
    if binder.view_depth >= VIEW_DEPTH_MAX {
        return Err(Error::unsupported(format!(
            "more than {VIEW_DEPTH_MAX} views upon each other"
        )));
    }
    let inside = Binder {
        frame: None,
        home: Some(&view.home),
        view_depth: binder.view_depth + 1,
        nested: true,
        ..*binder
    };
    let rel = bind_query(&inside, &view.query)?;
    renamed(rel, view.columns.clone(), view.query.span)
}

pub(super) fn scope_of(rel: &Rel) -> Scope {
    let mut scope = Scope::default();
    for (at, field) in rel.schema().fields.iter().enumerate() {
        scope.add(&field.name, at, &field.data_type);
    }
    scope
}

/// A scan of all stored columns, and a scope in which computed columns stand for their expressions.
fn scan(table: &Arc<TableDef>, span: Span) -> Result<(Rel, Scope)> {
    if table.columns.is_empty() {
        return Err(schema_error(format!("{} has no columns", table.subject()), span));
    }
    let mut columns = Vec::new();
    let mut position = vec![None; table.columns.len()];
    for (at, column) in table.columns.iter().enumerate() {
        if !matches!(column.kind, ColumnKind::Computed(_)) {
            if let Some(slot) = position.get_mut(at) {
                *slot = Some(columns.len());
            }
            columns.push(at);
        }
    }
    let mut scope = Scope::default();
    for (at, column) in table.columns.iter().enumerate() {
        match (&column.kind, position.get(at).copied().flatten()) {
            (ColumnKind::Computed(expr), _) => {
                let mut expr = expr.clone();
                rewrite::map_columns(&mut expr, &|at| {
                    position.get(at).copied().flatten().unwrap_or(0)
                });
                scope.add_expr(&column.name, expr);
            }
            (_, Some(at)) => scope.add(&column.name, at, &column.data_type),
            _ => {}
        }
    }
    Ok((Rel::Scan { table: Arc::clone(table), columns, predicate: None }, scope))
}

pub(super) fn rename(scope: &mut Scope, alias: Option<&ast::TableAlias>, name: &str) -> Result<()> {
    match alias {
        None => scope.set_alias(name),
        Some(alias) => {
            scope.set_alias(&alias.name.value);
            for (at, column) in alias.columns.iter().enumerate() {
                if alias.columns.iter().take(at).any(|before| before.value == column.value) {
                    let message = format!("duplicate name '{}' in column alias list", column.value);
                    return Err(schema_error(message, column.span));
                }
            }
            if !alias.columns.is_empty() {
                let names: Vec<String> = alias.columns.iter().map(|c| c.value.clone()).collect();
                if !scope.rename_columns(names) {
                    return Err(schema_error(
                        "the number of column aliases differs from the number of columns",
                        alias.span,
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Whether an expression is just an input column.
pub(super) fn as_column(expr: &Expr) -> Option<usize> {
    match expr.node {
        Node::Column(at) => Some(at),
        _ => None,
    }
}
