//! What a table declaration takes over: from another table (LIKE), from a query (AS).

use super::alter::constraint_name;
use super::catalog::refused;
use super::ddl::repeats;
use crate::base::{Error, Result, Span};
use crate::sql::ast::{
    ColumnDef, ColumnKind, CreateTable, Ident, LikeClause, LikeFeature, LikeStrategy, Property,
    TableConstraint,
};
use crate::sql::parse_data_type;
use crate::types::Schema;

/// What each part of a base table becomes (Flink's `MergeTableLikeUtil`).
#[derive(Clone, Copy)]
struct Strategies {
    constraints: LikeStrategy,
    distribution: LikeStrategy,
    generated: LikeStrategy,
    metadata: LikeStrategy,
    options: LikeStrategy,
    partitions: LikeStrategy,
    watermarks: LikeStrategy,
}

impl Strategies {
    fn of(like: &LikeClause) -> Result<Strategies> {
        use LikeStrategy::{Including, Overwriting};
        let mut strategies = Strategies {
            constraints: Including,
            distribution: Including,
            generated: Including,
            metadata: Including,
            options: Overwriting,
            partitions: Including,
            watermarks: Including,
        };
        for (at, option) in like.options.iter().enumerate() {
            if repeats(&like.options, at, |a, b| a.feature == b.feature) {
                return Err(
                    refused("each like option feature can be declared only once").at(option.span)
                );
            }
            if option.strategy == Overwriting && !can_overwrite(option.feature) {
                return Err(refused(format!(
                    "illegal merging strategy 'OVERWRITING' for '{}' option",
                    feature_name(option.feature)
                ))
                .at(option.span));
            }
        }
        // ALL comes first, wherever it is written.
        let mut options: Vec<_> = like.options.iter().collect();
        options.sort_by_key(|option| option.feature != LikeFeature::All);
        for option in options {
            let strategy = option.strategy;
            match option.feature {
                LikeFeature::All => {
                    strategies = Strategies {
                        constraints: strategy,
                        distribution: strategy,
                        generated: strategy,
                        metadata: strategy,
                        options: strategy,
                        partitions: strategy,
                        watermarks: strategy,
                    };
                }
                LikeFeature::Constraints => strategies.constraints = strategy,
                LikeFeature::Distribution => strategies.distribution = strategy,
                LikeFeature::Generated => strategies.generated = strategy,
                LikeFeature::Metadata => strategies.metadata = strategy,
                LikeFeature::Options => strategies.options = strategy,
                LikeFeature::Partitions => strategies.partitions = strategy,
                LikeFeature::Watermarks => strategies.watermarks = strategy,
            }
        }
        Ok(strategies)
    }
}

fn can_overwrite(feature: LikeFeature) -> bool {
    use LikeFeature::{Generated, Metadata, Options, Watermarks};
    matches!(feature, Generated | Metadata | Options | Watermarks)
}

fn feature_name(feature: LikeFeature) -> &'static str {
    match feature {
        LikeFeature::All => "ALL",
        LikeFeature::Constraints => "CONSTRAINTS",
        LikeFeature::Distribution => "DISTRIBUTION",
        LikeFeature::Generated => "GENERATED",
        LikeFeature::Metadata => "METADATA",
        LikeFeature::Options => "OPTIONS",
        LikeFeature::Partitions => "PARTITIONS",
        LikeFeature::Watermarks => "WATERMARKS",
    }
}

