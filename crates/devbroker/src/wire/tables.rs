//! The APIs the broker answers: versions, first flexible version, layout of the request.
//!
//! Layouts follow the message schemas of Apache Kafka; the tests of this module hold every version
//! of them against the codec.

use super::layout::{Field, Kind, Shape};

/// One API of the broker.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) key: ApiKey,
    /// Lowest version told to clients.
    pub(crate) min: i16,
    /// Highest version told to clients and answered.
    pub(crate) max: i16,
    /// First version with compact lengths and tagged fields (KIP-482).
    pub(crate) flexible_since: i16,
    pub(crate) request: Shape,
}

/// API keys of the Kafka protocol that the broker knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub(crate) enum ApiKey {
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    OffsetCommit = 8,
    OffsetFetch = 9,
    FindCoordinator = 10,
    JoinGroup = 11,
    Heartbeat = 12,
    LeaveGroup = 13,
    SyncGroup = 14,
    DescribeGroups = 15,
    ListGroups = 16,
    ApiVersions = 18,
    CreateTopics = 19,
    DeleteTopics = 20,
    DeleteRecords = 21,
    InitProducerId = 22,
    OffsetForLeaderEpoch = 23,
    AddPartitionsToTxn = 24,
    AddOffsetsToTxn = 25,
    EndTxn = 26,
    TxnOffsetCommit = 28,
    DescribeConfigs = 32,
    AlterConfigs = 33,
    DescribeLogDirs = 35,
    CreatePartitions = 37,
    DeleteGroups = 42,
    IncrementalAlterConfigs = 44,
    OffsetDelete = 47,
    DescribeCluster = 60,
    DescribeProducers = 61,
    DescribeTransactions = 65,
    ListTransactions = 66,
    ConsumerGroupHeartbeat = 68,
    ConsumerGroupDescribe = 69,
}

const NEVER: i16 = i16::MAX;

const BOOL: Kind = Kind::Fixed(1);
const I8: Kind = Kind::Fixed(1);
const I16: Kind = Kind::Fixed(2);
const I32: Kind = Kind::Fixed(4);
const I64: Kind = Kind::Fixed(8);
const UUID: Kind = Kind::Fixed(16);
const TEXT: Kind = Kind::Text;
const BLOB: Kind = Kind::Blob;
const I32S: Kind = Kind::List(&I32);
const TEXTS: Kind = Kind::List(&TEXT);
const I64S: Kind = Kind::List(&I64);

const fn f(kind: Kind) -> Field {
    Field::new(kind)
}

const fn from(kind: Kind, since: i16) -> Field {
    Field::since(kind, since)
}

const fn in_range(kind: Kind, since: i16, until: i16) -> Field {
    Field::between(kind, since, until)
}

static PRODUCE_PARTITION: Shape = Shape::of(&[f(I32), f(BLOB)]);
static PRODUCE_TOPIC: Shape =
    Shape::of(&[in_range(TEXT, 0, 12), from(UUID, 13), f(Kind::Structs(&PRODUCE_PARTITION))]);
static FETCH_PARTITION: Shape = Shape {
    fields: &[f(I32), from(I32, 9), f(I64), from(I32, 12), from(I64, 5), f(I32)],
    tags: &[(0, UUID), (1, I64)],
};
static FETCH_TOPIC: Shape =
    Shape::of(&[in_range(TEXT, 0, 12), from(UUID, 13), f(Kind::Structs(&FETCH_PARTITION))]);
static FETCH_FORGOTTEN: Shape = Shape::of(&[in_range(TEXT, 7, 12), from(UUID, 13), from(I32S, 7)]);
static FETCH_REPLICA_STATE: Shape = Shape::of(&[f(I32), f(I64)]);
static LIST_OFFSETS_PARTITION: Shape = Shape::of(&[f(I32), from(I32, 4), f(I64)]);
static LIST_OFFSETS_TOPIC: Shape = Shape::of(&[f(TEXT), f(Kind::Structs(&LIST_OFFSETS_PARTITION))]);
static METADATA_TOPIC: Shape = Shape::of(&[from(UUID, 10), f(TEXT)]);
static OFFSET_COMMIT_PARTITION: Shape = Shape::of(&[f(I32), f(I64), from(I32, 6), f(TEXT)]);
static OFFSET_COMMIT_TOPIC: Shape =
    Shape::of(&[f(TEXT), f(Kind::Structs(&OFFSET_COMMIT_PARTITION))]);
static OFFSET_FETCH_TOPIC: Shape = Shape::of(&[f(TEXT), f(I32S)]);
static OFFSET_FETCH_GROUP: Shape =
    Shape::of(&[f(TEXT), from(TEXT, 9), from(I32, 9), f(Kind::Structs(&OFFSET_FETCH_TOPIC))]);
