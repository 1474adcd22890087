//! Relations.

use crate::expr::{Expr, SortKey};
use crate::table::TableDef;
use crate::types::{Field, Schema};
use std::fmt;
use std::sync::Arc;

/// A relation: rows of a known schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Rel {
    /// Columns of a table.
    Scan {
        /// The table, hints applied.
        table: Arc<TableDef>,
        /// Positions (in the table's columns) of the physical and metadata columns produced.
        columns: Vec<usize>,
        /// Condition over `columns` that the source may apply early.
        predicate: Option<Expr>,
    },
    /// The rows for which a condition is TRUE.
    Filter {
        /// Input.
        input: Box<Rel>,
        /// BOOLEAN over the input's columns.
        condition: Expr,
    },
    /// Computed columns.
    Project {
        /// Input.
        input: Box<Rel>,
        /// One expression per output column, over the input's columns.
        expressions: Vec<Expr>,
        /// Names and types of the output.
        schema: Schema,
    },
    /// All rows in order; the input ends.
    Sort {
        /// Input.
        input: Box<Rel>,
        /// Over the input's columns, the most important one first.
        keys: Vec<SortKey>,
    },
    /// The first rows.
    Limit {
        /// Input.
        input: Box<Rel>,
        /// How many.
        rows: u64,
        /// How many before those are left out.
        offset: u64,
    },
    /// The rows without the old ones of updates.
    DropUpdateBefore {
        /// Input.
        input: Box<Rel>,
    },
    /// All rows of all inputs.
    Union {
        /// Inputs with columns of the same kinds.
        inputs: Vec<Rel>,
        /// Names and types of the output.
        schema: Schema,
    },
    /// One row per element of a collection, behind the columns of the row that holds it.
    Unnest {
        /// Input.
        input: Box<Rel>,
        /// ARRAY, MAP or MULTISET over the input's columns. A ROW element gives a column per field.
        collection: Expr,
        /// Over the columns of the input and the elements: keeps rows of which no element passes, with NULLs. Without
        /// it, every element gives a row, and a row without elements none.
        outer: Option<Expr>,
        /// Adds the element's number, from 1.
        ordinality: bool,
        /// Names and types of the added columns.
        elements: Vec<Field>,
    },
}

impl Rel {
    /// Names and types of the rows.
    pub fn schema(&self) -> Schema {
        match self {
            Rel::Scan { table, columns, .. } => {
                let all = table.schema().fields;
                Schema::new(columns.iter().filter_map(|at| all.get(*at).cloned()).collect())
            }
            Rel::Filter { input, .. }
            | Rel::Limit { input, .. }
            | Rel::Sort { input, .. }
            | Rel::DropUpdateBefore { input } => input.schema(),
            Rel::Project { schema, .. } | Rel::Union { schema, .. } => schema.clone(),
            Rel::Unnest { input, elements, .. } => {
                let mut schema = input.schema();
                schema.fields.extend(elements.iter().cloned());
                schema
            }
        }
    }
}

impl Rel {
    /// The relations that it is made of.
    pub fn inputs(&self) -> Vec<&Rel> {
        match self {
            Rel::Scan { .. } => Vec::new(),
            Rel::Filter { input, .. }
            | Rel::Project { input, .. }
            | Rel::Limit { input, .. }
            | Rel::Sort { input, .. }
            | Rel::DropUpdateBefore { input }
            | Rel::Unnest { input, .. } => vec![input],
            Rel::Union { inputs, .. } => inputs.iter().collect(),
        }
    }

    /// Shows every table that is read, and the positions of its columns.
    pub fn scans(&self, see: &mut dyn FnMut(&Arc<TableDef>, &[usize])) {
        match self {
            Rel::Scan { table, columns, .. } => see(table, columns),
            other => other.inputs().into_iter().for_each(|input| input.scans(see)),
        }
    }

    /// Whether it is a condition that the scan below it was given: the line of the scan shows it.
    pub fn is_shown_by_scan(&self) -> bool {
        match self {
            Rel::Filter { input, condition } => match &**input {
                Rel::Scan { predicate, .. } => predicate.as_ref() == Some(condition),
                _ => false,
            },
            _ => false,
        }
    }

