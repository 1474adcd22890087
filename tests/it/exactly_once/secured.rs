//! Exactly-once jobs where brokers ask who they are and what they may do.

use super::{Cluster, Program, Rec, Running};
use brooklet_protocol_tests::services::{self, Kafka, KafkaConfig, Secured, Version, secured};

/// A job that copies a topic, with these properties in every table.
fn copy(name: &str, from: &str, to: &str, properties: &[(&str, String)]) -> Program {
    let mut all = String::new();
    for (key, value) in properties {
        all.push_str(&format!(", 'properties.{key}' = '{}'", value.replace('\'', "''")));
    }
    let table = |table: &str, topic: &str, options: &str| {
        format!(
            "CREATE TABLE {table} (v STRING) WITH ('connector' = 'kafka', 'topic' = '{topic}', 'format' = 'raw', \
             {options}{all});\n"
        )
    };
    let start =
        format!("'scan.startup.mode' = 'earliest-offset', 'properties.group.id' = 'of-{name}'");
    let exact = format!(
        "'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'tx-{name}'"
    );
    let sql = format!(
        "SET 'pipeline.name' = '{name}';\nSET 'execution.checkpointing.interval' = '50 ms';\n{}{}\
         INSERT INTO d SELECT v FROM s;\n",
        table("s", from, &start),
        table("d", to, &exact)
    );
    Program::script(name, &sql)
}

fn until_committed(cluster: &Cluster, topic: &str, records: usize, running: &mut Running) {
    while cluster.read_committed(topic).len() < records {
        assert!(running.ended().is_none(), "{}", running.stderr());
        std::thread::yield_now();
    }
}

#[test]
fn a_killed_job_goes_on_over_tls_with_scram() {
    let Some(secured) = secured() else { return };
    let cluster = Cluster::of_kafka(secured.kafka());
    let (from, to) = (cluster.topic("in", 1), cluster.topic("out", 1));
    let scram = "scram.ScramLoginModule";
    let properties = [
        ("bootstrap.servers", secured.at("SASL_SSL").to_owned()),
        ("security.protocol", "SASL_SSL".to_owned()),
        ("sasl.mechanism", "SCRAM-SHA-512".to_owned()),
        ("sasl.jaas.config", Secured::jaas(scram, "alice", &Secured::password("alice"))),
        ("ssl.truststore.location", secured.file("trust.p12")),
        ("ssl.truststore.password", Secured::STORE_PASSWORD.to_owned()),
    ];
    let program = copy(&Cluster::unique("tls"), &from, &to, &properties);
    for run in 1..=3 {
        cluster.produce_lines(&from, &[&format!("{run}a"), &format!("{run}b")]);
        let mut running = program.start();
        until_committed(&cluster, &to, 2 * run, &mut running);
        running.kill();
    }
    let texts: Vec<String> = cluster.read_committed(&to).iter().map(Rec::text).collect();
    assert_eq!(texts, ["1a", "1b", "2a", "2b", "3a", "3b"]);
}

/// A broker that lets `alice` do what she was granted, and everybody do anything who comes without a name.
fn guarded() -> std::io::Result<Kafka> {
    let login = format!(
        "org.apache.kafka.common.security.plain.PlainLoginModule required user_alice=\"{}\";",
        Secured::password("alice")
    );
    let config = KafkaConfig::new(Version::Newest)
        .listener("SASL", "SASL_PLAINTEXT")
        .property("sasl.enabled.mechanisms", "PLAIN")
        .property("listener.name.sasl.plain.sasl.jaas.config", &login)
        .property(
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        )
        .property("super.users", "User:ANONYMOUS");
    Kafka::start(&config)
}

