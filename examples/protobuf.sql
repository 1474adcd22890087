-- Protobuf messages, described by a .proto file; no class is compiled:
--
--   cargo run --release -- run --dev-broker examples/protobuf.sql
--
-- Paths are relative to the folder in which the program is started.

SET 'table.dml-sync' = 'true';

CREATE TABLE orders (
  id BIGINT,
  customer STRING,
  status STRING,
  items ARRAY<ROW<name STRING, quantity INT>>,
  placed ROW<seconds BIGINT, nanos INT>
) WITH (
  'connector' = 'kafka',
  'topic' = 'orders',
  'properties.bootstrap.servers' = 'localhost:9092',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'protobuf',
  'protobuf.proto-file' = 'examples/orders.proto',
  'protobuf.message-class-name' = 'shop.Order'
);

INSERT INTO orders
SELECT 1, 'Ada', 'PAID', ARRAY[ROW('pen', 3), ROW('ink', 1)], ROW(CAST(1700000000 AS BIGINT), 0);

SELECT id, customer, status, items FROM orders WHERE status = 'PAID';
