//! Tables that change, beyond what Flink could be asked to record.

use super::script::{ENDLESS, kafka, print};
use crate::support::{Cluster, Program, Rec};

/// An `upsert-kafka` table.
fn upsert(name: &str, columns: &str, topic: &str, cluster: &Cluster, options: &str) -> String {
    let formats = format!("'key.format' = 'json', 'value.format' = 'json'{options}");
    kafka(name, columns, topic, cluster, &formats).replace("= 'kafka'", "= 'upsert-kafka'")
}

fn keyed(key: &str, value: Option<&str>) -> Rec {
    let rec = Rec { key: Some(key.into()), ..Rec::value(value.unwrap_or_default()) };
    Rec { value: value.map(Into::into), ..rec }
}

#[test]
fn a_prefix_keeps_the_key_of_an_upsert_table_apart() {
    let cluster = Cluster::embedded();
    let (input, output) = (cluster.topic("in", 2), cluster.topic("out", 2));
    cluster.produce(
        &input,
        &[
            keyed(r#"{"id":1}"#, Some(r#"{"id":"a","n":1}"#)),
            keyed(r#"{"id":2}"#, Some(r#"{"id":"b","n":2}"#)),
            keyed(r#"{"id":1}"#, None),
        ],
    );
    let columns = "k_id INT, id STRING, n INT, PRIMARY KEY (k_id) NOT ENFORCED";
    let prefix = ", 'key.fields-prefix' = 'k_', 'value.fields-include' = 'EXCEPT_KEY'";
    let bounded = format!("{prefix}, 'scan.bounded.mode' = 'latest-offset'");
    // A row that is deleted has nothing but its key.
    let written = columns.replace("n INT", "n INT NOT NULL");
    let sql = upsert("a", columns, &input, &cluster, &bounded)
        + &upsert("b", &written, &output, &cluster, prefix)
        + "INSERT INTO b SELECT * FROM a WHERE k_id < 9;\n";
    Program::script("job", &sql).run().code(0);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let read = cluster.read(&output);
    let mut read: Vec<(String, Option<String>)> = read
        .iter()
        .map(|rec| (text(rec.key.as_deref().unwrap()), rec.value.as_deref().map(text)))
        .collect();
    // Keys may go to different partitions.
    read.sort_by(|a, b| a.0.cmp(&b.0));
    let wanted = [
        (r#"{"id":1}"#, Some(r#"{"id":"a","n":1}"#)),
        (r#"{"id":1}"#, None),
        (r#"{"id":2}"#, Some(r#"{"id":"b","n":2}"#)),
    ];
    assert_eq!(read, wanted.map(|(key, value)| (key.to_owned(), value.map(str::to_owned))));
}

/// What `upsert-kafka` has in common with `kafka`, beside what Flink could be asked.
#[test]
fn an_upsert_table_ends_tolerates_and_is_written_as_a_log_is() {
    let cluster = Cluster::embedded();
    let (input, output, log) =
        (cluster.topic("in", 1), cluster.topic("out", 1), cluster.topic("log", 1));
    let at = |stamp: i64, key: &str, value: &str| Rec {
        timestamp: Some(stamp),
        ..keyed(key, Some(value))
    };
    cluster.produce(
        &input,
        &[
            at(1_000, r#"{"id":1}"#, r#"{"id":1,"n":"no number"}"#),
            at(2_000, r#"{"id":2}"#, r#"{"id":2,"n":2}"#),
            at(3_000, r#"{"id":3}"#, r#"{"id":3,"n":3}"#),
        ],
    );
    let columns = "id INT, n INT, PRIMARY KEY (id) NOT ENFORCED";
    let run = |pushdown: &str| {
        let source = format!(
            ", 'scan.bounded.mode' = 'timestamp', 'scan.bounded.timestamp-millis' = '2500', \
             'error-handling.mode' = 'log', 'error-handling.log.target' = 'failed', \
             'value.format.projection-pushdown.enabled' = '{pushdown}', 'properties.client.id' = 'me'"
        );
        let sink = ", 'sink.transaction-naming-strategy' = 'pooling', 'properties.linger.ms' = '5'";
        let sql = kafka("failed", "v BYTES", &log, &cluster, "'format' = 'raw'")
            + &upsert("a", columns, &input, &cluster, &source)
            + &upsert("b", columns, &output, &cluster, sink)
            + "INSERT INTO b SELECT id, 7 FROM a;\n";
        Program::script(&Cluster::unique("upsert"), &sql).run().code(0);
        let keys = cluster.read(&output).into_iter().map(|rec| rec.key.unwrap());
        keys.map(|key| String::from_utf8(key).unwrap()).collect::<Vec<_>>()
    };
    // The column that is wrong is not used.
    assert_eq!(run("true"), [r#"{"id":1}"#, r#"{"id":2}"#]);
    assert_eq!(cluster.values(&log), [""; 0]);
    assert_eq!(run("false"), [r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":2}"#]);
    assert_eq!(cluster.values(&log), [r#"{"id":1,"n":"no number"}"#]);
}

#[test]
fn rows_kept_back_are_written_when_their_time_has_come() {
    let cluster = Cluster::embedded();
    let (input, output) = (cluster.topic("in", 1), cluster.topic("out", 1));
    let columns = "id INT, n INT";
    let keyed = "id INT, n INT, PRIMARY KEY (id) NOT ENFORCED";
    let buffer = ", 'sink.buffer-flush.max-rows' = '1000', 'sink.buffer-flush.interval' = '50 ms'";
    let json = format!("{ENDLESS}, 'format' = 'json'");
    let sql = "SET 'execution.checkpointing.interval' = '1 h';\n".to_owned()
        + &kafka("source", columns, &input, &cluster, &json)
        + &upsert("held", keyed, &output, &cluster, buffer)
        + &kafka("written", columns, &output, &cluster, &json)
        + &print("shown", columns)
        + "INSERT INTO held SELECT * FROM source;\nINSERT INTO shown SELECT * FROM written;\n";
    cluster.produce_lines(&input, &[r#"{"id":1,"n":1}"#, r#"{"id":1,"n":2}"#, r#"{"id":2,"n":3}"#]);
    let program = Program::script("job", &sql);
    let running = program.start();
    running.until_stdout("the rows that were kept back", |out| out.contains("+I[2, 3]"));
    running.signal("INT");
    let ended = running.wait();
    // What a later row replaced was not written.
    ended.prints("+I[1, 2]\n+I[2, 3]\n").says(&["3 records in (42 B), 2 records out (44 B)"]);
}
