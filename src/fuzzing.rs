//! Entry points of the fuzz targets and of the replay of their corpus.
//!
//! Each takes any bytes and may only return; a panic is a finding.

use crate::connectors::kafka::transaction::record::ProgressRecord;
use crate::expr::{EvalEnv, Expr, Input, Scalar, Selection, Stability, spread};
use crate::sql::binder::Binder;
use crate::sql::{ToSql, is_complete, parse_expression, parse_script, parse_statement};
use crate::table::{Catalog, TableDef, TableName};
use crate::types::{Column, Field, Kind, RowErrors, Schema};
use arrow_array::{Array as _, new_null_array};
use arrow_select::concat::concat;
use std::sync::Arc;

/// A script: parsing never fails otherwise than with an error inside the text, and what was parsed
/// prints to text that parses to the same.
///
/// # Panics
/// When it does not.
pub fn sql_parse(data: &[u8]) {
    let source = String::from_utf8_lossy(data);
    std::hint::black_box(is_complete(&source));
    for parsed in parse_script(&source) {
        assert!(source.get(parsed.span.start as usize..parsed.span.end as usize).is_some());
        match parsed.result {
            Err(error) => {
                let range = error.span.start as usize..error.span.end as usize;
                assert!(source.get(range).is_some(), "{error:?} points outside of the text");
            }
            Ok(statement) => {
                let printed = statement.to_sql();
                let again = parse_statement(&printed);
                let same = again.as_ref().is_ok_and(|again| shape(again) == shape(&statement));
                assert!(same, "{statement:?}\nis printed as\n{printed}\nwhich is\n{again:?}");
            }
        }
    }
}

/// The progress record of an exactly-once job: what can be read is written and read to the same.
///
/// # Panics
/// When it is not.
pub fn progress_record(data: &[u8]) {
    let Ok(record) = ProgressRecord::decode(data) else { return };
    let written = record.encode();
    assert_eq!(ProgressRecord::decode(written.as_bytes()), Ok(record), "written as {written}");
}

/// An expression over a few columns: what binds evaluates, over rows with and without NULL, to a column of its length;
/// and a folded expression says the same as the one that was written.
///
/// # Panics
/// When it does not.
pub fn expression(data: &[u8]) {
    let source = String::from_utf8_lossy(data);
    let Ok(parsed) = parse_expression(&source) else { return };
    let given = [
        ("i", Kind::Int, Scalar::Integer(7)),
        ("l", Kind::BigInt, Scalar::Integer(1 << 40)),
        ("s", Kind::VarChar(Kind::STRING_LENGTH), Scalar::String("12 ä".to_owned())),
        ("d", Kind::Double, Scalar::Double(-1.5)),
        ("e", Kind::Decimal { precision: 10, scale: 2 }, Scalar::Decimal(12_345)),
        ("b", Kind::Boolean, Scalar::Boolean(true)),
        ("t", Kind::Timestamp(3), Scalar::Timestamp(1_577_934_245_678_000_000)),
        ("dt", Kind::Date, Scalar::Date(18_262)),
        ("a", Kind::Array(Box::new(Kind::Int.nullable())), Scalar::Null),
    ];
    let fields = given.iter().map(|(name, kind, _)| Field::new(*name, kind.clone().nullable()));
    let schema = Schema::new(fields.collect());
    let binder = Binder::new(&NoTables);
    let Ok(bound) = binder.expression(&parsed, &schema) else { return };
    let rows = 3;
    let column = |(field, (_, _, value)): (&Field, &(&str, Kind, Scalar))| -> Column {
        let nulls = new_null_array(&field.data_type.physical(), 1);
        let values = spread(value, &field.data_type, rows - 1);
        concat(&[values.as_ref(), nulls.as_ref()]).unwrap_or(nulls)
    };
    let columns: Vec<Column> = schema.fields.iter().zip(&given).map(column).collect();
    let env = EvalEnv { time_zone: chrono_tz::Europe::Berlin, now_micros: 1_600_000_000_000_000 };
    let input = Input { columns: &columns, rows };
    let eval = |expr: &Expr| {
        let mut errors = RowErrors::new();
        let column = expr.eval(input, &Selection::All(rows), &mut errors, &env);
        assert_eq!((column.len(), column.data_type()), (rows, &expr.data_type.physical()));
        (column, errors)
    };
    let (plain, plain_errors) = eval(&bound);
    let (folded, folded_errors) = eval(&bound.clone().folded(env.time_zone));
    if bound.stability() == Stability::Immutable && plain_errors.is_empty() {
        assert!(folded_errors.is_empty(), "{source}: fails only when folded");
        assert_eq!(plain.null_count(), folded.null_count(), "{source}: folded to something else");
    }
}

/// No table: the expressions of [`expression`] read columns only.
#[derive(Debug)]
struct NoTables;

impl Catalog for NoTables {
    fn resolve(&self, parts: &[String]) -> TableName {
        let table = parts.last().cloned().unwrap_or_default();
        TableName { catalog: String::new(), database: String::new(), table }
    }

    fn table(&self, _name: &TableName) -> Option<Arc<TableDef>> {
        None
    }

    fn table_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The debug text of a syntax tree without its positions, which are `@1..5`.
pub(crate) fn shape(node: &impl std::fmt::Debug) -> String {
    let text = format!("{node:?}");
    let mut parts = text.split('@');
    let mut shape = parts.next().unwrap_or("").to_owned();
    for part in parts {
        shape.push('@');
        shape.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.'));
    }
    shape
}
