//! Plans over tables that change, as Flink 2.1 plans them: which edge carries old rows, and what is refused.

use super::tests::Tested;
use crate::base::ErrorKind;

const TABLES: &str = "
    CREATE TABLE cdc (id INT, a STRING, b INT) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = 'x:1',
      'scan.startup.mode' = 'earliest-offset', 'format' = 'debezium-json');
    CREATE TABLE keyed (id INT, a STRING, b INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = 'x:1',
      'scan.startup.mode' = 'earliest-offset', 'format' = 'debezium-json');
    CREATE TABLE keyed2 (id INT, a STRING, b INT, PRIMARY KEY (id, a) NOT ENFORCED) WITH ('connector' = 'kafka', 'topic' = 't',
      'properties.bootstrap.servers' = 'x:1', 'scan.startup.mode' = 'earliest-offset', 'format' = 'canal-json');
    CREATE TABLE app (id INT, a STRING, b INT) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = 'x:1',
      'scan.startup.mode' = 'earliest-offset', 'format' = 'json');
    CREATE TABLE ups (id INT, a STRING, b INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 't',
      'properties.bootstrap.servers' = 'x:1', 'key.format' = 'json', 'value.format' = 'json');
    CREATE TABLE ups2 (id INT, a STRING, b INT, PRIMARY KEY (id, a) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 't',
      'properties.bootstrap.servers' = 'x:1', 'key.format' = 'json', 'value.format' = 'json');
    CREATE TABLE told (id INT, a STRING, b INT, ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, PRIMARY KEY (id) NOT ENFORCED) WITH (
      'connector' = 'upsert-kafka', 'topic' = 't', 'properties.bootstrap.servers' = 'x:1', 'key.format' = 'json', 'value.format' = 'json');
    CREATE TABLE p (id INT, a STRING, b INT) WITH ('connector' = 'print');
    CREATE TABLE bh (id INT, a STRING, b INT) WITH ('connector' = 'blackhole');";

#[test]
fn edges_carry_what_flink_lets_them_carry() {
    // A condition that the scan applies stands in its own line.
    let mut tested = Tested::new();
    tested.prints(TABLES);
    for (statement, expected) in [
        ("INSERT INTO p SELECT * FROM cdc", "Scan[I,UB,UA,D]"),
        ("INSERT INTO p SELECT * FROM cdc WHERE b > 1", "Scan[I,UB,UA,D]"),
        ("INSERT INTO bh SELECT * FROM cdc", "DropUpdateBefore[I,UA,D] Scan[I,UB,UA,D]"),
        ("INSERT INTO bh SELECT * FROM cdc WHERE b > 1", "Scan[I,UB,UA,D]"),
        ("INSERT INTO bh SELECT * FROM ups", "Scan[UA,D]"),
        ("INSERT INTO bh SELECT * FROM ups WHERE id > 1", "Scan[UA,D]"),
        ("INSERT INTO keyed SELECT * FROM keyed", "Scan[I,UB,UA,D]"),
        ("INSERT INTO cdc SELECT * FROM app", "Scan[I]"),
        ("INSERT INTO ups SELECT * FROM app", "Scan[I]"),
        ("INSERT INTO ups SELECT * FROM ups", "Scan[UA,D]"),
        ("INSERT INTO ups SELECT id, a, b FROM told", "Scan[UA,D]"),
        ("INSERT INTO ups SELECT id, a, b + 1 FROM ups WHERE id > 1", "Project[UA,D] Scan[UA,D]"),
        ("INSERT INTO ups2 SELECT * FROM ups2 WHERE a = 'x'", "Scan[UA,D]"),
        (
            "INSERT INTO bh SELECT b, a, b FROM (SELECT id, b, UPPER(a) AS a FROM ups) WHERE id > 1",
            "Project[UA,D] Scan[UA,D]",
        ),
        ("INSERT INTO ups SELECT * FROM keyed", "DropUpdateBefore[I,UA,D] Scan[I,UB,UA,D]"),
        (
            "INSERT INTO ups SELECT * FROM keyed WHERE id > 1",
            "Filter[I,UA,D] DropUpdateBefore[I,UA,D] Scan[I,UB,UA,D]",
        ),
        ("INSERT INTO ups SELECT * FROM keyed WHERE b > 1", "Scan[I,UB,UA,D]"),
        ("INSERT INTO ups2 SELECT * FROM keyed", "Scan[I,UB,UA,D]"),
        (
            "SELECT id FROM cdc UNION ALL SELECT id FROM app",
            "Union[I,UB,UA,D] Project[I,UB,UA,D] Scan[I,UB,UA,D] Project[I] Scan[I]",
        ),
        (
            "SELECT e FROM keyed CROSS JOIN UNNEST(ARRAY[b]) AS u (e)",
            "Project[I,UB,UA,D] Unnest[I,UB,UA,D] Project[I,UB,UA,D] Scan[I,UB,UA,D]",
        ),
    ] {
        let plan = tested.prints(&format!("EXPLAIN CHANGELOG_MODE {statement}"));
        let steps: Vec<String> = plan
            .lines()
            .map(str::trim)
            .filter(|line| line.contains("changelogMode=") && !line.starts_with("Sink("))
            .filter_map(|line| {
                let (name, rest) = line.split_once('(')?;
                Some(format!("{name}{}", rest.split_once("changelogMode=")?.1.strip_suffix(')')?))
            })
            // A projection that only names columns is not in Flink's plan.
            .collect();
        let identity =
            |step: &&String| !(step.starts_with("Project[") && !expected.contains("Project["));
        let shown: Vec<&str> = steps.iter().filter(identity).map(String::as_str).collect();
        assert_eq!(shown.join(" "), expected, "{statement}\n{plan}");
    }
}

