//! Whole scripts: splitting, kinds, positions.

use crate::sql::ast::{ColumnKind, Statement};
use crate::sql::{ParsedStatement, ToSql, is_complete, parse_script};

fn kinds(source: &str) -> Vec<&'static str> {
    parse_script(source).iter().map(|parsed| parsed.kind).collect()
}

fn all_parse(source: &str) -> Vec<ParsedStatement> {
    let parsed = parse_script(source);
    for statement in &parsed {
        if let Err(error) = &statement.result {
            panic!("{error}\n{}", statement.span.text(source));
        }
    }
    parsed
}

#[test]
fn semicolons_in_strings_comments_names_and_hints_do_not_split() {
    let source = "-- a; 'b\nSELECT ';', `;` /* ; ' */ FROM t /*+ OPTIONS('a'=';') */; // ; \"\n;;
        SELECT 2 -- last";
    let parsed = all_parse(source);
    let texts: Vec<&str> = parsed.iter().map(|p| p.span.text(source)).collect();
    assert_eq!(texts, ["SELECT ';', `;` /* ; ' */ FROM t /*+ OPTIONS('a'=';') */", "SELECT 2"]);
}

#[test]
fn a_statement_set_is_one_statement_in_both_forms() {
    let source = "
        EXECUTE STATEMENT SET BEGIN
          INSERT INTO a SELECT CASE WHEN x THEN 1 END FROM t;
          INSERT INTO b SELECT 2;
        END;
        BEGIN STATEMENT SET;
          INSERT INTO a SELECT 1;
        END;
        EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT 1; END;
        SELECT 1";
    let parsed = all_parse(source);
    let kinds: Vec<_> = parsed.iter().map(|p| p.kind).collect();
    assert_eq!(kinds, ["EXECUTE STATEMENT SET", "BEGIN STATEMENT SET", "EXPLAIN", "SELECT"]);
    let Ok(Statement::StatementSet(set)) = &parsed[0].result else { panic!("a statement set") };
    assert_eq!(set.inserts.len(), 2);
    assert!(parsed[0].span.text(source).ends_with("END"));
}

#[test]
fn only_begin_takes_a_statement_set_without_statements() {
    let parsed =
        parse_script("BEGIN STATEMENT SET; END; EXECUTE STATEMENT SET BEGIN END; SELECT 1");
    let verdicts: Vec<_> = parsed.iter().map(|p| p.result.is_ok()).collect();
    assert_eq!(verdicts, [true, false, true]);
}

#[test]
fn a_statement_set_without_end_is_refused_and_the_rest_goes_on() {
    let parsed = parse_script("BEGIN STATEMENT SET; INSERT INTO a SELECT 1; SELECT 2");
    let verdicts: Vec<_> = parsed.iter().map(|p| (p.kind, p.result.is_ok())).collect();
    assert_eq!(verdicts, [("BEGIN STATEMENT SET", false), ("INSERT INTO", true), ("SELECT", true)]);
}

#[test]
fn a_shell_knows_when_a_statement_is_complete() {
    for (source, complete) in [
        ("", true),
        ("SELECT 1", false),
        ("SELECT 1;", true),
        ("SELECT 1; -- done", true),
        ("SELECT ';", false),
        ("SELECT 1 /* ;", false),
        ("SELECT 1; SELECT", false),
        ("BEGIN STATEMENT SET;", false),
        ("BEGIN STATEMENT SET; INSERT INTO a SELECT 1;", false),
        ("BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END", false),
        ("BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END;", true),
        ("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;", false),
        ("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END;", true),
    ] {
        assert_eq!(is_complete(source), complete, "{source}");
    }
}

