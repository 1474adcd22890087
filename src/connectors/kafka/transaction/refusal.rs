//! What brokers answer to a transaction, in words of the job: who may go on, and which grant is missing.

use super::super::error::{contact, translate};
use super::super::mark::GROUP_PREFIX;
use super::plan::Names;
use super::topic::gone;
use crate::base::commands::{self, SOME_BROKERS};
use crate::base::{Error, ErrorKind};
use brooklet_kafka::transaction::errors::{TransactionAction, known};
use brooklet_kafka::transaction::{Failure, TransactionError};
use brooklet_kafka::wire::ErrorCode;
use brooklet_kafka::{Client, Error as KafkaError, ErrorKind as KafkaErrorKind};

/// What the job was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::connectors::kafka) enum Doing {
    Recovering,
    Committing(u64),
}

impl std::fmt::Display for Doing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Doing::Recovering => f.write_str("taking over the job's transactions"),
            Doing::Committing(epoch) => write!(f, "committing epoch {epoch}"),
        }
    }
}

/// The way on where copies of a job end each other.
const ONE_COPY: &str = "run one copy of a job at a time, or give the other one a name of its own: SET 'pipeline.name' = '…'";

/// Whether the broker says that this producer is no longer the one.
fn is_fenced(error: &KafkaError) -> bool {
    error.code().and_then(known) == Some(TransactionAction::Fenced)
}

fn lacks_progress_topic(error: &KafkaError, names: &Names) -> bool {
    matches!(error.kind(), KafkaErrorKind::UnknownTopic { topic } if **topic == *names.topic)
}

/// Whether another copy has ended the transaction that this one was ending while it took over.
fn was_overtaken(error: &KafkaError, doing: Doing) -> bool {
    doing == Doing::Recovering && error.code() == Some(ErrorCode::INVALID_TXN_STATE)
}

/// A failed call of the transaction. Where another attempt finds out what became of it, it may be made.
pub(in crate::connectors::kafka) fn of_call(
    error: &TransactionError,
    doing: Doing,
    names: &Names,
    client: &Client,
) -> Error {
    let cause = &error.error;
    let translated = match error.failure {
        Failure::Fenced => fenced(cause),
        Failure::OutcomeUnknown => Error::new(
            ErrorKind::External,
            format!("the brokers did not say what became of the transaction: {cause}"),
        )
        .retriable(),
        _ if is_fenced(cause) || was_overtaken(cause, doing) => fenced(cause),
        // Either the transaction or the record hears of it first.
        _ if lacks_progress_topic(cause, names) => return gone(names),
        _ if matches!(cause.kind(), KafkaErrorKind::NotAuthorized) => {
            return denied(cause, names, Use::Write).context(doing.to_string());
        }
        Failure::Fatal | Failure::MustAbort => contact(cause, client),
    };
    translated.context(doing.to_string())
}

/// The error behind a record of progress that was not written.
pub(super) fn of_record(cause: &KafkaError, names: &Names, client: &Client) -> Error {
    let translated = match cause.kind() {
        KafkaErrorKind::NotAuthorized => denied(cause, names, Use::Write),
        _ if lacks_progress_topic(cause, names) => return gone(names),
        _ if is_fenced(cause) => fenced(cause),
        _ => contact(cause, client),
    };
    translated.context(format!("writing progress to topic '{}'", names.topic))
}

/// The error behind a batch that was not written. It may be what the group said to the offsets of its transaction, which
/// the writer then hears before the domain does.
pub(in crate::connectors::kafka) fn of_batch(error: &KafkaError) -> Error {
    if is_fenced(error) {
        return fenced(error);
    }
    if has_moved_on(error) { moved_on(error) } else { translate(error) }
}

/// Whether the group has gone on without this member, or with it to another generation: another attempt goes on from what
/// it holds by then.
pub(in crate::connectors::kafka) fn has_moved_on(error: &KafkaError) -> bool {
    let codes = [
        ErrorCode::ILLEGAL_GENERATION,
        ErrorCode::UNKNOWN_MEMBER_ID,
        ErrorCode::FENCED_MEMBER_EPOCH,
        // It was empty, and deleted.
        ErrorCode::GROUP_ID_NOT_FOUND,
        ErrorCode::REBALANCE_IN_PROGRESS,
        ErrorCode::STALE_MEMBER_EPOCH,
    ];
    error.code().is_some_and(|code| codes.contains(&code))
}

/// The error of a process whose group [`has_moved_on`].
pub(in crate::connectors::kafka) fn moved_on(error: &KafkaError) -> Error {
    let what = "the other processes of the job have gone on without this one";
    Error::new(ErrorKind::External, format!("{what}: {error}")).retriable()
}

