//! Expressions.

use super::Printer;
use super::expanded::operator_name;
use crate::sql::ast::{
    ArgValue, BinaryOp, CollectionKind, Expr, ExprKind, FunctionArg, FunctionCall, IsTest,
    JsonCall, JsonExistsOnError, JsonInput, JsonKind, JsonOnNull, JsonQueryBehavior,
    JsonValueBehavior, JsonWrapper, LikeKind, Literal, NullTreatment, Over, QuantifiedRight,
    Quantifier, RoundDirection, SetQuantifier, TableArg, TableArgSource, TrimSide, UnaryOp,
};
use crate::sql::lexer::is_plain_name;
use crate::sql::precedence::{self, Power};

/// How tightly an expression binds.
fn power(expr: &Expr) -> Power {
    match &expr.kind {
        ExprKind::Binary { op, .. } => precedence::power(*op),
        ExprKind::Unary { op: UnaryOp::Not, .. } => precedence::NOT,
        ExprKind::Unary { .. } => precedence::SIGN,
        ExprKind::Is { .. } | ExprKind::IsDistinctFrom { .. } => precedence::IS,
        ExprKind::Between { .. }
        | ExprKind::InList { .. }
        | ExprKind::InSubquery { .. }
        | ExprKind::Like { .. } => precedence::RANGE,
        ExprKind::Quantified { .. } | ExprKind::Period { .. } => precedence::COMPARISON,
        _ => precedence::POSTFIX,
    }
}

impl Printer {
    /// In parentheses where it binds looser than `min`.
    pub(super) fn expr(&mut self, expr: &Expr, min: Power) {
        if power(expr) < min {
            self.text("(");
            self.expr_kind(&expr.kind);
            self.text(")");
        } else {
            self.expr_kind(&expr.kind);
        }
    }

    pub(super) fn any(&mut self, expr: &Expr) {
        self.expr(expr, precedence::LOWEST);
    }

    pub(super) fn exprs(&mut self, exprs: &[Expr]) {
        self.list(exprs, Self::any);
    }

