//! The SQL/JSON functions and their relatives (`SqlJsonUtils`, `JsonQuoteFunction`, `JsonUnquoteFunction`).

use super::signature::{STRING, fixed, nullable};
use super::split::text_lists;
use super::{Call, Function, Param};
use crate::expr::json::{
    Found, Json, JsonPath, JsonWriter, Mode, parse, write_big_decimal, write_json, write_string,
};
use crate::expr::value::{Bool, Str};
use crate::types::{Column, Kind};
use arrow_array::types::{Float64Type, Int32Type};

use Param::Text;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "$JSON_VALUE(json, path, on_empty, on_error, empty, error)",
        "JSON_VALUE with its clauses.",
        |_| None,
        json_value,
    )
    .can_fail(),
    Function::new(
        "$JSON_QUERY(json, path, wrapper, on_empty, on_error)",
        "JSON_QUERY with its clauses.",
        |args| nullable(fixed(args, &[Text; 5], 5, STRING)),
        json_query,
    )
    .can_fail(),
    Function::new(
        "$JSON_EXISTS(json, path, on_error)",
        "JSON_EXISTS with its clause.",
        |args| nullable(fixed(args, &[Text; 3], 3, Kind::Boolean)),
        json_exists,
    )
    .can_fail(),
    Function::new(
        "$IS_JSON(json, type)",
        "IS JSON.",
        |args| super::signature::not_null(fixed(args, &[Text; 2], 2, Kind::Boolean)),
        |call| {
            let (text, wanted) = (call.text(0), call.constant_text(1).unwrap_or_default());
            call.bools(|row| {
                let value = text.get(row).and_then(parse);
                Ok(Some(value.is_some_and(|value| match wanted {
                    "OBJECT" => matches!(value, Json::Object(_)),
                    "ARRAY" => matches!(value, Json::Array(_)),
                    "SCALAR" => value.is_scalar(),
                    _ => true,
                })))
            })
        },
    ),
    Function::new(
        "$JSON_OBJECT(forms, key, value, …)",
        "JSON_OBJECT with its clauses.",
        |_| None,
        json_object,
    )
    .can_fail(),
    Function::new(
        "$JSON_ARRAY(forms, value, …)",
        "JSON_ARRAY with its clauses.",
        |_| None,
        json_array,
    )
    .can_fail(),
    Function::new(
        "JSON_STRING(value)",
        "The value as JSON text; NULL for NULL.",
        |args| {
            let [arg] = args else { return None };
            writable(&arg.data_type.kind).then_some(())?;
            Some(super::Signature {
                args: vec![arg.data_type.kind.clone()],
                returns: STRING.nullable().with_nullable(arg.data_type.nullable),
            })
        },
        |call| {
            let column = super::nested::column(call, 0);
            let writer = JsonWriter::new(&column, call.data_type(0));
            call.strings(|row, out| {
                if writer.is_null(row) {
                    return Ok(None);
                }
                writer.write(row, out);
                Ok(Some(()))
            })
        },
    ),
    Function::new(
        "JSON(string)",
        "The text as a JSON value of JSON_OBJECT or JSON_ARRAY.",
        |args| fixed(args, &[Text], 1, STRING),
        |call| {
            let text = call.text(0);
            call.strings(|row, out| {
                let Some(text) = text.get(row) else { return Ok(None) };
                let value =
                    parse(text).ok_or_else(|| "JSON of a text that is not JSON".to_owned())?;
                write_json(&value, out);
                Ok(Some(()))
            })
        },
    )
    .can_fail(),
    Function::new(
        "JSON_QUOTE(string)",
        "The text as a JSON string: quoted and escaped.",
        |args| fixed(args, &[Text], 1, STRING),
        |call| {
            let text = call.text(0);
            call.strings(|row, out| Ok(text.get(row).map(|text| quote(text, out))))
        },
    ),
    Function::new(
        "JSON_UNQUOTE(string)",
        "The text of a JSON string; other texts stay as they are.",
        |args| fixed(args, &[Text], 1, STRING),
        |call| {
            let text = call.text(0);
            call.strings(|row, out| Ok(text.get(row).map(|text| unquote(text, out))))
        },
    ),
];

