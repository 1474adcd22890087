//! UNION ALL.

use super::query::{bind_set, names_of_result};
use super::{Binder, coerce, schema_error};
use crate::base::limits::PLAN_SCANS_MAX;
use crate::base::{Error, Result};
use crate::expr::Expr;
use crate::plan::Rel;
use crate::sql::ast::{QueryBody, QueryBodyKind, SetOperator};
use crate::types::{DataType, Field, Schema};

/// `a UNION ALL b UNION ALL c` as one relation with three inputs; each column has the common type of all.
pub(super) fn union_all(binder: &Binder<'_>, body: &QueryBody) -> Result<Rel> {
    let mut written = Vec::new();
    flatten(body, &mut written);
    let mut inputs = Vec::with_capacity(written.len());
    let mut scans = 0;
    for input in &written {
        let rel = bind_set(&binder.nested(), input)?;
        rel.scans(&mut |_, _| scans += 1);
        // Tables of a WITH, or views, that name the one before twice double what is read.
        if scans > PLAN_SCANS_MAX {
            let what = format!("a query that reads its tables more than {PLAN_SCANS_MAX} times");
            return Err(Error::unsupported(what).at(input.span));
        }
        inputs.push((rel, input.span));
    }
    let schemas: Vec<Schema> = inputs.iter().map(|(rel, _)| rel.schema()).collect();
    let Some(first) = schemas.first() else {
        return Err(schema_error("UNION ALL without inputs", body.span));
    };
    let width = first.fields.len();
    for (schema, (_, span)) in schemas.iter().zip(&inputs) {
        if schema.fields.len() != width {
            return Err(schema_error("column count mismatch in UNION ALL", *span));
        }
    }
    let mut fields = Vec::with_capacity(width);
    for (at, field) in first.fields.iter().enumerate() {
        let column = || schemas.iter().filter_map(|schema| Some(&schema.fields.get(at)?.data_type));
        let Some(common) = coerce::common_apart_from_days(column()) else {
            let types: Vec<String> = column().map(ToString::to_string).collect();
            return Err(schema_error(
                format!("type mismatch in column {} of UNION ALL", at + 1),
                body.span,
            )
            .with_hint(format!("cast to one type: the column is {}", types.join(" and "))));
        };
        let nullable = column().any(|data_type| data_type.nullable);
        fields.push(Field::new(field.name.clone(), DataType { kind: common.kind, nullable }));
    }
    let schema = Schema::new(names_of_result(binder, fields));
    let inputs = inputs.into_iter().map(|(rel, _)| cast(rel, &schema)).collect();
    Ok(Rel::Union { inputs, schema })
}

/// Inputs from left to right; parentheses around a plain UNION ALL change nothing.
fn flatten<'b>(body: &'b QueryBody, inputs: &mut Vec<&'b QueryBody>) {
    match &body.kind {
        QueryBodyKind::SetOperation { op: SetOperator::Union, all: true, left, right } => {
            flatten(left, inputs);
            flatten(right, inputs);
        }
        _ => inputs.push(body),
    }
}

fn cast(rel: Rel, schema: &Schema) -> Rel {
    let own = rel.schema();
    let same = own.fields.iter().zip(&schema.fields).all(|(own, common)| {
        own.name == common.name && own.data_type.kind == common.data_type.kind
    });
    if same {
        return rel;
    }
    let columns = own.fields.into_iter().zip(&schema.fields).enumerate();
    let expressions = columns
        .map(|(at, (own, common))| {
            Expr::column(at, own.data_type).cast_kind(common.data_type.kind.clone())
        })
        .collect();
    Rel::Project { input: Box::new(rel), expressions, schema: schema.clone() }
}
