//! Brokers and records that are not as they should be: each ends the job with a message that names the place.

use super::script::{ALL, JSON, kafka, print, produce};
use crate::support::{Cluster, Ended, Hostile, Program, Rec, api};
use std::net::TcpListener;

fn run(sql: &str) -> Ended {
    Program::script("job", sql).run()
}

/// An address where nobody listens: not one that was bound and closed, which the next client may get.
const NOBODY: &str = "127.0.0.1:1";

/// A `kafka` table elsewhere than on a cluster of these tests.
fn table_at(bootstrap: &str, options: &str) -> String {
    format!(
        "CREATE TABLE t (v STRING) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json',\n  \
         'properties.bootstrap.servers' = '{bootstrap}', 'properties.default.api.timeout.ms' = '1000',\n  \
         {options});\n"
    )
}

#[test]
fn an_unreachable_broker_is_named_by_its_bootstrap_address() {
    let address = NOBODY;
    let source = table_at(address, "'scan.startup.mode' = 'earliest-offset'")
        + &print("p", "v STRING")
        + "INSERT INTO p\n  SELECT v FROM t;\n";
    let select =
        table_at(address, "'scan.startup.mode' = 'earliest-offset'") + "SELECT v FROM t;\n";
    let sink = table_at(address, "'properties.max.block.ms' = '1000'")
        + "CREATE TABLE g (v STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '1');\n\
           INSERT INTO t SELECT v FROM g;\n";
    for (sql, place) in
        [(&source, "--> job.sql:5:1"), (&select, "--> job.sql:4:1"), (&sink, "--> job.sql:5:1")]
    {
        let ended = run(sql);
        ended.code(4).says(&[
            &format!("error: no answer from the brokers at '{address}': "),
            place,
            "hint: check 'properties.bootstrap.servers' and that the broker is running",
        ]);
        for internal in ["FindCoordinator", "InitProducerId", "Metadata"] {
            assert!(!ended.stderr.contains(internal), "{}", ended.stderr);
        }
        assert!(ended.took.as_secs() < 10, "{:?}", ended.took);
    }
}

/// An answer is the broker's fault, not that of a record.
#[test]
fn an_answer_that_cannot_be_read_is_a_failure_of_the_broker() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    let cut = |number: i16, frame: &mut [u8]| {
        if number == api::METADATA {
            // A count of brokers that the frame cannot hold.
            frame[8..].fill(0x7f);
        }
    };
    let hostile = Hostile::start(cluster.bootstrap(), cut);
    let options = format!("{ALL}, {JSON}, 'properties.default.api.timeout.ms' = '1000'");
    let sql = kafka("t", "v STRING", &topic, &cluster, &options)
        .replace(cluster.bootstrap(), &hostile.bootstrap())
        + "SELECT v FROM t;\n";
    run(&sql).code(4).says(&[
        "malformed message from the peer",
        &hostile.bootstrap(),
        "hint: check 'properties.bootstrap.servers': what listens there may be no broker",
    ]);
}

#[test]
fn a_broker_that_never_answers_is_named_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let sql = table_at(&address, "'scan.startup.mode' = 'earliest-offset'") + "SELECT v FROM t;\n";
    run(&sql).code(4).says(&["error: no answer from the brokers at", &address, "--> job.sql:4:1"]);
}

#[test]
fn an_unknown_topic_points_at_the_statement() {
    let cluster = Cluster::embedded();
    let sql = kafka("t", "v STRING", "nobody-made-it", &cluster, &format!("{ALL}, {JSON}"))
        + &print("p", "v STRING")
        + "INSERT INTO p SELECT v FROM t;\n";
    run(&sql).code(4).says(&[
        "error: topic `nobody-made-it` does not exist",
        "--> job.sql:4:1",
        " 4 | INSERT INTO p SELECT v FROM t",
        "hint: create it with \"brooklet topic create nobody-made-it",
    ]);
}

#[test]
fn no_committed_offset_and_no_reset_is_an_error() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 3);
    cluster.commit("readers", &topic, &[(0, 0), (1, 0)]);
    for reset in ["", ", 'properties.auto.offset.reset' = 'none'"] {
        let options = format!(
            "'properties.group.id' = 'readers', 'scan.bounded.mode' = 'latest-offset', {JSON}{reset}"
        );
        let sql = kafka("t", "v STRING", &topic, &cluster, &options)
            + &print("p", "v STRING")
            + "INSERT INTO p SELECT v FROM t;\n";
        run(&sql).code(4).says(&[
            &format!(
                "error: no committed offset for topic '{topic}' partition 2 in group 'readers'"
            ),
            "--> job.sql:4:1",
            "hint: set 'properties.auto.offset.reset' to earliest or latest",
        ]);
    }
}

