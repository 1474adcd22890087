//! ALTER TABLE: a changed declaration, to be bound anew (Flink's `AlterSchemaConverter`).

use super::catalog::{Declared, refused};
use super::ddl::repeats;
use crate::base::{Error, Result, Span};
use crate::sql::ast::{
    AlterTableAction, ColumnDef, ColumnKind, ColumnPosition, CreateTable, Ident, ObjectName,
    TableConstraint, TableElement,
};
use crate::table::{self, TableDef};

/// The declaration after the change; its name and its partitions are not its business.
pub(super) fn altered(table: &Declared, action: &AlterTableAction) -> Result<CreateTable> {
    let mut new = (*table.written).clone();
    match action {
        AlterTableAction::RenameTo(_)
        | AlterTableAction::AddPartitions { .. }
        | AlterTableAction::DropPartitions { .. } => {}
        AlterTableAction::SetOptions(properties) => {
            for property in properties {
                new.properties.retain(|old| old.key.value != property.key.value);
                new.properties.push(property.clone());
            }
        }
        AlterTableAction::ResetOptions(keys) => {
            if keys.is_empty() {
                return Err(refused("ALTER TABLE RESET does not support empty key"));
            }
            for key in keys {
                if key.value == "connector" {
                    return Err(refused("ALTER TABLE RESET does not support changing 'connector'")
                        .at(key.span));
                }
                new.properties.retain(|old| old.key.value != key.value);
            }
        }
        AlterTableAction::Add(elements) => {
            for element in elements {
                add(&mut new, element)?;
            }
        }
        AlterTableAction::Modify(elements) => {
            for (at, element) in elements.iter().enumerate() {
                let same = |a: &_, b: &_| match (column_name(a), column_name(b)) {
                    (Some(a), Some(b)) => a.value == b.value,
                    _ => false,
                };
                if let Some(name) = column_name(element)
                    && repeats(elements, at, same)
                {
                    return Err(refused(format!("encounter duplicate column `{}`", name.value))
                        .at(name.span));
                }
                modify(&mut new, element)?;
            }
        }
        AlterTableAction::RenameColumn { from, to } => rename(&mut new, &table.def, from, to)?,
        AlterTableAction::DropColumns(names) => drop_columns(&mut new, &table.def, names)?,
        AlterTableAction::DropPrimaryKey => {
            if new.constraints.is_empty() {
                return Err(refused("the base table does not define any primary key"));
            }
            new.constraints.clear();
        }
        AlterTableAction::DropConstraint(name) => drop_constraint(&mut new, name)?,
        AlterTableAction::DropWatermark => {
            if new.watermarks.is_empty() {
                return Err(refused("the base table does not define any watermark strategy"));
            }
            new.watermarks.clear();
        }
        AlterTableAction::DropDistribution => {
            if new.distribution.take().is_none() {
                return Err(refused("the base table does not define any distribution"));
            }
        }
    }
    Ok(new)
}

/// The name of a primary key, as Flink makes it up where none is written.
pub(super) fn constraint_name(constraint: &TableConstraint) -> String {
    match &constraint.name {
        Some(name) => name.value.clone(),
        None => {
            let columns: Vec<&str> =
                constraint.columns.iter().map(|column| column.value.as_str()).collect();
            format!("PK_{}", columns.join("_"))
        }
    }
}

fn column_name(element: &TableElement) -> Option<&Ident> {
    match element {
        TableElement::Column { column, .. } => Some(&column.name),
        _ => None,
    }
}

fn place(table: &CreateTable, name: &str) -> Option<usize> {
    table.columns.iter().position(|column| column.name.value == name)
}

fn top_level(name: &ObjectName) -> Result<&Ident> {
    match name.parts.as_slice() {
        [only] => Ok(only),
        _ => Err(Error::unsupported("changing a nested field").at(name.span)),
    }
}