#[test]
fn every_statement_has_its_kind() {
    for (source, kind) in [
        ("CREATE TEMPORARY TABLE t (a INT)", "CREATE TABLE"),
        ("CREATE TABLE t AS SELECT 1", "CREATE TABLE"),
        ("create or replace view v as select 1", "CREATE VIEW"),
        ("CREATE DATABASE d", "CREATE DATABASE"),
        ("CREATE CATALOG c WITH ('type' = 'x')", "CREATE CATALOG"),
        ("CREATE TEMPORARY SYSTEM FUNCTION f AS 'x'", "CREATE FUNCTION"),
        ("DROP TABLE IF EXISTS t", "DROP TABLE"),
        ("DROP TEMPORARY VIEW v", "DROP VIEW"),
        ("ALTER TABLE t SET ('a' = 'b')", "ALTER TABLE"),
        ("ALTER TABLE t ADD PARTITION (a = 1)", "ALTER TABLE"),
        ("INSERT INTO t VALUES (1)", "INSERT INTO"),
        ("EXECUTE INSERT INTO t VALUES (1)", "INSERT INTO"),
        ("INSERT OVERWRITE t SELECT 1", "INSERT OVERWRITE"),
        ("(SELECT 1)", "SELECT"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "SELECT"),
        ("VALUES (1)", "VALUES"),
        ("SET", "SET"),
        ("SET 'a' = 'b'", "SET"),
        ("RESET", "RESET"),
        ("USE CATALOG c", "USE CATALOG"),
        ("USE c.d", "USE"),
        ("SHOW TABLES", "SHOW TABLES"),
        ("SHOW CREATE TABLE t", "SHOW CREATE TABLE"),
        ("DESC t", "DESCRIBE"),
        ("EXPLAIN CHANGELOG_MODE SELECT 1", "EXPLAIN"),
        ("ADD JAR 'x'", "ADD JAR"),
        ("LOAD MODULE hive", "LOAD MODULE"),
        ("quit", "QUIT"),
        ("DELETE FROM t WHERE a = 1", "DELETE"),
        ("CALL sys.run('x')", "CALL"),
        ("CREATE MODEL m WITH ('a' = 'b')", "CREATE MODEL"),
        ("COMPILE PLAN 'x' FOR STATEMENT SET BEGIN INSERT INTO a SELECT 1; END", "COMPILE PLAN"),
    ] {
        assert_eq!(kinds(source), [kind], "{source}");
        all_parse(source);
    }
    for (source, kind) in [
        ("CREATE TEMPORARY TABLE t (", "CREATE TABLE"),
        ("INSERT INTO t", "INSERT INTO"),
        ("SELECT FROM", "SELECT"),
        ("SHOW NOTHING", "SHOW"),
        ("STOPP JOB 'x'", "UNKNOWN"),
    ] {
        assert_eq!(kinds(source), [kind], "{source}");
    }
}

#[test]
fn settings_are_read_quoted_and_bare() {
    for (source, expected) in [
        ("SET 'a.b' = 'c d'", "SET 'a.b' = 'c d'"),
        ("SET a.b = c", "SET 'a.b' = 'c'"),
        (
            "set sql-client.execution.result-mode=TABLEAU",
            "SET 'sql-client.execution.result-mode' = 'TABLEAU'",
        ),
        (
            "SET execution.checkpointing.interval = 10s -- often",
            "SET 'execution.checkpointing.interval' = '10s'",
        ),
        (
            "SET table.local-time-zone = Europe/Berlin",
            "SET 'table.local-time-zone' = 'Europe/Berlin'",
        ),
        (
            "SET state.checkpoints.dir = hdfs://host:80/dir",
            "SET 'state.checkpoints.dir' = 'hdfs://host:80/dir'",
        ),
        ("SET pipeline.name = 'my job; it''s'", "SET 'pipeline.name' = 'my job; it''s'"),
        ("SET", "SET"),
        ("RESET a.b", "RESET 'a.b'"),
        ("RESET 'a.b'", "RESET 'a.b'"),
    ] {
        let parsed = all_parse(source);
        let printed: Vec<_> = parsed.iter().flat_map(|p| &p.result).map(ToSql::to_sql).collect();
        assert_eq!(printed, [expected], "{source}");
    }
    for source in ["SET 'a' = b", "SET a", "SET a =", "SET a = b c", "SET a = 'b' c", "RESET a b"] {
        assert!(parse_script(source)[0].result.is_err(), "{source}");
    }
}

