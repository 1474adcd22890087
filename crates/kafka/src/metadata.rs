//! The metadata cache: brokers, topics, leaders. Answers are merged per topic, never replaced as
//! a whole: an answer about one topic says nothing about the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::config::Address;
use crate::connection::CallId;
use crate::error::Error;
use crate::limits::TOPIC_UNKNOWN_MAX;
use crate::rng::{Backoff, Rng};
use crate::topic::{BrokerInfo, ClusterInfo, PartitionInfo, TopicInfo, TopicPartition};
use crate::wire::messages::find_coordinator::FindCoordinatorResponse;
use crate::wire::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};
use crate::wire::{ErrorCode, Uuid};

/// The leader of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leader {
    pub(crate) node: i32,
    /// −1 if the broker did not say.
    pub(crate) epoch: i32,
    pub(crate) topic_id: Uuid,
}

#[derive(Debug, Clone)]
struct Topic {
    info: TopicInfo,
    /// Since when answers say that the topic is unknown.
    unknown_since: Option<Duration>,
    /// When the first refresh found that nobody wants it; `None` while somebody does.
    idle_since: Option<Duration>,
}

#[derive(Debug, Default)]
struct Want {
    uses: usize,
    /// Whether the broker may create the topic: only writing does that.
    create: bool,
    /// The last answer about it said that there is none.
    absent: bool,
    /// When something began to wait for the topic.
    since: Duration,
}

/// Partitions that a group's coordinator does not know. They were deleted if that is so for [`TOPIC_UNKNOWN_MAX`] and
/// the metadata lacks them, too: what the coordinator knows may be old, and a position that does not go with its output is
/// output twice.
#[derive(Debug, Default)]
pub(crate) struct Unknown {
    since: Option<Duration>,
}

