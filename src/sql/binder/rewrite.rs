//! Plan rules: constants folded, unused columns dropped, conditions given to the scan. The one for neighbours is `merge`.

use super::merge::merge;
use super::query::as_column;
use super::unnest;
use crate::base::Span;
use crate::expr::{Expr, Scalar, Stability};
use crate::plan::Rel;
use crate::table::TableDef;
use crate::types::Schema;
use std::sync::Arc;

/// Applies all rules, top down. Constants are folded where the session's time zone is known.
pub(super) fn optimise(rel: Rel, time_zone: Option<chrono_tz::Tz>) -> Rel {
    let rel = merge(rel);
    prune(match time_zone {
        Some(zone) => fold(rel, zone),
        None => rel,
    })
}

/// The rules again, for a relation that another rule put together.
pub(super) fn optimise_input(rel: Rel) -> Rel {
    prune(merge(rel))
}

fn fold(rel: Rel, zone: chrono_tz::Tz) -> Rel {
    match rel {
        Rel::Filter { input, condition } => {
            let input = Box::new(fold(*input, zone));
            let condition = condition.folded(zone);
            if condition.as_literal() == Some(&Scalar::Boolean(true)) {
                return *input;
            }
            Rel::Filter { input, condition }
        }
        Rel::Project { input, expressions, schema } => {
            let input = Box::new(fold(*input, zone));
            let expressions = expressions.into_iter().map(|expr| expr.folded(zone)).collect();
            Rel::Project { input, expressions, schema }
        }
        Rel::Unnest { input, collection, outer, ordinality, elements } => {
            let (input, collection) = (Box::new(fold(*input, zone)), collection.folded(zone));
            let outer = outer.map(|condition| condition.folded(zone));
            Rel::Unnest { input, collection, outer, ordinality, elements }
        }
        other => on_inputs(other, &|input| fold(input, zone)),
    }
}

/// The relation with all its expressions as if they were written at `span`: the text that they are from is another one.
pub(super) fn written_at(rel: Rel, span: Span) -> Rel {
    let moved = |expr: Expr| expr.without_places().written_at(span);
    match on_inputs(rel, &|input| written_at(input, span)) {
        Rel::Scan { table, columns, predicate } => {
            Rel::Scan { table: Arc::new(table.used_at(span)), columns, predicate }
        }
        Rel::Filter { input, condition } => Rel::Filter { input, condition: moved(condition) },
        Rel::Project { input, expressions, schema } => {
            let expressions = expressions.into_iter().map(moved).collect();
            Rel::Project { input, expressions, schema }
        }
        Rel::Unnest { input, collection, outer, ordinality, elements } => {
            let (collection, outer) = (moved(collection), outer.map(moved));
            Rel::Unnest { input, collection, outer, ordinality, elements }
        }
        other => other,
    }
}

/// The relation with its inputs changed.
pub(super) fn on_inputs(rel: Rel, change: &dyn Fn(Rel) -> Rel) -> Rel {
    let boxed = |input: Box<Rel>| Box::new(change(*input));
    match rel {
        scan @ Rel::Scan { .. } => scan,
        Rel::Filter { input, condition } => Rel::Filter { input: boxed(input), condition },
        Rel::Project { input, expressions, schema } => {
            Rel::Project { input: boxed(input), expressions, schema }
        }
        Rel::Limit { input, rows, offset } => Rel::Limit { input: boxed(input), rows, offset },
        Rel::DropUpdateBefore { input } => Rel::DropUpdateBefore { input: boxed(input) },
        Rel::Sort { input, keys } => Rel::Sort { input: boxed(input), keys },
        Rel::Union { inputs, schema } => {
            Rel::Union { inputs: inputs.into_iter().map(change).collect(), schema }
        }
        Rel::Unnest { input, collection, outer, ordinality, elements } => {
            Rel::Unnest { input: boxed(input), collection, outer, ordinality, elements }
        }
    }
}

/// The condition that a scan was given, if any.
pub fn pushed_down(rel: &Rel) -> Option<&Expr> {
    match rel {
        Rel::Scan { predicate, .. } => predicate.as_ref(),
        Rel::Filter { input, .. }
        | Rel::Project { input, .. }
        | Rel::Limit { input, .. }
        | Rel::DropUpdateBefore { input }
        | Rel::Sort { input, .. }
        | Rel::Unnest { input, .. } => pushed_down(input),
        Rel::Union { inputs, .. } => inputs.iter().find_map(pushed_down),
    }
}

