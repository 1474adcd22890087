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

use std::borrow::Cow;

/// A JSON value. What it was read from holds its texts, but for strings with escapes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'t> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer, as written.
    Integer(Cow<'t, str>),
    /// A number with a point or an exponent, as written.
    Decimal(Cow<'t, str>),
    /// A string.
    String(Cow<'t, str>),
    /// An array.
    Array(Vec<Json<'t>>),
    /// An object; a name that is repeated keeps its place and takes the last value.
    Object(Vec<(Cow<'t, str>, Json<'t>)>),
}

impl<'t> Json<'t> {
    /// Whether it is neither an array nor an object.
    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self, Json::Array(_) | Json::Object(_))
    }

    /// The value apart from what it was read from.
    fn into_owned(self) -> Json<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Json::Null => Json::Null,
            Json::Bool(value) => Json::Bool(value),
            Json::Integer(text) => Json::Integer(owned(text)),
            Json::Decimal(text) => Json::Decimal(owned(text)),
            Json::String(text) => Json::String(owned(text)),
            Json::Array(items) => Json::Array(items.into_iter().map(Json::into_owned).collect()),
            Json::Object(members) => {
                let members = members.into_iter();
                Json::Object(
                    members.map(|(name, value)| (owned(name), value.into_owned())).collect(),
                )
            }
        }
    }

    /// The member called `name` of an object.
    pub(crate) fn member(&self, name: &str) -> Option<&Json<'t>> {
        match self {
            Json::Object(members) => {
                members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }
}