static CREATE_ASSIGNMENT: Shape = Shape::of(&[f(I32), f(I32S)]);
static CREATE_CONFIG: Shape = Shape::of(&[f(TEXT), f(TEXT)]);
static CREATE_TOPIC: Shape = Shape::of(&[
    f(TEXT),
    f(I32),
    f(I16),
    f(Kind::Structs(&CREATE_ASSIGNMENT)),
    f(Kind::Structs(&CREATE_CONFIG)),
]);
static DELETE_TOPIC: Shape = Shape::of(&[f(TEXT), f(UUID)]);
static DELETE_RECORDS_PARTITION: Shape = Shape::of(&[f(I32), f(I64)]);
static DELETE_RECORDS_TOPIC: Shape =
    Shape::of(&[f(TEXT), f(Kind::Structs(&DELETE_RECORDS_PARTITION))]);
static LEADER_EPOCH_PARTITION: Shape = Shape::of(&[f(I32), f(I32), f(I32)]);
static LEADER_EPOCH_TOPIC: Shape = Shape::of(&[f(TEXT), f(Kind::Structs(&LEADER_EPOCH_PARTITION))]);
static CONFIG_RESOURCE: Shape = Shape::of(&[f(I8), f(TEXT), f(TEXTS)]);
static ALTER_CONFIG_RESOURCE: Shape =
    Shape::of(&[f(I8), f(TEXT), f(Kind::Structs(&CREATE_CONFIG))]);
static CONFIG_CHANGE: Shape = Shape::of(&[f(TEXT), f(I8), f(TEXT)]);
static CONFIG_CHANGES: Shape = Shape::of(&[f(I8), f(TEXT), f(Kind::Structs(&CONFIG_CHANGE))]);
static TOPIC_PARTITIONS: Shape = Shape::of(&[f(TEXT), f(I32S)]);
static PARTITIONS_ASSIGNMENT: Shape = Shape::of(&[f(I32S)]);
static PARTITIONS_TOPIC: Shape =
    Shape::of(&[f(TEXT), f(I32), f(Kind::Structs(&PARTITIONS_ASSIGNMENT))]);
static OFFSET_DELETE_PARTITION: Shape = Shape::of(&[f(I32)]);
static OFFSET_DELETE_TOPIC: Shape =
    Shape::of(&[f(TEXT), f(Kind::Structs(&OFFSET_DELETE_PARTITION))]);

static GROUP_PROTOCOL: Shape = Shape::of(&[f(TEXT), f(BLOB)]);
static GROUP_LEAVER: Shape = Shape::of(&[f(TEXT), f(TEXT), from(TEXT, 5)]);
static GROUP_OWNED: Shape = Shape::of(&[f(UUID), f(I32S)]);
static GROUP_ASSIGNMENT: Shape = Shape::of(&[f(TEXT), f(BLOB)]);

static TRANSACTION_TOPIC: Shape = Shape::of(&[f(TEXT), f(I32S)]);
static TRANSACTION_OFFSET_PARTITION: Shape = Shape::of(&[f(I32), f(I64), from(I32, 2), f(TEXT)]);
static TRANSACTION_OFFSET_TOPIC: Shape =
    Shape::of(&[f(TEXT), f(Kind::Structs(&TRANSACTION_OFFSET_PARTITION))]);