#[test]
fn an_offset_out_of_range_names_the_range() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    produce(&cluster, &topic, &["a", "b", "c"]);
    let options = format!(
        "'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = 'partition:0,offset:99', {JSON}"
    );
    let sql = kafka("t", "v STRING", &topic, &cluster, &options)
        + &print("p", "v STRING")
        + "INSERT INTO p SELECT v FROM t;\n";
    run(&sql).code(4).says(&[
        &format!("reading topic '{topic}' partition 0 at offset 99"),
        "--> job.sql:4:1",
        "hint: records were deleted by retention",
    ]);
}

#[test]
fn a_record_above_the_clients_limit_names_where_it_came_from() {
    let cluster = Cluster::embedded();
    let (input, output) = (cluster.topic("in", 1), cluster.topic("out", 1));
    produce(&cluster, &input, &["small", &"x".repeat(5000)]);
    let options = format!("{JSON}, 'properties.max.request.size' = '4096'");
    let sql = kafka("src", "v STRING", &input, &cluster, &format!("{ALL}, {JSON}"))
        + &kafka("sink", "v STRING", &output, &cluster, &options)
        + "INSERT INTO sink SELECT v FROM src;\n";
    run(&sql).code(1).says(&[
        &format!("error: record of 5008 bytes is too large for topic '{output}'"),
        "raise 'properties.max.request.size', which is 4096",
        &format!("at topic '{input}' partition 0 offset 1"),
        "--> job.sql:5:1",
    ]);
}

#[test]
fn a_record_above_the_brokers_limit_fails_the_job_and_the_others_arrive() {
    let cluster = Cluster::embedded();
    let (input, output) = (cluster.topic("in", 1), Cluster::unique("out"));
    cluster.create(&output, 1, &[("max.message.bytes", "2000")]);
    produce(&cluster, &input, &["small", &"x".repeat(5000), "after"]);
    // `none` does not wait for the brokers in every epoch; what they say counts all the same.
    for guarantee in ["", ", 'sink.delivery-guarantee' = 'none'"] {
        let sql = kafka("src", "v STRING", &input, &cluster, &format!("{ALL}, {JSON}"))
            + &kafka("sink", "v STRING", &output, &cluster, &format!("{JSON}{guarantee}"))
            + "INSERT INTO sink SELECT v FROM src;\n";
        let ended = run(&sql);
        ended.code(1).says(&[
            &format!(
                "error: record of 5008 bytes is too large for topic '{output}': MESSAGE_TOO_LARGE"
            ),
            "its batch has 5078 bytes, raise max.message.bytes of the topic",
            &format!("at topic '{input}' partition 0 offset 1"),
            "--> job.sql:5:1",
            "hint: 'error-handling.mode' = 'ignore' or 'log'",
        ]);
    }
    // Nothing counts as done: the next start reads all of it again.
    assert!(cluster.committed("brooklet.job.sink", &input).is_empty());
}

/// Flips a bit of the text `damage-me` wherever an answer to a fetch holds it.
fn damage(number: i16, frame: &mut [u8]) {
    let text = b"damage-me";
    if number == api::FETCH
        && let Some(at) = frame.windows(text.len()).position(|window| window == text)
    {
        frame[at] ^= 1;
    }
}

#[test]
fn a_batch_damaged_on_its_way_is_not_read() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    produce(&cluster, &topic, &["sound"]);
    produce(&cluster, &topic, &["damage-me"]);
    let hostile = Hostile::start(cluster.bootstrap(), damage);
    let sql = |options: &str| {
        format!(
            "CREATE TABLE t (v STRING) WITH ('connector' = 'kafka', 'topic' = '{topic}', {ALL}, {JSON},\n  \
             'properties.bootstrap.servers' = '{}'{options});\n",
            hostile.bootstrap()
        ) + &print("p", "v STRING")
            + "INSERT INTO p SELECT v FROM t;\n"
    };
    run(&sql("")).code(1).says(&[
        "record batch at offset 1: checksum mismatch",
        &format!("reading topic '{topic}' partition 0"),
        "--> job.sql:4:1",
    ]);
    // As with Java's client, whoever asks for it goes without the check.
    let unchecked = run(&sql(", 'properties.check.crcs' = 'false'"));
    unchecked.code(0).prints("+I[sound]\n+I[eamage-me]\n");
}

