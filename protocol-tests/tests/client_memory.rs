//! The client and the dev broker in one thread, under a virtual clock and a seed: connections
//! break at any point, and yet each record is in the log once and in order.

mod client_support;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use brooklet_kafka::consumer::Fetched;
use brooklet_kafka::producer::{ProduceEvent, Producer, SendError};
use brooklet_kafka::wire::compression::Compression;
use brooklet_kafka::wire::records::SealedBatch;
use brooklet_kafka::{
    Client, ClientConfig, CommittedOffset, Isolation, Network, OffsetSpec, TopicPartition,
};
use client_support::memory::{World, nothing};
use client_support::{batch_at, values};

/// Writes and reads 60 batches over 3 partitions; every `cut_every` steps the network breaks.
/// Returns everything that could be seen, in order.
fn write_and_read(seed: u64, cut_every: Option<u64>) -> Vec<String> {
    let mut world = World::new(seed, &[("buffer.memory", "2000")]);
    let mut trace = Vec::new();
    world.create("t", 3);
    let topic: Arc<str> = "t".into();
    let producer = world.client.producer(nothing());
    let mut consumer = world.client.consumer(nothing());
    let all: Vec<_> = (0..3).map(|p| (TopicPartition::new("t", p), 0)).collect();
    consumer.assign(&all);

    let mut to_send: VecDeque<u64> = (0..60).collect();
    let mut log: BTreeMap<i32, Vec<(i64, String)>> = BTreeMap::new();
    let mut acknowledged = 0;
    let mut read = 0;
    while acknowledged < 120 || read < 120 {
        if let Some(&n) = to_send.front() {
            let values = [format!("{n}a"), format!("{n}b")];
            let timestamp = i64::try_from(world.now.as_millis()).unwrap();
            let batch = batch_at(timestamp, &[&values[0], &values[1]], Compression::None);
            match producer.send(&topic, (n % 3) as i32, batch, n) {
                Ok(()) => drop(to_send.pop_front()),
                Err(SendError::Full(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        world.step();
        if cut_every.is_some_and(|every| world.steps.is_multiple_of(every)) {
            world.network.cut_connections();
        }
        while let Some(event) = producer.poll() {
            match &event {
                ProduceEvent::Delivered { records, .. } => acknowledged += records,
                ProduceEvent::Failed { error, .. } => panic!("{error}"),
            }
            trace.push(format!("{:?} {event:?}", world.now));
        }
        while let Some(item) = consumer.poll() {
            match item {
                Fetched::Data(data) => {
                    let records = values(&data, Isolation::ReadCommitted);
                    trace.push(format!("{:?} {} {records:?}", world.now, data.partition));
                    read += records.len();
                    log.entry(data.partition.partition).or_default().extend(records);
                }
                Fetched::Failed(failed) => panic!("{}", failed.error),
            }
        }
        assert!(world.steps < 200_000, "seed {seed}: no end");
    }
    for (partition, records) in log {
        let numbers = (0..60).filter(|n| n % 3 == partition);
        let expected = numbers.flat_map(|n| [format!("{n}a"), format!("{n}b")]);
        let found = records.iter().map(|(_, value)| value.clone());
        assert!(found.eq(expected), "seed {seed}, partition {partition}: {records:?}");
        assert!(records.iter().map(|r| r.0).eq(0..40), "seed {seed}, partition {partition}");
    }
    trace
}

#[test]
fn once_and_in_order_without_failures() {
    for seed in 0..20 {
        write_and_read(seed, None);
    }
}

#[test]
fn once_and_in_order_while_connections_break() {
    for seed in 0..100 {
        write_and_read(seed, Some(40 + seed % 60));
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let traces: Vec<_> = [3, 3, 4].map(|seed| write_and_read(seed, Some(57))).into();
    assert_eq!(traces[0], traces[1]);
    assert_ne!(traces[0], traces[2]);
}

#[test]
fn calls_outlive_broken_connections() {
    for seed in 0..50 {
        let mut world = World::new(seed, &[]);
        world.create("t", 2);
        let tp = TopicPartition::new("t", 1);
        let committed = CommittedOffset { offset: 7, leader_epoch: -1, metadata: "m".to_owned() };
        let commit = world.client.offset_commit("g", &[(tp.clone(), committed.clone())]);
        world.steps_at_once(seed);
        world.network.cut_connections();
        world.wait(&commit);
        let fetch = world.client.offset_fetch("g", None);
        let list = world
            .client
            .list_offsets(&[(tp.clone(), OffsetSpec::Latest)], Isolation::ReadUncommitted);
        world.steps_at_once(seed / 2);
        world.network.cut_connections();
        assert_eq!(world.wait(&list)[&tp].offset, Some(0));
        assert_eq!(world.wait(&fetch), BTreeMap::from([(tp, committed)]));
    }
}

#[test]
fn a_dropped_client_leaves_nothing_behind() {
    let mut world = World::new(1, &[]);
    world.create("t", 1);
    let mut consumer = world.client.consumer(nothing());
    consumer.assign(&[(TopicPartition::new("t", 0), 0)]);
    while consumer.poll().is_none() {
        world.step();
    }
    drop(consumer);
    let World { network, client, now, .. } = world;
    drop(client);
    network.settle(now);
    assert_eq!(network.next_deadline(), None);
}

/// Another client, as an operator would be.
fn grow(world: &mut World, topic: &str, partitions: i32) {
    let bootstrap = ("bootstrap.servers", "127.0.0.1:9092");
    let (config, _) = ClientConfig::parse([bootstrap]).unwrap();
    let operator = Client::new(config, &Network::memory(&world.network));
    let grown = operator.create_partitions(topic, partitions);
    world.wait(&grown).into_iter().for_each(|(_, result)| result.unwrap());
}

/// Steps until the producer has an event.
fn event(world: &mut World, producer: &Producer) -> ProduceEvent {
    loop {
        if let Some(event) = producer.poll() {
            return event;
        }
        world.step();
    }
}

fn one(world: &World) -> SealedBatch {
    batch_at(i64::try_from(world.now.as_millis()).unwrap(), &["v"], Compression::None)
}

#[test]
fn a_partition_that_a_topic_got_later_is_written_and_read() {
    let mut world = World::new(1, &[]);
    world.create("t", 1);
    let topic: Arc<str> = "t".into();
    let producer = world.client.producer(nothing());
    let mut consumer = world.client.consumer(nothing());
    consumer.assign(&[(TopicPartition::new("t", 0), 0)]);
    producer.send(&topic, 0, one(&world), 0).unwrap();
    assert!(matches!(event(&mut world, &producer), ProduceEvent::Delivered { .. }));

    grow(&mut world, "t", 3);
    let before = world.now;
    producer.send(&topic, 2, one(&world), 1).unwrap();
    match event(&mut world, &producer) {
        ProduceEvent::Delivered { partition, tag: 1, base_offset: 0, .. } => {
            assert_eq!(partition, TopicPartition::new("t", 2));
        }
        other => panic!("{other:?}"),
    }
    // The same metadata serves reading.
    consumer.assign(&[(TopicPartition::new("t", 2), 0)]);
    loop {
        match consumer.poll() {
            Some(Fetched::Data(data)) if data.partition.partition == 2 => break,
            Some(Fetched::Failed(failed)) => panic!("{}", failed.error),
            _ => world.step(),
        }
    }
    assert!(world.now - before < Duration::from_secs(2), "no waiting for metadata.max.age.ms");
}

#[test]
fn a_consumer_finds_a_partition_that_its_topic_got_later() {
    let mut world = World::new(2, &[]);
    world.create("t", 1);
    let mut consumer = world.client.consumer(nothing());
    consumer.assign(&[(TopicPartition::new("t", 0), 0)]);
    while consumer.poll().is_none() {
        world.step();
    }
    grow(&mut world, "t", 2);
    let before = world.now;
    consumer.assign(&[(TopicPartition::new("t", 1), 0)]);
    loop {
        match consumer.poll() {
            Some(Fetched::Data(data)) if data.partition.partition == 1 => break,
            Some(Fetched::Failed(failed)) => panic!("{}", failed.error),
            _ => world.step(),
        }
    }
    assert!(world.now - before < Duration::from_secs(2));
}

#[test]
fn a_partition_that_never_appears_fails_at_the_delivery_timeout() {
    let times = [("delivery.timeout.ms", "20000"), ("request.timeout.ms", "10000")];
    let mut world = World::new(1, &times);
    world.create("t", 2);
    let producer = world.client.producer(nothing());
    let (before, steps) = (world.now, world.steps);
    producer.send(&"t".into(), 7, one(&world), 0).unwrap();
    match event(&mut world, &producer) {
        ProduceEvent::Failed { error, possibly_written, .. } => {
            assert!(!possibly_written);
            let text = error.to_string();
            assert!(text.contains("topic `t` has 2 partitions"), "{text}");
            assert!(text.contains("delivery.timeout.ms"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((world.now - before).as_secs(), 20);
    // About one refresh per second once the back-off has grown to retry.backoff.max.ms.
    assert!(world.steps - steps < 300, "{} steps", world.steps - steps);
    // Nothing asks for it any more, but for a refresh that was due already.
    let later = world.now + Duration::from_secs(2);
    while world.now < later {
        world.step();
    }
    assert!(world.now > later + Duration::from_secs(100), "{:?}", world.now - later);
}

#[test]
fn partitions_follow_a_topic_that_grows() {
    let mut world = World::new(1, &[("metadata.max.age.ms", "5000")]);
    world.create("t", 1);
    let topic = world.client.watch("t");
    let partitions = || topic.partitions().map(|known| known.len());
    while partitions().is_none() {
        world.step();
    }
    let generation = world.client.metadata_generation();
    grow(&mut world, "t", 4);
    let before = world.now;
    while world.client.metadata_generation() == generation {
        assert_eq!(partitions(), Some(1));
        world.step();
    }
    assert_eq!(partitions(), Some(4));
    assert!(world.now - before <= Duration::from_millis(5_001), "{:?}", world.now - before);
}

#[test]
fn a_topic_that_nobody_watches_is_forgotten() {
    let idle = [("metadata.max.age.ms", "1000"), ("metadata.max.idle.ms", "5000")];
    let mut world = World::new(1, &idle);
    let [kept, left] = ["kept", "left"].map(|topic| {
        world.create(topic, 1);
        world.client.watch(topic)
    });
    while kept.partitions().is_none() || left.partitions().is_none() {
        world.step();
    }
    drop(left);
    let (before, generation) = (world.now, world.client.metadata_generation());
    // Answers without news are none for handles.
    while world.client.metadata_generation() == generation {
        world.step();
    }
    assert!((5..=7).contains(&(world.now - before).as_secs()), "{:?}", world.now - before);
    assert!(kept.partitions().is_some());
    assert!(world.client.watch("left").partitions().is_none());
}
