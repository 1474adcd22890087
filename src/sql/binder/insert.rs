//! INSERT: the query's columns against the sink's.

use super::coerce;
use super::expr::Scope;
use super::query::bind_query;
use super::{Binder, hints, schema_error};
use crate::base::Result;
use crate::expr::{CastMode, Expr, Scalar, fits_without_cast};
use crate::plan::{Insert, Rel};
use crate::sql::ast;
use crate::table::{ColumnDef, ColumnKind, TableDef};
use crate::types::{Field, Schema};

pub(super) fn bind(binder: &Binder<'_>, statement: &ast::Insert) -> Result<Insert> {
    let name = binder.resolve(&statement.table);
    if binder.views.is_some_and(|views| views.view(&name).is_some()) {
        return Err(schema_error(
            format!("'{name}' is a view: rows cannot be written to it"),
            statement.table.span,
        ));
    }
    hints::check(&statement.hints)?;
    let table = binder.table(&statement.table, &statement.hints)?;
    if statement.overwrite {
        let message = format!("INSERT OVERWRITE: '{}' cannot replace what it holds", table.name);
        return Err(
            schema_error(message, statement.span).with_hint("no connector can: write INSERT INTO")
        );
    }
    let writable: Vec<usize> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| is_written(column))
        .map(|(at, _)| at)
        .collect();
    let rel = bind_query(binder, &statement.query)?;
    let query = rel.schema();
    let fixed = fixed(binder, statement, &table, &writable)?;
    let sources = if statement.columns.is_empty() {
        in_order(&fixed, query.fields.len())
    } else {
        targets(statement, &table.columns, &writable, fixed)?
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
    for (column, source) in sink.iter().zip(&sources) {
        let input = match source {
            Source::Fixed(value) => Some(value.clone()),
            Source::Query(at) => {
                query.fields.get(*at).map(|field| Expr::column(*at, field.data_type.clone()))
            }
            Source::Missing => None,
        };
        if input.is_none() && !column.data_type.nullable {
            return Err(mismatch(format!(
                "Column '{}' has no default value and does not allow NULLs.",
                column.name
            )));
        }
        expressions
            .push(input.unwrap_or_else(|| Expr::literal(Scalar::Null, column.data_type.clone())));
    }
    // As in `DynamicSinkUtils`, all columns are cast where one needs it: a map is put into a new one then, which changes the
    // order of its entries.
    let fits = |(input, column): (&Expr, &&ColumnDef)| {
        fits_without_cast(&input.data_type, &column.data_type)
    };
    if !expressions.iter().zip(&sink).all(fits) {
        for (position, (input, column)) in expressions.iter_mut().zip(&sink).enumerate() {
            *input = coerce::implicit_cast(input.clone(), &column.data_type, binder.legacy_cast)
                .map_err(|_| {
                    mismatch(format!(
                        "Incompatible types for sink column '{}' at position {position}.",
                        column.name
                    ))
                })?;
        }
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

/// What fills a writable column of the sink.
#[derive(Clone)]
enum Source {
    /// The query's column of this place.
    Query(usize),
    /// The value of the PARTITION clause.
    Fixed(Expr),
    /// Nothing: NULL.
    Missing,
}

/// For each writable column, its value in the PARTITION clause.
fn fixed(
    binder: &Binder<'_>,
    statement: &ast::Insert,
    table: &TableDef,
    writable: &[usize],
) -> Result<Vec<Source>> {
    let mut sources = vec![Source::Missing; writable.len()];
    for item in &statement.partition {
        let name = &item.column.value;
        let columns = writable.iter().filter_map(|at| table.columns.get(*at));
        let Some((column, source)) =
            columns.zip(&mut sources).find(|(column, _)| column.name == *name)
        else {
            return Err(schema_error(format!("unknown target column '{name}'"), item.span));
        };
        if !table.partitioned_by.contains(name) {
            return Err(schema_error(
                format!(
                    "partition column '{name}' should be in the partition keys [{}] of '{}'",
                    table.partitioned_by.join(", "),
                    table.name
                ),
                item.span,
            ));
        }
        let value = binder.expr(&item.value, &Scope::default())?;
        let value = coerce::cast(value, &column.data_type, CastMode::default());
        *source = Source::Fixed(value.map_err(|error| error.at(item.value.span))?);
    }
    Ok(sources)
}

/// The query's columns in their order, for the columns that have no value yet.
fn in_order(fixed: &[Source], count: usize) -> Vec<Source> {
    let mut query = (0..count).map(Source::Query);
    let mut sources = Vec::with_capacity(fixed.len());
    for source in fixed {
        match source {
            Source::Fixed(_) => sources.push(source.clone()),
            _ => sources.extend(query.next()),
        }
    }
    sources.extend(query);
    sources
}

/// The columns that the INSERT lists get those of the query; the others keep what they have.
fn targets(
    statement: &ast::Insert,
    columns: &[ColumnDef],
    writable: &[usize],
    fixed: Vec<Source>,
) -> Result<Vec<Source>> {
    for (at, name) in statement.columns.iter().enumerate() {
        let fixed = statement.partition.iter().map(|item| item.column.value.as_str());
        let mut before = statement.columns.iter().take(at).map(ast::ObjectName::last).chain(fixed);
        if before.any(|before| before == name.last()) {
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
    let place = |(column, fixed): (&ColumnDef, Source)| {
        let listed = statement.columns.iter().position(|name| name.last() == column.name);
        listed.map_or(fixed, Source::Query)
    };
    Ok(writable.iter().filter_map(|at| columns.get(*at)).zip(fixed).map(place).collect())
}
