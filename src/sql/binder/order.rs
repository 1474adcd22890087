//! ORDER BY.

use super::query::{UNNAMED, bind_set, names_of_result, scope_of, select_parts};
use super::{Binder, not_yet, schema_error};
use crate::base::{Result, Span};
use crate::expr::{Expr, Node, SortKey, is_sortable};
use crate::plan::Rel;
use crate::sql::ast::{self, ExprKind, Literal, NumberKind, QueryBodyKind};
use crate::types::{Field, Kind, Schema};

/// The body of a query in its order. What is sorted by without being selected is carried along and dropped at the end.
pub(super) fn bind(binder: &Binder<'_>, query: &ast::Query) -> Result<Rel> {
    let (input, mut expressions, mut fields, scope) = match &query.body.kind {
        QueryBodyKind::Select(select) => {
            let (input, mut scope, expressions, fields) = select_parts(binder, select)?;
            let names = fields.iter().map(|field| field.name.clone());
            let selected = names.zip(expressions.iter().cloned());
            scope.prefer(selected.filter(|(name, _)| !name.starts_with(UNNAMED)));
            (input, expressions, names_of_result(binder, fields), scope)
        }
        _ => {
            let rel = bind_set(binder, &query.body)?;
            let fields = rel.schema().fields;
            let columns = fields.iter().enumerate();
            let columns = columns.map(|(at, f)| Expr::column(at, f.data_type.clone())).collect();
            let scope = scope_of(&rel);
            (rel, columns, fields, scope)
        }
    };
    let width = fields.len();
    let mut keys = Vec::with_capacity(query.order_by.len());
    for item in &query.order_by {
        let column = match by_position(&item.expr, width)? {
            Some(column) => column,
            None => {
                let expr = binder.expr(&item.expr, &scope)?;
                expressions.iter().position(|known| *known == expr).unwrap_or_else(|| {
                    fields.push(Field::new(
                        format!("$order{}", fields.len()),
                        expr.data_type.clone(),
                    ));
                    expressions.push(expr);
                    expressions.len() - 1
                })
            }
        };
        let Some(field) = fields.get(column) else { continue };
        if matches!(field.data_type.kind, Kind::Map(..) | Kind::Multiset(_)) {
            let message = format!(
                "Type({}) is not an orderable data type, it is not supported as a \
                 ORDER_BY/GROUP_BY/JOIN_EQUAL field.",
                field.data_type
            );
            return Err(schema_error(message, item.span));
        }
        if !is_sortable(&field.data_type.kind) {
            return not_yet(
                format_args!("ORDER BY a value of type {}", field.data_type),
                item.span,
            );
        }
        keys.push(SortKey {
            column,
            data_type: field.data_type.clone(),
            descending: item.descending,
            nulls_first: item.nulls_first.unwrap_or(!item.descending),
        });
    }
    let limited = query.limit.is_some() || query.offset.is_some();
    let is_sorted = limited || !binder.nested;
    if is_sorted && !binder.batch {
        let span = query.order_by.first().map_or(query.span, |item| item.span);
        return streaming(&input, &expressions, &keys, limited, span);
    }
    let schema = Schema::new(fields.clone());
    let rel = Rel::Project { input: Box::new(input), expressions, schema };
    // The order of a subquery means nothing unless rows are counted off.
    let rel = if is_sorted { Rel::Sort { input: Box::new(rel), keys } } else { rel };
    if fields.len() == width {
        return Ok(rel);
    }
    fields.truncate(width);
    let columns = fields.iter().enumerate();
    let expressions = columns.map(|(at, f)| Expr::column(at, f.data_type.clone())).collect();
    Ok(Rel::Project { input: Box::new(rel), expressions, schema: Schema::new(fields) })
}

/// The selected column that an item names by its position, from 1.
fn by_position(expr: &ast::Expr, width: usize) -> Result<Option<usize>> {
    let ExprKind::Literal(Literal::Number { text, kind: NumberKind::Integer }) = &expr.kind else {
        return Ok(None);
    };
    let at = text.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    match at.filter(|at| *at < width) {
        Some(at) => Ok(Some(at)),
        None => Err(schema_error("ordinal out of range", expr.span)),
    }
}

/// What Flink says to a sort of rows that never end.
fn streaming(
    input: &Rel,
    expressions: &[Expr],
    keys: &[SortKey],
    limited: bool,
    span: Span,
) -> Result<Rel> {
    if limited {
        return not_yet("ORDER BY with LIMIT in streaming mode (Top-N)", span);
    }
    let first = keys.first().filter(|key| !key.descending);
    if first.and_then(|key| expressions.get(key.column)).is_some_and(|e| is_time(input, e)) {
        return not_yet("ORDER BY a time attribute in streaming mode", span);
    }
    let error = schema_error("Sort on a non-time-attribute field is not supported.", span);
    Err(error.with_hint("SET 'execution.runtime-mode' = 'batch' sorts a bounded input"))
}

/// Whether an expression over a relation is a time attribute.
fn is_time(rel: &Rel, expr: &Expr) -> bool {
    let at = match &expr.node {
        Node::Column(at) => *at,
        _ => return expr.is_proctime(),
    };
    match rel {
        Rel::Scan { table, columns, .. } => {
            let column = columns.get(at).and_then(|column| table.columns.get(*column));
            let rowtime = table.watermark.as_ref().map(|(column, _)| column);
            column.is_some_and(|column| Some(&column.name) == rowtime)
        }
        Rel::Project { input, expressions, .. } => {
            expressions.get(at).is_some_and(|expr| is_time(input, expr))
        }
        Rel::Filter { input, .. }
        | Rel::Limit { input, .. }
        | Rel::Sort { input, .. }
        | Rel::DropUpdateBefore { input } => is_time(input, expr),
        Rel::Unnest { input, .. } => at < input.schema().fields.len() && is_time(input, expr),
        Rel::Union { .. } => false,
    }
}