#[test]
fn what_a_sink_does_not_take_is_refused_with_flinks_words() {
    // An error ends a session's script.
    let refused = |settings: &str, statement: &str| {
        let mut tested = Tested::new();
        tested.prints(TABLES);
        tested.prints(settings);
        let (kind, message, _) = tested.refuses(statement);
        (kind, message)
    };
    let sink = "Table sink 'default_catalog.default_database.app' doesn't support consuming update and delete changes which is \
                produced by node";
    for (statement, kind, expected) in [
        (
            "INSERT INTO app SELECT * FROM cdc",
            ErrorKind::Schema,
            format!(
                "{sink} TableSourceScan(table=[[default_catalog, default_database, cdc]], fields=[id, a, b])"
            ),
        ),
        (
            "INSERT INTO app SELECT * FROM ups WHERE b > 1",
            ErrorKind::Schema,
            format!("{sink} ChangelogNormalize(key=[id])"),
        ),
        (
            "INSERT INTO app SELECT * FROM app UNION ALL SELECT * FROM keyed2",
            ErrorKind::Schema,
            format!(
                "{sink} TableSourceScan(table=[[default_catalog, default_database, keyed2]], fields=[id, a, b])"
            ),
        ),
        ("SELECT * FROM ups", ErrorKind::Unsupported, "ChangelogNormalize(key=[id])".into()),
        (
            "INSERT INTO p SELECT * FROM ups2",
            ErrorKind::Unsupported,
            "ChangelogNormalize(key=[id, a])".into(),
        ),
        (
            "INSERT INTO cdc SELECT * FROM ups",
            ErrorKind::Unsupported,
            "ChangelogNormalize(key=[id])".into(),
        ),
        (
            "INSERT INTO ups SELECT * FROM ups WHERE b > 1",
            ErrorKind::Unsupported,
            "ChangelogNormalize(key=[id])".into(),
        ),
        (
            "INSERT INTO bh SELECT b, a, b FROM (SELECT id, b, UPPER(a) AS a FROM ups) WHERE a = 'X'",
            ErrorKind::Unsupported,
            "ChangelogNormalize(key=[id])".into(),
        ),
        (
            "INSERT INTO p SELECT b, a, b FROM (SELECT id, b, UPPER(a) AS a FROM ups) WHERE id = 1",
            ErrorKind::Unsupported,
            "ChangelogNormalize(key=[id])".into(),
        ),
        (
            "INSERT INTO ups2 SELECT * FROM ups",
            ErrorKind::Unsupported,
            "ChangelogNormalize(key=[id])".into(),
        ),
        (
            "INSERT INTO ups SELECT * FROM cdc",
            ErrorKind::Unsupported,
            "SinkUpsertMaterializer".into(),
        ),
        (
            "INSERT INTO ups SELECT * FROM keyed2",
            ErrorKind::Unsupported,
            "SinkUpsertMaterializer".into(),
        ),
        (
            "INSERT INTO ups SELECT id + 1, a, b FROM keyed",
            ErrorKind::Unsupported,
            "SinkUpsertMaterializer".into(),
        ),
        (
            "INSERT INTO ups SELECT * FROM ups UNION ALL SELECT * FROM app",
            ErrorKind::Unsupported,
            "SinkUpsertMaterializer".into(),
        ),
        (
            "SELECT id FROM cdc LIMIT 3",
            ErrorKind::Unsupported,
            "LIMIT over rows that are updated or deleted".into(),
        ),
    ] {
        for statement in [statement.to_owned(), format!("EXPLAIN {statement}")] {
            let (found, message) = refused("", &statement);
            assert!(
                found == kind && message.contains(&expected),
                "{statement}: {found:?} {message}"
            );
        }
    }
    for (settings, expected) in [
        ("SET 'execution.runtime-mode' = 'batch'", "only possible for INSERT-only table sources"),
        ("SET 'table.exec.source.cdc-events-duplicate' = 'true'", "cdc-events-duplicate"),
    ] {
        let bounded = "/*+ OPTIONS('scan.bounded.mode' = 'latest-offset') */";
        let (_, message) =
            refused(settings, &format!("INSERT INTO p SELECT * FROM keyed {bounded}"));
        assert!(message.contains(expected), "{message}");
    }
}
