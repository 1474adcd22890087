//! Parts that occur several times in expressions over the same rows: they are computed once.

use super::{Expr, Node, Selection, Stability};
use crate::types::Column;
use std::collections::HashMap;
use std::sync::Arc;

/// Expressions that are evaluated together, over the same rows. A clone is cheap.
#[derive(Clone, Debug)]
pub struct Shared {
    exprs: Arc<[Expr]>,
}

impl Shared {
    /// Finds the parts that occur several times, in time linear in the number of all parts.
    pub fn new(exprs: Vec<Expr>) -> Shared {
        let mut parts = Parts::default();
        for expr in &exprs {
            let number = parts.number(expr.clone());
            parts.use_once_more(number);
        }
        let slots = parts.slots();
        let mut numbers = parts.met.iter().copied();
        let exprs = exprs.into_iter().map(|expr| marked(expr, &slots, &mut numbers)).collect();
        Shared { exprs }
    }

    /// The expressions, in the order that they were given in.
    pub(super) fn exprs(&self) -> &[Expr] {
        &self.exprs
    }
}

impl Expr {
    /// What a shared part computes; any other expression itself.
    pub(super) fn unshared(&self) -> &Expr {
        match &self.node {
            Node::Shared { input, .. } => input,
            _ => self,
        }
    }
}

/// Different parts, numbered so that equal ones have one number.
#[derive(Default)]
struct Parts {
    known: Vec<Part>,
    /// The numbers of those that read the same.
    by_text: HashMap<String, Vec<usize>>,
    /// The number of every part of every expression, inner ones first.
    met: Vec<usize>,
}

struct Part {
    /// Where it has parts of its own, with columns in their place that bear their numbers.
    shallow: Expr,
    /// Gives the same each time.
    is_stable: bool,
    /// How often it occurs in different parts: what is inside of a repeated one counts once.
    uses: usize,
}

impl Parts {
    fn number(&mut self, expr: Expr) -> usize {
        let mut inner = Vec::new();
        let shallow = expr.map_children(&mut |child| {
            let data_type = child.data_type.clone();
            let number = self.number(child);
            inner.push(number);
            Expr::column(number, data_type)
        });
        let number = self.known_number(shallow, &inner);
        self.met.push(number);
        number
    }

    fn known_number(&mut self, shallow: Expr, inner: &[usize]) -> usize {
        let alike = self.by_text.entry(shallow.to_string()).or_default();
        let same =
            |number: &&usize| self.known.get(**number).is_some_and(|part| part.shallow == shallow);
        if let Some(number) = alike.iter().find(same) {
            return *number;
        }
        let number = self.known.len();
        alike.push(number);
        let of_inner = |number: &usize| self.known.get(*number).is_some_and(|part| part.is_stable);
        let is_stable = shallow.stability() == Stability::Immutable && inner.iter().all(of_inner);
        self.known.push(Part { shallow, is_stable, uses: 0 });
        inner.iter().for_each(|number| self.use_once_more(*number));
        number
    }

    fn use_once_more(&mut self, number: usize) {
        if let Some(part) = self.known.get_mut(number) {
            part.uses += 1;
        }
    }

    /// For each number its slot, where it has one.
    fn slots(&self) -> Vec<Option<usize>> {
        let mut count = 0;
        let slot = |part: &Part| {
            let shared = part.uses > 1 && part.is_stable && is_work(&part.shallow);
            shared.then(|| {
                count += 1;
                count - 1
            })
        };
        self.known.iter().map(slot).collect()
    }
}

/// Whether computing a value is more work than looking it up.
fn is_work(expr: &Expr) -> bool {
    matches!(
        expr.node,
        Node::Call { .. }
            | Node::Cast { .. }
            | Node::Like { .. }
            | Node::Arithmetic { .. }
            | Node::Case { .. }
            | Node::Coalesce(_)
    )
}

/// The expression with its shared parts marked; `numbers` are those that [`Parts::met`] has for it.
fn marked(expr: Expr, slots: &[Option<usize>], numbers: &mut impl Iterator<Item = usize>) -> Expr {
    let expr = expr.map_children(&mut |child| marked(child, slots, numbers));
    let slot = numbers.next().and_then(|number| slots.get(number).copied().flatten());
    let Some(slot) = slot else { return expr };
    let (data_type, place) = (expr.data_type.clone(), expr.place);
    Expr { node: Node::Shared { slot, input: Box::new(expr) }, data_type, place }
}

/// The values of shared parts that are known, by slot, each with the rows that it is known for.
#[derive(Debug, Default)]
pub(super) struct KnownParts(Vec<Option<(Selection, Column)>>);

