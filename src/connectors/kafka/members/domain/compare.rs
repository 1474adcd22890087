//! What a process that is new to a group without a leader looks at before it takes part: whether the others run the same
//! script, and whether a topic is missing that would have made one of them the leader.

use super::lead::Listed;
use super::{MembersDomain, Work};
use crate::base::Result;
use crate::connectors::kafka::members::{Assigned, Election, refused, stranger};
use crate::connectors::kafka::options::Topics;
use brooklet_kafka::ErrorKind as KafkaErrorKind;

/// What is done once it is known that all members run the same script.
#[derive(Debug)]
pub(super) enum Next {
    Join,
    Lead(Election),
    Begin(Assigned),
}

impl MembersDomain {
    /// Goes on; in a group that nobody leads a process that is new to it looks first who is in it.
    pub(super) fn compare(&mut self, next: Next) -> Result<()> {
        if !self.reads.leaderless() || self.members.has_looked() {
            return self.compared(&[], next);
        }
        let pending = self.client.group_members(&self.group);
        self.work = Work::Comparing(self.waking(pending), next);
        Ok(())
    }

    fn compared(&mut self, ids: &[String], next: Next) -> Result<()> {
        let own = match &next {
            Next::Join => None,
            Next::Lead((_, members)) => members.first().map(|(id, _)| id.as_str()),
            Next::Begin(assigned) => Some(assigned.member.member_id.as_str()),
        };
        if let Some(given) = stranger(ids, own, self.script) {
            return Err(refused(&given));
        }
        match next {
            Next::Join => {
                self.members.found();
                self.join();
            }
            Next::Lead(election) => self.elected(election),
            Next::Begin(assigned) => self.begin(assigned),
        }
        Ok(())
    }

    /// The coordinator has said who is in the group.
    pub(super) fn described(
        &mut self,
        answer: brooklet_kafka::Result<Vec<String>>,
        next: Next,
    ) -> Result<()> {
        let ids = match answer {
            // Brokers without this request are not Apache Kafka's.
            Err(error) if !matches!(error.kind(), KafkaErrorKind::Unsupported) => {
                return Err(self.contact(&error, "comparing the processes of the job"));
            }
            answer => answer.unwrap_or_default(),
        };
        self.compared(&ids, next)
    }

    /// Asks for the topics of a list where nobody may have the first partition of the first one; false where there is no
    /// list, or a leader who does this.
    pub(super) fn look_for_topics(&mut self) -> bool {
        let (true, Topics::List(names)) = (self.reads.leaderless(), &self.reads.options.topics)
        else {
            return false;
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.work = Work::Missing(self.waking(self.client.metadata(&names)));
        true
    }

    /// All topics of the list are there, so that there is a leader to wait for.
    pub(super) fn all_found(&mut self, answer: brooklet_kafka::Result<Listed>) -> Result<()> {
        let doing = "finding partitions";
        let topics = answer.map_err(|error| self.contact(&error, doing))?;
        match topics.into_iter().find_map(|(_, topic)| topic.err()) {
            Some(error) => Err(self.contact(&error, doing)),
            None => Ok(()),
        }
    }
}