fn insert(
    table: &mut CreateTable,
    column: &ColumnDef,
    position: Option<&ColumnPosition>,
) -> Result<()> {
    let at = match position {
        None => table.columns.len(),
        Some(ColumnPosition::First) => 0,
        Some(ColumnPosition::After(name)) => {
            let name = top_level(name)?;
            let Some(at) = place(table, &name.value) else {
                return Err(refused(format!(
                    "referenced column `{}` by 'AFTER' does not exist in the table",
                    name.value
                ))
                .at(name.span));
            };
            at + 1
        }
    };
    table.columns.insert(at, column.clone());
    Ok(())
}

fn already(what: &str, span: Span) -> Error {
    refused(format!("the base table has already defined the {what}"))
        .with_hint("drop it before adding a new one, or use ALTER TABLE … MODIFY")
        .at(span)
}

fn add(table: &mut CreateTable, element: &TableElement) -> Result<()> {
    match element {
        TableElement::Column { column, constraint, position } => {
            if place(table, &column.name.value).is_some() {
                return Err(refused(format!(
                    "try to add a column `{}` which already exists in the table",
                    column.name.value
                ))
                .at(column.name.span));
            }
            insert(table, column, position.as_ref())?;
            match constraint {
                Some(constraint) => add_constraint(table, constraint),
                None => Ok(()),
            }
        }
        TableElement::Watermark(watermark) => {
            if !table.watermarks.is_empty() {
                return Err(already("watermark strategy", watermark.span));
            }
            table.watermarks.push(watermark.clone());
            Ok(())
        }
        TableElement::Constraint(constraint) => add_constraint(table, constraint),
        TableElement::Distribution(distribution) => {
            if table.distribution.is_some() {
                return Err(already("distribution", distribution.span));
            }
            table.distribution = Some(distribution.clone());
            Ok(())
        }
    }
}

fn add_constraint(table: &mut CreateTable, constraint: &TableConstraint) -> Result<()> {
    if !table.constraints.is_empty() {
        return Err(already("primary key constraint", constraint.span));
    }
    table.constraints.push(constraint.clone());
    Ok(())
}

fn modify(table: &mut CreateTable, element: &TableElement) -> Result<()> {
    let missing = |what: &str, span: Span| {
        refused(format!("the base table does not define any {what}"))
            .with_hint("use ALTER TABLE … ADD")
            .at(span)
    };
    match element {
        TableElement::Column { column, constraint, position } => {
            let Some(at) = place(table, &column.name.value) else {
                return Err(refused(format!(
                    "try to modify a column `{}` which does not exist in the table",
                    column.name.value
                ))
                .at(column.name.span));
            };
            let mut column = column.clone();
            let old = table.columns.remove(at);
            column.comment = column.comment.or(old.comment);
            match position {
                None => table.columns.insert(at, column),
                position => insert(table, &column, position.as_ref())?,
            }
            match constraint {
                Some(constraint) => modify_constraint(table, constraint, &missing),
                None => Ok(()),
            }
        }
        TableElement::Watermark(watermark) => {
            if table.watermarks.is_empty() {
                return Err(missing("watermark strategy", watermark.span));
            }
            table.watermarks = vec![watermark.clone()];
            Ok(())
        }
        TableElement::Constraint(constraint) => modify_constraint(table, constraint, &missing),
        TableElement::Distribution(distribution) => {
            if table.distribution.is_none() {
                return Err(missing("distribution", distribution.span));
            }
            table.distribution = Some(distribution.clone());
            Ok(())
        }
    }
}

fn modify_constraint(
    table: &mut CreateTable,
    constraint: &TableConstraint,
    missing: &dyn Fn(&str, Span) -> Error,
) -> Result<()> {
    if table.constraints.is_empty() {
        return Err(missing("primary key constraint", constraint.span));
    }
    table.constraints = vec![constraint.clone()];
    Ok(())
}

