//! The commit domain of an exactly-once job.
//!
//! ```text
//! recover   take the job over, read progress N ─▶ claim {N, this run}
//! epoch N   record N and offsets into the transaction ─▶ EndTxn
//! ```
//! A run that finds another run's claim behind its own ends. [`super::takeover`] says why what it reads is the truth.

use super::plan::{JobTransaction, Names};
use super::record::{ProgressRecord, RESET_PREFIX, ScanRecord};
use super::refusal::{Doing, is_shared, of_call, of_record, taken_over, was_reset};
use super::shared::{Ending, GroupOffsets, Transaction};
use super::takeover::Takeover;
use crate::base::{Error, ErrorKind, Result};
use crate::connectors::kafka::fit::Of;
use crate::connectors::kafka::positions;
use crate::table::{
    CommitDomain, DomainEvent, DomainRequest, Epoch, EpochEnd, JobContext, JobIdentity, LagGroup,
    Progress, Recovery, ScanFacts, Waker, WallClock, Warnings,
};
use brooklet_kafka::crash::point;
use brooklet_kafka::pending::Pending;
use brooklet_kafka::producer::SendError;
use brooklet_kafka::transaction::{
    Failure, GroupMember, ProducerIdentity, TransactionError, TransactionResult,
};
use brooklet_kafka::wire::ErrorCode;
use brooklet_kafka::wire::compression::{Compression, Compressor};
use brooklet_kafka::wire::records::{BatchBuilder, SealedBatch, record_size_bound};
use brooklet_kafka::{Client, CommittedOffset, ErrorKind as KafkaErrorKind, TopicPartition};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Bytes from which a record of progress is compressed.
const COMPRESS_FROM: usize = 64 << 10;

/// See the module.
pub(super) struct TransactionDomain {
    plan: Arc<JobTransaction>,
    client: Client,
    names: Names,
    /// What the sinks ask for.
    timeout: Duration,
    scans: Vec<ScanFacts>,
    keeps_progress: bool,
    identity: JobIdentity,
    wall_clock: WallClock,
    warnings: Warnings,
    waker: Waker,
    transaction: Option<Arc<Transaction>>,
    work: Work,
    now: Duration,
}

#[derive(Debug)]
enum Work {
    None,
    Ready(DomainEvent),
    /// What the next poll reports.
    Failed(Error),
    TakingOver(Takeover, Recovery),
    /// Without progress there is nothing to take over.
    Initializing(Pending<TransactionResult<ProducerIdentity>>),
    Claiming(Ending, DomainEvent),
    Committing(Epoch, Ending),
    Aborting(Pending<TransactionResult<()>>),
}

impl std::fmt::Debug for TransactionDomain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TransactionDomain")
            .field("names", &self.names)
            .field("work", &self.work)
            .finish_non_exhaustive()
    }
}

impl TransactionDomain {
    pub(super) fn new(
        plan: Arc<JobTransaction>,
        client: Client,
        names: Names,
        timeout: Duration,
        job: &JobContext,
        request: DomainRequest,
        waker: Waker,
    ) -> TransactionDomain {
        TransactionDomain {
            plan,
            client,
            names,
            timeout,
            scans: request.scans,
            keeps_progress: request.keeps_progress,
            identity: job.identity.clone(),
            wall_clock: job.wall_clock,
            warnings: job.warnings.clone(),
            waker,
            transaction: None,
            work: Work::None,
            now: Duration::ZERO,
        }
    }

    fn transaction(&self) -> Result<&Arc<Transaction>> {
        self.transaction.as_ref().ok_or_else(|| Error::internal("a commit before the recovery"))
    }

    fn refused(&self, error: &TransactionError, doing: Doing) -> Error {
        of_call(error, doing, &self.names, &self.client)
    }

    fn initialize(&mut self) {
        let (id, wanted) = (&self.names.id, self.timeout);
        let (transaction, pending) = self.plan.initialize(&self.client, id, wanted, &self.waker);
        self.transaction = Some(transaction);
        self.work = Work::Initializing(pending);
    }

