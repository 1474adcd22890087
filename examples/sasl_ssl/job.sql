-- From one topic to another over TLS, logged in with SCRAM. `examples/sasl_ssl/run` starts a broker
-- for it and sets the three variables; with a cluster of your own, set them yourself:
--
--   KAFKA_BOOTSTRAP  host:port of a SASL_SSL listener
--   KAFKA_CA         file with the authority of its certificates: PEM, JKS or PKCS12
--   KAFKA_PASSWORD   password of the user alice

SET 'table.dml-sync' = 'true';

CREATE TABLE orders (
  order_id BIGINT,
  amount DECIMAL(10, 2)
) WITH (
  'connector' = 'kafka',
  'topic' = 'orders',
  'format' = 'json',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'properties.bootstrap.servers' = '${env:KAFKA_BOOTSTRAP}',
  'properties.security.protocol' = 'SASL_SSL',
  'properties.sasl.mechanism' = 'SCRAM-SHA-512',
  'properties.sasl.jaas.config' = 'org.apache.flink.kafka.shaded.org.apache.kafka.common.security.scram.ScramLoginModule required
      username="alice" password="${env:KAFKA_PASSWORD}";',
  'properties.ssl.truststore.location' = '${env:KAFKA_CA}'
);

-- The same cluster, another topic.
CREATE TABLE large_orders WITH ('topic' = 'large-orders') LIKE orders;

CREATE TABLE shown (
  order_id BIGINT,
  amount DECIMAL(10, 2)
) WITH (
  'connector' = 'print'
);

INSERT INTO orders VALUES (1, 12.50), (2, 340.00), (3, 99.99), (4, 1200.00);

INSERT INTO large_orders SELECT order_id, amount FROM orders WHERE amount > 100;

INSERT INTO shown SELECT order_id, amount FROM large_orders;
