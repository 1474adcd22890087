//! Queries and table references.

use super::Printer;
use crate::sql::ast::{
    FrameBound, GroupItem, GroupItemKind, JoinCondition, JoinKind, OrderItem, Query, QueryBody,
    QueryBodyKind, Select, SelectItem, SelectItemKind, SetOperator, SetQuantifier, TableAlias,
    TableRef, TableRefKind, ValuesItem, ValuesRow, WindowFrame, WindowSpec,
};

impl Printer {
    pub(super) fn query(&mut self, query: &Query) {
        if let Some(inner) = self.only_parentheses(query) {
            return self.query(inner);
        }
        let around = self.common_tables();
        if let Some(with) = &query.with {
            self.text("WITH ");
            self.list(&with.tables, |p, table| {
                p.ident(&table.name);
                p.parens_after(" ", &table.columns, Self::ident);
                p.text(" AS (");
                p.query(&table.query);
                p.text(")");
                p.add_common_table(&table.name);
            });
            self.text(" ");
        }
        let body = self.without_parentheses(&query.body);
        self.query_body(body);
        if !query.order_by.is_empty() {
            self.enter_order(body);
            self.clause(" ORDER BY ");
            self.list(&query.order_by, Self::order_item);
            self.leave_scope();
        }
        self.row_counts(query.limit.as_ref(), query.offset.as_ref());
        self.forget_common_tables(around);
    }

    pub(super) fn query_body(&mut self, body: &QueryBody) {
        match &body.kind {
            QueryBodyKind::Select(select) => self.select(select),
            QueryBodyKind::Values(rows) => {
                self.text("VALUES ");
                for (at, row) in rows.iter().enumerate() {
                    if at > 0 {
                        self.comma();
                    }
                    self.values_row(row);
                }
            }
            QueryBodyKind::Table(name) => {
                self.text("TABLE ");
                self.table_name(name);
            }
            QueryBodyKind::Nested(query) => {
                self.text("(");
                self.query(query);
                self.text(")");
            }
            QueryBodyKind::SetOperation { op, all, left, right } => {
                self.set_input(left, false);
                self.set_operator(match (op, all) {
                    (SetOperator::Union, false) => " UNION ",
                    (SetOperator::Union, true) => " UNION ALL ",
                    (SetOperator::Intersect, false) => " INTERSECT ",
                    (SetOperator::Intersect, true) => " INTERSECT ALL ",
                    (SetOperator::Except, false) => " EXCEPT ",
                    (SetOperator::Except, true) => " EXCEPT ALL ",
                });
                self.set_input(right, true);
            }
        }
    }

    fn values_row(&mut self, row: &ValuesRow) {
        // Parentheses alone could be those of a subquery.
        self.text("ROW");
        self.parens(&row.values, |p, item| match item {
            ValuesItem::Expr(expr) => p.any(expr),
            ValuesItem::Default(_) => p.text("DEFAULT"),
        });
    }

    fn select(&mut self, select: &Select) {
        self.enter_select(select);
        self.text("SELECT");
        self.hints(&select.hints);
        match select.quantifier {
            Some(SetQuantifier::Distinct) => self.text(" DISTINCT"),
            Some(SetQuantifier::All) => self.text(" ALL"),
            Some(SetQuantifier::Stream) => self.text(" STREAM"),
            Some(SetQuantifier::Unique) => self.text(" UNIQUE"),
            None => {}
        }
        self.after_hints(&select.hints);
        self.list(&select.items, Self::select_item);
        if let Some(from) = &select.from {
            self.clause(" FROM ");
            self.table_ref(from);
        }
        if let Some(filter) = &select.filter {
            self.clause(" WHERE ");
            self.any(filter);
        }
        if let Some(group_by) = &select.group_by {
            self.clause(if group_by.distinct { " GROUP BY DISTINCT " } else { " GROUP BY " });
            self.list(&group_by.items, Self::group_item);
        }
        if let Some(having) = &select.having {
            self.clause(" HAVING ");
            self.any(having);
        }
        if !select.windows.is_empty() {
            self.clause(" WINDOW ");
            self.list(&select.windows, |p, window| {
                p.ident(&window.name);
                p.text(" AS ");
                p.window_spec(&window.spec);
            });
        }
        if let Some(qualify) = &select.qualify {
            self.clause(" QUALIFY ");
            self.any(qualify);
        }
        self.leave_scope();
    }

    fn select_item(&mut self, item: &SelectItem) {
        match &item.kind {
            SelectItemKind::Wildcard => self.text("*"),
            SelectItemKind::QualifiedWildcard(name) => {
                self.name(name);
                self.text(".*");
            }
            SelectItemKind::Expr { expr, alias } => {
                self.any(expr);
                if let Some(alias) = alias {
                    self.text(" AS ");
                    self.ident(alias);
                }
            }
        }
    }

    fn group_item(&mut self, item: &GroupItem) {
        match &item.kind {
            GroupItemKind::Expr(expr) => self.any(expr),
            GroupItemKind::Empty => self.text("()"),
            GroupItemKind::Rollup(items) => self.group_items("ROLLUP", items),
            GroupItemKind::Cube(items) => self.group_items("CUBE", items),
            GroupItemKind::GroupingSets(items) => self.group_items("GROUPING SETS", items),
        }
    }

