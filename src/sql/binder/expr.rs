//! Expressions: names resolved in a scope, operators and functions resolved by type.

use super::call::{call, is_function, unit};
use super::{Binder, coerce, data_type, literal, not_yet, schema_error};
use crate::base::{Error, ErrorKind, Result, Span, nearest};
use crate::expr::{ArithmeticOp, CastMode, CompareOp, Expr, Node, Scalar};
use crate::sql::ast::{
    self, ArgValue, BinaryOp, ExprKind, IsTest, LikeKind, Literal, QuantifiedRight, Quantifier,
    RoundDirection, TrimSide, UnaryOp,
};
use crate::sql::parser::OTHER_UNIT;
use crate::types::{DataType, Kind};

/// The columns that an expression may name.
#[derive(Debug, Default)]
pub(super) struct Scope {
    columns: Vec<ScopeColumn>,
    /// In ORDER BY, what is selected: a name of one part means that first.
    selected: Vec<(String, Expr)>,
}

#[derive(Clone, Debug)]
struct ScopeColumn {
    /// The table's name in this query; empty where it has none.
    table: String,
    /// Catalog and database of a table without an alias, which may stand before its name.
    home: Option<[String; 2]>,
    /// It is of a subquery or an UNNEST without alias.
    anonymous: bool,
    name: String,
    expr: Expr,
}

impl Scope {
    /// No table of the query has this name.
    pub(super) fn no_table(&self, name: &ast::Ident) -> Error {
        let error = schema_error(format!("table '{}' not found", name.value), name.span);
        let mut tables: Vec<&str> =
            self.columns.iter().map(|column| column.table.as_str()).collect();
        tables.retain(|table| !table.is_empty());
        tables.dedup();
        match tables.as_slice() {
            [] => error,
            tables => error.with_hint(format!("tables of this query: {}", tables.join(", "))),
        }
    }

    pub(super) fn add(&mut self, name: &str, at: usize, data_type: &DataType) {
        self.add_expr(name, Expr::column(at, data_type.clone()));
    }

    /// A name that stands for a computation.
    pub(super) fn add_expr(&mut self, name: &str, expr: Expr) {
        let (table, name) = (String::new(), name.to_owned());
        self.columns.push(ScopeColumn { table, home: None, anonymous: false, name, expr });
    }

    /// Lets names of one part mean what is selected under them.
    pub(super) fn prefer(&mut self, selected: impl IntoIterator<Item = (String, Expr)>) {
        self.selected.extend(selected);
    }

    /// Adds the columns of another table.
    pub(super) fn append(&mut self, other: Scope) {
        self.columns.extend(other.columns);
    }

    /// Names the one table that all columns are from.
    pub(super) fn set_alias(&mut self, alias: &str) {
        for column in &mut self.columns {
            alias.clone_into(&mut column.table);
            column.anonymous = alias.is_empty();
        }
    }

    /// Says where the one table is that all columns are from.
    pub(super) fn set_home(&mut self, catalog: &str, database: &str) {
        for column in &mut self.columns {
            column.home = Some([catalog.to_owned(), database.to_owned()]);
        }
    }