    fn expr_kind(&mut self, kind: &ExprKind) {
        match kind {
            ExprKind::Literal(literal) => self.literal(literal),
            ExprKind::Name(name) => self.column_name(name),
            ExprKind::Unary { op, operand } => self.unary(*op, operand),
            ExprKind::Binary { op, left, right, .. } => {
                self.infix(left, op.symbol(), right, precedence::power(*op));
            }
            ExprKind::Is { operand, test, negated } => {
                self.expr(operand, precedence::IS + 1);
                self.text(if *negated { " IS NOT " } else { " IS " });
                self.text(is_test(*test));
            }
            ExprKind::IsDistinctFrom { left, right, negated } => {
                let op = if *negated { "IS NOT DISTINCT FROM" } else { "IS DISTINCT FROM" };
                self.infix(left, op, right, precedence::IS);
            }
            ExprKind::Between { operand, low, high, symmetric, negated } => {
                self.expr(operand, precedence::RANGE);
                self.text_if(*negated, " NOT");
                self.text(if *symmetric { " BETWEEN SYMMETRIC " } else { " BETWEEN ASYMMETRIC " });
                self.expr(low, precedence::RANGE + 1);
                self.text(" AND ");
                self.expr(high, precedence::RANGE + 1);
            }
            ExprKind::InList { operand, list, negated } => {
                self.expr(operand, precedence::RANGE);
                self.text(if *negated { " NOT IN (" } else { " IN (" });
                self.exprs(list);
                self.text(")");
            }
            ExprKind::InSubquery { operand, query, negated } => {
                self.expr(operand, precedence::RANGE);
                self.text(if *negated { " NOT IN (" } else { " IN (" });
                self.query(query);
                self.text(")");
            }
            ExprKind::Like { operand, kind, pattern, escape, negated } => {
                self.expr(operand, precedence::RANGE);
                self.text_if(*negated, " NOT");
                self.text(match kind {
                    LikeKind::Like => " LIKE ",
                    LikeKind::ILike => " ILIKE ",
                    LikeKind::SimilarTo => " SIMILAR TO ",
                    LikeKind::RLike => " RLIKE ",
                });
                self.expr(pattern, precedence::RANGE + 1);
                if let Some(escape) = escape {
                    self.text(" ESCAPE ");
                    self.expr(escape, precedence::RANGE + 1);
                }
            }
            ExprKind::Quantified { left, op, quantifier, right } => {
                self.expr(left, precedence::COMPARISON);
                self.text(" ");
                self.text(op.symbol());
                self.text(match quantifier {
                    Quantifier::Any => " ANY (",
                    Quantifier::All => " ALL (",
                });
                match right {
                    QuantifiedRight::List(list) => self.exprs(list),
                    QuantifiedRight::Query(query) => self.query(query),
                }
                self.text(")");
            }
            ExprKind::Period { left, op, right } => {
                self.period(left);
                self.text(&format!(" {op} "));
                self.period(right);
            }
            ExprKind::Recognised { text, .. } => self.text(text),
            ExprKind::Exists(query) => self.query_after("EXISTS ", query),
            ExprKind::Unique(query) => self.query_after("UNIQUE ", query),
            ExprKind::Subquery(query) => self.query_after("", query),
            ExprKind::CollectionQuery { kind, query } => self.query_after(
                match kind {
                    CollectionKind::Array => "ARRAY",
                    CollectionKind::Map => "MAP",
                    CollectionKind::Multiset => "MULTISET",
                },
                query,
            ),
            ExprKind::Case { operand, branches, otherwise } => {
                self.text("CASE");
                let operand = operand.as_deref();
                if let Some(operand) = operand.filter(|_| !self.is_expanded()) {
                    self.text(" ");
                    self.any(operand);
                }
                for branch in branches {
                    self.text(" WHEN ");
                    match operand.filter(|_| self.is_expanded()) {
                        Some(operand) => self.equals(operand, &branch.when),
                        None => self.exprs(&branch.when),
                    }
                    self.text(" THEN ");
                    self.any(&branch.then);
                }
                match otherwise {
                    Some(otherwise) => self.optional(" ELSE ", Some(otherwise)),
                    None => self.text_if(self.is_expanded(), " ELSE NULL"),
                }
                self.text(" END");
            }
            ExprKind::Cast { operand, data_type, is_try } => {
                self.text(if *is_try { "TRY_CAST(" } else { "CAST(" });
                self.any(operand);
                self.text(" AS ");
                self.data_type(data_type);
                self.text(")");
            }
            ExprKind::Function(call) => self.call(call),
            ExprKind::Json(call) => self.json(call),
            ExprKind::Array(items) => self.bracketed("ARRAY", items),
            ExprKind::Multiset(items) => self.bracketed("MULTISET", items),
            ExprKind::Map(entries) => {
                self.text("MAP[");
                self.list(entries, |p, (key, value)| {
                    p.any(key);
                    p.text(", ");
                    p.any(value);
                });
                self.text("]");
            }
            ExprKind::Row { fields, explicit } => {
                // One field in parentheses would be no row.
                self.text(match (explicit, fields.len()) {
                    (true, _) => "ROW",
                    (false, 2..) if self.is_expanded() => "ROW",
                    (false, 1) => "PERIOD ",
                    (false, _) => "",
                });
                self.parens(fields, Self::any);
            }
            ExprKind::Element { operand, index } => {
                self.expr(operand, precedence::POSTFIX);
                self.text("[");
                self.any(index);
                self.text("]");
            }
            ExprKind::Field { operand, field } => {
                // `1.a` would be a number and a name.
                let parens = matches!(operand.kind, ExprKind::Literal(_));
                self.text_if(parens, "(");
                match &operand.kind {
                    // Part of a name to Calcite, which leaves those of several parts as they are.
                    ExprKind::Name(name) if self.is_expanded() => self.name(name),
                    _ => self.expr(operand, precedence::POSTFIX),
                }
                self.text_if(parens, ")");
                self.text(".");
                self.ident(field);
            }
            ExprKind::Interval { negative, value, qualifier } => {
                // As Calcite does; either form parses as the other.
                let (open, close) =
                    if self.is_view() { ("(INTERVAL ", ")") } else { ("INTERVAL ", "") };
                self.text(open);
                self.text_if(*negative, "- ");
                self.expr(value, precedence::POSTFIX);
                self.text(" ");
                self.qualifier(qualifier);
                self.text(close);
            }
            ExprKind::TimeBetween { to, from, qualifier } => {
                self.text("(");
                self.any(to);
                self.text(" - ");
                self.expr(from, precedence::power(BinaryOp::Minus) + 1);
                self.text(") ");
                self.qualifier(qualifier);
            }
            ExprKind::Extract { .. }
            | ExprKind::RoundTime { .. }
            | ExprKind::Position { .. }
            | ExprKind::Trim { .. }
            | ExprKind::Overlay { .. } => self.special_call(kind),
        }
    }

