//! The length enforcer before a sink (`table.exec.sink.type-length-enforcer`).

use super::Operator;
use crate::base::Result;
use crate::expr::{CastMode, EvalEnv, Expr, Input, Selection};
use crate::types::{Batch, Column, Kind, RowErrors};
use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;

/// A column whose type bounds its length.
#[derive(Clone, Debug)]
pub struct BoundedColumn {
    /// Position.
    pub at: usize,
    /// Name, for messages.
    pub name: String,
    /// CHAR, VARCHAR, BINARY or VARBINARY.
    pub kind: Kind,
}

/// Trims and pads values to the length of their type, or fails rows that do not have it.
#[derive(Debug)]
pub struct TypeLength {
    columns: Vec<BoundedColumn>,
    fails: bool,
    env: EvalEnv,
}

impl TypeLength {
    /// With `fails`, rows fail instead of being trimmed and padded.
    pub fn new(columns: Vec<BoundedColumn>, fails: bool, env: EvalEnv) -> TypeLength {
        TypeLength { columns, fails, env }
    }
}

impl BoundedColumn {
    fn check(&self, column: &Column, errors: &mut RowErrors) {
        let (limit, exact) = match self.kind {
            Kind::Char(n) | Kind::Binary(n) => (n, true),
            Kind::VarChar(n) | Kind::VarBinary(n) => (n, false),
            _ => return,
        };
        let limit = limit as usize;
        let wrong = |length: usize| if exact { length != limit } else { length > limit };
        let what = if self.kind.is_string() { "string" } else { "binary" };
        for row in (0..column.len()).filter(|row| column.is_valid(*row)) {
            let length = match self.kind.is_string() {
                true => column.as_string_view().value(row).chars().count(),
                false => column.as_binary_view().value(row).len(),
            };
            if wrong(length) {
                errors.push(row, || {
                    format!(
                        "column '{}' is {}, however, a {what} of length {length} is being written into it; set \
                         'table.exec.sink.type-length-enforcer' = 'trim_pad' to trim or pad such values",
                        self.name, self.kind
                    )
                });
            }
        }
    }

    /// The cast of an unbounded value to the column's type.
    fn fitted(&self) -> Expr {
        let unbounded = match self.kind.is_string() {
            true => Kind::VarChar(Kind::STRING_LENGTH),
            false => Kind::VarBinary(Kind::STRING_LENGTH),
        };
        Expr::cast(
            Expr::column(self.at, unbounded.nullable()),
            self.kind.clone(),
            CastMode::default(),
        )
    }
}

impl Operator for TypeLength {
    fn batch(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<Batch> {
        let mut out = batch.clone();
        for bounded in &self.columns {
            if self.fails {
                if let Some(column) = batch.columns.get(bounded.at) {
                    bounded.check(column, errors);
                }
                continue;
            }
            let input = Input { columns: &batch.columns, rows: batch.rows };
            let all = Selection::All(batch.rows);
            let fitted = bounded.fitted().eval(input, &all, errors, &self.env);
            if let Some(column) = out.columns.get_mut(bounded.at) {
                *column = fitted;
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::StringViewArray;
    use std::sync::Arc;

    #[test]
    fn values_are_trimmed_and_padded_or_refused() {
        let values: Column = Arc::new(StringViewArray::from(vec![Some("äbcd"), Some("x"), None]));
        let batch = Batch::append(3, vec![values]);
        let env = EvalEnv { time_zone: chrono_tz::UTC, now_micros: 0 };
        for (kind, fitted, failing) in [
            (Kind::Char(2), vec![Some("äb"), Some("x "), None], vec![0, 1]),
            (Kind::VarChar(3), vec![Some("äbc"), Some("x"), None], vec![0]),
        ] {
            let columns = vec![BoundedColumn { at: 0, name: "c".to_owned(), kind }];
            let mut errors = RowErrors::new();
            let trimmed = TypeLength::new(columns.clone(), false, env).batch(&batch, &mut errors);
            let trimmed = trimmed.unwrap().columns[0].as_string_view().clone();
            assert_eq!((trimmed, errors.is_empty()), (StringViewArray::from(fitted), true));
            TypeLength::new(columns, true, env).batch(&batch, &mut errors).unwrap();
            assert_eq!(errors.rows(), failing);
        }
    }
}
