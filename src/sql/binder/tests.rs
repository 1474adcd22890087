//! Plans, declarations and refusals.

use super::Binder;
use super::tables::Tables;
use crate::base::{Error, Result};
use crate::expr::{CastMode, Scalar};
use crate::plan::{Insert, Rel};
use crate::sql::ast::Statement;
use crate::sql::parse_statement;
use crate::table::{ColumnKind, TableDef};
use crate::types::Schema;
use std::sync::Arc;

const ORDERS: &str = "CREATE TABLE orders (
    id BIGINT NOT NULL, item STRING, price DECIMAL(10, 2), amount INT, ts TIMESTAMP(3),
    at_ TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
    part INT METADATA FROM 'partition',
    total AS price * amount,
    who ROW<name STRING, age INT>,
    WATERMARK FOR ts AS ts - INTERVAL '5' SECOND,
    PRIMARY KEY (id) NOT ENFORCED
) WITH ('connector' = 'kafka', 'topic' = 'orders')";

fn tables() -> Tables {
    let mut tables = Tables::default();
    let table = create(ORDERS).unwrap();
    tables.0.insert("orders".into(), Arc::new(table));
    let sink = create(
        "CREATE TABLE sink (a BIGINT NOT NULL, b VARCHAR(3), c DOUBLE) WITH ('connector' = 'print')",
    );
    tables.0.insert("sink".into(), Arc::new(sink.unwrap()));
    tables
}

fn create(sql: &str) -> Result<TableDef> {
    match parse_statement(sql).unwrap() {
        Statement::CreateTable(create) => Binder::new(&Tables::default()).create_table(&create),
        other => panic!("{other:?}"),
    }
}

fn query(sql: &str) -> Result<Rel> {
    match parse_statement(sql).unwrap() {
        Statement::Query(query) => {
            Binder::new(&tables()).with_time_zone(chrono_tz::UTC).query(&query)
        }
        other => panic!("{other:?}"),
    }
}

fn insert(sql: &str) -> Result<Insert> {
    match parse_statement(sql).unwrap() {
        Statement::Insert(insert) => {
            Binder::new(&tables()).with_time_zone(chrono_tz::UTC).insert(&insert)
        }
        other => panic!("{other:?}"),
    }
}

/// The refused part of the text, the message and the hint.
fn shown(sql: &str, error: &Error) -> (String, String, String) {
    let span = error.span().unwrap_or_default();
    let part = sql.get(span.start as usize..span.end as usize).unwrap_or_default();
    (part.to_owned(), error.to_string(), error.hint().unwrap_or_default().to_owned())
}

#[test]
fn declarations_are_typed() {
    let table = create(ORDERS).unwrap();
    let types: Vec<String> = table.columns.iter().map(|c| c.data_type.to_string()).collect();
    assert_eq!(
        types,
        [
            "BIGINT NOT NULL",
            "STRING",
            "DECIMAL(10, 2)",
            "INT",
            "TIMESTAMP(3)",
            "TIMESTAMP_LTZ(3)",
            "INT",
            "DECIMAL(21, 2)",
            "ROW<`name` STRING, `age` INT>",
        ]
    );
    assert_eq!(table.primary_key, ["id"]);
    let (column, watermark) = table.watermark.unwrap();
    assert_eq!(column, "ts");
    assert_eq!(watermark.to_string(), "$ADD($4, -(INTERVAL '5' SECOND))");
    let computed = &table.columns[7].kind;
    assert!(matches!(computed, ColumnKind::Computed(expr) if expr.columns_used() == [2, 3]));
}

