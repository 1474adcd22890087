//! Looking through an expression and rewriting it.

use super::{Expr, Node, Stability};

impl Expr {
    /// Whether it is the processing time of a row: Flink's time attribute `PROCTIME()`.
    pub fn is_proctime(&self) -> bool {
        matches!(&self.node, Node::Call { function, .. } if function.name == "PROCTIME")
    }

    /// Calls `f` with this expression and everything below it.
    pub fn visit(&self, f: &mut impl FnMut(&Expr)) {
        f(self);
        self.for_each_child(|child| child.visit(f));
    }

    /// Calls `f` with the expressions directly below this one.
    fn for_each_child<'a>(&'a self, mut f: impl FnMut(&'a Expr)) {
        match &self.node {
            Node::Column(_) | Node::Literal(_) => {}
            Node::Compare { left, right, .. } | Node::Arithmetic { left, right, .. } => {
                f(left);
                f(right);
            }
            Node::And(exprs) | Node::Or(exprs) | Node::Coalesce(exprs) => exprs.iter().for_each(f),
            Node::Call { args, .. } => args.iter().for_each(f),
            Node::Not(input)
            | Node::Negate(input)
            | Node::IsNull(input)
            | Node::IsTruth { input, .. }
            | Node::InSet { input, .. }
            | Node::Like { input, .. }
            | Node::Cast { input, .. }
            | Node::Field { input, .. }
            | Node::Shared { input, .. } => f(input),
            Node::Case { branches, otherwise } => {
                for (when, then) in branches {
                    f(when);
                    f(then);
                }
                if let Some(otherwise) = otherwise {
                    f(otherwise);
                }
            }
        }
    }

    /// The same expression with the expressions directly below it replaced.
    #[must_use]
    pub fn map_children(self, f: &mut impl FnMut(Expr) -> Expr) -> Expr {
        let mut boxed = |expr: Box<Expr>| Box::new(f(*expr));
        let node = match self.node {
            node @ (Node::Column(_) | Node::Literal(_)) => node,
            Node::Compare { op, left, right } => {
                Node::Compare { op, left: boxed(left), right: boxed(right) }
            }
            Node::Arithmetic { op, left, right } => {
                Node::Arithmetic { op, left: boxed(left), right: boxed(right) }
            }
            Node::Not(input) => Node::Not(boxed(input)),
            Node::Negate(input) => Node::Negate(boxed(input)),
            Node::IsNull(input) => Node::IsNull(boxed(input)),
            Node::IsTruth { input, truth } => Node::IsTruth { input: boxed(input), truth },
            Node::InSet { input, set } => Node::InSet { input: boxed(input), set },
            Node::Like { input, pattern } => Node::Like { input: boxed(input), pattern },
            Node::Cast { input, mode } => Node::Cast { input: boxed(input), mode },
            Node::Field { input, index } => Node::Field { input: boxed(input), index },
            Node::Shared { slot, input } => Node::Shared { slot, input: boxed(input) },
            Node::And(exprs) => Node::And(exprs.into_iter().map(f).collect()),
            Node::Or(exprs) => Node::Or(exprs.into_iter().map(f).collect()),
            Node::Coalesce(exprs) => Node::Coalesce(exprs.into_iter().map(f).collect()),
            Node::Call { function, args } => {
                Node::Call { function, args: args.into_iter().map(f).collect() }
            }
            Node::Case { branches, otherwise } => {
                let otherwise = otherwise.map(boxed);
                let branches = branches.into_iter().map(|(when, then)| (f(when), f(then)));
                Node::Case { branches: branches.collect(), otherwise }
            }
        };
        Expr { node, data_type: self.data_type, place: self.place }
    }

    /// Number of operators, functions, columns and constants that it is made of.
    pub fn parts(&self) -> usize {
        let mut parts = 0;
        self.visit(&mut |_| parts += 1);
        parts
    }

    /// Whether a row takes much more work than a number that is added: functions, patterns, values from texts and to them.
    pub fn is_costly(&self) -> bool {
        let mut costly = false;
        self.visit(&mut |expr| {
            costly |= match &expr.node {
                Node::Call { .. } | Node::Like { .. } => true,
                Node::Cast { input, .. } => [&input.data_type, &expr.data_type]
                    .into_iter()
                    .any(|of| of.kind.is_string() || of.kind.is_nested()),
                _ => false,
            };
        });
        costly
    }

    /// Positions of the input columns that it reads, each once, ascending.
    pub fn columns_used(&self) -> Vec<usize> {
        let mut used = Vec::new();
        self.visit(&mut |expr| {
            if let Node::Column(position) = expr.node {
                used.push(position);
            }
        });
        used.sort_unstable();
        used.dedup();
        used
    }

    /// The same expression over other columns: column `n` becomes `replacement(n)`.
    #[must_use]
    pub fn replace_columns(self, replacement: &mut impl FnMut(usize, &Expr) -> Expr) -> Expr {
        if let Node::Column(position) = self.node {
            let replaced = replacement(position, &self);
            return match self.place.span() {
                Some(span) => replaced.written_at(span),
                None => replaced,
            };
        }
        self.map_children(&mut |child| child.replace_columns(replacement))
    }

    /// The same expression with every column moved to another position.
    #[must_use]
    pub fn move_columns(self, position: &impl Fn(usize) -> usize) -> Expr {
        self.replace_columns(&mut |at, column| Expr::column(position(at), column.data_type.clone()))
    }

    /// How often it may be evaluated anew: the least stable function in it.
    pub fn stability(&self) -> Stability {
        let mut least = Stability::Immutable;
        self.visit(&mut |expr| {
            if let Node::Call { function, .. } = &expr.node {
                least = least.max(function.stability);
            }
        });
        least
    }

    /// Whether some row may fail.
    pub fn can_fail(&self) -> bool {
        let mut fails = false;
        self.visit(&mut |expr| {
            fails |= match &expr.node {
                Node::Arithmetic { op, right, .. } => {
                    use super::ArithmeticOp::{Divide, Remainder};
                    let zero = |scalar: &super::Scalar| {
                        matches!(scalar, super::Scalar::Integer(0) | super::Scalar::Decimal(0))
                    };
                    matches!(op, Divide | Remainder) && right.as_literal().is_none_or(zero)
                }
                Node::Cast { input, mode } if !mode.gives_null() => {
                    let (from, to) = (&input.data_type.kind, &expr.data_type.kind);
                    let approximate =
                        matches!(from, crate::types::Kind::Float | crate::types::Kind::Double);
                    (from.is_string() && !to.is_string() && !to.is_binary())
                        || (approximate && matches!(to, crate::types::Kind::Decimal { .. }))
                        || (from.is_nested() && !to.is_string())
                }
                Node::Call { function, .. } => function.can_fail,
                _ => false,
            };
        });
        fails
    }
}
