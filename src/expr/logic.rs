//! AND, OR, NOT, IS NULL and the other truth tests, three-valued.

use super::eval::Eval;
use super::value::Value;
use super::{Expr, Scalar, Selection};
use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};

/// Rows known to be TRUE and rows known to be FALSE; the others are UNKNOWN.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    pub(crate) is_true: BooleanBuffer,
    pub(crate) is_false: BooleanBuffer,
}

impl Truth {
    pub(crate) fn of(value: &Value<'_>, rows: usize) -> Truth {
        match value {
            Value::Array(column) => {
                let column = column.as_boolean();
                let values = column.values();
                match column.nulls() {
                    None => Truth { is_true: values.clone(), is_false: !values },
                    Some(nulls) => Truth {
                        is_true: values & nulls.inner(),
                        is_false: &!values & nulls.inner(),
                    },
                }
            }
            Value::Scalar(scalar) => {
                let bits = |set| match set {
                    true => BooleanBuffer::new_set(rows),
                    false => BooleanBuffer::new_unset(rows),
                };
                Truth {
                    is_true: bits(**scalar == Scalar::Boolean(true)),
                    is_false: bits(**scalar == Scalar::Boolean(false)),
                }
            }
        }
    }

    pub(crate) fn into_array(self) -> BooleanArray {
        let known = &self.is_true | &self.is_false;
        let nulls = Some(NullBuffer::new(known)).filter(|nulls| nulls.null_count() > 0);
        BooleanArray::new(self.is_true, nulls)
    }

    fn negated(self) -> Truth {
        Truth { is_true: self.is_false, is_false: self.is_true }
    }
}

/// `AND` of `exprs` where `conjunction`, else `OR`. An arm is evaluated only for the rows that the arms before it
/// leave undecided.
pub(crate) fn connect(
    conjunction: bool,
    exprs: &[Expr],
    selection: &Selection,
    eval: &mut Eval<'_>,
) -> BooleanArray {
    let mut total: Option<Truth> = None;
    let mut open = selection.clone();
    for expr in exprs {
        let value = eval.value(expr, &open);
        let arm = Truth::of(&value, eval.rows);
        let arm = if conjunction { arm } else { arm.negated() };
        let joined = match total {
            None => arm,
            // A row that an earlier arm decided holds anything in this one, so FALSE wins whatever it holds.
            Some(before) => Truth {
                is_true: &before.is_true & &arm.is_true,
                is_false: &before.is_false | &arm.is_false,
            },
        };
        open = open.masked(&!&joined.is_false);
        total = Some(joined);
        if open.is_empty() {
            break;
        }
    }
    let all_true = || Truth {
        is_true: BooleanBuffer::new_set(eval.rows),
        is_false: BooleanBuffer::new_unset(eval.rows),
    };
    let total = total.unwrap_or_else(all_true);
    if conjunction { total.into_array() } else { total.negated().into_array() }
}

/// NOT.
pub(crate) fn not(value: &Value<'_>, rows: usize) -> BooleanArray {
    Truth::of(value, rows).negated().into_array()
}

/// IS NULL.
pub(crate) fn is_null(value: &Value<'_>, rows: usize) -> BooleanArray {
    let bits = match value {
        Value::Scalar(Scalar::Null) => BooleanBuffer::new_set(rows),
        Value::Scalar(_) => BooleanBuffer::new_unset(rows),
        // The null column has no bitmap of its own.
        Value::Array(column) => match column.logical_nulls() {
            Some(nulls) => !nulls.inner(),
            None => BooleanBuffer::new_unset(rows),
        },
    };
    BooleanArray::new(bits, None)
}

/// IS TRUE, or IS FALSE.
pub(crate) fn is_truth(value: &Value<'_>, wanted: bool, rows: usize) -> BooleanArray {
    let truth = Truth::of(value, rows);
    BooleanArray::new(if wanted { truth.is_true } else { truth.is_false }, None)
}
