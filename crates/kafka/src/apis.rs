//! The APIs that the client calls, in one list: from it come the sum types of requests and
//! responses that pass through the state machines, and everything that depends on the version.

use bytes::Bytes;

use crate::wire::frame;
use crate::wire::messages::add_offsets_to_txn::AddOffsetsToTxnRequest;
use crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnRequest;
use crate::wire::messages::api_versions::ApiVersionsRequest;
use crate::wire::messages::consumer_group_describe::ConsumerGroupDescribeRequest;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use crate::wire::messages::create_partitions::CreatePartitionsRequest;
use crate::wire::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use crate::wire::messages::delete_topics::DeleteTopicsRequest;
use crate::wire::messages::describe_configs::DescribeConfigsRequest;
use crate::wire::messages::describe_transactions::DescribeTransactionsRequest;
use crate::wire::messages::end_txn::EndTxnRequest;
use crate::wire::messages::fetch::FetchRequest;
use crate::wire::messages::find_coordinator::FindCoordinatorRequest;
use crate::wire::messages::heartbeat::HeartbeatRequest;
use crate::wire::messages::init_producer_id::InitProducerIdRequest;
use crate::wire::messages::join_group::JoinGroupRequest;
use crate::wire::messages::leave_group::LeaveGroupRequest;
use crate::wire::messages::list_groups::ListGroupsRequest;
use crate::wire::messages::list_offsets::ListOffsetsRequest;
use crate::wire::messages::list_transactions::ListTransactionsRequest;
use crate::wire::messages::metadata::MetadataRequest;
use crate::wire::messages::offset_commit::OffsetCommitRequest;
use crate::wire::messages::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestTopic};
use crate::wire::messages::produce::ProduceRequest;
use crate::wire::messages::sync_group::SyncGroupRequest;
use crate::wire::messages::txn_offset_commit::TxnOffsetCommitRequest;
use crate::wire::records::to_message_set;
use crate::wire::{DecodeError, EncodeError, EncodeFault, Request};

macro_rules! apis {
    ($($name:ident: $request:ty,)+) => {
        /// Which API.
        #[allow(clippy::enum_variant_names, reason = "`ApiVersions` is Kafka's name")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Api { $($name),+ }

        /// A request of any API, not yet bound to a version.
        #[derive(Debug, Clone)]
        pub(crate) enum AnyRequest {
            $($name($request),)+
            /// A request whose meaning changes above a version: at most in that one.
            Capped(Box<AnyRequest>, i16),
        }

        /// A response of any API.
        #[derive(Debug)]
        pub(crate) enum AnyResponse { $($name(<$request as Request>::Response)),+ }

        impl Api {
            pub(crate) const fn key(self) -> i16 {
                match self { $(Self::$name => <$request as Request>::KEY),+ }
            }

            /// Name of the API with this key, for tests that crash at it.
            #[cfg(debug_assertions)]
            pub(crate) fn name_of(key: i16) -> &'static str {
                let all = [$((<$request as Request>::KEY, <$request as Request>::NAME)),+];
                all.iter().find(|(of, _)| *of == key).map_or("", |(_, name)| name)
            }

            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$name => <$request as Request>::NAME),+ }
            }

            /// Lowest and highest version that we speak.
            pub(crate) const fn versions(self) -> (i16, i16) {
                match self {
                    $(Self::$name => (
                        *<$request as Request>::VERSIONS.start(),
                        *<$request as Request>::VERSIONS.end(),
                    )),+
                }
            }

            pub(crate) fn decode(self, frame: Bytes, version: i16) -> Result<AnyResponse, DecodeError> {
                match self {
                    $(Self::$name => frame::decode_response::<$request>(frame, version)
                        .map(|(_, response)| AnyResponse::$name(response))),+
                }
            }
        }

        impl AnyRequest {
            pub(crate) fn api(&self) -> Api {
                match self {
                    $(Self::$name(_) => Api::$name,)+
                    Self::Capped(request, _) => request.api(),
                }
            }

            fn encode_prepared(
                &self, version: i16, correlation: i32, client_id: &str,
            ) -> Result<Vec<Bytes>, EncodeError> {
                match self {
                    $(Self::$name(request) =>
                        frame::encode_request_pieces(correlation, Some(client_id), version, request),)+
                    Self::Capped(request, _) =>
                        request.encode_prepared(version, correlation, client_id),
                }
            }
        }

        impl AnyResponse {
            pub(crate) fn api(&self) -> Api {
                match self { $(Self::$name(_) => Api::$name),+ }
            }

            /// `throttle_time_ms`: how long the broker wants to hear nothing more (KIP-219).
            pub(crate) fn throttle_time_ms(&self) -> i32 {
                match self { $(Self::$name(response) => response.throttle_time_ms),+ }
            }
        }

        $(impl From<$request> for AnyRequest {
            fn from(request: $request) -> Self {
                Self::$name(request)
            }
        })+
    };
}

