//! Operators and functions over typed operands: implicit casts made explicit, as Flink's type coercion makes them.

use crate::base::{Error, ErrorKind, Result, nearest};
use crate::expr::{ArithmeticOp, CompareOp, Expr, FUNCTIONS, Scalar, common_type, function};
use crate::types::{DataType, Kind};

fn mismatch(operator: impl std::fmt::Display, left: &Expr, right: &Expr) -> Error {
    Error::new(
        ErrorKind::Schema,
        format!(
            "cannot apply '{operator}' to arguments of type '{}' and '{}'",
            left.data_type, right.data_type
        ),
    )
}

/// Both operands in the kind that they are compared in.
fn together(operator: impl std::fmt::Display, left: Expr, right: Expr) -> Result<(Expr, Expr)> {
    let (l, r) = (&left.data_type.kind, &right.data_type.kind);
    if l == r || (l.is_string() && r.is_string()) || (l.is_binary() && r.is_binary()) {
        return Ok((left, right));
    }
    // A text is compared as the other operand's type.
    let kind = match (l, r) {
        (text, other) if text.is_string() && !other.is_binary() && !is_nested(other) => {
            Some(other.clone())
        }
        (other, text) if text.is_string() && !other.is_binary() && !is_nested(other) => {
            Some(other.clone())
        }
        _ => common_type([&left.data_type, &right.data_type]).map(|data_type| data_type.kind),
    };
    match kind {
        Some(kind) => Ok((left.cast_kind(kind.clone()), right.cast_kind(kind))),
        None => Err(mismatch(operator, &left, &right)),
    }
}

fn is_nested(kind: &Kind) -> bool {
    matches!(kind, Kind::Array(_) | Kind::Map(..) | Kind::Multiset(_) | Kind::Row(_))
}

/// `left op right`.
pub(super) fn compare(op: CompareOp, left: Expr, right: Expr) -> Result<Expr> {
    let symbol = match op {
        CompareOp::Eq => "=",
        CompareOp::NotEq => "<>",
        CompareOp::Lt => "<",
        CompareOp::LtEq => "<=",
        CompareOp::Gt => ">",
        CompareOp::GtEq => ">=",
    };
    let (left, right) = together(symbol, left, right)?;
    Ok(Expr::compare(op, left, right))
}

/// `left op right` for numbers; times and intervals go to their functions.
pub(super) fn arithmetic(op: ArithmeticOp, left: Expr, right: Expr) -> Result<Expr> {
    let symbol = match op {
        ArithmeticOp::Add => "+",
        ArithmeticOp::Subtract => "-",
        ArithmeticOp::Multiply => "*",
        ArithmeticOp::Divide => "/",
        ArithmeticOp::Remainder => "%",
    };
    let number = |operand: Expr, other: &Kind| -> Expr {
        match operand.data_type.kind {
            // A text takes part in arithmetic as a DECIMAL, NULL as the other operand.
            Kind::Char(_) | Kind::VarChar(_) if other.is_numeric() => {
                operand.cast_kind(Kind::Double)
            }
            Kind::Null if other.is_numeric() => Expr::null(other.clone()),
            _ => operand,
        }
    };
    let (l, r) = (left.data_type.kind.clone(), right.data_type.kind.clone());
    let (left, right) = (number(left, &r), number(right, &l));
    let error = mismatch(symbol, &left, &right);
    let is_time = |kind: &Kind| {
        matches!(
            kind,
            Kind::Date
                | Kind::Time(_)
                | Kind::Timestamp(_)
                | Kind::TimestampLtz(_)
                | Kind::IntervalMonths
                | Kind::IntervalMillis
        )
    };
    let is_interval = |kind: &Kind| matches!(kind, Kind::IntervalMonths | Kind::IntervalMillis);
    match op {
        ArithmeticOp::Add if is_time(&l) && is_interval(&r) => {
            return call("$ADD", vec![left, right]);
        }
        ArithmeticOp::Add if is_interval(&l) && is_time(&r) => {
            return call("$ADD", vec![right, left]);
        }
        ArithmeticOp::Subtract if is_time(&l) && is_interval(&r) => {
            return call("$ADD", vec![left, Expr::negative(right)]);
        }
        _ if is_time(&l) || is_time(&r) => {
            return Err(Error::unsupported(format!("'{symbol}' of times and intervals")));
        }
        _ => {}
    }
    Expr::arithmetic(op, left, right).ok_or(error)
}

