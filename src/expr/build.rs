//! Making typed expressions: result types, nullability, common types (`LogicalTypeMerging`).

use super::{
    ArithmeticOp, CastMode, CompareOp, Expr, LiteralSet, Node, Place, Scalar, decimal,
    functions::Function,
};
use crate::types::{DataType, Field, Kind};

impl Expr {
    /// An expression.
    pub fn new(node: Node, data_type: DataType) -> Expr {
        Expr { node, data_type, place: Place::default() }
    }

    /// The input column at `position`.
    pub fn column(position: usize, data_type: DataType) -> Expr {
        Expr::new(Node::Column(position), data_type)
    }

    /// A constant.
    pub fn literal(value: Scalar, data_type: DataType) -> Expr {
        Expr::new(Node::Literal(value), data_type)
    }

    /// NULL of a type.
    pub fn null(kind: Kind) -> Expr {
        Expr::literal(Scalar::Null, kind.nullable())
    }

    /// A text constant; its type is CHAR of its length as in Flink, but VARCHAR(0) is not a CHAR(0).
    pub fn text(value: &str) -> Expr {
        let length = u32::try_from(value.encode_utf16().count()).unwrap_or(Kind::STRING_LENGTH);
        let kind = if length == 0 { Kind::VarChar(0) } else { Kind::Char(length) };
        Expr::literal(Scalar::String(value.to_owned()), kind.not_null())
    }

    /// The constant, where this is one.
    pub fn as_literal(&self) -> Option<&Scalar> {
        if let Node::Literal(scalar) = &self.node { Some(scalar) } else { None }
    }

    /// `left op right`; both of the same kind.
    pub fn compare(op: CompareOp, left: Expr, right: Expr) -> Expr {
        let nullable = left.data_type.nullable || right.data_type.nullable;
        let node = Node::Compare { op, left: Box::new(left), right: Box::new(right) };
        Expr::new(node, DataType { kind: Kind::Boolean, nullable })
    }

    /// `left op right` with Flink's result type; `None` where the operands are not numbers.
    pub fn arithmetic(op: ArithmeticOp, left: Expr, right: Expr) -> Option<Expr> {
        let nullable = left.data_type.nullable || right.data_type.nullable;
        let (l, r) = (&left.data_type.kind, &right.data_type.kind);
        if !l.is_numeric() || !r.is_numeric() {
            return None;
        }
        let is_decimal = |kind: &Kind| matches!(kind, Kind::Decimal { .. });
        if (is_decimal(l) || is_decimal(r)) && !is_approximate(l) && !is_approximate(r) {
            let (a, b) = (digits(l)?, digits(r)?);
            let kind = match op {
                ArithmeticOp::Add | ArithmeticOp::Subtract => decimal::sum_type(a, b),
                ArithmeticOp::Multiply => decimal::product_type(a, b),
                ArithmeticOp::Divide => decimal::quotient_type(a, b),
                ArithmeticOp::Remainder => decimal::remainder_type(a, b),
            };
            // Calcite gives the remainder of whole numbers the type of the divisor.
            let whole = op == ArithmeticOp::Remainder && a.1 == 0 && b.1 == 0;
            let result = if whole { r.clone() } else { kind.clone() };
            let (left, right) = (left.into_decimal(a), right.into_decimal(b));
            let node = Node::Arithmetic { op, left: Box::new(left), right: Box::new(right) };
            return Some(Expr::new(node, DataType { kind, nullable }).cast_kind(result));
        }
        let kind = match (is_approximate(l), is_approximate(r)) {
            // Calcite takes FLOAT and DOUBLE for equally precise: the first one stays.
            (true, true) => l.clone(),
            _ => common_kind(l, r)?,
        };
        // The remainder has the type of the divisor.
        let result = if op == ArithmeticOp::Remainder { r.clone() } else { kind.clone() };
        let (left, right) = (left.cast_kind(kind.clone()), right.cast_kind(kind.clone()));
        let node = Node::Arithmetic { op, left: Box::new(left), right: Box::new(right) };
        Some(Expr::new(node, DataType { kind, nullable }).cast_kind(result))
    }

    fn into_decimal(self, (precision, scale): decimal::Digits) -> Expr {
        self.cast_kind(Kind::Decimal { precision, scale })
    }

