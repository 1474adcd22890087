//! CAST and TRY_CAST, with Flink's rules (`org.apache.flink.table.planner.functions.casting`).

mod nested;
mod number;
mod rules;
mod string;
mod time;

pub(crate) use number::to_double;
pub use rules::{Castable, castable, fits_without_cast, implicitly_castable};
pub(crate) use string::first_chars;

use super::Selection;
use crate::types::{Column, DataType, Kind, RowErrors};
use arrow_array::cast::AsArray;
use arrow_array::types::Decimal128Type;
use chrono_tz::Tz;
use std::sync::Arc;

/// What a cast does with values that do not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CastMode {
    /// TRY_CAST: NULL instead of an error.
    pub is_try: bool,
    /// `table.exec.legacy-cast-behaviour`: NULL, texts and bytes as long as they are, and texts of rows and NULLs as before
    /// Flink 1.15 (`isLegacyBehaviour` of the rules).
    pub legacy: bool,
}

impl CastMode {
    /// TRY_CAST.
    pub const TRY: CastMode = CastMode { is_try: true, legacy: false };

    /// Whether what cannot be cast is NULL.
    pub fn gives_null(self) -> bool {
        self.is_try || self.legacy
    }

    /// How it is written.
    pub fn name(self) -> &'static str {
        if self.is_try { "TRY_CAST" } else { "CAST" }
    }
}

/// A cast under way.
pub(crate) struct Cast<'a> {
    pub(crate) from: &'a DataType,
    pub(crate) to: &'a DataType,
    pub(crate) zone: Tz,
    /// [`CastMode::legacy`].
    pub(crate) legacy: bool,
    pub(crate) selection: &'a Selection,
}

impl Cast<'_> {
    /// Casts a column. Rows that cannot be cast go to `errors` and become NULL.
    pub(crate) fn apply(&self, column: &Column, errors: &mut RowErrors) -> Column {
        if self.from.kind == self.to.kind {
            return Arc::clone(column);
        }
        let (from, to) = (&self.from.kind, &self.to.kind);
        match (from, to) {
            (Kind::Null, _) => arrow_array::new_null_array(&self.to.physical(), column.len()),
            (Kind::Char(_) | Kind::VarChar(_), Kind::Char(_) | Kind::VarChar(_)) => {
                string::fit_text(self, column, errors)
            }
            (_, Kind::Row(_) | Kind::Structured(..)) if from.is_nested() => {
                nested::cast(self, column, errors)
            }
            (Kind::Array(_), Kind::Array(_))
            | (Kind::Map(..), Kind::Map(..))
            | (Kind::Multiset(_), Kind::Multiset(_)) => nested::cast(self, column, errors),
            (_, Kind::Char(_) | Kind::VarChar(_)) => string::to_text(self, column, errors),
            (Kind::Char(_) | Kind::VarChar(_), Kind::Binary(_) | Kind::VarBinary(_)) => {
                string::text_to_bytes(self, column, errors)
            }
            (Kind::Binary(_) | Kind::VarBinary(_), Kind::Binary(_) | Kind::VarBinary(_)) => {
                string::fit_bytes(self, column, errors)
            }
            (Kind::Char(_) | Kind::VarChar(_), _) => string::parse(self, column, errors),
            _ if to.is_numeric() || *to == Kind::Boolean => number::cast(self, column, errors),
            (_, Kind::IntervalMillis | Kind::IntervalMonths) => number::cast(self, column, errors),
            _ => time::cast(self, column),
        }
    }
}

/// A decimal column with the type's precision and scale written on it.
pub(crate) fn as_decimal(
    array: arrow_array::PrimitiveArray<Decimal128Type>,
    data_type: &DataType,
) -> Column {
    Arc::new(array.with_data_type(data_type.physical()))
}

/// Access to a decimal column.
pub(crate) fn decimals(column: &Column) -> &arrow_array::PrimitiveArray<Decimal128Type> {
    column.as_primitive::<Decimal128Type>()
}

/// A time of the day with the digits of its type.
pub(crate) fn cut_time(millis: i32, data_type: &DataType) -> i32 {
    let unit = match data_type.kind {
        Kind::Time(0) => 1_000,
        Kind::Time(1) => 100,
        Kind::Time(2) => 10,
        _ => 1,
    };
    millis - millis.rem_euclid(unit)
}