fn drop_constraint(table: &mut CreateTable, name: &Ident) -> Result<()> {
    let Some(constraint) = table.constraints.first() else {
        return Err(refused("the base table does not define any primary key").at(name.span));
    };
    let defined = constraint_name(constraint);
    if defined != name.value {
        return Err(refused(format!(
            "the base table does not define a primary key constraint named '{}'. Available constraint name: \
             ['{defined}']",
            name.value
        ))
        .at(name.span));
    }
    table.constraints.clear();
    Ok(())
}

/// Refuses to touch a column that others are computed from.
fn unreferenced(def: &TableDef, name: &Ident, dropped: &[&str]) -> Result<usize> {
    let missing = || {
        refused(format!("the column `{}` does not exist in the base table", name.value))
            .at(name.span)
    };
    let at = def.columns.iter().position(|column| column.name == name.value);
    let at = at.ok_or_else(missing)?;
    let uses = |expr: &crate::expr::Expr| {
        let mut found = false;
        expr.visit(&mut |expr| found |= expr.node == crate::expr::Node::Column(at));
        found
    };
    let computed = |column: &&table::ColumnDef| {
        matches!(&column.kind, table::ColumnKind::Computed(expr) if uses(expr))
            && !dropped.contains(&column.name.as_str())
    };
    let mut dependent: Vec<String> =
        def.columns.iter().filter(computed).map(|column| format!("`{}`", column.name)).collect();
    if !dependent.is_empty() {
        dependent.sort();
        return Err(refused(format!(
            "the column `{}` is referenced by computed column {}",
            name.value,
            dependent.join(", ")
        ))
        .at(name.span));
    }
    if let Some((rowtime, expr)) = &def.watermark
        && (*rowtime == name.value || uses(expr))
    {
        return Err(refused(format!(
            "the column `{}` is referenced by watermark expression",
            name.value
        ))
        .at(name.span));
    }
    Ok(at)
}

fn drop_columns(table: &mut CreateTable, def: &TableDef, names: &[ObjectName]) -> Result<()> {
    let dropped: Vec<&str> = names.iter().map(ObjectName::last).collect();
    for (at, name) in names.iter().enumerate() {
        let name = top_level(name)?;
        if repeats(&dropped, at, |a, b| a == b) {
            return Err(refused(format!("duplicate column `{}`", name.value)).at(name.span));
        }
        unreferenced(def, name, &dropped)?;
        let used_as = |what: &str| {
            Err(refused(format!("the column `{}` is used as the {what}", name.value)).at(name.span))
        };
        if def.primary_key.contains(&name.value) {
            return used_as("primary key");
        }
        if def.partitioned_by.contains(&name.value) {
            return used_as("partition keys");
        }
        table.columns.retain(|column| column.name.value != name.value);
    }
    Ok(())
}

fn rename(
    table: &mut CreateTable,
    def: &TableDef,
    from: &ObjectName,
    to: &ObjectName,
) -> Result<()> {
    let (from, to) = (top_level(from)?, top_level(to)?);
    unreferenced(def, from, &[])?;
    if place(table, &to.value).is_some() {
        return Err(refused(format!("the column `{}` already existed in table schema", to.value))
            .at(to.span));
    }
    let renamed = |name: &mut Ident| {
        if name.value == from.value {
            *name = to.clone();
        }
    };
    for column in &mut table.columns {
        // A metadata column without FROM is named after its key.
        if let ColumnKind::Metadata { from: key @ None, .. } = &mut column.kind
            && column.name.value == from.value
        {
            let value = from.value.clone();
            *key = Some(crate::sql::ast::SqlString { value, span: from.span });
        }
        renamed(&mut column.name);
    }
    table.constraints.iter_mut().flat_map(|c| &mut c.columns).for_each(renamed);
    table.partitioned_by.iter_mut().for_each(renamed);
    table.distribution.iter_mut().flat_map(|d| &mut d.columns).for_each(renamed);
    Ok(())
}
