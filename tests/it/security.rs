//! Scripts and tools over secured connections: what works, what is said where it does not, and what is never printed.

use crate::support::{Cluster, Ended, Program};
use brooklet_protocol_tests::services::{CANARY, Secured, secured};
use std::time::Duration;

/// A login that fails is not tried again until some time-out.
const AT_ONCE: Duration = Duration::from_secs(10);

const SCRAM: &str = "scram.ScramLoginModule";

/// Properties of a login over TLS.
fn properties(secured: &Secured, password: &str) -> Vec<(&'static str, String)> {
    vec![
        ("bootstrap.servers", secured.at("SASL_SSL").to_owned()),
        ("security.protocol", "SASL_SSL".to_owned()),
        ("sasl.mechanism", "SCRAM-SHA-512".to_owned()),
        ("sasl.jaas.config", Secured::jaas(SCRAM, "alice", password)),
        ("ssl.truststore.location", secured.file("trust.jks")),
        ("ssl.truststore.password", Secured::STORE_PASSWORD.to_owned()),
    ]
}

fn table(name: &str, topic: &str, properties: &[(&str, String)]) -> String {
    let mut sql = format!(
        "CREATE TABLE {name} (id INT, v STRING) WITH ('connector' = 'kafka', 'topic' = '{topic}', 'format' = 'json',\n  \
         'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset'"
    );
    for (key, value) in properties {
        sql.push_str(&format!(", 'properties.{key}' = '{}'", value.replace('\'', "''")));
    }
    sql + ");\n"
}

/// No secret came out.
#[track_caller]
fn clean(ended: &Ended) -> &Ended {
    let both = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!both.contains(CANARY), "a secret was printed:\n{both}");
    ended
}

#[test]
fn a_job_from_topic_to_topic_with_sasl_ssl_and_scram() {
    let Some(secured) = secured() else { return };
    let (from, to) = (Cluster::unique("secured-from"), Cluster::unique("secured-to"));
    let properties = properties(secured, &Secured::password("alice"));
    let sql = format!(
        "SET 'table.dml-sync' = 'true';\n{}{}\
         CREATE TABLE shown (id INT, v STRING) WITH ('connector' = 'print');\n\
         INSERT INTO a VALUES (1, 'x'), (2, 'y'), (3, 'z');\n\
         INSERT INTO b SELECT id, UPPER(v) FROM a WHERE id > 1;\n\
         INSERT INTO shown SELECT * FROM b;\n\
         SHOW CREATE TABLE a;\nDESCRIBE a;\nEXPLAIN SELECT * FROM a;\nSET;\n",
        table("a", &from, &properties),
        table("b", &to, &properties),
    );
    let ended = Program::script("secured", &sql).run();
    clean(&ended).code(0);
    for part in ["+I[2, Y]\n+I[3, Z]\n", "'properties.sasl.jaas.config' = '******'"] {
        assert!(ended.stdout.contains(part), "no {part} in {}", ended.stdout);
    }

    let mut arguments = vec!["topic".to_owned(), "consume".to_owned(), to, "-e".to_owned()];
    for (key, value) in &properties {
        match *key {
            "bootstrap.servers" => arguments.extend(["-b".to_owned(), value.clone()]),
            key => arguments.extend(["-X".to_owned(), format!("{key}={value}")]),
        }
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = Program::new(&arguments).run();
    clean(&ended).code(0).prints("{\"id\":2,\"v\":\"Y\"}\n{\"id\":3,\"v\":\"Z\"}\n");
}

/// As in an image of this binary alone, of which `scripts/check-static` makes one: no home, no locale, no trust store of
/// the system, and nothing that can be written.
#[test]
fn nothing_of_the_machine_is_needed() {
    let Some(secured) = secured() else { return };
    let topic = Cluster::unique("secured-bare");
    let properties = properties(secured, &Secured::password("alice"));
    let sql = format!(
        "SET 'table.dml-sync' = 'true';\n{}INSERT INTO a VALUES (1, 'x'), (2, 'ü');\n\
         SELECT id, UPPER(v) FROM a WHERE v = 'ü';\n",
        table("a", &topic, &properties)
    );
    let nowhere = [
        ("SSL_CERT_FILE", "/nowhere"),
        ("SSL_CERT_DIR", "/nowhere"),
        ("LC_ALL", "xx_XX"),
        ("TERM", "none"),
    ];
    for program in [Program::new(&["-c", &sql]), Program::new(&["run", "-"]).stdin(&sql)] {
        let program =
            nowhere.iter().fold(program.bare(), |program, (name, value)| program.env(name, value));
        let ended = program.run();
        clean(&ended).code(0);
        assert!(
            ended.stdout.contains("|           2 |                              Ü |"),
            "{}",
            ended.stdout
        );
    }
    // The authorities that the binary brings along do not vouch for this broker.
    let without = properties.into_iter().filter(|(key, _)| !key.contains("truststore"));
    let without: Vec<_> = without.collect();
    let sql = table("a", &topic, &without) + "SELECT id FROM a;\n";
    let ended = Program::new(&["-c", &sql]).bare().run();
    clean(&ended).code(4).says(&["certificate"]);
}

/// Logins of every kind as the tools take them: listener and properties.
fn logins(secured: &Secured) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let password = Secured::password("alice");
    let login = |protocol: &str, mechanism: &str, jaas: String| {
        vec![
            ("security.protocol", protocol.to_owned()),
            ("sasl.mechanism", mechanism.to_owned()),
            ("sasl.jaas.config", jaas),
            ("ssl.truststore.location", secured.file("ca.pem")),
        ]
    };
    let bearer = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
                  unsecuredLoginStringClaim_sub=\"alice\";";
    let scram = || Secured::jaas(SCRAM, "alice", &password);
    vec![
        ("SASL_SSL", login("SASL_SSL", "SCRAM-SHA-256", scram())),
        ("SASL_SSL", login("SASL_SSL", "SCRAM-SHA-512", scram())),
        ("SASL_SSL", login("SASL_SSL", "OAUTHBEARER", bearer.to_owned())),
        (
            "SASL_PLAINTEXT",
            login(
                "SASL_PLAINTEXT",
                "PLAIN",
                Secured::jaas("plain.PlainLoginModule", "alice", &password),
            ),
        ),
        (
            "MTLS",
            vec![
                ("security.protocol", "SSL".to_owned()),
                ("ssl.truststore.location", secured.file("ca.pem")),
                ("ssl.keystore.location", secured.file("client.p12")),
                ("ssl.keystore.password", Secured::STORE_PASSWORD.to_owned()),
            ],
        ),
    ]
}

