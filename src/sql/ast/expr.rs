//! Expressions.

use super::{
    DataType, Ident, IntervalQualifier, JsonCall, ObjectName, OrderItem, Query, TimeUnit,
    WindowSpec,
};
use crate::base::Span;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Position, with enclosing parentheses.
    pub span: Span,
}

/// The forms of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A constant.
    Literal(Literal),
    /// A column, field or parameter name: `a`, `t.a`, `t.a.b`. At least one part; which part is
    /// a table, a column or a field is the binder's to find.
    Name(ObjectName),
    /// `NOT x`, `-x`, `+x`.
    Unary {
        /// The operator.
        op: UnaryOp,
        /// Its operand.
        operand: Box<Expr>,
    },
    /// `left op right`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Where the operator stands.
        op_span: Span,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `x IS [NOT] NULL | TRUE | … | JSON`.
    Is {
        /// What is tested.
        operand: Box<Expr>,
        /// For what.
        test: IsTest,
        /// `IS NOT`.
        negated: bool,
    },
    /// `left IS [NOT] DISTINCT FROM right`.
    IsDistinctFrom {
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
        /// `IS NOT DISTINCT FROM`.
        negated: bool,
    },
    /// `x [NOT] BETWEEN [SYMMETRIC] low AND high`.
    Between {
        /// What is tested.
        operand: Box<Expr>,
        /// Inclusive bound.
        low: Box<Expr>,
        /// Inclusive bound.
        high: Box<Expr>,
        /// The bounds may stand in either order.
        symmetric: bool,
        /// `NOT BETWEEN`.
        negated: bool,
    },
    /// `x [NOT] IN (a, b)`.
    InList {
        /// What is tested.
        operand: Box<Expr>,
        /// At least one candidate.
        list: Vec<Expr>,
        /// `NOT IN`.
        negated: bool,
    },
    /// `x [NOT] IN (SELECT …)`.
    InSubquery {
        /// What is tested.
        operand: Box<Expr>,
        /// Candidates.
        query: Box<Query>,
        /// `NOT IN`.
        negated: bool,
    },
    /// `x [NOT] LIKE pattern [ESCAPE c]`.
    Like {
        /// What is tested.
        operand: Box<Expr>,
        /// Which language the pattern is in.
        kind: LikeKind,
        /// The pattern.
        pattern: Box<Expr>,
        /// The character after ESCAPE.
        escape: Option<Box<Expr>>,
        /// `NOT LIKE`.
        negated: bool,
    },
    /// `x = ANY (…)`, `x < ALL (SELECT …)`.
    Quantified {
        /// Left operand.
        left: Box<Expr>,
        /// A comparison.
        op: BinaryOp,
        /// ANY (also written SOME) or ALL.
        quantifier: Quantifier,
        /// Right side.
        right: QuantifiedRight,
    },
    /// `EXISTS (SELECT …)`.
    Exists(Box<Query>),
    /// `UNIQUE (SELECT …)`.
    Unique(Box<Query>),
    /// `(SELECT …)` used as a value.
    Subquery(Box<Query>),
    /// `CASE [x] WHEN … THEN … [ELSE …] END`.
    Case {
        /// The value of a simple CASE.
        operand: Option<Box<Expr>>,
        /// At least one.
        branches: Vec<CaseBranch>,
        /// ELSE.
        otherwise: Option<Box<Expr>>,
    },
    /// `CAST(x AS type)`, `TRY_CAST(x AS type)`.
    Cast {
        /// What is converted.
        operand: Box<Expr>,
        /// Into what.
        data_type: DataType,
        /// TRY_CAST: null instead of an error.
        is_try: bool,
    },
    /// `EXTRACT(unit FROM x)`.
    Extract {
        /// Which field.
        unit: TimeUnit,
        /// Where the unit stands.
        unit_span: Span,
        /// Of what.
        operand: Box<Expr>,
    },
    /// `FLOOR(x TO unit)`, `CEIL(x TO unit)`.
    RoundTime {
        /// FLOOR or CEIL.
        direction: RoundDirection,
        /// What is rounded.
        operand: Box<Expr>,
        /// To which unit.
        unit: TimeUnit,
        /// Where the unit stands.
        unit_span: Span,
    },
    /// `POSITION(needle IN haystack [FROM start])`.
    Position {
        /// What is searched for.
        needle: Box<Expr>,
        /// Where.
        haystack: Box<Expr>,
        /// First position considered.
        from: Option<Box<Expr>>,
    },
    /// `TRIM([side] [characters] FROM x)`; `TRIM(x)` too.
    Trim {
        /// BOTH where nothing is written.
        side: TrimSide,
        /// What is cut off; blanks where nothing is written.
        characters: Option<Box<Expr>>,
        /// From what.
        operand: Box<Expr>,
    },
    /// `OVERLAY(x PLACING y FROM start [FOR length])`.
    Overlay {
        /// What is changed.
        operand: Box<Expr>,
        /// What is put in.
        placing: Box<Expr>,
        /// From which position.
        from: Box<Expr>,
        /// How many characters are replaced.
        length: Option<Box<Expr>>,
    },
    /// What Flink's parser takes and nothing here evaluates.
    Recognised {
        /// What to call it.
        construct: &'static str,
        /// As it was written.
        text: String,
    },
    /// A call, also of a function without parentheses such as `CURRENT_TIMESTAMP`, and of
    /// `SUBSTRING(x FROM a FOR b)`, which is `SUBSTRING(x, a, b)`.
    Function(Box<FunctionCall>),
    /// `JSON_VALUE(…)` and its family.
    Json(Box<JsonCall>),
    /// `ARRAY[a, b]`.
    Array(Vec<Expr>),
    /// `MAP[k, v, …]`.
    Map(Vec<(Expr, Expr)>),
    /// `ARRAY(SELECT …)`, `MAP(SELECT …)`, `MULTISET(SELECT …)`.
    CollectionQuery {
        /// Which collection.
        kind: CollectionKind,
        /// Its elements.
        query: Box<Query>,
    },
    /// `MULTISET[a, b]`.
    Multiset(Vec<Expr>),
    /// `ROW(a, b)` or `(a, b)`.
    Row {
        /// The fields.
        fields: Vec<Expr>,
        /// Whether ROW is written.
        explicit: bool,
    },
    /// `x[index]`: element of an array (from 1), a map or a row.
    Element {
        /// The collection.
        operand: Box<Expr>,
        /// Index or key.
        index: Box<Expr>,
    },
    /// `f(x).field`, `a[1].field`, `(a).field`: a field of something that is not a plain name.
    Field {
        /// The row.
        operand: Box<Expr>,
        /// The field.
        field: Ident,
    },
    /// `INTERVAL x UNIT` whose value is not a string literal: `INTERVAL (n) DAY`.
    Interval {
        /// A sign before the value.
        negative: bool,
        /// Amount.
        value: Box<Expr>,
        /// Unit.
        qualifier: IntervalQualifier,
    },
    /// `(a - b) DAY TO SECOND`: the time between two times.
    TimeBetween {
        /// The later time.
        to: Box<Expr>,
        /// The earlier time.
        from: Box<Expr>,
        /// Unit.
        qualifier: IntervalQualifier,
    },
    /// `(a, b) OVERLAPS (c, d)` and the other predicates on periods.
    Period {
        /// Left period.
        left: Box<Expr>,
        /// Which predicate, as `OVERLAPS`, `CONTAINS`, `IMMEDIATELY PRECEDES`.
        op: &'static str,
        /// Right period.
        right: Box<Expr>,
    },
}

