//! Partitions that ALTER TABLE declares: names in the catalog and nothing more, as in Flink's `GenericInMemoryCatalog`.

use super::catalog::{Declared, refused};
use crate::base::{Error, Result};
use crate::sql::ast::{AlterTableAction, ExprKind, Literal, PartitionItem};

/// Columns and their values as text, in the order in which they are written.
pub(super) type Partition = Vec<(String, String)>;

/// The values of a PARTITION clause.
pub(super) fn values(items: &[PartitionItem]) -> Result<Partition> {
    let value = |item: &PartitionItem| {
        let text = match &item.value.kind {
            ExprKind::Literal(Literal::String(text) | Literal::Number { text, .. }) => text.clone(),
            ExprKind::Literal(Literal::Boolean(Some(value))) => value.to_string().to_uppercase(),
            _ => return Err(Error::unsupported("this value of a partition").at(item.span)),
        };
        Ok((item.column.value.clone(), text))
    };
    items.iter().map(value).collect()
}

/// `a=1/b=x`
pub(super) fn name(partition: &Partition) -> String {
    let parts = partition.iter().map(|(column, value)| format!("{column}={value}"));
    parts.collect::<Vec<_>>().join("/")
}

/// What ADD PARTITION and DROP PARTITION make of a table's partitions; `None` for other actions.
pub(super) fn altered(
    table: &Declared,
    action: &AlterTableAction,
) -> Result<Option<Vec<Partition>>> {
    let mut all = table.partitions.clone();
    let subject = table.def.subject();
    match action {
        AlterTableAction::AddPartitions { if_not_exists, partitions } => {
            for added in partitions {
                let added = values(&added.items)?;
                let keys = &table.def.partitioned_by;
                if keys.is_empty() {
                    return Err(refused(format!("{subject} is not partitioned")));
                }
                let fits = added.len() == keys.len()
                    && keys.iter().all(|key| added.iter().any(|(column, _)| column == key));
                if !fits {
                    return Err(refused(format!(
                        "partition {} does not match partition keys [{}] of {subject}",
                        name(&added),
                        keys.join(", ")
                    )));
                }
                match all.iter().any(|there| same(there, &added)) {
                    false => all.push(added),
                    true if *if_not_exists => {}
                    true => {
                        let name = name(&added);
                        return Err(refused(format!(
                            "partition {name} of {subject} already exists"
                        )));
                    }
                }
            }
        }
        AlterTableAction::DropPartitions { if_exists, partitions } => {
            for dropped in partitions {
                let dropped = values(&dropped.items)?;
                match all.iter().position(|there| same(there, &dropped)) {
                    Some(at) => drop(all.remove(at)),
                    None if *if_exists => {}
                    None => {
                        let name = name(&dropped);
                        return Err(refused(format!(
                            "partition {name} of {subject} does not exist"
                        )));
                    }
                }
            }
        }
        _ => return Ok(None),
    }
    Ok(Some(all))
}

/// The order of the columns does not matter.
fn same(a: &Partition, b: &Partition) -> bool {
    a.len() == b.len() && a.iter().all(|value| b.contains(value))
}
