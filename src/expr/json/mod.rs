//! JSON values for the SQL/JSON functions: a parser with Jackson's rules, a writer, and JSON paths.

mod filter;
mod parse;
mod path;
mod variant;
mod write;

pub(crate) use parse::{parse, parse_counting};
pub(crate) use path::{Found, JsonPath, Mode};
pub(crate) use variant::write_variant;
pub(crate) use write::{JsonWriter, write_big_decimal, write_json, write_string};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer, as written.
    Integer(String),
    /// A number with a point or an exponent, as written.
    Decimal(String),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object; a name that is repeated keeps its place and takes the last value.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Whether it is neither an array nor an object.
    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self, Json::Array(_) | Json::Object(_))
    }

    /// The member called `name` of an object.
    pub(crate) fn member(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => {
                members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }
}