/// Replaces every column position.
pub(super) fn map_columns(expr: &mut Expr, map: &dyn Fn(usize) -> usize) {
    *expr = expr.clone().move_columns(&|at| map(at));
}

/// Drops columns that nothing uses, and gives scans the conditions above them.
fn prune(rel: Rel) -> Rel {
    match rel {
        Rel::Project { input, mut expressions, schema } => match *input {
            Rel::Filter { input: below, condition } if matches!(*below, Rel::Unnest { .. }) => {
                unnest::prune(*below, Some(condition), expressions, schema)
            }
            unnest @ Rel::Unnest { .. } => unnest::prune(unnest, None, expressions, schema),
            input => {
                let input = Box::new(narrowed(input, expressions.iter_mut().collect()));
                Rel::Project { input, expressions, schema }
            }
        },
        Rel::Filter { input, condition } => match *input {
            Rel::Scan { table, columns, .. } => filtered_scan(table, columns, condition),
            input => Rel::Filter { input: Box::new(prune(input)), condition },
        },
        other => on_inputs(other, &prune),
    }
}

/// The pruned relation with those columns only that `readers` use; these refer to the columns that stay.
fn narrowed(rel: Rel, mut readers: Vec<&mut Expr>) -> Rel {
    match rel {
        Rel::Scan { table, columns, predicate } => {
            Rel::Scan { table, columns: narrow(columns, &mut readers), predicate }
        }
        Rel::Project { input, expressions, schema } => {
            let columns = expressions.into_iter().zip(schema.fields).collect();
            let (expressions, fields) = narrow(columns, &mut readers).into_iter().unzip();
            prune(Rel::Project { input, expressions, schema: Schema::new(fields) })
        }
        Rel::Filter { input, mut condition } => {
            let readers = readers.into_iter().chain([&mut condition]).collect();
            match narrowed(*input, readers) {
                Rel::Scan { table, columns, .. } => filtered_scan(table, columns, condition),
                input => Rel::Filter { input: Box::new(input), condition },
            }
        }
        Rel::Limit { input, rows, offset } => {
            Rel::Limit { input: Box::new(narrowed(*input, readers)), rows, offset }
        }
        other => prune(other),
    }
}

/// A scan under its condition. The scan is given the part that a source may apply early: conditions that cannot fail
/// and do not depend on the time, up to the first that does, so that no row escapes a failure that Flink reports.
/// That part stands in a filter of its own, directly above the scan, for sources that do not apply it.
fn filtered_scan(table: Arc<TableDef>, columns: Vec<usize>, condition: Expr) -> Rel {
    let mut early = condition.into_conjuncts();
    let safe = |expr: &Expr| !expr.can_fail() && expr.stability() == Stability::Immutable;
    let late = early.split_off(early.iter().take_while(|expr| safe(expr)).count());
    let predicate = (!early.is_empty()).then(|| Expr::and(early));
    let mut rel = Rel::Scan { table, columns, predicate: predicate.clone() };
    if let Some(condition) = predicate {
        rel = Rel::Filter { input: Box::new(rel), condition };
    }
    if !late.is_empty() {
        rel = Rel::Filter { input: Box::new(rel), condition: Expr::and(late) };
    }
    rel
}

/// The columns in use, and the expressions changed to refer to them.
fn narrow<T>(columns: Vec<T>, expressions: &mut [&mut Expr]) -> Vec<T> {
    let mut used = vec![false; columns.len()];
    for expr in expressions.iter() {
        expr.visit(&mut |expr| {
            if let Some(used) = as_column(expr).and_then(|at| used.get_mut(at)) {
                *used = true;
            }
        });
    }
    // Rows have to be counted by something.
    if !used.contains(&true) {
        used.iter_mut().take(1).for_each(|used| *used = true);
    }
    let mut position = vec![0; columns.len()];
    let mut kept = Vec::new();
    for ((column, used), slot) in columns.into_iter().zip(used).zip(&mut position) {
        *slot = kept.len();
        if used {
            kept.push(column);
        }
    }
    for expr in expressions.iter_mut() {
        map_columns(expr, &|at| position.get(at).copied().unwrap_or(at));
    }
    kept
}
