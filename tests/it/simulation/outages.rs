//! Brokers that are away: for an hour while a job runs, and from its start.

use super::exactly;
use super::*;

/// Longer than all restarts that are counted, with their delays and time-outs.
const OUTAGE: Duration = Duration::from_secs(3600);

fn produce(world: &mut World, from: i64) {
    for partition in 0..PARTITIONS {
        let value = |n| format!(r#"{{"v":"{partition}:{n}","keep":true}}"#);
        let values: Vec<String> = (from..from + AT_ONCE).map(value).collect();
        world.produce("in", partition, &values);
    }
}

fn outlasts(sql: &str) {
    let mut world = World::new(7);
    world.create("in", PARTITIONS);
    SINKS.iter().for_each(|(topic, _)| world.create(topic, 1));
    produce(&mut world, 0);
    let mut job = Process::start(&world, sql, 7);
    let written = |world: &mut World, n: i64| {
        let values = world.read_committed("kept").len();
        i64::try_from(values).is_ok_and(|values| values >= n * i64::from(PARTITIONS))
    };
    assert!(job.run_until(&mut world, PATIENCE, |world| written(world, AT_ONCE)), "nothing");
    // An epoch completes.
    job.run_until(&mut world, Duration::from_secs(1), |_| false);
    produce(&mut world, AT_ONCE);
    let back_at = world.now + OUTAGE;
    world.faults.down(back_at);
    world.network.cut_connections();
    let again = job.run_until(&mut world, OUTAGE + PATIENCE, |world| {
        world.now > back_at && written(world, 2 * AT_ONCE)
    });
    assert!(again, "{:?}", world.now);
}

#[test]
fn a_job_outlasts_an_hour_without_brokers() {
    outlasts(SQL);
    outlasts(exactly::SQL);
}

#[test]
fn a_job_gives_up_where_somebody_has_said_after_how_many_restarts() {
    let counted = "SET 'restart-strategy.exponential-delay.attempts-before-reset-backoff' = '10';";
    let failed = std::panic::catch_unwind(|| outlasts(&format!("{counted}{SQL}")));
    let text = failed.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains("gave up after 10 restarts without progress"), "{text}");
}

#[test]
fn a_wrong_address_ends_a_job_soon() {
    let mut world = World::new(7);
    world.faults.down(START + OUTAGE);
    let mut job = Process::start(&world, SQL, 7);
    let ended = loop {
        let moved = world.step();
        match job.simulation.step(&mut job.job, world.now) {
            Ok(SimulatedStep::Idle(_)) if moved => {}
            Ok(SimulatedStep::Idle(at)) => world.advance(at),
            Ok(_) => {}
            Err(error) => break error.to_string(),
        }
    };
    assert!(ended.contains("given up after 15 s"), "{ended}");
    assert!(world.now < START + Duration::from_secs(20), "{:?}", world.now);
}
