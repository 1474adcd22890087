//! How tables, views and catalogs are shown: the rows of DESCRIBE and the texts of SHOW CREATE.

use super::alter::constraint_name;
use super::catalog::{CatalogEntry, Declared, View};
use crate::expr::{Expr, Node};
use crate::options::shown;
use crate::plan::Rel;
use crate::sql::ast::{self, DistributionKind};
use crate::sql::{expanded_expr, expanded_query, without_secrets};
use crate::table::{ColumnKind, TableName};
use crate::types::{DataType, Field, Kind};
use std::fmt::Write as _;

const ROWTIME: &str = "*ROWTIME*";

/// A row of DESCRIBE.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) comment: String,
    data_type: DataType,
    /// `*ROWTIME*` or `*PROCTIME*`.
    time: Option<&'static str>,
    key: String,
    extras: String,
    watermark: String,
}

impl Column {
    /// The column in batch mode, where nothing waits for event time.
    pub(super) fn without_rowtime(self) -> Column {
        Column { time: self.time.filter(|time| *time != ROWTIME), ..self }
    }

    pub(super) fn row(self, with_comment: bool) -> Vec<String> {
        let data_type = self.data_type.kind.to_string();
        let mut row = vec![
            self.name,
            match self.time {
                Some(time) => format!("{data_type} {time}"),
                None => data_type,
            },
            if self.data_type.nullable { "TRUE" } else { "FALSE" }.to_owned(),
            self.key,
            self.extras,
            self.watermark,
        ];
        if with_comment {
            row.push(self.comment);
        }
        row
    }
}

/// The columns of a table.
pub(super) fn table(table: &Declared) -> Vec<Column> {
    let (def, written) = (&table.def, &table.written);
    let key = format!("PRI({})", def.primary_key.join(", "));
    let columns = def.columns.iter().zip(&written.columns).map(|(column, written_column)| {
        let watermark = written.watermarks.first().filter(|w| w.column.last() == column.name);
        let time = match &column.kind {
            ColumnKind::Computed(expr) if expr.is_proctime() => Some("*PROCTIME*"),
            _ => watermark.map(|_| ROWTIME),
        };
        Column {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            time,
            key: match def.primary_key.contains(&column.name) {
                true => key.clone(),
                false => String::new(),
            },
            extras: extras(written_column),
            watermark: watermark.map(|w| expanded_expr(&w.expr)).unwrap_or_default(),
            comment: column.comment.clone().unwrap_or_default(),
        }
    });
    columns.collect()
}

fn extras(column: &ast::ColumnDef) -> String {
    match &column.kind {
        ast::ColumnKind::Physical(_) => String::new(),
        ast::ColumnKind::Computed(expr) => format!("AS {}", expanded_expr(expr)),
        ast::ColumnKind::Metadata { from, is_virtual, .. } => {
            let mut text = "METADATA".to_owned();
            if let Some(key) = from.as_ref().filter(|key| key.value != column.name.value) {
                let _infallible = write!(text, " FROM {}", literal(&key.value));
            }
            text.push_str(if *is_virtual { " VIRTUAL" } else { "" });
            text
        }
    }
}

/// The columns of a query.
pub(super) fn query(rel: &Rel) -> Vec<Column> {
    let times = time_attributes(rel);
    let columns = rel.schema().fields.into_iter().zip(times).map(|(field, time)| Column {
        name: field.name,
        data_type: field.data_type,
        time,
        key: String::new(),
        extras: String::new(),
        watermark: String::new(),
        comment: String::new(),
    });
    columns.collect()
}

/// Which columns carry event time or processing time.
fn time_attributes(rel: &Rel) -> Vec<Option<&'static str>> {
    match rel {
        Rel::Scan { table, columns, .. } => {
            let rowtime = table.watermark.as_ref().map(|(column, _)| column);
            let is = |at: &usize| table.columns.get(*at).map(|c| &c.name) == rowtime;
            columns.iter().map(|at| (rowtime.is_some() && is(at)).then_some(ROWTIME)).collect()
        }
        Rel::Project { input, expressions, .. } => {
            let below = time_attributes(input);
            let of = |expr: &Expr| match expr.node {
                Node::Column(at) => below.get(at).copied().flatten(),
                _ => expr.is_proctime().then_some("*PROCTIME*"),
            };
            expressions.iter().map(of).collect()
        }
        Rel::Filter { input, .. }
        | Rel::Limit { input, .. }
        | Rel::Sort { input, .. }
        | Rel::DropUpdateBefore { input } => time_attributes(input),
        Rel::Unnest { input, .. } => {
            let mut times = time_attributes(input);
            times.resize(rel.schema().fields.len(), None);
            times
        }
        Rel::Union { inputs, .. } => {
            let mut times = inputs.iter().map(time_attributes);
            let first = times.next().unwrap_or_default();
            times.fold(first, |all, next| {
                all.into_iter().zip(next).map(|(a, b)| a.filter(|_| a == b)).collect()
            })
        }
    }
}

fn ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn idents<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(ident).collect::<Vec<_>>().join(", ")
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn full_name(name: &TableName) -> String {
    [&name.catalog, &name.database, &name.table].map(|part| ident(part)).join(".")
}

/// `COMMENT 'c'`, on a line of its own.
fn comment(text: &mut String, comment: Option<&str>) {
    if let Some(comment) = comment.filter(|comment| !comment.is_empty()) {
        let _infallible = writeln!(text, "COMMENT {}", literal(comment));
    }
}

