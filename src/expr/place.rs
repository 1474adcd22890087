//! Where expressions are written, for the failures of their rows.

use super::Expr;
use crate::base::Span;

/// The place of an expression in the SQL text, where it has one. What an expression computes does not depend on it: any
/// two are equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place(Option<Span>);

impl PartialEq for Place {
    fn eq(&self, _: &Place) -> bool {
        true
    }
}

impl Place {
    /// The part of the SQL text.
    pub fn span(self) -> Option<Span> {
        self.0
    }
}

impl Expr {
    /// The expression as the one that is written at `span`, with all parts of it that have no place of their own.
    #[must_use]
    pub fn written_at(self, span: Span) -> Expr {
        if self.place.0.is_some() {
            return self;
        }
        let mut expr = self.map_children(&mut |child| child.written_at(span));
        expr.place = Place(Some(span));
        expr
    }

    /// The expression without places: it is part of another text than the one that is bound.
    #[must_use]
    pub fn without_places(self) -> Expr {
        let mut expr = self.map_children(&mut Expr::without_places);
        expr.place = Place(None);
        expr
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Kind;

    #[test]
    fn the_innermost_place_stays_and_equality_does_not_see_it() {
        let column = || Expr::column(0, Kind::Int.nullable());
        let (inner, outer) = (Span::new(4, 5), Span::new(0, 9));
        let written = Expr::negative(column().written_at(inner)).written_at(outer);
        let mut places = Vec::new();
        written.visit(&mut |expr| places.push(expr.place.span()));
        assert_eq!(places, [Some(outer), Some(inner)]);
        assert_eq!(written, Expr::negative(column()));
        let moved = written.without_places().written_at(inner);
        assert_eq!(moved.place.span(), Some(inner));
    }
}