#[test]
fn only_what_is_used_is_read() {
    for (sql, plan) in [
        (
            "SELECT item FROM orders WHERE amount > 3 AND item = 'x'",
            "Project(select=[item])
  Scan(table=[c.d.orders], fields=[item, amount], filter=[((amount > 3) AND (item = 'x'))])
",
        ),
        // A computed column stands for its expression.
        (
            "SELECT total FROM orders",
            "Project(select=[(price * CAST(amount AS DECIMAL(10, 0))) AS total])
  Scan(table=[c.d.orders], fields=[price, amount])
",
        ),
        // What may fail stays behind what stands before it, and out of the source.
        (
            "SELECT id FROM orders WHERE amount > 0 AND 100 / amount > 2 AND item = 'x'",
            "Project(select=[id])
  Filter(where=[(((100 / amount) > 2) AND (item = 'x'))])
    Scan(table=[c.d.orders], fields=[id, item, amount], filter=[(amount > 0)])
",
        ),
        // What depends on the time too.
        (
            "SELECT id FROM orders WHERE at_ < CURRENT_TIMESTAMP",
            "Project(select=[id])
  Filter(where=[(at_ < CURRENT_TIMESTAMP())])
    Scan(table=[c.d.orders], fields=[id, at_])
",
        ),
        // Subqueries and common tables become one projection.
        (
            "WITH o AS (SELECT id, amount * 2 AS n FROM orders) SELECT n + 1 AS m FROM (SELECT n FROM o) LIMIT 2",
            "Limit(rows=[2])
  Project(select=[((amount * 2) + 1) AS m])
    Scan(table=[c.d.orders], fields=[amount])
",
        ),
        // What only the condition looks at, and what nobody does, is not computed for the rows that are left.
        (
            "SELECT id, u FROM (SELECT *, UPPER(item) AS u, MD5(item) AS m FROM orders) WHERE u = 'A' AND amount > 3",
            "Project(select=[id, UPPER(item) AS u])
  Scan(table=[c.d.orders], fields=[id, item, amount], filter=[((UPPER(item) = 'A') AND (amount > 3))])
",
        ),
        (
            "SELECT u, u AS v FROM (SELECT *, UPPER(item) AS u, MD5(item) AS m FROM orders)",
            "Project(select=[u, u AS v])
  Project(select=[UPPER(item) AS u])
    Scan(table=[c.d.orders], fields=[item])
",
        ),
        (
            "SELECT id, n, u FROM (SELECT *, UPPER(item) AS u, 9 / amount AS n FROM orders) WHERE u > 'A' AND id > 2",
            "Project(select=[id, (9 / amount) AS n, u])
  Filter(where=[(u > 'A')])
    Project(select=[id, amount, UPPER(item) AS u])
      Scan(table=[c.d.orders], fields=[id, item, amount], filter=[(id > 2)])
",
        ),
        (
            "SELECT id FROM (SELECT * FROM orders LIMIT 3)",
            "Project(select=[id])
  Limit(rows=[3])
    Project(select=[id])
      Scan(table=[c.d.orders], fields=[id])
",
        ),
        // Constants are computed once; a condition that always holds goes away.
        (
            "SELECT o.who.name, UPPER('a') || 'b' AS c FROM orders AS o WHERE 1 < 2",
            "Project(select=[who.name AS name, 'Ab' AS c])
  Scan(table=[c.d.orders], fields=[who])
",
        ),
        // Something has to count the rows.
        (
            "SELECT 1 AS n FROM orders",
            "Project(select=[1 AS n])
  Scan(table=[c.d.orders], fields=[id])
",
        ),
    ] {
        assert_eq!(query(sql).unwrap().to_string(), plan, "{sql}");
    }
}

/// The lines of the plan that hold conditions.
fn conditions(sql: &str) -> Vec<String> {
    let plan = query(sql).unwrap().to_string();
    let lines =
        plan.lines().filter_map(|line| line.split_once("where=[").or(line.split_once("filter=[")));
    lines.map(|(_, condition)| condition.trim_end_matches([')', ']']).to_owned()).collect()
}