impl Unknown {
    /// Whether those that the coordinator's answer does not know were deleted; the metadata is asked meanwhile.
    pub(crate) fn were_deleted(
        &mut self,
        unknown: impl Iterator<Item = TopicPartition>,
        metadata: &mut Metadata,
        now: Duration,
    ) -> bool {
        let mut lacks_all = true;
        for tp in unknown {
            let since = *self.since.get_or_insert(now);
            metadata.probe(&tp.topic);
            lacks_all &= metadata.lacks(&tp, since);
        }
        let waited = self.since.is_some_and(|at| now.saturating_sub(at) >= TOPIC_UNKNOWN_MAX);
        lacks_all && waited
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Metadata {
    nodes: BTreeMap<i32, BrokerInfo>,
    addresses: BTreeMap<i32, Address>,
    controller: Option<i32>,
    cluster_id: Option<String>,
    topics: BTreeMap<Arc<str>, Topic>,
    names: BTreeMap<Uuid, Arc<str>>,
    wanted: BTreeMap<Arc<str>, Want>,
    /// Topics that the next request asks for although nobody may want them.
    probed: BTreeSet<Arc<str>>,
    /// Topics whose last answer was an error that is not worth waiting for.
    refused: BTreeMap<Arc<str>, Error>,
    /// Topics of which [`shown`](Self::shown) may say something else by now.
    changed: BTreeSet<Arc<str>>,
    backoff: Backoff,
    max_age: Duration,
    max_idle: Duration,
    needed: bool,
    /// The last request was for topics to create.
    created_last: bool,
    /// Something waits for a partition that the cache lacks: the back-off grows.
    missing: bool,
    in_flight: Option<CallId>,
    /// The topics of the request on its way.
    asked: Vec<Arc<str>>,
    not_before: Duration,
    failures: u32,
    last_success: Option<Duration>,
    last_error: Option<Error>,
    /// Raised by every answer: who watches leaders looks again.
    generation: u64,
}

impl Metadata {
    /// Asks again after `max_age`, and forgets topics that nobody wanted for `max_idle`.
    pub(crate) fn new(backoff: Backoff, max_age: Duration, max_idle: Duration) -> Self {
        Self {
            nodes: BTreeMap::new(),
            addresses: BTreeMap::new(),
            controller: None,
            cluster_id: None,
            topics: BTreeMap::new(),
            names: BTreeMap::new(),
            wanted: BTreeMap::new(),
            probed: BTreeSet::new(),
            refused: BTreeMap::new(),
            changed: BTreeSet::new(),
            backoff,
            max_age,
            max_idle,
            needed: false,
            created_last: false,
            missing: false,
            in_flight: None,
            asked: Vec::new(),
            not_before: Duration::ZERO,
            failures: 0,
            last_success: None,
            last_error: None,
            generation: 0,
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn address(&self, node: i32) -> Option<&Address> {
        self.addresses.get(&node)
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = (i32, &Address)> {
        self.addresses.iter().map(|(node, address)| (*node, address))
    }

    pub(crate) fn controller(&self) -> Option<i32> {
        self.controller.filter(|node| self.addresses.contains_key(node))
    }

    pub(crate) fn topic(&self, name: &str) -> Option<&TopicInfo> {
        self.topics.get(name).map(|topic| &topic.info)
    }

    /// What handles see of a topic: its partitions, or why the brokers refuse it.
    pub(crate) fn shown(&self, topic: &str) -> Option<Result<Arc<[PartitionInfo]>, Error>> {
        let known = self.topics.get(topic).map(|topic| Ok(Arc::clone(&topic.info.partitions)));
        known.or_else(|| self.refused.get(topic).cloned().map(Err))
    }

    /// Topics of which [`shown`](Self::shown) may say something else than at the last call.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.changed)
    }

    pub(crate) fn name_of(&self, id: Uuid) -> Option<&Arc<str>> {
        self.names.get(&id)
    }

    pub(crate) fn cluster(&self) -> ClusterInfo {
        ClusterInfo {
            id: self.cluster_id.clone(),
            controller: self.controller,
            brokers: self.nodes.values().cloned().collect(),
        }
    }

    /// The leader of a partition, if it is known and its address too.
    pub(crate) fn leader(&self, tp: &TopicPartition) -> Option<Leader> {
        let topic = &self.topics.get(&tp.topic)?.info;
        let partition = topic.partition(tp.partition)?;
        let node = partition.leader.filter(|node| self.addresses.contains_key(node))?;
        Some(Leader { node, epoch: partition.leader_epoch, topic_id: topic.id })
    }

    /// Whether a partition that was there is not any more, although its topic is: a topic never
    /// shrinks, so it is another one. `id` is that of the topic that had the partition.
    pub(crate) fn has_lost(&self, tp: &TopicPartition, id: Uuid) -> bool {
        let Some(topic) = self.topics.get(&tp.topic).filter(|t| t.unknown_since.is_none()) else {
            return false;
        };
        !id.is_zero() && topic.info.id != id && topic.info.partition(tp.partition).is_none()
    }

    /// Whether a partition is not there, by what the brokers said last; they have to have answered after `since`.
    fn lacks(&self, tp: &TopicPartition, since: Duration) -> bool {
        let topic = self.topics.get(&tp.topic).filter(|t| t.unknown_since.is_none());
        self.last_success > Some(since)
            && topic.is_none_or(|topic| topic.info.partition(tp.partition).is_none())
    }

    /// Asks for a topic once, whether somebody wants it or not.
    fn probe(&mut self, topic: &Arc<str>) {
        self.needed |= self.probed.insert(Arc::clone(topic));
    }

    /// Why the topic cannot be used, if the brokers said so: no permission, an illegal name, or
    /// unknown for at least `patience`; or because they do not let this client in.
    pub(crate) fn problem(&self, topic: &str, patience: Duration, now: Duration) -> Option<Error> {
        if let Some(error) = self.last_error.as_ref().filter(|error| error.is_final()) {
            return Some(error.clone());
        }
        if let Some(error) = self.refused.get(topic) {
            return Some(error.clone());
        }
        let since = match (self.topics.get(topic), self.wanted.get(topic)) {
            (Some(known), _) => known.unknown_since?,
            (None, Some(want)) if self.last_success > Some(want.since) => want.since,
            _ => return None,
        };
        (now.saturating_sub(since) >= patience).then(|| Error::unknown_topic(topic))
    }

    /// Why there is no metadata at all, if that is so.
    pub(crate) fn last_error(&self) -> Option<&Error> {
        self.last_error.as_ref()
    }

    /// Another answer named a broker.
    pub(crate) fn learn(&mut self, node: i32, host: &str, port: i32) {
        if let Ok(port) = u16::try_from(port) {
            self.addresses.entry(node).or_insert_with(|| Address { host: host.to_owned(), port });
        }
    }

    /// Takes over the leader that an answer names beside its error, with its address if it told
    /// one (KIP-951). Says whether that was news.
    pub(crate) fn hint(
        &mut self,
        tp: &TopicPartition,
        (node, epoch): (i32, i32),
        endpoint: Option<(&str, i32)>,
    ) -> bool {
        if let Some((host, port)) = endpoint
            && let Ok(port) = u16::try_from(port)
        {
            self.addresses.insert(node, Address { host: host.to_owned(), port });
        }
        if node < 0 || !self.addresses.contains_key(&node) {
            return false;
        }
        let Some(topic) = self.topics.get_mut(&tp.topic) else { return false };
        // A list that is no news is not copied.
        let is_news = |at: &usize| {
            topic.info.partitions.get(*at).is_some_and(|known| known.leader_epoch < epoch)
        };
        let Some(at) = topic.info.place_of(tp.partition).filter(is_news) else { return false };
        let partitions = Arc::make_mut(&mut topic.info.partitions);
        let Some(partition) = partitions.get_mut(at) else { return false };
        (partition.leader, partition.leader_epoch) = (Some(node), epoch);
        self.changed.insert(Arc::clone(&topic.info.name));
        self.generation += 1;
        true
    }

    /// Keeps the coordinator that FindCoordinator named and returns its node id.
    pub(crate) fn found(&mut self, response: &FindCoordinatorResponse) -> Result<i32, Error> {
        // Since version 4 a response answers for many keys; the client asks for one.
        let (code, message, node, host, port) = match response.coordinators.first() {
            Some(c) => (c.error_code, &c.error_message, c.node_id, &c.host, c.port),
            None => (
                response.error_code,
                &response.error_message,
                response.node_id,
                &response.host,
                response.port,
            ),
        };
        let code = ErrorCode(code);
        if !code.is_ok() {
            return Err(Error::broker(code, message.as_deref()).in_api("FindCoordinator"));
        }
        self.learn(node, host, port);
        Ok(node)
    }

    /// Keeps the topic fresh until [`release`](Self::release).
    pub(crate) fn want(&mut self, topic: &Arc<str>, create: bool, now: Duration) {
        let known = self.topics.contains_key(topic);
        let want = self.wanted.entry(Arc::clone(topic)).or_default();
        if want.uses == 0 {
            want.since = now;
            if self.refused.remove(topic).is_some() {
                self.changed.insert(Arc::clone(topic));
            }
        }
        want.uses += 1;
        want.create |= create;
        self.needed |= !known;
    }

    pub(crate) fn release(&mut self, topic: &Arc<str>) {
        if let Some(want) = self.wanted.get_mut(topic) {
            want.uses = want.uses.saturating_sub(1);
            if want.uses == 0 {
                self.wanted.remove(topic);
            }
        }
    }

    /// Something answered as if the cache were old.
    pub(crate) fn refresh(&mut self) {
        self.needed = true;
    }

    /// Something waits for a partition that has no known leader: a topic may have grown. To be
    /// said again as long as that is so.
    pub(crate) fn missing(&mut self) {
        // An answer on its way may bring it.
        if self.in_flight.is_none() {
            self.needed = true;
            self.missing = true;
        }
    }

    /// Partitions of a topic, if it is known.
    pub(crate) fn partition_count(&self, topic: &str) -> Option<usize> {
        self.topics.get(topic).map(|topic| topic.info.partitions.len())
    }

    /// When [`request`](Self::request) will have something to send.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        if self.in_flight.is_some() {
            return None;
        }
        let aged = self
            .last_success
            .filter(|_| !self.wanted.is_empty())
            .map(|at| at.saturating_add(self.max_age).max(self.not_before));
        if self.needed { Some(self.not_before) } else { aged }
    }

    /// The next request, if it is time. The caller sends it and says so with
    /// [`sent`](Self::sent).
    pub(crate) fn request(&self, now: Duration) -> Option<MetadataRequest> {
        if self.next_deadline().is_none_or(|at| at > now) {
            return None;
        }
        let topics = self.next_topics().map(|name| MetadataRequestTopic {
            name: Some(name.to_string()),
            ..MetadataRequestTopic::default()
        });
        Some(MetadataRequest {
            topics: Some(topics.collect()),
            allow_auto_topic_creation: self.creates_next(),
            ..MetadataRequest::default()
        })
    }

    /// The topics of the next request.
    fn next_topics(&self) -> impl Iterator<Item = &Arc<str>> {
        let creating = self.creates_next();
        let probed = self.probed.iter().filter(|name| !self.wanted.contains_key(&***name));
        let all = self.wanted.keys().chain(probed);
        all.filter(move |name| !creating || self.is_to_create(name))
    }

    /// Whether the next request is for topics that the broker may create. The permission counts for all topics of a
    /// request, so that they have one of their own, in turn with the one for all.
    fn creates_next(&self) -> bool {
        !self.created_last && self.wanted.keys().any(|name| self.is_to_create(name))
    }

    /// Whether the broker may create a topic. One that was there and was deleted has to stay so: its records are gone,
    /// and who writes to it has to hear of that.
    fn is_to_create(&self, name: &str) -> bool {
        let want = self.wanted.get(name);
        want.is_some_and(|want| want.create && want.absent) && !self.topics.contains_key(name)
    }

    pub(crate) fn sent(&mut self, call: CallId) {
        self.asked = self.next_topics().map(Arc::clone).collect();
        self.created_last = self.creates_next();
        self.in_flight = Some(call);
        if !self.created_last {
            self.probed.clear();
        }
        self.needed = !self.probed.is_empty();
    }

    /// The cache's own request failed.
    pub(crate) fn failed(&mut self, error: Error, now: Duration, rng: &mut Rng) {
        self.in_flight = None;
        self.needed = true;
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(error);
        self.not_before = now.saturating_add(self.backoff.after(self.failures, rng));
    }

    /// The cache's own request was answered.
    pub(crate) fn answered(&mut self, response: &MetadataResponse, now: Duration, rng: &mut Rng) {
        self.in_flight = None;
        if response.error_code == ErrorCode::REBOOTSTRAP_REQUIRED.0 {
            // Only the bootstrap addresses count from here on (KIP-1102).
            self.nodes.clear();
            self.addresses.clear();
            let error = Error::broker(ErrorCode::REBOOTSTRAP_REQUIRED, None).in_api("Metadata");
            return self.failed(error, now, rng);
        }
        self.merge(response, now);
        if response.brokers.is_empty() {
            // Brokers answer without brokers while they start.
            let error = Error::broker(ErrorCode::LEADER_NOT_AVAILABLE, Some("no brokers yet"));
            return self.failed(error.in_api("Metadata"), now, rng);
        }
        // Brokers before 0.11 that are asked for all topics leave out what is not there.
        // What has no name may be any of them.
        let told: Option<BTreeSet<&str>> =
            response.topics.iter().map(|topic| topic.name.as_deref()).collect();
        for name in std::mem::take(&mut self.asked) {
            if told.as_ref().is_some_and(|told| !told.contains(&*name)) {
                self.absent(&name, now);
            }
        }
        self.forget_idle(now);
        let incomplete = self.wanted.keys().any(|name| {
            !self.refused.contains_key(name)
                && self.topics.get(name).is_none_or(|topic| {
                    topic.unknown_since.is_some()
                        || topic.info.partitions.is_empty()
                        || topic.info.partitions.iter().any(|p| p.leader.is_none())
                })
        });
        self.last_success = Some(now);
        self.last_error = None;
        // Also after a success: one refresh per back-off, whoever asks for it.
        let growing = incomplete || std::mem::take(&mut self.missing);
        self.failures = if growing { self.failures.saturating_add(1) } else { 0 };
        self.needed |= incomplete;
        self.not_before = now.saturating_add(self.backoff.after(self.failures.max(1), rng));
    }

    /// Forgets what nobody wanted for long enough.
    fn forget_idle(&mut self, now: Duration) {
        let Self { topics, wanted, refused, names, changed, max_idle, .. } = self;
        topics.retain(|name, topic| {
            if wanted.contains_key(name) {
                topic.idle_since = None;
                return true;
            }
            let since = *topic.idle_since.get_or_insert(now);
            let keep = now.saturating_sub(since) < *max_idle;
            if !keep {
                names.remove(&topic.info.id);
                changed.insert(Arc::clone(name));
            }
            keep
        });
        refused.retain(|name, _| {
            let keep = wanted.contains_key(name);
            if !keep {
                changed.insert(Arc::clone(name));
            }
            keep
        });
    }

    /// Takes over what any Metadata answer says.
    pub(crate) fn merge(&mut self, response: &MetadataResponse, now: Duration) {
        self.generation += 1;
        if !response.brokers.is_empty() {
            self.nodes.clear();
            self.addresses.clear();
        }
        for broker in &response.brokers {
            let Ok(port) = u16::try_from(broker.port) else { continue };
            let address = Address { host: broker.host.clone(), port };
            let info = BrokerInfo {
                id: broker.node_id,
                address: address.to_string().into(),
                rack: broker.rack.clone(),
            };
            self.nodes.insert(broker.node_id, info);
            self.addresses.insert(broker.node_id, address);
        }
        if response.cluster_id.is_some() {
            self.cluster_id.clone_from(&response.cluster_id);
        }
        if response.controller_id >= 0 {
            self.controller = Some(response.controller_id);
        }
        for topic in &response.topics {
            self.merge_topic(topic, now);
        }
    }

    fn merge_topic(&mut self, answer: &MetadataResponseTopic, now: Duration) {
        let Some(name) =
            answer.name.as_deref().or_else(|| self.names.get(&answer.topic_id).map(|n| &**n))
        else {
            return;
        };
        let name: Arc<str> = match self.topics.get(name) {
            Some(topic) => Arc::clone(&topic.info.name),
            None => name.into(),
        };
        match ErrorCode(answer.error_code) {
            ErrorCode::NONE => {}
            code @ (ErrorCode::TOPIC_AUTHORIZATION_FAILED | ErrorCode::INVALID_TOPIC_EXCEPTION) => {
                // One that could be seen to be absent is refused because it would be created.
                let seen = self.wanted.get(&name).is_some_and(|want| want.create && want.absent);
                let error = Error::broker(code, None)
                    .context(format!("topic `{name}`"))
                    .lacking(if seen { "CREATE" } else { "DESCRIBE" }, &name)
                    .in_api("Metadata");
                self.changed.insert(Arc::clone(&name));
                self.refused.insert(name, error);
                return;
            }
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => return self.absent(&name, now),
            _ => {
                if let Some(want) = self.wanted.get_mut(&name) {
                    want.absent = false;
                }
                return;
            }
        }
        self.refused.remove(&name);
        if let Some(want) = self.wanted.get_mut(&name) {
            want.absent = false;
        }
        let known = self.topics.get(&name);
        let idle_since = known.and_then(|topic| topic.idle_since);
        let old = known.map(|topic| &topic.info);
        // A broker that cannot tell the id says nothing about it. Where none ever could (before Kafka 2.8), a topic that was
        // gone in between may be another, whose leader epochs begin anew.
        let was_gone = known.is_some_and(|topic| topic.unknown_since.is_some());
        let same = old.filter(|old| match answer.topic_id.is_zero() {
            true => !(old.id.is_zero() && was_gone),
            false => old.id == answer.topic_id,
        });
        let info = topic_info(&name, answer, same);
        if let Some(old) = old.filter(|old| old.id != info.id) {
            self.names.remove(&old.id);
        }
        if old.is_none_or(|old| !Arc::ptr_eq(&old.partitions, &info.partitions)) {
            self.changed.insert(Arc::clone(&name));
        }
        if !info.id.is_zero() {
            self.names.insert(info.id, Arc::clone(&name));
        }
        self.topics.insert(name, Topic { info, unknown_since: None, idle_since });
    }

    /// A broker says that there is no such topic. The last good answer stays: topics flicker while brokers start and
    /// move.
    fn absent(&mut self, name: &str, now: Duration) {
        if let Some(want) = self.wanted.get_mut(name) {
            want.absent = true;
        }
        if let Some(topic) = self.topics.get_mut(name) {
            topic.unknown_since.get_or_insert(now);
        }
    }
}

/// A topic as an answer describes it. `same` is the cached one if it has the same id, or the
/// answer none: it keeps its id, and a leader with an older epoch than the cached one comes from a broker that is behind (KIP-320).
/// Partitions that are the same are shared with it.
pub(crate) fn topic_info(
    name: &Arc<str>,
    answer: &MetadataResponseTopic,
    same: Option<&TopicInfo>,
) -> TopicInfo {
    let mut partitions: Vec<PartitionInfo> = answer
        .partitions
        .iter()
        .map(|p| {
            let cached = same.and_then(|topic| topic.partition(p.partition_index));
            match cached {
                Some(cached) if p.leader_epoch >= 0 && cached.leader_epoch > p.leader_epoch => {
                    cached.clone()
                }
                _ => PartitionInfo {
                    partition: p.partition_index,
                    leader: (p.leader_id >= 0).then_some(p.leader_id),
                    leader_epoch: p.leader_epoch,
                    replicas: p.replica_nodes.len(),
                    in_sync: p.isr_nodes.len(),
                },
            }
        })
        .collect();
    partitions.sort_by_key(|p| p.partition);
    let unchanged = same.filter(|same| *same.partitions == *partitions);
    TopicInfo {
        name: Arc::clone(name),
        id: same.filter(|_| answer.topic_id.is_zero()).map_or(answer.topic_id, |same| same.id),
        internal: answer.is_internal,
        partitions: unchanged
            .map_or_else(|| partitions.into(), |same| Arc::clone(&same.partitions)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::wire::messages::metadata::{MetadataResponseBroker, MetadataResponsePartition};

    const SECOND: Duration = Duration::from_secs(1);

    fn metadata() -> Metadata {
        let backoff = Backoff { initial: SECOND / 10, max: SECOND };
        Metadata::new(backoff, 300 * SECOND, 300 * SECOND)
    }

    fn topic(name: &str, id: u8, leaders: &[(i32, i32)]) -> MetadataResponseTopic {
        let partition =
            |(index, (leader_id, leader_epoch)): (usize, &(i32, i32))| MetadataResponsePartition {
                partition_index: index as i32,
                leader_id: *leader_id,
                leader_epoch: *leader_epoch,
                ..Default::default()
            };
        MetadataResponseTopic {
            name: Some(name.to_owned()),
            topic_id: Uuid([id; 16]),
            partitions: leaders.iter().enumerate().map(partition).collect(),
            ..Default::default()
        }
    }

    fn failed(name: &str, code: ErrorCode) -> MetadataResponseTopic {
        MetadataResponseTopic {
            name: Some(name.to_owned()),
            error_code: code.0,
            ..Default::default()
        }
    }

    fn response(topics: Vec<MetadataResponseTopic>) -> MetadataResponse {
        let broker = |node_id| MetadataResponseBroker {
            node_id,
            host: format!("b{node_id}"),
            port: 9092,
            rack: None,
        };
        MetadataResponse { brokers: vec![broker(1), broker(2)], topics, ..Default::default() }
    }

    fn leader(metadata: &Metadata, topic: &str, partition: i32) -> Option<i32> {
        metadata.leader(&TopicPartition::new(topic, partition)).map(|leader| leader.node)
    }

    #[test]
    fn topics_are_created_where_they_are_missing_and_no_others() {
        let (mut m, mut rng) = (metadata(), Rng::new(1));
        m.want(&"out".into(), true, Duration::ZERO);
        m.want(&"progress".into(), false, Duration::ZERO);
        // What is asked for, and whether it may be created.
        let mut ask = |m: &mut Metadata, now, topics| {
            let request = m.request(now).unwrap();
            m.sent(CallId(1));
            m.answered(&response(topics), now, &mut rng);
            let names = request.topics.unwrap().into_iter().map(|topic| topic.name.unwrap());
            (names.collect::<Vec<_>>(), request.allow_auto_topic_creation)
        };
        let missing = |name| failed(name, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        let both = ["out", "progress"].map(str::to_owned);
        let neither = vec![missing("out"), missing("progress")];
        assert_eq!(ask(&mut m, SECOND, neither.clone()), (both.to_vec(), false));
        assert_eq!(ask(&mut m, 5 * SECOND, vec![missing("out")]), (vec!["out".to_owned()], true));
        // In turn: the others must not wait for a topic that is never created.
        assert_eq!(ask(&mut m, 10 * SECOND, neither), (both.to_vec(), false));
        let made = vec![topic("out", 1, &[(1, 0)])];
        assert_eq!(ask(&mut m, 15 * SECOND, made.clone()), (vec!["out".to_owned()], true));
        assert_eq!(ask(&mut m, 20 * SECOND, made), (both.to_vec(), false));
    }

    #[test]
    fn a_topic_that_was_deleted_is_not_created_again() {
        let (mut m, mut rng) = (metadata(), Rng::new(1));
        m.want(&"out".into(), true, Duration::ZERO);
        let mut ask = |m: &mut Metadata, now, topics| {
            let request = m.request(now).unwrap();
            m.sent(CallId(1));
            m.answered(&response(topics), now, &mut rng);
            request.allow_auto_topic_creation
        };
        let missing = || vec![failed("out", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)];
        assert!(!ask(&mut m, SECOND, vec![topic("out", 1, &[(1, 0)])]));
        m.refresh();
        for seconds in 2..5 {
            assert!(!ask(&mut m, 5 * seconds * SECOND, missing()));
        }
        // A broker before 0.11, asked for all topics.
        assert!(!ask(&mut m, 30 * SECOND, vec![topic("other", 2, &[(1, 0)])]));
        let problem = m.problem("out", 10 * SECOND, 31 * SECOND).map(|e| e.kind().clone());
        assert_eq!(problem, Some(ErrorKind::UnknownTopic { topic: "out".to_owned() }));
    }

    #[test]
    fn a_topic_that_an_answer_leaves_out_is_missing() {
        let (mut m, mut rng) = (metadata(), Rng::new(1));
        m.want(&"in".into(), false, Duration::ZERO);
        m.request(SECOND).unwrap();
        m.sent(CallId(1));
        m.answered(&response(vec![topic("other", 2, &[(1, 0)])]), SECOND, &mut rng);
        let problem = m.problem("in", SECOND, 2 * SECOND).map(|e| e.kind().clone());
        assert_eq!(problem, Some(ErrorKind::UnknownTopic { topic: "in".to_owned() }));
        assert!(m.next_deadline().is_some_and(|at| at < 3 * SECOND), "asked again");
    }

    #[test]
    fn a_refused_topic_names_the_grant() {
        let (mut m, mut rng) = (metadata(), Rng::new(1));
        for topic in ["out", "hidden"] {
            m.want(&topic.into(), true, Duration::ZERO);
        }
        let refused = |name| failed(name, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
        let absent = failed("out", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        for (second, answer) in [(1, vec![absent, refused("hidden")]), (5, vec![refused("out")])] {
            m.request(second * SECOND).unwrap();
            m.sent(CallId(1));
            m.answered(&response(answer), second * SECOND, &mut rng);
        }
        let lacks = |topic| {
            let problem = m.problem(topic, SECOND, 5 * SECOND);
            problem.and_then(|error| error.lacks().map(str::to_owned)).unwrap()
        };
        assert_eq!(lacks("out"), "CREATE on topic 'out'");
        assert_eq!(lacks("hidden"), "DESCRIBE on topic 'hidden'");
    }

    #[test]
    fn answers_are_merged_per_topic() {
        let mut m = metadata();
        m.merge(&response(vec![topic("a", 1, &[(1, 0)]), topic("b", 2, &[(2, 0)])]), SECOND);
        m.merge(&response(vec![topic("b", 2, &[(1, 1)])]), SECOND);
        assert_eq!((leader(&m, "a", 0), leader(&m, "b", 0)), (Some(1), Some(1)));
        m.merge(&response(vec![failed("a", ErrorCode::LEADER_NOT_AVAILABLE)]), SECOND);
        assert_eq!(leader(&m, "a", 0), Some(1), "the last good answer stays");
    }

    #[test]
    fn an_older_leader_epoch_is_ignored_unless_the_topic_is_another() {
        let mut m = metadata();
        m.merge(&response(vec![topic("a", 1, &[(1, 5)])]), SECOND);
        m.merge(&response(vec![topic("a", 1, &[(2, 4)])]), SECOND);
        assert_eq!(leader(&m, "a", 0), Some(1));
        m.merge(&response(vec![topic("a", 9, &[(2, 0)])]), SECOND);
        assert_eq!(leader(&m, "a", 0), Some(2));
        assert_eq!(m.name_of(Uuid([1; 16])), None);
    }

    #[test]
    fn wanted_topics_are_asked_for_until_they_are_complete() {
        let (mut m, mut rng) = (metadata(), Rng::new(1));
        m.want(&"a".into(), false, Duration::ZERO);
        let request = m.request(Duration::ZERO).unwrap();
        assert!(!request.allow_auto_topic_creation);
        m.sent(CallId(1));
        assert_eq!(m.request(SECOND), None, "one at a time");
        m.answered(&response(vec![topic("a", 1, &[(-1, 0)])]), SECOND, &mut rng);
        let again = m.next_deadline().unwrap();
        assert!(again > SECOND && again < 2 * SECOND, "no leader yet: {again:?}");
        m.sent(CallId(2));
        m.answered(&response(vec![topic("a", 1, &[(1, 1)])]), again, &mut rng);
        assert_eq!(m.next_deadline(), Some(again + 300 * SECOND));
        m.release(&"a".into());
        assert_eq!(m.next_deadline(), None);
    }

    #[test]
    fn a_topic_that_nobody_wants_is_forgotten_after_its_time() {
        let (mut m, mut rng) = (metadata(), Rng::new(1));
        m.want(&"used".into(), false, Duration::ZERO);
        m.want(&"left".into(), false, Duration::ZERO);
        let both = || response(vec![topic("used", 1, &[(1, 0)]), topic("left", 2, &[(1, 0)])]);
        m.answered(&both(), SECOND, &mut rng);
        m.release(&"left".into());
        let used = || response(vec![topic("used", 1, &[(1, 0)])]);
        for (minute, kept) in [(1, true), (5, true), (6, false)] {
            m.answered(&used(), 60 * minute * SECOND, &mut rng);
            assert_eq!(m.topic("left").is_some(), kept, "after {minute} minutes");
        }
        assert_eq!((m.name_of(Uuid([2; 16])), m.shown("left")), (None, None));
        assert!(m.topic("used").is_some());
        // What is wanted again in time stays.
        m.answered(&both(), 420 * SECOND, &mut rng);
        m.want(&"left".into(), false, 700 * SECOND);
        m.answered(&used(), 800 * SECOND, &mut rng);
        assert!(m.topic("left").is_some());
    }

    #[test]
    fn an_answer_without_news_changes_nothing() {
        let mut m = metadata();
        let both = |leader| response(vec![topic("a", 1, &[(1, 0)]), topic("b", 2, &[leader])]);
        m.merge(&both((1, 0)), SECOND);
        let changed = |m: &mut Metadata| {
            let names: Vec<String> = m.take_changed().iter().map(ToString::to_string).collect();
            names.join(" ")
        };
        assert_eq!(changed(&mut m), "a b");
        m.merge(&both((1, 0)), 2 * SECOND);
        assert_eq!(changed(&mut m), "");
        let before = m.shown("a").unwrap().unwrap();
        m.merge(&both((2, 1)), 3 * SECOND);
        assert_eq!(changed(&mut m), "b");
        assert!(Arc::ptr_eq(&before, &m.shown("a").unwrap().unwrap()), "shared");
        m.merge(&response(vec![failed("c", ErrorCode::TOPIC_AUTHORIZATION_FAILED)]), SECOND);
        assert_eq!(changed(&mut m), "c");
        assert!(m.shown("c").is_some_and(|shown| shown.is_err()));
    }

    #[test]
    fn refreshes_keep_the_back_off() {
        let (mut m, mut rng) = (metadata(), Rng::new(1));
        m.refresh();
        m.sent(CallId(1));
        m.failed(Error::timeout("late"), SECOND, &mut rng);
        assert!(m.request(SECOND).is_none());
        assert!(m.request(2 * SECOND).is_some());
        assert!(m.last_error().is_some());
    }

    #[test]
    fn problems_of_topics() {
        let (mut m, mut rng) = (metadata(), Rng::new(1));
        for name in ["secret", "gone", "missing"] {
            m.want(&name.into(), false, Duration::ZERO);
        }
        let answer = response(vec![
            failed("secret", ErrorCode::TOPIC_AUTHORIZATION_FAILED),
            topic("gone", 1, &[(1, 0)]),
            failed("missing", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ]);
        m.answered(&answer, SECOND, &mut rng);
        let gone = response(vec![failed("gone", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]);
        m.answered(&gone, 2 * SECOND, &mut rng);
        let problem = |topic, now| m.problem(topic, 10 * SECOND, now).map(|e| e.kind().clone());
        assert_eq!(problem("secret", SECOND), Some(ErrorKind::NotAuthorized));
        assert_eq!(problem("gone", 11 * SECOND), None);
        let unknown = |topic: &str| Some(ErrorKind::UnknownTopic { topic: topic.to_owned() });
        assert_eq!(problem("gone", 12 * SECOND), unknown("gone"));
        assert_eq!(problem("missing", 9 * SECOND), None);
        assert_eq!(problem("missing", 10 * SECOND), unknown("missing"));
    }
}