    pub(super) fn infix(&mut self, left: &Expr, op: &str, right: &Expr, power: Power) {
        self.expr(left, power);
        self.text(" ");
        self.text(op);
        self.text(" ");
        self.expr(right, power + 1);
    }

    fn unary(&mut self, op: UnaryOp, operand: &Expr) {
        if let Some(number) = self.signed_number(op, operand) {
            return self.text(&number);
        }
        match op {
            UnaryOp::Not => {
                self.text("NOT ");
                self.expr(operand, precedence::NOT + 1);
            }
            // Two signs in a row would begin a comment.
            UnaryOp::Minus | UnaryOp::Plus => {
                self.text(if op == UnaryOp::Minus { "-" } else { "+" });
                self.text_if(self.is_expanded(), " ");
                self.expr(operand, precedence::SIGN + 1);
            }
        }
    }

    fn query_after(&mut self, before: &str, query: &crate::sql::ast::Query) {
        self.text(before);
        self.text("(");
        self.query(query);
        self.text(")");
    }

    fn bracketed(&mut self, name: &str, items: &[Expr]) {
        self.text(name);
        self.text("[");
        self.exprs(items);
        self.text("]");
    }

    fn literal(&mut self, literal: &Literal) {
        match literal {
            Literal::Null => self.text("NULL"),
            Literal::Boolean(Some(true)) => self.text("TRUE"),
            Literal::Boolean(Some(false)) => self.text("FALSE"),
            Literal::Boolean(None) => self.text("UNKNOWN"),
            Literal::Number { text, kind } => self.number(text, *kind),
            Literal::String(text) => self.string_literal(text),
            Literal::Binary(bytes) => {
                let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
                self.text(&format!("X'{digits}'"));
            }
            Literal::Date(text) => self.quoted_after("DATE ", text),
            Literal::Time(text) => self.quoted_after("TIME ", text),
            Literal::Timestamp(text) => self.quoted_after("TIMESTAMP ", text),
            Literal::TimestampLtz(text) => {
                self.quoted_after("TIMESTAMP WITH LOCAL TIME ZONE ", text);
            }
            Literal::Interval { negative, value, qualifier } => {
                self.quoted_after(if *negative { "INTERVAL -" } else { "INTERVAL " }, value);
                self.text(" ");
                self.qualifier(qualifier);
            }
        }
    }

    fn quoted_after(&mut self, before: &str, text: &str) {
        self.text(before);
        self.quoted(text, '\'');
    }

    /// `EXTRACT(…)` and the others with words between their arguments.
    fn special_call(&mut self, kind: &ExprKind) {
        match kind {
            ExprKind::Extract { unit, operand, .. } => {
                self.text(&format!("EXTRACT({} FROM ", unit.name()));
                self.any(operand);
            }
            ExprKind::RoundTime { direction, operand, unit, .. } => {
                self.text(match direction {
                    RoundDirection::Floor => "FLOOR(",
                    RoundDirection::Ceil => "CEIL(",
                });
                self.any(operand);
                self.text(&format!(" TO {}", unit.name()));
            }
            ExprKind::Position { needle, haystack, from } => {
                self.text("POSITION(");
                self.expr(needle, precedence::RANGE + 1);
                self.text(" IN ");
                self.any(haystack);
                self.optional(" FROM ", from.as_deref());
            }
            ExprKind::Trim { side, characters, operand } => {
                self.text(match side {
                    TrimSide::Both => "TRIM(BOTH ",
                    TrimSide::Leading => "TRIM(LEADING ",
                    TrimSide::Trailing => "TRIM(TRAILING ",
                });
                match characters {
                    Some(characters) => {
                        self.any(characters);
                        self.text(" ");
                    }
                    None => self.text_if(self.is_expanded(), "' ' "),
                }
                self.text("FROM ");
                self.any(operand);
            }
            ExprKind::Overlay { operand, placing, from, length } => {
                self.text("OVERLAY(");
                self.any(operand);
                self.text(" PLACING ");
                self.any(placing);
                self.text(" FROM ");
                self.any(from);
                self.optional(" FOR ", length.as_deref());
            }
            _ => return,
        }
        self.text(")");
    }