/// The declaration with everything in it that its LIKE clause takes from `base`.
pub(super) fn merged(
    derived: &CreateTable,
    like: &LikeClause,
    base: &CreateTable,
) -> Result<CreateTable> {
    let strategies = Strategies::of(like)?;
    let mut merged = derived.clone();
    merged.like = None;
    merged.columns = columns(derived, base, strategies)?;
    merged.constraints = constraints(derived, base, strategies)?;
    if strategies.watermarks != LikeStrategy::Excluding {
        for watermark in &base.watermarks {
            let text = |name: &crate::sql::ast::ObjectName| name.last().to_owned();
            let column = text(&watermark.column);
            match derived.watermarks.iter().find(|own| text(&own.column) == column) {
                None => merged.watermarks.push(watermark.clone()),
                Some(_) if strategies.watermarks == LikeStrategy::Overwriting => {}
                Some(own) => {
                    return Err(refused(format!(
                        "there already exists a watermark spec for column '{column}' in the base table"
                    ))
                    .with_hint("specify EXCLUDING WATERMARKS or OVERWRITING WATERMARKS")
                    .at(own.span));
                }
            }
        }
    }
    merged.properties = properties(derived, base, strategies)?;
    if derived.partitioned_by.is_empty() {
        merged.partitioned_by.clone_from(&base.partitioned_by);
    } else if !base.partitioned_by.is_empty() && strategies.partitions != LikeStrategy::Excluding {
        return Err(already("partitions", "PARTITIONS", derived.span));
    }
    match (&derived.distribution, &base.distribution) {
        (None, Some(_)) if strategies.distribution != LikeStrategy::Excluding => {
            merged.distribution.clone_from(&base.distribution);
        }
        (Some(own), Some(_)) if strategies.distribution != LikeStrategy::Excluding => {
            return Err(already("a distribution", "DISTRIBUTION", own.span));
        }
        _ => {}
    }
    Ok(merged)
}

fn already(what: &str, feature: &str, span: Span) -> Error {
    refused(format!("the base table already has {what} defined"))
        .with_hint(format!("specify EXCLUDING {feature}"))
        .at(span)
}

fn columns(
    derived: &CreateTable,
    base: &CreateTable,
    strategies: Strategies,
) -> Result<Vec<ColumnDef>> {
    let kept = |column: &&ColumnDef| match column.kind {
        ColumnKind::Physical(_) => true,
        ColumnKind::Computed(_) => strategies.generated != LikeStrategy::Excluding,
        ColumnKind::Metadata { .. } => strategies.metadata != LikeStrategy::Excluding,
    };
    let mut columns: Vec<ColumnDef> = base.columns.iter().filter(kept).cloned().collect();
    let inherited = columns.len();
    for column in &derived.columns {
        let name = &column.name.value;
        let slot = columns.iter_mut().take(inherited).find(|other| other.name.value == *name);
        let Some(slot) = slot else {
            columns.push(column.clone());
            continue;
        };
        let (what, feature, strategy) = match (&column.kind, &slot.kind) {
            (ColumnKind::Computed(_), ColumnKind::Computed(_)) => {
                ("generated", "GENERATED", strategies.generated)
            }
            (ColumnKind::Metadata { .. }, ColumnKind::Metadata { .. }) => {
                ("metadata", "METADATA", strategies.metadata)
            }
            _ => {
                return Err(refused(format!(
                    "a column named '{name}' already exists in the base table"
                ))
                .at(column.name.span));
            }
        };
        if strategy != LikeStrategy::Overwriting {
            return Err(refused(format!(
                "a {what} column named '{name}' already exists in the base table"
            ))
            .with_hint(format!("specify EXCLUDING {feature} or OVERWRITING {feature}"))
            .at(column.name.span));
        }
        *slot = column.clone();
    }
    Ok(columns)
}

fn constraints(
    derived: &CreateTable,
    base: &CreateTable,
    strategies: Strategies,
) -> Result<Vec<TableConstraint>> {
    let inherits =
        strategies.constraints != LikeStrategy::Excluding && !base.constraints.is_empty();
    let Some(own) = derived.constraints.first() else {
        return Ok(if inherits { base.constraints.clone() } else { Vec::new() });
    };
    if inherits {
        return Err(refused("the base table already has a primary key")
            .with_hint("specify EXCLUDING CONSTRAINTS")
            .at(own.span));
    }
    key_of_not_null(own, &base.columns)?;
    Ok(derived.constraints.clone())
}

