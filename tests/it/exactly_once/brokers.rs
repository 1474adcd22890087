//! Brokers that are killed under a job.

use super::faults::moves;
use super::java::check_with_java;
use super::{Load, Torture, count};
use crate::support::Cluster;
use brooklet_protocol_tests::services::{self, Kafka, KafkaCluster, KafkaConfig, Version};

/// The only broker is killed and started again, while a job runs.
#[test]
fn the_broker_is_killed() {
    let Ok(kafka) = Kafka::start(&KafkaConfig::new(Version::Newest)) else { return };
    let torture = Torture::new(Cluster::of_kafka(&kafka), Load::default());
    let kills = count("BROOKLET_LONE_BROKER_KILLS", 1);
    let figures = torture.run(|| {
        for _ in 0..kills {
            let mut running = torture.program.start();
            moves(&torture, &mut running);
            kafka.kill().expect("the broker dies");
            kafka.restart().expect("the broker starts");
            // It goes on by itself.
            moves(&torture, &mut running);
            running.kill();
        }
    });
    let broker = Version::Newest.to_string();
    figures.report("SIGKILL of the only broker", &broker, kills as usize);
}

/// One of three brokers is killed and started again, in turn: the job goes on with the other two, through coordinators and
/// leaders that move.
#[test]
fn brokers_of_three_are_killed() {
    if std::env::var_os("BROOKLET_BROKER_KILLS").is_none()
        && !services::all("kills of three brokers")
    {
        return;
    }
    let kafkas = KafkaCluster::start(Version::Newest, 3, &[]).expect("three brokers");
    let torture = Torture::new(Cluster::of_brokers(&kafkas), Load::default());
    let kills = count("BROOKLET_BROKER_KILLS", 3) as usize;
    let figures = torture.run(|| {
        let mut running = torture.program.start();
        for (kill, kafka) in (0..kills).zip(kafkas.brokers().iter().cycle()) {
            moves(&torture, &mut running);
            kafka.kill().expect("the broker dies");
            if kill % 4 == 3 {
                // The job as well: its successor finds two brokers.
                running.kill();
                running = torture.program.start();
            }
            moves(&torture, &mut running);
            kafka.restart().expect("the broker starts");
            if kill % 2 == 0 {
                kafkas.elect_preferred_leaders().expect("Java");
            }
        }
        moves(&torture, &mut running);
        running.kill();
    });
    check_with_java(&torture, &kafkas.brokers()[0]);
    let broker = format!("three of {}", Version::Newest);
    figures.report("SIGKILL of a broker", &broker, kills);
}
