//! The Java client's properties, declared once: parser, validation, warnings and documentation
//! come from this table. Names and defaults are those of Kafka clients 4.x.

use super::Property;
use super::property::{Applies::*, Support::*, Value::*};

const MILLIS_MAX: i64 = i32::MAX as i64;
const BYTES_MAX: i64 = i32::MAX as i64;

const NO_CLASSES: &str = "classes of the JVM cannot be loaded here";

/// Every property that the client knows, sorted by group.
#[rustfmt::skip]
pub static PROPERTIES: &[Property] = &[
    // Connection
    p("bootstrap.servers", List, "", Both, Used, "Addresses `host:port` to learn the cluster from; one that answers is enough."),
    p("client.id", Text, "", Both, Used, "Name of this client in broker logs and quotas."),
    p("client.dns.lookup", Choice(&["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"]), "use_all_dns_ips", Both, Inert, "All addresses of a name are always tried."),
    p("client.rack", Text, "", Consumer, Used, "Rack of this client: partitions are read from a replica in it where the brokers name one (KIP-392)."),
    p("request.timeout.ms", Int(1, MILLIS_MAX), "30000", Both, Used, "Milliseconds until an unanswered request breaks its connection."),
    p("default.api.timeout.ms", Int(1, MILLIS_MAX), "60000", Both, Used, "Milliseconds that a call may take with all its retries."),
    p("retries", Int(0, MILLIS_MAX), "2147483647", Both, Inert, "Retries are bounded by time: delivery.timeout.ms and default.api.timeout.ms."),
    p("retry.backoff.ms", Int(0, MILLIS_MAX), "100", Both, Used, "Milliseconds before the first retry; doubles with each."),
    p("retry.backoff.max.ms", Int(0, MILLIS_MAX), "1000", Both, Used, "Upper bound of the wait between retries, milliseconds."),
    p("reconnect.backoff.ms", Int(0, MILLIS_MAX), "50", Both, Used, "Milliseconds before the first reconnect; doubles with each."),
    p("reconnect.backoff.max.ms", Int(0, MILLIS_MAX), "1000", Both, Used, "Upper bound of the wait between reconnects, milliseconds."),
    p("socket.connection.setup.timeout.ms", Int(1, MILLIS_MAX), "10000", Both, Used, "Milliseconds that opening a connection may take; doubles with each failure."),
    p("socket.connection.setup.timeout.max.ms", Int(1, MILLIS_MAX), "30000", Both, Used, "Upper bound of the connection set-up time, milliseconds."),
    p("connections.max.idle.ms", Int(-1, i64::MAX), "540000", Both, Used, "Milliseconds after which an idle connection is closed; -1: never."),
    p("metadata.max.age.ms", Int(0, MILLIS_MAX), "300000", Both, Used, "Milliseconds after which metadata is fetched again without any error."),
    p("metadata.max.idle.ms", Int(5000, MILLIS_MAX), "300000", Producer, Inert, "Topics are kept as long as something uses them."),
    p("metadata.recovery.strategy", Choice(&["none", "rebootstrap"]), "rebootstrap", Both, Inert, "The bootstrap addresses always stay candidates."),
    p("metadata.recovery.rebootstrap.trigger.ms", Int(0, MILLIS_MAX), "300000", Both, Inert, "The bootstrap addresses always stay candidates."),
    p("send.buffer.bytes", Int(-1, BYTES_MAX), "131072", Both, Inert, "The operating system sizes the socket buffers."),
    p("receive.buffer.bytes", Int(-1, BYTES_MAX), "65536", Both, Inert, "The operating system sizes the socket buffers."),
    p("enable.metrics.push", Bool, "true", Both, Inert, "Client telemetry (KIP-714) is not sent."),

    // Security
    p("security.protocol", Choice(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]), "PLAINTEXT", Both, Used, "Whether connections are encrypted (SSL) and whether the client logs in (SASL)."),
    p("security.providers", Text, "", Both, Inert, "Providers of the JVM."),
    p("sasl.mechanism", Text, "GSSAPI", Both, Used, "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM; to be set, since Kerberos (GSSAPI) is not supported."),
    p("sasl.jaas.config", Password, "", Both, Used, "Credentials: 'PlainLoginModule required username=\"…\" password=\"…\";', ScramLoginModule, OAuthBearerLoginModule or IAMLoginModule, with any package in front."),
    p("sasl.login.class", Class, "", Both, Ignored(NO_CLASSES), "Login class."),
    p("sasl.login.callback.handler.class", Class, "", Both, Used, "With OAUTHBEARER, …OAuthBearerLoginCallbackHandler fetches tokens; other classes are refused."),
    p("sasl.client.callback.handler.class", Class, "", Both, Used, "With AWS_MSK_IAM, …IAMClientCallbackHandler; other classes are refused."),
    p("sasl.kerberos.service.name", Text, "", Both, Ignored(NO_KERBEROS), "Kerberos principal name of the brokers."),
    p("sasl.kerberos.kinit.cmd", Text, "", Both, Ignored(NO_KERBEROS), "Kerberos kinit command."),
    p("sasl.kerberos.ticket.renew.window.factor", Text, "0.8", Both, Ignored(NO_KERBEROS), "Kerberos ticket renewal."),
    p("sasl.kerberos.ticket.renew.jitter", Text, "0.05", Both, Ignored(NO_KERBEROS), "Kerberos ticket renewal."),
    p("sasl.kerberos.min.time.before.relogin", Int(0, i64::MAX), "60000", Both, Ignored(NO_KERBEROS), "Kerberos ticket renewal."),
    p("sasl.login.refresh.window.factor", Text, "0.8", Both, Inert, "A token is replaced after 80 % of its life."),
    p("sasl.login.refresh.window.jitter", Text, "0.05", Both, Inert, "A token is replaced after 80 % of its life."),
    p("sasl.login.refresh.min.period.seconds", Int(0, 900), "60", Both, Inert, "A token is replaced after 80 % of its life."),
    p("sasl.login.refresh.buffer.seconds", Int(0, 3600), "300", Both, Inert, "A token is replaced after 80 % of its life."),
    p("sasl.login.connect.timeout.ms", Int(1, MILLIS_MAX), "10000", Both, Used, "Milliseconds that a connection to the token endpoint may take."),
    p("sasl.login.read.timeout.ms", Int(1, MILLIS_MAX), "10000", Both, Used, "Milliseconds that an answer of the token endpoint may take."),
    p("sasl.login.retry.backoff.ms", Int(0, MILLIS_MAX), "100", Both, Inert, "A failed request for a token is repeated with the next connection: reconnect.backoff.ms."),
    p("sasl.login.retry.backoff.max.ms", Int(0, MILLIS_MAX), "10000", Both, Inert, "A failed request for a token is repeated with the next connection: reconnect.backoff.max.ms."),
    p("sasl.oauthbearer.token.endpoint.url", Text, "", Both, Used, "Where OAUTHBEARER tokens come from: an https address (client credentials grant) or file:///path of a file that holds one."),
    p("sasl.oauthbearer.client.credentials.client.id", Text, "", Both, Used, "Client id for the token endpoint; also as clientId in sasl.jaas.config."),
    p("sasl.oauthbearer.client.credentials.client.secret", Password, "", Both, Used, "Client secret for the token endpoint; also as clientSecret in sasl.jaas.config."),
    p("sasl.oauthbearer.scope", Text, "", Both, Used, "Scope of the token; also as scope in sasl.jaas.config."),
    p("sasl.oauthbearer.jwt.retriever.class", Class, "", Both, Used, "ClientCredentialsJwtRetriever or FileJwtRetriever; the address decides which. Other classes are refused."),
    p("sasl.oauthbearer.jwt.validator.class", Class, "", Both, Inert, "The broker validates tokens."),
    p("sasl.oauthbearer.jwks.endpoint.url", Text, "", Both, Inert, "The broker validates tokens."),
    p("sasl.oauthbearer.expected.audience", List, "", Both, Inert, "The broker validates tokens."),
    p("sasl.oauthbearer.expected.issuer", Text, "", Both, Inert, "The broker validates tokens."),
    p("sasl.oauthbearer.scope.claim.name", Text, "scope", Both, Inert, "The broker validates tokens."),
    p("sasl.oauthbearer.sub.claim.name", Text, "sub", Both, Inert, "The broker validates tokens."),
    p("ssl.truststore.location", Text, "", Both, Used, "File with the trusted certificates: JKS, PKCS12 or PEM. Without one, the certificate authorities of Mozilla count, which are built in."),
    p("ssl.truststore.password", Password, "", Both, Used, "Password of that file."),
    p("ssl.truststore.type", Text, "JKS", Both, Used, "JKS, PKCS12 or PEM; what the file holds decides."),
    p("ssl.truststore.certificates", Password, "", Both, Used, "Trusted certificates as PEM text."),
    p("ssl.keystore.location", Text, "", Both, Used, "File with the client's key and certificates: JKS, PKCS12 or PEM."),
    p("ssl.keystore.password", Password, "", Both, Used, "Password of that file."),
    p("ssl.keystore.type", Text, "JKS", Both, Used, "JKS, PKCS12 or PEM; what the file holds decides."),
    p("ssl.keystore.key", Password, "", Both, Used, "Private key as PEM text: PKCS #8 (also encrypted), PKCS #1 or SEC1."),
    p("ssl.keystore.certificate.chain", Password, "", Both, Used, "The client's certificate and those above it as PEM text."),
    p("ssl.key.password", Password, "", Both, Used, "Password of the private key, if it is another one than the key store's."),
    p("ssl.endpoint.identification.algorithm", Text, "https", Both, Used, "Empty: host names are not checked, with a warning."),
    p("ssl.enabled.protocols", List, "TLSv1.2,TLSv1.3", Both, Used, "TLS versions; older ones than 1.2 are left out."),
    p("ssl.protocol", Text, "TLSv1.3", Both, Used, "TLSv1.2: no TLS 1.3, unless ssl.enabled.protocols says otherwise."),
    p("ssl.cipher.suites", List, "", Both, Used, "Cipher suites by their registered names; those that are not supported are left out with a warning."),
    p("ssl.provider", Text, "", Both, Inert, "Provider of the JVM."),
    p("ssl.engine.factory.class", Class, "", Both, Inert, "Engine of the JVM."),
    p("ssl.keymanager.algorithm", Text, "", Both, Inert, "Algorithm of the JVM."),
    p("ssl.trustmanager.algorithm", Text, "", Both, Inert, "Algorithm of the JVM."),
    p("ssl.secure.random.implementation", Text, "", Both, Inert, "Random numbers of the JVM."),

    // Producer
    p("acks", Choice(&["all", "-1", "0", "1"]), "all", Producer, Inert, "Always all: a weaker setting is raised, since the producer is idempotent."),
    p("enable.idempotence", Bool, "true", Producer, Inert, "Always on."),
    p("max.in.flight.requests.per.connection", Int(1, MILLIS_MAX), "5", Producer, Used, "Produce requests on the wire per broker; at most 5 are used."),
    p("batch.size", Int(0, BYTES_MAX), "16384", Producer, Used, "Bytes after which a batch is full."),
    p("linger.ms", Int(0, i64::MAX), "0", Producer, Used, "Milliseconds that a batch waits to be filled when there is nothing else to send. Java waits 5; here a batch leaves when it is full or the writer has nothing more."),
    p("buffer.memory", Int(0, i64::MAX), "33554432", Producer, Used, "Bytes that wait for acknowledgement at most."),
    p("max.request.size", Int(0, BYTES_MAX), "1048576", Producer, Used, "Bytes of a produce request, and of a record, at most."),
    p("max.block.ms", Int(0, i64::MAX), "60000", Producer, Used, "Milliseconds to wait for a topic's metadata."),
    p("delivery.timeout.ms", Int(0, MILLIS_MAX), "120000", Producer, Used, "Milliseconds from handing over a batch to its failure."),
    p("compression.type", Choice(&["none", "gzip", "snappy", "lz4", "zstd"]), "none", Producer, Used, "Compression of batches."),
    p("compression.gzip.level", Int(-1, 9), "-1", Producer, Used, "gzip level; -1: the codec's default."),
    p("compression.lz4.level", Int(1, 17), "9", Producer, Inert, "lz4 always uses the fast mode, as Java does for its default."),
    p("compression.zstd.level", Int(-131_072, 22), "3", Producer, Used, "zstd level."),
    p("partitioner.class", Class, "", Producer, Refused("the partition of a record is chosen with 'sink.partitioner'; remove this property"), "Class that chooses partitions."),
    p("partitioner.ignore.keys", Bool, "false", Producer, Used, "Spread records with keys as if they had none."),
    p("partitioner.adaptive.partitioning.enable", Bool, "true", Producer, Inert, "Sticky partitions are drawn evenly."),
    p("partitioner.availability.timeout.ms", Int(0, i64::MAX), "0", Producer, Inert, "Partitions without leader are always avoided."),
    p("transactional.id", Text, "", Producer, Refused("the engine names transactions itself; set 'sink.transactional-id-prefix'"), "Name of the transactional producer."),
    p("transaction.timeout.ms", Int(1, MILLIS_MAX), "60000", Producer, Used, "Milliseconds after which the broker aborts an open transaction."),
    p("transaction.two.phase.commit.enable", Bool, "false", Producer, Inert, "KIP-939 is not used."),
    p("key.serializer", Class, "", Producer, Refused(FORMATS), "Serializer class."),
    p("value.serializer", Class, "", Producer, Refused(FORMATS), "Serializer class."),

    // Consumer
    p("group.id", Text, "", Consumer, Used, "Group that offsets are committed to."),
    p("group.instance.id", Text, "", Consumer, Used, "Lasting name of a process that shares its job: started again within the session, it gets the same partitions without a rebalance. Every process needs its own."),
    p("group.protocol", Choice(&["classic", "consumer"]), "classic", Consumer, Used, "How the processes of a shared job agree on who reads what: 'classic', where one of them assigns, or 'consumer' (KIP-848, Kafka 4.0 or newer), where the broker does."),
    p("group.remote.assignor", Text, "", Consumer, Used, "With the consumer protocol: how the broker assigns partitions, 'uniform' or 'range'; empty leaves it to the broker. With the classic one ranges are assigned."),
    p("session.timeout.ms", Int(1, MILLIS_MAX), "45000", Consumer, Used, "Milliseconds after which a process that shares its job and is not heard of loses its partitions. With the consumer protocol the broker decides."),
    p("heartbeat.interval.ms", Int(1, MILLIS_MAX), "3000", Consumer, Used, "Milliseconds between its signs of life; at most a third of the session. With the consumer protocol the broker decides."),
    p("max.poll.interval.ms", Int(1, MILLIS_MAX), "300000", Consumer, Used, "Milliseconds that a rebalance waits for a process that shares its job to commit what it has read."),
    p("partition.assignment.strategy", List, "", Consumer, Inert, "Jobs that are shared assign ranges of partitions."),
    p("auto.offset.reset", Text, "latest", Consumer, Used, "earliest, latest, none or by_duration:<ISO 8601>; where a group without offsets starts."),
    p("enable.auto.commit", Bool, "true", Consumer, Inert, "Offsets are committed with epochs."),
    p("auto.commit.interval.ms", Int(0, MILLIS_MAX), "5000", Consumer, Inert, "Offsets are committed with epochs."),
    p("isolation.level", Choice(&["read_uncommitted", "read_committed"]), "read_uncommitted", Consumer, Used, "Whether records of open and aborted transactions are read."),
    p("fetch.min.bytes", Int(0, BYTES_MAX), "1", Consumer, Used, "Bytes that a broker waits for before it answers."),
    p("fetch.max.wait.ms", Int(0, MILLIS_MAX), "500", Consumer, Used, "Milliseconds that a broker waits for fetch.min.bytes."),
    p("fetch.max.bytes", Int(0, BYTES_MAX), "52428800", Consumer, Used, "Bytes of one fetch answer; capped by the memory budget of the process."),
    p("max.partition.fetch.bytes", Int(0, BYTES_MAX), "1048576", Consumer, Used, "Bytes of one partition in a fetch answer."),
    p("max.poll.records", Int(1, MILLIS_MAX), "500", Consumer, Inert, "Fetched batches are handed over whole."),
    p("check.crcs", Bool, "true", Consumer, Used, "Whether checksums of batches are verified."),
    p("allow.auto.create.topics", Bool, "true", Consumer, Inert, "Reading never creates a topic."),
    p("exclude.internal.topics", Bool, "true", Consumer, Used, "Whether patterns match internal topics."),
    p("key.deserializer", Class, "", Consumer, Refused(FORMATS), "Deserializer class."),
    p("value.deserializer", Class, "", Consumer, Refused(FORMATS), "Deserializer class."),

    // The JVM's own
    p("interceptor.classes", Class, "", Both, Ignored(NO_CLASSES), "Interceptor classes."),
    p("metric.reporters", Class, "", Both, Ignored(NO_CLASSES), "Metric reporter classes."),
    p("metrics.num.samples", Int(1, MILLIS_MAX), "2", Both, Inert, "Samples of the Java metrics."),
    p("metrics.recording.level", Text, "INFO", Both, Inert, "Level of the Java metrics."),
    p("metrics.sample.window.ms", Int(0, i64::MAX), "30000", Both, Inert, "Window of the Java metrics."),
    p("auto.include.jmx.reporter", Bool, "true", Both, Inert, "JMX."),
    p("config.providers", Text, "", Both, Ignored(NO_CLASSES), "Configuration provider classes."),

    // Read by Flink's connector from the same list
    p("partition.discovery.interval.ms", Int(i64::MIN, i64::MAX), "300000", Consumer, Inert, "Used by the connector."),
    p("client.id.prefix", Text, "", Consumer, Inert, "Used by the connector."),
    p("commit.offsets.on.checkpoint", Bool, "true", Consumer, Inert, "Used by the connector."),
    p("register.consumer.metrics", Bool, "true", Consumer, Inert, "Used by the connector."),
];

const NO_KERBEROS: &str = "Kerberos is not supported";
const FORMATS: &str = "bytes are read and written by the table's format; remove this property";

const fn p(
    name: &'static str,
    value: super::property::Value,
    default: &'static str,
    applies: super::property::Applies,
    support: super::property::Support,
    doc: &'static str,
) -> Property {
    Property { name, value, default, applies, support, doc }
}
