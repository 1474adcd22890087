//! What arguments a function takes and what it gives back.

use crate::expr::Expr;
use crate::types::{DataType, Kind};

/// A bound signature.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Signature {
    /// What each argument is cast to.
    pub(crate) args: Vec<Kind>,
    /// The type of the result.
    pub(crate) returns: DataType,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Param {
    /// Text.
    Text,
    /// Any whole number, as INT.
    Int,
    /// Any whole number, as BIGINT.
    Long,
    /// Any number, as DOUBLE.
    Double,
    /// Any number, as it is.
    Number,
    /// BINARY, VARBINARY.
    Bytes,
    /// TIMESTAMP or TIMESTAMP_LTZ, as it is.
    Timestamp,
    /// DATE, TIME, TIMESTAMP or TIMESTAMP_LTZ, as it is.
    Temporal,
    /// An interval, as it is.
    Interval,
}

impl Param {
    /// What an argument of `kind` is cast to; `None` where it does not fit.
    pub(crate) fn accepts(self, kind: &Kind) -> Option<Kind> {
        let keep = |fits: bool| fits.then(|| kind.clone());
        let null = *kind == Kind::Null;
        match self {
            Param::Text => (kind.is_string() || null).then_some(Kind::VarChar(Kind::STRING_LENGTH)),
            Param::Int => (kind.is_integer() || null).then_some(Kind::Int),
            Param::Long => (kind.is_integer() || null).then_some(Kind::BigInt),
            Param::Double => (kind.is_numeric() || null).then_some(Kind::Double),
            Param::Number if null => Some(Kind::Int),
            Param::Number => keep(kind.is_numeric()),
            Param::Bytes => {
                (kind.is_binary() || null).then_some(Kind::VarBinary(Kind::STRING_LENGTH))
            }
            Param::Timestamp if null => Some(Kind::Timestamp(3)),
            Param::Timestamp => keep(matches!(kind, Kind::Timestamp(_) | Kind::TimestampLtz(_))),
            Param::Temporal if null => Some(Kind::Timestamp(3)),
            Param::Temporal => keep(matches!(
                kind,
                Kind::Date | Kind::Time(_) | Kind::Timestamp(_) | Kind::TimestampLtz(_)
            )),
            Param::Interval => keep(matches!(kind, Kind::IntervalMonths | Kind::IntervalMillis)),
        }
    }
}

/// A signature of `params`, of which the first `required` must be given; NULL where any argument is NULL.
pub(crate) fn fixed(
    args: &[Expr],
    params: &[Param],
    required: usize,
    returns: Kind,
) -> Option<Signature> {
    if args.len() < required || args.len() > params.len() {
        return None;
    }
    let kinds = args.iter().zip(params).map(|(arg, param)| param.accepts(&arg.data_type.kind));
    Some(Signature {
        args: kinds.collect::<Option<_>>()?,
        returns: DataType { kind: returns, nullable: any_nullable(args) },
    })
}

/// A signature of one or more arguments of the same parameter after `head`.
pub(crate) fn variadic(
    args: &[Expr],
    head: &[Param],
    rest: Param,
    least: usize,
    returns: Kind,
) -> Option<Signature> {
    if args.len() < least {
        return None;
    }
    let params = head.iter().copied().chain(std::iter::repeat(rest));
    let kinds = args.iter().zip(params).map(|(arg, param)| param.accepts(&arg.data_type.kind));
    Some(Signature {
        args: kinds.collect::<Option<_>>()?,
        returns: DataType { kind: returns, nullable: any_nullable(args) },
    })
}

/// The signature with a result that may be NULL whatever the arguments are.
pub(crate) fn nullable(signature: Option<Signature>) -> Option<Signature> {
    let mut signature = signature?;
    signature.returns.nullable = true;
    Some(signature)
}

/// The signature with a result that is never NULL.
pub(crate) fn not_null(signature: Option<Signature>) -> Option<Signature> {
    let mut signature = signature?;
    signature.returns.nullable = false;
    Some(signature)
}

/// The signature with the result type that `kind` makes of the arguments' types.
pub(crate) fn returning(
    signature: Option<Signature>,
    args: &[Expr],
    kind: impl Fn(&[&Kind]) -> Option<Kind>,
) -> Option<Signature> {
    let mut signature = signature?;
    let kinds: Vec<&Kind> = args.iter().map(|arg| &arg.data_type.kind).collect();
    signature.returns.kind = kind(&kinds).unwrap_or(STRING);
    Some(signature)
}

/// The length of a text type.
pub(crate) fn text_length(kind: &Kind) -> Option<u32> {
    match kind {
        Kind::Char(length) | Kind::VarChar(length) => Some(*length),
        _ => None,
    }
}

/// VARCHAR of a text type's length.
pub(crate) fn varying(kind: &Kind) -> Option<Kind> {
    text_length(kind).map(Kind::VarChar)
}

pub(crate) fn any_nullable(args: &[Expr]) -> bool {
    args.iter().any(|arg| arg.data_type.nullable)
}

/// `STRING`.
pub(crate) const STRING: Kind = Kind::VarChar(Kind::STRING_LENGTH);