    /// The sign changed.
    pub fn negative(input: Expr) -> Expr {
        let data_type = input.data_type.clone();
        Expr::new(Node::Negate(Box::new(input)), data_type)
    }

    /// CAST to `kind`; the same expression where it has that kind already. Nullability stays.
    #[must_use]
    pub fn cast_kind(self, kind: Kind) -> Expr {
        if self.data_type.kind == kind {
            return self;
        }
        let nullable = self.data_type.nullable;
        if let Node::Literal(scalar) = &self.node
            && let Some(scalar) = widened(scalar, &self.data_type.kind, &kind)
        {
            return Expr::literal(scalar, DataType { kind, nullable });
        }
        // A cast to DECIMAL can overflow into NULL.
        let narrows = match (&kind, digits(&self.data_type.kind)) {
            (Kind::Decimal { precision, scale }, Some((from, from_scale))) => {
                precision.saturating_sub(*scale) < from.saturating_sub(from_scale)
            }
            (Kind::Decimal { .. }, None) => true,
            _ => false,
        };
        // Nobody wrote this cast: what fails is its operand.
        let place = self.place;
        let node = Node::Cast { input: Box::new(self), mode: CastMode::default() };
        Expr { node, data_type: DataType { kind, nullable: nullable || narrows }, place }
    }

    /// CAST or TRY_CAST as a user writes it.
    pub fn cast(input: Expr, kind: Kind, mode: CastMode) -> Expr {
        let nullable = input.data_type.nullable || mode.gives_null();
        if input.data_type.kind == kind {
            return Expr { data_type: DataType { kind, nullable }, ..input };
        }
        let node = Node::Cast { input: Box::new(input), mode };
        Expr::new(node, DataType { kind, nullable })
    }

    /// All of `exprs`; nested ANDs become one, none is TRUE.
    pub fn and(exprs: Vec<Expr>) -> Expr {
        let mut arms = Vec::with_capacity(exprs.len());
        for expr in exprs {
            match expr.node {
                Node::And(inner) => arms.extend(inner),
                _ => arms.push(expr),
            }
        }
        connected(arms, Node::And, true)
    }

    /// Any of `exprs`; nested ORs become one, none is FALSE.
    pub fn or(exprs: Vec<Expr>) -> Expr {
        let mut arms = Vec::with_capacity(exprs.len());
        for expr in exprs {
            match expr.node {
                Node::Or(inner) => arms.extend(inner),
                _ => arms.push(expr),
            }
        }
        connected(arms, Node::Or, false)
    }

    /// The arms of an AND, or the expression itself.
    pub fn into_conjuncts(self) -> Vec<Expr> {
        match self.node {
            Node::And(arms) => arms,
            _ => vec![self],
        }
    }

    /// NOT `input`.
    pub fn negate(input: Expr) -> Expr {
        let data_type = DataType { kind: Kind::Boolean, nullable: input.data_type.nullable };
        Expr::new(Node::Not(Box::new(input)), data_type)
    }

    /// `input` IS NULL.
    pub fn is_null(input: Expr) -> Expr {
        Expr::new(Node::IsNull(Box::new(input)), Kind::Boolean.not_null())
    }

    /// `input` IS TRUE, or IS FALSE.
    pub fn is_truth(input: Expr, truth: bool) -> Expr {
        let node = Node::IsTruth { input: Box::new(input), truth };
        Expr::new(node, Kind::Boolean.not_null())
    }

    /// CASE; the results have the kind `kind` already.
    pub fn case(branches: Vec<(Expr, Expr)>, otherwise: Option<Expr>, kind: Kind) -> Expr {
        let nullable = otherwise.as_ref().is_none_or(|expr| expr.data_type.nullable)
            || branches.iter().any(|(_, then)| then.data_type.nullable);
        let node = Node::Case { branches, otherwise: otherwise.map(Box::new) };
        Expr::new(node, DataType { kind, nullable })
    }

    /// COALESCE; the operands have the kind `kind` already.
    pub fn coalesce(operands: Vec<Expr>, kind: Kind) -> Expr {
        let nullable = operands.iter().all(|operand| operand.data_type.nullable);
        Expr::new(Node::Coalesce(operands), DataType { kind, nullable })
    }

    /// `input IN set`.
    pub fn in_set(input: Expr, set: LiteralSet) -> Expr {
        let nullable = input.data_type.nullable || set.values().contains(&Scalar::Null);
        let node = Node::InSet { input: Box::new(input), set };
        Expr::new(node, DataType { kind: Kind::Boolean, nullable })
    }

