//! Transactions of both versions: what readers of each isolation level see, fencing, time-outs.

use std::time::Duration;

use brooklet_devbroker::{Config, Limits};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, ApiVersionsRequest,
    DescribeProducersRequest, DescribeTransactionsRequest, EndTxnRequest, GroupId,
    InitProducerIdRequest, ListOffsetsRequest, ListTransactionsRequest, OffsetFetchRequest,
    ProducerId, TransactionalId, TxnOffsetCommitRequest,
};

use crate::client::{Client, batch_of, fetch, produce, seal, text, topic};

/// Producer id and epoch.
type Identity = (i64, i16);

fn id(name: &str) -> TransactionalId {
    TransactionalId(text(name))
}

fn try_init(client: &mut Client, name: &str) -> Result<Identity, i16> {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(id(name)))
        .with_transaction_timeout_ms(60_000);
    let response = client.call(4, &request);
    match response.error_code {
        0 => Ok((response.producer_id.0, response.producer_epoch)),
        code => Err(code),
    }
}

fn init(client: &mut Client, name: &str) -> Identity {
    try_init(client, name)
        .or_else(|code| {
            assert_eq!(code, ResponseError::ConcurrentTransactions.code());
            try_init(client, name)
        })
        .unwrap()
}

/// Writes `count` records in the transaction; the error code.
fn write(
    client: &mut Client,
    name: &str,
    by: Identity,
    sequence: i32,
    count: usize,
    v: i16,
) -> i16 {
    let mut bytes = batch_of((by.0, by.1, sequence), &vec![1_000; count], b"value");
    bytes[22] |= 0x10;
    seal(&mut bytes);
    let request = produce("t", -1, bytes).with_transactional_id(Some(id(name)));
    client.call(v, &request).responses[0].partition_responses[0].error_code
}

fn add(client: &mut Client, name: &str, by: Identity, topics: &[&str]) -> Vec<i16> {
    let topics = topics
        .iter()
        .map(|name| {
            AddPartitionsToTxnTopic::default().with_name(topic(name)).with_partitions(vec![0])
        })
        .collect();
    let request = AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(id(name))
        .with_v3_and_below_producer_id(ProducerId(by.0))
        .with_v3_and_below_producer_epoch(by.1)
        .with_v3_and_below_topics(topics);
    let response = client.call(3, &request);
    response
        .results_by_topic_v3_and_below
        .iter()
        .map(|topic| topic.results_by_partition[0].partition_error_code)
        .collect()
}

fn end(
    client: &mut Client,
    name: &str,
    by: Identity,
    commit: bool,
    v: i16,
) -> Result<Identity, i16> {
    let request = EndTxnRequest::default()
        .with_transactional_id(id(name))
        .with_producer_id(ProducerId(by.0))
        .with_producer_epoch(by.1)
        .with_committed(commit);
    let response = client.call(v, &request);
    match response.error_code {
        0 => Ok((response.producer_id.0, response.producer_epoch)),
        code => Err(code),
    }
}

/// High watermark, last stable offset, bytes, aborted transactions as a reader of committed data
/// gets them.
fn committed(client: &mut Client, offset: i64) -> (i64, i64, usize, Vec<(i64, i64)>) {
    let response = client.call(11, &fetch("t", &[(0, offset)]).with_isolation_level(1));
    let partition = &response.responses[0].partitions[0];
    let aborted = partition.aborted_transactions.as_ref().unwrap();
    (
        partition.high_watermark,
        partition.last_stable_offset,
        partition.records.as_ref().map_or(0, bytes::Bytes::len),
        aborted.iter().map(|a| (a.producer_id.0, a.first_offset)).collect(),
    )
}

fn latest(client: &mut Client, isolation: i8) -> i64 {
    let partition = ListOffsetsPartition::default().with_timestamp(-1);
    let topic = ListOffsetsTopic::default().with_name(topic("t")).with_partitions(vec![partition]);
    let request =
        ListOffsetsRequest::default().with_isolation_level(isolation).with_topics(vec![topic]);
    client.call(6, &request).topics[0].partitions[0].offset
}