    fn group_items(&mut self, name: &str, items: &[GroupItem]) {
        self.text(name);
        self.text(" ");
        self.parens(items, Self::group_item);
    }

    pub(super) fn order_by(&mut self, items: &[OrderItem]) {
        if !items.is_empty() {
            self.text(" ORDER BY ");
            self.list(items, Self::order_item);
        }
    }

    pub(super) fn order_item(&mut self, item: &OrderItem) {
        self.any(&item.expr);
        self.text_if(item.descending, " DESC");
        match item.nulls_first {
            Some(true) => self.text(" NULLS FIRST"),
            Some(false) => self.text(" NULLS LAST"),
            None => {}
        }
    }

    pub(super) fn window_spec(&mut self, spec: &WindowSpec) {
        self.text("(");
        if let Some(base) = &spec.base {
            self.ident(base);
        }
        if !spec.partition_by.is_empty() {
            self.text(" PARTITION BY ");
            self.list(&spec.partition_by, Self::any);
        }
        self.order_by(&spec.order_by);
        if let Some(frame) = &spec.frame {
            self.frame(frame);
        }
        self.text(")");
    }

    fn frame(&mut self, frame: &WindowFrame) {
        self.text(if frame.rows { " ROWS " } else { " RANGE " });
        match &frame.end {
            Some(end) => {
                self.text("BETWEEN ");
                self.frame_bound(&frame.start);
                self.text(" AND ");
                self.frame_bound(end);
            }
            None => self.frame_bound(&frame.start),
        }
    }

    fn frame_bound(&mut self, bound: &FrameBound) {
        let (expr, text) = match bound {
            FrameBound::UnboundedPreceding => (None, "UNBOUNDED PRECEDING"),
            FrameBound::Preceding(expr) => (Some(expr), " PRECEDING"),
            FrameBound::CurrentRow => (None, "CURRENT ROW"),
            FrameBound::Following(expr) => (Some(expr), " FOLLOWING"),
            FrameBound::UnboundedFollowing => (None, "UNBOUNDED FOLLOWING"),
        };
        if let Some(expr) = expr {
            self.expr(expr, crate::sql::precedence::NOT);
        }
        self.text(text);
    }

    fn table_ref(&mut self, table: &TableRef) {
        match &table.kind {
            TableRefKind::Table { name, hints, as_of, alias } => {
                self.table_name(name);
                self.hints(hints);
                if let Some(as_of) = as_of {
                    self.text(" FOR SYSTEM_TIME AS OF ");
                    self.any(as_of);
                }
                self.table_alias(alias.as_ref());
            }
            TableRefKind::Subquery { lateral, query, alias } => {
                self.text(if *lateral { "LATERAL (" } else { "(" });
                self.query(query);
                self.text(")");
                self.table_alias(alias.as_ref());
            }
            TableRefKind::Function { lateral, table_keyword, call, alias } => {
                self.text_if(*lateral, "LATERAL ");
                self.text_if(*table_keyword, "TABLE(");
                self.call(call);
                self.text_if(*table_keyword, ")");
                self.table_alias(alias.as_ref());
            }
            TableRefKind::Unnest { lateral, exprs, with_ordinality, alias } => {
                self.text(if *lateral { "LATERAL UNNEST" } else { "UNNEST" });
                self.parens(exprs, Self::any);
                self.text_if(*with_ordinality, " WITH ORDINALITY");
                self.table_alias(alias.as_ref());
            }
            TableRefKind::Join { left, right, kind, natural, condition } => {
                self.table_ref(left);
                self.text_if(*natural, " NATURAL");
                match kind {
                    JoinKind::Comma => self.comma(),
                    JoinKind::Cross => self.clause(" CROSS JOIN "),
                    JoinKind::Inner if self.is_expanded() => self.clause(" INNER JOIN "),
                    JoinKind::Inner => self.clause(" JOIN "),
                    JoinKind::Left => self.clause(" LEFT JOIN "),
                    JoinKind::Right => self.clause(" RIGHT JOIN "),
                    JoinKind::Full => self.clause(" FULL JOIN "),
                }
                self.table_ref(right);
                match condition {
                    JoinCondition::None => {}
                    JoinCondition::On(condition) => {
                        self.text(" ON ");
                        self.any(condition);
                    }
                    JoinCondition::Using(columns) => {
                        self.text(" USING ");
                        self.parens(columns, Self::ident);
                    }
                }
            }
            TableRefKind::Nested { inner } => {
                self.text("(");
                self.table_ref(inner);
                self.text(")");
            }
            TableRefKind::Unsupported { input, text, alias, .. } => {
                self.table_ref(input);
                self.text(" ");
                self.text(text);
                self.table_alias(alias.as_ref());
            }
        }
    }

    fn table_alias(&mut self, alias: Option<&TableAlias>) {
        if let Some(alias) = alias {
            self.text(" AS ");
            self.ident(&alias.name);
            self.parens_after(" ", &alias.columns, Self::ident);
        }
    }
}