/// A constant as written.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `NULL`.
    Null,
    /// `TRUE`, `FALSE`; `None` is `UNKNOWN`.
    Boolean(Option<bool>),
    /// A number without sign.
    Number {
        /// The digits as written: `1`, `1.50`, `.5`, `1e3`.
        text: String,
        /// Which type family the form asks for.
        kind: NumberKind,
    },
    /// `'text'`, `U&'\0041'`.
    String(String),
    /// `X'0aff'`.
    Binary(Vec<u8>),
    /// `DATE '2020-01-31'`: the text between the quotes.
    Date(String),
    /// `TIME '10:00:00'`.
    Time(String),
    /// `TIMESTAMP '2020-01-31 10:00:00'`.
    Timestamp(String),
    /// `TIMESTAMP WITH LOCAL TIME ZONE '2020-01-31 10:00:00'`.
    TimestampLtz(String),
    /// `INTERVAL -'5' SECOND`.
    Interval {
        /// A sign between INTERVAL and the string.
        negative: bool,
        /// The text between the quotes.
        value: String,
        /// Unit.
        qualifier: IntervalQualifier,
    },
}

/// The form of a numeric literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberKind {
    /// Digits only: INT, BIGINT or DECIMAL by size.
    Integer,
    /// With a point: DECIMAL.
    Decimal,
    /// With an exponent: DOUBLE.
    Approximate,
}

/// A prefix operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum UnaryOp {
    Not,
    Minus,
    Plus,
}

/// An infix operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Or,
    And,
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    Plus,
    Minus,
    Multiply,
    Divide,
    Modulo,
    Concat,
    MemberOf,
    SubmultisetOf,
    MultisetUnion,
    MultisetUnionAll,
    MultisetExcept,
    MultisetExceptAll,
    MultisetIntersect,
    MultisetIntersectAll,
}

