//! Operators over typed operands: implicit casts made explicit, as Flink's type coercion makes them.

use crate::base::{Error, ErrorKind, Result};
use crate::expr::{
    ArithmeticOp, CastMode, Castable, CompareOp, Expr, LikePattern, LiteralSet, Node, Scalar,
    castable, common_type, fits_without_cast, implicitly_castable,
};
use crate::sql::ast::TimeUnit;
use crate::types::{DataType, Kind};
use std::fmt::Display;

/// A type as Calcite names it in messages: `INTEGER`, `VARCHAR(2147483647)`.
pub(super) fn shown(data_type: &DataType) -> String {
    match &data_type.kind {
        Kind::Int => "INTEGER".to_owned(),
        Kind::VarChar(n) => format!("VARCHAR({n})"),
        Kind::VarBinary(n) => format!("VARBINARY({n})"),
        kind => kind.to_string(),
    }
}

fn mismatch(operator: impl Display, left: &Expr, right: &Expr, supported: &str) -> Error {
    let operands = format!("<{}> {operator} <{}>", shown(&left.data_type), shown(&right.data_type));
    Error::new(
        ErrorKind::Schema,
        format!("cannot apply '{operator}' to arguments of type '{operands}'"),
    )
    .with_hint(format!("supported form: {}", supported.replace("op", &operator.to_string())))
}

/// `left op right`.
pub(super) fn compare(op: CompareOp, left: Expr, right: Expr) -> Result<Expr> {
    if let (CompareOp::Eq, Some(a), Some(b)) = (op, row_fields(&left), row_fields(&right))
        && a.len() == b.len()
    {
        // Rows that are written out are equal where their fields are.
        let fields = a.iter().zip(b).map(|(a, b)| compare(op, a.clone(), b.clone()));
        return Ok(Expr::and(fields.collect::<Result<Vec<_>>>()?));
    }
    let (l, r) = (&left.data_type.kind, &right.data_type.kind);
    let equality = matches!(op, CompareOp::Eq | CompareOp::NotEq);
    if (l.is_string() && r.is_string()) || (l.is_binary() && r.is_binary()) {
        return Ok(Expr::compare(op, left, right));
    }
    if l.is_string() || r.is_string() {
        return compare_with_text(op, left, right);
    }
    let common = common_apart_from_days([&left.data_type, &right.data_type]);
    let Some(common) = common else {
        if equality && matches!((l, r), (Kind::Array(_), Kind::Array(_))) {
            return Ok(never_equal(op, &left, &right));
        }
        return Err(mismatch(op, &left, &right, "<COMPARABLE_TYPE> op <COMPARABLE_TYPE>"));
    };
    // NULL before a row is refused, behind it it is not.
    let null_and_row = *l == Kind::Null && matches!(r, Kind::Row(_));
    let unordered = common.kind.is_nested() || common.kind == Kind::Variant;
    // Flink's planner fails on this comparison.
    let structured = matches!(common.kind, Kind::Structured(..));
    if (unordered && !equality) || null_and_row || structured {
        return Err(mismatch(op, &left, &right, "<COMPARABLE_TYPE> op <COMPARABLE_TYPE>"));
    }
    if common.kind == Kind::Null {
        return Ok(Expr::null(Kind::Boolean));
    }
    let kind = match (l, r, common.kind) {
        // The more precise type counts, or else the first one: a gap in summer time shows it.
        (Kind::Timestamp(a), Kind::TimestampLtz(b), _) if a >= b => l.clone(),
        (Kind::TimestampLtz(a), Kind::Timestamp(b), _) if a < b => r.clone(),
        (_, _, kind) => kind,
    };
    Ok(Expr::compare(op, left.cast_kind(kind.clone()), right.cast_kind(kind)))
}

/// The fields of a row constructor.
fn row_fields(expr: &Expr) -> Option<&[Expr]> {
    match &expr.node {
        Node::Call { function, args } if function.name == "$ROW" => Some(args),
        _ => None,
    }
}

