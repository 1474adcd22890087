//! What a record costs on its way through a job: memory is asked for per batch, never per record.

use super::Process;
use crate::support::World;
use std::io::Write as _;
use std::time::Duration;

/// No epoch falls into a measurement, and no flush but the one behind the batch.
const SQL: &str = "
    SET 'execution.checkpointing.interval' = '1 h';
    CREATE TABLE src (id BIGINT, name STRING, price DECIMAL(10, 2), ts TIMESTAMP(3)) WITH ('connector' = 'kafka',
      'topic' = 'in', 'properties.bootstrap.servers' = '127.0.0.1:9092', 'format' = 'json',
      'scan.startup.mode' = 'earliest-offset', 'properties.metadata.max.age.ms' = '36000000');
    CREATE TABLE sink (id BIGINT, name STRING, price DECIMAL(10, 2), ts TIMESTAMP(3)) WITH ('connector' = 'kafka',
      'topic' = 'out', 'properties.bootstrap.servers' = '127.0.0.1:9092', 'format' = 'json',
      'properties.metadata.max.age.ms' = '36000000');
    INSERT INTO sink SELECT id * 2, UPPER(name), price, ts FROM src WHERE MOD(id, 4) <> 0;";

/// Allocations that one batch may cost on the worker, from the fetched bytes to the batch given to the producer.
const ALLOCATIONS_MAX: u64 = 200;

/// Allocations of the job's own thread work for one batch of this many records; those of network and broker do not count.
fn allocations(world: &mut World, process: &mut Process, records: i64, written: &mut i64) -> u64 {
    let row = |id: i64| {
        format!(
            r#"{{"id":{id},"name":"name {}","price":{}.25,"ts":"2026-01-02 03:04:05.678"}}"#,
            id % 100,
            id % 1000
        )
    };
    let values: Vec<String> = (0..records).map(row).collect();
    world.produce("in", 0, &values);
    *written += records - (records + 3) / 4;
    let mut count = 0;
    loop {
        let moved = world.step();
        let mut step = None;
        let info = allocation_counter::measure(|| {
            step = Some(process.simulation.step(&mut process.job, world.now));
        });
        count += info.count_total;
        let step = step.expect("a step").expect("a job that works");
        if matches!(step, brooklet::exec::SimulatedStep::Idle(_)) && !moved {
            if world.ends("out")[&0] == *written {
                return count;
            }
            world.advance(Some(world.now + Duration::from_millis(10)));
        }
    }
}

#[test]
fn a_batch_costs_the_same_whatever_it_holds() {
    let mut world = World::new(1);
    world.create("in", 1);
    world.create("out", 1);
    let mut process = Process::start(&world, SQL, 1);
    let mut written = 0;
    // Buffers grow to the size of the largest batch, and are kept.
    for records in [2500, 2500, 100] {
        allocations(&mut world, &mut process, records, &mut written);
    }
    let mut cost = |records| allocations(&mut world, &mut process, records, &mut written);
    let costs: Vec<u64> = [100, 500, 2500, 100, 2500].into_iter().map(&mut cost).collect();
    drop(writeln!(std::io::stderr(), "allocations per batch: {costs:?}"));
    assert!(costs.iter().all(|cost| *cost <= ALLOCATIONS_MAX), "{costs:?}");
    // 25 times the records: what grows with them is a handful of buffers, by doubling.
    assert!(costs[2] <= costs[0] + 60, "{costs:?}");
}
