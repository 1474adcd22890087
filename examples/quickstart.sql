-- Generated orders go through a Kafka topic, a filter and out to the terminal:
--
--   cargo run --release -- run --dev-broker examples/quickstart.sql
--
-- With --dev-broker the Kafka tables use a broker inside the process. Without it the same script
-- runs against the broker at 'properties.bootstrap.servers'.

-- Each INSERT is a job. Wait for one before starting the next, not for all at the end.
SET 'table.dml-sync' = 'true';

-- A source of 1,000 rows: both columns count, and the table ends where a sequence ends.
CREATE TABLE generated (
  order_id BIGINT,
  amount INT
) WITH (
  'connector' = 'datagen',
  'rows-per-second' = '100000',
  'fields.order_id.kind' = 'sequence',
  'fields.order_id.start' = '1',
  'fields.order_id.end' = '1000',
  'fields.amount.kind' = 'sequence',
  'fields.amount.start' = '501',
  'fields.amount.end' = '1500'
);

-- A topic of JSON records. Written to, it is created where it is missing; read from, it is read
-- from its first record to what is its last one when the job starts.
CREATE TABLE orders (
  order_id BIGINT,
  amount INT
) WITH (
  'connector' = 'kafka',
  'topic' = 'orders',
  'properties.bootstrap.servers' = 'localhost:9092',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'json'
);

-- Rows on standard output: +I is an inserted row.
CREATE TABLE large_orders (
  order_id BIGINT,
  amount INT
) WITH (
  'connector' = 'print'
);

INSERT INTO orders SELECT order_id, amount FROM generated;

INSERT INTO large_orders SELECT order_id, amount FROM orders WHERE amount > 1494;
