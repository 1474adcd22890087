//! `brooklet txn`: transactions that another program left open, on the embedded broker and on real Kafka.

use crate::support::{Cluster, Ended, Program};
use std::time::Duration;

fn txn(cluster: &Cluster, args: &[&str]) -> Ended {
    Program::new(&[&["txn"], args, &["-b", cluster.bootstrap()]].concat()).run()
}

/// Lists, describes and aborts what a program that is gone has left.
fn left_open(cluster: &Cluster) {
    let topic = cluster.topic("txn", 1);
    let prefix = Cluster::unique("sink");
    let [one, two] = ["0-1", "1-1"].map(|suffix| format!("{prefix}-{suffix}"));
    let held: Vec<_> = [&one, &two].map(|id| cluster.open_transaction(id, &topic, "x")).into();
    txn(cluster, &["list", "--prefix", &prefix, "--state", "ongoing"]).code(0).shows(&[
        "transactional id",
        &one,
        &two,
        "Ongoing",
    ]);
    txn(cluster, &["describe", &one]).code(0).shows(&[
        &format!("transactional id: {one}\n"),
        "state: Ongoing\n",
        "open for: ",
        &format!("partitions: 1\n  {topic}-0\n"),
    ]);
    let line = |id: &str| format!("would abort '{id}': 1 partition\n");
    let dry = txn(cluster, &["abort", "--prefix", &prefix, "--dry-run"]);
    dry.code(0).prints(&(line(&one) + &line(&two)));
    let one_left = txn(cluster, &["abort", &one]);
    one_left.code(0).prints(&format!("aborted '{one}': 1 partition\n"));
    txn(cluster, &["abort", &one]).code(0).prints("").says(&["has no open transaction"]);
    let rest = txn(cluster, &["abort", "--prefix", &prefix]);
    rest.code(0).prints(&format!("aborted '{two}': 1 partition\n"));
    txn(cluster, &["abort", "--prefix", &prefix]).code(0).says(&["nothing to abort"]);
    txn(cluster, &["list", "--prefix", &prefix, "--state", "Ongoing"])
        .code(0)
        .prints("transactional id  coordinator  producer id  state\n");
    // Their programs, should they still run, write nothing more.
    for producer in held {
        let end = producer.commit().wait(Duration::from_secs(30)).expect("an answer");
        assert!(end.is_err(), "a fenced program committed");
    }
    let committed = ["-X", "isolation.level=read_committed", "-e", "-b", cluster.bootstrap()];
    Program::new(&[&["topic", "consume", &topic], &committed[..]].concat())
        .run()
        .code(0)
        .prints("");
}

#[test]
fn what_is_left_open_can_be_aborted_on_the_dev_broker() {
    left_open(&Cluster::embedded());
}

#[test]
fn what_is_left_open_can_be_aborted_on_kafka() {
    if let Some(cluster) = Cluster::apache() {
        left_open(&cluster);
    }
}

#[test]
fn an_unknown_id_is_named() {
    let cluster = Cluster::embedded();
    for command in ["describe", "abort"] {
        let ended = txn(&cluster, &[command, "nobody"]);
        ended.code(4).says(&["error: ", "TRANSACTIONAL_ID_NOT_FOUND", "nobody"]).prints("");
    }
    txn(&cluster, &["abort"]).code(2).prints("");
    txn(&cluster, &["abort", "a", "--prefix", "b"]).code(2).prints("");
}