    /// Replaces the table of every scan.
    pub fn map_tables(&mut self, map: &dyn Fn(&Arc<TableDef>) -> Arc<TableDef>) {
        match self {
            Rel::Scan { table, .. } => *table = map(table),
            Rel::Filter { input, .. }
            | Rel::Project { input, .. }
            | Rel::Limit { input, .. }
            | Rel::DropUpdateBefore { input }
            | Rel::Sort { input, .. }
            | Rel::Unnest { input, .. } => input.map_tables(map),
            Rel::Union { inputs, .. } => {
                inputs.iter_mut().for_each(|input| input.map_tables(map));
            }
        }
    }
}

/// One line per step, the last one first, inputs indented: what EXPLAIN shows.
impl fmt::Display for Rel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl Rel {
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let indent = "  ".repeat(depth);
        let names = |rel: &Rel| -> Vec<String> {
            rel.schema().fields.into_iter().map(|field| field.name).collect()
        };
        let shown = |expr: &Expr, names: &[String]| {
            expr.display_with(&|at| names.get(at).cloned().unwrap_or_else(|| format!("${at}")))
        };
        match self {
            Rel::Scan { table, predicate, .. } => {
                let fields = names(self);
                write!(f, "{indent}Scan(table=[{}], fields=[{}]", table.name, fields.join(", "))?;
                if let Some(predicate) = predicate {
                    write!(f, ", filter=[{}]", shown(predicate, &fields))?;
                }
                writeln!(f, ")")
            }
            Rel::Filter { input, .. } if self.is_shown_by_scan() => input.write(f, depth),
            Rel::Filter { input, condition } => {
                writeln!(f, "{indent}Filter(where=[{}])", shown(condition, &names(input)))?;
                input.write(f, depth + 1)
            }
            Rel::Project { input, expressions, schema } => {
                let below = names(input);
                let columns = expressions.iter().zip(&schema.fields).map(|(expr, field)| {
                    let text = shown(expr, &below);
                    if text == field.name { text } else { format!("{text} AS {}", field.name) }
                });
                let columns: Vec<String> = columns.collect();
                writeln!(f, "{indent}Project(select=[{}])", columns.join(", "))?;
                input.write(f, depth + 1)
            }
            Rel::Sort { input, keys } => {
                let below = names(input);
                let key = |key: &SortKey| {
                    let name = below.get(key.column).cloned().unwrap_or_default();
                    let direction = if key.descending { "DESC" } else { "ASC" };
                    let nulls = if key.nulls_first { "FIRST" } else { "LAST" };
                    format!("{name} {direction} NULLS {nulls}")
                };
                let keys: Vec<String> = keys.iter().map(key).collect();
                writeln!(f, "{indent}Sort(orderBy=[{}])", keys.join(", "))?;
                input.write(f, depth + 1)
            }
            Rel::Limit { input, rows: u64::MAX, offset } => {
                writeln!(f, "{indent}Limit(offset=[{offset}])")?;
                input.write(f, depth + 1)
            }
            Rel::Limit { input, rows, offset } => {
                match offset {
                    0 => writeln!(f, "{indent}Limit(rows=[{rows}])")?,
                    _ => writeln!(f, "{indent}Limit(rows=[{rows}], offset=[{offset}])")?,
                }
                input.write(f, depth + 1)
            }
            Rel::DropUpdateBefore { input } => {
                writeln!(f, "{indent}DropUpdateBefore()")?;
                input.write(f, depth + 1)
            }
            Rel::Union { inputs, schema } => {
                let fields: Vec<&str> = schema.fields.iter().map(|f| f.name.as_str()).collect();
                writeln!(f, "{indent}Union(all=[true], fields=[{}])", fields.join(", "))?;
                inputs.iter().try_for_each(|input| input.write(f, depth + 1))
            }
            Rel::Unnest { input, collection, outer, ordinality, elements } => {
                let added: Vec<&str> = elements.iter().map(|f| f.name.as_str()).collect();
                let collection = shown(collection, &names(input));
                write!(f, "{indent}Unnest(of=[{collection}], adds=[{}]", added.join(", "))?;
                if let Some(condition) = outer {
                    write!(f, ", outer=[{}]", shown(condition, &names(self)))?;
                }
                writeln!(f, "{})", if *ordinality { ", ordinality=[true]" } else { "" })?;
                input.write(f, depth + 1)
            }
        }
    }
}

/// Rows into a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// The table, hints applied.
    pub table: Arc<TableDef>,
    /// Positions (in the table's columns) that `rel` gives, in order.
    pub columns: Vec<usize>,
    /// The rows, of the table's types.
    pub rel: Rel,
}