impl KnownParts {
    pub(super) fn get(&self, slot: usize, selection: &Selection) -> Option<&Column> {
        let (rows, column) = self.0.get(slot)?.as_ref()?;
        rows.contains(selection).then_some(column)
    }

    pub(super) fn put(&mut self, slot: usize, selection: &Selection, column: Column) {
        if self.0.len() <= slot {
            self.0.resize(slot + 1, None);
        }
        if let Some(known) = self.0.get_mut(slot) {
            *known = Some((selection.clone(), column));
        }
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{CastMode, CompareOp, EvalEnv, Input, Scalar};
    use crate::types::{DataType, Kind, RowErrors};
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int32Type;
    use arrow_array::{Array, StringViewArray};
    use std::sync::Arc;

    const ENV: EvalEnv = EvalEnv { time_zone: chrono_tz::UTC, now_micros: 0 };

    fn number() -> Expr {
        Expr::cast(Expr::column(0, DataType::string()), Kind::Int, CastMode::default())
    }

    fn above(limit: i64) -> Expr {
        let limit = Expr::literal(Scalar::Integer(limit), Kind::Int.not_null());
        Expr::compare(CompareOp::Gt, number(), limit)
    }

    fn texts() -> Column {
        Arc::new(StringViewArray::from(vec!["1", "x", "3", "4"]))
    }

    /// A part that fails says so each time that it is computed.
    #[test]
    fn a_repeated_part_is_computed_once() {
        let columns = [texts()];
        let input = Input { columns: &columns, rows: 4 };
        let all = Selection::All(4);
        let mut errors = RowErrors::new();
        let shared = Shared::new(vec![number(), number(), above(1)]);
        let given = shared.eval(input, &all, &mut errors, &ENV);
        assert_eq!(errors.rows(), [1]);
        assert_eq!(given[0].as_primitive::<Int32Type>(), given[1].as_primitive::<Int32Type>());
        let mut errors = RowErrors::new();
        let shared = Shared::new(vec![above(1), above(3)]);
        let selected = shared.eval_predicate(input, &all, &mut errors, &ENV);
        assert_eq!((selected.to_rows(), errors.rows()), (vec![3], [1].as_slice()));
    }

    #[test]
    fn a_part_that_is_known_for_some_rows_is_computed_for_others() {
        let columns =
            [texts(), Arc::new(arrow_array::BooleanArray::from(vec![false, false, true, true]))];
        let input = Input { columns: &columns, rows: 4 };
        let case = Expr::case(
            vec![(Expr::column(1, Kind::Boolean.nullable()), number())],
            Some(number()),
            Kind::Int,
        );
        let mut errors = RowErrors::new();
        let given = Shared::new(vec![case]).eval(input, &Selection::All(4), &mut errors, &ENV);
        let given = given[0].as_primitive::<Int32Type>();
        assert_eq!((given.value(0), given.value(2), given.value(3)), (1, 3, 4));
        assert_eq!(errors.rows(), [1]);
    }

    #[test]
    fn what_is_another_value_each_time_is_not_shared() {
        let random = || Expr::call(crate::expr::function("RAND").unwrap(), Vec::new()).unwrap();
        let shared = Shared::new(vec![random(), random()]);
        let input = Input { columns: &[], rows: 4 };
        let given = shared.eval(input, &Selection::All(4), &mut RowErrors::new(), &ENV);
        assert_ne!(given[0].to_data(), given[1].to_data());
    }

    fn shared_parts(exprs: Vec<Expr>) -> Vec<usize> {
        let count = |expr: &Expr| {
            let mut count = 0;
            expr.visit(&mut |expr| count += usize::from(matches!(expr.node, Node::Shared { .. })));
            count
        };
        Shared::new(exprs).exprs().iter().map(count).collect()
    }

    /// What occurs in a repeated part only is computed once with it; what is of another type is another part.
    #[test]
    fn the_largest_repeated_parts_are_shared() {
        let wide = || Expr::cast(number(), Kind::BigInt, CastMode::default());
        let other = Expr::cast(number(), Kind::Double, CastMode::default());
        assert_eq!(shared_parts(vec![wide(), wide()]), [1, 1]);
        assert_eq!(shared_parts(vec![wide(), wide(), other]), [2, 2, 1]);
        let text = |length| Expr::cast(number(), Kind::VarChar(length), CastMode::default());
        assert_eq!(shared_parts(vec![text(1), text(2)]), [1, 1]);
        assert_eq!(shared_parts(vec![text(1), above(1)]), [1, 1]);
        assert_eq!(shared_parts(vec![number(), Expr::column(0, DataType::string())]), [0, 0]);
    }
}