    /// Another run's claim behind this run's own means that this one is over; what several processes share is not one
    /// run's to claim. Until all transactions are `decided`, a record of this run's own may be older than what it has
    /// committed: a broker answers a commit before it marks the record as visible, and may die in between.
    fn check_owner(&self, found: Option<&ProgressRecord>, decided: bool) -> Result<()> {
        if found.is_some_and(|found| found.shared.is_some()) {
            return Err(is_shared(&self.names));
        }
        let state = self.plan.state();
        if !state.claimed {
            return Ok(());
        }
        match found {
            Some(record) if record.incarnation.starts_with(RESET_PREFIX) => {
                Err(was_reset(&self.names))
            }
            Some(record) if record.incarnation != self.names.incarnation => {
                Err(taken_over(&self.names, &record.incarnation))
            }
            Some(record) if record.epoch >= state.committed => Ok(()),
            _ if !decided => Ok(()),
            _ => Err(Error::new(
                ErrorKind::External,
                format!(
                    "the progress of job '{}' was lost: epoch {} was committed to topic '{}', which does not have it",
                    self.names.job, state.committed, self.names.topic
                ),
            )
            .with_hint("brokers have lost committed records; see whether the output is whole before starting again")),
        }
    }

    /// Before this run has claimed the job, and before it fences anybody: whose progress is it?
    fn check_identity(&self, found: Option<&ProgressRecord>, from: Recovery) -> Result<()> {
        let stored = found.filter(|record| !record.scans.is_empty() && from != Recovery::Fresh);
        let Some(record) = stored.filter(|_| !self.plan.state().claimed) else { return Ok(()) };
        let of = Of { job: &self.names.job, shared: false, scan: "" };
        of.belongs(&self.identity, &record.fingerprint)
    }

    /// The epoch in which this run has reached the job's end, where an attempt has not heard that it was committed. Of an
    /// earlier run it would say that the job begins anew.
    fn finished(&self, found: Option<&ProgressRecord>) -> Option<Epoch> {
        let state = self.plan.state();
        let found = found.filter(|record| record.finished && state.claimed)?;
        (found.epoch > state.committed).then_some(found.epoch)
    }

    /// Takes the job over with what was found.
    fn claim(&mut self, found: Option<ProgressRecord>, from: Recovery) -> Result<()> {
        let mut record = found.unwrap_or_default();
        if from == Recovery::Fresh {
            record.scans.clear();
        }
        let scans = match_scans(&self.scans, &record, false, &self.names.job, &self.warnings)?;
        let epoch = record.epoch;
        record.job.clone_from(&self.names.job);
        record.transactional_id.clone_from(&self.names.id);
        record.incarnation.clone_from(&self.names.incarnation);
        record.fingerprint.clone_from(&self.identity.fingerprint);
        let batch = self.seal(&record)?;
        let topic = Arc::clone(&self.names.topic);
        let ending =
            self.transaction()?.end(Some((&topic, batch)), &[], &GroupMember::default(), epoch + 1);
        let ending = ending.map_err(|error| unsent(&error))?;
        ending.end.on_ready(Arc::clone(&self.waker));
        self.work = Work::Claiming(ending, DomainEvent::Recovered { epoch, scans });
        Ok(())
    }

    fn seal(&self, record: &ProgressRecord) -> Result<SealedBatch> {
        seal(record, self.wall_clock.millis())
    }

    /// Offsets for the groups that lag tools look at.
    fn lag_offsets(&self, scans: &[Progress]) -> Vec<GroupOffsets> {
        let refused = self.plan.state().refused_groups.clone();
        let mut groups: BTreeMap<&str, BTreeMap<TopicPartition, CommittedOffset>> = BTreeMap::new();
        for (facts, progress) in self.scans.iter().zip(scans) {
            let of_cluster = |lag: &&LagGroup| {
                lag.cluster == self.names.cluster && !refused.contains(&lag.group)
            };
            let Some(lag) = facts.lag_group.as_ref().filter(of_cluster) else { continue };
            let offsets = groups.entry(&lag.group).or_default();
            for (split, at) in &progress.positions {
                offsets.insert(positions::partition(split), positions::committed(at));
            }
        }
        let filled = groups.into_iter().filter(|(_, offsets)| !offsets.is_empty());
        filled.map(|(group, offsets)| (group.to_owned(), offsets.into_iter().collect())).collect()
    }

