//! `avro-confluent` against a schema registry behind TLS: whom it trusts, and who it is.

use crate::support::{Cluster, Ended, Program, Rec, Registry};
use brooklet_protocol_tests::services::certificates;
use std::path::Path;
use tempfile::TempDir;

const SCHEMA: &str = r#"{"type":"record","name":"w","fields":[{"name":"a","type":"int"}]}"#;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path()).unwrap();
    folder
}

/// Reads a topic with one record of schema 1, with these options of the format beside the URL.
fn read(registry: &Registry, options: &str) -> Ended {
    registry.register("s", SCHEMA);
    let cluster = Cluster::embedded();
    let topic = cluster.topic("avro", 1);
    cluster.produce(&topic, &[Rec::value([0, 0, 0, 0, 1, 84])]);
    let sql = format!(
        "SET 'restart-strategy.type' = 'none';\n\
         CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = '{topic}', \
         'properties.bootstrap.servers' = '{}', 'scan.startup.mode' = 'earliest-offset', \
         'scan.bounded.mode' = 'latest-offset', 'format' = 'avro-confluent', \
         'avro-confluent.url' = '{}'{options});\nSELECT a FROM t;\n",
        cluster.bootstrap(),
        registry.url(),
    );
    Program::script("tls", &sql).run()
}

/// An option of the format that names a file.
fn file(option: &str, folder: &Path, name: &str) -> String {
    format!(", 'avro-confluent.{option}' = '{}'", folder.join(name).display())
}

#[test]
fn certificates_are_checked() {
    let folder = folder();
    let at = folder.path();
    let trust = file("ssl.truststore.location", at, "ca.pem");
    let good = Registry::start_tls(&at.join("broker.pem"), None);
    read(&good, &trust).code(0).shows(&["42"]);
    let property = file("properties.schema.registry.ssl.truststore.location", at, "ca.pem");
    read(&good, &property).code(0).shows(&["42"]);
    for (certificate, options, cause) in [
        ("broker.pem", "", "no trusted authority has signed it"),
        ("stranger.pem", trust.as_str(), "no trusted authority has signed it"),
        ("elsewhere.pem", trust.as_str(), "it is not for the host '127.0.0.1' but for"),
        ("expired.pem", trust.as_str(), "it expired"),
    ] {
        let registry = Registry::start_tls(&at.join(certificate), None);
        let ended = read(&registry, options);
        ended.code(4).says(&["the server's certificate is refused", cause, registry.url()]);
        assert!(registry.requests().is_empty());
    }
    let elsewhere = Registry::start_tls(&at.join("elsewhere.pem"), None);
    let anyone =
        ", 'avro-confluent.properties.schema.registry.ssl.endpoint.identification.algorithm' = ''";
    read(&elsewhere, &format!("{trust}{anyone}")).code(0).shows(&["42"]);
}

#[test]
fn a_registry_may_ask_for_a_certificate() {
    let folder = folder();
    let at = folder.path();
    let registry = Registry::start_tls(&at.join("broker.pem"), Some(&at.join("ca.pem")));
    let trust = file("ssl.truststore.location", at, "ca.pem");
    let own = file("ssl.keystore.location", at, "client.pem");
    read(&registry, &format!("{trust}{own}")).code(0).shows(&["42"]);
    read(&registry, &trust).code(4).says(&["the server demands a client certificate"]);
    let strange = file("ssl.keystore.location", at, "stranger.pem");
    read(&registry, &format!("{trust}{strange}"))
        .code(4)
        .says(&["the server refuses the client's certificate"]);
}

#[test]
fn stores_that_cannot_be_read_are_refused_before_anything_starts() {
    let folder = folder();
    let registry = Registry::start_tls(&folder.path().join("broker.pem"), None);
    let missing = file("ssl.truststore.location", folder.path(), "nowhere.jks");
    read(&registry, &missing).code(3).says(&["ssl.truststore.location", "nowhere.jks"]);
}