/// Whether Flink writes values of the kind as JSON.
pub fn writable(kind: &Kind) -> bool {
    match kind {
        Kind::Array(element) => writable(&element.kind),
        Kind::Map(key, value) => key.kind.is_string() && writable(&value.kind),
        Kind::Row(fields) | Kind::Structured(_, fields) => {
            fields.iter().all(|field| writable(&field.data_type.kind))
        }
        Kind::Multiset(_) | Kind::Variant => false,
        Kind::IntervalMillis | Kind::IntervalMonths => false,
        Kind::Date | Kind::Time(_) => false,
        _ => true,
    }
}

/// A path per row; one that repeats is compiled once.
struct Paths<'a> {
    text: Str<'a>,
    last: Option<(String, Option<JsonPath>)>,
}

impl<'a> Paths<'a> {
    fn new(call: &Call<'a, '_>, at: usize) -> Paths<'a> {
        Paths { text: call.text(at), last: None }
    }

    /// What the path of a row finds in a text. `None` for NULL of either.
    fn find<'t, T>(
        &mut self,
        json: Option<&'t str>,
        row: usize,
        f: impl FnOnce(Mode, Result<Found<'_, 't>, String>) -> T,
    ) -> Option<T> {
        let (json, text) = (json?, self.text.get(row)?);
        if self.last.as_ref().is_none_or(|(last, _)| last != text) {
            self.last = Some((text.to_owned(), JsonPath::new(text).ok()));
        }
        let Some((_, Some(path))) = &self.last else {
            return Some(f(Mode::Strict, Err(format!("'{text}' is not a JSON path"))));
        };
        let Some(document) = parse(json) else {
            return Some(match path.mode {
                Mode::Strict => f(Mode::Strict, Err("the text is not JSON".to_owned())),
                Mode::Lax => f(Mode::Lax, Ok(Found::Nothing)),
            });
        };
        Some(f(path.mode, path.find(&document)))
    }
}

/// How a row of JSON_VALUE or JSON_QUERY ends.
enum Outcome<'t> {
    Value(Json<'t>),
    Empty,
    Error(String),
}

/// A path without `lax` does not take JSON's null for a value.
fn strict_null<'t>() -> Outcome<'t> {
    Outcome::Error("the strict JSON path finds null".to_owned())
}

fn scalar_outcome<'t>(mode: Mode, found: Result<Found<'_, 't>, String>) -> Outcome<'t> {
    let found = match found {
        Ok(found) => found,
        Err(error) => return Outcome::Error(error),
    };
    match found.value() {
        Some(Json::Null) if mode == Mode::Strict => strict_null(),
        None | Some(Json::Null) => Outcome::Empty,
        Some(value) if value.is_scalar() => Outcome::Value(value.clone()),
        Some(_) if mode == Mode::Lax => Outcome::Empty,
        Some(_) => Outcome::Error("strict mode of a JSON path requires a scalar value".to_owned()),
    }
}

fn json_value(call: &mut Call<'_, '_>) -> Column {
    let json = call.text(0);
    let mut paths = Paths::new(call, 1);
    let on = |at: usize| call.constant_text(at).unwrap_or("NULL");
    let (on_empty, on_error) = (on(2), on(3));
    let mut outcome = move |row: usize| -> Result<Option<Result<Json<'_>, usize>>, String> {
        let Some(outcome) = paths.find(json.get(row), row, scalar_outcome) else {
            return Ok(None);
        };
        let (behavior, default, error) = match outcome {
            Outcome::Value(value) => return Ok(Some(Ok(value))),
            Outcome::Empty => (on_empty, 4, "the JSON path finds nothing".to_owned()),
            Outcome::Error(error) => (on_error, 5, error),
        };
        match behavior {
            "ERROR" => Err(error),
            "DEFAULT" => Ok(Some(Err(default))),
            _ => Ok(None),
        }
    };
    let wrong = |value: &Json<'_>, wanted: &str| {
        let mut text = String::new();
        write_json(value, &mut text);
        format!("the JSON value {text} is no {wanted}")
    };
    match call.returns.kind {
        Kind::Boolean => {
            let defaults = [Bool::new(call.arg(4)), Bool::new(call.arg(5))];
            call.bools(|row| match outcome(row)? {
                None => Ok(None),
                Some(Ok(Json::Bool(value))) => Ok(Some(value)),
                Some(Ok(value)) => Err(wrong(&value, "BOOLEAN")),
                Some(Err(default)) => Ok(defaults[default - 4].get(row)),
            })
        }
        Kind::Int => {
            let defaults = [call.int(4), call.int(5)];
            call.values::<Int32Type>(|row| match outcome(row)? {
                None => Ok(None),
                Some(Ok(value)) => match &value {
                    Json::Integer(text) => {
                        text.parse().map(Some).map_err(|_| wrong(&value, "INTEGER"))
                    }
                    _ => Err(wrong(&value, "INTEGER")),
                },
                Some(Err(default)) => Ok(defaults[default - 4].get(row)),
            })
        }
        Kind::Double => {
            let defaults = [call.double(4), call.double(5)];
            call.values::<Float64Type>(|row| match outcome(row)? {
                None => Ok(None),
                Some(Ok(value)) => match &value {
                    Json::Decimal(text) => {
                        text.parse().map(Some).map_err(|_| wrong(&value, "DOUBLE"))
                    }
                    _ => Err(wrong(&value, "DOUBLE with a point or an exponent")),
                },
                Some(Err(default)) => Ok(defaults[default - 4].get(row)),
            })
        }
        _ => {
            let defaults = [call.text(4), call.text(5)];
            call.strings(|row, out| {
                match outcome(row)? {
                    None => return Ok(None),
                    Some(Ok(value)) => scalar_text(&value, out),
                    Some(Err(default)) => match defaults[default - 4].get(row) {
                        Some(text) => out.push_str(text),
                        None => return Ok(None),
                    },
                }
                Ok(Some(()))
            })
        }
    }
}