    /// A name from its table on: `t.a` of `db.t.a` and of `cat.db.t.a`.
    pub(super) fn without_home<'n>(&self, parts: &'n [ast::Ident]) -> Option<&'n [ast::Ident]> {
        (1..=2).find_map(|count| {
            let (written, rest) = parts.split_at_checked(count)?;
            let table = &rest.first()?.value;
            let fits = |column: &ScopeColumn| {
                let home = column.home.iter().flatten().rev();
                column.table == *table
                    && home.take(count).eq(written.iter().rev().map(|part| &part.value))
            };
            self.columns.iter().any(fits).then_some(rest)
        })
    }

    pub(super) fn is_alias(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.table == name)
    }

    /// Gives the columns new names; false where their number differs.
    pub(super) fn rename_columns(&mut self, names: Vec<String>) -> bool {
        if names.len() != self.columns.len() {
            return false;
        }
        for (column, new) in self.columns.iter_mut().zip(names) {
            column.name = new;
        }
        true
    }

    /// Every column, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = (String, Expr)> + '_ {
        self.columns.iter().map(|column| (column.name.clone(), column.expr.clone()))
    }

    /// Every column of one table, in order.
    pub(super) fn all_of(&self, table: &str) -> impl Iterator<Item = (String, Expr)> + '_ {
        let table = table.to_owned();
        let of_table = self.columns.iter().filter(move |column| column.table == table);
        of_table.map(|column| (column.name.clone(), column.expr.clone()))
    }

    /// A name that two columns of one table have: nothing says which of them a `*` means.
    pub(super) fn repeated(&self, table: Option<&str>) -> Option<&str> {
        let columns = || self.columns.iter().filter(|c| table.is_none_or(|table| c.table == table));
        columns()
            .enumerate()
            .find(|(at, column)| {
                let mut before = columns().take(*at);
                before.any(|other| other.name == column.name && other.table == column.table)
            })
            .map(|(_, column)| column.name.as_str())
    }

    /// The column of a name, then the fields that further parts name: `a`, `t.a`, `a.b`, `t.a.b`.
    pub(super) fn find(&self, name: &ast::ObjectName) -> Result<Expr> {
        self.find_part(name, false)
    }

    /// The row whose fields `name.*` means.
    pub(super) fn find_row(&self, name: &ast::ObjectName) -> Result<Expr> {
        self.find_part(name, true)
    }

    fn find_part(&self, name: &ast::ObjectName, of_row: bool) -> Result<Expr> {
        let Some((first, rest)) = name.parts.split_first() else {
            return Err(schema_error("an empty name", name.span));
        };
        if rest.is_empty() {
            let mut selected = self.selected.iter().filter(|(alias, _)| *alias == first.value);
            match (selected.next(), selected.next()) {
                (Some(_), Some(_)) => return Err(ambiguous(first)),
                (Some((_, expr)), None) => return Ok(expr.clone()),
                (None, _) => {}
            }
        }
        // `t.t`: a table's column comes before a field of the column that the table gave its name to.
        if let Some((second, rest)) = rest.split_first()
            && let Some(column) = self.only(second, |column| column.table == first.value)?
        {
            return fields(column.expr.clone(), rest);
        }
        if let Some(column) = self.only(first, |_| true)? {
            // Calcite looks for the column's table by its name there, and finds none.
            return match column.anonymous && (of_row || !rest.is_empty()) {
                true => Err(self.no_table(first).with_hint(
                    "give the subquery or UNNEST an alias, and write that before the column",
                )),
                false => fields(column.expr.clone(), rest),
            };
        }
        // A field of a row may stand without its column, as in Calcite's `PEEK_FIELDS_NO_EXPAND`.
        let has_field = |column: &&ScopeColumn| match &column.expr.data_type.kind {
            Kind::Row(fields) if !column.anonymous => {
                fields.iter().any(|field| field.name == first.value)
            }
            _ => false,
        };
        let mut rows = self.columns.iter().filter(has_field);
        if let (Some(row), None, false) = (rows.next(), rows.next(), self.is_alias(&first.value)) {
            return fields(row.expr.clone(), &name.parts);
        }
        let Some(second) = rest.first() else {
            return Err(self.missing(&first.value, " in any table", name.span));
        };
        if !self.is_alias(&first.value) {
            return match self.without_home(&name.parts) {
                Some(parts) if parts.len() > 1 => {
                    let name = ast::ObjectName { parts: parts.to_vec(), span: name.span };
                    self.find_part(&name, of_row)
                }
                _ => Err(self.no_table(first)),
            };
        }
        let table = format!(" in table '{}'", first.value);
        Err(self.missing(&second.value, &table, second.span))
    }

    /// The one column of this name among those of a kind.
    fn only(
        &self,
        name: &ast::Ident,
        among: impl Fn(&ScopeColumn) -> bool,
    ) -> Result<Option<&ScopeColumn>> {
        let mut named = self.columns.iter().filter(|c| c.name == name.value && among(c));
        match (named.next(), named.next()) {
            (_, Some(_)) => Err(ambiguous(name)),
            (found, None) => Ok(found),
        }
    }

    fn missing(&self, name: &str, place: &str, span: Span) -> Error {
        let error = schema_error(format!("column '{name}' not found{place}"), span);
        match nearest(name, self.columns.iter().map(|column| column.name.as_str())) {
            Some(near) => error.with_hint(format!("did you mean '{near}'?")),
            None if is_function(name) => error.with_hint(format!("write {name}()")),
            None => error,
        }
    }
}

fn ambiguous(name: &ast::Ident) -> Error {
    schema_error(format!("column '{}' is ambiguous", name.value), name.span)
}

