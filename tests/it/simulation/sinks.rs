//! Sinks under a virtual clock: topics that grow, guarantees that wait or do not.

use super::Process;
use crate::support::World;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn script(options: &str) -> String {
    format!(
        "SET 'execution.checkpointing.interval' = '100 ms';
         SET 'pipeline.name' = 'simulated';
         CREATE TABLE src (v STRING) WITH ('connector' = 'kafka', 'topic' = 'in', 'format' = 'json',
           'properties.bootstrap.servers' = '127.0.0.1:9092', 'scan.startup.mode' = 'earliest-offset');
         CREATE TABLE sink (v STRING) WITH ('connector' = 'kafka', 'topic' = 'out', 'format' = 'json',
           'properties.bootstrap.servers' = '127.0.0.1:9092', {options});
         INSERT INTO sink SELECT v FROM src;"
    )
}

fn rows(count: usize) -> Vec<String> {
    (0..count).map(|n| format!(r#"{{"v":"{n}"}}"#)).collect()
}

fn written(world: &mut World) -> i64 {
    world.ends("out").values().sum()
}

#[test]
fn partitions_that_the_sink_topic_gets_are_written_to() {
    let mut world = World::new(1);
    world.create("in", 1);
    world.create("out", 2);
    let sql =
        script("'sink.partitioner' = 'round-robin', 'properties.metadata.max.age.ms' = '60000'");
    let mut process = Process::start(&world, &sql, 1);
    world.produce("in", 0, &rows(10));
    assert!(process.run_until(&mut world, 10 * SECOND, |world| written(world) == 10));
    world.grow("out", 5);
    // Before the client's metadata is old, nothing is known of the new ones.
    world.produce("in", 0, &rows(10));
    assert!(process.run_until(&mut world, 10 * SECOND, |world| written(world) == 20));
    let ends = world.ends("out");
    assert_eq!((ends[&0] + ends[&1], ends[&4]), (20, 0), "{ends:?}");
    process.run_until(&mut world, 61 * SECOND, |_| false);
    world.produce("in", 0, &rows(10));
    assert!(process.run_until(&mut world, 10 * SECOND, |world| written(world) == 30));
    let ends = world.ends("out");
    assert!((2..5).all(|partition| ends[&partition] == 2), "{ends:?}");
}

#[test]
fn only_none_commits_without_acknowledgements() {
    for (guarantee, commits) in [("none", true), ("at-least-once", false)] {
        let mut world = World::new(1);
        world.create("in", 1);
        world.create("out", 1);
        let options = format!(
            "'sink.delivery-guarantee' = '{guarantee}', 'properties.request.timeout.ms' = '5000',
             'properties.delivery.timeout.ms' = '8000'"
        );
        let mut process = Process::start(&world, &script(&options), 1);
        world.produce("in", 0, &rows(10));
        let committed =
            |world: &mut World| world.committed("brooklet.simulated", "in").get(&0) == Some(&10);
        assert!(process.run_until(&mut world, 3 * SECOND, committed), "{guarantee}");
        world.produce("in", 0, &rows(10));
        world.faults.withhold_acknowledgements(true);
        let committed =
            |world: &mut World| world.committed("brooklet.simulated", "in").get(&0) == Some(&20);
        assert_eq!(process.run_until(&mut world, 3 * SECOND, committed), commits, "{guarantee}");
        assert_eq!(written(&mut world), 20, "{guarantee}");
        // The end waits for what is on its way, whatever the guarantee.
        process.control.drain();
        world.faults.withhold_acknowledgements(false);
        process.run_until(&mut world, 20 * SECOND, |_| false);
        assert_eq!(
            process.simulation.trace().last().map(|line| line.contains("Ended")),
            Some(true)
        );
        assert!(committed(&mut world), "{guarantee}");
    }
}
