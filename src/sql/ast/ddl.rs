//! CREATE TABLE and ALTER TABLE.

use super::{DataType, Expr, Ident, ObjectName, PartitionItem, Property, Query, SqlString};
use crate::base::Span;

/// `CREATE [OR REPLACE] [TEMPORARY] TABLE [IF NOT EXISTS] name (…) … WITH (…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTable {
    /// CREATE OR REPLACE, and REPLACE TABLE … AS.
    pub or_replace: bool,
    /// TEMPORARY.
    pub temporary: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// The table.
    pub name: ObjectName,
    /// Columns in order.
    pub columns: Vec<ColumnDef>,
    /// `CREATE TABLE t (a, b) … AS query`: only names, to reorder the columns of the query.
    pub column_names: Vec<Ident>,
    /// WATERMARK FOR. Flink allows one; the binder refuses the second.
    pub watermarks: Vec<Watermark>,
    /// PRIMARY KEY and UNIQUE, also those written after a column.
    pub constraints: Vec<TableConstraint>,
    /// COMMENT.
    pub comment: Option<SqlString>,
    /// DISTRIBUTED BY.
    pub distribution: Option<Distribution>,
    /// PARTITIONED BY.
    pub partitioned_by: Vec<Ident>,
    /// WITH; empty where none is written.
    pub properties: Vec<Property>,
    /// LIKE.
    pub like: Option<LikeClause>,
    /// AS query.
    pub as_query: Option<Box<Query>>,
    /// Position.
    pub span: Span,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDef {
    /// Its name.
    pub name: Ident,
    /// Physical, metadata or computed.
    pub kind: ColumnKind,
    /// COMMENT.
    pub comment: Option<SqlString>,
    /// Position.
    pub span: Span,
}

/// The kinds of columns.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnKind {
    /// `a INT`.
    Physical(DataType),
    /// `a TIMESTAMP(3) METADATA [FROM 'key'] [VIRTUAL]`.
    Metadata {
        /// Its type.
        data_type: DataType,
        /// The metadata key; the column's name where absent.
        from: Option<SqlString>,
        /// VIRTUAL: not written by INSERT.
        is_virtual: bool,
    },
    /// `a AS expr`.
    Computed(Expr),
}

/// `WATERMARK FOR column AS expr`.
#[derive(Debug, Clone, PartialEq)]
pub struct Watermark {
    /// The row-time column; several parts name a field of a row.
    pub column: ObjectName,
    /// The watermark.
    pub expr: Expr,
    /// Position.
    pub span: Span,
}

/// `[CONSTRAINT name] PRIMARY KEY (a, b) NOT ENFORCED`.
#[derive(Debug, Clone, PartialEq)]
pub struct TableConstraint {
    /// CONSTRAINT name.
    pub name: Option<Ident>,
    /// UNIQUE rather than PRIMARY KEY; Flink's validation refuses it.
    pub unique: bool,
    /// The columns; a constraint after a column names that column.
    pub columns: Vec<Ident>,
    /// `ENFORCED` is `Some(true)`, `NOT ENFORCED` is `Some(false)`.
    pub enforced: Option<bool>,
    /// Position.
    pub span: Span,
}

/// `DISTRIBUTED BY HASH(a, b) INTO 4 BUCKETS`.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// HASH or RANGE, where written.
    pub kind: Option<DistributionKind>,
    /// Columns; empty for `DISTRIBUTED INTO n BUCKETS`.
    pub columns: Vec<Ident>,
    /// Number of buckets.
    pub buckets: Option<u32>,
    /// Position.
    pub span: Span,
}

/// HASH or RANGE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DistributionKind {
    Hash,
    Range,
}

/// `LIKE table (INCLUDING ALL …)`.
#[derive(Debug, Clone, PartialEq)]
pub struct LikeClause {
    /// The table that is copied.
    pub table: ObjectName,
    /// What is copied, in order.
    pub options: Vec<LikeOption>,
    /// Position.
    pub span: Span,
}

/// `INCLUDING OPTIONS`.
#[derive(Debug, Clone, PartialEq)]
pub struct LikeOption {
    /// INCLUDING, EXCLUDING or OVERWRITING.
    pub strategy: LikeStrategy,
    /// Which part.
    pub feature: LikeFeature,
    /// Position.
    pub span: Span,
}

/// How LIKE merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LikeStrategy {
    Including,
    Excluding,
    Overwriting,
}

/// What LIKE merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LikeFeature {
    All,
    Constraints,
    Distribution,
    Generated,
    Metadata,
    Options,
    Partitions,
    Watermarks,
}

/// `ALTER TABLE [IF EXISTS] name action`.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterTable {
    /// IF EXISTS.
    pub if_exists: bool,
    /// The table.
    pub name: ObjectName,
    /// What changes.
    pub action: AlterTableAction,
    /// Position.
    pub span: Span,
}

/// The actions of ALTER TABLE.
#[derive(Debug, Clone, PartialEq)]
pub enum AlterTableAction {
    /// `RENAME TO name`.
    RenameTo(ObjectName),
    /// `RENAME a TO b`.
    RenameColumn {
        /// Old name.
        from: ObjectName,
        /// New name.
        to: ObjectName,
    },
    /// `SET ('k' = 'v')`.
    SetOptions(Vec<Property>),
    /// `RESET ('k')`.
    ResetOptions(Vec<SqlString>),
    /// `ADD (…)`.
    Add(Vec<TableElement>),
    /// `MODIFY (…)`.
    Modify(Vec<TableElement>),
    /// `DROP a`, `DROP (a, b)`.
    DropColumns(Vec<ObjectName>),
    /// `DROP PRIMARY KEY`.
    DropPrimaryKey,
    /// `DROP CONSTRAINT name`.
    DropConstraint(Ident),
    /// `DROP WATERMARK`.
    DropWatermark,
    /// `DROP DISTRIBUTION`.
    DropDistribution,
    /// `ADD [IF NOT EXISTS] PARTITION (a = 1) …`.
    AddPartitions {
        /// IF NOT EXISTS.
        if_not_exists: bool,
        /// What is added.
        partitions: Vec<Partition>,
    },
    /// `DROP [IF EXISTS] PARTITION (a = 1), …`.
    DropPartitions {
        /// IF EXISTS.
        if_exists: bool,
        /// What is dropped.
        partitions: Vec<Partition>,
    },
}

/// `PARTITION (a = 1, …) [WITH (…)]` of ALTER TABLE.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    /// Its values.
    pub items: Vec<PartitionItem>,
    /// WITH.
    pub properties: Vec<Property>,
}

/// An element of ALTER TABLE ADD or MODIFY.
#[derive(Debug, Clone, PartialEq)]
pub enum TableElement {
    /// A column and where it goes.
    Column {
        /// The column.
        column: ColumnDef,
        /// A constraint written after the column.
        constraint: Option<TableConstraint>,
        /// FIRST or AFTER.
        position: Option<ColumnPosition>,
    },
    /// WATERMARK FOR.
    Watermark(Watermark),
    /// PRIMARY KEY.
    Constraint(TableConstraint),
    /// DISTRIBUTION BY.
    Distribution(Distribution),
}

/// Where an added column goes.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnPosition {
    /// FIRST.
    First,
    /// AFTER a.
    After(ObjectName),
}