/// `array[n]`, `map[key]`, and `row[n]` or `row['name']` with a constant.
fn item(operand: Expr, index: Expr, span: Span) -> Result<Expr> {
    if index.data_type.kind == Kind::Null {
        return Err(illegal_null().at(span));
    }
    let kind = &index.data_type.kind;
    let other_size = kind.is_integer() && *kind != Kind::Int;
    if matches!(operand.data_type.kind, Kind::Array(_)) && other_size {
        return Err(schema_error("integer expression type expected", span));
    }
    let Kind::Row(fields) = &operand.data_type.kind else {
        if let (Kind::Array(_), Some(Scalar::Integer(number @ ..1))) =
            (&operand.data_type.kind, index.as_literal())
        {
            let message =
                format!("array element access needs an index starting at 1 but was {number}");
            return Err(schema_error(message, span));
        }
        return call("$ITEM", vec![operand, index]);
    };
    let place = match index.as_literal() {
        Some(Scalar::Integer(number)) => {
            usize::try_from(*number).ok().and_then(|number| number.checked_sub(1))
        }
        Some(Scalar::String(name)) => fields.iter().position(|field| field.name == *name),
        _ => None,
    };
    match place.and_then(|place| Some((place, fields.get(place)?.clone()))) {
        Some((place, field)) => Ok(Expr::field(operand, place, &field)),
        None => Err(schema_error("a field of a row is named by a constant, from 1", span)),
    }
}

/// A value of `SELECT`'s list.
///
/// Flink takes an element of an array or map of NOT NULL elements for NOT NULL: where there is none it puts out what its
/// generated code starts with (`CodeGenUtils.primitiveDefaultValue`): -1, FALSE, the empty text.
pub(super) fn selected(expr: Expr) -> Expr {
    let default = match (never_null_item(&expr) && !has_null_key(&expr), &expr.data_type.kind) {
        (false, _) => return expr,
        (true, Kind::Boolean) => Scalar::Boolean(false),
        (true, kind) if kind.is_integer() => Scalar::Integer(-1),
        (true, Kind::Float | Kind::Double) => Scalar::Double(-1.0),
        // What the planner computes is filled up to the type's length.
        (true, Kind::Char(length)) if expr.columns_used().is_empty() => {
            Scalar::String(" ".repeat(usize::try_from(*length).unwrap_or(0)))
        }
        (true, kind) if kind.is_string() => Scalar::String(String::new()),
        (true, _) => return expr,
    };
    let data_type = expr.data_type.clone();
    let default = Expr::literal(default, data_type.clone().with_nullable(false));
    let mut chosen = Expr::coalesce(vec![expr, default], data_type.kind);
    chosen.data_type.nullable = true;
    chosen
}

/// IS NULL: arithmetic and comparisons are NULL where an operand is, and Flink computes nothing to know that, but for a
/// remainder (Calcite's `Strong`).
fn null_test(tested: Expr) -> Expr {
    match tested.node {
        Node::Arithmetic { op, left, right } if op != ArithmeticOp::Remainder => {
            Expr::or(vec![null_test(*left), null_test(*right)])
        }
        Node::Compare { left, right, .. } => Expr::or(vec![null_test(*left), null_test(*right)]),
        Node::Negate(input) => null_test(*input),
        _ => Expr::is_null(tested),
    }
}

/// Whether this is an element of an array or map whose elements are NOT NULL.
fn never_null_item(expr: &Expr) -> bool {
    let Node::Call { function, args } = &expr.node else { return false };
    let collection = args.first().map(|collection| &collection.data_type.kind);
    let Some(Kind::Array(element) | Kind::Map(_, element)) = collection else { return false };
    function.name == "$ITEM" && !element.nullable
}

/// Whether an element is asked for by NULL: there is none, and Flink knows it while it plans.
fn has_null_key(item: &Expr) -> bool {
    let Node::Call { args, .. } = &item.node else { return false };
    args.get(1).is_some_and(coerce::is_null_constant)
}

/// Fields of a row, of its row fields, and so on.
fn fields(mut expr: Expr, names: &[ast::Ident]) -> Result<Expr> {
    for name in names {
        expr = field(expr, name)?;
    }
    Ok(expr)
}

