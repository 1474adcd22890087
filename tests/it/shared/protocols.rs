//! Who may be in a group together: scripts that differ, both protocols, and lasting names, mostly where the group's
//! coordinator assigns.

use super::{EARLIEST, Guarantee, LOOK, PATIENCE, Protocol, Shared, embedded};
use crate::support::{Cluster, Program, Rec, Running};
use brooklet_protocol_tests::services::{Kafka, KafkaConfig, Version};
use std::time::Instant;

const TWO_READS: &str = "reads 2 partition(s)";

fn end(processes: impl IntoIterator<Item = Running>) {
    for process in processes {
        process.signal("INT");
        process.wait().code(0);
    }
}

#[test]
fn another_script_is_refused_where_nobody_leads() {
    let job = Shared::new(embedded(), Guarantee::ExactlyOnce, 2).under(Protocol::Consumer);
    let mut first = job.start();
    first.until_stderr(TWO_READS);
    let other = job.cluster.topic("other", 1);
    let more = job.sql(EARLIEST).replace(&job.source, &format!("{};{other}", job.source));
    let options = Guarantee::ExactlyOnce.options();
    let prefix = job.sql_as(EARLIEST, &options.replace("'shared'", "'another'"));
    let weaker = job.sql_as(EARLIEST, Guarantee::AtLeastOnce.options());
    for sql in [&more, &prefix, &weaker] {
        Program::script("job", sql).run().code(3).says(&["run another script", "pipeline.name"]);
    }
    // It has not noticed.
    job.write(0, 5, 2);
    job.drained(&mut [&mut first]);
    assert_eq!(first.stderr().matches("in generation").count(), 1, "{}", first.stderr());
    end([first]);
    // Alone, one of them goes on.
    let mut alone = job.launch(&prefix);
    job.write(5, 5, 2);
    job.drained(&mut [&mut alone]);
    end([alone]);
    assert!(job.written().values().all(|times| *times == 1));
}

#[test]
fn a_killed_process_comes_back_under_its_lasting_name() {
    let job = Shared::new(embedded(), Guarantee::ExactlyOnce, 2).under(Protocol::Consumer);
    let named = job.sql(&format!("{EARLIEST}, 'properties.group.instance.id' = 'one'"));
    let mut first = job.launch(&named);
    job.write(0, 5, 2);
    job.drained(&mut [&mut first]);
    first.kill();
    job.write(5, 5, 2);
    let mut again = job.launch(&named);
    again.until_stderr("waiting for the end of its session");
    job.drained(&mut [&mut again]);
    assert_eq!(again.stderr().matches("waiting for the end").count(), 1, "{}", again.stderr());
    end([again]);
    assert!(job.written().values().all(|times| *times == 1));
}

#[test]
fn a_topic_that_is_missing_at_the_first_start_is_named_where_nobody_leads() {
    for guarantee in [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
        let job = Shared::new(embedded(), guarantee, 1).under(Protocol::Consumer);
        // It would have been the first topic by name, whose first partition makes a leader.
        let sql = job.sql(EARLIEST).replace(&job.source, &format!("absent;{}", job.source));
        Program::script("job", &sql).run().code(4).says(&["topic `absent`"]);
    }
}

/// Processes under the two protocols, whoever is first.
fn protocols_do_not_mix(cluster: impl Fn() -> Option<Cluster>) {
    for (first, second) in
        [(Protocol::Classic, Protocol::Consumer), (Protocol::Consumer, Protocol::Classic)]
    {
        let Some(cluster) = cluster() else { return };
        let job = Shared::new(cluster, Guarantee::AtLeastOnce, 2).under(first);
        let mut running = job.start();
        running.until_stderr(TWO_READS);
        job.write(0, 5, 2);
        job.drained(&mut [&mut running]);
        let job = job.under(second);
        let ended = Program::script("job", &job.sql(EARLIEST)).run();
        ended.code(3).says(&["'properties.group.protocol' the same way"]);
        job.write(5, 5, 2);
        job.drained(&mut [&mut running]);
        end([running]);
    }
}

#[test]
fn both_protocols_in_one_group_are_refused() {
    protocols_do_not_mix(|| Some(embedded()));
}

/// Its default is to turn groups from one protocol into the other while they run.
#[test]
fn both_protocols_in_one_group_are_refused_on_apache_kafka() {
    protocols_do_not_mix(Cluster::apache);
}

#[test]
fn both_protocols_in_one_group_are_refused_where_brokers_do_not_turn_groups() {
    let config =
        KafkaConfig::new(Version::Newest).property("group.consumer.migration.policy", "disabled");
    let Ok(kafka) = Kafka::start(&config) else { return };
    protocols_do_not_mix(|| Some(Cluster::of_kafka(&kafka)));
}

#[test]
fn the_assignors_of_the_brokers_share() {
    for assignor in ["uniform", "range"] {
        let Some(cluster) = Cluster::apache() else { return };
        let job = Shared::new(cluster, Guarantee::AtLeastOnce, 4).under(Protocol::Consumer);
        let named =
            |name| job.sql(&format!("{EARLIEST}, 'properties.group.remote.assignor' = '{name}'"));
        let (mut first, mut second) = (job.launch(&named(assignor)), job.launch(&named(assignor)));
        for process in [&first, &second] {
            process.until_stderr(TWO_READS);
        }
        job.write(0, 5, 4);
        job.drained(&mut [&mut first, &mut second]);
        end([first, second]);
        assert_eq!(job.written().len(), 20);
        let unknown = Program::script("job", &named("mine")).run();
        unknown.code(4).says(&["properties.group.remote.assignor", "group.consumer.assignors"]);
    }
}

#[test]
fn a_group_that_is_deleted_under_a_process_is_joined_again() {
    let job = Shared::new(embedded(), Guarantee::AtLeastOnce, 1).under(Protocol::Consumer);
    job.write(0, 5, 1);
    let mut first = job.start();
    job.drained(&mut [&mut first]);
    // Longer than its session.
    first.signal("STOP");
    let reset = Program::new(&["job", "reset", "-b", job.cluster.bootstrap(), &job.name]);
    let since = Instant::now();
    while reset.run().code != Some(0) {
        assert!(since.elapsed() < PATIENCE, "its session does not end");
        std::thread::sleep(LOOK);
    }
    job.cluster.produce(&job.source, &[Rec::value("0:5")]);
    first.signal("CONT");
    job.drained(&mut [&mut first]);
    end([first]);
}
