//! Which kinds of changes go over every edge of a plan, checked against the sink (Flink's
//! `FlinkChangelogModeInferenceProgram`).

use crate::base::{Error, ErrorKind, Result};
use crate::expr::{Expr, Node};
use crate::plan::{Rel, Settings, UpsertMaterialize};
use crate::table::{ColumnKind, TableDef};
use crate::types::{ChangelogMode, Kind, RowKind};

/// Kinds of changes that reading a table gives.
pub type Changes<'a> = &'a dyn Fn(&TableDef) -> ChangelogMode;

/// What the plan must come to.
#[derive(Clone, Debug)]
pub struct SinkNeeds {
    /// What errors call it.
    pub name: String,
    /// Kinds of changes that it takes.
    pub takes: ChangelogMode,
    /// Columns of the plan that are its PRIMARY KEY; empty without one.
    pub key: Vec<usize>,
}

impl SinkNeeds {
    /// The result of a query, which shows every change.
    pub fn collect() -> SinkNeeds {
        SinkNeeds { name: "collect".into(), takes: ChangelogMode::ALL, key: Vec::new() }
    }
}

/// The plan with the steps that the sink makes necessary. Refuses plans whose changes the sink does not take, and those
/// that would need state.
pub fn resolve(
    rel: Rel,
    sink: &SinkNeeds,
    settings: &Settings,
    changes: Changes<'_>,
) -> Result<Rel> {
    let made = mode(&rel, changes);
    if made.is_insert_only() {
        if settings.upsert_materialize == UpsertMaterialize::Force && !sink.key.is_empty() {
            return Err(no_materializer(sink));
        }
        return Ok(rel);
    }
    check_source(&rel, settings, changes)?;
    if sink.takes.is_insert_only() {
        return Err(append_only(&rel, made, sink, changes));
    }
    let exact = upsert_key(&rel);
    let same = exact.as_ref().is_some_and(|key| same_set(key, &sink.key));
    let retracts = sink.takes.contains(RowKind::UpdateBefore);
    if !retracts && !sink.key.is_empty() && settings.upsert_materialize != UpsertMaterialize::Never
    {
        let known = exact.is_some_and(|key| key.iter().all(|at| sink.key.contains(at)));
        if !known || settings.upsert_materialize == UpsertMaterialize::Force {
            return Err(no_materializer(sink));
        }
    }
    // An upsert sink can do without the old rows, if nothing can come between an update and its key.
    if !retracts
        && (sink.key.is_empty() || same)
        && let Some(without) = without_old_rows(&rel, changes)
    {
        return Ok(without);
    }
    match upserting_scan(&rel, changes) {
        Some(table) => Err(no_normalize(table, sink)),
        None => Ok(rel),
    }
}

/// Kinds of changes that a relation makes.
pub fn mode(rel: &Rel, changes: Changes<'_>) -> ChangelogMode {
    match rel {
        Rel::Scan { table, .. } => changes(table),
        Rel::DropUpdateBefore { input } => mode(input, changes).without(RowKind::UpdateBefore),
        Rel::Filter { input, .. }
        | Rel::Project { input, .. }
        | Rel::Limit { input, .. }
        | Rel::Sort { input, .. }
        | Rel::Unnest { input, .. } => mode(input, changes),
        Rel::Union { inputs, .. } => inputs
            .iter()
            .map(|input| mode(input, changes))
            .reduce(ChangelogMode::or)
            .unwrap_or(ChangelogMode::INSERT_ONLY),
    }
}

/// Modes in the order of the lines that show the relation.
pub fn modes(rel: &Rel, changes: Changes<'_>) -> Vec<ChangelogMode> {
    let mut all = Vec::new();
    if !rel.is_shown_by_scan() {
        all.push(mode(rel, changes));
    }
    for input in rel.inputs() {
        all.extend(modes(input, changes));
    }
    all
}