#[test]
fn readers_of_committed_data_wait_for_the_end_of_version_1() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let own = init(&mut client, "tx");
    assert_eq!(
        write(&mut client, "tx", own, 0, 2, 11),
        ResponseError::TransactionAbortable.code(),
        "not added"
    );
    assert_eq!(write(&mut client, "tx", own, 0, 2, 9), ResponseError::InvalidTxnState.code());
    assert_eq!(add(&mut client, "tx", own, &["t"]), [0]);
    assert_eq!(write(&mut client, "tx", own, 0, 2, 11), 0);
    assert_eq!(committed(&mut client, 0), (2, 0, 0, vec![]));
    assert_eq!((latest(&mut client, 0), latest(&mut client, 1)), (2, 0));
    assert_eq!(end(&mut client, "tx", own, true, 3), Ok((-1, -1)));
    let (high, stable, bytes, aborted) = committed(&mut client, 0);
    assert_eq!((high, stable, aborted), (3, 3, vec![]));
    assert!(bytes > 0);

    assert_eq!(add(&mut client, "tx", own, &["t"]), [0]);
    assert_eq!(write(&mut client, "tx", own, 2, 1, 11), 0, "sequences go on");
    assert_eq!(end(&mut client, "tx", own, false, 3), Ok((-1, -1)));
    assert_eq!(committed(&mut client, 0).3, [(own.0, 3)]);
    assert_eq!((latest(&mut client, 0), latest(&mut client, 1)), (5, 5));
}

#[test]
fn version_2_adds_partitions_by_itself_and_moves_the_epoch() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let features = client.call(
        4,
        &ApiVersionsRequest::default()
            .with_client_software_name(text("test"))
            .with_client_software_version(text("1")),
    );
    assert_eq!(features.finalized_features[0].name, text("transaction.version"));
    assert_eq!(features.finalized_features[0].max_version_level, 2);

    let first = init(&mut client, "tx");
    assert_eq!(write(&mut client, "tx", first, 0, 1, 12), 0);
    let second = end(&mut client, "tx", first, true, 5).unwrap();
    assert_eq!(second, (first.0, first.1 + 1));
    assert_eq!(
        write(&mut client, "tx", first, 1, 1, 12),
        ResponseError::InvalidProducerEpoch.code(),
        "a late batch joins no other transaction"
    );
    assert_eq!(write(&mut client, "tx", second, 0, 1, 12), 0, "sequences start again");
    assert_eq!(end(&mut client, "tx", first, true, 5), Err(ResponseError::ProducerFenced.code()));
    let third = end(&mut client, "tx", second, false, 5).unwrap();
    assert_eq!(end(&mut client, "tx", second, false, 5), Ok(third), "a repeated end");
    assert_eq!(committed(&mut client, 0), (4, 4, committed(&mut client, 0).2, vec![(first.0, 2)]));
}

#[test]
fn partitions_are_added_all_or_none() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let own = init(&mut client, "tx");
    assert_eq!(
        add(&mut client, "tx", own, &["t", "missing"]),
        [
            ResponseError::OperationNotAttempted.code(),
            ResponseError::UnknownTopicOrPartition.code()
        ]
    );
    let rival = (own.0, own.1 + 1);
    assert_eq!(add(&mut client, "tx", rival, &["t"]), [ResponseError::ProducerFenced.code()]);
    let none = add(&mut client, "other", own, &["t"]);
    assert_eq!(none, [ResponseError::InvalidProducerIdMapping.code()]);
}

/// Id, epoch, last sequence number and start of the transaction of the producers of `t-0`.
fn producers(client: &mut Client) -> Vec<(i64, i32, i32, i64)> {
    let of =
        |name| TopicRequest::default().with_name(topic(name)).with_partition_indexes(vec![0, 0]);
    let request = DescribeProducersRequest::default().with_topics(vec![of("t"), of("missing")]);
    let answer = client.call(0, &request);
    let missing = ResponseError::UnknownTopicOrPartition.code();
    assert!(answer.topics[1].partitions.iter().all(|one| one.error_code == missing));
    // Named twice, told once.
    assert!(answer.topics[0].partitions[1].active_producers.is_empty());
    let states = answer.topics[0].partitions[0].active_producers.iter();
    let shown = states.map(|of| {
        (of.producer_id.0, of.producer_epoch, of.last_sequence, of.current_txn_start_offset)
    });
    shown.collect()
}