/// The text of a scalar, a string without its quotes.
fn scalar_text(value: &Json<'_>, out: &mut String) {
    match value {
        Json::String(text) => out.push_str(text),
        Json::Decimal(text) => write_big_decimal(text, out),
        value => write_json(value, out),
    }
}

fn json_query(call: &mut Call<'_, '_>) -> Column {
    let json = call.text(0);
    let mut paths = Paths::new(call, 1);
    let option = |at: usize| call.constant_text(at).unwrap_or("NULL");
    let (wrapper, on_empty, on_error) = (option(2), option(3), option(4));
    let mut outcome = move |row: usize| -> Result<Option<Json<'_>>, String> {
        let outcome = paths.find(json.get(row), row, |mode, found| {
            let value = match found {
                Ok(found) => found.into_value(),
                Err(error) => return Outcome::Error(error),
            };
            let value = match (value, wrapper) {
                (Some(Json::Null), _) if mode == Mode::Strict => return strict_null(),
                (None | Some(Json::Null), _) => return Outcome::Empty,
                (Some(value), "UNCONDITIONAL") => Json::Array(vec![value]),
                (Some(value @ Json::Array(_)), "CONDITIONAL") => value,
                (Some(value), "CONDITIONAL") => Json::Array(vec![value]),
                (Some(value), _) => value,
            };
            if !value.is_scalar() {
                return Outcome::Value(value);
            }
            match mode {
                Mode::Lax => Outcome::Empty,
                Mode::Strict => Outcome::Error(
                    "strict mode of a JSON path requires an array or object".to_owned(),
                ),
            }
        });
        let (behavior, error) = match outcome {
            None => return Ok(None),
            Some(Outcome::Value(value)) => return Ok(Some(value)),
            Some(Outcome::Empty) => (on_empty, "the JSON path finds nothing".to_owned()),
            Some(Outcome::Error(error)) => (on_error, error),
        };
        match behavior {
            "ERROR" => Err(error),
            "ARRAY" => Ok(Some(Json::Array(Vec::new()))),
            "OBJECT" => Ok(Some(Json::Object(Vec::new()))),
            _ => Ok(None),
        }
    };
    if matches!(call.returns.kind, Kind::Array(_)) {
        return text_lists(call, |row, out| {
            let Some(Json::Array(items)) = outcome(row)? else { return Ok(None) };
            out.extend(items.iter().map(|item| {
                let mut text = String::new();
                scalar_text(item, &mut text);
                (*item != Json::Null).then_some(text)
            }));
            Ok(Some(()))
        });
    }
    call.strings(|row, out| Ok(outcome(row)?.map(|value| write_json(&value, out))))
}

fn json_exists(call: &mut Call<'_, '_>) -> Column {
    let json = call.text(0);
    let mut paths = Paths::new(call, 1);
    let on_error = call.constant_text(2).unwrap_or("FALSE");
    call.bools(|row| {
        let found = paths.find(json.get(row), row, |_, found| {
            found.map(|found| !matches!(found.value(), None | Some(Json::Null)))
        });
        match found {
            None => Ok(None),
            Some(Ok(found)) => Ok(Some(found)),
            Some(Err(error)) => match on_error {
                "ERROR" => Err(error),
                "TRUE" => Ok(Some(true)),
                "UNKNOWN" => Ok(None),
                _ => Ok(Some(false)),
            },
        }
    })
}

