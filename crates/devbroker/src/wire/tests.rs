//! Holds the layouts against the codec: what the walk accepts, the codec reads to the same byte.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use uuid::Uuid;

use super::layout::{self, Malformed};
use super::tables::{APIS, ApiKey, api};
use super::*;
use crate::config::Ids;

const ELEMENTS_MAX: usize = 10_000;

fn s(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

fn name() -> TopicName {
    TopicName(s("orders"))
}

fn encoded<T: Encodable>(message: &T, version: i16) -> Bytes {
    let mut out = BytesMut::new();
    message.encode(&mut out, version).unwrap();
    out.freeze()
}

/// A request of every API with something in each of its arrays.
fn sample(key: ApiKey, v: i16) -> Bytes {
    let id = Uuid::from_u128(7);
    match key {
        ApiKey::Produce => {
            use produce_request::{PartitionProduceData, TopicProduceData};
            let partition =
                PartitionProduceData::default().with_records(Some(Bytes::from_static(b"batch")));
            let topic =
                TopicProduceData::default().with_partition_data(vec![partition.clone(), partition]);
            let topic = if v >= 13 { topic.with_topic_id(id) } else { topic.with_name(name()) };
            let request = ProduceRequest::default()
                .with_transactional_id(Some(TransactionalId(s("t"))))
                .with_topic_data(vec![topic]);
            encoded(&request, v)
        }
        ApiKey::Fetch => {
            use fetch_request::{FetchPartition, FetchTopic, ForgottenTopic, ReplicaState};
            let mut partition = FetchPartition::default().with_partition(3).with_fetch_offset(9);
            if v >= 17 {
                partition = partition.with_replica_directory_id(id);
            }
            if v >= 18 {
                partition = partition.with_high_watermark(5);
            }
            let mut topic = FetchTopic::default().with_partitions(vec![partition]);
            let mut forgotten = ForgottenTopic::default().with_partitions(vec![1, 2]);
            if v >= 13 {
                topic = topic.with_topic_id(id);
                forgotten = forgotten.with_topic_id(id);
            } else {
                topic = topic.with_topic(name());
                forgotten = forgotten.with_topic(name());
            }
            let mut request = FetchRequest::default().with_topics(vec![topic]);
            if v >= 7 {
                request = request.with_forgotten_topics_data(vec![forgotten]);
            }
            if v >= 11 {
                request = request.with_rack_id(s("rack"));
            }
            if v >= 12 {
                request = request.with_cluster_id(Some(s("cluster")));
            }
            if v >= 15 {
                request = request.with_replica_state(
                    ReplicaState::default().with_replica_id(BrokerId(4)).with_replica_epoch(8),
                );
            }
            encoded(&request, v)
        }
        ApiKey::ListOffsets => {
            use list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
            let topic = ListOffsetsTopic::default()
                .with_name(name())
                .with_partitions(vec![ListOffsetsPartition::default()]);
            encoded(&ListOffsetsRequest::default().with_topics(vec![topic]), v)
        }
        ApiKey::Metadata => {
            use metadata_request::MetadataRequestTopic;
            let topic = MetadataRequestTopic::default().with_name(Some(name()));
            encoded(&MetadataRequest::default().with_topics(Some(vec![topic])), v)
        }
        ApiKey::OffsetCommit => {
            use offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
            let topic =
                OffsetCommitRequestTopic::default().with_name(name()).with_partitions(vec![
                    OffsetCommitRequestPartition::default().with_committed_metadata(Some(s("m"))),
                ]);
            let request = OffsetCommitRequest::default()
                .with_group_id(GroupId(s("g")))
                .with_topics(vec![topic]);
            encoded(&request, v)
        }
        ApiKey::OffsetFetch => {
            use offset_fetch_request::*;
            let request = if v >= 8 {
                let topic = OffsetFetchRequestTopics::default()
                    .with_name(name())
                    .with_partition_indexes(vec![1, 2]);
                let group = OffsetFetchRequestGroup::default()
                    .with_group_id(GroupId(s("g")))
                    .with_topics(Some(vec![topic]));
                OffsetFetchRequest::default().with_groups(vec![group])
            } else {
                let topic = OffsetFetchRequestTopic::default()
                    .with_name(name())
                    .with_partition_indexes(vec![1, 2]);
                OffsetFetchRequest::default()
                    .with_group_id(GroupId(s("g")))
                    .with_topics(Some(vec![topic]))
            };
            encoded(&request, v)
        }
        ApiKey::FindCoordinator => {
            let request = if v >= 4 {
                FindCoordinatorRequest::default().with_coordinator_keys(vec![s("a"), s("b")])
            } else {
                FindCoordinatorRequest::default().with_key(s("a"))
            };
            encoded(&request, v)
        }
        ApiKey::JoinGroup => {
            use join_group_request::JoinGroupRequestProtocol;
            let protocol = JoinGroupRequestProtocol::default()
                .with_name(s("range"))
                .with_metadata(Bytes::from_static(b"about me"));
            let mut request = JoinGroupRequest::default()
                .with_group_id(GroupId(s("g")))
                .with_session_timeout_ms(30_000)
                .with_protocol_type(s("consumer"))
                .with_protocols(vec![protocol.clone(), protocol.with_name(s("sticky"))]);
            if v >= 5 {
                request = request.with_group_instance_id(Some(s("lasting")));
            }
            if v >= 8 {
                request = request.with_reason(Some(s("why")));
            }
            encoded(&request, v)
        }
        ApiKey::Heartbeat => encoded(
            &HeartbeatRequest::default().with_group_id(GroupId(s("g"))).with_member_id(s("m")),
            v,
        ),
        ApiKey::LeaveGroup => {
            use leave_group_request::MemberIdentity;
            let request = LeaveGroupRequest::default().with_group_id(GroupId(s("g")));
            let request = if v >= 3 {
                let member = MemberIdentity::default()
                    .with_member_id(s("m"))
                    .with_group_instance_id(Some(s("lasting")));
                request.with_members(vec![member.clone(), member])
            } else {
                request.with_member_id(s("m"))
            };
            encoded(&request, v)
        }
        ApiKey::SyncGroup => {
            use sync_group_request::SyncGroupRequestAssignment;
            let assignment = SyncGroupRequestAssignment::default()
                .with_member_id(s("m"))
                .with_assignment(Bytes::from_static(b"yours"));
            let mut request = SyncGroupRequest::default()
                .with_group_id(GroupId(s("g")))
                .with_member_id(s("m"))
                .with_assignments(vec![assignment]);
            if v >= 5 {
                request = request
                    .with_protocol_type(Some(s("consumer")))
                    .with_protocol_name(Some(s("range")));
            }
            encoded(&request, v)
        }
        ApiKey::DescribeGroups => {
            encoded(&DescribeGroupsRequest::default().with_groups(vec![GroupId(s("g"))]), v)
        }
        ApiKey::ListGroups => {
            let mut request = ListGroupsRequest::default();
            if v >= 4 {
                request = request.with_states_filter(vec![s("Empty")]);
            }
            if v >= 5 {
                request = request.with_types_filter(vec![s("classic")]);
            }
            encoded(&request, v)
        }
        ApiKey::ApiVersions => {
            let mut request = ApiVersionsRequest::default();
            if v >= 3 {
                request = request
                    .with_client_software_name(s("test"))
                    .with_client_software_version(s("1.0"))
                    .with_unknown_tagged_field(9, Bytes::from_static(b"future"));
            }
            encoded(&request, v)
        }
        ApiKey::CreateTopics => {
            use create_topics_request::*;
            let topic = CreatableTopic::default()
                .with_name(name())
                .with_assignments(vec![
                    CreatableReplicaAssignment::default().with_broker_ids(vec![BrokerId(1)]),
                ])
                .with_configs(vec![CreatableTopicConfig::default().with_name(s("k"))]);
            encoded(&CreateTopicsRequest::default().with_topics(vec![topic]), v)
        }
        ApiKey::DeleteTopics => {
            use delete_topics_request::DeleteTopicState;
            let request = if v >= 6 {
                let topic = DeleteTopicState::default().with_name(Some(name()));
                DeleteTopicsRequest::default().with_topics(vec![topic])
            } else {
                DeleteTopicsRequest::default().with_topic_names(vec![name()])
            };
            encoded(&request, v)
        }
        ApiKey::DeleteRecords => {
            use delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
            let topic = DeleteRecordsTopic::default()
                .with_name(name())
                .with_partitions(vec![DeleteRecordsPartition::default()]);
            encoded(&DeleteRecordsRequest::default().with_topics(vec![topic]), v)
        }
        ApiKey::InitProducerId => encoded(&InitProducerIdRequest::default(), v),
        ApiKey::OffsetForLeaderEpoch => {
            use offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
            let topic = OffsetForLeaderTopic::default()
                .with_topic(name())
                .with_partitions(vec![OffsetForLeaderPartition::default()]);
            encoded(&OffsetForLeaderEpochRequest::default().with_topics(vec![topic]), v)
        }
        ApiKey::DescribeConfigs => {
            use describe_configs_request::DescribeConfigsResource;
            let resource = DescribeConfigsResource::default()
                .with_resource_name(s("orders"))
                .with_configuration_keys(Some(vec![s("k")]));
            encoded(&DescribeConfigsRequest::default().with_resources(vec![resource]), v)
        }
        ApiKey::CreatePartitions => {
            use create_partitions_request::*;
            let topic =
                CreatePartitionsTopic::default().with_name(name()).with_assignments(Some(vec![
                    CreatePartitionsAssignment::default().with_broker_ids(vec![BrokerId(1)]),
                ]));
            encoded(&CreatePartitionsRequest::default().with_topics(vec![topic]), v)
        }
        ApiKey::DeleteGroups => {
            encoded(&DeleteGroupsRequest::default().with_groups_names(vec![GroupId(s("g"))]), v)
        }
        ApiKey::OffsetDelete => {
            use offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
            let topic = OffsetDeleteRequestTopic::default()
                .with_name(name())
                .with_partitions(vec![OffsetDeleteRequestPartition::default()]);
            encoded(&OffsetDeleteRequest::default().with_topics(vec![topic]), v)
        }
        ApiKey::DescribeCluster => encoded(&DescribeClusterRequest::default(), v),
        ApiKey::AddPartitionsToTxn => {
            use add_partitions_to_txn_request::AddPartitionsToTxnTopic;
            let topic =
                AddPartitionsToTxnTopic::default().with_name(name()).with_partitions(vec![0, 1]);
            let request = AddPartitionsToTxnRequest::default()
                .with_v3_and_below_transactional_id(TransactionalId(s("t")))
                .with_v3_and_below_topics(vec![topic]);
            encoded(&request, v)
        }
        ApiKey::AddOffsetsToTxn => {
            let request = AddOffsetsToTxnRequest::default()
                .with_transactional_id(TransactionalId(s("t")))
                .with_group_id(GroupId(s("g")));
            encoded(&request, v)
        }
        ApiKey::EndTxn => {
            let request = EndTxnRequest::default().with_transactional_id(TransactionalId(s("t")));
            encoded(&request, v)
        }
        ApiKey::TxnOffsetCommit => {
            use txn_offset_commit_request::*;
            let partition =
                TxnOffsetCommitRequestPartition::default().with_committed_metadata(Some(s("m")));
            let topic = TxnOffsetCommitRequestTopic::default()
                .with_name(name())
                .with_partitions(vec![partition]);
            let request = TxnOffsetCommitRequest::default()
                .with_transactional_id(TransactionalId(s("t")))
                .with_group_id(GroupId(s("g")))
                .with_topics(vec![topic]);
            encoded(&request, v)
        }
        ApiKey::DescribeProducers => {
            use describe_producers_request::TopicRequest;
            let topic =
                TopicRequest::default().with_name(name()).with_partition_indexes(vec![0, 1]);
            encoded(&DescribeProducersRequest::default().with_topics(vec![topic]), v)
        }
        ApiKey::DescribeTransactions => {
            let ids = vec![TransactionalId(s("t")), TransactionalId(s("u"))];
            encoded(&DescribeTransactionsRequest::default().with_transactional_ids(ids), v)
        }
        ApiKey::ListTransactions => {
            let request = ListTransactionsRequest::default()
                .with_state_filters(vec![s("Ongoing")])
                .with_producer_id_filters(vec![ProducerId(1), ProducerId(2)]);
            encoded(&request, v)
        }
        ApiKey::AlterConfigs => {
            use alter_configs_request::{AlterConfigsResource, AlterableConfig};
            let config = AlterableConfig::default().with_name(s("c")).with_value(Some(s("v")));
            let resource = AlterConfigsResource::default()
                .with_resource_name(s("t"))
                .with_configs(vec![config]);
            encoded(&AlterConfigsRequest::default().with_resources(vec![resource]), v)
        }
        ApiKey::IncrementalAlterConfigs => {
            use incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
            let config = AlterableConfig::default().with_name(s("c")).with_value(Some(s("v")));
            let resource = AlterConfigsResource::default()
                .with_resource_name(s("t"))
                .with_configs(vec![config]);
            encoded(&IncrementalAlterConfigsRequest::default().with_resources(vec![resource]), v)
        }
        ApiKey::DescribeLogDirs => {
            use describe_log_dirs_request::DescribableLogDirTopic;
            let topic =
                DescribableLogDirTopic::default().with_topic(name()).with_partitions(vec![0, 1]);
            encoded(&DescribeLogDirsRequest::default().with_topics(Some(vec![topic])), v)
        }
        ApiKey::ConsumerGroupDescribe => {
            let ids = vec![GroupId(s("g"))];
            encoded(&ConsumerGroupDescribeRequest::default().with_group_ids(ids), v)
        }
        ApiKey::ConsumerGroupHeartbeat => {
            use consumer_group_heartbeat_request::TopicPartitions;
            let owned = TopicPartitions::default().with_topic_id(id).with_partitions(vec![1, 2]);
            let request = ConsumerGroupHeartbeatRequest::default()
                .with_group_id(GroupId(s("g")))
                .with_member_id(s("m"))
                .with_instance_id(Some(s("i")))
                .with_rack_id(Some(s("rack")))
                .with_subscribed_topic_names(Some(vec![name()]))
                .with_server_assignor(Some(s("uniform")))
                .with_topic_partitions(Some(vec![owned]));
            let request = match v {
                0 => request,
                _ => request.with_subscribed_topic_regex(Some(s("o.*"))),
            };
            encoded(&request, v)
        }
    }
}

/// Bytes the codec reads, if it accepts them.
fn decoded(key: ApiKey, bytes: &Bytes, v: i16) -> Option<usize> {
    fn read<T: Decodable>(bytes: &Bytes, v: i16) -> Option<usize> {
        let mut rest = bytes.clone();
        T::decode(&mut rest, v).ok()?;
        Some(bytes.len() - rest.len())
    }
    match key {
        ApiKey::Produce => read::<ProduceRequest>(bytes, v),
        ApiKey::Fetch => read::<FetchRequest>(bytes, v),
        ApiKey::ListOffsets => read::<ListOffsetsRequest>(bytes, v),
        ApiKey::Metadata => read::<MetadataRequest>(bytes, v),
        ApiKey::OffsetCommit => read::<OffsetCommitRequest>(bytes, v),
        ApiKey::OffsetFetch => read::<OffsetFetchRequest>(bytes, v),
        ApiKey::FindCoordinator => read::<FindCoordinatorRequest>(bytes, v),
        ApiKey::JoinGroup => read::<JoinGroupRequest>(bytes, v),
        ApiKey::Heartbeat => read::<HeartbeatRequest>(bytes, v),
        ApiKey::LeaveGroup => read::<LeaveGroupRequest>(bytes, v),
        ApiKey::SyncGroup => read::<SyncGroupRequest>(bytes, v),
        ApiKey::DescribeGroups => read::<DescribeGroupsRequest>(bytes, v),
        ApiKey::ListGroups => read::<ListGroupsRequest>(bytes, v),
        ApiKey::ApiVersions => read::<ApiVersionsRequest>(bytes, v),
        ApiKey::CreateTopics => read::<CreateTopicsRequest>(bytes, v),
        ApiKey::DeleteTopics => read::<DeleteTopicsRequest>(bytes, v),
        ApiKey::DeleteRecords => read::<DeleteRecordsRequest>(bytes, v),
        ApiKey::InitProducerId => read::<InitProducerIdRequest>(bytes, v),
        ApiKey::OffsetForLeaderEpoch => read::<OffsetForLeaderEpochRequest>(bytes, v),
        ApiKey::DescribeConfigs => read::<DescribeConfigsRequest>(bytes, v),
        ApiKey::CreatePartitions => read::<CreatePartitionsRequest>(bytes, v),
        ApiKey::DeleteGroups => read::<DeleteGroupsRequest>(bytes, v),
        ApiKey::OffsetDelete => read::<OffsetDeleteRequest>(bytes, v),
        ApiKey::DescribeCluster => read::<DescribeClusterRequest>(bytes, v),
        ApiKey::AddPartitionsToTxn => read::<AddPartitionsToTxnRequest>(bytes, v),
        ApiKey::AddOffsetsToTxn => read::<AddOffsetsToTxnRequest>(bytes, v),
        ApiKey::EndTxn => read::<EndTxnRequest>(bytes, v),
        ApiKey::TxnOffsetCommit => read::<TxnOffsetCommitRequest>(bytes, v),
        ApiKey::DescribeProducers => read::<DescribeProducersRequest>(bytes, v),
        ApiKey::DescribeTransactions => read::<DescribeTransactionsRequest>(bytes, v),
        ApiKey::ListTransactions => read::<ListTransactionsRequest>(bytes, v),
        ApiKey::AlterConfigs => read::<AlterConfigsRequest>(bytes, v),
        ApiKey::DescribeLogDirs => read::<DescribeLogDirsRequest>(bytes, v),
        ApiKey::IncrementalAlterConfigs => read::<IncrementalAlterConfigsRequest>(bytes, v),
        ApiKey::ConsumerGroupHeartbeat => read::<ConsumerGroupHeartbeatRequest>(bytes, v),
        ApiKey::ConsumerGroupDescribe => read::<ConsumerGroupDescribeRequest>(bytes, v),
    }
}

fn versions() -> impl Iterator<Item = (&'static super::tables::Api, i16)> {
    APIS.iter().flat_map(|api| (super::lowest_answered(api)..=api.max).map(move |v| (api, v)))
}

fn walk(api: &super::tables::Api, bytes: &[u8], v: i16) -> Result<usize, Malformed> {
    layout::check(bytes, &api.request, v, v >= api.flexible_since, ELEMENTS_MAX)
}

#[test]
fn every_version_of_every_request_is_walked_to_its_end() {
    for (api, v) in versions() {
        let bytes = sample(api.key, v);
        assert_eq!(walk(api, &bytes, v), Ok(bytes.len()), "{:?} v{v}", api.key);
        for cut in 0..bytes.len() {
            assert!(walk(api, &bytes[..cut], v).is_err(), "{:?} v{v} cut at {cut}", api.key);
        }
        let codec = kafka_protocol::messages::ApiKey::try_from(api.key as i16).unwrap();
        let flexible = codec.request_header_version(v) >= 2;
        assert_eq!(flexible, v >= api.flexible_since, "{:?} v{v}", api.key);
        let flexible_response = codec.response_header_version(v) >= 1;
        let request = Request {
            api,
            version: v,
            correlation_id: 0,
            client_id: String::new(),
            body: Bytes::new(),
        };
        assert_eq!(flexible_response, request.reply().flexible_header, "{:?} v{v}", api.key);
    }
}

#[test]
fn what_the_walk_accepts_the_codec_reads_to_the_same_byte() {
    let mut random = Ids::new(1);
    let mut agreed = 0;
    for (api, v) in versions() {
        let original = sample(api.key, v);
        for _ in 0..300 {
            let mut bytes = BytesMut::from(original.as_ref());
            for _ in 0..=random.next() % 3 {
                if bytes.is_empty() {
                    bytes.put_u8(0);
                }
                let at = random.next() as usize % bytes.len();
                bytes[at] = match random.next() % 4 {
                    0 => 0xff,
                    1 => 0,
                    2 => bytes[at].wrapping_add(1),
                    _ => random.next() as u8,
                };
            }
            let bytes = bytes.freeze();
            // Only what the walk accepts may reach the codec: anything else could ask for memory.
            if let Ok(length) = walk(api, &bytes, v)
                && let Some(read) = decoded(api.key, &bytes, v)
            {
                assert_eq!(read, length, "{:?} v{v} {bytes:?}", api.key);
                agreed += 1;
            }
        }
    }
    assert!(agreed > 1000, "{agreed}");
}

#[test]
fn counts_that_ask_for_gigabytes_are_refused() {
    // Metadata version 1 with 268 million topics; version 9 with the same in a varint.
    let cases: [(i16, &[u8]); 2] =
        [(1, &[0x0f, 0xff, 0xff, 0xff, 0, 0]), (9, &[0xff, 0xff, 0xff, 0x7f, 0, 0])];
    for (v, bytes) in cases {
        let metadata = api(ApiKey::Metadata as i16).unwrap();
        assert_eq!(walk(metadata, bytes, v), Err(Malformed::Truncated), "v{v}");
    }
    let many = vec![0u8; 100_000];
    let mut bytes = 90_000i32.to_be_bytes().to_vec();
    bytes.extend_from_slice(&many);
    let groups = api(ApiKey::DeleteGroups as i16).unwrap();
    assert_eq!(walk(groups, &bytes, 0), Err(Malformed::TooManyElements));
}

#[test]
fn a_known_tag_of_the_wrong_size_is_refused() {
    let fetch = api(ApiKey::Fetch as i16).unwrap();
    let mut bytes = encoded(&FetchRequest::default(), 12).to_vec();
    // No tagged fields so far: the last byte is their count.
    assert_eq!(bytes.pop(), Some(0));
    // cluster_id of two bytes declared as five.
    bytes.extend_from_slice(&[1, 0, 5, 3, b'a', b'b', 0, 0]);
    assert_eq!(walk(fetch, &bytes, 12), Err(Malformed::BadTag));
}

#[test]
fn headers_are_read_without_panic() {
    let frame = |bytes: &'static [u8]| read(&Bytes::from_static(bytes), ELEMENTS_MAX);
    for length in 0..8 {
        let bytes = Bytes::from_static(&[0; 8]).slice(..length);
        assert!(matches!(read(&bytes, ELEMENTS_MAX), Err(CloseReason::ShortFrame)));
    }
    assert!(matches!(
        frame(&[0, 99, 0, 0, 0, 0, 0, 1, 255, 255]),
        Err(CloseReason::UnsupportedApi { key: 99 })
    ));
    assert!(matches!(
        frame(&[0, 0, 0, 2, 0, 0, 0, 1, 255, 255]),
        Err(CloseReason::UnsupportedVersion { key: 0, version: 2 })
    ));
    assert!(matches!(
        frame(&[0, 18, 0, 0, 0, 0, 0, 1, 0, 9]),
        Err(CloseReason::Malformed { key: 18, .. })
    ));
    assert!(matches!(
        frame(&[0, 18, 0, 9, 0, 0, 0, 7]),
        Ok(Incoming::UnknownApiVersions { correlation_id: 7 })
    ));
    assert!(matches!(frame(&[0, 18, 0, 0, 0, 0, 0, 1, 255, 255]), Ok(Incoming::Request(_))));
}

/// One request as the fuzz target reads it: connection, length, frame.
fn fuzz_frame(key: ApiKey, v: i16, flexible: bool, body: &[u8]) -> Vec<u8> {
    let mut frame = BytesMut::new();
    frame.put_i16(key as i16);
    frame.put_i16(v);
    frame.put_i32(i32::from(v));
    frame.put_i16(-1);
    if flexible {
        frame.put_u8(0);
    }
    frame.put_slice(body);
    let mut out = vec![(key as u8) % 3];
    out.extend_from_slice(&(frame.len() as u16).to_be_bytes());
    out.extend_from_slice(&frame);
    out
}

/// Streams for the fuzz corpus: every version of each API after the topic of the samples exists,
/// and a session that writes, reads, waits and deletes.
fn fuzz_seeds() -> Vec<(String, Vec<u8>)> {
    let metadata = fuzz_frame(ApiKey::Metadata, 9, true, &sample(ApiKey::Metadata, 9));
    let mut seeds = Vec::new();
    for api in APIS {
        let mut stream = metadata.clone();
        for (_, v) in versions().filter(|(each, _)| each.key == api.key) {
            let flexible = v >= api.flexible_since;
            stream.extend(fuzz_frame(api.key, v, flexible, &sample(api.key, v)));
        }
        seeds.push((format!("{:?}", api.key).to_lowercase(), stream));
    }
    let mut session = metadata;
    for sequence in 0..3 {
        use produce_request::{PartitionProduceData, TopicProduceData};
        let batch = crate::log::batch::tests::batch((9, 0, sequence), &[5], b"value");
        let partition = PartitionProduceData::default().with_records(Some(batch.into()));
        let topic =
            TopicProduceData::default().with_name(name()).with_partition_data(vec![partition]);
        let request = ProduceRequest::default()
            .with_transactional_id(None)
            .with_acks(-1)
            .with_topic_data(vec![topic]);
        session.extend(fuzz_frame(ApiKey::Produce, 9, true, &encoded(&request, 9)));
    }
    for (epoch, wait) in [(0, 0), (1, 500), (2, 500)] {
        use fetch_request::{FetchPartition, FetchTopic};
        let partition = FetchPartition::default()
            .with_fetch_offset(i64::from(epoch))
            .with_partition_max_bytes(1000);
        let topic = FetchTopic::default().with_topic(name()).with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_session_id(i32::from(epoch > 0))
            .with_session_epoch(epoch)
            .with_max_wait_ms(wait)
            .with_min_bytes(1000)
            .with_max_bytes(10_000)
            .with_topics(vec![topic]);
        session.extend(fuzz_frame(ApiKey::Fetch, 12, true, &encoded(&request, 12)));
        session.extend([0xff, 0, 0]);
    }
    for key in [ApiKey::ListOffsets, ApiKey::OffsetCommit, ApiKey::DeleteRecords] {
        let v = api(key as i16).unwrap().max;
        session.extend(fuzz_frame(key, v, true, &sample(key, v)));
    }
    let v = api(ApiKey::DeleteTopics as i16).unwrap().max;
    session.extend(fuzz_frame(ApiKey::DeleteTopics, v, true, &sample(ApiKey::DeleteTopics, v)));
    seeds.push(("session".to_owned(), session));
    seeds
}

#[test]
fn mutated_streams_neither_panic_nor_differ() {
    let corpus =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/broker_requests");
    let mut random = Ids::new(2);
    for (name, stream) in fuzz_seeds() {
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(corpus.join(&name), &stream).unwrap();
        }
        assert_eq!(
            std::fs::read(corpus.join(&name)).ok().as_deref(),
            Some(stream.as_slice()),
            "the seed '{name}' is stale: run with UPDATE=1"
        );
        for _ in 0..200 {
            let mut bytes = stream.clone();
            for _ in 0..random.next() % 4 {
                let at = random.next() as usize % bytes.len();
                bytes[at] = random.next() as u8;
            }
            crate::fuzzing::requests(&bytes);
        }
    }
}
