//! Queries and table references.

use super::{Expr, FunctionCall, Hint, Ident, ObjectName, SetQuantifier};
use crate::base::Span;

/// A query with its common table expressions, order and limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// `WITH a AS (…)`.
    pub with: Option<With>,
    /// SELECT, VALUES or a set operation.
    pub body: QueryBody,
    /// ORDER BY.
    pub order_by: Vec<OrderItem>,
    /// `LIMIT n`, `FETCH FIRST n ROWS ONLY`; `LIMIT ALL` is absent.
    pub limit: Option<RowCount>,
    /// `OFFSET n ROWS`.
    pub offset: Option<RowCount>,
    /// Position, without enclosing parentheses.
    pub span: Span,
}

/// A number of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct RowCount {
    /// How many.
    pub rows: u64,
    /// Position.
    pub span: Span,
}

/// `WITH …`.
#[derive(Debug, Clone, PartialEq)]
pub struct With {
    /// At least one.
    pub tables: Vec<CommonTable>,
    /// Position.
    pub span: Span,
}

/// One `name (columns) AS (query)` of a WITH.
#[derive(Debug, Clone, PartialEq)]
pub struct CommonTable {
    /// Its name.
    pub name: Ident,
    /// New column names; empty where none are written.
    pub columns: Vec<Ident>,
    /// What it stands for.
    pub query: Box<Query>,
    /// Position.
    pub span: Span,
}

/// The body of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryBody {
    /// What it is.
    pub kind: QueryBodyKind,
    /// Position.
    pub span: Span,
}

/// The forms of a query body.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryBodyKind {
    /// SELECT.
    Select(Box<Select>),
    /// `VALUES (1, 'a'), (2, 'b')`.
    Values(Vec<ValuesRow>),
    /// `TABLE t`.
    Table(ObjectName),
    /// A query in parentheses.
    Nested(Box<Query>),
    /// UNION, INTERSECT, EXCEPT.
    SetOperation {
        /// Which one.
        op: SetOperator,
        /// ALL keeps duplicates; DISTINCT where nothing is written.
        all: bool,
        /// Left input.
        left: Box<QueryBody>,
        /// Right input.
        right: Box<QueryBody>,
    },
}

/// A row of VALUES: `(1, 'a')`, `ROW(1, 'a')` or a single value.
#[derive(Debug, Clone, PartialEq)]
pub struct ValuesRow {
    /// Its values.
    pub values: Vec<ValuesItem>,
    /// Position.
    pub span: Span,
}

/// A value of a VALUES row.
#[derive(Debug, Clone, PartialEq)]
pub enum ValuesItem {
    /// An expression.
    Expr(Expr),
    /// `DEFAULT`.
    Default(Span),
}

/// A set operator; MINUS is EXCEPT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SetOperator {
    Union,
    Intersect,
    Except,
}

/// One SELECT.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// `SELECT /*+ … */`.
    pub hints: Vec<Hint>,
    /// DISTINCT or ALL.
    pub quantifier: Option<SetQuantifier>,
    /// At least one.
    pub items: Vec<SelectItem>,
    /// FROM; a comma is a cross join.
    pub from: Option<TableRef>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// GROUP BY.
    pub group_by: Option<GroupBy>,
    /// HAVING.
    pub having: Option<Expr>,
    /// WINDOW.
    pub windows: Vec<NamedWindow>,
    /// QUALIFY.
    pub qualify: Option<Expr>,
    /// Position.
    pub span: Span,
}

/// An item of a SELECT list.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectItem {
    /// What it is.
    pub kind: SelectItemKind,
    /// Position.
    pub span: Span,
}

/// The forms of a SELECT item.
#[derive(Debug, Clone, PartialEq)]
pub enum SelectItemKind {
    /// `*`.
    Wildcard,
    /// `t.*`, and `t.row_column.*`.
    QualifiedWildcard(ObjectName),
    /// `expr [AS alias]`.
    Expr {
        /// The value.
        expr: Expr,
        /// Its name.
        alias: Option<Ident>,
    },
}

/// GROUP BY.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupBy {
    /// `GROUP BY DISTINCT`.
    pub distinct: bool,
    /// At least one.
    pub items: Vec<GroupItem>,
    /// Position.
    pub span: Span,
}

/// An item of GROUP BY.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupItem {
    /// What it is.
    pub kind: GroupItemKind,
    /// Position.
    pub span: Span,
}

/// The forms of a GROUP BY item.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupItemKind {
    /// A key; several in parentheses are an implicit ROW.
    Expr(Expr),
    /// `()`: everything in one group.
    Empty,
    /// `ROLLUP(…)`.
    Rollup(Vec<GroupItem>),
    /// `CUBE(…)`.
    Cube(Vec<GroupItem>),
    /// `GROUPING SETS(…)`.
    GroupingSets(Vec<GroupItem>),
}

