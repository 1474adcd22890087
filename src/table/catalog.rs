//! Tables as declared, and how SQL finds them.

use crate::base::Span;
use crate::expr::Expr;
use crate::options::Options;
use crate::types::{DataType, Field, Schema};
use std::fmt;
use std::sync::Arc;

/// A table's full name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// `default_catalog` unless said otherwise.
    pub catalog: String,
    /// `default_database` unless said otherwise.
    pub database: String,
    /// The table itself.
    pub table: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.catalog, self.database, self.table)
    }
}

/// How a column gets its value.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnKind {
    /// Stored in the record.
    Physical,
    /// Read from (and, unless virtual, written to) the connector's metadata.
    Metadata {
        /// The connector's or format's metadata key.
        key: String,
        /// Excluded from writing.
        is_virtual: bool,
    },
    /// Computed from other columns; positions refer to the table's columns.
    Computed(Expr),
}

/// A declared column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDef {
    /// Name.
    pub name: String,
    /// Declared, or inferred for computed columns.
    pub data_type: DataType,
    /// Where its value comes from.
    pub kind: ColumnKind,
    /// Text of COMMENT.
    pub comment: Option<String>,
}

/// A table as the catalog holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct TableDef {
    /// Full name.
    pub name: TableName,
    /// Columns in declared order.
    pub columns: Vec<ColumnDef>,
    /// WITH options, hints applied.
    pub options: Options,
    /// Names of the primary key's columns.
    pub primary_key: Vec<String>,
    /// Names of the partition columns.
    pub partitioned_by: Vec<String>,
    /// Rowtime column and watermark expression over the table's columns.
    pub watermark: Option<(String, Expr)>,
    /// Text of COMMENT.
    pub comment: Option<String>,
    /// Place of the table's name where it is used, else in its CREATE TABLE: for errors without a better place.
    pub span: Option<Span>,
}

impl TableDef {
    /// The same table, named at `span`.
    #[must_use]
    pub fn used_at(&self, span: Span) -> TableDef {
        TableDef { span: Some(span), ..self.clone() }
    }

    /// Whether both are one table with the same options, wherever they are named.
    pub fn is_same(&self, other: &TableDef) -> bool {
        *self == TableDef { span: self.span, ..other.clone() }
    }

    /// All columns as a schema.
    pub fn schema(&self) -> Schema {
        Schema::new(
            self.columns.iter().map(|c| Field::new(c.name.clone(), c.data_type.clone())).collect(),
        )
    }

    /// The physical columns, in declared order.
    pub fn physical_fields(&self) -> Vec<Field> {
        self.columns
            .iter()
            .filter(|c| c.kind == ColumnKind::Physical)
            .map(|c| Field::new(c.name.clone(), c.data_type.clone()))
            .collect()
    }

    /// The value of the `connector` option.
    pub fn connector(&self) -> Option<&str> {
        self.options.get("connector")
    }

    /// What errors call the table: `table 'orders' (connector 'kafka')`.
    pub fn subject(&self) -> String {
        match self.connector() {
            Some(connector) => format!("table '{}' (connector '{connector}')", self.name.table),
            None => format!("table '{}'", self.name.table),
        }
    }
}

/// How the binder finds tables: the only way SQL sees them.
pub trait Catalog {
    /// Resolves a name of one to three parts against the current catalog and database.
    fn resolve(&self, parts: &[String]) -> TableName;

    /// The table of that name.
    fn table(&self, name: &TableName) -> Option<Arc<TableDef>>;

    /// Names of all tables of the current database, for "did you mean".
    fn table_names(&self) -> Vec<String>;
}