#[test]
fn every_malformed_record_names_its_place() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    let cases: [(&[u8], &str); 3] = [
        (b"{\"v\": \"cut off", "cut off"),
        (b"[1, 2", "[1, 2"),
        (b"{\"v\": \"\xff\xfe\"}", "UTF-8"),
    ];
    for (number, (payload, part)) in cases.iter().enumerate() {
        let name = format!("{topic}-{number}");
        cluster.create(&name, 1, &[]);
        cluster.produce(&name, &[Rec::value(r#"{"v":"fine"}"#), Rec::value(payload)]);
        let sql = kafka("t", "v STRING", &name, &cluster, &format!("{ALL}, {JSON}"))
            + &print("p", "v STRING")
            + "INSERT INTO p SELECT v FROM t;\n";
        run(&sql).code(1).says(&[
            &format!("at topic '{name}' partition 0 offset 1"),
            part,
            "--> job.sql:4:1",
            "1 records out",
        ]);
    }
}

#[test]
fn the_failing_statement_is_the_one_that_is_shown() {
    let cluster = Cluster::embedded();
    let (good, bad) = (cluster.topic("good", 1), cluster.topic("bad", 1));
    produce(&cluster, &good, &["x"]);
    cluster.produce_lines(&bad, &["no json"]);
    let sql = kafka("good", "v STRING", &good, &cluster, &format!("{ALL}, {JSON}"))
        + &kafka("bad", "v STRING", &bad, &cluster, &format!("{ALL}, {JSON}"))
        + &print("p", "v STRING")
        + "INSERT INTO p SELECT v FROM good;\nINSERT INTO p SELECT v FROM bad;\nINSERT INTO p SELECT v FROM good;\n";
    run(&sql).code(1).says(&["--> job.sql:7:1", &format!("at topic '{bad}' partition 0 offset 0")]);
}

#[test]
fn columns_that_nobody_reads_are_checked_only_when_asked() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    cluster.produce_lines(&topic, &[r#"{"a":1,"b":"not a number"}"#, r#"{"a":2,"b":2}"#]);
    let sql = |options: &str, condition: &str| {
        kafka("t", "a INT, b INT", &topic, &cluster, &format!("{ALL}, {options}"))
            + &print("p", "a INT")
            + &format!("INSERT INTO p SELECT a FROM t{condition};\n")
    };
    let lax = "'value.format' = 'json'";
    run(&sql(lax, "")).code(0).prints("+I[1]\n+I[2]\n");
    let strict = format!("{lax}, 'value.format.projection-pushdown.enabled' = 'false'");
    run(&sql(&strict, "")).code(1).prints("").says(&[
        "'b'",
        "not a number",
        &format!("at topic '{topic}' partition 0 offset 0"),
    ]);
    // The same for a column that only rows refused by the filter hold wrongly.
    let sum = |options: &str| sql(options, " WHERE a > 1").replace("SELECT a", "SELECT a + b");
    run(&sum(lax)).code(0).prints("+I[4]\n");
    run(&sum(&strict)).code(1).says(&["not a number"]);
}

#[test]
fn the_first_bad_record_is_named_whatever_is_wrong_with_it() {
    let cluster = Cluster::embedded();
    let input = cluster.topic("in", 1);
    let value = |text: &str| Rec::value(text);
    let tombstone = Rec { value: None, ..value("") };
    cluster.produce(
        &input,
        &[value(r#"{"v":0}"#), value(r#"{"v":"x"}"#), value(r#"{"v":2}"#), tombstone],
    );
    let options = format!("{ALL}, 'format' = 'json'");
    let sql = kafka("src", "v INT", &input, &cluster, &options) + "SELECT v FROM src;\n";
    let ended = run(&sql);
    ended.code(1).says(&[&format!("at topic '{input}' partition 0 offset 1")]);
}

#[test]
fn a_group_without_offsets_starts_as_long_ago_as_it_says() {
    let cluster = Cluster::embedded();
    let input = cluster.topic("in", 1);
    let now = crate::support::now_millis();
    let at = |text: &str, ago: i64| Rec {
        timestamp: Some(now - ago),
        ..Rec::value(format!(r#"{{"v":"{text}"}}"#))
    };
    cluster.produce(&input, &[at("old", 7_200_000), at("new", 60_000)]);
    let options = format!(
        "'scan.startup.mode' = 'group-offsets', 'scan.bounded.mode' = 'latest-offset', 'properties.group.id' = 'g', \
         'properties.auto.offset.reset' = 'by_duration:PT1H', {JSON}"
    );
    let sql = kafka("src", "v STRING", &input, &cluster, &options) + "SELECT v FROM src;\n";
    let ended = run(&sql);
    assert!(ended.code(0).stdout.contains("new") && !ended.stdout.contains("old"), "{ended:?}");
}
