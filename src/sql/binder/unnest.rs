//! `CROSS JOIN UNNEST(collection)`, `[LEFT] JOIN UNNEST(collection) ON condition`.

use super::expr::Scope;
use super::query::{condition, filtered, rename};
use super::{Binder, not_yet, rewrite, schema_error};
use crate::base::{Result, Span};
use crate::expr::{Expr, Stability};
use crate::plan::Rel;
use crate::sql::ast::{self, JoinCondition, JoinKind, TableAlias};
use crate::types::{DataType, Field, Kind, Schema};

/// An UNNEST as it was written.
pub(super) struct Written<'a> {
    pub(super) exprs: &'a [ast::Expr],
    pub(super) ordinality: bool,
    pub(super) alias: Option<&'a TableAlias>,
}

/// How elements come to the row that holds them.
#[derive(Clone, Copy)]
pub(super) enum Joined<'a> {
    /// Those for which the condition of ON holds, if there is one.
    Inner(Option<&'a ast::Expr>),
    /// Those for which the condition of ON holds; a row of which no element is left stands with NULLs.
    Left(&'a ast::Expr),
}

impl<'a> Joined<'a> {
    /// `None` for joins that UNNEST has no part in.
    pub(super) fn of(kind: JoinKind, condition: &'a JoinCondition) -> Option<Joined<'a>> {
        match (kind, condition) {
            (JoinKind::Comma | JoinKind::Cross, JoinCondition::None) => Some(Joined::Inner(None)),
            (JoinKind::Inner, JoinCondition::On(on)) => Some(Joined::Inner(Some(on))),
            (JoinKind::Left, JoinCondition::On(on)) => Some(Joined::Left(on)),
            _ => None,
        }
    }
}

/// The input with the elements beside it.
pub(super) fn bind(
    binder: &Binder<'_>,
    (input, mut scope): (Rel, Scope),
    written: &Written<'_>,
    joined: Joined<'_>,
    span: Span,
) -> Result<(Rel, Scope)> {
    let [expr] = written.exprs else {
        return not_yet("UNNEST of several collections", span);
    };
    let collection = binder.expr(expr, &scope)?;
    let mut elements = element_fields(&collection.data_type).ok_or_else(|| {
        let shown = super::coerce::shown(&collection.data_type);
        schema_error(
            format!("cannot apply 'UNNEST' to arguments of type 'UNNEST(<{shown}>)'"),
            span,
        )
        .with_hint("supported form: UNNEST(<ARRAY>), UNNEST(<MAP>), UNNEST(<MULTISET>)")
    })?;
    // A table alias alone names the column of one-column elements, as Calcite's `AliasNamespace` has it.
    if let (Some(alias), [only]) = (written.alias, elements.as_mut_slice())
        && alias.columns.is_empty()
    {
        only.name.clone_from(&alias.name.value);
    }
    if written.ordinality {
        elements.push(Field::new("ORDINALITY", Kind::Int.not_null()));
    }
    if matches!(joined, Joined::Left(_)) {
        for field in &mut elements {
            field.data_type.nullable = true;
        }
    }
    if let Some(alias) = written.alias.filter(|alias| alias.columns.len() == elements.len()) {
        for (field, name) in elements.iter_mut().zip(&alias.columns) {
            field.name.clone_from(&name.value);
        }
    }
    let width = input.schema().fields.len();
    let mut added = Scope::default();
    for (at, field) in elements.iter().enumerate() {
        added.add(&field.name, width + at, &field.data_type);
    }
    rename(&mut added, written.alias, "")?;
    scope.append(added);
    let outer = match joined {
        Joined::Inner(_) => None,
        Joined::Left(on) => Some(condition(binder, &scope, "ON", on)?),
    };
    let ordinality = written.ordinality;
    let rel = Rel::Unnest { input: Box::new(input), collection, outer, ordinality, elements };
    Ok(match joined {
        Joined::Inner(Some(on)) => (filtered(binder, rel, &scope, "ON", on)?, scope),
        _ => (rel, scope),
    })
}

/// The columns of an element.
fn element_fields(collection: &DataType) -> Option<Vec<Field>> {
    let of_element = |element: &DataType| match element.kind.fields() {
        Some(fields) => fields.to_vec(),
        None => vec![Field::new("EXPR$0", element.clone())],
    };
    match &collection.kind {
        Kind::Array(element) | Kind::Multiset(element) => Some(of_element(element)),
        Kind::Map(key, value) => {
            Some(vec![Field::new("KEY", (**key).clone()), Field::new("VALUE", (**value).clone())])
        }
        _ => None,
    }
}

/// Drops input columns that nothing above uses, and moves what concerns only the input's columns below the UNNEST.
pub(super) fn prune(
    unnest: Rel,
    condition: Option<Expr>,
    mut expressions: Vec<Expr>,
    schema: Schema,
) -> Rel {
    let Rel::Unnest { input, mut collection, mut outer, ordinality, elements } = unnest else {
        return Rel::Project { input: Box::new(unnest), expressions, schema };
    };
    let fields = input.schema().fields;
    let width = fields.len();
    let (mut early, mut late) = (Vec::new(), Vec::new());
    // Nothing moves before what may fail, and what is another value each time is drawn for each element.
    let mut may_fail = false;
    for part in condition.map(Expr::into_conjuncts).unwrap_or_default() {
        may_fail |= part.can_fail();
        let only_input = part.columns_used().iter().all(|at| *at < width);
        let moves = only_input && !may_fail && part.stability() == Stability::Immutable;
        if moves { early.push(part) } else { late.push(part) }
    }
    let mut used: Vec<usize> = expressions
        .iter()
        .chain(&late)
        .chain([&collection])
        .chain(&outer)
        .flat_map(Expr::columns_used)
        .filter(|at| *at < width)
        .collect();
    used.sort_unstable();
    used.dedup();
    let place = |at: usize| match at.checked_sub(width) {
        Some(element) => used.len() + element,
        None => used.iter().position(|used| *used == at).unwrap_or(0),
    };
    for expr in expressions.iter_mut().chain(&mut late).chain([&mut collection]).chain(&mut outer) {
        rewrite::map_columns(expr, &place);
    }
    let mut input = *input;
    if !early.is_empty() {
        input = Rel::Filter { input: Box::new(input), condition: Expr::and(early) };
    }
    let kept: Vec<Field> = used.iter().filter_map(|at| fields.get(*at).cloned()).collect();
    let columns = used.iter().zip(&kept);
    let columns = columns.map(|(at, field)| Expr::column(*at, field.data_type.clone())).collect();
    input = rewrite::optimise_input(Rel::Project {
        input: Box::new(input),
        expressions: columns,
        schema: Schema::new(kept),
    });
    let input = Box::new(input);
    let mut rel = Rel::Unnest { input, collection, outer, ordinality, elements };
    if !late.is_empty() {
        rel = Rel::Filter { input: Box::new(rel), condition: Expr::and(late) };
    }
    Rel::Project { input: Box::new(rel), expressions, schema }
}