/// An item of ORDER BY.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderItem {
    /// The key.
    pub expr: Expr,
    /// DESC.
    pub descending: bool,
    /// `NULLS FIRST` is `Some(true)`, `NULLS LAST` is `Some(false)`.
    pub nulls_first: Option<bool>,
    /// Position.
    pub span: Span,
}

/// `WINDOW name AS (…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedWindow {
    /// Its name.
    pub name: Ident,
    /// What it stands for.
    pub spec: WindowSpec,
}

/// The window of an OVER clause.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowSpec {
    /// A named window that this one extends.
    pub base: Option<Ident>,
    /// PARTITION BY.
    pub partition_by: Vec<Expr>,
    /// ORDER BY.
    pub order_by: Vec<OrderItem>,
    /// ROWS or RANGE.
    pub frame: Option<WindowFrame>,
    /// Position, with the parentheses.
    pub span: Span,
}

/// `ROWS BETWEEN start AND end`.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowFrame {
    /// ROWS rather than RANGE.
    pub rows: bool,
    /// First row.
    pub start: FrameBound,
    /// Last row; the current one where absent.
    pub end: Option<FrameBound>,
    /// Position.
    pub span: Span,
}

/// A bound of a window frame.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum FrameBound {
    UnboundedPreceding,
    Preceding(Box<Expr>),
    CurrentRow,
    Following(Box<Expr>),
    UnboundedFollowing,
}

/// What stands in FROM.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRef {
    /// What it is.
    pub kind: TableRefKind,
    /// Position.
    pub span: Span,
}

/// The forms of a table reference.
#[derive(Debug, Clone, PartialEq)]
pub enum TableRefKind {
    /// `t /*+ OPTIONS(…) */ [FOR SYSTEM_TIME AS OF x] [AS alias]`.
    Table {
        /// The table.
        name: ObjectName,
        /// Hints after the name.
        hints: Vec<Hint>,
        /// FOR SYSTEM_TIME AS OF.
        as_of: Option<Expr>,
        /// Its name in this query.
        alias: Option<TableAlias>,
    },
    /// `[LATERAL] (SELECT …) [AS alias]`.
    Subquery {
        /// LATERAL is written.
        lateral: bool,
        /// The query.
        query: Box<Query>,
        /// Its name in this query.
        alias: Option<TableAlias>,
    },
    /// `[LATERAL] TABLE(f(…)) [AS alias]`, and `f(…)` without TABLE.
    Function {
        /// LATERAL is written.
        lateral: bool,
        /// Whether TABLE(…) is written around the call.
        table_keyword: bool,
        /// The call.
        call: Box<FunctionCall>,
        /// Its name in this query.
        alias: Option<TableAlias>,
    },
    /// `UNNEST(a, b) [WITH ORDINALITY] [AS alias]`.
    Unnest {
        /// LATERAL is written.
        lateral: bool,
        /// The collections.
        exprs: Vec<Expr>,
        /// WITH ORDINALITY.
        with_ordinality: bool,
        /// Its name in this query.
        alias: Option<TableAlias>,
    },
    /// `a JOIN b ON …`, `a, b`.
    Join {
        /// Left input.
        left: Box<TableRef>,
        /// Right input.
        right: Box<TableRef>,
        /// Which join.
        kind: JoinKind,
        /// NATURAL.
        natural: bool,
        /// ON or USING.
        condition: JoinCondition,
    },
    /// A join in parentheses.
    Nested {
        /// What the parentheses hold.
        inner: Box<TableRef>,
    },
    /// A construct that is recognised by its first words and whose body was skipped.
    Unsupported {
        /// What it applies to.
        input: Box<TableRef>,
        /// `MATCH_RECOGNIZE`, `PIVOT`, `UNPIVOT`, `TABLESAMPLE`.
        construct: &'static str,
        /// The text from the construct's first word to its closing parenthesis.
        text: String,
        /// Where that text stands.
        construct_span: Span,
        /// Its name in this query.
        alias: Option<TableAlias>,
    },
}

/// `AS name (columns)`.
#[derive(Debug, Clone, PartialEq)]
pub struct TableAlias {
    /// The name.
    pub name: Ident,
    /// New column names; empty where none are written.
    pub columns: Vec<Ident>,
    /// Position.
    pub span: Span,
}

/// The kind of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// A comma in FROM.
    Comma,
    /// CROSS JOIN.
    Cross,
    /// `[INNER] JOIN`.
    Inner,
    /// `LEFT [OUTER] JOIN`.
    Left,
    /// `RIGHT [OUTER] JOIN`.
    Right,
    /// `FULL [OUTER] JOIN`.
    Full,
}

/// The condition of a join.
#[derive(Debug, Clone, PartialEq)]
pub enum JoinCondition {
    /// None is written.
    None,
    /// ON.
    On(Box<Expr>),
    /// USING (a, b).
    Using(Vec<Ident>),
}