    fn optional(&mut self, before: &str, expr: Option<&Expr>) {
        if let Some(expr) = expr {
            self.text(before);
            self.any(expr);
        }
    }

    pub(super) fn call(&mut self, call: &FunctionCall) {
        match call.name.parts.as_slice() {
            // Reserved words are names of built-in functions without quotes.
            [only] if self.has_words(&only.value) => return self.substring(&call.args),
            [only] if self.is_quoted_function(&only.value) => self.quoted(&only.value, '`'),
            [only] if self.is_expanded() => self.text(&operator_name(&only.value)),
            [only] if !only.quoted && is_plain_name(&only.value) => self.text(&only.value),
            _ => self.name(&call.name),
        }
        if !call.parentheses {
            return;
        }
        self.text("(");
        match call.quantifier {
            Some(SetQuantifier::Distinct) => self.text("DISTINCT "),
            Some(SetQuantifier::All) => self.text("ALL "),
            Some(SetQuantifier::Stream | SetQuantifier::Unique) => {}
            None => {}
        }
        self.list(&call.args, Self::arg);
        self.order_by(&call.order_by);
        self.text(")");
        match call.nulls {
            Some(NullTreatment::Ignore) => self.text(" IGNORE NULLS"),
            Some(NullTreatment::Respect) => self.text(" RESPECT NULLS"),
            None => {}
        }
        if !call.within_group.is_empty() {
            self.text(" WITHIN GROUP (ORDER BY ");
            self.list(&call.within_group, Self::order_item);
            self.text(")");
        }
        if let Some(filter) = &call.filter {
            self.text(" FILTER (WHERE ");
            self.any(filter);
            self.text(")");
        }
        match &call.over {
            None => {}
            Some(Over::Name(name)) => {
                self.text(" OVER ");
                self.ident(name);
            }
            Some(Over::Spec(spec)) => {
                self.text(" OVER ");
                self.window_spec(spec);
            }
        }
    }

    pub(super) fn arg(&mut self, arg: &FunctionArg) {
        if let Some(name) = &arg.name {
            self.ident(name);
            self.text(" => ");
        }
        match &arg.value {
            ArgValue::Expr(expr) => self.any(expr),
            ArgValue::Star => self.text("*"),
            ArgValue::Default => self.text("DEFAULT"),
            ArgValue::Descriptor(columns) => {
                self.text("DESCRIPTOR");
                self.parens(columns, Self::name);
            }
            ArgValue::Table(table) => self.table_arg(table),
            ArgValue::Model(model) => {
                self.text("MODEL ");
                self.name(model);
            }
            ArgValue::Unit(unit) => self.text(unit.name()),
        }
    }

    fn table_arg(&mut self, table: &TableArg) {
        match &table.source {
            TableArgSource::Name(name) => {
                self.text("TABLE ");
                self.name(name);
            }
            TableArgSource::Query(query) => self.query(query),
        }
        self.parens_after(" PARTITION BY ", &table.partition_by, Self::any);
        self.parens_after(" ORDER BY ", &table.order_by, Self::order_item);
    }