fn field(expr: Expr, name: &ast::Ident) -> Result<Expr> {
    let Some(fields) = expr.data_type.kind.fields() else {
        return Err(schema_error(
            format!("'{}' is no field of a value of type {}", name.value, expr.data_type.kind),
            name.span,
        ));
    };
    let found = fields.iter().position(|field| field.name == name.value);
    let Some((index, field)) = found.and_then(|index| Some((index, fields.get(index)?.clone())))
    else {
        let error =
            schema_error(format!("column '{}' not found in the row", name.value), name.span);
        return Err(match nearest(&name.value, fields.iter().map(|field| field.name.as_str())) {
            Some(near) => error.with_hint(format!("did you mean '{near}'?")),
            None => error,
        });
    };
    Ok(Expr::field(expr, index, &field))
}

impl Binder<'_> {
    /// Whether a part of an expression over the scope may be NULL; what is wrong with it is said elsewhere.
    pub(super) fn may_be_null(&self, part: &ast::Expr, scope: &Scope) -> bool {
        self.expr(part, scope).is_ok_and(|bound| bound.data_type.nullable)
    }

    /// A typed expression over the scope.
    pub(super) fn expr(&self, expr: &ast::Expr, scope: &Scope) -> Result<Expr> {
        // A chain of infix operators leans to the left: it is walked, as recursing into it takes too much stack.
        let (mut chain, mut first) = (Vec::new(), expr);
        while let ExprKind::Binary { op, left, right, .. } = &first.kind
            && !(*op == BinaryOp::Eq && are_rows(left, right))
        {
            chain.push((*op, left.as_ref(), right.as_ref(), first.span));
            first = left;
        }
        let bound = self.untraced(first, scope).map_err(|error| error.at(first.span))?;
        let mut bound = bound.written_at(first.span);
        for (op, left, right, span) in chain.into_iter().rev() {
            let right = (self.expr(right, scope)?, right.span);
            let joined = binary(op, (bound, left.span), right, span);
            bound = joined.map_err(|error| error.at(span))?.written_at(span);
        }
        Ok(bound)
    }

    /// A row that is compared with another one: NULL in it has the type of what it is compared with.
    fn compared_row(&self, row: &ast::Expr, scope: &Scope) -> Result<Expr> {
        match &row.kind {
            ExprKind::Row { fields, .. } => {
                let fields = fields.iter().map(|field| self.expr(field, scope));
                call("$ROW", fields.collect::<Result<Vec<_>>>()?)
            }
            _ => self.expr(row, scope),
        }
    }

    fn untraced(&self, expr: &ast::Expr, scope: &Scope) -> Result<Expr> {
        let span = expr.span;
        let bind = |expr: &ast::Expr| self.expr(expr, scope);
        match &expr.kind {
            ExprKind::Literal(written) => literal::bind(written, span),
            ExprKind::Name(name) => scope.find(name).or_else(|error| {
                // A function without parentheses that is no reserved word.
                match name.parts.as_slice() {
                    [only] if only.value.eq_ignore_ascii_case("PI") => call("PI", Vec::new()),
                    _ => Err(error),
                }
            }),
            ExprKind::Unary { op, operand } => match (op, &operand.kind) {
                (UnaryOp::Not, _) => Ok(Expr::negate(condition(bind(operand)?, operand.span)?)),
                (UnaryOp::Plus, _) => signed(bind(operand)?, '+', operand.span),
                (UnaryOp::Minus, ExprKind::Literal(Literal::Number { text, kind })) => {
                    literal::number(text, *kind, true, span)
                }
                (UnaryOp::Minus, _) => {
                    Ok(Expr::negative(signed(bind(operand)?, '-', operand.span)?))
                }
            },
            ExprKind::Binary { op: BinaryOp::Eq, left, right, .. } if are_rows(left, right) => {
                let (left, right) =
                    (self.compared_row(left, scope)?, self.compared_row(right, scope)?);
                coerce::compare(CompareOp::Eq, left, right)
            }
            ExprKind::Binary { .. } => self.expr(expr, scope),
            ExprKind::Is { operand, test: IsTest::Null, negated }
                if matches!(operand.kind, ExprKind::Row { .. }) =>
            {
                // A row is not NULL, whatever its fields are.
                if let ExprKind::Row { fields, .. } = &operand.kind {
                    fields.iter().try_for_each(|field| bind(field).map(drop))?;
                }
                Ok(Expr::literal(Scalar::Boolean(*negated), Kind::Boolean.not_null()))
            }
            ExprKind::Is { operand, test, negated } => {
                let tested = bind(operand)?;
                let truth = |truth| {
                    condition(tested.clone(), operand.span)
                        .map(|input| Expr::is_truth(input, truth))
                };
                let result = match test {
                    IsTest::Null if never_null_item(&tested) => {
                        Expr::literal(Scalar::Boolean(false), Kind::Boolean.not_null())
                    }
                    IsTest::Null => null_test(tested),
                    IsTest::Unknown => null_test(condition(tested, operand.span)?),
                    IsTest::True => truth(true)?,
                    IsTest::False => truth(false)?,
                    test => match super::json::test(tested, test) {
                        Some(result) => result?,
                        None => return not_yet("IS A SET and other tests", span),
                    },
                };
                Ok(if *negated { Expr::negate(result) } else { result })
            }
            ExprKind::IsDistinctFrom { left, right, negated } => {
                let (left, right) = (bind(left)?, bind(right)?);
                let of_null = match (&left, &right) {
                    (tested, null) | (null, tested) if coerce::is_null_constant(null) => {
                        Some(tested)
                    }
                    _ => None,
                };
                match of_null {
                    Some(tested) => {
                        let result = null_test(tested.clone());
                        Ok(if *negated { result } else { Expr::negate(result) })
                    }
                    None => coerce::distinct(left, right, *negated),
                }
            }
            ExprKind::Between { operand, low, high, symmetric, negated } => {
                let (operand, low, high) = (bind(operand)?, bind(low)?, bind(high)?);
                let within = |low: &Expr, high: &Expr| -> Result<Expr> {
                    let above = coerce::compare(CompareOp::GtEq, operand.clone(), low.clone())?;
                    let below = coerce::compare(CompareOp::LtEq, operand.clone(), high.clone())?;
                    Ok(Expr::and(vec![above, below]))
                };
                let mut between = within(&low, &high)?;
                if *symmetric {
                    between = Expr::or(vec![between, within(&high, &low)?]);
                }
                Ok(if *negated { Expr::negate(between) } else { between })
            }
            ExprKind::InList { operand, list, negated } if rows_with_null(operand, list) => {
                let operand = self.compared_row(operand, scope)?;
                let equal = |item: &ast::Expr| {
                    coerce::compare(CompareOp::Eq, operand.clone(), self.compared_row(item, scope)?)
                };
                let found = Expr::or(list.iter().map(equal).collect::<Result<Vec<_>>>()?);
                Ok(if *negated { Expr::negate(found) } else { found })
            }
            ExprKind::Quantified { left, op, quantifier, right: QuantifiedRight::List(list) } => {
                let compare = |item: &ast::Expr| {
                    binary(*op, (bind(left)?, left.span), (bind(item)?, item.span), span)
                };
                let arms = list.iter().map(compare).collect::<Result<Vec<_>>>()?;
                Ok(match quantifier {
                    Quantifier::Any => Expr::or(arms),
                    Quantifier::All => Expr::and(arms),
                })
            }
            ExprKind::InList { operand, list, negated } => {
                let operand = bind(operand)?;
                let list = list.iter().map(bind).collect::<Result<Vec<_>>>()?;
                let found = coerce::in_list(operand, list)?;
                Ok(if *negated { Expr::negate(found) } else { found })
            }
            ExprKind::Like { operand, kind, pattern, escape, negated } => {
                let escape = escape.as_deref().map(bind).transpose()?;
                let (operand, pattern) = (bind(operand)?, bind(pattern)?);
                let matched = match kind {
                    LikeKind::Like => coerce::like(operand, pattern, escape)?,
                    LikeKind::SimilarTo => {
                        let mut args = vec![operand, pattern];
                        args.extend(escape);
                        call("$SIMILAR", args)?
                    }
                    LikeKind::ILike => return not_yet("ILIKE", span),
                    LikeKind::RLike => return not_yet("RLIKE", span),
                };
                Ok(if *negated { Expr::negate(matched) } else { matched })
            }
            ExprKind::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref(), scope)
            }
            ExprKind::Cast { operand, data_type, is_try } => {
                let target = data_type::bind(data_type)?;
                let mode = CastMode { is_try: *is_try, legacy: self.legacy_cast };
                coerce::cast(bind(operand)?, &target, mode)
            }
            ExprKind::Extract { unit: part, operand, .. } => {
                let operand = bind(operand)?;
                if matches!(operand.data_type.kind, Kind::Time(_)) && !part.is_of_time() {
                    let message =
                        format!("unit {} can not be applied to time variable", part.name());
                    return Err(schema_error(message, span));
                }
                let units: Option<&[&str]> = match operand.data_type.kind {
                    Kind::IntervalMonths => {
                        Some(&["YEAR", "QUARTER", "MONTH", "CENTURY", "MILLENNIUM"])
                    }
                    Kind::IntervalMillis => {
                        Some(&["DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND"])
                    }
                    _ => None,
                };
                if units.is_some_and(|units| !units.contains(&part.name())) {
                    let message = format!("unit {} can not be applied to an interval", part.name());
                    return Err(schema_error(message, span));
                }
                call("$EXTRACT", vec![unit(part.name()), operand])
            }
            ExprKind::RoundTime { direction, operand, unit: to, .. } => {
                let name = match direction {
                    RoundDirection::Floor => "$FLOOR",
                    RoundDirection::Ceil => "$CEIL",
                };
                let operand = bind(operand)?;
                rounds(to.name(), &operand).map_err(|error| error.at(span))?;
                call(name, vec![unit(to.name()), operand])
            }
            ExprKind::Position { needle, haystack, from } => {
                let mut args = vec![bind(needle)?, bind(haystack)?];
                if let Some(from) = from {
                    args.push(bind(from)?);
                }
                call("POSITION", args)
            }
            ExprKind::Trim { side, characters: None, operand } if *side == TrimSide::Both => {
                call("TRIM", vec![bind(operand)?])
            }
            ExprKind::Trim { side, characters, operand } => {
                let side = match side {
                    TrimSide::Both => "BOTH",
                    TrimSide::Leading => "LEADING",
                    TrimSide::Trailing => "TRAILING",
                };
                let characters = match characters {
                    Some(characters) => bind(characters)?,
                    None => Expr::text(" "),
                };
                call("$TRIM", vec![unit(side), characters, bind(operand)?])
            }
            ExprKind::Overlay { operand, placing, from, length } => {
                let mut args = vec![bind(operand)?, bind(placing)?, bind(from)?];
                if let Some(length) = length {
                    args.push(bind(length)?);
                }
                call("OVERLAY", args)
            }
            ExprKind::Field { operand, field: name } => field(bind(operand)?, name),
            ExprKind::Function(call) => self.function(call, scope),
            ExprKind::Interval { negative, value, qualifier } => {
                let one = literal::interval(*negative, "1", qualifier, span)?;
                coerce::arithmetic(ArithmeticOp::Multiply, one, bind(value)?)
            }
            ExprKind::TimeBetween { to, from, qualifier } => {
                coerce::time_between(bind(to)?, bind(from)?, qualifier.from)
            }
            ExprKind::InSubquery { .. }
            | ExprKind::Exists(_)
            | ExprKind::Subquery(_)
            | ExprKind::Quantified { .. }
            | ExprKind::Unique(_)
            | ExprKind::CollectionQuery { .. } => not_yet("subqueries in expressions", span),
            ExprKind::Json(written) => super::json::bind(self, written, scope),
            ExprKind::Period { left, op: "OVERLAPS", right } => {
                coerce::overlaps(self.period(left, scope)?, self.period(right, scope)?)
            }
            ExprKind::Array(items) => {
                call("$ARRAY", items.iter().map(bind).collect::<Result<Vec<_>>>()?)
            }
            ExprKind::Map(pairs) => {
                let items = pairs.iter().flat_map(|(key, value)| [key, value]);
                call("$MAP", items.map(bind).collect::<Result<Vec<_>>>()?)
            }
            ExprKind::Row { fields, .. } => {
                let typed = |field: &ast::Expr| match bind(field)? {
                    bound if bound.data_type.kind == Kind::Null => {
                        Err(illegal_null().at(field.span))
                    }
                    bound => Ok(bound),
                };
                call("$ROW", fields.iter().map(typed).collect::<Result<Vec<_>>>()?)
            }
            ExprKind::Multiset(_) => not_yet("MULTISET constructor", span),
            ExprKind::Element { operand, index } => item(bind(operand)?, bind(index)?, index.span),
            ExprKind::Recognised { construct, text } if *construct == OTHER_UNIT => {
                Err(unknown_unit(text, span))
            }
            ExprKind::Recognised { construct: "a binary literal of half a byte", .. } => {
                let message = "binary literal string must contain an even number of hexits";
                Err(schema_error(message, span))
            }
            ExprKind::Recognised { construct: "a key without a value in MAP", .. } => {
                Err(schema_error("map requires an even number of arguments", span))
            }
            ExprKind::Recognised { construct, .. } => not_yet(construct, span),
            _ => not_yet("this form of expression", span),
        }
    }

    fn case(
        &self,
        operand: Option<&ast::Expr>,
        branches: &[ast::CaseBranch],
        otherwise: Option<&ast::Expr>,
        scope: &Scope,
    ) -> Result<Expr> {
        let operand = operand.map(|expr| self.expr(expr, scope)).transpose()?;
        let mut arms = Vec::with_capacity(branches.len());
        for branch in branches {
            let mut conditions = Vec::with_capacity(branch.when.len());
            for when in &branch.when {
                let bound = self.expr(when, scope)?;
                conditions.push(match &operand {
                    Some(operand) => coerce::compare(CompareOp::Eq, operand.clone(), bound)?,
                    // Unlike other conditions this one may be a bare NULL.
                    None if bound.data_type.kind == Kind::Null => Expr::null(Kind::Boolean),
                    None => condition(bound, when.span)?,
                });
            }
            arms.push((Expr::or(conditions), self.expr(&branch.then, scope)?));
        }
        let otherwise = otherwise.map(|expr| self.expr(expr, scope)).transpose()?;
        coerce::case(arms, otherwise)
    }

    /// `(start, end)` or `(start, length)`.
    fn period(&self, written: &ast::Expr, scope: &Scope) -> Result<(Expr, Expr)> {
        match &written.kind {
            ExprKind::Row { fields, .. } if fields.len() == 2 => {
                let mut bound = fields.iter().map(|field| self.expr(field, scope));
                match (bound.next(), bound.next()) {
                    (Some(start), Some(end)) => Ok((start?, end?)),
                    _ => Err(Error::internal("a period lost its bounds")),
                }
            }
            _ => Err(schema_error("expected a period: (start, end)", written.span)),
        }
    }

    fn function(&self, written: &ast::FunctionCall, scope: &Scope) -> Result<Expr> {
        let name = written.name.last();
        if name.eq_ignore_ascii_case("CURRENT_DATABASE") && written.args.is_empty() {
            let table = self.catalog.resolve(&[String::new()]);
            let data_type = DataType::string().with_nullable(false);
            return Ok(Expr::literal(Scalar::String(table.database), data_type));
        }
        if written.over.is_some() {
            return not_yet("OVER windows", written.span);
        }
        if written.quantifier.is_some()
            || written.filter.is_some()
            || !written.within_group.is_empty()
        {
            return not_yet(format_args!("aggregate function {name}"), written.span);
        }
        let mut args = Vec::with_capacity(written.args.len());
        for arg in &written.args {
            match &arg.value {
                ArgValue::Expr(expr) if arg.name.is_none() => args.push(self.expr(expr, scope)?),
                ArgValue::Unit(part) => args.push(unit(part.name())),
                ArgValue::Star => {
                    return not_yet(format_args!("aggregate function {name}"), written.span);
                }
                _ => return not_yet("this form of argument", arg.span),
            }
        }
        call(name, args)
    }
}