/// A text against something else.
///
/// Flink reads the text as the other operand's type, with three exceptions: equality with a number is refused, equality
/// with a BOOLEAN compares two unlike objects and is FALSE, and equality of a time with a text column that is no time
/// gives NULL.
fn compare_with_text(op: CompareOp, left: Expr, right: Expr) -> Result<Expr> {
    let text_left = left.data_type.kind.is_string();
    let (text, other) = if text_left { (&left, &right) } else { (&right, &left) };
    let equality = matches!(op, CompareOp::Eq | CompareOp::NotEq);
    let kind = other.data_type.kind.clone();
    let read = |text: Expr| match kind {
        Kind::Null => Expr::null(text.data_type.kind),
        // An order of whole numbers is one of BIGINTs.
        _ if kind.is_integer() => text.cast_kind(Kind::BigInt),
        // A text is read as an exact number of any size.
        Kind::Decimal { .. } => text.cast_kind(Kind::Decimal { precision: 38, scale: 18 }),
        _ if !equality || text.as_literal().is_some() => text.cast_kind(kind.clone()),
        _ => Expr::cast(text, kind.clone(), CastMode::TRY),
    };
    let plain = !kind.is_nested() && !kind.is_binary();
    if plain && (is_null_constant(&left) || is_null_constant(&right)) {
        return Ok(Expr::null(Kind::Boolean));
    }
    if kind.is_numeric() && equality {
        return Err(Error::new(
            ErrorKind::Schema,
            format!(
                "implicit type conversion between {} and {} is not supported now",
                root(&left.data_type.kind),
                root(&right.data_type.kind)
            ),
        )
        .with_hint("cast one of the operands"));
    }
    if (kind == Kind::Boolean || is_interval(&kind)) && equality {
        return Ok(never_equal(op, &left, &right));
    }
    if (kind.is_nested()
        || kind.is_binary()
        || castable(&text.data_type, &other.data_type) != Castable::Yes)
        && kind != Kind::Null
    {
        return Err(mismatch(op, &left, &right, "<COMPARABLE_TYPE> op <COMPARABLE_TYPE>"));
    }
    let constant = text.as_literal().is_some();
    let widen = |other: Expr| if kind.is_integer() { other.cast_kind(Kind::BigInt) } else { other };
    let (left, right) =
        if text_left { (read(left), widen(right)) } else { (widen(left), read(right)) };
    if kind == Kind::Null {
        return Ok(Expr::null(Kind::Boolean));
    }
    if constant {
        printable(if text_left { &left } else { &right })?;
    }
    Ok(Expr::compare(op, left, right))
}

/// Equality of values that Flink compares as unlike objects: FALSE, or NULL where one of them is NULL.
fn never_equal(op: CompareOp, left: &Expr, right: &Expr) -> Expr {
    let answer = Expr::literal(Scalar::Boolean(op == CompareOp::NotEq), Kind::Boolean.not_null());
    if !left.data_type.nullable && !right.data_type.nullable {
        return answer;
    }
    let unknown = Expr::or(vec![Expr::is_null(left.clone()), Expr::is_null(right.clone())]);
    let branches = vec![(unknown, Expr::null(Kind::Boolean))];
    Expr::case(branches, Some(answer), Kind::Boolean)
}

/// NULL, or NULL cast to a type.
pub(super) fn is_null_constant(expr: &Expr) -> bool {
    match &expr.node {
        Node::Cast { input, .. } => is_null_constant(input),
        node => *node == Node::Literal(Scalar::Null),
    }
}

/// Flink's `LogicalTypeRoot`.
fn root(kind: &Kind) -> String {
    let text = match kind {
        Kind::Int => "INTEGER".to_owned(),
        Kind::VarChar(_) => "VARCHAR".to_owned(),
        kind => kind.to_string(),
    };
    text.split('(').next().unwrap_or_default().to_owned()
}

