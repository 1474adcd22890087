//! VALUES, and SELECT without FROM: rows that no table holds.
//!
//! They are read from a generator that counts, so that they need no source of their own: row `n` of the counter is row
//! `n` of VALUES.

use super::call::call;
use super::coerce::common_apart_from_days;
use super::expr::{Scope, typed};
use super::{Binder, division, not_yet, schema_error};
use crate::base::Result;
use crate::expr::Expr;
use crate::options::Options;
use crate::plan::Rel;
use crate::sql::ast::{ValuesItem, ValuesRow};
use crate::table::{ColumnDef, ColumnKind, TableDef, TableName};
use crate::types::{DataType, Field, Kind, Schema};
use std::sync::Arc;

/// Rows of one BIGINT column that counts from 0 to `count` - 1.
pub(super) fn rows(count: usize) -> Rel {
    let mut options = Options::default();
    options.set("connector", "datagen", None);
    options.set("number-of-rows", count.to_string(), None);
    options.set("rows-per-second", "1000000", None);
    options.set("fields.row.kind", "sequence", None);
    options.set("fields.row.start", "0", None);
    options.set("fields.row.end", count.saturating_sub(1).to_string(), None);
    let table = TableDef {
        name: TableName {
            catalog: "default_catalog".to_owned(),
            database: "default_database".to_owned(),
            table: "values".to_owned(),
        },
        columns: vec![ColumnDef {
            name: "row".to_owned(),
            data_type: Kind::BigInt.not_null(),
            kind: ColumnKind::Physical,
            comment: None,
        }],
        options,
        primary_key: Vec::new(),
        partitioned_by: Vec::new(),
        watermark: None,
        comment: None,
        span: None,
    };
    Rel::Scan { table: Arc::new(table), columns: vec![0], predicate: None }
}

/// `VALUES (1, 'a'), (2, 'b')`: each column has the common type of its values.
pub(super) fn bind(binder: &Binder<'_>, written: &[ValuesRow]) -> Result<Rel> {
    let scope = Scope::default();
    let mut columns: Vec<Vec<Expr>> = Vec::new();
    for (at, row) in written.iter().enumerate() {
        if at == 0 {
            columns.resize_with(row.values.len(), Vec::new);
        }
        if row.values.len() != columns.len() {
            return Err(schema_error(
                "values passed to VALUES operator must have the same number of columns",
                row.span,
            ));
        }
        for (column, item) in columns.iter_mut().zip(&row.values) {
            match item {
                ValuesItem::Expr(expr) => {
                    division::check(expr, &|part| binder.may_be_null(part, &scope))?;
                    column.push(typed(binder.expr(expr, &scope)?, expr.span)?);
                }
                ValuesItem::Default(span) => return not_yet("DEFAULT in VALUES", *span),
            }
        }
    }
    let mut expressions = Vec::with_capacity(columns.len());
    let mut fields = Vec::with_capacity(columns.len());
    for (at, column) in columns.into_iter().enumerate() {
        let Some(DataType { kind, .. }) =
            common_apart_from_days(column.iter().map(|expr| &expr.data_type))
        else {
            let span = written.first().map_or_else(Default::default, |row| row.span);
            return Err(schema_error(
                "values passed to VALUES operator must have compatible types",
                span,
            ));
        };
        let mut column: Vec<Expr> =
            column.into_iter().map(|expr| expr.cast_kind(kind.clone())).collect();
        let expr = match (column.pop(), column.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                let mut args = vec![Expr::column(0, Kind::BigInt.not_null())];
                args.append(&mut column);
                args.extend(last);
                call("$CHOOSE", args)?
            }
        };
        fields.push(Field::new(format!("EXPR${at}"), expr.data_type.clone()));
        expressions.push(expr);
    }
    let input = Box::new(rows(written.len()));
    Ok(Rel::Project { input, expressions, schema: Schema::new(fields) })
}
