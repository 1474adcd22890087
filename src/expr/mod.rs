//! Typed expressions over columns.
//!
//! `eval` never fails a batch: failed rows go to [`crate::types::RowErrors`]. CASE, AND, OR, COALESCE and IF evaluate
//! their arms only for the rows that reach them.

mod arithmetic;
mod build;
mod cast;
mod choose;
mod compare;
mod decimal;
mod display;
mod eval;
mod fold;
mod functions;
mod json;
mod like;
mod logic;
mod order;
mod place;
mod scalar;
mod selection;
mod share;
mod text;
mod value;
mod walk;
mod zone;

pub use arithmetic::ArithmeticOp;
pub use build::{common_argument_type, common_type};
pub use cast::{CastMode, Castable, castable, fits_without_cast, implicitly_castable};
pub use choose::LiteralSet;
pub use compare::CompareOp;
pub use decimal::PRECISION_MAX as DECIMAL_PRECISION_MAX;
pub use eval::{EvalEnv, Input};
pub(crate) use functions::Seen;
pub use functions::{
    FUNCTIONS, Function, Stability, function, function_names, json_writable, reference,
};
pub use like::LikePattern;
pub use order::{SortKey, is_sortable, sorted_rows};
pub use place::Place;
pub use scalar::Scalar;
pub use selection::Selection;
pub use share::Shared;
pub use text::TextWriter;
pub use value::spread;

use crate::types::DataType;
#[cfg(test)]
use crate::types::Kind;

/// A bound, typed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it computes.
    pub node: Node,
    /// The type of its value.
    pub data_type: DataType,
    /// Where it is written.
    pub place: Place,
}

/// The kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// The input column at this position.
    Column(usize),
    /// A constant.
    Literal(Scalar),
    /// A comparison of two operands of the same kind.
    Compare {
        /// The operator.
        op: CompareOp,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// All of these.
    And(Vec<Expr>),
    /// Any of these.
    Or(Vec<Expr>),
    /// NOT.
    Not(Box<Expr>),
    /// IS NULL.
    IsNull(Box<Expr>),
    /// IS TRUE or IS FALSE.
    IsTruth {
        /// A BOOLEAN.
        input: Box<Expr>,
        /// Which.
        truth: bool,
    },
    /// Arithmetic: both operands have the kind of the result; decimals have precisions and scales of their own.
    Arithmetic {
        /// The operator.
        op: ArithmeticOp,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// The sign changed.
    Negate(Box<Expr>),
    /// The first branch whose condition is TRUE; every result has the type of the whole.
    Case {
        /// Condition and result.
        branches: Vec<(Expr, Expr)>,
        /// ELSE; NULL where absent.
        otherwise: Option<Box<Expr>>,
    },
    /// The first operand that is not NULL.
    Coalesce(Vec<Expr>),
    /// IN a list of constants of the input's kind.
    InSet {
        /// What is looked for.
        input: Box<Expr>,
        /// The constants.
        set: LiteralSet,
    },
    /// LIKE a constant pattern.
    Like {
        /// A text.
        input: Box<Expr>,
        /// The pattern.
        pattern: LikePattern,
    },
    /// CAST, or TRY_CAST, to the type of the whole.
    Cast {
        /// What is converted.
        input: Box<Expr>,
        /// What becomes of values that do not fit.
        mode: CastMode,
    },
    /// A field of a ROW.
    Field {
        /// The row.
        input: Box<Expr>,
        /// Position of the field.
        index: usize,
    },
    /// A function of [`FUNCTIONS`] with its arguments cast to what it takes.
    Call {
        /// Which.
        function: &'static Function,
        /// The arguments.
        args: Vec<Expr>,
    },
    /// A part that occurs several times in a [`Shared`].
    Shared {
        /// Equal for equal parts.
        slot: usize,
        /// What it computes.
        input: Box<Expr>,
    },
}

#[cfg(test)]
mod tests;
