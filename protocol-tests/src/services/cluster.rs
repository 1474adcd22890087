//! Several brokers of one KRaft cluster, each a process of its own.

use std::io;
use std::thread;

use super::ports::free_ports;
use super::{Kafka, KafkaConfig, Version};

/// A cluster whose topics have a replica on every broker, and acknowledge a record when two have it.
#[derive(Debug)]
pub struct KafkaCluster {
    brokers: Vec<Kafka>,
}

impl KafkaCluster {
    /// Starts `count` brokers with ids from 1, each in a rack `rack-ID`, and waits until all take
    /// requests. `properties` go to each.
    ///
    /// # Errors
    /// As of [`Kafka::start`].
    pub fn start(version: Version, count: usize, properties: &[(&str, &str)]) -> io::Result<Self> {
        let ports = free_ports(2 * count)?;
        let (clients, controllers) = ports.split_at(count);
        let voters: Vec<String> = controllers
            .iter()
            .zip(1..)
            .map(|(port, id)| format!("{id}@127.0.0.1:{port}"))
            .collect();
        let voters = voters.join(",");
        let configs = clients.iter().zip(controllers).zip(1..).map(|((client, controller), id)| {
            let mut config = KafkaConfig::new(version)
                .port(*client)
                .property("node.id", &id.to_string())
                .property("broker.rack", &format!("rack-{id}"))
                .property("controller.quorum.voters", &voters)
                .property(
                    "listeners",
                    &format!("PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}"),
                )
                .property("offsets.topic.replication.factor", "3")
                .property("transaction.state.log.replication.factor", "3")
                .property("transaction.state.log.min.isr", "2")
                .property("default.replication.factor", "3")
                .property("min.insync.replicas", "2")
                // A broker that was killed is noticed by its missing heartbeats.
                .property("broker.session.timeout.ms", "3000")
                .property("broker.heartbeat.interval.ms", "500");
            for (key, value) in properties {
                config = config.property(key, value);
            }
            config
        });
        // None is ready before most of them are.
        let brokers = thread::scope(|scope| {
            let starting: Vec<_> =
                configs.map(|config| scope.spawn(move || Kafka::start(&config))).collect();
            let started = starting.into_iter().map(|broker| {
                broker.join().unwrap_or_else(|_| Err(io::Error::other("a start panicked")))
            });
            started.collect::<io::Result<Vec<Kafka>>>()
        })?;
        Ok(Self { brokers })
    }

    /// The brokers by id, from 1.
    #[must_use]
    pub fn brokers(&self) -> &[Kafka] {
        &self.brokers
    }

    /// All addresses, with commas.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        let all: Vec<&str> = self.brokers.iter().map(Kafka::bootstrap).collect();
        all.join(",")
    }

    /// Makes the first replica of every partition its leader again.
    ///
    /// # Errors
    /// Java is missing.
    pub fn elect_preferred_leaders(&self) -> io::Result<()> {
        let bootstrap = self.bootstrap();
        let args = [
            "--bootstrap-server",
            &bootstrap,
            "--election-type",
            "preferred",
            "--all-topic-partitions",
        ];
        let [first, ..] = self.brokers.as_slice() else { return Ok(()) };
        // It fails when some leader is the preferred one already.
        first.java_tool("org.apache.kafka.tools.LeaderElectionCommand", &args).map(drop)
    }
}