/// `operand IN (list)`.
pub(super) fn in_list(operand: Expr, list: Vec<Expr>) -> Result<Expr> {
    let mut arms = Vec::with_capacity(list.len());
    for candidate in list {
        arms.push(compare(CompareOp::Eq, operand.clone(), candidate)?);
    }
    Ok(Expr::or(arms))
}

/// `operand LIKE pattern [ESCAPE escape]`.
pub(super) fn like(operand: Expr, pattern: Expr, escape: Option<Expr>) -> Result<Expr> {
    let mut args = vec![operand, pattern];
    args.extend(escape);
    call("$LIKE", args)
}

/// CASE: the result has the common type of all results.
pub(super) fn case(arms: Vec<(Expr, Expr)>, otherwise: Option<Expr>) -> Result<Expr> {
    let types = arms.iter().map(|(_, result)| &result.data_type);
    let types = types.chain(otherwise.iter().map(|expr| &expr.data_type));
    let Some(common) = common_type(types) else {
        return Err(Error::new(
            ErrorKind::Schema,
            "illegal mixing of types in CASE or COALESCE statement",
        ));
    };
    let arms =
        arms.into_iter().map(|(when, then)| (when, then.cast_kind(common.kind.clone()))).collect();
    let otherwise = otherwise.map(|expr| expr.cast_kind(common.kind.clone()));
    Ok(Expr::case(arms, otherwise, common.kind))
}

/// CAST and TRY_CAST as written.
pub(super) fn cast(input: Expr, target: &DataType, try_cast: bool) -> Result<Expr> {
    if input.data_type.kind == Kind::Null {
        return Ok(Expr::literal(Scalar::Null, target.clone().with_nullable(true)));
    }
    Ok(Expr::cast(input, target.kind.clone(), try_cast))
}

/// The cast that an INSERT makes without being asked: between numbers, between texts, between times of one family.
pub(super) fn implicit_cast(input: Expr, target: &DataType) -> Result<Expr> {
    let (from, to) = (&input.data_type.kind, &target.kind);
    let same_family = from == to
        || (from.is_numeric() && to.is_numeric())
        || (from.is_string() && to.is_string())
        || (from.is_binary() && to.is_binary())
        || matches!(
            (from, to),
            (
                Kind::Timestamp(_) | Kind::TimestampLtz(_),
                Kind::Timestamp(_) | Kind::TimestampLtz(_)
            ) | (Kind::Date, Kind::Timestamp(_) | Kind::TimestampLtz(_))
                | (Kind::Time(_), Kind::Time(_))
        );
    if *from == Kind::Null {
        return Ok(Expr::literal(Scalar::Null, target.clone().with_nullable(true)));
    }
    // A longer text goes into a shorter column as it is, unless the type-length enforcer is on.
    if from.is_string() && to.is_string() && !matches!(to, Kind::Char(_)) {
        return Ok(input);
    }
    if !same_family {
        return Err(Error::new(ErrorKind::Schema, format!("no implicit cast from {from} to {to}")));
    }
    Ok(input.cast_kind(to.clone()))
}

/// A function by name.
pub(super) fn call(name: &str, args: Vec<Expr>) -> Result<Expr> {
    let Some(found) = function(name) else {
        let names = FUNCTIONS
            .iter()
            .flat_map(|group| group.iter())
            .filter(|f| f.is_public())
            .map(|f| f.name);
        let mut error = Error::new(
            ErrorKind::Unsupported,
            format!("not supported yet or unknown: function '{name}'"),
        );
        if let Some(near) = nearest(name, names) {
            error = error.with_hint(format!("did you mean '{near}'?"));
        }
        return Err(error);
    };
    let types: Vec<String> = args.iter().map(|arg| format!("<{}>", arg.data_type)).collect();
    Expr::call(found, args).ok_or_else(|| {
        Error::new(
            ErrorKind::Schema,
            format!("cannot apply '{name}' to arguments of type '{name}({})'", types.join(", ")),
        )
        .with_hint(format!("supported form: {}", found.usage))
    })
}