impl BinaryOp {
    /// Its SQL text.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Or => "OR",
            Self::And => "AND",
            Self::Eq => "=",
            Self::NotEq => "<>",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Concat => "||",
            Self::MemberOf => "MEMBER OF",
            Self::SubmultisetOf => "SUBMULTISET OF",
            Self::MultisetUnion => "MULTISET UNION DISTINCT",
            Self::MultisetUnionAll => "MULTISET UNION ALL",
            Self::MultisetExcept => "MULTISET EXCEPT DISTINCT",
            Self::MultisetExceptAll => "MULTISET EXCEPT ALL",
            Self::MultisetIntersect => "MULTISET INTERSECT DISTINCT",
            Self::MultisetIntersectAll => "MULTISET INTERSECT ALL",
        }
    }

    /// Whether this is `=`, `<>`, `<`, `<=`, `>` or `>=`.
    #[must_use]
    pub const fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::NotEq | Self::Lt | Self::LtEq | Self::Gt | Self::GtEq)
    }

    /// Whether this is `+`, `-`, `*` or `/`.
    #[must_use]
    pub const fn is_arithmetic(self) -> bool {
        matches!(self, Self::Plus | Self::Minus | Self::Multiply | Self::Divide)
    }
}

/// What `IS` tests for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum IsTest {
    Null,
    True,
    False,
    Unknown,
    /// `IS JSON [VALUE]`.
    JsonValue,
    JsonObject,
    JsonArray,
    JsonScalar,
    /// `IS A SET`.
    ASet,
    Empty,
    Normalized,
}

/// The pattern language of a [`ExprKind::Like`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LikeKind {
    Like,
    ILike,
    SimilarTo,
    RLike,
}

/// ANY or ALL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Quantifier {
    Any,
    All,
}

/// Right side of a quantified comparison.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum QuantifiedRight {
    List(Vec<Expr>),
    Query(Box<Query>),
}

/// `WHEN … THEN …`.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseBranch {
    /// One condition, or in a simple CASE one or more values.
    pub when: Vec<Expr>,
    /// The result.
    pub then: Expr,
    /// Position, from WHEN on.
    pub span: Span,
}

/// FLOOR or CEIL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum RoundDirection {
    Floor,
    Ceil,
}

/// The side of a TRIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TrimSide {
    Both,
    Leading,
    Trailing,
}

/// The collection of a [`ExprKind::CollectionQuery`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CollectionKind {
    Array,
    Map,
    Multiset,
}

/// A function call.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionCall {
    /// As written; built-in names ignore case.
    pub name: ObjectName,
    /// False for `CURRENT_TIMESTAMP` and the like, written without parentheses.
    pub parentheses: bool,
    /// `f(DISTINCT x)`, `f(ALL x)`.
    pub quantifier: Option<SetQuantifier>,
    /// The arguments.
    pub args: Vec<FunctionArg>,
    /// `f(x ORDER BY y)`.
    pub order_by: Vec<OrderItem>,
    /// `WITHIN GROUP (ORDER BY y)`.
    pub within_group: Vec<OrderItem>,
    /// `FILTER (WHERE condition)`.
    pub filter: Option<Expr>,
    /// `IGNORE NULLS`, `RESPECT NULLS`.
    pub nulls: Option<NullTreatment>,
    /// `OVER (…)`, `OVER w`.
    pub over: Option<Over>,
    /// Position of the whole call.
    pub span: Span,
}

/// DISTINCT or ALL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SetQuantifier {
    Distinct,
    All,
    /// Of SELECT only: Calcite's parser knows it.
    Stream,
    /// Of SELECT only: Calcite's parser knows it.
    Unique,
}

/// What a window function does with nulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum NullTreatment {
    Ignore,
    Respect,
}

/// An argument of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionArg {
    /// `name => value`.
    pub name: Option<Ident>,
    /// The value.
    pub value: ArgValue,
    /// Position, with the name.
    pub span: Span,
}

/// The value of an argument.
#[derive(Debug, Clone, PartialEq)]
pub enum ArgValue {
    /// An ordinary expression.
    Expr(Expr),
    /// `COUNT(*)`.
    Star,
    /// `DEFAULT`.
    Default,
    /// `MODEL m`.
    Model(ObjectName),
    /// `DESCRIPTOR(a, b)`.
    Descriptor(Vec<ObjectName>),
    /// `TABLE t [PARTITION BY …] [ORDER BY …]`, or a query without parentheses. A query in
    /// parentheses is [`ExprKind::Subquery`].
    Table(TableArg),
    /// A time unit: `TIMESTAMPADD(DAY, …)`.
    Unit(TimeUnit),
}

/// A table handed to a table function.
#[derive(Debug, Clone, PartialEq)]
pub struct TableArg {
    /// Which table.
    pub source: TableArgSource,
    /// PARTITION BY.
    pub partition_by: Vec<Expr>,
    /// ORDER BY.
    pub order_by: Vec<OrderItem>,
    /// Position.
    pub span: Span,
}

/// Where the rows of a table argument come from.
#[derive(Debug, Clone, PartialEq)]
pub enum TableArgSource {
    /// `TABLE t`.
    Name(ObjectName),
    /// `SELECT …` without parentheses.
    Query(Box<Query>),
}

/// What follows OVER.
#[derive(Debug, Clone, PartialEq)]
pub enum Over {
    /// `OVER w`.
    Name(Ident),
    /// `OVER (…)`.
    Spec(WindowSpec),
}
