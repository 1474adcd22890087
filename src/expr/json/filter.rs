//! Filters of JSON paths: `?(@.a > 1 && @.b == 'x')`.

use super::Json;
use super::path::{Step, apply, one_step, quoted};
use std::cmp::Ordering;

/// Parentheses inside each other.
const DEPTH_MAX: usize = 100;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    /// The path leads somewhere.
    Exists(Operand),
    Compare(Operand, Comparison, Operand),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    /// `@.a` or, from the root, `$.a`.
    Path {
        from_root: bool,
        steps: Vec<Step>,
    },
    Literal(Json<'static>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Comparison {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
}

impl Filter {
    /// Reads a filter in parentheses, and gives back what follows it.
    pub(super) fn read(text: &str) -> Option<(Filter, &str)> {
        parenthesized(text, 0)
    }

    pub(super) fn holds(&self, item: &Json<'_>, root: &Json<'_>) -> bool {
        match self {
            Filter::And(all) => all.iter().all(|filter| filter.holds(item, root)),
            Filter::Or(any) => any.iter().any(|filter| filter.holds(item, root)),
            Filter::Not(filter) => !filter.holds(item, root),
            Filter::Exists(operand) => operand.value(item, root).is_some(),
            Filter::Compare(left, op, right) => {
                let (left, right) = (left.value(item, root), right.value(item, root));
                let (Some(left), Some(right)) = (left, right) else {
                    return *op == Comparison::NotEq;
                };
                let order = compare(left, right);
                match op {
                    Comparison::Eq => order == Some(Ordering::Equal),
                    Comparison::NotEq => order != Some(Ordering::Equal),
                    Comparison::Lt => order == Some(Ordering::Less),
                    Comparison::LtEq => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                    Comparison::Gt => order == Some(Ordering::Greater),
                    Comparison::GtEq => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
                }
            }
        }
    }
}

impl Operand {
    fn value<'a, 't>(&'a self, item: &'a Json<'t>, root: &'a Json<'t>) -> Option<&'a Json<'t>> {
        match self {
            Operand::Literal(value) => Some(value),
            Operand::Path { from_root, steps } => {
                let mut found = vec![if *from_root { root } else { item }];
                for step in steps {
                    let mut next = Vec::new();
                    found.into_iter().for_each(|value| apply(step, value, root, &mut next));
                    found = next;
                }
                found.first().copied()
            }
        }
    }
}

fn compare(a: &Json<'_>, b: &Json<'_>) -> Option<Ordering> {
    match (a, b) {
        (Json::Integer(a) | Json::Decimal(a), Json::Integer(b) | Json::Decimal(b)) => {
            a.parse::<f64>().ok()?.partial_cmp(&b.parse::<f64>().ok()?)
        }
        (Json::String(a), Json::String(b)) => Some(a.cmp(b)),
        (a, b) => (a == b).then_some(Ordering::Equal),
    }
}

fn parenthesized(text: &str, depth: usize) -> Option<(Filter, &str)> {
    (depth < DEPTH_MAX).then_some(())?;
    let rest = text.trim_start().strip_prefix('(')?;
    let (filter, rest) = any(rest, depth + 1)?;
    Some((filter, rest.trim_start().strip_prefix(')')?))
}

fn any(text: &str, depth: usize) -> Option<(Filter, &str)> {
    joined(text, "||", |text| joined(text, "&&", |text| one(text, depth), Filter::And), Filter::Or)
}

fn joined<'a>(
    text: &'a str,
    operator: &str,
    mut part: impl FnMut(&'a str) -> Option<(Filter, &'a str)>,
    join: fn(Vec<Filter>) -> Filter,
) -> Option<(Filter, &'a str)> {
    let (first, mut rest) = part(text)?;
    let mut parts = vec![first];
    while let Some(after) = rest.trim_start().strip_prefix(operator) {
        let (next, after) = part(after)?;
        parts.push(next);
        rest = after;
    }
    let filter = if parts.len() == 1 { parts.remove(0) } else { join(parts) };
    Some((filter, rest))
}

fn one(text: &str, depth: usize) -> Option<(Filter, &str)> {
    let text = text.trim_start();
    if let Some(rest) = text.strip_prefix('!') {
        (depth < DEPTH_MAX).then_some(())?;
        let (filter, rest) = one(rest, depth + 1)?;
        return Some((Filter::Not(Box::new(filter)), rest));
    }
    if text.starts_with('(') {
        return parenthesized(text, depth);
    }
    let (left, rest) = operand(text)?;
    let rest = rest.trim_start();
    let operators = [
        ("==", Comparison::Eq),
        ("!=", Comparison::NotEq),
        ("<=", Comparison::LtEq),
        (">=", Comparison::GtEq),
        ("<", Comparison::Lt),
        (">", Comparison::Gt),
    ];
    for (text, op) in operators {
        if let Some(rest) = rest.strip_prefix(text) {
            let (right, rest) = operand(rest.trim_start())?;
            return Some((Filter::Compare(left, op, right), rest));
        }
    }
    matches!(left, Operand::Path { .. }).then_some((Filter::Exists(left), rest))
}

fn operand(text: &str) -> Option<(Operand, &str)> {
    if text.starts_with(['@', '$']) {
        let from_root = text.starts_with('$');
        let mut rest = text.get(1..)?;
        let mut steps = Vec::new();
        while rest.starts_with('[') || rest.starts_with('.') {
            let end = rest.find([' ', '=', '!', '<', '>', '&', '|', ')']).unwrap_or(rest.len());
            let (step, after) = if rest.starts_with('[') {
                one_step(rest)?
            } else {
                let (head, _) = rest.split_at_checked(end)?;
                let (step, after) = one_step(head)?;
                (step, rest.get(head.len() - after.len()..)?)
            };
            steps.push(step.unwrap_or(Step::Deep));
            rest = after;
        }
        return Some((Operand::Path { from_root, steps }, rest));
    }
    if text.starts_with(['\'', '"']) {
        let (value, rest) = quoted(text)?;
        return Some((Operand::Literal(Json::String(value.into())), rest));
    }
    let end = text.find([' ', '=', '!', '<', '>', '&', '|', ')']).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end)?;
    let literal = super::parse(word).filter(Json::is_scalar)?;
    Some((Operand::Literal(literal.into_owned()), rest))
}
