//! Shapes of trees: precedence and the forms that share a syntax.

use crate::sql::ast::{ExprKind, QueryBodyKind, SelectItemKind, Statement, TableRefKind};
use crate::sql::{ToSql, parse_data_type, parse_expression, parse_statement};

/// An expression with parentheses around every operator.
fn grouped(source: &str) -> String {
    let expr = parse_expression(source).unwrap_or_else(|e| panic!("{source}: {e}"));
    group(&expr.kind)
}

fn group(kind: &ExprKind) -> String {
    let e = |expr: &crate::sql::ast::Expr| group(&expr.kind);
    match kind {
        ExprKind::Binary { op, left, right, .. } => {
            format!("({} {} {})", e(left), op.symbol(), e(right))
        }
        ExprKind::Unary { op, operand } => format!("({op:?} {})", e(operand)),
        ExprKind::Is { operand, test, .. } => format!("({} IS {test:?})", e(operand)),
        ExprKind::IsDistinctFrom { left, right, .. } => {
            format!("({} DISTINCT {})", e(left), e(right))
        }
        ExprKind::Between { operand, low, high, .. } => {
            format!("({} BETWEEN {} {})", e(operand), e(low), e(high))
        }
        ExprKind::Like { operand, pattern, .. } => format!("({} LIKE {})", e(operand), e(pattern)),
        ExprKind::InList { operand, list, .. } => {
            let list: Vec<_> = list.iter().map(e).collect();
            format!("({} IN {})", e(operand), list.join(" "))
        }
        ExprKind::Element { operand, index } => format!("{}[{}]", e(operand), e(index)),
        ExprKind::Field { operand, field } => format!("{}.{}", e(operand), field.value),
        ExprKind::Row { fields, .. } => {
            let fields: Vec<_> = fields.iter().map(e).collect();
            format!("ROW({})", fields.join(", "))
        }
        ExprKind::Literal(_) | ExprKind::Name(_) | ExprKind::Function(_) => {
            let span = crate::base::Span::default();
            crate::sql::ast::Expr { kind: kind.clone(), span }.to_sql()
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn operators_bind_as_in_calcite() {
    for (source, expected) in [
        ("a OR b AND NOT c = d", "(a OR (b AND (Not (c = d))))"),
        ("a + b * c - d", "((a + (b * c)) - d)"),
        ("a || b + c", "((a || b) + c)"),
        ("a / b * c % d", "(((a / b) * c) % d)"),
        ("- a * b", "((Minus a) * b)"),
        ("a - - b", "(a - (Minus b))"),
        ("a = b IS TRUE", "((a = b) IS True)"),
        ("NOT a IS NULL", "(Not (a IS Null))"),
        ("a IS NULL AND b", "((a IS Null) AND b)"),
        ("a = b LIKE c", "(a = (b LIKE c))"),
        ("a LIKE b || c", "(a LIKE (b || c))"),
        ("a BETWEEN b + 1 AND c * 2 AND d", "((a BETWEEN (b + 1) (c * 2)) AND d)"),
        ("a BETWEEN 1 AND 2 = b", "((a BETWEEN 1 2) = b)"),
        ("a + b IN (1, c - d)", "((a + b) IN 1 (c - d))"),
        ("a < b = c", "((a < b) = c)"),
        ("a IS DISTINCT FROM b = c", "(a DISTINCT (b = c))"),
        ("-a.b[1]", "(Minus a.b[1])"),
        ("(a).b.c", "a.b.c"),
        ("f(x).y[1].z", "f(x).y[1].z"),
        ("(a, b + 1)", "ROW(a, (b + 1))"),
        ("((a))", "a"),
    ] {
        assert_eq!(grouped(source), expected, "{source}");
    }
}

#[test]
fn expressions_print_with_the_parentheses_they_need() {
    for (source, printed) in [
        ("((a + b)) * c", "(a + b) * c"),
        ("a - (b - c)", "a - (b - c)"),
        ("(a - b) - c", "a - b - c"),
        ("- (-1)", "-(-1)"),
        ("NOT (a AND b) OR c", "NOT (a AND b) OR c"),
        ("(NOT a) = b", "(NOT a) = b"),
        ("`a``b`.c", "`a``b`.c"),
        ("'it''s'", "'it''s'"),
        ("substring(a from 1 for 2)", "substring(a, 1, 2)"),
        ("Count(distinct a)", "Count(DISTINCT a)"),
        ("interval - '5' seconds", "INTERVAL -'5' SECOND"),
        ("trim(a)", "TRIM(BOTH FROM a)"),
        ("u&'\\00e4\\\\'", "'ä\\'"),
        ("x'0aFf'", "X'0AFF'"),
        ("case a when 1 then 2 end", "CASE a WHEN 1 THEN 2 END"),
        (
            "cast(a as row(x int not null, y array<string>))",
            "CAST(a AS ROW<x INT NOT NULL, y ARRAY<STRING>>)",
        ),
    ] {
        let expr = parse_expression(source).unwrap_or_else(|e| panic!("{source}: {e}"));
        assert_eq!(expr.to_sql(), printed, "{source}");
    }
}

#[test]
fn types_print_under_one_name() {
    for (source, printed) in [
        ("integer", "INT"),
        ("dec(3, 1)", "DECIMAL(3, 1)"),
        ("numeric(3)", "DECIMAL(3)"),
        ("double precision not null", "DOUBLE NOT NULL"),
        ("character varying(3)", "VARCHAR(3)"),
        ("timestamp(3) with local time zone", "TIMESTAMP_LTZ(3)"),
        ("timestamp without time zone", "TIMESTAMP"),
        ("int not null array not null", "ARRAY<INT NOT NULL> NOT NULL"),
        ("row(a int 'x', `b` row<>)", "ROW<a INT 'x', `b` ROW<>>"),
        ("map<string, multiset<bytes>>", "MAP<STRING, MULTISET<BYTES>>"),
        ("my.type", "my.type"),
    ] {
        let data_type = parse_data_type(source).unwrap_or_else(|e| panic!("{source}: {e}"));
        assert_eq!(data_type.to_sql(), printed, "{source}");
    }
}

#[test]
fn spans_hold_the_text_of_their_node() {
    let source = "SELECT (a + b) * c AS x, t.* FROM `d`.t AS u (y), v WHERE a IN (1)";
    let Ok(Statement::Query(query)) = parse_statement(source) else { panic!("a query") };
    let QueryBodyKind::Select(select) = &query.body.kind else { panic!("a SELECT") };
    let text = |span: crate::base::Span| span.text(source);
    assert_eq!(text(query.span), source);
    assert_eq!(text(select.items[0].span), "(a + b) * c AS x");
    let SelectItemKind::Expr { expr, alias } = &select.items[0].kind else { panic!() };
    assert_eq!(text(expr.span), "(a + b) * c");
    assert_eq!(alias.as_ref().map(|a| text(a.span)), Some("x"));
    let ExprKind::Binary { op_span, left, .. } = &expr.kind else { panic!() };
    assert_eq!((text(*op_span), text(left.span)), ("*", "(a + b)"));
    assert_eq!(text(select.items[1].span), "t.*");
    let from = select.from.as_ref().expect("FROM");
    assert_eq!(text(from.span), "`d`.t AS u (y), v");
    let TableRefKind::Join { left, .. } = &from.kind else { panic!() };
    assert_eq!(text(left.span), "`d`.t AS u (y)");
    assert_eq!(text(select.filter.as_ref().expect("WHERE").span), "a IN (1)");
}

#[test]
fn a_query_in_parentheses_is_told_from_an_expression_and_from_a_join() {
    for (source, expected) in [
        ("SELECT ((SELECT 1) + 2)", "SELECT (SELECT 1) + 2"),
        ("SELECT ((SELECT 1) UNION SELECT 2)", "SELECT ((SELECT 1) UNION SELECT 2)"),
        (
            "SELECT a IN ((SELECT 1) UNION ALL (SELECT 2))",
            "SELECT a IN ((SELECT 1) UNION ALL (SELECT 2))",
        ),
        (
            "SELECT * FROM ((SELECT 1) EXCEPT SELECT 2) AS t",
            "SELECT * FROM ((SELECT 1) EXCEPT SELECT 2) AS t",
        ),
        (
            "SELECT * FROM ((SELECT 1) AS a JOIN b ON TRUE)",
            "SELECT * FROM ((SELECT 1) AS a JOIN b ON TRUE)",
        ),
        ("SELECT * FROM (a CROSS JOIN b)", "SELECT * FROM (a CROSS JOIN b)"),
        ("INSERT INTO t (SELECT 1)", "INSERT INTO t (SELECT 1)"),
        ("INSERT INTO t (a) (SELECT 1)", "INSERT INTO t (a) (SELECT 1)"),
        ("VALUES ((SELECT 1), 2), 3", "VALUES ROW((SELECT 1), 2), ROW(3)"),
        (
            "SELECT 1 UNION SELECT 2 INTERSECT SELECT 3 ORDER BY 1 LIMIT 2 OFFSET 1 ROW",
            "SELECT 1 UNION SELECT 2 INTERSECT SELECT 3 ORDER BY 1 LIMIT 2 OFFSET 1",
        ),
    ] {
        let statement = parse_statement(source).unwrap_or_else(|e| panic!("{source}: {e}"));
        assert_eq!(statement.to_sql(), expected, "{source}");
    }
}