    fn start_commit(&mut self, end: &EpochEnd<'_>) -> Result<()> {
        let transaction = Arc::clone(self.transaction()?);
        point("commit", "begin");
        if !end.store && !transaction.has_output() {
            point("commit", "empty");
            transaction.open(end.epoch + 1);
            self.work = Work::Ready(DomainEvent::Committed(end.epoch));
            return Ok(());
        }
        let scan = |(facts, progress): (&ScanFacts, &Progress)| ScanRecord {
            name: facts.name.name.clone(),
            source: facts.source.clone(),
            positions: progress.positions.clone(),
        };
        let record = ProgressRecord {
            job: self.names.job.clone(),
            epoch: end.epoch,
            transactional_id: self.names.id.clone(),
            incarnation: self.names.incarnation.clone(),
            finished: end.finished,
            shared: None,
            fingerprint: self.identity.fingerprint.clone(),
            scans: match end.finished {
                true => Vec::new(),
                false => self.scans.iter().zip(end.scans).map(scan).collect(),
            },
        };
        let topic = Arc::clone(&self.names.topic);
        let batch = if self.keeps_progress { Some((&topic, self.seal(&record)?)) } else { None };
        let offsets = self.lag_offsets(end.scans);
        let outside = GroupMember::default();
        let ending = transaction.end(batch, &offsets, &outside, end.epoch + 1);
        let ending = ending.map_err(|error| unsent(&error))?;
        ending.end.on_ready(Arc::clone(&self.waker));
        point("commit", "asked");
        self.work = Work::Committing(end.epoch, ending);
        Ok(())
    }

    /// Why a transaction did not end as it should.
    fn end_failed(&self, error: &TransactionError, ending: &Ending, doing: Doing) -> Error {
        for (group, pending) in &ending.offsets {
            let Some(Err(of_group)) = pending.try_take() else { continue };
            if !is_of_group(&of_group.error) {
                continue;
            }
            // Offsets of a user's group are for tools: the job goes on without them.
            self.plan.state().refused_groups.insert(group.clone());
            let line = format!("job '{}' commits no offsets to group '{group}'", self.names.job);
            let why = match of_group.error.kind() {
                KafkaErrorKind::NotAuthorized => "it needs READ on the group".to_owned(),
                _ => "another program uses the group".to_owned(),
            };
            self.warnings.warn(&format!("{line}: {why}: {}", of_group.error));
            return Error::new(ErrorKind::External, format!("{line}; the epoch is written again"))
                .retriable();
        }
        let refused = self.transaction.as_ref().and_then(|open| open.refused());
        if let Some(cause) = refused.filter(|_| error.failure == Failure::MustAbort) {
            return of_record(&cause, &self.names, &self.client);
        }
        self.refused(error, doing)
    }

    /// The next state; `None` while the present one waits.
    fn advance(&mut self) -> Result<Option<DomainEvent>> {
        loop {
            match std::mem::replace(&mut self.work, Work::None) {
                Work::None => return Ok(None),
                Work::Ready(event) => return Ok(Some(event)),
                Work::Failed(error) => return Err(error),
                Work::TakingOver(mut takeover, from) => {
                    let check = |found: Option<&_>, decided| {
                        self.check_owner(found, decided)?;
                        self.check_identity(found, from)
                    };
                    match takeover.poll(&check, self.now)? {
                        None => {
                            self.work = Work::TakingOver(takeover, from);
                            return Ok(None);
                        }
                        Some((transaction, found)) => {
                            self.transaction = Some(transaction);
                            self.plan.check_timeout(self.timeout, &self.names, &self.warnings)?;
                            if let Some(epoch) = self.finished(found.as_ref()) {
                                return Ok(Some(DomainEvent::Finished(epoch)));
                            }
                            self.claim(found, from)?;
                        }
                    }
                }
                Work::Initializing(pending) => match pending.try_take() {
                    None => {
                        self.work = Work::Initializing(pending);
                        return Ok(None);
                    }
                    Some(Ok(_)) => {
                        self.plan.check_timeout(self.timeout, &self.names, &self.warnings)?;
                        let scans = vec![None; self.scans.len()];
                        return Ok(Some(DomainEvent::Recovered { epoch: 0, scans }));
                    }
                    Some(Err(error)) if self.plan.shorten(&error, self.timeout) => {
                        self.initialize();
                    }
                    Some(Err(error)) => return Err(self.refused(&error, Doing::Recovering)),
                },
                Work::Claiming(ending, event) => match ending.end.try_take() {
                    None => {
                        self.work = Work::Claiming(ending, event);
                        return Ok(None);
                    }
                    Some(Ok(())) => {
                        point("recover", "claimed");
                        let mut state = self.plan.state();
                        state.claimed = true;
                        if let DomainEvent::Recovered { epoch, .. } = &event {
                            state.committed = *epoch;
                        }
                        drop(state);
                        return Ok(Some(event));
                    }
                    Some(Err(error)) => {
                        return Err(self.end_failed(&error, &ending, Doing::Recovering));
                    }
                },
                Work::Committing(epoch, ending) => match ending.end.try_take() {
                    None => {
                        self.work = Work::Committing(epoch, ending);
                        return Ok(None);
                    }
                    Some(Ok(())) => {
                        point("commit", "done");
                        self.plan.state().committed = epoch;
                        return Ok(Some(DomainEvent::Committed(epoch)));
                    }
                    Some(Err(error)) => {
                        return Err(self.end_failed(&error, &ending, Doing::Committing(epoch)));
                    }
                },
                Work::Aborting(pending) => {
                    if pending.try_take().is_some() {
                        return Ok(Some(DomainEvent::Aborted));
                    }
                    self.work = Work::Aborting(pending);
                    return Ok(None);
                }
            }
        }
    }
}

