//! Relations.

use crate::expr::Expr;
use crate::table::TableDef;
use crate::types::Schema;
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
    /// The first rows.
    Limit {
        /// Input.
        input: Box<Rel>,
        /// How many.
        rows: u64,
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
            Rel::Filter { input, .. } | Rel::Limit { input, .. } => input.schema(),
            Rel::Project { schema, .. } => schema.clone(),
        }
    }
}

impl Rel {
    /// Replaces the table of every scan.
    pub fn map_tables(&mut self, map: &dyn Fn(&Arc<TableDef>) -> Arc<TableDef>) {
        match self {
            Rel::Scan { table, .. } => *table = map(table),
            Rel::Filter { input, .. } | Rel::Project { input, .. } | Rel::Limit { input, .. } => {
                input.map_tables(map);
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
