//! Options of exactly-once sinks.

use crate::support::{Ended, Program};

fn check(sinks: &[&str]) -> Ended {
    let mut sql =
        "CREATE TABLE src (v STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '1');\n"
            .to_owned();
    for (at, options) in sinks.iter().enumerate() {
        sql += &format!(
            "CREATE TABLE sink{at} (v STRING) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json', {options});\n"
        );
    }
    sql += "EXECUTE STATEMENT SET BEGIN\n";
    for at in 0..sinks.len() {
        sql += &format!("INSERT INTO sink{at} SELECT v FROM src;\n");
    }
    sql += "END;\n";
    let program = Program::new(&["check", "--offline", "job.sql"]);
    std::fs::write(program.path("job.sql"), sql).unwrap();
    program.run()
}

const AT: &str = "'properties.bootstrap.servers' = '127.0.0.1:1'";

#[test]
fn names_of_the_guarantee() {
    for (options, code) in [
        ("'sink.delivery-guarantee' = 'exactly-once'", 3),
        ("'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = ''", 3),
        ("'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'p'", 0),
        ("'sink.delivery-guarantee' = 'EXACTLY-ONCE', 'sink.transactional-id-prefix' = 'p'", 0),
        ("'sink.delivery-guarantee' = 'EXACTLY_ONCE', 'sink.transactional-id-prefix' = 'p'", 0),
        ("'sink.delivery-guarantee' = 'EXACTLY_ONCE'", 3),
        ("'sink.delivery-guarantee' = 'AT_LEAST_ONCE'", 0),
        ("'sink.delivery-guarantee' = 'NONE'", 0),
        ("'sink.semantic' = 'EXACTLY_ONCE'", 0),
        ("'sink.semantic' = 'AT_LEAST_ONCE'", 0),
        ("'sink.semantic' = 'NONE'", 0),
        ("'sink.semantic' = 'EXACTLY ONCE'", 3),
        ("'sink.semantic' = 'exactly-once'", 0),
        ("'sink.semantic' = 'EXACTLY-ONCE'", 0),
        // As in Flink the new name counts.
        ("'sink.semantic' = 'exactly-once', 'sink.delivery-guarantee' = 'none'", 0),
        ("'sink.transaction-naming-strategy' = 'POOLING'", 0),
        ("'sink.transaction-naming-strategy' = 'incrementing'", 0),
        ("'sink.transaction-naming-strategy' = 'other'", 3),
    ] {
        let ended = check(&[&format!("{AT}, {options}")]);
        assert_eq!(ended.code, Some(code), "{options}: {ended:?}");
    }
    let exact = "'sink.delivery-guarantee' = 'exactly-once'";
    check(&[&format!("{AT}, {exact}")]).says_or_prints(
        "sink.transactional-id-prefix must be specified when using DeliveryGuarantee.EXACTLY_ONCE",
    );
}

#[test]
fn one_transaction_spans_one_cluster() {
    let exact = "'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'p'";
    let other = "'properties.bootstrap.servers' = '127.0.0.1:2'";
    check(&[&format!("{AT}, {exact}"), &format!("{AT}, {exact}")]).code(0);
    check(&[&format!("{AT}, {exact}"), &format!("{other}, {exact}")])
        .code(3)
        .says_or_prints("exactly-once sinks of one job on two clusters");
    check(&[&format!("{AT}, {exact}"), other]).code(0);
}