fn is_interval(kind: &Kind) -> bool {
    matches!(kind, Kind::IntervalMonths | Kind::IntervalMillis)
}

fn is_temporal(kind: &Kind) -> bool {
    matches!(kind, Kind::Date | Kind::Time(_) | Kind::Timestamp(_) | Kind::TimestampLtz(_))
}

/// `left op right` for numbers, times and intervals.
pub(super) fn arithmetic(op: ArithmeticOp, left: Expr, right: Expr) -> Result<Expr> {
    let (l, r) = (left.data_type.kind.clone(), right.data_type.kind.clone());
    if l == Kind::Null || r == Kind::Null {
        return Err(super::expr::illegal_null());
    }
    let error = || mismatch(op, &left, &right, "<NUMERIC> op <NUMERIC>");
    let approximate =
        matches!(l, Kind::Float | Kind::Double) || matches!(r, Kind::Float | Kind::Double);
    if op == ArithmeticOp::Remainder && approximate {
        return Err(mismatch(op, &left, &right, "<EXACT_NUMERIC> op <EXACT_NUMERIC>"));
    }
    match op {
        ArithmeticOp::Add if is_temporal(&l) && is_interval(&r) => return add(left, right),
        ArithmeticOp::Add if is_interval(&l) && matches!(r, Kind::TimestampLtz(_)) => {
            return Err(Error::new(ErrorKind::Schema, "unsupported temporal arithmetic")
                .with_hint("write the time before the interval"));
        }
        ArithmeticOp::Add if is_interval(&l) && is_temporal(&r) => return add(right, left),
        ArithmeticOp::Subtract if is_temporal(&l) && is_interval(&r) => {
            return add(left, Expr::negative(right));
        }
        ArithmeticOp::Add | ArithmeticOp::Subtract if is_interval(&l) && l == r => {
            return Ok(interval_arithmetic(op, left, right, l));
        }
        ArithmeticOp::Multiply if is_interval(&l) && r.is_integer() => {
            let factor = right.cast_kind(l.clone());
            return Ok(interval_arithmetic(op, left, factor, l));
        }
        ArithmeticOp::Multiply if l.is_integer() && is_interval(&r) => {
            let factor = left.cast_kind(r.clone());
            return Ok(interval_arithmetic(op, factor, right, r));
        }
        _ if is_temporal(&l) && r.is_numeric() && op != ArithmeticOp::Multiply => {
            return Err(error().with_hint("add an interval, as in ts + INTERVAL '1' DAY"));
        }
        _ if is_temporal(&l) && is_temporal(&r) && op == ArithmeticOp::Subtract => {
            return Err(error().with_hint("TIMESTAMPDIFF(SECOND, from, to) gives the time between"));
        }
        _ if is_temporal(&l) || is_temporal(&r) || is_interval(&l) || is_interval(&r) => {
            return Err(error());
        }
        _ => {}
    }
    match Expr::arithmetic(op, left.clone(), right.clone()) {
        Some(expr) => Ok(expr),
        None => Err(error()),
    }
}

/// `(to - from) unit`: whole months for years to months, else milliseconds (Calcite's MINUS_DATE).
pub(super) fn time_between(to: Expr, from: Expr, unit: TimeUnit) -> Result<Expr> {
    use std::mem::discriminant;
    if matches!((&to.data_type.kind, &from.data_type.kind), (Kind::Time(_), Kind::Time(_))) {
        return Err(Error::new(ErrorKind::Schema, "times of the day have no difference in Flink")
            .with_hint("TIMESTAMPDIFF(SECOND, from, to) gives it"));
    }
    if discriminant(&to.data_type.kind) != discriminant(&from.data_type.kind) {
        return Err(Error::new(ErrorKind::Schema, "parameters must be of the same type"));
    }
    match unit {
        TimeUnit::Year | TimeUnit::Quarter | TimeUnit::Month => {
            let months = super::call::call("TIMESTAMPDIFF", vec![Expr::text("MONTH"), from, to])?;
            Ok(months.cast_kind(Kind::IntervalMonths))
        }
        _ => super::call::call("$DIFF", vec![to, from]),
    }
}

