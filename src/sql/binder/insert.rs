//! INSERT: the query's columns against the sink's.

use super::coerce;
use super::query::bind as bind_query;
use super::{Binder, not_yet, schema_error};
use crate::base::Result;
use crate::expr::{Expr, Scalar};
use crate::plan::{Insert, Rel};
use crate::sql::ast;
use crate::table::{ColumnDef, ColumnKind};
use crate::types::{Field, Schema};

pub(super) fn bind(binder: &Binder<'_>, statement: &ast::Insert) -> Result<Insert> {
    if statement.overwrite {
        return not_yet("INSERT OVERWRITE", statement.span);
    }
    if let Some(item) = statement.partition.first() {
        return not_yet("PARTITION (…) of INSERT", item.span);
    }
    let name = binder.resolve(&statement.table);
    if binder.views.is_some_and(|views| views.view(&name).is_some()) {
        return Err(schema_error(
            format!("'{name}' is a view: rows cannot be written to it"),
            statement.table.span,
        ));
    }
    let table = binder.table(&statement.table, &statement.hints)?;
    let writable: Vec<usize> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| is_written(column))
        .map(|(at, _)| at)
        .collect();
    let rel = bind_query(binder, &statement.query)?;
    let query = rel.schema();
    // For each writable column of the sink, the query's column that fills it.
    let sources: Vec<Option<usize>> = if statement.columns.is_empty() {
        (0..query.fields.len()).map(Some).collect()
    } else {
        targets(statement, &table.columns, &writable)?
    };
    let sink: Vec<&ColumnDef> = writable.iter().filter_map(|at| table.columns.get(*at)).collect();
    let mismatch = |cause: String| {
        let shown =
            |fields: &mut dyn Iterator<Item = String>| fields.collect::<Vec<_>>().join(", ");
        let query = shown(&mut query.fields.iter().map(|f| format!("{}: {}", f.name, f.data_type)));
        let sink = shown(&mut sink.iter().map(|c| format!("{}: {}", c.name, c.data_type)));
        schema_error(
            format!(
                "column types of query result and sink for '{}' do not match. Cause: {cause}",
                table.name
            ),
            statement.table.span,
        )
        .with_hint(format!("Query schema: [{query}] Sink schema: [{sink}]"))
    };
    let listed = statement.columns.len();
    if sources.len() != sink.len() || (listed > 0 && listed != query.fields.len()) {
        return Err(mismatch("Different number of columns.".to_owned()));
    }
    let mut expressions = Vec::with_capacity(sink.len());
    for (position, (column, source)) in sink.iter().zip(&sources).enumerate() {
        let Some(field) = source.and_then(|at| query.fields.get(at)) else {
            if !column.data_type.nullable {
                return Err(mismatch(format!(
                    "Column '{}' has no default value and does not allow NULLs.",
                    column.name
                )));
            }
            expressions.push(Expr::literal(Scalar::Null, column.data_type.clone()));
            continue;
        };
        let input = Expr::column(source.unwrap_or(0), field.data_type.clone());
        let cast = coerce::implicit_cast(input, &column.data_type).map_err(|_| {
            mismatch(format!(
                "Incompatible types for sink column '{}' at position {position}.",
                column.name
            ))
        })?;
        expressions.push(cast);
    }
    let schema =
        Schema::new(sink.iter().map(|c| Field::new(c.name.clone(), c.data_type.clone())).collect());
    let rel = super::rewrite::optimise(
        Rel::Project { input: Box::new(rel), expressions, schema },
        binder.time_zone,
    );
    Ok(Insert { table, columns: writable, rel })
}

fn is_written(column: &ColumnDef) -> bool {
    matches!(column.kind, ColumnKind::Physical | ColumnKind::Metadata { is_virtual: false, .. })
}

/// For each writable column, the position in the INSERT's column list.
fn targets(
    statement: &ast::Insert,
    columns: &[ColumnDef],
    writable: &[usize],
) -> Result<Vec<Option<usize>>> {
    for (at, name) in statement.columns.iter().enumerate() {
        if statement.columns.iter().take(at).any(|before| before.last() == name.last()) {
            return Err(schema_error(
                format!("target column '{}' is assigned more than once", name.last()),
                name.span,
            ));
        }
        // Flink's planner does not know fields of rows as targets either.
        let parts: Vec<&str> = name.parts.iter().map(|part| part.value.as_str()).collect();
        let mut targets = writable.iter().filter_map(|at| columns.get(*at));
        if parts.len() > 1 || !targets.any(|c| c.name == name.last()) {
            let message = format!("unknown target column '{}'", parts.join("."));
            return Err(schema_error(message, name.span));
        }
    }
    let place = |column: &ColumnDef| statement.columns.iter().position(|n| n.last() == column.name);
    Ok(writable.iter().filter_map(|at| columns.get(*at)).map(place).collect())
}