fn fenced(cause: &KafkaError) -> Error {
    Error::new(
        ErrorKind::External,
        format!(
            "the transaction was ended from outside, by its time-out or by another copy of the job: {cause}"
        ),
    )
    .with_hint(ONE_COPY)
    .retriable()
}

/// What was to be done with the progress topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Describe,
    Create,
    Read,
    Write,
}

impl Use {
    const fn operation(self) -> &'static str {
        match self {
            Use::Describe => "DESCRIBE",
            Use::Create => "CREATE",
            Use::Read => "READ",
            Use::Write => "WRITE",
        }
    }
}

/// A grant is missing: names it, and all the others that the job needs, because brokers tell only of the first.
pub(super) fn denied(cause: &KafkaError, names: &Names, wanted: Use) -> Error {
    let Names { prefix, topic, id, .. } = names;
    let missing = match cause.answered() {
        Some(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED) => {
            format!("WRITE and DESCRIBE on transactional id '{id}'")
        }
        Some(ErrorCode::GROUP_AUTHORIZATION_FAILED) => "READ on the group of a source".to_owned(),
        _ => match cause.lacks() {
            Some(lacks) => lacks.to_owned(),
            None => format!("{} on topic '{topic}'", wanted.operation()),
        },
    };
    translate(cause).with_hint(format!(
        "grant {missing}; in all, an exactly-once job needs WRITE and DESCRIBE on transactional ids that begin with '{prefix}', READ on its source \
         topics, WRITE on its sink topics, CREATE on those that do not exist yet, CREATE, READ, WRITE and DESCRIBE on topic '{topic}', and READ on the groups of its sources \
         ('properties.group.id'); kafka-acls.sh --add --allow-principal User:NAME --operation Write --operation Describe \
         --transactional-id '{prefix}' --resource-pattern-type prefixed grants the first"
    ))
}

/// The job wrote under another id before, which cannot be taken over: a run under it could go on beside this one.
pub(super) fn not_fenced(
    error: &TransactionError,
    former: &str,
    names: &Names,
    client: &Client,
) -> Error {
    let cause = &error.error;
    let translated = match cause.kind() {
        KafkaErrorKind::NotAuthorized => translate(cause).with_hint(format!(
            "grant WRITE and DESCRIBE on transactional id '{former}' until the job has started once with its new \
             'sink.transactional-id-prefix'"
        )),
        _ => of_call(error, Doing::Recovering, names, client),
    };
    translated.context(format!(
        "ending earlier runs of job '{}', which wrote under transactional id '{former}'",
        names.job
    ))
}

/// Another run of the same job has taken over.
pub(super) fn taken_over(names: &Names, other: &str) -> Error {
    Error::new(
        ErrorKind::External,
        format!(
            "another copy of job '{}' has taken over (its run is {other}, this one is {}); nothing of this one's open epoch \
             was committed",
            names.job, names.incarnation
        ),
    )
    .with_hint(ONE_COPY)
}

/// Somebody has made the job forget its progress while it ran.
pub(super) fn was_reset(names: &Names) -> Error {
    Error::new(
        ErrorKind::External,
        format!(
            "the progress of job '{}' was reset while it ran: nothing of its open epoch was committed",
            names.job
        ),
    )
    .with_hint("its next start begins anew")
}

/// Processes share the job, and one that does not would write everything again.
pub(super) fn is_shared(names: &Names) -> Error {
    let Names { job, .. } = names;
    let reset = commands::job_reset(job, SOME_BROKERS);
    Error::new(
        ErrorKind::Schema,
        format!("job '{job}' is shared between processes: its progress is in group '{GROUP_PREFIX}{job}'"),
    )
    .with_hint(format!(
        "SET 'job.shared' = 'true', or stop all of them and let the job begin anew with \"{reset}\""
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer hears of a transaction's end like the domain, and may be the first to fail of it.
    #[test]
    fn batches_that_fail_of_the_group_are_written_again() {
        for (code, again) in [
            (ErrorCode::ILLEGAL_GENERATION, true),
            (ErrorCode::STALE_MEMBER_EPOCH, true),
            (ErrorCode::UNKNOWN_MEMBER_ID, true),
            (ErrorCode::INVALID_PRODUCER_EPOCH, true),
            (ErrorCode::FENCED_INSTANCE_ID, false),
            (ErrorCode::GROUP_AUTHORIZATION_FAILED, false),
            (ErrorCode::TOPIC_AUTHORIZATION_FAILED, false),
        ] {
            let error = of_batch(&KafkaError::broker(code, None));
            assert_eq!(error.is_retriable(), again, "{error}");
        }
    }
}
