//! Expressions as EXPLAIN prints them; columns are `$n`.

use super::{Expr, Node, Scalar};
use crate::types::java_text::{
    Fraction, Moment, date_to_string, decimal_to_plain, double_to_string, time_to_string,
    timestamp_to_string,
};
use crate::types::{DataType, Kind};
use std::fmt;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown { expr: self, names: &|position| format!("${position}") }.fmt(f)
    }
}

impl Expr {
    /// The text with columns under their names.
    pub fn display_with(&self, names: &dyn Fn(usize) -> String) -> String {
        Shown { expr: self, names }.to_string()
    }
}

struct Shown<'a> {
    expr: &'a Expr,
    names: &'a dyn Fn(usize) -> String,
}

impl Shown<'_> {
    fn child<'b>(&'b self, expr: &'b Expr) -> Shown<'b> {
        Shown { expr, names: self.names }
    }

    fn list(&self, f: &mut fmt::Formatter<'_>, exprs: &[Expr], separator: &str) -> fmt::Result {
        for (at, expr) in exprs.iter().enumerate() {
            let separator = if at > 0 { separator } else { "" };
            write!(f, "{separator}{}", self.child(expr))?;
        }
        Ok(())
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expr.node {
            Node::Column(position) => f.write_str(&(self.names)(*position)),
            Node::Literal(scalar) => write_scalar(f, scalar, &self.expr.data_type),
            Node::Compare { op, left, right } => {
                write!(f, "({} {op} {})", self.child(left), self.child(right))
            }
            Node::Arithmetic { op, left, right } => {
                write!(f, "({} {op} {})", self.child(left), self.child(right))
            }
            Node::And(exprs) | Node::Or(exprs) => {
                let and = matches!(self.expr.node, Node::And(_));
                f.write_str("(")?;
                self.list(f, exprs, if and { " AND " } else { " OR " })?;
                f.write_str(")")
            }
            Node::Not(input) => match &input.node {
                Node::IsNull(inner) => write!(f, "{} IS NOT NULL", self.child(inner)),
                _ => write!(f, "NOT({})", self.child(input)),
            },
            Node::Shared { input, .. } => self.child(input).fmt(f),
            Node::Negate(input) => write!(f, "-({})", self.child(input)),
            Node::IsNull(input) => write!(f, "{} IS NULL", self.child(input)),
            Node::IsTruth { input, truth } => {
                write!(f, "{} IS {}", self.child(input), if *truth { "TRUE" } else { "FALSE" })
            }
            Node::InSet { input, set } => {
                write!(f, "{} IN (", self.child(input))?;
                for (at, value) in set.values().iter().enumerate() {
                    f.write_str(if at > 0 { ", " } else { "" })?;
                    write_scalar(f, value, &input.data_type)?;
                }
                f.write_str(")")
            }
            Node::Like { input, pattern } => {
                write!(f, "{} LIKE ", self.child(input))?;
                quoted(f, pattern.text())
            }
            Node::Cast { input, mode } => {
                let name = mode.name();
                write!(f, "{name}({} AS {})", self.child(input), self.expr.data_type.kind)
            }
            Node::Field { input, index } => {
                match input.data_type.kind.fields().and_then(|fields| fields.get(*index)) {
                    Some(field) => write!(f, "{}.{}", self.child(input), field.name),
                    None => write!(f, "{}.{index}", self.child(input)),
                }
            }
            Node::Coalesce(exprs) => {
                f.write_str("COALESCE(")?;
                self.list(f, exprs, ", ")?;
                f.write_str(")")
            }
            Node::Call { function, args } => {
                write!(f, "{}(", function.name)?;
                self.list(f, args, ", ")?;
                f.write_str(")")
            }
            Node::Case { branches, otherwise } => {
                f.write_str("CASE")?;
                for (when, then) in branches {
                    write!(f, " WHEN {} THEN {}", self.child(when), self.child(then))?;
                }
                if let Some(otherwise) = otherwise {
                    write!(f, " ELSE {}", self.child(otherwise))?;
                }
                f.write_str(" END")
            }
        }
    }
}

fn write_scalar(f: &mut fmt::Formatter<'_>, scalar: &Scalar, data_type: &DataType) -> fmt::Result {
    match scalar {
        Scalar::Null => f.write_str("NULL"),
        Scalar::Boolean(value) => f.write_str(if *value { "TRUE" } else { "FALSE" }),
        Scalar::Integer(value) => write!(f, "{value}"),
        Scalar::Double(value) => f.write_str(&double_to_string(*value)),
        Scalar::Decimal(value) => {
            let scale = if let Kind::Decimal { scale, .. } = data_type.kind { scale } else { 0 };
            f.write_str(&decimal_to_plain(*value, i32::from(scale)))
        }
        Scalar::String(text) => quoted(f, text),
        Scalar::Bytes(bytes) => {
            f.write_str("X'")?;
            bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}"))?;
            f.write_str("'")
        }
        Scalar::Date(days) => write!(f, "DATE '{}'", date_to_string(*days)),
        Scalar::Time(millis) => {
            write!(f, "TIME '{}'", time_to_string(*millis, Fraction::Trimmed))
        }
        Scalar::Timestamp(nanos) => {
            let text = timestamp_to_string(Moment::from_nanos(*nanos), 0);
            let zone = if matches!(data_type.kind, Kind::TimestampLtz(_)) { " UTC" } else { "" };
            write!(f, "TIMESTAMP '{text}{zone}'")
        }
        Scalar::Months(months) => write!(f, "INTERVAL '{months}' MONTH"),
        Scalar::Millis(millis) => {
            let sign = if *millis < 0 { "-" } else { "" };
            let millis = millis.unsigned_abs();
            if millis % 1_000 == 0 {
                write!(f, "INTERVAL '{sign}{}' SECOND", millis / 1_000)
            } else {
                write!(f, "INTERVAL '{sign}{}.{:03}' SECOND", millis / 1_000, millis % 1_000)
            }
        }
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "'{}'", text.replace('\'', "''"))
}