#[test]
fn conditions_move_below_what_is_computed() {
    for (columns, condition, left, moved) in [
        ("id, amount * 2 AS n", "n > 4", "", "((amount * 2) > 4"),
        // What takes work is computed once for every row, unless few pass.
        ("id, MD5(item) AS m", "m = 'x' AND id > 1", "", "((MD5(item) = 'x') AND (id > 1"),
        ("id, MD5(item) AS m", "m > 'x' AND id > 1", "(m > 'x'", "(id > 1"),
        ("id, item LIKE 'a%' AS m", "m AND id > 1", "m", "(id > 1"),
        // Nothing that may fail changes places with another part.
        ("id, amount, 9 / id AS n", "amount > 3 AND n > 1", "((9 / id) > 1", "(amount > 3"),
        (
            "id, MD5(item) AS m, amount",
            "m > 'x' AND 9 / amount > 1 AND id > 1",
            "((m > 'x') AND ((9 / amount) > 1) AND (id > 1",
            "",
        ),
        ("id, CAST(item AS INT) AS m, amount", "m > 1 AND id > 1", "((m > 1) AND (id > 1", ""),
        // A random number is the same above and below.
        ("id, RAND() AS r", "id > 3 AND r < 5e-1", "((id > 3) AND (r < 0.5", ""),
        ("id, NOW() AS r, at_", "r > at_", "(r > at_", ""),
        ("id, RAND() AS r", "id > 3", "", "(id > 3"),
    ] {
        let sql = format!("SELECT * FROM (SELECT {columns} FROM orders) WHERE {condition}");
        let expected: Vec<&str> = [left, moved].into_iter().filter(|c| !c.is_empty()).collect();
        assert_eq!(conditions(&sql), expected, "{sql}");
    }
}

/// Put into each other, the columns would have 2 to the power of 40 parts.
#[test]
fn conditions_on_columns_of_columns_stay_small() {
    let mut sql = "WITH t0 AS (SELECT id, amount AS a FROM orders)".to_owned();
    for level in 1..=40 {
        sql += &format!(", t{level} AS (SELECT id, a + a AS a FROM t{})", level - 1);
    }
    sql += " SELECT id FROM t40 WHERE a > 5 AND id > 2";
    let conditions = conditions(&sql);
    assert!(conditions.iter().all(|condition| condition.len() < 1000), "{conditions:?}");
    assert_eq!(conditions.last().unwrap(), "(id > 2");
}

#[test]
fn inserts_keep_what_a_source_may_not_apply() {
    let bound = insert(
        "INSERT INTO sink SELECT id, item, amount FROM orders WHERE amount > 0 AND 9 / amount > 2",
    );
    let plan = bound.unwrap().rel.to_string();
    assert!(plan.contains("Filter(where=[((9 / amount) > 2)])"), "{plan}");
    assert!(plan.contains("filter=[(amount > 0)]"), "{plan}");
}

#[test]
fn failing_constants_fail_at_run_time() {
    let plan = query("SELECT 1 % 0 AS x FROM orders").unwrap();
    assert!(plan.to_string().starts_with("Project(select=[(1 % 0) AS x])"));
    let plan = query("SELECT CASE WHEN id > 0 THEN 1 ELSE 1 % 0 END AS x FROM orders").unwrap();
    assert!(plan.to_string().contains("ELSE (1 % 0) END"));
}

#[test]
fn constants_are_not_divided_by_zero() {
    for (sql, part) in [
        ("SELECT id, 1e0 / -0.0 FROM orders", "1e0 / -0.0"),
        ("SELECT CASE WHEN id > 0 THEN 1 ELSE 1 / 0 END FROM orders", "1 / 0"),
        ("SELECT id FROM orders WHERE id = 1 / 0", "1 / 0"),
        ("VALUES (1), ((1 + 1) / CAST(0 AS BIGINT))", "(1 + 1) / CAST(0 AS BIGINT)"),
        ("SELECT COALESCE(NULLIF(id, 1), 1 / 0) FROM orders", "1 / 0"),
        ("SELECT COALESCE(1e0 / 0, id) FROM orders", "1e0 / 0"),
        ("SELECT IFNULL(id, 1 / 0) FROM orders", "1 / 0"),
        ("SELECT id IS DISTINCT FROM 1 / 0 FROM orders", "1 / 0"),
    ] {
        let error = query(sql).unwrap_err();
        let (place, message, _) = shown(sql, &error);
        assert_eq!((place.as_str(), message.as_str()), (part, "division by zero"));
    }
    for sql in [
        "SELECT id / 0 FROM orders",
        "SELECT CASE WHEN FALSE THEN 1 / 0 ELSE 2 END",
        "SELECT CAST(NULL AS INT) / 0",
        "SELECT COALESCE(1, 1 / 0)",
        "SELECT COALESCE(CAST(NULL AS DOUBLE), 1e0 / 0)",
        "SELECT 1 / 0 IS DISTINCT FROM NULL",
    ] {
        query(sql).unwrap();
    }
}