/// Whether one of the rows of `(a, b) IN ((c, d), …)` has NULL written in it.
fn rows_with_null(operand: &ast::Expr, list: &[ast::Expr]) -> bool {
    let has_null = |row: &ast::Expr| match &row.kind {
        ExprKind::Row { fields, .. } => {
            fields.iter().any(|field| matches!(field.kind, ExprKind::Literal(Literal::Null)))
        }
        _ => false,
    };
    list.iter().all(|item| are_rows(operand, item))
        && std::iter::once(operand).chain(list).any(has_null)
}

/// Whether both are rows that are written out, of equal length.
fn are_rows(left: &ast::Expr, right: &ast::Expr) -> bool {
    match (&left.kind, &right.kind) {
        (ExprKind::Row { fields: a, .. }, ExprKind::Row { fields: b, .. }) => {
            a.len() == b.len() && !a.is_empty()
        }
        _ => false,
    }
}

/// A unit of EXTRACT, TIMESTAMPADD, FLOOR … that there is not, with its place in the call.
fn unknown_unit(call: &str, span: Span) -> Error {
    let before = match call.to_ascii_uppercase() {
        upper if upper.starts_with("FLOOR") || upper.starts_with("CEIL") => {
            upper.rfind(" TO ").map(|at| at + 4)
        }
        upper => upper.find('(').map(|at| at + 1),
    };
    let rest = before.and_then(|at| call.get(at..)).unwrap_or_default();
    let word: &str = rest.trim_start();
    let length = word.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(word.len());
    let word = word.get(..length).unwrap_or_default();
    let skipped = call.len() - rest.trim_start().len();
    let place = match (u32::try_from(skipped), u32::try_from(length)) {
        (Ok(skipped), Ok(length)) if length > 0 => {
            let start = span.start.saturating_add(skipped);
            Span { start, end: start.saturating_add(length) }
        }
        _ => span,
    };
    schema_error(format!("'{word}' is not a valid time frame"), place).with_hint(format!(
        "units are {}",
        OTHER_UNIT.trim_start_matches("a time unit other than ")
    ))
}

