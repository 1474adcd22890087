//! `brooklet topic`: look at, create, delete, write and read topics, with the options of kcat.

mod admin;
mod consume;
mod describe;
mod format;
pub(super) mod json;
mod lines;
mod list;
mod produce;
mod start;

use super::args::{TopicArguments, TopicCommand};
use super::cluster;
use super::exit::Exit;
use std::time::{SystemTime, UNIX_EPOCH};

/// Runs one of the subcommands.
pub(super) fn topic(arguments: &TopicArguments) -> Exit {
    cluster::end(match &arguments.command {
        TopicCommand::List { cluster } => list::list(cluster),
        TopicCommand::Describe { cluster, topic } => describe::describe(cluster, topic.name()),
        TopicCommand::Create { cluster, topic, partitions, replication_factor, config } => {
            admin::create(cluster, topic.name(), *partitions, *replication_factor, config)
        }
        TopicCommand::Delete { cluster, topic } => admin::delete(cluster, topic.name()),
        TopicCommand::Produce(arguments) => produce::produce(arguments),
        TopicCommand::Consume(arguments) => consume::consume(arguments),
    })
}

/// Milliseconds since 1970 UTC.
#[expect(clippy::disallowed_methods, reason = "the command line is the outer shell")]
fn wall_clock_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