#[test]
fn repeated_names_are_numbered_and_unnamed_ones_too() {
    let schema = query("SELECT id, id, id + 1, o.* FROM orders o").unwrap().schema();
    let names: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names[..3], ["id", "id0", "EXPR$2"]);
    assert_eq!(names.len(), 12);
}

#[test]
fn what_is_wrong_is_named_at_its_place() {
    for (sql, part, message, hint) in [
        (
            "SELECT itme FROM orders",
            "itme",
            "column 'itme' not found in any table",
            "did you mean 'item'?",
        ),
        ("SELECT id FROM ordres", "ordres", "object 'ordres' not found", "did you mean 'orders'?"),
        ("SELECT o.nam FROM orders o", "nam", "column 'nam' not found in table 'o'", ""),
        (
            "SELECT UPER(item) FROM orders",
            "UPER(item)",
            "no match found for function signature UPER(<VARCHAR(2147483647)>)",
            "did you mean 'UPPER'?",
        ),
        (
            "SELECT UPPER(id) FROM orders",
            "UPPER(id)",
            "cannot apply 'UPPER' to arguments of type 'UPPER(<BIGINT>)'",
            "supported form: UPPER(string)",
        ),
        (
            "SELECT id FROM orders WHERE item + 1 > 2",
            "item + 1",
            "cannot apply '+' to arguments of type '<VARCHAR(2147483647)> + <INTEGER>'",
            "supported form: <NUMERIC> + <NUMERIC>",
        ),
        (
            "SELECT id FROM orders WHERE item = 1",
            "item = 1",
            "implicit type conversion between VARCHAR and INTEGER is not supported now",
            "cast one of the operands",
        ),
        ("SELECT id FROM orders WHERE amount", "amount", "WHERE clause must be a condition", ""),
        (
            "SELECT CAST(ts AS BIGINT) FROM orders",
            "CAST(ts AS BIGINT)",
            "CAST function cannot convert value of type TIMESTAMP(3) to type BIGINT",
            "use UNIX_TIMESTAMP(CAST(timestamp_col AS STRING)) instead",
        ),
        (
            "SELECT item FROM orders GROUP BY item",
            "GROUP BY item",
            "not supported yet: GROUP BY",
            "",
        ),
        (
            "SELECT SUM(amount) FROM orders",
            "SUM(amount)",
            "not supported yet: aggregate function SUM",
            "",
        ),
        (
            "SELECT EXTRACT( FOO FROM ts) FROM orders",
            "FOO",
            "'FOO' is not a valid time frame",
            UNITS,
        ),
        ("SELECT FLOOR(ts TO foo) FROM orders", "foo", "'foo' is not a valid time frame", UNITS),
        (
            "SELECT TIMESTAMPADD(DAYS, 1, ts) FROM orders",
            "DAYS",
            "'DAYS' is not a valid time frame",
            UNITS,
        ),
    ] {
        let error = query(sql).unwrap_err();
        let expected = (part.to_owned(), message.to_owned(), hint.to_owned());
        assert_eq!(shown(sql, &error), expected, "{sql}");
    }
}

