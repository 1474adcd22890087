//! How processes of a shared job come to their first position, and what ends them before.

use super::{EARLIEST, Guarantee, Shared};
use crate::support::{Cluster, Program, Rec};

const BOTH: [Guarantee; 2] = [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce];
const LATEST: &str = "'scan.startup.mode' = 'latest-offset'";

/// A job whose topics are to come, with a pattern for them.
fn of_pattern(guarantee: Guarantee) -> (Shared, impl Fn(&str) -> String) {
    let source = Cluster::unique("later");
    let job = Shared { source, ..Shared::new(Cluster::embedded(), guarantee, 1) };
    let (named, pattern) =
        (format!("'topic' = '{}'", job.source), format!("'topic-pattern' = '{}.*'", job.source));
    (job, move |sql| sql.replace(&named, &pattern))
}

#[test]
fn what_comes_after_the_first_look_is_read_from_its_beginning() {
    for guarantee in BOTH {
        let (job, pattern) = of_pattern(guarantee);
        // Long enough for records to be there when the topic is found.
        let mut running =
            job.launch(&pattern(&job.sql(LATEST)).replace("'100 ms', 'prop", "'1 s', 'prop"));
        running.until_stderr("reads 0 partition(s)");
        job.cluster.create(&job.source, 1, &[]);
        job.write(0, 5, 1);
        job.drained(&mut [&mut running]);
        running.signal("INT");
        running.wait().code(0);
        assert_eq!(job.written().len(), 5);
    }
}

#[test]
fn a_job_without_partitions_starts_again_and_again() {
    for guarantee in BOTH {
        let (job, pattern) = of_pattern(guarantee);
        let sql = pattern(&job.sql(EARLIEST));
        for _ in 0..2 {
            let running = job.launch(&sql);
            running.until_stderr("reads 0 partition(s)");
            running.signal("INT");
            running.wait().code(0);
        }
        job.cluster.create(&job.source, 1, &[]);
        job.write(0, 5, 1);
        let mut running = job.launch(&sql);
        job.drained(&mut [&mut running]);
        running.signal("INT");
        running.wait().code(0);
        assert!(job.written().values().all(|times| *times == 1));
    }
}

#[test]
fn a_shorter_time_out_is_tried_by_every_process() {
    let job = Shared::new(Cluster::embedded(), Guarantee::ExactlyOnce, 2);
    let long = format!(
        "{}, 'properties.transaction.timeout.ms' = '3600000'",
        Guarantee::ExactlyOnce.options()
    );
    let sql = job.sql_as(EARLIEST, &long);
    let (mut first, mut second) = (job.launch(&sql), job.launch(&sql));
    for process in [&first, &second] {
        process.until_stderr("the broker allows no transaction of 3600000 ms");
        process.until_stderr("reads 1 partition(s)");
    }
    job.write(0, 5, 2);
    job.drained(&mut [&mut first, &mut second]);
    for process in [first, second] {
        process.signal("INT");
        let ended = process.wait();
        assert_eq!(ended.code(0).stderr.matches("allows no transaction").count(), 1);
    }
}

#[test]
fn a_topic_that_is_gone_does_not_end_the_others() {
    let drop = format!("{EARLIEST}, 'scan.topic-change.mode' = 'drop'");
    for guarantee in BOTH {
        let job = Shared::new(Cluster::embedded(), guarantee, 1);
        let other = job.cluster.topic("other", 1);
        let with_other = |sql: &str| sql.replace(&job.source, &format!("{};{other}", job.source));
        let sql = with_other(&job.sql(&drop));
        let mut first = job.launch(&sql);
        first.until_stderr("reads 2 partition(s)");
        job.write(0, 5, 1);
        job.drained(&mut [&mut first]);
        job.cluster.delete(&other);
        let mut second = job.launch(&sql);
        for process in [&first, &second] {
            process.until_stderr("in generation 2 ");
        }
        job.write(5, 5, 1);
        job.drained(&mut [&mut first, &mut second]);
        for process in [first, second] {
            process.signal("INT");
            process.wait().code(0);
        }
        assert!(job.written().values().all(|times| *times == 1));
        // At a first start it is missed.
        let new = Shared::new(job.cluster, guarantee, 1);
        let sql = new.sql(&drop).replace(&new.source, &format!("{};{other}", new.source));
        Program::script("job", &sql).run().code(4).says(&[&other]);
    }
}

/// The offsets of the topic go with it, and those of an epoch that is on its way are refused: the next attempt is in the
/// same generation, which has the topic still.
#[test]
fn a_topic_that_is_deleted_in_a_generation_does_not_end_the_others() {
    // The time for the offsets, which would be stored again and again.
    let start = format!(
        "{EARLIEST}, 'scan.topic-change.mode' = 'drop', 'properties.default.api.timeout.ms' = '3000'"
    );
    for guarantee in BOTH {
        let job = Shared::new(Cluster::embedded(), guarantee, 1);
        let other = job.cluster.topic("other", 1);
        let both = format!("{};{other}", job.source);
        let mut running = job.launch(&job.sql(&start).replace(&job.source, &both));
        running.until_stderr("reads 2 partition(s)");
        job.write(0, 5, 1);
        job.drained(&mut [&mut running]);
        job.cluster.delete(&other);
        job.write(5, 5, 1);
        running.until_stderr("reads 1 partition(s) in generation 2 ");
        job.write(10, 5, 1);
        job.drained(&mut [&mut running]);
        running.signal("INT");
        running.wait().code(0);
        assert!(job.written().len() == 15);
    }
}

#[test]
fn brokers_that_do_not_answer_are_named() {
    let patience = format!("{EARLIEST}, 'properties.default.api.timeout.ms' = '4000'");
    std::thread::scope(|scope| {
        for guarantee in BOTH {
            let (job, patience) =
                (Shared::new(Cluster::embedded(), guarantee, 1), patience.clone());
            scope.spawn(move || {
                let nobody = job.sql(&patience).replace(job.cluster.bootstrap(), "127.0.0.1:1");
                let ended = Program::script("job", &nobody).run();
                let line = "[WARN] no answer from the brokers at '127.0.0.1:1' yet";
                ended.code(4).says(&[line, "check 'properties.bootstrap.servers'"]);
            });
        }
    });
}

#[test]
fn a_process_that_wakes_up_leaves_its_successor_alone() {
    let job = Shared::new(Cluster::embedded(), Guarantee::ExactlyOnce, 1);
    let mut first = job.start();
    first.until_stderr("reads 1 partition(s)");
    job.write(0, 5, 1);
    job.drained(&mut [&mut first]);
    first.signal("STOP");
    let mut second = job.start();
    second.until_stderr("reads 1 partition(s)");
    job.cluster.produce(&job.source, &[Rec::value("0:5")]);
    job.drained(&mut [&mut second]);
    first.signal("CONT");
    first.until_stderr("in generation 3 ");
    job.write(6, 5, 1);
    job.drained(&mut [&mut first, &mut second]);
    for process in [first, second] {
        process.signal("INT");
        process.wait().code(0);
    }
    assert!(job.written().values().all(|times| *times == 1));
}