/// Every API the broker answers, in the order of their keys.
pub(crate) static APIS: &[Api] = &[
    Api {
        key: ApiKey::Produce,
        // librdkafka below 2.8 sends no compressed batch unless version 0 is in the range. Kafka 4
        // tells 0 for the same reason and answers 3 and above only (apache/kafka#18727).
        min: 0,
        max: 13,
        flexible_since: 9,
        request: Shape::of(&[f(TEXT), f(I16), f(I32), f(Kind::Structs(&PRODUCE_TOPIC))]),
    },
    Api {
        key: ApiKey::Fetch,
        min: 4,
        max: 18,
        flexible_since: 12,
        request: Shape {
            fields: &[
                in_range(I32, 0, 14),
                f(I32),
                f(I32),
                f(I32),
                f(I8),
                from(I32, 7),
                from(I32, 7),
                f(Kind::Structs(&FETCH_TOPIC)),
                from(Kind::Structs(&FETCH_FORGOTTEN), 7),
                from(TEXT, 11),
            ],
            tags: &[(0, TEXT), (1, Kind::Struct(&FETCH_REPLICA_STATE))],
        },
    },
    Api {
        key: ApiKey::ListOffsets,
        min: 1,
        max: 10,
        flexible_since: 6,
        request: Shape::of(&[
            f(I32),
            from(I8, 2),
            f(Kind::Structs(&LIST_OFFSETS_TOPIC)),
            from(I32, 10),
        ]),
    },
    Api {
        key: ApiKey::Metadata,
        min: 0,
        max: 13,
        flexible_since: 9,
        request: Shape::of(&[
            f(Kind::Structs(&METADATA_TOPIC)),
            from(BOOL, 4),
            in_range(BOOL, 8, 10),
            from(BOOL, 8),
        ]),
    },
    Api {
        key: ApiKey::OffsetCommit,
        min: 2,
        max: 9,
        flexible_since: 8,
        request: Shape::of(&[
            f(TEXT),
            f(I32),
            f(TEXT),
            from(TEXT, 7),
            in_range(I64, 0, 4),
            f(Kind::Structs(&OFFSET_COMMIT_TOPIC)),
        ]),
    },
    Api {
        key: ApiKey::OffsetFetch,
        min: 1,
        max: 9,
        flexible_since: 6,
        request: Shape::of(&[
            in_range(TEXT, 0, 7),
            in_range(Kind::Structs(&OFFSET_FETCH_TOPIC), 0, 7),
            from(Kind::Structs(&OFFSET_FETCH_GROUP), 8),
            from(BOOL, 7),
        ]),
    },
    Api {
        key: ApiKey::FindCoordinator,
        min: 0,
        max: 6,
        flexible_since: 3,
        request: Shape::of(&[in_range(TEXT, 0, 3), from(I8, 1), from(TEXTS, 4)]),
    },
    Api {
        key: ApiKey::JoinGroup,
        min: 0,
        max: 9,
        flexible_since: 6,
        request: Shape::of(&[
            f(TEXT),
            f(I32),
            from(I32, 1),
            f(TEXT),
            from(TEXT, 5),
            f(TEXT),
            f(Kind::Structs(&GROUP_PROTOCOL)),
            from(TEXT, 8),
        ]),
    },
    Api {
        key: ApiKey::Heartbeat,
        min: 0,
        max: 4,
        flexible_since: 4,
        request: Shape::of(&[f(TEXT), f(I32), f(TEXT), from(TEXT, 3)]),
    },
    Api {
        key: ApiKey::LeaveGroup,
        min: 0,
        max: 5,
        flexible_since: 4,
        request: Shape::of(&[f(TEXT), in_range(TEXT, 0, 2), from(Kind::Structs(&GROUP_LEAVER), 3)]),
    },
    Api {
        key: ApiKey::SyncGroup,
        min: 0,
        max: 5,
        flexible_since: 4,
        request: Shape::of(&[
            f(TEXT),
            f(I32),
            f(TEXT),
            from(TEXT, 3),
            from(TEXT, 5),
            from(TEXT, 5),
            f(Kind::Structs(&GROUP_ASSIGNMENT)),
        ]),
    },
    Api {
        key: ApiKey::DescribeGroups,
        min: 0,
        max: 6,
        flexible_since: 5,
        request: Shape::of(&[f(TEXTS), from(BOOL, 3)]),
    },
    Api {
        key: ApiKey::ListGroups,
        min: 0,
        max: 5,
        flexible_since: 3,
        request: Shape::of(&[from(TEXTS, 4), from(TEXTS, 5)]),
    },
    Api {
        key: ApiKey::ApiVersions,
        min: 0,
        max: 4,
        flexible_since: 3,
        request: Shape::of(&[from(TEXT, 3), from(TEXT, 3)]),
    },
    Api {
        key: ApiKey::CreateTopics,
        min: 2,
        max: 7,
        flexible_since: 5,
        request: Shape::of(&[f(Kind::Structs(&CREATE_TOPIC)), f(I32), f(BOOL)]),
    },
    Api {
        key: ApiKey::DeleteTopics,
        min: 1,
        max: 6,
        flexible_since: 4,
        request: Shape::of(&[from(Kind::Structs(&DELETE_TOPIC), 6), in_range(TEXTS, 0, 5), f(I32)]),
    },
    Api {
        key: ApiKey::DeleteRecords,
        min: 0,
        max: 2,
        flexible_since: 2,
        request: Shape::of(&[f(Kind::Structs(&DELETE_RECORDS_TOPIC)), f(I32)]),
    },
    Api {
        key: ApiKey::InitProducerId,
        min: 0,
        max: 5,
        flexible_since: 2,
        request: Shape::of(&[f(TEXT), f(I32), from(I64, 3), from(I16, 3)]),
    },
    Api {
        key: ApiKey::OffsetForLeaderEpoch,
        min: 2,
        max: 4,
        flexible_since: 4,
        request: Shape::of(&[from(I32, 3), f(Kind::Structs(&LEADER_EPOCH_TOPIC))]),
    },
    Api {
        key: ApiKey::AddPartitionsToTxn,
        min: 0,
        // Later versions are for brokers.
        max: 3,
        flexible_since: 3,
        request: Shape::of(&[f(TEXT), f(I64), f(I16), f(Kind::Structs(&TRANSACTION_TOPIC))]),
    },
    Api {
        key: ApiKey::AddOffsetsToTxn,
        min: 0,
        max: 4,
        flexible_since: 3,
        request: Shape::of(&[f(TEXT), f(I64), f(I16), f(TEXT)]),
    },
    Api {
        key: ApiKey::EndTxn,
        min: 0,
        max: 5,
        flexible_since: 3,
        request: Shape::of(&[f(TEXT), f(I64), f(I16), f(BOOL)]),
    },
    Api {
        key: ApiKey::TxnOffsetCommit,
        min: 0,
        max: 5,
        flexible_since: 3,
        request: Shape::of(&[
            f(TEXT),
            f(TEXT),
            f(I64),
            f(I16),
            from(I32, 3),
            from(TEXT, 3),
            from(TEXT, 3),
            f(Kind::Structs(&TRANSACTION_OFFSET_TOPIC)),
        ]),
    },
    Api {
        key: ApiKey::DescribeConfigs,
        min: 1,
        max: 4,
        flexible_since: 4,
        request: Shape::of(&[f(Kind::Structs(&CONFIG_RESOURCE)), f(BOOL), from(BOOL, 3)]),
    },
    Api {
        key: ApiKey::AlterConfigs,
        min: 0,
        max: 2,
        flexible_since: 2,
        request: Shape::of(&[f(Kind::Structs(&ALTER_CONFIG_RESOURCE)), f(BOOL)]),
    },
    Api {
        key: ApiKey::DescribeLogDirs,
        min: 1,
        max: 4,
        flexible_since: 2,
        request: Shape::of(&[f(Kind::Structs(&TOPIC_PARTITIONS))]),
    },
    Api {
        key: ApiKey::CreatePartitions,
        min: 0,
        max: 3,
        flexible_since: 2,
        request: Shape::of(&[f(Kind::Structs(&PARTITIONS_TOPIC)), f(I32), f(BOOL)]),
    },
    Api {
        key: ApiKey::DeleteGroups,
        min: 0,
        max: 2,
        flexible_since: 2,
        request: Shape::of(&[f(TEXTS)]),
    },
    Api {
        key: ApiKey::IncrementalAlterConfigs,
        min: 0,
        max: 1,
        flexible_since: 1,
        request: Shape::of(&[f(Kind::Structs(&CONFIG_CHANGES)), f(BOOL)]),
    },
    Api {
        key: ApiKey::OffsetDelete,
        min: 0,
        max: 0,
        flexible_since: NEVER,
        request: Shape::of(&[f(TEXT), f(Kind::Structs(&OFFSET_DELETE_TOPIC))]),
    },
    Api {
        key: ApiKey::DescribeCluster,
        min: 0,
        max: 2,
        flexible_since: 0,
        request: Shape::of(&[f(BOOL), from(I8, 1), from(BOOL, 2)]),
    },
    Api {
        key: ApiKey::DescribeProducers,
        min: 0,
        max: 0,
        flexible_since: 0,
        request: Shape::of(&[f(Kind::Structs(&TOPIC_PARTITIONS))]),
    },
    Api {
        key: ApiKey::DescribeTransactions,
        min: 0,
        max: 0,
        flexible_since: 0,
        request: Shape::of(&[f(TEXTS)]),
    },
    Api {
        key: ApiKey::ListTransactions,
        min: 0,
        // Version 2 filters by a pattern in Java's RE2 dialect (KIP-1152).
        max: 1,
        flexible_since: 0,
        request: Shape::of(&[f(TEXTS), f(I64S), from(I64, 1)]),
    },
    Api {
        key: ApiKey::ConsumerGroupHeartbeat,
        min: 0,
        max: 1,
        flexible_since: 0,
        request: Shape::of(&[
            f(TEXT),
            f(TEXT),
            f(I32),
            f(TEXT),
            f(TEXT),
            f(I32),
            f(TEXTS),
            from(TEXT, 1),
            f(TEXT),
            f(Kind::Structs(&GROUP_OWNED)),
        ]),
    },
    Api {
        key: ApiKey::ConsumerGroupDescribe,
        min: 0,
        max: 1,
        flexible_since: 0,
        request: Shape::of(&[f(TEXTS), f(BOOL)]),
    },
];

/// The entry of an API key, if the broker answers it.
pub(crate) fn api(key: i16) -> Option<&'static Api> {
    APIS.iter().find(|api| api.key as i16 == key)
}
