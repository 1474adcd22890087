-- The table of Flink's Kafka connector documentation, and a query on it: purchases of user
-- behaviour data in CSV. Needs a broker at localhost:9092; `brooklet broker` is one for trying out.
--
-- Fill the topic:
--
--   brooklet topic create -b localhost:9092 -t user_behavior --partitions 2
--   brooklet topic produce -b localhost:9092 -t user_behavior <<'END'
--   543462,1715,1464116,pv,2017-11-26 01:00:00
--   543462,1715,1464116,buy,2017-11-26 01:02:30
--   662867,2244074,1575622,cart,2017-11-26 01:03:00
--   662867,2244074,1575622,buy,2017-11-26 01:05:10
--   END
--
-- Run it:
--
--   brooklet run examples/user_behavior.sql
--
-- The job reads on until it is interrupted (Ctrl-C). Started again it goes on where it stopped;
-- `--fresh` starts at 'scan.startup.mode' again.

CREATE TABLE kafkaTable (
 user_id BIGINT,
 item_id BIGINT,
 category_id BIGINT,
 behavior STRING,
 ts TIMESTAMP(3)
) WITH (
 'connector' = 'kafka',
 'topic' = 'user_behavior',
 'properties.bootstrap.servers' = 'localhost:9092',
 'properties.group.id' = 'testGroup',
 'format' = 'csv',
 'scan.startup.mode' = 'earliest-offset'
);

CREATE TABLE purchases (
 user_id BIGINT,
 item_id BIGINT,
 ts TIMESTAMP(3)
) WITH (
 'connector' = 'print'
);

INSERT INTO purchases
SELECT user_id, item_id, ts
FROM kafkaTable
WHERE behavior = 'buy';