    /// A field of a ROW.
    pub fn field(input: Expr, index: usize, field: &Field) -> Expr {
        let nullable = input.data_type.nullable || field.data_type.nullable;
        let data_type = field.data_type.clone().with_nullable(nullable);
        Expr::new(Node::Field { input: Box::new(input), index }, data_type)
    }

    /// A call; `None` where the function does not take such arguments.
    pub fn call(function: &'static Function, args: Vec<Expr>) -> Option<Expr> {
        let signature = function.signature(&args)?;
        let args = args.into_iter().zip(signature.args);
        let args = args.map(|(arg, kind)| arg.cast_kind(kind)).collect();
        Some(Expr::new(Node::Call { function, args }, signature.returns))
    }
}

fn connected(mut arms: Vec<Expr>, node: fn(Vec<Expr>) -> Node, empty: bool) -> Expr {
    match arms.len() {
        0 => Expr::literal(Scalar::Boolean(empty), Kind::Boolean.not_null()),
        1 => arms.remove(0),
        _ => {
            let nullable = arms.iter().any(|arm| arm.data_type.nullable);
            Expr::new(node(arms), DataType { kind: Kind::Boolean, nullable })
        }
    }
}

fn is_approximate(kind: &Kind) -> bool {
    matches!(kind, Kind::Float | Kind::Double)
}

/// Precision and scale of an exact number.
pub(crate) fn digits(kind: &Kind) -> Option<decimal::Digits> {
    Some(match kind {
        Kind::TinyInt => (3, 0),
        Kind::SmallInt => (5, 0),
        Kind::Int => (10, 0),
        Kind::BigInt => (19, 0),
        Kind::Decimal { precision, scale } => (*precision, *scale),
        _ => return None,
    })
}

/// The constant in a wider type of its family, where nothing can go wrong.
fn widened(scalar: &Scalar, from: &Kind, to: &Kind) -> Option<Scalar> {
    match (scalar, from, to) {
        (Scalar::Null, ..) => Some(Scalar::Null),
        (Scalar::Integer(value), _, Kind::Int) => {
            i32::try_from(*value).ok().map(|_| scalar.clone())
        }
        (Scalar::Integer(value), _, Kind::SmallInt) => {
            i16::try_from(*value).ok().map(|_| scalar.clone())
        }
        (Scalar::Integer(value), _, Kind::TinyInt) => {
            i8::try_from(*value).ok().map(|_| scalar.clone())
        }
        (Scalar::Integer(_), _, Kind::BigInt) => Some(scalar.clone()),
        (Scalar::Integer(value), _, Kind::Double) => Some(Scalar::Double(*value as f64)),
        (Scalar::Integer(value), _, Kind::Decimal { precision, scale }) => {
            decimal::rescale(i128::from(*value), 0, (*precision, *scale)).map(Scalar::Decimal)
        }
        (
            Scalar::Decimal(value),
            Kind::Decimal { scale: s, .. },
            Kind::Decimal { precision, scale },
        ) if scale >= s => decimal::rescale(*value, *s, (*precision, *scale)).map(Scalar::Decimal),
        (Scalar::Decimal(value), Kind::Decimal { precision, scale }, Kind::Double) => {
            Some(Scalar::Double(super::cast::to_double(*value, *precision, *scale)))
        }
        (
            Scalar::String(_),
            Kind::Char(_) | Kind::VarChar(_),
            Kind::VarChar(Kind::STRING_LENGTH),
        ) => Some(scalar.clone()),
        (Scalar::String(_), Kind::Char(a) | Kind::VarChar(a), Kind::VarChar(b)) if a <= b => {
            Some(scalar.clone())
        }
        (Scalar::Timestamp(_), Kind::Timestamp(a), Kind::Timestamp(b))
        | (Scalar::Timestamp(_), Kind::TimestampLtz(a), Kind::TimestampLtz(b))
            if a <= b =>
        {
            Some(scalar.clone())
        }
        _ => None,
    }
}

