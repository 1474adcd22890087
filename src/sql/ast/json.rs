//! The SQL/JSON functions, whose arguments have a grammar of their own.

use super::{DataType, Expr, OrderItem};
use crate::base::Span;

/// A call of a SQL/JSON function.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonCall {
    /// Which one, with its arguments.
    pub kind: JsonKind,
    /// Position.
    pub span: Span,
}

/// The SQL/JSON functions.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "it stands in a box")]
pub enum JsonKind {
    /// `JSON_EXISTS(input, path [TRUE | FALSE | UNKNOWN | ERROR ON ERROR])`.
    Exists {
        /// JSON text.
        input: Expr,
        /// JSON path.
        path: Expr,
        /// The answer where the input is not JSON.
        on_error: Option<JsonExistsOnError>,
    },
    /// `JSON_VALUE(input, path [RETURNING type] [… ON EMPTY] [… ON ERROR])`.
    Value {
        /// JSON text.
        input: Expr,
        /// JSON path.
        path: Expr,
        /// Result type; a string where absent.
        returning: Option<DataType>,
        /// Where the path finds nothing.
        on_empty: Option<JsonValueBehavior>,
        /// Where the input or the value is wrong.
        on_error: Option<JsonValueBehavior>,
    },
    /// `JSON_QUERY(input, path [RETURNING type] [wrapper] [… ON EMPTY] [… ON ERROR])`.
    Query {
        /// JSON text.
        input: Expr,
        /// JSON path.
        path: Expr,
        /// Result type; a string where absent.
        returning: Option<DataType>,
        /// Whether results are put into an array.
        wrapper: Option<JsonWrapper>,
        /// Where the path finds nothing.
        on_empty: Option<JsonQueryBehavior>,
        /// Where the input or the value is wrong.
        on_error: Option<JsonQueryBehavior>,
    },
    /// `JSON_OBJECT([[KEY] k VALUE v, …] [NULL | ABSENT ON NULL])`.
    Object {
        /// Keys and values.
        members: Vec<(Expr, JsonInput)>,
        /// What becomes of nulls.
        on_null: Option<JsonOnNull>,
    },
    /// `JSON_ARRAY(v, … [NULL | ABSENT ON NULL])`.
    Array {
        /// Elements.
        elements: Vec<JsonInput>,
        /// What becomes of nulls.
        on_null: Option<JsonOnNull>,
    },
    /// `JSON_OBJECTAGG([KEY] k VALUE v [NULL | ABSENT ON NULL])`.
    ObjectAgg {
        /// Key.
        key: Expr,
        /// Value.
        value: JsonInput,
        /// What becomes of nulls.
        on_null: Option<JsonOnNull>,
    },
    /// `JSON_ARRAYAGG(v [ORDER BY …] [NULL | ABSENT ON NULL])`.
    ArrayAgg {
        /// Element.
        element: JsonInput,
        /// What becomes of nulls.
        on_null: Option<JsonOnNull>,
        /// ORDER BY, within the parentheses or as WITHIN GROUP.
        order_by: Vec<OrderItem>,
    },
}

/// A value put into a JSON structure.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonInput {
    /// The value.
    pub value: Expr,
    /// `FORMAT JSON`: the value is JSON text already.
    pub format_json: bool,
}

/// The answer of JSON_EXISTS for broken input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum JsonExistsOnError {
    True,
    False,
    Unknown,
    Error,
}

/// ON EMPTY and ON ERROR of JSON_VALUE.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum JsonValueBehavior {
    Null,
    Error,
    Default(Expr),
}

/// ON EMPTY and ON ERROR of JSON_QUERY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum JsonQueryBehavior {
    Null,
    EmptyArray,
    EmptyObject,
    Error,
}

/// Wrapper of JSON_QUERY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum JsonWrapper {
    Without,
    Conditional,
    Unconditional,
}

/// Nulls of JSON_OBJECT and JSON_ARRAY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum JsonOnNull {
    Null,
    Absent,
}