#[test]
fn inserts_cast_to_the_sink() {
    let bound = insert("INSERT INTO sink SELECT id, item, amount FROM orders").unwrap();
    assert_eq!(bound.columns, [0, 1, 2]);
    assert_eq!(
        bound.rel.to_string().lines().next().unwrap(),
        "Project(select=[id AS a, CAST(item AS VARCHAR(3)) AS b, CAST(amount AS DOUBLE) AS c])"
    );
    let bound = insert("INSERT INTO sink (c, a) VALUES (1, 2)").unwrap();
    assert_eq!(
        bound.rel.to_string().lines().next().unwrap(),
        "Project(select=[2 AS a, NULL AS b, 1.0 AS c])"
    );
}

const UNITS: &str = "units are MILLENNIUM, CENTURY, DECADE, YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND, \
    MILLISECOND, MICROSECOND, NANOSECOND, EPOCH, DOW, ISODOW, DOY and ISOYEAR (units of functions are singular)";

#[test]
fn inserts_that_do_not_fit_are_refused_as_in_flink() {
    let mismatch =
        "column types of query result and sink for 'c.d.sink' do not match. Cause: ".to_owned();
    for (sql, part, message) in [
        (
            "INSERT INTO sink SELECT id, item FROM orders",
            "sink",
            mismatch.clone() + "Different number of columns.",
        ),
        (
            "INSERT INTO sink SELECT item, item, 1 FROM orders",
            "sink",
            mismatch.clone() + "Incompatible types for sink column 'a' at position 0.",
        ),
        (
            "INSERT INTO sink (b) SELECT item FROM orders",
            "sink",
            mismatch + "Column 'a' has no default value and does not allow NULLs.",
        ),
        (
            "INSERT INTO sink (zz) SELECT item FROM orders",
            "zz",
            "unknown target column 'zz'".to_owned(),
        ),
        (
            "INSERT OVERWRITE sink SELECT id, item, 1 FROM orders",
            "INSERT OVERWRITE sink SELECT id, item, 1 FROM orders",
            "INSERT OVERWRITE: 'c.d.sink' cannot replace what it holds".to_owned(),
        ),
    ] {
        let error = insert(sql).unwrap_err();
        let (found_part, found, _) = shown(sql, &error);
        assert_eq!((found_part.as_str(), found), (part, message), "{sql}");
    }
}

#[test]
fn declarations_that_do_not_hold_are_refused_as_in_flink() {
    for (columns, part, message) in [
        ("a INT, a STRING", "a", "a column named 'a' already exists in the table"),
        (
            "a INT, PRIMARY KEY (a)",
            "PRIMARY KEY (a)",
            "Flink doesn't support ENFORCED mode for PRIMARY KEY constraint",
        ),
        (
            "a INT, PRIMARY KEY (b) NOT ENFORCED",
            "b",
            "primary key column 'b' is not defined in the schema",
        ),
        ("a INT, b AS c + 1", "c", "column 'c' not found in any table"),
        (
            "a DECIMAL(0)",
            "DECIMAL(0)",
            "decimal precision must be between 1 and 38 (both inclusive)",
        ),
        (
            "a TIMESTAMP(6), WATERMARK FOR a AS a",
            "a",
            "invalid data type of time field for watermark definition",
        ),
        (
            "a TIMESTAMP(3), WATERMARK FOR a AS 1",
            "1",
            "invalid data type of expression for watermark definition",
        ),
    ] {
        let sql = format!("CREATE TABLE t ({columns}) WITH ('connector' = 'print')");
        let error = create(&sql).unwrap_err();
        let (found_part, found, _) = shown(&sql, &error);
        assert_eq!(found_part, part, "{sql}");
        assert!(found.starts_with(message), "{sql}: {found}");
    }
}

#[test]
fn hints_change_options_and_nothing_else() {
    let plan = query("SELECT id FROM orders /*+ OPTIONS('topic' = 'other') */").unwrap();
    let Rel::Project { input, .. } = plan else { panic!("a projection") };
    let Rel::Scan { table, .. } = *input else { panic!("a scan") };
    assert_eq!(table.options.get("topic"), Some("other"));
    assert_eq!(table.options.get("connector"), Some("kafka"));
    assert_eq!(table.columns.len(), 9);
}

