-- The job that the benchmark measures: seven JSON fields in, three out, one row in ten kept.
-- It reads what the topic `src` holds when it starts, writes to the topic `sink`, and ends.
-- Needs a broker at localhost:9092; `brooklet broker` is one for trying out.
--
-- Fill the topic:
--
--   brooklet topic create -b localhost:9092 -t src --partitions 2
--   brooklet topic produce -b localhost:9092 -t src <<'END'
--   {"user_id":543462,"item_id":1715,"category_id":1464116,"behavior":"pv","ts":"2017-11-26 01:00:00","city":"Berlin","price":12.5}
--   {"user_id":543462,"item_id":1715,"category_id":1464116,"behavior":"buy","ts":"2017-11-26 01:02:30","city":"Berlin","price":12.5}
--   END
--
-- Run it and look at the result:
--
--   brooklet run examples/json_filter.sql
--   brooklet topic consume -b localhost:9092 -t sink -o beginning -e

CREATE TABLE src (
  user_id BIGINT,
  item_id BIGINT,
  category_id INT,
  behavior STRING,
  ts TIMESTAMP(3),
  city STRING,
  price DOUBLE
) WITH (
  'connector' = 'kafka',
  'topic' = 'src',
  'properties.bootstrap.servers' = 'localhost:9092',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'json'
);

CREATE TABLE sink (
  user_id BIGINT,
  item_id BIGINT,
  ts TIMESTAMP(3)
) WITH (
  'connector' = 'kafka',
  'topic' = 'sink',
  'properties.bootstrap.servers' = 'localhost:9092',
  'format' = 'json'
);

INSERT INTO sink SELECT user_id, item_id, ts FROM src WHERE behavior = 'buy';
