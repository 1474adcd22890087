//! CREATE TABLE.

use super::expr::Scope;
use super::{Binder, data_type, not_yet, schema_error};
use crate::base::{Error, Result};
use crate::expr::Expr;
use crate::options::Options;
use crate::sql::ast;
use crate::table::{ColumnDef, ColumnKind, TableDef};
use crate::types::{DataType, Kind};

pub(super) fn create(binder: &Binder<'_>, statement: &ast::CreateTable) -> Result<TableDef> {
    let span = statement.name.span;
    if statement.as_query.is_some() {
        return not_yet("CREATE TABLE … AS", span);
    }
    if let Some(like) = &statement.like {
        return not_yet("CREATE TABLE … LIKE", like.span);
    }
    let mut columns: Vec<ColumnDef> = Vec::with_capacity(statement.columns.len());
    for column in &statement.columns {
        if columns.iter().any(|c| c.name == column.name.value) {
            return Err(schema_error(
                format!("a column named '{}' already exists in the table", column.name.value),
                column.name.span,
            ));
        }
        let bound = self::column(column)?;
        one_column_per_key(&columns, &bound, column)?;
        columns.push(bound);
    }
    // The columns of a key are NOT NULL, whatever is written; what is computed from them follows.
    let keys: Vec<&str> =
        statement.constraints.iter().flat_map(|c| &c.columns).map(|c| c.value.as_str()).collect();
    for column in &mut columns {
        column.data_type.nullable &= !keys.contains(&column.name.as_str());
    }
    bind_computed(binder, statement, &mut columns)?;
    let mut table = TableDef {
        name: binder.resolve(&statement.name),
        columns,
        options: options(&statement.properties),
        primary_key: Vec::new(),
        partitioned_by: statement
            .partitioned_by
            .iter()
            .map(|column| column.value.clone())
            .collect(),
        watermark: None,
        comment: statement.comment.as_ref().map(|comment| comment.value.clone()),
        span: Some(span),
    };
    for partition in &statement.partitioned_by {
        physical(&table, "partition key", partition)?;
    }
    for bucket in statement.distribution.iter().flat_map(|distribution| &distribution.columns) {
        physical(&table, "bucket key", bucket)?;
    }
    constraints(statement, &mut table)?;
    watermark(binder, statement, &mut table)?;
    Ok(table)
}

/// Keys that say where a row is stored are columns that are stored.
fn physical(table: &TableDef, what: &str, key: &ast::Ident) -> Result<()> {
    let columns = || table.columns.iter().filter(|column| column.kind == ColumnKind::Physical);
    if columns().any(|column| column.name == key.value) {
        return Ok(());
    }
    let names: Vec<&str> = columns().map(|column| column.name.as_str()).collect();
    Err(schema_error(
        format!(
            "invalid {what} '{}': it must reference a physical column in the schema. Available columns are: [{}]",
            key.value,
            names.join(", ")
        ),
        key.span,
    ))
}

fn options(properties: &[ast::Property]) -> Options {
    let mut options = Options::default();
    for property in properties {
        options.set(&property.key.value, &property.value.value, Some(property.span));
    }
    options
}

/// Two columns of the same metadata could disagree when they are written.
fn one_column_per_key(
    columns: &[ColumnDef],
    bound: &ColumnDef,
    written: &ast::ColumnDef,
) -> Result<()> {
    let ColumnKind::Metadata { key, .. } = &bound.kind else { return Ok(()) };
    let same = |column: &&ColumnDef| matches!(&column.kind, ColumnKind::Metadata { key: other, .. } if other == key);
    let Some(first) = columns.iter().find(same) else { return Ok(()) };
    Err(schema_error(
        format!(
            "the columns '{}' and '{}' in the table are both from the same metadata key '{key}'",
            first.name, bound.name
        ),
        written.name.span,
    )
    .with_hint("keep one of them, and declare the other as a computed column: b AS a"))
}

/// A column; computed ones get their type and expression in a second pass.
fn column(column: &ast::ColumnDef) -> Result<ColumnDef> {
    let (data_type, kind) = match &column.kind {
        ast::ColumnKind::Physical(written) => (data_type::bind(written)?, ColumnKind::Physical),
        ast::ColumnKind::Metadata { data_type, from, is_virtual } => {
            let key =
                from.as_ref().map_or_else(|| column.name.value.clone(), |key| key.value.clone());
            (data_type::bind(data_type)?, ColumnKind::Metadata { key, is_virtual: *is_virtual })
        }
        ast::ColumnKind::Computed(_) => {
            let placeholder =
                crate::expr::Expr::literal(crate::expr::Scalar::Null, Kind::Null.nullable());
            (Kind::Null.nullable(), ColumnKind::Computed(placeholder))
        }
    };
    Ok(ColumnDef {
        name: column.name.value.clone(),
        data_type,
        kind,
        comment: column.comment.as_ref().map(|comment| comment.value.clone()),
    })
}