#[test]
fn producers_of_a_partition_are_described() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    assert!(producers(&mut client).is_empty());
    let own = init(&mut client, "tx");
    assert_eq!(write(&mut client, "tx", own, 0, 3, 12), 0);
    assert_eq!(producers(&mut client), [(own.0, i32::from(own.1), 2, 0)]);
    assert!(end(&mut client, "tx", own, true, 4).is_ok());
    assert_eq!(producers(&mut client), [(own.0, i32::from(own.1), 2, -1)]);
}

#[test]
fn a_time_out_aborts_and_fences() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let own = init(&mut client, "tx");
    assert_eq!(write(&mut client, "tx", own, 0, 1, 12), 0);
    let described = client.call(
        0,
        &DescribeTransactionsRequest::default().with_transactional_ids(vec![id("tx"), id("no")]),
    );
    let open = &described.transaction_states[0];
    assert_eq!((open.transaction_state.as_str(), open.transaction_timeout_ms), ("Ongoing", 60_000));
    assert_eq!(open.topics[0].partitions, [0]);
    let missing = ResponseError::TransactionalIdNotFound.code();
    assert_eq!(described.transaction_states[1].error_code, missing);

    let due = client.now + Duration::from_secs(60);
    assert_eq!(client.broker.next_deadline(), Some(due));
    client.now = due;
    assert!(client.frames().is_empty());
    assert_eq!(committed(&mut client, 0).3, [(own.0, 0)]);
    assert_eq!(write(&mut client, "tx", own, 1, 1, 12), ResponseError::InvalidProducerEpoch.code());
    assert_eq!(end(&mut client, "tx", own, true, 4), Err(ResponseError::ProducerFenced.code()));
    assert_eq!(end(&mut client, "tx", own, true, 5), Err(ResponseError::InvalidTxnState.code()));
    let listed = client.call(1, &ListTransactionsRequest::default().with_duration_filter(-1));
    assert_eq!(listed.transaction_states[0].transaction_state, text("CompleteAbort"));
    let filtered = ListTransactionsRequest::default()
        .with_state_filters(vec![text("Ongoing"), text("Nonsense")])
        .with_duration_filter(-1);
    let listed = client.call(1, &filtered);
    assert!(listed.transaction_states.is_empty());
    assert_eq!(listed.unknown_state_filters, [text("Nonsense")]);
}

#[test]
fn a_parked_reader_of_committed_data_wakes_at_the_marker() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let own = init(&mut client, "tx");
    let reader = client.broker.connect();
    let long = fetch("t", &[(0, 0)]).with_isolation_level(1).with_max_wait_ms(10_000);
    client.send(reader, 11, &long);
    assert!(client.frames().is_empty());
    assert_eq!(write(&mut client, "tx", own, 0, 1, 12), 0);
    assert!(client.frames().is_empty(), "the record is not committed yet");
    let request = EndTxnRequest::default()
        .with_transactional_id(id("tx"))
        .with_producer_id(ProducerId(own.0))
        .with_producer_epoch(own.1)
        .with_committed(true);
    client.send(client.conn, 5, &request);
    let woken: Vec<_> = client.frames().into_iter().map(|(conn, _)| conn).collect();
    assert!(woken.contains(&reader), "{woken:?}");
}

#[test]
fn a_commit_is_answered_before_its_markers_also_across_a_restart() {
    let delay = Duration::from_millis(300);
    let mut config = Config::default();
    config.marker_delay = delay;
    let mut client = Client::with(config);
    client.create("t", 1, &[]);
    let own = init(&mut client, "tx");
    assert_eq!(write(&mut client, "tx", own, 0, 1, 12), 0);
    let next = end(&mut client, "tx", own, true, 5).unwrap();
    let waits = ResponseError::ConcurrentTransactions.code();
    assert_eq!((latest(&mut client, 0), latest(&mut client, 1)), (1, 0), "not visible yet");
    assert_eq!(write(&mut client, "tx", next, 0, 1, 12), waits);
    let later = ResponseError::NotEnoughReplicas.code();
    assert_eq!(write(&mut client, "tx", next, 0, 1, 11), later);
    assert_eq!(try_init(&mut client, "tx"), Err(waits));
    let listed = client.call(1, &ListTransactionsRequest::default().with_duration_filter(-1));
    assert_eq!(listed.transaction_states[0].transaction_state, text("PrepareCommit"));

    client.now += delay / 2;
    client.broker.restart(client.now);
    client.conn = client.broker.connect();
    client.now += delay / 2;
    assert_eq!(latest(&mut client, 1), 0, "it begins anew");
    assert_eq!(client.broker.next_deadline(), Some(client.now + delay / 2));
    client.now += delay / 2;
    assert_eq!((latest(&mut client, 0), latest(&mut client, 1)), (2, 2));
    assert_eq!(write(&mut client, "tx", next, 0, 1, 12), 0);
    assert!(end(&mut client, "tx", next, true, 5).is_ok());
}