/// Constant expressions and their values as text; `None` is NULL.
#[test]
fn constants_have_flinks_values() {
    let tables = Tables::default();
    let binder = Binder::new(&tables).with_time_zone(chrono_tz::UTC);
    for (sql, expected) in [
        ("5 / 2", Some("2")),
        ("-7 % 3", Some("-1")),
        ("2147483647 + 1", Some("-2147483648")),
        ("1.5 + 1", Some("2.5")),
        ("7 / 2.0", Some("3.500000")),
        (
            "CAST('99999999999999999999' AS DECIMAL(38, 0)) * CAST('99999999999999999999' AS DECIMAL(38, 0))",
            None,
        ),
        ("CAST('12.7' AS INT)", Some("12")),
        ("CAST(' 5 ' AS INT)", Some("5")),
        ("TRY_CAST('x' AS INT)", None),
        ("CAST(300 AS TINYINT)", Some("44")),
        ("CAST(1e20 AS INT)", Some("2147483647")),
        ("CAST(1.005 AS DECIMAL(3, 2))", Some("1.01")),
        ("CAST(123456 AS DECIMAL(3, 0))", None),
        ("CAST('abc' AS CHAR(5))", Some("abc  ")),
        ("CAST('abcdef' AS VARCHAR(3))", Some("abc")),
        ("CAST(TRUE AS STRING)", Some("TRUE")),
        ("CAST(1e7 AS STRING)", Some("1.0E7")),
        ("CAST(X'6162' AS STRING)", Some("ab")),
        ("CAST(DATE '2024-02-29' AS STRING)", Some("2024-02-29")),
        ("CAST(INTERVAL '1-2' YEAR TO MONTH AS STRING)", Some("+1-02")),
        ("CAST(INTERVAL '1 02:03:04.5' DAY TO SECOND AS STRING)", Some("+1 02:03:04.500")),
        ("CAST(ARRAY[1, NULL] AS STRING)", Some("[1, NULL]")),
        ("CAST(MAP['a', 1] AS STRING)", Some("{a=1}")),
        ("NULLIF(1, 1)", None),
        ("COALESCE(NULL, 2)", Some("2")),
        ("IF(1 > 2, 'a', 'bc')", Some("bc")),
        ("CASE 3 WHEN 1 THEN 'x' END", None),
        ("SPLIT_INDEX('a,b,c', ',', 1)", Some("b")),
        ("REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 1)", Some("the")),
        ("DATE_FORMAT(TIMESTAMP '2024-01-02 03:04:05', 'yyyy/MM/dd')", Some("2024/01/02")),
        ("TO_TIMESTAMP('bad')", None),
        ("TIMESTAMPDIFF(DAY, DATE '2024-01-01', DATE '2024-03-01')", Some("60")),
        ("EXTRACT(DAY FROM TIMESTAMP '2024-01-31 00:00:00' + INTERVAL '1' MONTH)", Some("29")),
        ("ROUND(2.5)", Some("3")),
        ("ROUND(-1.255, 2)", Some("-1.26")),
        ("TRUNCATE(1.999, 1)", Some("1.9")),
        ("GREATEST(1, 2.5)", Some("2.5")),
        ("'a' IN ('b', NULL)", None),
        ("1 BETWEEN SYMMETRIC 3 AND 0", Some("TRUE")),
        ("NULL IS NOT DISTINCT FROM NULL", Some("TRUE")),
    ] {
        let parsed = crate::sql::parse_expression(sql).unwrap();
        let bound = binder.expression(&parsed, &Schema::default()).unwrap();
        let text = crate::expr::Expr::cast(
            bound,
            crate::types::DataType::string().kind,
            CastMode::default(),
        );
        let folded = text.folded(chrono_tz::UTC);
        let value = match folded.as_literal() {
            Some(Scalar::String(text)) => Some(text.as_str()),
            Some(Scalar::Null) => None,
            other => panic!("{sql}: {other:?}: {folded}"),
        };
        assert_eq!(value, expected, "{sql}");
    }
}