/// Shaped like the table of the DLI reference: lower case, options of Flink 1.10.
const LEGACY: &str = "
create table orders (
  car_id string,
  car_speed int, -- km/h
  PRIMARY KEY (car_id) NOT ENFORCED
)
with (
  'connector.type' = 'kafka',
  'connector.version' = '0.11',
  'connector.topic' = 'orders',
  'connector.properties.bootstrap.servers' = '10.0.0.1:9092,10.0.0.2:9092',
  'connector.properties.0.key' = 'group.id',
  'format.type' = 'csv',
  'format.field-delimiter' = ';',
  'update-mode' = 'append'
);
create table audit (a VARCHAR) with ('connector.type' = 'kafka', 'format.type' = 'json');
insert into audit select cast(car_speed as varchar) from orders where car_speed > 100;";

/// Shaped like the table of the Flink 1.11 and of the PyFlink reference.
const KAFKA: &str = "
CREATE TABLE kafkaTable (
  user_id BIGINT,
  item_id BIGINT,
  behavior STRING,
  event_time TIMESTAMP(3) METADATA FROM 'timestamp',
  `partition` BIGINT METADATA VIRTUAL,
  cost AS user_id * 1.5 COMMENT 'computed',
  nested ROW<a INT, b ARRAY<MAP<STRING, DECIMAL(10, 2)>>> NOT NULL,
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) COMMENT 'behaviour' PARTITIONED BY (user_id) WITH (
  'connector' = 'kafka',
  'topic' = 'user_behavior',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'testGroup',
  'format' = 'csv',
  'scan.startup.mode' = 'specific-offsets',
  'scan.startup.specific-offsets' = 'partition:0,offset:42;partition:1,offset:300'
);
SET table.dml-sync = true;
INSERT INTO sink /*+ OPTIONS('sink.parallelism' = '2') */
SELECT user_id, behavior, COUNT(*) FROM kafkaTable /*+ OPTIONS('scan.startup.mode'='earliest-offset') */ AS k
GROUP BY user_id, behavior, TUMBLE(event_time, INTERVAL '1' MINUTES);";

#[test]
fn scripts_of_the_reference_documents_parse() {
    let parsed = all_parse(LEGACY);
    assert_eq!(kinds(LEGACY), ["CREATE TABLE", "CREATE TABLE", "INSERT INTO"]);
    let Ok(Statement::CreateTable(orders)) = &parsed[0].result else { panic!("a table") };
    assert_eq!(orders.properties.len(), 8);
    assert_eq!(orders.properties[6].value.value, ";");
    assert_eq!(orders.constraints[0].columns[0].value, "car_id");

    let parsed = all_parse(KAFKA);
    let Ok(Statement::CreateTable(table)) = &parsed[0].result else { panic!("a table") };
    let columns: Vec<(&str, &str)> = table
        .columns
        .iter()
        .map(|column| {
            let kind = match &column.kind {
                ColumnKind::Physical(_) => "physical",
                ColumnKind::Metadata { is_virtual: true, .. } => "virtual",
                ColumnKind::Metadata { .. } => "metadata",
                ColumnKind::Computed(_) => "computed",
            };
            (column.name.value.as_str(), kind)
        })
        .collect();
    assert_eq!(
        columns,
        [
            ("user_id", "physical"),
            ("item_id", "physical"),
            ("behavior", "physical"),
            ("event_time", "metadata"),
            ("partition", "virtual"),
            ("cost", "computed"),
            ("nested", "physical"),
        ]
    );
    assert_eq!(table.watermarks[0].expr.span.text(KAFKA), "event_time - INTERVAL '5' SECOND");
    assert_eq!(table.columns[6].span.text(KAFKA).len(), 64);
}
