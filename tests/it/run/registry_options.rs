//! Options that the formats of schema registries share: each does the same in both, under every name.

use crate::support::{Cluster, Ended, Program, Rec, Registry};
use brooklet_protocol_tests::services::certificates;
use std::path::Path;

/// A format, a schema for its records, and a record of that schema, registered as the first, with 42 in column `a`.
type Format = (&'static str, &'static str, &'static [u8]);

const FORMATS: [Format; 2] = [
    (
        "avro-confluent",
        r#"{"type":"record","name":"w","fields":[{"name":"a","type":"int"}]}"#,
        &[0, 0, 0, 0, 1, 84],
    ),
    (
        "debezium-avro-confluent",
        r#"{"type":"record","name":"e","fields":[{"name":"before","type":["null",{"type":"record","name":"w","fields":[{"name":"a","type":"int"}]}]},{"name":"after","type":["null","w"]},{"name":"op","type":"string"}]}"#,
        &[0, 0, 0, 0, 1, 0, 2, 84, 2, b'c'],
    ),
];

/// A store of Java's with this password, which has nothing to do with [`certificates`].
const STORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/kafka/src/tls/testdata/own.p12");
const STORE_PASSWORD: &str = "secret1";

/// Runs a statement over a table `t`; in `options`, `{format}` and `{url}` are replaced.
fn run(cluster: &Cluster, topic: &str, format: &str, options: &str, statement: &str) -> Ended {
    let sql = format!(
        "SET 'restart-strategy.type' = 'none';\n\
         CREATE TABLE t (a INT NOT NULL) WITH ('connector' = 'kafka', 'topic' = '{topic}', \
         'properties.bootstrap.servers' = '{}', 'scan.startup.mode' = 'earliest-offset', \
         'scan.bounded.mode' = 'latest-offset', 'format' = '{format}', {});\n{statement};\n",
        cluster.bootstrap(),
        options.replace("{format}", format),
    );
    Program::script(&Cluster::unique("registry"), &sql).run()
}

/// Reads a topic with the one record of this format.
fn read(registry: &Registry, (format, schema, record): Format, options: &str) -> Ended {
    if registry.schemas("s").is_empty() {
        registry.register("s", schema);
    }
    let cluster = Cluster::embedded();
    let topic = cluster.topic("read", 1);
    cluster.produce(&topic, &[Rec::value(record)]);
    run(&cluster, &topic, format, &options.replace("{url}", registry.url()), "SELECT * FROM t")
}

#[test]
fn stores_and_their_passwords() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path()).unwrap();
    let at = |name: &str| folder.path().join(name);
    for format in FORMATS {
        let registry = Registry::start_tls(&at("broker.pem"), Some(&at("ca.pem")));
        let read = |trust: &Path, trust_password: &str, own: &Path, own_password: &str| {
            let options = "'{format}.url' = '{url}', \
                '{format}.ssl.truststore.location' = 'TRUST', '{format}.ssl.truststore.password' = 'SECRET', \
                '{format}.ssl.keystore.location' = 'OWN', '{format}.ssl.keystore.password' = 'OTHER'";
            let options = options
                .replace("TRUST", trust.to_str().unwrap())
                .replace("SECRET", trust_password)
                .replace("OWN", own.to_str().unwrap())
                .replace("OTHER", own_password);
            read(&registry, format, &options)
        };
        let (ca, client, store) = (at("ca.pem"), at("client.pem"), Path::new(STORE));
        read(&ca, "", &client, "").code(0).shows(&["42"]);
        read(store, STORE_PASSWORD, &client, "").code(4).says(&["no trusted authority"]);
        read(store, "wrong", &client, "").code(3).says(&["ssl.truststore.password"]);
        read(&ca, "", store, STORE_PASSWORD).code(4).says(&["refuses the client's certificate"]);
        read(&ca, "", store, "wrong").code(3).says(&["ssl.keystore.password"]);
    }
}

#[test]
fn credentials_and_urls() {
    for format in FORMATS {
        let registry = Registry::start();
        for (shown, options) in [
            (
                "Basic bWU6c2VjcmV0",
                "'{format}.basic-auth.user-info' = 'me:secret', '{format}.basic-auth.credentials-source' = 'USER_INFO', '{format}.url' = '{url}'",
            ),
            (
                "Bearer t0ken",
                "'{format}.bearer-auth.token' = 't0ken', '{format}.bearer-auth.credentials-source' = 'STATIC_TOKEN', '{format}.schema-registry.url' = '{url}'",
            ),
            (
                "Basic bWU6c2VjcmV0",
                "'{format}.properties.basic.auth.user.info' = 'me:secret', '{format}.url' = '{url}'",
            ),
            (
                "Basic bWU6c2VjcmV0",
                "'{format}.basic-auth.user-info' = 'me:secret', '{format}.basic-auth.credentials-source' = 'USER_INFO', '{format}.bearer-auth.token' = 't0ken', '{format}.url' = '{url}'",
            ),
            (
                "Bearer t0ken",
                "'{format}.basic-auth.user-info' = 'me:secret', '{format}.bearer-auth.credentials-source' = 'STATIC_TOKEN', '{format}.bearer-auth.token' = 't0ken', '{format}.url' = '{url}'",
            ),
            (
                "Bearer t0ken",
                "'{format}.properties' = 'bearer.auth.credentials.source:STATIC_TOKEN,bearer.auth.token:t0ken', '{format}.url' = '{url}'",
            ),
        ] {
            registry.protect(shown);
            read(&registry, format, options).code(0).shows(&["42"]);
            registry.protect("Basic other");
            read(&registry, format, options).code(4).says(&["HTTP 401"]);
        }
    }
}

#[test]
fn subjects_and_schemas_of_what_is_written() {
    let cluster = Cluster::embedded();
    for (format, _, _) in FORMATS {
        let registry = Registry::start();
        let write = |subject: &str, options: &str| {
            let options = options.replace("{url}", registry.url()).replace("{subject}", subject);
            let topic = cluster.topic("written", 1);
            let ended = run(&cluster, &topic, format, &options, "INSERT INTO t VALUES (42)");
            (ended, registry.schemas(subject))
        };
        let (ended, schemas) =
            write("one", "'{format}.url' = '{url}', '{format}.subject' = '{subject}'");
        ended.code(0);
        assert_eq!(schemas.len(), 1);
        let own =
            schemas[0].replacen("{\"type\":\"record\"", "{\"type\":\"record\",\"doc\":\"own\"", 1);
        let written = |subject: &str, options: &str| {
            let (ended, schemas) = write(subject, &options.replace("{schema}", &own));
            ended.code(0);
            let schema = schemas.first().map(String::as_str).unwrap_or_default();
            assert!(schema.contains("\"own\""), "{format}: {schema}");
        };
        written(
            "two",
            "'{format}.url' = '{url}', '{format}.subject' = '{subject}', '{format}.schema' = '{schema}'",
        );
        written(
            "three",
            "'{format}.url' = '{url}', '{format}.schema-registry.subject' = '{subject}', '{format}.schema-registry.schema' = '{schema}'",
        );
        let not_registered = "'{format}.url' = '{url}', '{format}.subject' = '{subject}', '{format}.auto.register.schemas' = 'false'";
        let (ended, schemas) = write("four", not_registered);
        ended.code(4).says(&["HTTP 404", "four"]);
        assert!(schemas.is_empty());
        registry.register("four", &registry.schemas("one")[0]);
        write("four", not_registered).0.code(0);
    }
}
