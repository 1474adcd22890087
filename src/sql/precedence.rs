//! How tightly operators bind: one table for parser and printer.
//!
//! The order is that of Calcite's `SqlStdOperatorTable`: `||` binds like `*`, and IS binds looser
//! than comparison (`a = b IS TRUE` is `(a = b) IS TRUE`).

use super::ast::BinaryOp;

/// Binding power; a higher one binds tighter.
pub(super) type Power = u8;

pub(super) const LOWEST: Power = 0;
pub(super) const OR: Power = 1;
pub(super) const AND: Power = 2;
pub(super) const NOT: Power = 3;
pub(super) const IS: Power = 4;
pub(super) const COMPARISON: Power = 5;
/// BETWEEN, IN, LIKE.
pub(super) const RANGE: Power = 6;
pub(super) const SUM: Power = 7;
pub(super) const PRODUCT: Power = 8;
pub(super) const SIGN: Power = 9;
/// `x[i]`, `x.f`, and whatever needs no parentheses at all.
pub(super) const POSTFIX: Power = 10;

/// The power of an infix operator; all associate to the left.
pub(super) const fn power(op: BinaryOp) -> Power {
    match op {
        BinaryOp::Or => OR,
        BinaryOp::And => AND,
        BinaryOp::Eq
        | BinaryOp::NotEq
        | BinaryOp::Lt
        | BinaryOp::LtEq
        | BinaryOp::Gt
        | BinaryOp::GtEq
        | BinaryOp::MemberOf
        | BinaryOp::SubmultisetOf => COMPARISON,
        BinaryOp::Plus | BinaryOp::Minus => SUM,
        BinaryOp::Multiply
        | BinaryOp::Divide
        | BinaryOp::Modulo
        | BinaryOp::Concat
        | BinaryOp::MultisetUnion
        | BinaryOp::MultisetUnionAll
        | BinaryOp::MultisetExcept
        | BinaryOp::MultisetExceptAll
        | BinaryOp::MultisetIntersect
        | BinaryOp::MultisetIntersectAll => PRODUCT,
    }
}