/// The type that all of `types` can take on (`LogicalTypeMerging.findCommonType`); `None` where there is none.
pub fn common_type<'a>(types: impl IntoIterator<Item = &'a DataType>) -> Option<DataType> {
    let mut common: Option<DataType> = None;
    for data_type in types {
        common = Some(match common {
            None => data_type.clone(),
            Some(before) => {
                let nullable = before.nullable || data_type.nullable;
                DataType { kind: common_kind(&before.kind, &data_type.kind)?, nullable }
            }
        });
    }
    common
}

/// As [`common_type`], but for the arguments of functions, where a DECIMAL beside a FLOAT makes a FLOAT.
pub fn common_argument_type<'a>(
    types: impl IntoIterator<Item = &'a DataType> + Clone,
) -> Option<DataType> {
    let mut common = common_type(types.clone())?;
    // FLOAT and a DECIMAL behind it are DOUBLE; FLOAT behind a DECIMAL stays FLOAT.
    let mut has_float = false;
    let mut widens = |t: &DataType| {
        has_float |= t.kind == Kind::Float;
        t.kind == Kind::Double || (has_float && matches!(t.kind, Kind::Decimal { .. }))
    };
    if common.kind == Kind::Double && !types.into_iter().any(&mut widens) {
        common.kind = Kind::Float;
    }
    Some(common)
}

/// The kind that both can take on.
pub(crate) fn common_kind(a: &Kind, b: &Kind) -> Option<Kind> {
    if a == b {
        return Some(a.clone());
    }
    let child = |a: &DataType, b: &DataType| common_type([a, b]).map(Box::new);
    Some(match (a, b) {
        (Kind::Null, other) | (other, Kind::Null) => other.clone(),
        (Kind::Char(m), Kind::Char(n)) => Kind::VarChar(*m.max(n)),
        (Kind::Char(m) | Kind::VarChar(m), Kind::Char(n) | Kind::VarChar(n)) => {
            Kind::VarChar(*m.max(n))
        }
        (Kind::Binary(m) | Kind::VarBinary(m), Kind::Binary(n) | Kind::VarBinary(n)) => {
            Kind::VarBinary(*m.max(n))
        }
        _ if a.is_numeric() && b.is_numeric() => common_number(a, b)?,
        (Kind::Time(m), Kind::Time(n)) => Kind::Time(*m.max(n)),
        (Kind::Timestamp(m), Kind::Timestamp(n)) => Kind::Timestamp(*m.max(n)),
        (Kind::TimestampLtz(m), Kind::TimestampLtz(n))
        | (Kind::TimestampLtz(m), Kind::Timestamp(n))
        | (Kind::Timestamp(m), Kind::TimestampLtz(n)) => Kind::TimestampLtz(*m.max(n)),
        (Kind::Timestamp(n), Kind::Date) | (Kind::Date, Kind::Timestamp(n)) => Kind::Timestamp(*n),
        (Kind::Array(x), Kind::Array(y)) => Kind::Array(child(x, y)?),
        (Kind::Multiset(x), Kind::Multiset(y)) => Kind::Multiset(child(x, y)?),
        (Kind::Map(k1, v1), Kind::Map(k2, v2)) => Kind::Map(child(k1, k2)?, child(v1, v2)?),
        (Kind::Row(x), Kind::Row(y)) if x.len() == y.len() => {
            let fields = x.iter().zip(y).map(|(x, y)| {
                let data_type = common_type([&x.data_type, &y.data_type])?;
                Some(Field::new(x.name.clone(), data_type))
            });
            Kind::Row(fields.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

fn common_number(a: &Kind, b: &Kind) -> Option<Kind> {
    let rank = |kind: &Kind| match kind {
        Kind::TinyInt => 1,
        Kind::SmallInt => 2,
        Kind::Int => 3,
        _ => 4,
    };
    let is_decimal = |kind: &Kind| matches!(kind, Kind::Decimal { .. });
    Some(match (is_approximate(a), is_approximate(b)) {
        (true, true) => Kind::Double,
        (true, false) => {
            if is_decimal(b) {
                Kind::Double
            } else {
                a.clone()
            }
        }
        (false, true) => {
            if is_decimal(a) {
                Kind::Double
            } else {
                b.clone()
            }
        }
        (false, false) if is_decimal(a) || is_decimal(b) => {
            decimal::common_type(digits(a)?, digits(b)?)
        }
        (false, false) => {
            if rank(a) >= rank(b) {
                a.clone()
            } else {
                b.clone()
            }
        }
    })
}