/// Columns whose values name one row of the relation at each moment.
fn upsert_key(rel: &Rel) -> Option<Vec<usize>> {
    match rel {
        Rel::Scan { table, columns, .. } => {
            if table.primary_key.is_empty() {
                return None;
            }
            let place = |name: &String| {
                let at = table.columns.iter().position(|column| column.name == *name)?;
                columns.iter().position(|column| *column == at)
            };
            table.primary_key.iter().map(place).collect()
        }
        Rel::Filter { input, .. }
        | Rel::Limit { input, .. }
        | Rel::Sort { input, .. }
        | Rel::DropUpdateBefore { input } => upsert_key(input),
        Rel::Project { input, expressions, .. } => {
            let place = |at: usize| expressions.iter().position(|expr| keeps(expr, at));
            upsert_key(input)?.into_iter().map(place).collect()
        }
        Rel::Union { .. } | Rel::Unnest { .. } => None,
    }
}

/// Whether an expression is a column, or tells its values apart as the column does.
fn keeps(expr: &Expr, column: usize) -> bool {
    match &expr.node {
        Node::Column(at) => *at == column,
        Node::Cast { input, .. } => {
            let wider = width(&expr.data_type.kind) >= width(&input.data_type.kind);
            width(&input.data_type.kind) > 0 && wider && keeps(input, column)
        }
        _ => false,
    }
}

/// Order of the types whose values a cast to a later one keeps apart; 0 for all others.
fn width(kind: &Kind) -> u8 {
    match kind {
        Kind::TinyInt => 1,
        Kind::SmallInt => 2,
        Kind::Int => 3,
        Kind::BigInt => 4,
        _ => 0,
    }
}

fn same_set(a: &[usize], b: &[usize]) -> bool {
    a.iter().all(|at| b.contains(at)) && b.iter().all(|at| a.contains(at))
}

/// The plan whose updates come without the old rows. `None` where a condition could let the new row of an update
/// through and not the old one, so that the sink would miss a deletion (FLINK-9528), or where a deletion by its key must
/// tell more.
fn without_old_rows(rel: &Rel, changes: Changes<'_>) -> Option<Rel> {
    Some(match rel {
        Rel::Scan { table, columns, .. } => {
            let made = changes(table);
            if !made.contains(RowKind::UpdateBefore) {
                // The metadata of a deletion is that of the row that is deleted, which only state could tell.
                let told = columns.iter().filter_map(|at| table.columns.get(*at));
                let mut told =
                    told.map(|column| matches!(column.kind, ColumnKind::Metadata { .. }));
                return (made.is_insert_only() || !told.any(|told| told)).then(|| rel.clone());
            }
            Rel::DropUpdateBefore { input: Box::new(rel.clone()) }
        }
        Rel::DropUpdateBefore { .. } => rel.clone(),
        Rel::Filter { input, condition } => {
            if !mode(input, changes).is_insert_only() {
                let key = upsert_key(input)?;
                if !condition.columns_used().into_iter().all(|at| key.contains(&at)) {
                    return None;
                }
            }
            let input = Box::new(without_old_rows(input, changes)?);
            Rel::Filter { input, condition: condition.clone() }
        }
        Rel::Project { input, expressions, schema } => Rel::Project {
            input: Box::new(without_old_rows(input, changes)?),
            expressions: expressions.clone(),
            schema: schema.clone(),
        },
        Rel::Union { inputs, schema } => {
            let inputs: Option<Vec<Rel>> =
                inputs.iter().map(|input| without_old_rows(input, changes)).collect();
            Rel::Union { inputs: inputs?, schema: schema.clone() }
        }
        Rel::Unnest { input, collection, outer, ordinality, elements } => Rel::Unnest {
            input: Box::new(without_old_rows(input, changes)?),
            collection: collection.clone(),
            outer: outer.clone(),
            ordinality: *ordinality,
            elements: elements.clone(),
        },
        Rel::Limit { .. } | Rel::Sort { .. } => return None,
    })
}