apis! {
    Produce: ProduceRequest,
    Fetch: FetchRequest,
    ListOffsets: ListOffsetsRequest,
    Metadata: MetadataRequest,
    OffsetCommit: OffsetCommitRequest,
    OffsetFetch: OffsetFetchRequest,
    FindCoordinator: FindCoordinatorRequest,
    JoinGroup: JoinGroupRequest,
    Heartbeat: HeartbeatRequest,
    LeaveGroup: LeaveGroupRequest,
    SyncGroup: SyncGroupRequest,
    ListGroups: ListGroupsRequest,
    ConsumerGroupHeartbeat: ConsumerGroupHeartbeatRequest,
    ConsumerGroupDescribe: ConsumerGroupDescribeRequest,
    ApiVersions: ApiVersionsRequest,
    CreateTopics: CreateTopicsRequest,
    DeleteTopics: DeleteTopicsRequest,
    InitProducerId: InitProducerIdRequest,
    DescribeConfigs: DescribeConfigsRequest,
    CreatePartitions: CreatePartitionsRequest,
    AddPartitionsToTxn: AddPartitionsToTxnRequest,
    AddOffsetsToTxn: AddOffsetsToTxnRequest,
    TxnOffsetCommit: TxnOffsetCommitRequest,
    EndTxn: EndTxnRequest,
    ListTransactions: ListTransactionsRequest,
    DescribeTransactions: DescribeTransactionsRequest,
}

/// First Fetch version that names topics by id (KIP-516).
const FETCH_BY_ID: i16 = 13;
/// First Fetch version that tells where the log diverges from what was read (KIP-595).
const FETCH_DIVERGING: i16 = 12;
/// First Produce version that names topics by id.
const PRODUCE_BY_ID: i16 = 13;
/// First Produce version with record batches (KIP-98); before, message sets of format v1.
const PRODUCE_BATCHES: i16 = 3;
/// First Metadata version that can name a topic without creating it (KIP-187).
const METADATA_WITHOUT_CREATION: i16 = 4;
/// First CreateTopics version in which the broker chooses partitions and replicas (KIP-464).
const CREATE_WITH_DEFAULTS: i16 = 4;
/// First OffsetCommit and OffsetFetch version that names topics by id (KIP-848). We stay below:
/// a group's offsets must survive that a topic is unknown to the metadata cache.
const OFFSETS_BY_ID: i16 = 10;
/// First TxnOffsetCommit version that says which member of the group commits (KIP-447).
const TXN_OFFSETS_OF_MEMBERS: i16 = 3;
/// First TxnOffsetCommit version that names topics by id (KIP-1319).
const TXN_OFFSETS_BY_ID: i16 = 6;
/// First AddPartitionsToTxn version that is for brokers only (KIP-890).
const ADD_PARTITIONS_OF_BROKERS: i16 = 4;

impl AnyRequest {
    /// Highest version that can carry this very request.
    pub(crate) fn version_max(&self) -> i16 {
        let max = self.api().versions().1;
        match self {
            Self::Fetch(fetch)
                if fetch.topics.iter().any(|topic| topic.topic_id.is_zero())
                    || fetch.forgotten_topics_data.iter().any(|topic| topic.topic_id.is_zero()) =>
            {
                max.min(FETCH_BY_ID - 1)
            }
            Self::Produce(produce)
                if produce.topic_data.iter().any(|topic| topic.topic_id.is_zero()) =>
            {
                max.min(PRODUCE_BY_ID - 1)
            }
            Self::OffsetCommit(_) | Self::OffsetFetch(_) => max.min(OFFSETS_BY_ID - 1),
            Self::TxnOffsetCommit(_) => max.min(TXN_OFFSETS_BY_ID - 1),
            Self::AddPartitionsToTxn(_) => max.min(ADD_PARTITIONS_OF_BROKERS - 1),
            Self::Capped(request, cap) => request.version_max().min(*cap),
            _ => max,
        }
    }

