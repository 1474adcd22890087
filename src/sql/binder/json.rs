//! The SQL/JSON functions, whose arguments have a grammar of their own.

use super::call::{call, unit};
use super::expr::Scope;
use super::{Binder, not_yet, schema_error};
use crate::base::{Error, Result, Span};
use crate::expr::{CastMode, Expr, Node, function, json_writable};
use crate::sql::ast::{
    self, IsTest, JsonCall, JsonExistsOnError, JsonInput, JsonKind, JsonOnNull, JsonQueryBehavior,
    JsonValueBehavior, JsonWrapper,
};
use crate::types::{DataType, Kind};

/// A call of a SQL/JSON function.
pub(super) fn bind(binder: &Binder<'_>, written: &JsonCall, scope: &Scope) -> Result<Expr> {
    let bind = |expr: &ast::Expr| binder.expr(expr, scope);
    match &written.kind {
        JsonKind::Exists { input, path, on_error } => {
            let on_error = match on_error {
                Some(JsonExistsOnError::True) => "TRUE",
                None | Some(JsonExistsOnError::False) => "FALSE",
                Some(JsonExistsOnError::Unknown) => "UNKNOWN",
                Some(JsonExistsOnError::Error) => "ERROR",
            };
            let args = vec![bind(input)?, bind(path)?, unit(on_error)];
            match args.iter().any(|arg| arg.data_type.kind == Kind::Null) {
                true => Err(super::expr::illegal_null()),
                false => call("$JSON_EXISTS", args),
            }
        }
        JsonKind::Value { input, path, returning, on_empty, on_error } => {
            let kind = match returning {
                None => Kind::VarChar(Kind::STRING_LENGTH),
                Some(returning) => super::data_type::bind(returning)?.kind,
            };
            if !(kind.is_string() || matches!(kind, Kind::Boolean | Kind::Int | Kind::Double)) {
                let message = format!("JSON_VALUE cannot return {kind}");
                return Err(schema_error(message, written.span)
                    .with_hint("Flink takes STRING, BOOLEAN, INTEGER and DOUBLE"));
            }
            let behavior = |behavior: &Option<JsonValueBehavior>| -> Result<(Expr, Expr)> {
                Ok(match behavior {
                    None | Some(JsonValueBehavior::Null) => {
                        (unit("NULL"), Expr::null(kind.clone()))
                    }
                    Some(JsonValueBehavior::Error) => (unit("ERROR"), Expr::null(kind.clone())),
                    Some(JsonValueBehavior::Default(default)) => (
                        unit("DEFAULT"),
                        Expr::cast(bind(default)?, kind.clone(), CastMode::default()),
                    ),
                })
            };
            let ((on_empty, empty), (on_error, error)) = (behavior(on_empty)?, behavior(on_error)?);
            let args = vec![
                text(bind(input)?, input.span)?,
                text(bind(path)?, path.span)?,
                on_empty,
                on_error,
                empty,
                error,
            ];
            node("$JSON_VALUE", args, kind.nullable())
        }
        JsonKind::Query { input, path, returning, wrapper, on_empty, on_error } => {
            let wrapper = match wrapper {
                None | Some(JsonWrapper::Without) => "WITHOUT",
                Some(JsonWrapper::Conditional) => "CONDITIONAL",
                Some(JsonWrapper::Unconditional) => "UNCONDITIONAL",
            };
            let behavior = |behavior: &Option<JsonQueryBehavior>| {
                unit(match behavior {
                    None | Some(JsonQueryBehavior::Null) => "NULL",
                    Some(JsonQueryBehavior::EmptyArray) => "ARRAY",
                    Some(JsonQueryBehavior::EmptyObject) => "OBJECT",
                    Some(JsonQueryBehavior::Error) => "ERROR",
                })
            };
            let args = vec![
                text(bind(input)?, input.span)?,
                text(bind(path)?, path.span)?,
                unit(wrapper),
                behavior(on_empty),
                behavior(on_error),
            ];
            let returns = match returning {
                None => Kind::VarChar(Kind::STRING_LENGTH),
                Some(returning) => super::data_type::bind(returning)?.kind,
            };
            let texts = |kind: &Kind| match kind {
                Kind::Array(element) => element.kind.is_string(),
                kind => kind.is_string(),
            };
            if !texts(&returns) {
                let message = format!("JSON_QUERY cannot return {returns}");
                return Err(schema_error(message, written.span)
                    .with_hint("Flink takes STRING and ARRAY<STRING>"));
            }
            node("$JSON_QUERY", args, returns.nullable())
        }
        JsonKind::Object { members, on_null } => {
            let mut forms = Forms::new(*on_null, JsonOnNull::Null);
            let mut args = Vec::with_capacity(1 + 2 * members.len());
            for (key, value) in members {
                args.push(text(bind(key)?, key.span)?);
                args.push(forms.value(value, bind(&value.value)?)?);
            }
            args.insert(0, unit(&forms.text));
            node("$JSON_OBJECT", args, DataType::string().with_nullable(false))
        }
        JsonKind::Array { elements, on_null } => {
            let mut forms = Forms::new(*on_null, JsonOnNull::Absent);
            let mut args = Vec::with_capacity(1 + elements.len());
            for value in elements {
                args.push(forms.value(value, bind(&value.value)?)?);
            }
            args.insert(0, unit(&forms.text));
            node("$JSON_ARRAY", args, DataType::string().with_nullable(false))
        }
        JsonKind::ObjectAgg { .. } => not_yet("aggregate function JSON_OBJECTAGG", written.span),
        JsonKind::ArrayAgg { .. } => not_yet("aggregate function JSON_ARRAYAGG", written.span),
    }
}