/// A value of JSON_OBJECT or JSON_ARRAY as JSON text: as it stands where it is JSON already.
enum Member<'a> {
    Raw(Str<'a>),
    Written(JsonWriter<'a>),
}

impl Member<'_> {
    fn is_null(&self, row: usize) -> bool {
        match self {
            Member::Raw(text) => text.get(row).is_none(),
            Member::Written(writer) => writer.is_null(row),
        }
    }

    fn write(&self, row: usize, out: &mut String) {
        match self {
            Member::Raw(text) => out.push_str(text.get(row).unwrap_or("null")),
            Member::Written(writer) => writer.write(row, out),
        }
    }
}

/// The first argument says what becomes of NULL (`N` or `A`), then for each value whether it is JSON (`r`) or not (`v`).
fn forms<'a>(call: &Call<'a, '_>) -> (bool, &'a str) {
    let forms = call.constant_text(0).unwrap_or_default();
    (forms.starts_with('N'), forms.get(1..).unwrap_or_default())
}

fn members<'a>(
    call: &Call<'a, '_>,
    columns: &'a [Column],
    first: usize,
    step: usize,
    forms: &str,
) -> Vec<Member<'a>> {
    let places = (first..call.args.len()).step_by(step);
    let of = |(at, form)| match form {
        b'r' => Member::Raw(call.text(at)),
        _ => Member::Written(JsonWriter::new(&columns[at], call.data_type(at))),
    };
    places.zip(forms.bytes()).map(of).collect()
}

fn json_object(call: &mut Call<'_, '_>) -> Column {
    let (nulls, forms) = forms(call);
    let columns = super::nested::columns(call);
    let values = members(call, &columns, 2, 2, forms);
    let keys: Vec<Str<'_>> = (1..call.args.len()).step_by(2).map(|at| call.text(at)).collect();
    call.strings(|row, out| {
        let mut members: Vec<(&str, &Member<'_>)> = Vec::with_capacity(values.len());
        for (key, value) in keys.iter().zip(&values) {
            let Some(key) = key.get(row) else {
                return Err("a key of JSON_OBJECT is NULL".to_owned());
            };
            if value.is_null(row) && !nulls {
                continue;
            }
            match members.iter_mut().find(|(before, _)| *before == key) {
                Some(member) => member.1 = value,
                None => members.push((key, value)),
            }
        }
        members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        out.push('{');
        for (at, (key, value)) in members.into_iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            write_string(key, out);
            out.push(':');
            value.write(row, out);
        }
        out.push('}');
        Ok(Some(()))
    })
}

fn json_array(call: &mut Call<'_, '_>) -> Column {
    let (nulls, forms) = forms(call);
    let columns = super::nested::columns(call);
    let values = members(call, &columns, 1, 1, forms);
    call.strings(|row, out| {
        out.push('[');
        let mut first = true;
        for value in values.iter().filter(|value| nulls || !value.is_null(row)) {
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            value.write(row, out);
        }
        out.push(']');
        Ok(Some(()))
    })
}

/// Flink escapes `/` too, writes everything beyond printable ASCII as `\u` and, above U+FFFF, the code point in five
/// digits followed by the second half of the pair.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' | '/' => {
                out.push('\\');
                out.push(c);
            }
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            c => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
                let mut units = [0; 2];
                if let [_, low] = c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{low:04x}"));
                }
            }
        }
    }
    out.push('"');
}

fn unquote(text: &str, out: &mut String) {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner.filter(|_| text.len() >= 2) else {
        out.push_str(text);
        return;
    };
    let mut chars = inner.chars();
    let mut units: Vec<u16> = Vec::with_capacity(inner.len());
    while let Some(c) = chars.next() {
        if c != '\\' {
            units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
            continue;
        }
        let escape = match chars.next() {
            Some('"') => '"',
            Some('\\') => '\\',
            Some('/') => '/',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                match u16::from_str_radix(&digits, 16) {
                    Ok(unit) if digits.len() == 4 => units.push(unit),
                    // No escape: Flink gives the text back as it is.
                    _ => {
                        out.push_str(text);
                        return;
                    }
                }
                continue;
            }
            _ => {
                out.push_str(text);
                return;
            }
        };
        units.extend_from_slice(escape.encode_utf16(&mut [0; 2]));
    }
    out.extend(char::decode_utf16(units).map(|c| c.unwrap_or('?')));
}