fn interval_arithmetic(op: ArithmeticOp, left: Expr, right: Expr, kind: Kind) -> Expr {
    let nullable = left.data_type.nullable || right.data_type.nullable;
    let node = Node::Arithmetic { op, left: Box::new(left), right: Box::new(right) };
    Expr::new(node, DataType { kind, nullable })
}

fn add(time: Expr, interval: Expr) -> Result<Expr> {
    super::call::call("$ADD", vec![time, interval])
}

/// `operand IN (list)`.
///
/// Flink converts each value of the list to the operand's type, as CAST does: `i IN (3.5)` holds for 3.
pub(super) fn in_list(operand: Expr, list: Vec<Expr>) -> Result<Expr> {
    let kind = operand.data_type.kind.clone();
    let known: Vec<&DataType> =
        list.iter().map(|item| &item.data_type).filter(|item| item.kind != Kind::Null).collect();
    let common = common_apart_from_days(known.iter().copied());
    let nothing_known = known.is_empty() && kind == Kind::Null;
    if nothing_known || (!known.is_empty() && common.is_none()) {
        return Err(Error::new(
            ErrorKind::Schema,
            "values in expression list must have compatible types",
        ));
    }
    let list = list.into_iter().map(|item| listed(&operand, item)).collect::<Result<Vec<_>>>()?;
    // What a text means as TIMESTAMP_LTZ depends on the session's time zone.
    let zoned = matches!(kind, Kind::TimestampLtz(_));
    let constants: Option<Vec<Scalar>> = list
        .iter()
        .map(|item| {
            let same_family = item.data_type.kind == kind
                || (kind.is_string() && item.data_type.kind.is_string());
            let folded = if zoned { item.clone() } else { item.clone().folded(chrono_tz::UTC) };
            folded.as_literal().filter(|_| same_family).cloned()
        })
        .collect();
    if let Some(set) = constants.and_then(|constants| LiteralSet::new(constants, &kind)) {
        return Ok(Expr::in_set(operand, set));
    }
    let arms = list.into_iter().map(|item| compare(CompareOp::Eq, operand.clone(), item));
    Ok(Expr::or(arms.collect::<Result<Vec<_>>>()?))
}

/// A value of a list as the operand's type.
fn listed(operand: &Expr, item: Expr) -> Result<Expr> {
    let (wanted, found) = (&operand.data_type.kind, &item.data_type.kind);
    let alike = wanted == found
        || *wanted == Kind::Null
        || wanted.is_nested()
        || (wanted.is_string() && found.is_string())
        || (wanted.is_binary() && found.is_binary());
    if alike {
        return Ok(item);
    }
    if *found == Kind::Null {
        return Ok(Expr::null(wanted.clone()));
    }
    let text = wanted.is_string() || found.is_string();
    let is_decimal = |kind: &Kind| matches!(kind, Kind::Decimal { .. });
    let numbers = wanted.is_numeric() && found.is_numeric();
    let decimals = is_decimal(wanted) && is_decimal(found);
    if (text || (numbers && !decimals))
        && castable(&item.data_type, &operand.data_type) == Castable::Yes
    {
        return Ok(Expr::cast(item, wanted.clone(), CastMode::default()));
    }
    // Refused there, or of one family.
    compare(CompareOp::Eq, operand.clone(), item.clone()).map(|_| item)
}