/// `IS JSON` and its kinds; `None` for another test.
pub(super) fn test(tested: Expr, test: &IsTest) -> Option<Result<Expr>> {
    let wanted = match test {
        IsTest::JsonValue => "VALUE",
        IsTest::JsonObject => "OBJECT",
        IsTest::JsonArray => "ARRAY",
        IsTest::JsonScalar => "SCALAR",
        _ => return None,
    };
    Some(call("$IS_JSON", vec![tested, unit(wanted)]))
}

/// How the values of a JSON structure are written: the first argument of its function.
struct Forms {
    text: String,
}

impl Forms {
    fn new(written: Option<JsonOnNull>, default: JsonOnNull) -> Forms {
        let text = match written.unwrap_or(default) {
            JsonOnNull::Null => "N",
            JsonOnNull::Absent => "A",
        };
        Forms { text: text.to_owned() }
    }

    fn value(&mut self, written: &JsonInput, value: Expr) -> Result<Expr> {
        let span = written.value.span;
        if written.format_json {
            return not_yet("FORMAT JSON of a value", span);
        }
        let value = super::expr::typed(value, span)?;
        // What these give is JSON already.
        let raw = match &value.node {
            Node::Call { function, .. } => {
                matches!(function.name, "$JSON_OBJECT" | "$JSON_ARRAY" | "JSON")
            }
            _ => false,
        };
        if !raw && !json_writable(&value.data_type.kind) {
            let message = format!("a value of type {} has no JSON form", value.data_type.kind);
            return Err(schema_error(message, span));
        }
        self.text.push(if raw { 'r' } else { 'v' });
        Ok(value)
    }
}

fn text(expr: Expr, span: Span) -> Result<Expr> {
    if expr.data_type.kind.is_string() {
        return Ok(expr.cast_kind(Kind::VarChar(Kind::STRING_LENGTH)));
    }
    let expr = super::expr::typed(expr, span)?;
    Err(schema_error(format!("expected a text, found type {}", expr.data_type), span))
}

fn node(name: &str, args: Vec<Expr>, data_type: DataType) -> Result<Expr> {
    let Some(function) = function(name) else {
        return Err(Error::internal(format!("no function {name}")));
    };
    Ok(Expr::new(Node::Call { function, args }, data_type))
}