#[test]
fn topic_verbs_over_every_kind_of_login() {
    let Some(secured) = secured() else { return };
    for (listener, properties) in logins(secured) {
        let run = |verb: &str, rest: &[&str], input: &str| {
            let mut arguments = vec!["topic".to_owned(), verb.to_owned()];
            arguments.extend(["-b".to_owned(), secured.at(listener).to_owned()]);
            for (key, value) in &properties {
                arguments.extend(["-X".to_owned(), format!("{key}={value}")]);
            }
            let arguments: Vec<&str> =
                arguments.iter().map(String::as_str).chain(rest.iter().copied()).collect();
            let ended = Program::new(&arguments).stdin(input).run();
            clean(&ended).code(0);
            ended.stdout.clone()
        };
        let topic = Cluster::unique("verbs");
        run("create", &[&topic, "--partitions", "2"], "");
        let listed = run("list", &[], "");
        assert!(listed.contains(&topic), "{listener}: {listed}");
        let described = run("describe", &[&topic], "");
        assert!(described.contains("partitions: 2"), "{listener}: {described}");
        run("produce", &[&topic, "-K", ":"], "k:v\n");
        assert_eq!(run("consume", &[&topic, "-e", "-K", ":"], ""), "k:v\n", "{listener}");
        run("delete", &[&topic], "");
        let listed = run("list", &[], "");
        assert!(!listed.contains(&topic), "{listener}: {listed}");
    }
}

#[test]
fn what_brokers_refuse_ends_at_once_and_is_their_word() {
    let Some(secured) = secured() else { return };
    let good = properties(secured, &Secured::password("alice"));
    let but = |key: &'static str, value: &str| {
        let mut changed = good.clone();
        changed.retain(|(known, _)| *known != key);
        changed.push((key, value.to_owned()));
        changed
    };
    for (properties, parts) in [
        (
            properties(secured, "canary-of-nobody"),
            ["refuses the login of user 'alice'", "SCRAM-SHA-512"],
        ),
        (but("bootstrap.servers", secured.at("ELSEWHERE")), ["elsewhere.example", "127.0.0.1"]),
        (but("bootstrap.servers", secured.at("EXPIRED")), ["certificate", "expired"]),
        (but("bootstrap.servers", secured.at("STRANGER")), ["authority", "ssl.truststore"]),
        (but("bootstrap.servers", secured.at("SSL")), ["no SASL", "security.protocol"]),
        (but("security.protocol", "SASL_PLAINTEXT"), ["answers with TLS", "SASL_SSL"]),
    ] {
        for statement in ["SELECT * FROM t", "INSERT INTO t VALUES (1, 'x')"] {
            let sql = format!("{}{statement};", table("t", "secured-refused", &properties));
            let ended = Program::script("refused", &sql).run();
            clean(&ended).code(4).says(&parts);
            assert!(ended.took < AT_ONCE, "{:?}: {}", ended.took, ended.stderr);
        }
    }
}

#[test]
fn wrong_options_are_refused_before_anything_is_sent() {
    let Some(secured) = secured() else { return };
    let good = properties(secured, &Secured::password("alice"));
    let jaas = Secured::jaas(SCRAM, "alice", &Secured::password("alice"));
    for (key, value, parts) in [
        ("sasl.mechanism", "GSSAPI", ["Kerberos", "not supported"]),
        ("sasl.mechanism", "PLAIN", ["ScramLoginModule", "PlainLoginModule"]),
        ("sasl.jaas.config", jaas.trim_end_matches(';'), ["sasl.jaas.config", "semicolon"]),
        ("ssl.truststore.password", "canary-of-another", ["ssl.truststore.password", "wrong"]),
        ("ssl.truststore.location", "missing.jks", ["ssl.truststore.location", "missing.jks"]),
        ("ssl.keystore.location", "missing.p12", ["ssl.keystore.location", "missing.p12"]),
        ("ssl.enabled.protocols", "TLSv1", ["ssl.enabled.protocols", "TLSv1.3"]),
        ("ssl.endpoint.identification.algorithm", "ldaps", ["https", "ldaps"]),
    ] {
        let mut properties = good.clone();
        properties.retain(|(known, _)| *known != key);
        properties.push((key, value.to_owned()));
        let sql = format!("{}SELECT * FROM t;", table("t", "x", &properties));
        clean(&Program::script("wrong", &sql).run()).code(3).says(&parts);
    }
}
