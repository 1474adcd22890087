//! Finds partitions: at the start with their start and end offsets, later with the discovery interval.

use super::error::{TOPIC_CHANGED, contact};
use super::members::JobMembers;
use super::offsets::Lookup;
use super::options::{
    BOUNDED_OFFSETS, Place, STARTUP_OFFSETS, SourceOptions, TopicChange, Topics, fits,
};
use super::patience::Patience;
use super::positions;
use super::transaction::record::TOPIC_PREFIX;
use crate::base::{Error, Result};
use crate::java_regex::JavaRegex;
use crate::table::{
    Discovered, Enumerator, OpaqueWaker, Position, Progress, Split, Waker, Warnings,
};
use crate::types::SplitId;
use brooklet_kafka::pending::Pending;
use brooklet_kafka::topic::TopicInfo;
use brooklet_kafka::wire::ErrorCode;
use brooklet_kafka::{Client, ErrorKind, NewTopic, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

type PerTopic<T> = Vec<(String, brooklet_kafka::Result<T>)>;

/// The enumerator; see the module.
#[derive(Debug)]
pub(super) struct KafkaEnumerator {
    client: Client,
    options: SourceOptions,
    create_missing: bool,
    waker: OpaqueWaker,
    restored: Option<BTreeMap<SplitId, Position>>,
    known: BTreeSet<TopicPartition>,
    /// Partitions with progress in a topic that is another one by now.
    changed: BTreeSet<TopicPartition>,
    /// Partitions with progress that their topics lost before the start.
    gone: Vec<SplitId>,
    work: Work,
    first: bool,
    /// A partition was found, now or by an earlier run.
    found: bool,
    next: Option<Duration>,
    warnings: Warnings,
    patience: Patience,
    /// Where other processes read a part of the partitions.
    members: Option<Arc<JobMembers>>,
}

#[derive(Debug)]
enum Work {
    None,
    Listed(Pending<brooklet_kafka::Result<PerTopic<TopicInfo>>>),
    All(Pending<brooklet_kafka::Result<Vec<TopicInfo>>>),
    Creating(Pending<brooklet_kafka::Result<PerTopic<()>>>),
    Offsets {
        partitions: Vec<TopicPartition>,
        lookups: Vec<(Purpose, Lookup)>,
        starts: Offsets,
        ends: Offsets,
    },
}

type Offsets = BTreeMap<TopicPartition, i64>;

#[derive(Clone, Copy, Debug)]
enum Purpose {
    Start,
    End,
}

impl KafkaEnumerator {
    pub(super) fn new(
        client: Client,
        options: SourceOptions,
        create_missing: bool,
        warnings: Warnings,
        waker: Waker,
    ) -> KafkaEnumerator {
        KafkaEnumerator {
            client,
            options,
            create_missing,
            waker: OpaqueWaker(waker),
            restored: None,
            known: BTreeSet::new(),
            changed: BTreeSet::new(),
            gone: Vec::new(),
            work: Work::None,
            first: true,
            found: false,
            next: None,
            warnings,
            patience: Patience::New,
            members: None,
        }
    }

    /// Finds only what this process is to read.
    pub(super) fn sharing(self, members: Option<Arc<JobMembers>>) -> KafkaEnumerator {
        KafkaEnumerator { members, ..self }
    }

    fn look(&mut self) {
        let waker = Arc::clone(&self.waker.0);
        self.work = match &self.options.topics {
            Topics::List(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let pending = self.client.metadata(&names);
                pending.on_ready(waker);
                Work::Listed(pending)
            }
            Topics::Pattern(_) => {
                let pending = self.client.all_topics();
                pending.on_ready(waker);
                Work::All(pending)
            }
        };
    }

    /// Topics by name; missing ones are created where that is allowed, else they are an error at the start and passed
    /// over later.
    fn listed(&mut self, topics: PerTopic<TopicInfo>) -> Result<Option<Vec<TopicInfo>>> {
        let mut found = Vec::with_capacity(topics.len());
        let mut missing = Vec::new();
        for (name, topic) in topics {
            match topic {
                Ok(topic) => found.push(topic),
                Err(error)
                    if matches!(error.kind(), ErrorKind::UnknownTopic { .. })
                        && self.create_missing =>
                {
                    missing.push(NewTopic::new(name, 1));
                }
                Err(error)
                    if self.restored.is_some()
                        && may_be_gone(&error, self.options.topic_change) => {}
                Err(error) if self.first => return Err(contact(&error, &self.client)),
                Err(_) => {}
            }
        }
        if missing.is_empty() {
            return Ok(Some(found));
        }
        let pending = self.client.create_topics(&missing);
        pending.on_ready(Arc::clone(&self.waker.0));
        self.work = Work::Creating(pending);
        Ok(None)
    }

    /// Compares with what is known; starts looking up offsets of what is new. A topic that is another one by now is for the
    /// reader to notice.
    fn compare(&mut self, topics: &[TopicInfo], now: Duration) -> Result<Option<Discovered>> {
        let mut added = Vec::new();
        for topic in topics {
            if self.first {
                self.note_lost(topic)?;
            }
            for partition in topic.partitions.iter() {
                let partition = TopicPartition::new(Arc::clone(&topic.name), partition.partition);
                let skipped = match &self.options.bounded {
                    Some(Place::Specific(ends)) => ends.get(&partition).is_none(),
                    _ => false,
                };
                let others = match &self.members {
                    Some(members) => !members.assigns(&partition),
                    None => false,
                };
                if self.is_of_another(&partition, topic) {
                    self.changed.insert(partition.clone());
                }
                if !skipped && !others && self.known.insert(partition.clone()) {
                    added.push(partition);
                }
            }
        }
        if self.first {
            self.note_unused(topics);
        }
        if added.is_empty() {
            return Ok(self.finished(Vec::new(), now));
        }
        self.look_up(added);
        // Nothing may have to be asked of the broker, and then nothing would wake us.
        self.poll_work(now)
    }

    /// Offsets of partitions that are not there are passed over, as in Flink; here with a line.
    fn note_unused(&self, topics: &[TopicInfo]) {
        let startup = self.restored.is_none().then_some(&self.options.startup);
        let places =
            [(&STARTUP_OFFSETS, startup), (&BOUNDED_OFFSETS, self.options.bounded.as_ref())];
        for (option, place) in places {
            let Some(Place::Specific(offsets)) = place else { continue };
            let unused = offsets.unused(topics);
            if !unused.is_empty() {
                self.warnings.warn_once(&format!(
                    "'{}' has offsets of partitions that are not there, which are passed over: {}",
                    option.key,
                    unused.join(", ")
                ));
            }
        }
    }

    /// Whether the progress of a partition is of a topic that had the name before.
    fn is_of_another(&self, partition: &TopicPartition, topic: &TopicInfo) -> bool {
        let restored = self.restored.as_ref().and_then(|all| all.get(&positions::split(partition)));
        let identity = restored.and_then(|position| position.identity);
        identity.is_some_and(|id| !topic.id.is_zero() && id != topic.id.0)
    }

    /// A topic that was created again while the job was stopped may have fewer partitions: no topic shrinks. What becomes
    /// of the others is for the reader to say.
    fn note_lost(&mut self, topic: &TopicInfo) -> Result<()> {
        let at = |index| SplitId { name: Arc::clone(&topic.name), index };
        let of_topic = at(i32::MIN)..=at(i32::MAX);
        let restored = self.restored.iter().flat_map(|restored| restored.range(of_topic.clone()));
        let lost = |split: &&SplitId| topic.partition(split.index).is_none();
        for split in restored.map(|(split, _)| split).filter(lost) {
            let (name, index, count) = (&split.name, split.index, topic.partitions.len());
            if self.options.topic_change == TopicChange::Fail {
                return Err(Error::new(
                    crate::base::ErrorKind::External,
                    format!(
                        "topic '{name}' has {count} partition(s), and progress is stored for partition {index}: it was \
                         deleted and created again"
                    ),
                )
                .with_hint(TOPIC_CHANGED));
            }
            self.warnings.warn(&format!(
                "topic '{name}' partition {index} is no longer read: the topic has only {count} partition(s) by now"
            ));
            self.gone.push(split.clone());
        }
        Ok(())
    }

    fn look_up(&mut self, partitions: Vec<TopicPartition>) {
        let client = &self.client;
        let (group, waker) = (self.options.group.as_deref(), &self.waker.0);
        let mut starts = Offsets::new();
        let mut new = Vec::new();
        for partition in &partitions {
            let id = positions::split(partition);
            match self.restored.as_ref().and_then(|restored| restored.get(&id)) {
                Some(position) => {
                    starts.insert(partition.clone(), position.offset);
                }
                None => new.push(partition.clone()),
            }
        }
        // What is found after the first start is read from its beginning: everything in it is new (FLIP-288).
        let place = match self.first && self.restored.is_none() {
            true => &self.options.startup,
            false => &Place::Earliest,
        };
        let mut lookups = Vec::new();
        if !new.is_empty() {
            let reset = self.options.reset.as_ref();
            lookups.push((Purpose::Start, Lookup::start(client, new, place, group, reset, waker)));
        }
        if let Some(bounded) = &self.options.bounded {
            let lookup = Lookup::start(client, partitions.clone(), bounded, group, None, waker);
            let lookup = lookup.of_ends();
            lookups.push((Purpose::End, lookup));
        }
        self.work = Work::Offsets { partitions, lookups, starts, ends: Offsets::new() };
        // Offsets that are known without asking a broker wake nobody else.
        (self.waker.0)();
    }

    fn finished(&mut self, added: Vec<Split>, now: Duration) -> Option<Discovered> {
        self.work = Work::None;
        self.patience.end();
        let first = std::mem::replace(&mut self.first, false);
        let complete = self.options.bounded.is_some() || self.options.discovery.is_none();
        // Whoever has nothing to read now may get something later.
        let ends = complete && self.members.is_none();
        self.next = match self.options.discovery {
            Some(interval) if !complete => Some(now + interval),
            _ => None,
        };
        // What is found first is what tells the next start that this one has looked, whenever it is found. Processes
        // that share a job tell each other.
        let (found, alone) = (self.found, self.members.is_none());
        self.found |= !added.is_empty();
        let volatile = match first {
            true if !alone => self.restored.is_none(),
            _ => alone && !found,
        } && may_move(&self.options);
        (first || !added.is_empty()).then(|| Discovered {
            added,
            gone: std::mem::take(&mut self.gone),
            complete: ends,
            volatile,
        })
    }
}

/// A pattern may be mistyped, and then nothing else says so. `again` is how often topics are looked for later.
fn nothing_matches(pattern: &JavaRegex, again: Option<Duration>) -> String {
    let later = match again {
        Some(interval) => format!("it is looked for one every {} s", interval.as_secs_f64()),
        None => "so there is nothing to read".to_owned(),
    };
    format!("no topic matches 'topic-pattern' = '{}': {later}", pattern.as_str())
}

/// The topics that a pattern means. What jobs keep of themselves is nobody's input.
pub(super) fn matching(topics: Vec<TopicInfo>, pattern: &JavaRegex) -> Vec<TopicInfo> {
    let hidden = |topic: &TopicInfo| topic.internal || topic.name.starts_with(TOPIC_PREFIX);
    let fits = |topic: &TopicInfo| !hidden(topic) && fits(pattern, &topic.name);
    topics.into_iter().filter(fits).collect()
}

/// Whether a topic with progress is passed over because it is gone: it comes back, or not.
pub(super) fn may_be_gone(error: &brooklet_kafka::Error, change: TopicChange) -> bool {
    matches!(error.kind(), ErrorKind::UnknownTopic { .. }) && change != TopicChange::Fail
}

/// Creating a topic that somebody else has created meanwhile is as good as having created it.
fn exists_now(created: brooklet_kafka::Result<()>) -> brooklet_kafka::Result<()> {
    match created {
        Err(error) if error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => Ok(()),
        created => created,
    }
}

/// Whether the same start looked up later may lie elsewhere.
pub(super) fn may_move(options: &SourceOptions) -> bool {
    match options.startup {
        Place::Latest | Place::Timestamp(_) => true,
        Place::Group => options.reset == Some(Place::Latest),
        _ => false,
    }
}

impl Enumerator for KafkaEnumerator {
    fn start(&mut self, restored: Option<&Progress>) -> Result<()> {
        self.restored = restored.map(|progress| progress.positions.clone());
        self.found = self.restored.as_ref().is_some_and(|restored| !restored.is_empty());
        if self.restored.is_some() {
            // The brokers have answered before.
            self.patience.end();
        }
        self.look();
        Ok(())
    }

    fn poll(&mut self, now: Duration) -> Result<Option<Discovered>> {
        let discovered = self.poll_work(now)?;
        self.patience.wait(&self.client, &self.warnings, now);
        Ok(discovered)
    }

    fn next_deadline(&self) -> Option<Duration> {
        [self.next, self.patience.wake_at()].into_iter().flatten().min()
    }
}

impl KafkaEnumerator {
    fn poll_work(&mut self, now: Duration) -> Result<Option<Discovered>> {
        if matches!(self.work, Work::None) {
            if self.next.is_none_or(|next| now < next) {
                return Ok(None);
            }
            self.next = None;
            self.look();
        }
        match &mut self.work {
            Work::None => Ok(None),
            Work::Listed(pending) => {
                let Some(answer) = pending.try_take() else { return Ok(None) };
                match answer {
                    Ok(topics) => match self.listed(topics)? {
                        Some(topics) => self.compare(&topics, now),
                        None => Ok(None),
                    },
                    // A look while running may fail: the next one comes.
                    Err(_) if !self.first => Ok(self.finished(Vec::new(), now)),
                    Err(error) => Err(contact(&error, &self.client)),
                }
            }
            Work::All(pending) => {
                let Some(answer) = pending.try_take() else { return Ok(None) };
                match (answer, &self.options.topics) {
                    (Ok(topics), Topics::Pattern(pattern)) => {
                        let matching = matching(topics, pattern);
                        if self.first && matching.is_empty() {
                            let again = self.options.discovery;
                            let again = again.filter(|_| self.options.bounded.is_none());
                            self.warnings.warn_once(&nothing_matches(pattern, again));
                        }
                        self.compare(&matching, now)
                    }
                    (Err(error), _) if self.first => Err(contact(&error, &self.client)),
                    _ => Ok(self.finished(Vec::new(), now)),
                }
            }
            Work::Creating(pending) => {
                let Some(answer) = pending.try_take() else { return Ok(None) };
                let results = answer.map_err(|error| contact(&error, &self.client))?;
                for (_, result) in results {
                    exists_now(result).map_err(|error| contact(&error, &self.client))?;
                }
                self.look();
                Ok(None)
            }
            Work::Offsets { partitions, lookups, starts, ends } => {
                let mut waiting = Vec::new();
                for (purpose, mut lookup) in lookups.drain(..) {
                    match lookup.poll(&self.client, &self.waker.0) {
                        Ok(None) => waiting.push((purpose, lookup)),
                        Ok(Some(found)) => match purpose {
                            Purpose::Start => starts.extend(found),
                            Purpose::End => ends.extend(found),
                        },
                        Err(error) => {
                            return Err(error.context(match purpose {
                                Purpose::Start => "looking up where to start",
                                Purpose::End => "looking up where to end",
                            }));
                        }
                    }
                }
                if !waiting.is_empty() {
                    *lookups = waiting;
                    return Ok(None);
                }
                let bounded = self.options.bounded.is_some();
                let splits = partitions
                    .iter()
                    .filter_map(|partition| {
                        let start = *starts.get(partition)?;
                        let id = positions::split(partition);
                        let end = if bounded { Some(*ends.get(partition)?) } else { None };
                        let restored = self.restored.as_ref().and_then(|all| all.get(&id)).copied();
                        let start = restored.unwrap_or(Position::at(start));
                        // A position of another topic is at no end: the reader has to come upon it.
                        let changed = self.changed.contains(partition);
                        let end = end.map(|end: i64| match changed {
                            true => end.max(start.offset.saturating_add(1)),
                            false => end,
                        });
                        Some(Split { id: Arc::new(id), start, end })
                    })
                    .collect();
                Ok(self.finished(splits, now))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_another_job_created_first_is_there() {
        let refused = |code| exists_now(Err(brooklet_kafka::Error::broker(code, None)));
        assert!(exists_now(Ok(())).is_ok());
        assert!(refused(ErrorCode::TOPIC_ALREADY_EXISTS).is_ok());
        assert!(refused(ErrorCode::INVALID_REPLICATION_FACTOR).is_err());
    }
}