/// What no plan over changes can have yet.
fn check_source(rel: &Rel, settings: &Settings, changes: Changes<'_>) -> Result<()> {
    if let Rel::Scan { table, .. } = rel
        && !changes(table).is_insert_only()
    {
        if settings.batch {
            return Err(Error::new(
                ErrorKind::Schema,
                format!(
                    "querying a table in batch mode is currently only possible for INSERT-only table sources. But the \
                     source for {} produces other changelog messages than just INSERT",
                    table.subject()
                ),
            )
            .with_hint("SET 'execution.runtime-mode' = 'streaming'"));
        }
        if settings.duplicate_changes && changes(table).contains(RowKind::UpdateBefore) {
            return Err(Error::unsupported(format!(
                "ChangelogNormalize, which 'table.exec.source.cdc-events-duplicate' asks for, for {}",
                table.subject()
            )));
        }
    }
    if let Rel::Limit { input, .. } = rel
        && !mode(input, changes).is_insert_only()
    {
        return Err(Error::unsupported("LIMIT over rows that are updated or deleted"));
    }
    rel.inputs().into_iter().try_for_each(|input| check_source(input, settings, changes))
}

fn append_only(rel: &Rel, made: ChangelogMode, sink: &SinkNeeds, changes: Changes<'_>) -> Error {
    let kinds = match (made.has_updates(), made.contains(RowKind::Delete)) {
        (true, true) => "update and delete",
        (true, false) => "update",
        _ => "delete",
    };
    let node = producer(rel, changes).unwrap_or_default();
    Error::new(
        ErrorKind::Schema,
        format!(
            "Table sink '{}' doesn't support consuming {kinds} changes which is produced by node {node}",
            sink.name
        ),
    )
    .with_hint(
        "write to connector 'upsert-kafka' with a PRIMARY KEY, or in a format that holds changes such as 'debezium-json'",
    )
}

/// The node that makes the first changes, as Flink shows it.
fn producer(rel: &Rel, changes: Changes<'_>) -> Option<String> {
    let Rel::Scan { table, columns, .. } = rel else {
        return rel.inputs().into_iter().find_map(|input| producer(input, changes));
    };
    if changes(table).is_insert_only() {
        return None;
    }
    if changes(table) == ChangelogMode::UPSERT_SOURCE {
        return Some(format!("ChangelogNormalize(key=[{}])", table.primary_key.join(", ")));
    }
    let name = &table.name;
    let fields = columns.iter().filter_map(|at| table.columns.get(*at));
    let fields: Vec<&str> = fields.map(|column| column.name.as_str()).collect();
    Some(format!(
        "TableSourceScan(table=[[{}, {}, {}]], fields=[{}])",
        name.catalog,
        name.database,
        name.table,
        fields.join(", ")
    ))
}

/// A table that is read without the old rows of its updates.
fn upserting_scan<'a>(rel: &'a Rel, changes: Changes<'_>) -> Option<&'a TableDef> {
    match rel {
        Rel::Scan { table, .. } => {
            let made = changes(table);
            let lacks =
                made.contains(RowKind::UpdateAfter) && !made.contains(RowKind::UpdateBefore);
            lacks.then_some(table.as_ref())
        }
        _ => rel.inputs().into_iter().find_map(|input| upserting_scan(input, changes)),
    }
}

fn no_normalize(table: &TableDef, sink: &SinkNeeds) -> Error {
    let key = table.primary_key.join(", ");
    Error::unsupported(format!(
        "ChangelogNormalize(key=[{key}]): '{}' needs the old rows of updates and deletions, which {} does not hold",
        sink.name,
        table.subject()
    ))
    .with_hint(format!(
        "what runs: INSERT INTO an 'upsert-kafka' table whose PRIMARY KEY is ({key}), with conditions on ({key}) only and no metadata columns"
    ))
}

fn no_materializer(sink: &SinkNeeds) -> Error {
    Error::unsupported(format!(
        "SinkUpsertMaterializer: the PRIMARY KEY of '{}' is not known to be a key of the rows",
        sink.name
    ))
    .with_hint(
        "declare the source's PRIMARY KEY and select it unchanged into the sink's, or SET \
         'table.exec.sink.upsert-materialize' = 'NONE' if rows of one key never overtake each other",
    )
}