/// The progress of each scan of a job. A scan without positions has looked and found nothing: what it finds by now is
/// new, wherever the options would start.
pub(in crate::connectors::kafka) fn match_scans(
    scans: &[ScanFacts],
    record: &ProgressRecord,
    shared: bool,
    job: &str,
    warnings: &Warnings,
) -> Result<Vec<Option<Progress>>> {
    let (mut empty, mut left): (Vec<&ScanRecord>, Vec<&ScanRecord>) = match record.finished {
        true => (Vec::new(), Vec::new()),
        false => record.scans.iter().partition(|scan| scan.positions.is_empty()),
    };
    let looked = |facts: &ScanFacts, empty: &mut Vec<&ScanRecord>, alone: bool| {
        let only = facts.name.alone && alone && empty.len() == 1;
        let same = |scan: &&ScanRecord| {
            scan.source == facts.source && (only || scan.name == facts.name.name)
        };
        let at = empty.iter().position(same)?;
        empty.swap_remove(at);
        Some(Progress { epoch: record.epoch, positions: BTreeMap::new() })
    };
    let mut matched = Vec::with_capacity(scans.len());
    for facts in scans {
        // A job of one scan goes on whatever its table is called by now.
        let only = facts.name.alone && left.len() == 1;
        let at = left.iter().position(|scan| only || scan.name == facts.name.name);
        let Some(found) = at.map(|at| left.swap_remove(at)) else {
            matched.push(looked(facts, &mut empty, left.is_empty()));
            continue;
        };
        let of = Of { job, shared, scan: &found.name };
        if found.source != facts.source {
            return Err(of.does_not_fit(&format!(
                "has changed: the progress of its scan '{}' is of a source '{}', which is '{}' now",
                found.name, found.source, facts.source
            )));
        }
        let (positions, line) = of.still_read(found.positions.clone(), &*facts.reads)?;
        line.into_iter().for_each(|line| warnings.warn(&line));
        matched.push(Some(Progress { epoch: record.epoch, positions }));
    }
    if let Some(scan) = left.first() {
        warnings.warn(&format!(
            "job '{job}' no longer scans '{}': its progress there is left out",
            scan.name
        ));
    }
    Ok(matched)
}

/// Whether the group is what is wrong, rather than the transaction.
pub(in crate::connectors::kafka) fn is_of_group(error: &brooklet_kafka::Error) -> bool {
    let group = [
        ErrorCode::UNKNOWN_MEMBER_ID,
        ErrorCode::ILLEGAL_GENERATION,
        ErrorCode::FENCED_INSTANCE_ID,
        ErrorCode::OFFSET_METADATA_TOO_LARGE,
        ErrorCode::REBALANCE_IN_PROGRESS,
        ErrorCode::STALE_MEMBER_EPOCH,
        ErrorCode::FENCED_MEMBER_EPOCH,
        ErrorCode::GROUP_AUTHORIZATION_FAILED,
    ];
    error.answered().is_some_and(|code| group.contains(&code))
}

/// The batch of one record of progress.
pub(in crate::connectors::kafka) fn seal(
    record: &ProgressRecord,
    at_millis: i64,
) -> Result<SealedBatch> {
    let (key, value) = (record.job.clone(), record.encode());
    let compression =
        if value.len() < COMPRESS_FROM { Compression::None } else { Compression::Lz4 };
    let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
    let mut builder = BatchBuilder::new(compression, record_size_bound(key, value, &[]));
    builder.append(at_millis, key, value, &[]).map_err(Error::internal)?;
    builder.seal(&mut Compressor::new()).map_err(Error::internal)
}