/// Units that Flink's planner, or the code that it generates, cannot round a time to.
fn rounds(unit: &str, time: &Expr) -> Result<()> {
    let kind = &time.data_type.kind;
    let refused = match (unit, kind) {
        (
            "EPOCH" | "DOW" | "ISODOW",
            Kind::Time(_) | Kind::Timestamp(_) | Kind::TimestampLtz(_),
        )
        | ("ISOYEAR" | "MICROSECOND" | "NANOSECOND", Kind::TimestampLtz(_)) => true,
        // The first row that is not NULL would fail.
        ("MICROSECOND" | "NANOSECOND", Kind::Time(_)) => !coerce::is_null_constant(time),
        _ => false,
    };
    match refused {
        true => Err(Error::new(ErrorKind::Schema, format!("cannot round {kind} to {unit}"))),
        false => Ok(()),
    }
}

/// An infix operator between two operands and their places.
fn binary(
    op: BinaryOp,
    (a, a_span): (Expr, Span),
    (b, b_span): (Expr, Span),
    span: Span,
) -> Result<Expr> {
    let arithmetic = match op {
        BinaryOp::And => {
            return Ok(Expr::and(vec![condition(a, a_span)?, condition(b, b_span)?]));
        }
        BinaryOp::Or => return Ok(Expr::or(vec![condition(a, a_span)?, condition(b, b_span)?])),
        BinaryOp::Eq => return coerce::compare(CompareOp::Eq, a, b),
        BinaryOp::NotEq => return coerce::compare(CompareOp::NotEq, a, b),
        BinaryOp::Lt => return coerce::compare(CompareOp::Lt, a, b),
        BinaryOp::LtEq => return coerce::compare(CompareOp::LtEq, a, b),
        BinaryOp::Gt => return coerce::compare(CompareOp::Gt, a, b),
        BinaryOp::GtEq => return coerce::compare(CompareOp::GtEq, a, b),
        BinaryOp::Concat => return call("||", vec![a, b]),
        BinaryOp::Plus => ArithmeticOp::Add,
        BinaryOp::Minus => ArithmeticOp::Subtract,
        BinaryOp::Multiply => ArithmeticOp::Multiply,
        BinaryOp::Divide => ArithmeticOp::Divide,
        BinaryOp::Modulo => ArithmeticOp::Remainder,
        _ => return not_yet("MULTISET operators", span),
    };
    coerce::arithmetic(arithmetic, a, b)
}

