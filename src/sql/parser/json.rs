//! The SQL/JSON functions.

use super::{Parser, Result};
use crate::sql::ast::{
    Expr, ExprKind, JsonCall, JsonExistsOnError, JsonInput, JsonKind, JsonOnNull,
    JsonQueryBehavior, JsonValueBehavior, JsonWrapper,
};
use crate::sql::token::Symbol;

impl Parser<'_> {
    /// A call from its name on.
    pub(super) fn json_call(&mut self, keyword: &'static str) -> Result<ExprKind> {
        let start = self.here();
        let parse = match keyword {
            "JSON_EXISTS" => Self::json_exists,
            "JSON_VALUE" => Self::json_value,
            "JSON_QUERY" => Self::json_query,
            "JSON_OBJECT" => Self::json_object,
            "JSON_ARRAY" => Self::json_array,
            "JSON_OBJECTAGG" => Self::json_objectagg,
            "JSON_ARRAYAGG" => Self::json_arrayagg,
            _ => return Err(self.reserved_as_name()),
        };
        self.advance();
        self.expect(Symbol::LParen)?;
        let mut kind = parse(self)?;
        self.expect(Symbol::RParen)?;
        if let JsonKind::ArrayAgg { order_by, .. } = &mut kind
            && order_by.is_empty()
            && self.eat_keyword("WITHIN")
        {
            *order_by = self.within_group()?;
        }
        Ok(ExprKind::Json(Box::new(JsonCall { kind, span: self.since(start) })))
    }

    fn json_input_and_path(&mut self) -> Result<(Expr, Expr)> {
        let input = self.expr()?;
        self.format_json()?;
        self.expect(Symbol::Comma)?;
        Ok((input, self.expr()?))
    }

    fn json_exists(&mut self) -> Result<JsonKind> {
        let (input, path) = self.json_input_and_path()?;
        let on_error = self.eat_one_of(&[
            ("TRUE", JsonExistsOnError::True),
            ("FALSE", JsonExistsOnError::False),
            ("UNKNOWN", JsonExistsOnError::Unknown),
            ("ERROR", JsonExistsOnError::Error),
        ]);
        if on_error.is_some() {
            self.expect_keywords(&["ON", "ERROR"])?;
        }
        Ok(JsonKind::Exists { input, path, on_error })
    }

    fn json_value(&mut self) -> Result<JsonKind> {
        let (input, path) = self.json_input_and_path()?;
        let returning = if self.eat_keyword("RETURNING") { Some(self.cast_type()?) } else { None };
        let (mut on_empty, mut on_error) = (None, None);
        loop {
            let behavior = if self.eat_keyword("NULL") {
                JsonValueBehavior::Null
            } else if self.eat_keyword("ERROR") {
                JsonValueBehavior::Error
            } else if self.eat_keyword("DEFAULT") {
                JsonValueBehavior::Default(self.expr()?)
            } else {
                return Ok(JsonKind::Value { input, path, returning, on_empty, on_error });
            };
            if self.on_empty()? { on_empty = Some(behavior) } else { on_error = Some(behavior) }
        }
    }

    fn json_query(&mut self) -> Result<JsonKind> {
        let (input, path) = self.json_input_and_path()?;
        let returning = if self.eat_keyword("RETURNING") { Some(self.cast_type()?) } else { None };
        let mut wrapper = None;
        if self.eat_keyword("WITHOUT") {
            wrapper = Some(JsonWrapper::Without);
        } else if self.eat_keyword("WITH") {
            wrapper = Some(if self.eat_keyword("CONDITIONAL") {
                JsonWrapper::Conditional
            } else {
                self.eat_keyword("UNCONDITIONAL");
                JsonWrapper::Unconditional
            });
        }
        if wrapper.is_some() {
            self.eat_keyword("ARRAY");
            self.expect_keyword("WRAPPER")?;
        }
        let (mut on_empty, mut on_error) = (None, None);
        loop {
            let behavior = if self.eat_keyword("NULL") {
                JsonQueryBehavior::Null
            } else if self.eat_keyword("ERROR") {
                JsonQueryBehavior::Error
            } else if self.eat_keyword("EMPTY") {
                if self.eat_keyword("ARRAY") {
                    JsonQueryBehavior::EmptyArray
                } else {
                    self.expect_keyword("OBJECT")?;
                    JsonQueryBehavior::EmptyObject
                }
            } else {
                return Ok(JsonKind::Query { input, path, returning, wrapper, on_empty, on_error });
            };
            if self.on_empty()? { on_empty = Some(behavior) } else { on_error = Some(behavior) }
        }
    }

    /// `ON EMPTY` is true, `ON ERROR` false.
    fn on_empty(&mut self) -> Result<bool> {
        self.expect_keyword("ON")?;
        if self.eat_keyword("EMPTY") {
            return Ok(true);
        }
        self.expect_keyword("ERROR")?;
        Ok(false)
    }

    fn json_object(&mut self) -> Result<JsonKind> {
        let mut members = Vec::new();
        if !self.at(Symbol::RParen) && !self.at_on_null() {
            members = self.comma_list(Self::json_member)?;
        }
        Ok(JsonKind::Object { members, on_null: self.json_on_null()? })
    }

    /// `[KEY] k VALUE v`, `k : v`.
    fn json_member(&mut self) -> Result<(Expr, JsonInput)> {
        self.eat_keyword("KEY");
        let key = self.expr()?;
        if !self.eat(Symbol::Colon) {
            self.expect_keyword("VALUE")?;
        }
        Ok((key, self.json_item()?))
    }

    fn json_item(&mut self) -> Result<JsonInput> {
        let value = self.expr()?;
        Ok(JsonInput { value, format_json: self.format_json()? })
    }

    fn format_json(&mut self) -> Result<bool> {
        let found = self.eat_keyword("FORMAT");
        if found {
            self.expect_keyword("JSON")?;
        }
        Ok(found)
    }

    fn at_on_null(&self) -> bool {
        self.at_keywords(&["NULL", "ON"]) || self.at_keywords(&["ABSENT", "ON"])
    }

    fn json_on_null(&mut self) -> Result<Option<JsonOnNull>> {
        let on_null =
            self.eat_one_of(&[("NULL", JsonOnNull::Null), ("ABSENT", JsonOnNull::Absent)]);
        if on_null.is_some() {
            self.expect_keywords(&["ON", "NULL"])?;
        }
        Ok(on_null)
    }

    fn json_array(&mut self) -> Result<JsonKind> {
        let mut elements = Vec::new();
        if !self.at(Symbol::RParen) {
            elements = self.comma_list(Self::json_item)?;
        }
        Ok(JsonKind::Array { elements, on_null: self.json_on_null()? })
    }

    fn json_objectagg(&mut self) -> Result<JsonKind> {
        let (key, value) = self.json_member()?;
        Ok(JsonKind::ObjectAgg { key, value, on_null: self.json_on_null()? })
    }

    fn json_arrayagg(&mut self) -> Result<JsonKind> {
        let element = self.json_item()?;
        let order_by =
            if self.eat_by("ORDER")? { self.comma_list(Self::order_item)? } else { Vec::new() };
        Ok(JsonKind::ArrayAgg { element, order_by, on_null: self.json_on_null()? })
    }
}