/// A record of progress that the client does not take.
pub(in crate::connectors::kafka) fn unsent(error: &SendError) -> Error {
    Error::new(ErrorKind::External, format!("cannot write the job's progress: {error}"))
        .with_hint("raise 'properties.max.request.size' and the brokers' message.max.bytes: the job reads many partitions")
}

impl CommitDomain for TransactionDomain {
    fn decides(&self) -> bool {
        true
    }

    fn recover(&mut self, from: Recovery) {
        if self.keeps_progress {
            let (plan, client, names) = (&self.plan, &self.client, &self.names);
            let takeover = Takeover::start(plan, client, names, self.timeout, &self.waker);
            self.work = Work::TakingOver(takeover, from);
        } else {
            self.initialize();
        }
    }

    fn commit(&mut self, end: &EpochEnd<'_>) {
        if let Err(error) = self.start_commit(end) {
            self.work = Work::Failed(error);
        }
    }

    fn abort(&mut self) {
        self.work = match &self.transaction {
            Some(transaction) => {
                let pending = transaction.abort();
                pending.on_ready(Arc::clone(&self.waker));
                Work::Aborting(pending)
            }
            None => Work::Ready(DomainEvent::Aborted),
        };
    }

    fn poll(&mut self, now: Duration) -> Result<Option<DomainEvent>> {
        self.now = now;
        self.advance()
    }

    fn wake_at(&self) -> Option<Duration> {
        match &self.work {
            Work::TakingOver(takeover, _) => takeover.wake_at(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Position, ScanName};
    use crate::types::SplitId;
    use brooklet_kafka::Error as KafkaError;

    #[test]
    fn a_scan_that_has_found_nothing_has_looked_all_the_same() {
        let scan = |name: &str, source: &str, offset: Option<i64>| {
            let split = |_| SplitId { name: "t".into(), index: 0 };
            let positions = offset.iter().map(|at| (split(at), Position::at(*at))).collect();
            ScanRecord { name: name.to_owned(), source: source.to_owned(), positions }
        };
        let facts = |name: &str, alone| ScanFacts {
            name: ScanName { name: name.to_owned(), alone },
            source: "kafka".to_owned(),
            reads: Arc::new(|_| true),
            lag_group: None,
        };
        let found = |scans: &[ScanRecord], facts: &[ScanFacts], finished| {
            let record =
                ProgressRecord { scans: scans.to_vec(), finished, ..ProgressRecord::default() };
            let found = match_scans(facts, &record, false, "j", &Warnings::to(|_| ())).unwrap();
            let count = |progress: Option<Progress>| progress.map(|found| found.positions.len());
            found.into_iter().map(count).collect::<Vec<_>>()
        };
        let (a, b) = (scan("a", "kafka", None), scan("b", "kafka", Some(7)));
        let alone = |name| [facts(name, true)];
        let both = [facts("a", false), facts("b", false), facts("c", false)];
        let empty = std::slice::from_ref(&a);
        assert_eq!(found(&[a.clone(), b.clone()], &both, false), [Some(0), Some(1), None]);
        assert_eq!(found(empty, &alone("renamed"), false), [Some(0)]);
        assert_eq!(found(empty, &alone("a"), true), [None]);
        // Progress of the other scan counts for more, and nothing of another source counts.
        assert_eq!(found(&[a.clone(), b], &alone("renamed"), false), [Some(1)]);
        assert_eq!(found(&[scan("a", "datagen", None)], &alone("a"), false), [None]);
    }

    #[test]
    fn what_is_of_the_group_is_told_by_the_code() {
        for (code, of_group) in [
            (ErrorCode::GROUP_AUTHORIZATION_FAILED, true),
            (ErrorCode::UNKNOWN_MEMBER_ID, true),
            (ErrorCode::TOPIC_AUTHORIZATION_FAILED, false),
            (ErrorCode::COORDINATOR_NOT_AVAILABLE, false),
        ] {
            // Whatever was put in front of the broker's words.
            let error = KafkaError::broker(code, Some("no")).context("sending offsets");
            assert_eq!(is_of_group(&error), of_group, "{code:?}");
        }
    }
}