#[test]
fn offsets_of_a_transaction_show_when_it_commits() {
    for v2 in [false, true] {
        let mut client = Client::new();
        client.create("t", 1, &[]);
        let own = init(&mut client, "tx");
        let stage = |client: &mut Client, by: Identity, offset: i64| {
            let partition = TxnOffsetCommitRequestPartition::default()
                .with_committed_offset(offset)
                .with_committed_metadata(Some(text("")));
            let topics = vec![
                TxnOffsetCommitRequestTopic::default()
                    .with_name(topic("t"))
                    .with_partitions(vec![partition]),
            ];
            let request = TxnOffsetCommitRequest::default()
                .with_transactional_id(id("tx"))
                .with_group_id(GroupId(text("g")))
                .with_producer_id(ProducerId(by.0))
                .with_producer_epoch(by.1)
                .with_topics(topics);
            client.call(if v2 { 5 } else { 4 }, &request).topics[0].partitions[0].error_code
        };
        let look = |client: &mut Client| {
            let topics = OffsetFetchRequestTopics::default()
                .with_name(topic("t"))
                .with_partition_indexes(vec![0]);
            let group = OffsetFetchRequestGroup::default()
                .with_group_id(GroupId(text("g")))
                .with_topics(Some(vec![topics]));
            let request =
                OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(true);
            let answer = client.call(8, &request).groups.remove(0).topics.remove(0);
            (answer.partitions[0].committed_offset, answer.partitions[0].error_code)
        };
        if !v2 {
            let refused = stage(&mut client, own, 5);
            assert_eq!(refused, ResponseError::TransactionAbortable.code());
            let request = AddOffsetsToTxnRequest::default()
                .with_transactional_id(id("tx"))
                .with_producer_id(ProducerId(own.0))
                .with_producer_epoch(own.1)
                .with_group_id(GroupId(text("g")));
            assert_eq!(client.call(4, &request).error_code, 0);
        }
        assert_eq!(stage(&mut client, own, 5), 0);
        assert_eq!(look(&mut client), (-1, ResponseError::UnstableOffsetCommit.code()));
        let v = if v2 { 5 } else { 4 };
        let next = end(&mut client, "tx", own, true, v).unwrap();
        assert_eq!(look(&mut client), (5, 0));
        if v2 {
            assert_eq!(stage(&mut client, next, 9), 0);
            end(&mut client, "tx", next, false, v).unwrap();
            assert_eq!(look(&mut client), (5, 0), "aborted");
        }
    }
}

#[test]
fn the_newest_owner_of_an_id_wins() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let old = init(&mut client, "tx");
    assert_eq!(write(&mut client, "tx", old, 0, 1, 12), 0);
    assert_eq!(try_init(&mut client, "tx"), Err(ResponseError::ConcurrentTransactions.code()));
    let new = try_init(&mut client, "tx").unwrap();
    assert_eq!((new.0, new.1 > old.1), (old.0, true));
    assert_eq!(committed(&mut client, 0).3, [(old.0, 0)], "its records are aborted");
    let fenced = ResponseError::InvalidProducerEpoch.code();
    assert_eq!(write(&mut client, "tx", old, 1, 1, 12), fenced);
    assert_eq!(write(&mut client, "tx", new, 0, 1, 12), 0);
    end(&mut client, "tx", new, true, 5).unwrap();
}

#[test]
fn transactional_ids_are_bounded() {
    let mut limits = Limits::default();
    limits.transactional_id_bytes_max = 4;
    let mut config = Config::default();
    config.limits = limits;
    let mut client = Client::with(config);
    assert_eq!(try_init(&mut client, "tx-too-long"), Err(ResponseError::InvalidRequest.code()));
}