/// Columns that a key takes from elsewhere must be NOT NULL there.
fn key_of_not_null(key: &TableConstraint, inherited: &[ColumnDef]) -> Result<()> {
    for name in &key.columns {
        let column = inherited.iter().find(|column| column.name.value == name.value);
        let nullable = column.is_some_and(|column| match &column.kind {
            ColumnKind::Physical(data_type) => data_type.is_nullable(),
            _ => false,
        });
        if nullable {
            return Err(refused(format!(
                "invalid primary key '{}'. Column '{}' is nullable",
                constraint_name(key),
                name.value
            ))
            .at(name.span));
        }
    }
    Ok(())
}

fn properties(
    derived: &CreateTable,
    base: &CreateTable,
    strategies: Strategies,
) -> Result<Vec<Property>> {
    if strategies.options == LikeStrategy::Excluding {
        return Ok(derived.properties.clone());
    }
    let own = |key: &str| derived.properties.iter().find(|own| own.key.value == key);
    let mut properties = Vec::with_capacity(base.properties.len() + derived.properties.len());
    for property in &base.properties {
        let (key, value) = (&property.key.value, &property.value.value);
        match own(key) {
            None => properties.push(property.clone()),
            Some(_) if strategies.options == LikeStrategy::Overwriting => {}
            Some(own) => {
                return Err(refused(format!(
                    "there already exists an option ['{key}' -> '{value}'] in the base table"
                ))
                .with_hint("specify EXCLUDING OPTIONS or OVERWRITING OPTIONS")
                .at(own.span));
            }
        }
    }
    properties.extend(derived.properties.iter().cloned());
    Ok(properties)
}

/// The declaration with the columns of its AS query (Flink's `MergeTableAsUtil`): first those that only the declaration
/// has, then those of the query in its order. A column of both has the declared type and comment.
pub(super) fn with_query(derived: &CreateTable, query: &Schema) -> Result<CreateTable> {
    let mut whole = derived.clone();
    whole.as_query = None;
    whole.column_names = Vec::new();
    let mut from_query = Vec::with_capacity(query.fields.len());
    let mut only_declared = derived.columns.clone();
    for field in &query.fields {
        let is_it = |column: &ColumnDef| column.name.value == field.name;
        if let Some(at) = only_declared.iter().position(is_it) {
            from_query.push(only_declared.remove(at));
        } else {
            let data_type = parse_data_type(&field.data_type.to_string()).map_err(|_| {
                Error::unsupported(format!("a column of type {} from a query", field.data_type))
            })?;
            let name = Ident { value: field.name.clone(), quoted: true, span: derived.name.span };
            let kind = ColumnKind::Physical(data_type);
            from_query.push(ColumnDef { name, kind, comment: None, span: derived.name.span });
        }
    }
    if !derived.column_names.is_empty() {
        if derived.column_names.len() != from_query.len() {
            return Err(refused(format!(
                "the number of columns in the column list ({}) must match the number of columns of the query ({})",
                derived.column_names.len(),
                from_query.len()
            ))
            .at(derived.name.span));
        }
        let mut ordered = Vec::with_capacity(from_query.len());
        for name in &derived.column_names {
            let place = from_query.iter().position(|column| column.name.value == name.value);
            let Some(place) = place else {
                return Err(refused(format!("column '{}' not found in the query", name.value))
                    .at(name.span));
            };
            ordered.push(from_query.remove(place));
        }
        from_query = ordered;
    }
    let declared = |name: &str| derived.columns.iter().any(|column| column.name.value == name);
    let inferred: Vec<ColumnDef> =
        from_query.iter().filter(|column| !declared(&column.name.value)).cloned().collect();
    derived.constraints.iter().try_for_each(|key| key_of_not_null(key, &inferred))?;
    whole.columns = only_declared;
    whole.columns.append(&mut from_query);
    Ok(whole)
}
