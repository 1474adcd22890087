//! GROUP BY, ORDER BY and windows.

use super::{Parser, Result};
use crate::base::Span;
use crate::sql::ast::{
    FrameBound, GroupBy, GroupItem, GroupItemKind, NamedWindow, OrderItem, WindowFrame, WindowSpec,
};
use crate::sql::token::Symbol;

impl Parser<'_> {
    /// What stands after GROUP BY.
    pub(super) fn group_by(&mut self, start: Span) -> Result<GroupBy> {
        let distinct = self.eat_keyword("DISTINCT");
        if !distinct {
            self.eat_keyword("ALL");
        }
        let items = self.comma_list(Self::group_item)?;
        Ok(GroupBy { distinct, items, span: self.since(start) })
    }

    fn group_item(&mut self) -> Result<GroupItem> {
        let start = self.here();
        let kind = self.nested(Self::group_item_kind)?;
        Ok(GroupItem { kind, span: self.since(start) })
    }

    fn group_item_kind(&mut self) -> Result<GroupItemKind> {
        if self.at(Symbol::LParen) && self.symbol_at(1) == Some(Symbol::RParen) {
            self.advance();
            self.advance();
            return Ok(GroupItemKind::Empty);
        }
        if self.eat_keywords(&["GROUPING", "SETS"]) {
            return Ok(GroupItemKind::GroupingSets(self.parenthesized_list(Self::group_item)?));
        }
        if self.eat_keyword("ROLLUP") {
            return Ok(GroupItemKind::Rollup(self.parenthesized_list(Self::group_item)?));
        }
        if self.eat_keyword("CUBE") {
            return Ok(GroupItemKind::Cube(self.parenthesized_list(Self::group_item)?));
        }
        self.expr().map(GroupItemKind::Expr)
    }

    pub(super) fn order_item(&mut self) -> Result<OrderItem> {
        let start = self.here();
        let expr = self.expr()?;
        let descending = !self.eat_keyword("ASC") && self.eat_keyword("DESC");
        let nulls_first = if self.eat_keywords(&["NULLS", "FIRST"]) {
            Some(true)
        } else if self.eat_keywords(&["NULLS", "LAST"]) {
            Some(false)
        } else {
            None
        };
        Ok(OrderItem { expr, descending, nulls_first, span: self.since(start) })
    }

    pub(super) fn named_window(&mut self) -> Result<NamedWindow> {
        let name = self.ident()?;
        self.expect_keyword("AS")?;
        Ok(NamedWindow { name, spec: self.window_spec()? })
    }

    /// `([name] [PARTITION BY …] [ORDER BY …] [ROWS …])`.
    pub(super) fn window_spec(&mut self) -> Result<WindowSpec> {
        let start = self.here();
        self.expect(Symbol::LParen)?;
        let base = self.eat_ident();
        let partition_by =
            if self.eat_by("PARTITION")? { self.comma_list(Self::expr)? } else { Vec::new() };
        let order_by =
            if self.eat_by("ORDER")? { self.comma_list(Self::order_item)? } else { Vec::new() };
        let frame_start = self.here();
        let frame = if self.eat_keyword("ROWS") {
            Some(self.frame(true, frame_start)?)
        } else if self.eat_keyword("RANGE") {
            Some(self.frame(false, frame_start)?)
        } else {
            None
        };
        self.expect(Symbol::RParen)?;
        Ok(WindowSpec { base, partition_by, order_by, frame, span: self.since(start) })
    }

    fn frame(&mut self, rows: bool, frame_start: Span) -> Result<WindowFrame> {
        let (start, end) = if self.eat_keyword("BETWEEN") {
            let start = self.frame_bound()?;
            self.expect_keyword("AND")?;
            (start, Some(self.frame_bound()?))
        } else {
            (self.frame_bound()?, None)
        };
        Ok(WindowFrame { rows, start, end, span: self.since(frame_start) })
    }

    fn frame_bound(&mut self) -> Result<FrameBound> {
        if self.eat_keyword("UNBOUNDED") {
            if self.eat_keyword("PRECEDING") {
                return Ok(FrameBound::UnboundedPreceding);
            }
            self.expect_keyword("FOLLOWING")?;
            return Ok(FrameBound::UnboundedFollowing);
        }
        if self.eat_keywords(&["CURRENT", "ROW"]) {
            return Ok(FrameBound::CurrentRow);
        }
        // AND ends the bound.
        let bound = Box::new(self.expr_above(crate::sql::precedence::NOT)?);
        if self.eat_keyword("PRECEDING") {
            return Ok(FrameBound::Preceding(bound));
        }
        self.expect_keyword("FOLLOWING")?;
        Ok(FrameBound::Following(bound))
    }
}