    fn json(&mut self, call: &JsonCall) {
        match &call.kind {
            JsonKind::Exists { input, path, on_error } => {
                self.json_path("JSON_EXISTS", input, path);
                self.text(match on_error {
                    None => "",
                    Some(JsonExistsOnError::True) => " TRUE ON ERROR",
                    Some(JsonExistsOnError::False) => " FALSE ON ERROR",
                    Some(JsonExistsOnError::Unknown) => " UNKNOWN ON ERROR",
                    Some(JsonExistsOnError::Error) => " ERROR ON ERROR",
                });
            }
            JsonKind::Value { input, path, returning, on_empty, on_error } => {
                self.json_path("JSON_VALUE", input, path);
                self.returning(returning.as_ref());
                self.json_value_behavior(on_empty.as_ref(), " ON EMPTY");
                self.json_value_behavior(on_error.as_ref(), " ON ERROR");
            }
            JsonKind::Query { input, path, returning, wrapper, on_empty, on_error } => {
                self.json_path("JSON_QUERY", input, path);
                self.returning(returning.as_ref());
                // Calcite keeps what is not written, too.
                let or = |written: Option<JsonQueryBehavior>| {
                    written.or(self.is_expanded().then_some(JsonQueryBehavior::Null))
                };
                let (on_empty, on_error) = (or(*on_empty), or(*on_error));
                let wrapper = wrapper.or(self.is_expanded().then_some(JsonWrapper::Without));
                self.text(match wrapper {
                    None => "",
                    Some(JsonWrapper::Without) => " WITHOUT ARRAY WRAPPER",
                    Some(JsonWrapper::Conditional) => " WITH CONDITIONAL ARRAY WRAPPER",
                    Some(JsonWrapper::Unconditional) => " WITH UNCONDITIONAL ARRAY WRAPPER",
                });
                self.json_query_behavior(on_empty, " ON EMPTY");
                self.json_query_behavior(on_error, " ON ERROR");
            }
            JsonKind::Object { members, on_null } => {
                self.text("JSON_OBJECT(");
                self.list(members, |p, (key, value)| p.json_member(key, value));
                self.json_on_null(*on_null, JsonOnNull::Null);
            }
            JsonKind::Array { elements, on_null } => {
                self.text("JSON_ARRAY(");
                self.list(elements, Self::json_input);
                if !elements.is_empty() {
                    // Alone in the parentheses, the words would not be read again: Flink refuses such a view.
                    self.json_on_null(*on_null, JsonOnNull::Absent);
                }
            }
            JsonKind::ObjectAgg { key, value, on_null } => {
                self.text("JSON_OBJECTAGG(");
                self.json_member(key, value);
                self.json_on_null(*on_null, JsonOnNull::Null);
            }
            JsonKind::ArrayAgg { element, order_by, on_null } => {
                self.text("JSON_ARRAYAGG(");
                self.json_input(element);
                self.order_by(order_by);
                self.json_on_null(*on_null, JsonOnNull::Absent);
            }
        }
        self.text(")");
    }

    fn json_path(&mut self, name: &str, input: &Expr, path: &Expr) {
        self.text(name);
        self.text("(");
        self.any(input);
        self.text(", ");
        self.any(path);
    }

    fn returning(&mut self, data_type: Option<&crate::sql::ast::DataType>) {
        if let Some(data_type) = data_type {
            self.text(" RETURNING ");
            self.data_type(data_type);
        }
    }

    fn json_value_behavior(&mut self, behavior: Option<&JsonValueBehavior>, when: &str) {
        match behavior {
            None => return,
            Some(JsonValueBehavior::Null) => self.text(" NULL"),
            Some(JsonValueBehavior::Error) => self.text(" ERROR"),
            Some(JsonValueBehavior::Default(value)) => self.optional(" DEFAULT ", Some(value)),
        }
        self.text(when);
    }

    fn json_query_behavior(&mut self, behavior: Option<JsonQueryBehavior>, when: &str) {
        self.text(match behavior {
            None => return,
            Some(JsonQueryBehavior::Null) => " NULL",
            Some(JsonQueryBehavior::EmptyArray) => " EMPTY ARRAY",
            Some(JsonQueryBehavior::EmptyObject) => " EMPTY OBJECT",
            Some(JsonQueryBehavior::Error) => " ERROR",
        });
        self.text(when);
    }

    fn json_member(&mut self, key: &Expr, value: &JsonInput) {
        self.text("KEY ");
        self.any(key);
        self.text(" VALUE ");
        self.json_input(value);
    }

    fn json_input(&mut self, input: &JsonInput) {
        self.any(&input.value);
        self.text_if(input.format_json, " FORMAT JSON");
    }

    fn json_on_null(&mut self, on_null: Option<JsonOnNull>, default: JsonOnNull) {
        let written = on_null.or(self.is_expanded().then_some(default));
        self.text_if(written.is_some() && !self.out.ends_with('('), " ");
        self.text(match written {
            None => "",
            Some(JsonOnNull::Null) => "NULL ON NULL",
            Some(JsonOnNull::Absent) => "ABSENT ON NULL",
        });
    }
}

fn is_test(test: IsTest) -> &'static str {
    match test {
        IsTest::Null => "NULL",
        IsTest::True => "TRUE",
        IsTest::False => "FALSE",
        IsTest::Unknown => "UNKNOWN",
        IsTest::JsonValue => "JSON VALUE",
        IsTest::JsonObject => "JSON OBJECT",
        IsTest::JsonArray => "JSON ARRAY",
        IsTest::JsonScalar => "JSON SCALAR",
        IsTest::ASet => "A SET",
        IsTest::Empty => "EMPTY",
        IsTest::Normalized => "NORMALIZED",
    }
}