/// `operand LIKE pattern [ESCAPE escape]`.
pub(super) fn like(operand: Expr, pattern: Expr, escape: Option<Expr>) -> Result<Expr> {
    let text = |expr: &Expr| match expr.as_literal() {
        Some(Scalar::String(text)) => Some(text.clone()),
        _ => None,
    };
    if !operand.data_type.kind.is_string() || pattern.data_type.kind == Kind::Null {
        return Err(mismatch("LIKE", &operand, &pattern, "<CHARACTER> op <CHARACTER>"));
    }
    let constant_escape = match &escape {
        None => Some(None),
        Some(escape) => text(escape).map(Some),
    };
    if let (Some(text), Some(escape)) = (text(&pattern), constant_escape) {
        let pattern = LikePattern::new(&text, escape.as_deref())
            .map_err(|message| Error::new(ErrorKind::Schema, message))?;
        let operand = operand.cast_kind(Kind::VarChar(Kind::STRING_LENGTH));
        let data_type = DataType { kind: Kind::Boolean, nullable: operand.data_type.nullable };
        return Ok(Expr::new(Node::Like { input: Box::new(operand), pattern }, data_type));
    }
    let mut args = vec![operand, pattern];
    args.extend(escape);
    super::call::call("$LIKE", args)
}

/// `left IS [NOT] DISTINCT FROM right`.
pub(super) fn distinct(left: Expr, right: Expr, negated: bool) -> Result<Expr> {
    let equal = Expr::is_truth(compare(CompareOp::Eq, left.clone(), right.clone())?, true);
    let both_null = Expr::and(vec![Expr::is_null(left), Expr::is_null(right)]);
    let same = Expr::or(vec![both_null, equal]);
    Ok(if negated { same } else { Expr::negate(same) })
}

/// `(a, b) OVERLAPS (c, d)`; a second part that is an interval is a length. The bounds may stand in either order.
pub(super) fn overlaps(left: (Expr, Expr), right: (Expr, Expr)) -> Result<Expr> {
    let bounds = |(start, end): (Expr, Expr)| -> Result<(Expr, Expr)> {
        let end = if is_interval(&end.data_type.kind) {
            arithmetic(ArithmeticOp::Add, start.clone(), end)?
        } else {
            end
        };
        let swapped = || compare(CompareOp::Gt, start.clone(), end.clone());
        let first = case(vec![(swapped()?, end.clone())], Some(start.clone()))?;
        let last = case(vec![(swapped()?, start.clone())], Some(end.clone()))?;
        Ok((first, last))
    };
    let ((first, last), (other_first, other_last)) = (bounds(left)?, bounds(right)?);
    Ok(Expr::and(vec![
        compare(CompareOp::GtEq, last, other_first)?,
        compare(CompareOp::GtEq, other_last, first)?,
    ]))
}

/// The common type where Calcite looks for it: it brings DATE together with DATE alone, not with TIMESTAMP.
pub(super) fn common_apart_from_days<'a>(
    types: impl IntoIterator<Item = &'a DataType> + Clone,
) -> Option<DataType> {
    let days = types.clone().into_iter().any(|data_type| data_type.kind == Kind::Date);
    common_type(types).filter(|common| !days || common.kind == Kind::Date)
}

/// CASE: the result has the common type of all results.
pub(super) fn case(arms: Vec<(Expr, Expr)>, otherwise: Option<Expr>) -> Result<Expr> {
    let types = arms.iter().map(|(_, result)| &result.data_type);
    let types: Vec<&DataType> = types.chain(otherwise.iter().map(|expr| &expr.data_type)).collect();
    let common = common_apart_from_days(types.iter().copied());
    let Some(mut common) = common else {
        return Err(Error::new(
            ErrorKind::Schema,
            "illegal mixing of types in CASE or COALESCE statement",
        ));
    };
    if common.kind == Kind::Null {
        return Err(Error::new(
            ErrorKind::Schema,
            "ELSE clause or at least one THEN clause must be non-NULL",
        ));
    }
    // Calcite takes FLOAT and DOUBLE for equally precise: the first one stays.
    let mut kinds =
        types.iter().map(|data_type| &data_type.kind).filter(|kind| **kind != Kind::Null);
    let approximate = |kind: &Kind| matches!(kind, Kind::Float | Kind::Double);
    if kinds.clone().all(approximate)
        && let Some(first) = kinds.next()
    {
        common.kind = first.clone();
    }
    let arms =
        arms.into_iter().map(|(when, then)| (when, then.cast_kind(common.kind.clone()))).collect();
    let otherwise = otherwise.map(|expr| expr.cast_kind(common.kind.clone()));
    Ok(Expr::case(arms, otherwise, common.kind))
}