/// Each missing grant is named, of transactions and of topics; with all of them the job runs.
#[test]
fn missing_grants_are_named_one_by_one() {
    if !services::all("a broker with an authorizer") {
        return;
    }
    let kafka = guarded().expect("a broker with an authorizer");
    let cluster = Cluster::of_kafka(&kafka);
    let (from, to) = (cluster.topic("in", 1), cluster.topic("out", 1));
    cluster.produce_lines(&from, &["a", "b"]);
    let properties = [
        ("bootstrap.servers", kafka.listener_named("SASL").to_owned()),
        ("security.protocol", "SASL_PLAINTEXT".to_owned()),
        ("sasl.mechanism", "PLAIN".to_owned()),
        (
            "sasl.jaas.config",
            Secured::jaas("plain.PlainLoginModule", "alice", &Secured::password("alice")),
        ),
    ];
    let (name, topic) = ("guarded", "brooklet-progress.guarded");
    let program = copy(name, &from, &to, &properties);
    let grant = |what: &[&str]| {
        let who =
            ["--bootstrap-server", kafka.bootstrap(), "--add", "--allow-principal", "User:alice"];
        let _ = kafka.tool_text("org.apache.kafka.tools.AclCommand", &[&who, what].concat());
    };
    grant(&["--operation", "Read", "--topic", &from]);
    grant(&["--operation", "Write", "--topic", &to]);
    let hint = "in all, an exactly-once job needs WRITE and DESCRIBE on transactional ids that begin with 'tx-guarded'";
    for (missing, grants) in [
        ("hint: grant DESCRIBE on topic", &["--operation", "Describe", "--topic", topic][..]),
        ("hint: grant CREATE on topic", &["--operation", "Create", "--topic", topic]),
        (
            "hint: grant WRITE and DESCRIBE on transactional id 'tx-guarded-guarded'",
            &[
                "--operation",
                "Write",
                "--operation",
                "Describe",
                "--transactional-id",
                "tx-guarded",
                "--resource-pattern-type",
                "prefixed",
            ],
        ),
        ("hint: grant WRITE on topic", &["--operation", "Write", "--topic", topic]),
        // The first epoch is written again without the group, which is a recovery.
        ("hint: grant READ on topic", &["--operation", "Read", "--topic", topic]),
    ] {
        program.run().code(4).says(&[missing, hint]);
        assert!(cluster.read_committed(&to).is_empty());
        grant(grants);
    }
    // The group is for tools: without it the job goes on.
    let mut running = program.start();
    until_committed(&cluster, &to, 2, &mut running);
    running.until_stderr("commits no offsets to group 'of-guarded': it needs READ on the group");
    running.signal("INT");
    running.wait().code(0);
    grant(&["--operation", "Read", "--group", "of-guarded"]);
    cluster.produce_lines(&from, &["c"]);
    let mut running = program.start();
    until_committed(&cluster, &to, 3, &mut running);
    running.signal("INT");
    let ended = running.wait();
    assert!(!ended.code(0).stderr.contains("needs READ"), "{}", ended.stderr);
    let texts: Vec<String> = cluster.read_committed(&to).iter().map(Rec::text).collect();
    assert_eq!(texts, ["a", "b", "c"]);
    assert_eq!(cluster.committed("of-guarded", &from)[&0].offset, 3);

    // Jobs of one statement, for the grants on a topic.
    let (read, written) = (cluster.topic("read", 1), cluster.topic("written", 1));
    cluster.produce_lines(&read, &["a"]);
    let mut options =
        "'connector' = 'kafka', 'format' = 'raw', 'scan.startup.mode' = 'earliest-offset', \
         'scan.bounded.mode' = 'latest-offset'"
            .to_owned();
    for (key, value) in &properties {
        options.push_str(&format!(", 'properties.{key}' = '{}'", value.replace('\'', "''")));
    }
    let statement = |topic: &str, statement: &str| {
        let table = format!("CREATE TABLE t (v STRING) WITH ('topic' = '{topic}', {options});\n");
        Program::script("grants", &format!("SET 'table.dml-sync' = 'true';\n{table}{statement};\n"))
    };
    let created = Cluster::unique("created");
    for (topic, sql, operations) in [
        (&*read, "SELECT * FROM t", &["DESCRIBE", "READ"][..]),
        (&*written, "INSERT INTO t VALUES ('a')", &["DESCRIBE", "WRITE"]),
        (&*created, "INSERT INTO t VALUES ('a')", &["DESCRIBE", "CREATE", "WRITE"]),
    ] {
        for operation in operations {
            let ended = statement(topic, sql).run();
            ended.code(4).says(&[&format!("hint: grant {operation} on topic '{topic}'\n")]);
            grant(&["--operation", operation, "--topic", topic]);
        }
        statement(topic, sql).run().code(0);
    }
}