/// Computed columns may use physical and metadata columns anywhere in the list, not other computed ones.
fn bind_computed(
    binder: &Binder<'_>,
    statement: &ast::CreateTable,
    columns: &mut [ColumnDef],
) -> Result<()> {
    let mut scope = Scope::default();
    for (at, column) in columns.iter().enumerate() {
        if !matches!(column.kind, ColumnKind::Computed(_)) {
            scope.add(&column.name, at, &column.data_type);
        }
    }
    for (written, column) in statement.columns.iter().zip(columns.iter_mut()) {
        if let ast::ColumnKind::Computed(expr) = &written.kind {
            // Who reads the column has another text before them.
            let expr = binder.expr(expr, &scope)?.without_places();
            column.data_type = expr.data_type.clone();
            column.kind = ColumnKind::Computed(expr);
        }
    }
    Ok(())
}

fn constraints(statement: &ast::CreateTable, table: &mut TableDef) -> Result<()> {
    for constraint in &statement.constraints {
        if constraint.unique {
            return Err(schema_error("UNIQUE constraint is not supported", constraint.span));
        }
        if constraint.enforced != Some(false) {
            return Err(schema_error(
                "Flink doesn't support ENFORCED mode for PRIMARY KEY constraint",
                constraint.span,
            )
            .with_hint("write PRIMARY KEY (…) NOT ENFORCED"));
        }
        if !table.primary_key.is_empty() {
            return Err(schema_error("duplicate primary key definition", constraint.span));
        }
        for column in &constraint.columns {
            let name = &column.value;
            let Some(defined) = table.columns.iter().find(|c| c.name == *name) else {
                return Err(schema_error(
                    format!("primary key column '{name}' is not defined in the schema"),
                    column.span,
                ));
            };
            if defined.kind != ColumnKind::Physical {
                return Err(schema_error(
                    format!("could not create a PRIMARY KEY with column '{name}'"),
                    column.span,
                )
                .with_hint("a primary key can only be declared on physical columns"));
            }
            if table.primary_key.contains(name) {
                return Err(schema_error(
                    format!("a primary key must not contain duplicate columns. Found: [{name}]"),
                    column.span,
                ));
            }
            table.primary_key.push(name.clone());
        }
    }
    Ok(())
}

fn watermark(
    binder: &Binder<'_>,
    statement: &ast::CreateTable,
    table: &mut TableDef,
) -> Result<()> {
    let Some(written) = statement.watermarks.first() else { return Ok(()) };
    if let Some(second) = statement.watermarks.get(1) {
        return Err(schema_error(
            "multiple WATERMARK statements are not supported yet",
            second.span,
        ));
    }
    let [column] = written.column.parts.as_slice() else {
        // Flink's parser takes a field of a row, its schema does not.
        let columns: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        let parts: Vec<&str> = written.column.parts.iter().map(|p| p.value.as_str()).collect();
        return Err(schema_error(
            format!(
                "invalid column name '{}' for rowtime attribute in watermark declaration. Available columns are: [{}]",
                parts.join("."),
                columns.join(", ")
            ),
            written.column.span,
        ));
    };
    let defined = table.columns.iter().find(|c| c.name == column.value);
    let Some(data_type) = defined.map(|defined| defined.data_type.clone()) else {
        return Err(schema_error(
            format!(
                "the rowtime attribute field '{}' is not defined in the table schema",
                column.value
            ),
            column.span,
        ));
    };
    if matches!(defined.map(|column| &column.kind), Some(ColumnKind::Computed(expr)) if expr.is_proctime())
    {
        let message = "a watermark can not be defined for a processing-time attribute";
        return Err(schema_error(message, column.span));
    }
    let is_time =
        |kind: &Kind| matches!(kind, Kind::Timestamp(p) | Kind::TimestampLtz(p) if *p <= 3);
    let wrong = |of: &str, subject: &str, data_type: &DataType| {
        format!(
            "invalid data type of {of} for watermark definition: it must be of type TIMESTAMP(p) or TIMESTAMP_LTZ(p), \
             the supported precision 'p' is from 0 to 3, but the {subject} type is {}",
            data_type.kind
        )
    };
    if !is_time(&data_type.kind) {
        return Err(schema_error(wrong("time field", "time field", &data_type), column.span));
    }
    let mut scope = Scope::default();
    for (at, column) in table.columns.iter().enumerate() {
        scope.add(&column.name, at, &column.data_type);
    }
    let expr = match &written.expr.kind {
        // The source's own watermark: there is nothing to compute from the row.
        ast::ExprKind::Function(call)
            if call.args.is_empty()
                && call.name.last().eq_ignore_ascii_case("SOURCE_WATERMARK") =>
        {
            Expr::null(data_type.kind.clone())
        }
        _ => binder.expr(&written.expr, &scope)?,
    };
    if !is_time(&expr.data_type.kind) {
        let message = wrong("expression", "watermark expression", &expr.data_type);
        return Err(schema_error(message, written.expr.span));
    }
    if std::mem::discriminant(&expr.data_type.kind) != std::mem::discriminant(&data_type.kind) {
        return Err(Error::new(
            crate::base::ErrorKind::Schema,
            format!(
                "the watermark output type {} is different from input time filed type {data_type}",
                expr.data_type
            ),
        )
        .at(written.expr.span));
    }
    table.watermark = Some((column.value.clone(), expr));
    Ok(())
}