/// CAST and TRY_CAST as written.
pub(super) fn cast(input: Expr, target: &DataType, mode: CastMode) -> Result<Expr> {
    // A CAST of NULL is folded before Flink's code generator can refuse it; TRY_CAST is not. Calcite takes these pairs.
    let only_generator_refuses = || {
        let (from, to) = (&input.data_type.kind, &target.kind);
        from.is_binary() && is_temporal(to)
            || from.is_string() && is_interval(to)
            || matches!(castable(&input.data_type, target), Castable::Instead(_))
    };
    let folded = !mode.is_try && is_null_constant(&input) && only_generator_refuses();
    if folded || input.data_type.kind == Kind::Null {
        return Ok(Expr::literal(Scalar::Null, target.clone().with_nullable(true)));
    }
    let refused = |why: String| {
        let name = mode.name();
        let from = shown(&input.data_type);
        Error::new(
            ErrorKind::Schema,
            format!(
                "{name} function cannot convert value of type {from} to type {}",
                shown(target)
            ),
        )
        .with_hint(why)
    };
    // Calcite has no rule for VARIANT, not even for one that stays one.
    if input.data_type.kind == Kind::Variant || target.kind == Kind::Variant {
        return Err(refused("Flink casts neither from nor to VARIANT".to_owned()));
    }
    match castable(&input.data_type, target) {
        Castable::Yes if is_null_constant(&input) => {
            Ok(Expr::literal(Scalar::Null, target.clone().with_nullable(true)))
        }
        Castable::Yes => {
            let from_text = input.data_type.kind.is_string() && input.as_literal().is_some();
            let cast = Expr::cast(input, target.kind.clone(), mode);
            if from_text {
                printable(&cast)?;
            }
            Ok(cast)
        }
        Castable::Instead(hint) => Err(refused(hint.to_owned())),
        Castable::No => Err(refused("no such conversion exists in Flink".to_owned())),
    }
}

/// A constant that Flink's planner cannot write again as a literal is refused there: no number, a time beyond the day.
fn printable(cast: &Expr) -> Result<()> {
    let refused = |text: String| Err(Error::new(ErrorKind::Schema, text));
    let folded = cast.clone().folded(chrono_tz::UTC);
    match (&cast.data_type.kind, folded.as_literal()) {
        (Kind::Float, Some(Scalar::Double(value))) if !value.is_finite() => {
            refused("a constant of type FLOAT can be neither infinite nor NaN".to_owned())
        }
        (Kind::Time(_), Some(Scalar::Time(millis))) if !(0..86_400_000).contains(millis) => {
            refused(
                "hour out of range: a constant of type TIME lies between 00:00 and 24:00"
                    .to_owned(),
            )
        }
        _ => Ok(()),
    }
}

/// The cast that an INSERT makes without being asked (`LogicalTypeCasts.supportsImplicitCast`).
pub(super) fn implicit_cast(input: Expr, target: &DataType, legacy: bool) -> Result<Expr> {
    // A map is put into a new one where its types differ, which changes the order of its entries.
    let is_other_map = matches!(target.kind, Kind::Map(..)) && input.data_type.kind != target.kind;
    if !is_other_map && fits_without_cast(&input.data_type, target) {
        return Ok(input);
    }
    if !implicitly_castable(&input.data_type, target) {
        return Err(Error::new(
            ErrorKind::Schema,
            format!("no implicit cast from {} to {}", input.data_type.kind, target.kind),
        ));
    }
    let mut cast = input.cast_kind(target.kind.clone());
    if let Node::Cast { mode, .. } = &mut cast.node {
        mode.legacy = legacy;
        cast.data_type.nullable |= legacy;
    }
    Ok(cast)
}