    /// Header and body at a negotiated version, with length prefix.
    pub(crate) fn encode(
        mut self,
        version: i16,
        correlation: i32,
        client_id: &str,
    ) -> Result<Vec<Bytes>, EncodeError> {
        self.prepare(version)?;
        self.encode_prepared(version, correlation, client_id)
    }

    /// Moves what is said differently in different versions into the form of `version`. State
    /// machines always fill in the newest form.
    fn prepare(&mut self, version: i16) -> Result<(), EncodeError> {
        match self {
            Self::Produce(request) if version < PRODUCE_BATCHES => {
                let partitions = request.topic_data.iter_mut().flat_map(|t| &mut t.partition_data);
                for records in partitions.filter_map(|partition| partition.records.as_mut()) {
                    // On the I/O thread, against its rule: only brokers of 2017 need it.
                    *records = to_message_set(records).map_err(|reason| EncodeError {
                        field: "PartitionProduceData.records",
                        version,
                        fault: EncodeFault::Inexpressible(reason.text()),
                    })?;
                }
            }
            Self::CreateTopics(request) if version < CREATE_WITH_DEFAULTS => {
                let unset = |topic: &CreatableTopic| {
                    topic.assignments.is_empty()
                        && (topic.num_partitions < 0 || topic.replication_factor < 0)
                };
                if request.topics.iter().any(unset) {
                    return Err(EncodeError {
                        field: "CreatableTopic",
                        version,
                        fault: EncodeFault::Inexpressible(
                            "brokers before Kafka 2.4 have no default number of partitions and \
                             replicas: give both",
                        ),
                    });
                }
            }
            Self::TxnOffsetCommit(request)
                if version < TXN_OFFSETS_OF_MEMBERS && !request.member_id.is_empty() =>
            {
                return Err(EncodeError {
                    field: "TxnOffsetCommitRequest.member_id",
                    version,
                    fault: EncodeFault::Inexpressible(
                        "brokers before Kafka 2.5 take no offsets of a member of a group in a transaction (KIP-447)",
                    ),
                });
            }
            // Older brokers do not compare.
            Self::Fetch(request) if version < FETCH_DIVERGING => {
                let partitions = request.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
                partitions.for_each(|partition| partition.last_fetched_epoch = -1);
            }
            Self::Metadata(request) if version < METADATA_WITHOUT_CREATION => {
                // These brokers create what is named: who must not ask so asks for all topics and looks there.
                if !request.allow_auto_topic_creation
                    && request.topics.as_ref().is_none_or(|topics| !topics.is_empty())
                {
                    request.topics = (version == 0).then(Vec::new);
                }
                request.allow_auto_topic_creation = true;
            }
            Self::FindCoordinator(request) if version < 4 => {
                request.key = request.coordinator_keys.pop().unwrap_or_default();
                request.coordinator_keys.clear();
            }
            Self::OffsetFetch(request) if version < 8 => {
                if let Some(group) = request.groups.pop() {
                    request.group_id = group.group_id;
                    request.topics = group.topics.map(|topics| {
                        let old = |topic: crate::wire::messages::offset_fetch::OffsetFetchRequestTopics| {
                            OffsetFetchRequestTopic {
                                name: topic.name,
                                partition_indexes: topic.partition_indexes,
                            }
                        };
                        topics.into_iter().map(old).collect()
                    });
                }
                request.groups.clear();
                // Before 2.5 brokers have no such answer (KIP-447): what transactions hold back is not told.
                request.require_stable &= version >= 7;
            }
            Self::LeaveGroup(request) if version < 3 => {
                let member = request.members.pop().unwrap_or_default();
                (request.member_id, request.members) = (member.member_id, Vec::new());
            }
            Self::DeleteTopics(request) if version < 6 => {
                request.topic_names =
                    request.topics.drain(..).filter_map(|topic| topic.name).collect();
            }
            Self::Capped(request, _) => request.prepare(version)?,
            Self::ListOffsets(request) if version < 2 => request.isolation_level = 0,
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Uuid;
    use crate::wire::messages::delete_topics::DeleteTopicState;
    use crate::wire::messages::fetch::FetchTopic;
    use crate::wire::messages::leave_group::MemberIdentity;
    use crate::wire::messages::metadata::MetadataRequestTopic;
    use crate::wire::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};

    fn samples() -> Vec<AnyRequest> {
        vec![
            FindCoordinatorRequest { coordinator_keys: vec!["g".to_owned()], ..Default::default() }
                .into(),
            OffsetFetchRequest {
                groups: vec![OffsetFetchRequestGroup {
                    group_id: "g".to_owned(),
                    topics: Some(vec![OffsetFetchRequestTopics {
                        name: "t".to_owned(),
                        partition_indexes: vec![0],
                        ..Default::default()
                    }]),
                    ..Default::default()
                }],
                require_stable: true,
                ..Default::default()
            }
            .into(),
            DeleteTopicsRequest {
                topics: vec![DeleteTopicState { name: Some("t".to_owned()), ..Default::default() }],
                ..Default::default()
            }
            .into(),
            ListOffsetsRequest { isolation_level: 1, ..Default::default() }.into(),
            MetadataRequest::default().into(),
            OffsetCommitRequest::default().into(),
            ProduceRequest::default().into(),
            FetchRequest::default().into(),
            ApiVersionsRequest::default().into(),
            InitProducerIdRequest::default().into(),
            AddPartitionsToTxnRequest::default().into(),
            JoinGroupRequest::default().into(),
            SyncGroupRequest::default().into(),
            HeartbeatRequest::default().into(),
            ConsumerGroupHeartbeatRequest::default().into(),
            LeaveGroupRequest { members: vec![MemberIdentity::default()], ..Default::default() }
                .into(),
            AnyRequest::Capped(Box::new(TxnOffsetCommitRequest::default().into()), 4),
            AnyRequest::Capped(Box::new(EndTxnRequest::default().into()), 4),
        ]
    }

    #[test]
    fn every_request_encodes_at_every_version() {
        for request in samples() {
            let (min, max) = request.api().versions();
            for version in min..=max.min(request.version_max()) {
                let encoded = request.clone().encode(version, 1, "test");
                assert!(encoded.is_ok(), "{:?} {version}: {encoded:?}", request.api());
            }
        }
    }

    #[test]
    fn offsets_of_members_in_transactions_name_the_broker_that_takes_them() {
        let request = TxnOffsetCommitRequest { member_id: "m".to_owned(), ..Default::default() };
        let request = AnyRequest::Capped(Box::new(request.into()), 4);
        let error = request.clone().encode(2, 1, "test").unwrap_err();
        assert!(error.to_string().contains("before Kafka 2.5"), "{error}");
        assert!(request.encode(3, 1, "test").is_ok());
    }

    #[test]
    fn topics_that_must_not_be_created_are_not_named_to_old_brokers() {
        let named = |names: &[&str], creates| {
            let topic = |name: &&str| MetadataRequestTopic {
                name: Some((*name).to_owned()),
                ..Default::default()
            };
            MetadataRequest {
                topics: Some(names.iter().map(topic).collect()),
                allow_auto_topic_creation: creates,
                ..Default::default()
            }
        };
        let prepared = |request: &MetadataRequest, version| {
            let mut request = AnyRequest::from(request.clone());
            request.prepare(version).unwrap();
            let AnyRequest::Metadata(request) = request else { panic!("{request:?}") };
            request.topics.map(|topics| topics.len())
        };
        let (look, create) = (named(&["t"], false), named(&["t"], true));
        assert_eq!([0, 1, 3, 4].map(|v| prepared(&look, v)), [Some(0), None, None, Some(1)]);
        assert_eq!([0, 1, 3, 4].map(|v| prepared(&create, v)), [Some(1); 4]);
        let none = named(&[], false);
        assert_eq!([0, 1, 3, 4].map(|v| prepared(&none, v)), [Some(0); 4]);
    }

    #[test]
    fn topics_without_id_keep_to_versions_with_names() {
        let mut fetch = FetchRequest { topics: vec![FetchTopic::default()], ..Default::default() };
        assert_eq!(AnyRequest::from(fetch.clone()).version_max(), 12);
        fetch.topics[0].topic_id = Uuid([1; 16]);
        assert!(AnyRequest::from(fetch).version_max() > 12);
    }
}