/// The operand of a sign: a number or an interval.
fn signed(expr: Expr, sign: char, span: Span) -> Result<Expr> {
    let kind = &expr.data_type.kind;
    if kind.is_numeric() || matches!(kind, Kind::IntervalMonths | Kind::IntervalMillis) {
        return Ok(expr);
    }
    if *kind == Kind::Null {
        return Err(illegal_null().at(span));
    }
    let shown = coerce::shown(&expr.data_type);
    let message = format!("cannot apply '{sign}' to arguments of type '{sign}<{shown}>'");
    Err(schema_error(message, span).with_hint(format!("supported form: {sign}<NUMERIC>")))
}

/// NULL where nothing says its type.
pub(super) fn illegal_null() -> Error {
    Error::new(ErrorKind::Schema, "illegal use of 'NULL'")
        .with_hint("give it a type: CAST(NULL AS STRING)")
}

/// A column of a result: NULL alone has no type.
pub(super) fn typed(expr: Expr, span: Span) -> Result<Expr> {
    if expr.data_type.kind == Kind::Null { Err(illegal_null().at(span)) } else { Ok(expr) }
}

/// BOOLEAN.
fn condition(expr: Expr, span: Span) -> Result<Expr> {
    match expr.data_type.kind {
        Kind::Boolean => Ok(expr),
        Kind::Null => Err(illegal_null().at(span)),
        _ => {
            Err(schema_error(format!("expected a condition, found type {}", expr.data_type), span))
        }
    }
}