fn with<'a>(text: &mut String, options: impl Iterator<Item = (&'a str, &'a str)>) {
    let lines: Vec<String> = options
        .map(|(key, value)| format!("  {} = {}", literal(key), literal(&shown(key, value))))
        .collect();
    if !lines.is_empty() {
        let _infallible = write!(text, "WITH (\n{}\n)\n", lines.join(",\n"));
    }
}

/// The statement that creates the table, as Flink writes it.
pub(super) fn create_table(table: &Declared, temporary: bool) -> String {
    let (def, written) = (&table.def, &table.written);
    let temporary = if temporary { "TEMPORARY " } else { "" };
    let mut lines: Vec<String> = Vec::new();
    for (column, written) in def.columns.iter().zip(&written.columns) {
        let mut line = format!("  {}", ident(&column.name));
        if !matches!(column.kind, ColumnKind::Computed(_)) {
            let _infallible = write!(line, " {}", serializable(&column.data_type));
        }
        let extras = extras(written);
        if !extras.is_empty() {
            let _infallible = write!(line, " {extras}");
        }
        if let Some(comment) = column.comment.as_ref().filter(|comment| !comment.is_empty()) {
            let _infallible = write!(line, " COMMENT {}", literal(comment));
        }
        lines.push(line);
    }
    for watermark in &written.watermarks {
        let column = ident(watermark.column.last());
        lines.push(format!("  WATERMARK FOR {column} AS {}", expanded_expr(&watermark.expr)));
    }
    for constraint in &written.constraints {
        lines.push(format!(
            "  CONSTRAINT {} PRIMARY KEY ({}) NOT ENFORCED",
            ident(&constraint_name(constraint)),
            idents(constraint.columns.iter().map(|column| column.value.as_str()))
        ));
    }
    let mut text =
        format!("CREATE {temporary}TABLE {} (\n{}\n)\n", full_name(&def.name), lines.join(",\n"));
    comment(&mut text, def.comment.as_deref());
    if let Some(distribution) = &written.distribution {
        distributed(&mut text, distribution);
    }
    if !def.partitioned_by.is_empty() {
        let columns = idents(def.partitioned_by.iter().map(String::as_str));
        let _infallible = writeln!(text, "PARTITIONED BY ({columns})");
    }
    let mut options: Vec<(&str, &str)> =
        written.properties.iter().map(|p| (p.key.value.as_str(), p.value.value.as_str())).collect();
    options.sort_unstable();
    with(&mut text, options.into_iter());
    text
}

fn distributed(text: &mut String, distribution: &ast::Distribution) {
    text.push_str("DISTRIBUTED");
    if !distribution.columns.is_empty() {
        let columns = idents(distribution.columns.iter().map(|column| column.value.as_str()));
        let kind = match distribution.kind {
            Some(DistributionKind::Hash) => "HASH",
            Some(DistributionKind::Range) => "RANGE",
            None => "",
        };
        let _infallible = write!(text, " BY {kind}({columns})");
    }
    if let Some(buckets) = distribution.buckets {
        let _infallible = write!(text, " INTO {buckets} BUCKETS");
    }
    text.push('\n');
}

/// The statement that creates the view, as Flink writes it.
pub(super) fn create_view(name: &TableName, view: &View, temporary: bool) -> String {
    let temporary = if temporary { "TEMPORARY " } else { "" };
    let columns: Vec<String> =
        view.source.columns.iter().map(|column| format!("  {}", ident(column))).collect();
    let mut text =
        format!("CREATE {temporary}VIEW {} (\n{}\n)\n", full_name(name), columns.join(",\n"));
    comment(&mut text, view.written.comment.as_ref().map(|comment| comment.value.as_str()));
    // Hints may hold secrets.
    let query = without_secrets(&expanded_query(&view.source.query, &view.source.home));
    let _infallible = writeln!(text, "AS {query}");
    text
}

/// The statement that creates the catalog, as Flink writes it.
pub(super) fn create_catalog(name: &str, entry: &CatalogEntry) -> String {
    let mut text = format!("CREATE CATALOG {}\n", ident(name));
    comment(&mut text, entry.comment.as_deref());
    with(&mut text, entry.properties.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    text
}

/// A type as Flink writes it for other programs (`LogicalType.asSerializableString`).
fn serializable(data_type: &DataType) -> String {
    let kind = match &data_type.kind {
        Kind::VarChar(n) => format!("VARCHAR({n})"),
        Kind::VarBinary(n) => format!("VARBINARY({n})"),
        Kind::TimestampLtz(p) => format!("TIMESTAMP({p}) WITH LOCAL TIME ZONE"),
        Kind::Array(element) => format!("ARRAY<{}>", serializable(element)),
        Kind::Multiset(element) => format!("MULTISET<{}>", serializable(element)),
        Kind::Map(key, value) => format!("MAP<{}, {}>", serializable(key), serializable(value)),
        Kind::Row(fields) => format!("ROW<{}>", serializable_fields(fields)),
        Kind::Structured(class, fields) => {
            format!("STRUCTURED<'{class}', {}>", serializable_fields(fields))
        }
        kind => kind.to_string(),
    };
    if data_type.nullable { kind } else { format!("{kind} NOT NULL") }
}

fn serializable_fields(fields: &[Field]) -> String {
    let field =
        |field: &Field| format!("{} {}", ident(&field.name), serializable(&field.data_type));
    fields.iter().map(field).collect::<Vec<_>>().join(", ")
}
