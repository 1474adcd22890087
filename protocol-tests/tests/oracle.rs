//! The message codecs against the independent crate `kafka-protocol`, and against hostile bytes.

mod wire;

use std::fmt::Debug;

use brooklet_kafka::limits::{FRAME_BYTES_MAX, MESSAGE_ELEMENT_BYTES_MAX};
use brooklet_kafka::wire::messages::{
    add_offsets_to_txn, add_partitions_to_txn, api_versions, consumer_group_describe,
    create_partitions, create_topics, delete_topics, describe_configs, describe_transactions,
    end_txn, fetch, find_coordinator, init_producer_id, list_groups, list_offsets,
    list_transactions, metadata, offset_commit, offset_fetch, produce, txn_offset_commit,
};
use brooklet_kafka::wire::{DecodeFault, Message, Reader, Request, Writer};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, Message as TheirMessage};
use wire::sample;

/// Samples of each message and version: enough that every field is null, empty and full at
/// times, few enough for seconds.
const SAMPLES: u64 = 24;

fn encode<M: Message>(message: &M, version: i16) -> Bytes {
    let mut writer = Writer::new();
    message.encode(&mut writer, version).expect("this version has all fields that are set");
    writer.into_bytes().freeze()
}

fn decode<M: Message>(body: &Bytes, version: i16) -> Result<M, brooklet_kafka::wire::DecodeError> {
    let mut reader = Reader::new(body.clone());
    let message = M::decode(&mut reader, version)?;
    reader.finish()?;
    Ok(message)
}

/// Bytes made from the layout → ours → the same bytes → theirs → the same bytes → ours.
fn both_ways<Ours, Theirs>(versions: std::ops::RangeInclusive<i16>)
where
    Ours: Message + PartialEq + Debug + Default,
    Theirs: TheirMessage + Encodable + Decodable + Debug,
{
    let name = std::any::type_name::<Ours>();
    let mut compared = 0;
    for version in versions {
        let samples =
            (0..SAMPLES).map(|seed| Bytes::from(sample::body(&Ours::SPEC, version, seed)));
        for body in std::iter::once(encode(&Ours::default(), version)).chain(samples) {
            let ours: Ours = decode(&body, version).unwrap_or_else(|error| {
                panic!("{name} version {version}: {error}");
            });
            assert_eq!(encode(&ours, version), body, "{name} version {version}: {ours:#?}");
            if !(Theirs::VERSIONS.min..=Theirs::VERSIONS.max).contains(&version) {
                continue;
            }
            let mut rest = body.clone();
            let message = Theirs::decode(&mut rest, version)
                .unwrap_or_else(|error| panic!("{name} version {version}: {error}\n{ours:#?}"));
            assert!(rest.is_empty(), "{name} version {version}: {} bytes left", rest.len());
            let mut again = BytesMut::new();
            message.encode(&mut again, version).expect("they encode what they decoded");
            assert_eq!(again, body, "{name} version {version}\n{ours:#?}\n{message:#?}");
            assert_eq!(decode::<Ours>(&again.freeze(), version).as_ref(), Ok(&ours));
            compared += 1;
        }
    }
    assert!(compared > 0, "{name} has no version in common");
}

macro_rules! agree {
    ($($test:ident: $request:ident => $response:ident;)+) => { $(
        #[test]
        fn $test() {
            let versions = <$test::$request as Request>::VERSIONS;
            both_ways::<$test::$request, theirs::$request>(versions.clone());
            both_ways::<$test::$response, theirs::$response>(versions);
        }
    )+ };
}

agree! {
    add_offsets_to_txn: AddOffsetsToTxnRequest => AddOffsetsToTxnResponse;
    add_partitions_to_txn: AddPartitionsToTxnRequest => AddPartitionsToTxnResponse;
    api_versions: ApiVersionsRequest => ApiVersionsResponse;
    consumer_group_describe: ConsumerGroupDescribeRequest => ConsumerGroupDescribeResponse;
    create_partitions: CreatePartitionsRequest => CreatePartitionsResponse;
    create_topics: CreateTopicsRequest => CreateTopicsResponse;
    delete_topics: DeleteTopicsRequest => DeleteTopicsResponse;
    describe_configs: DescribeConfigsRequest => DescribeConfigsResponse;
    describe_transactions: DescribeTransactionsRequest => DescribeTransactionsResponse;
    end_txn: EndTxnRequest => EndTxnResponse;
    fetch: FetchRequest => FetchResponse;
    find_coordinator: FindCoordinatorRequest => FindCoordinatorResponse;
    init_producer_id: InitProducerIdRequest => InitProducerIdResponse;
    list_groups: ListGroupsRequest => ListGroupsResponse;
    list_offsets: ListOffsetsRequest => ListOffsetsResponse;
    list_transactions: ListTransactionsRequest => ListTransactionsResponse;
    metadata: MetadataRequest => MetadataResponse;
    offset_commit: OffsetCommitRequest => OffsetCommitResponse;
    offset_fetch: OffsetFetchRequest => OffsetFetchResponse;
    produce: ProduceRequest => ProduceResponse;
    txn_offset_commit: TxnOffsetCommitRequest => TxnOffsetCommitResponse;
}

/// Headers as theirs writes and reads them.
#[test]
fn headers() {
    use brooklet_kafka::wire::frame::{PREFIX_BYTES, RequestHeader, encode_request};
    use kafka_protocol::messages::{ApiKey, RequestHeader as TheirHeader};
    for version in api_versions::ApiVersionsRequest::VERSIONS.take_while(|version| *version <= 4) {
        for client_id in [None, Some(""), Some("a client")] {
            let request = api_versions::ApiVersionsRequest::default();
            let frame = encode_request(77, client_id, version, &request).unwrap();
            let mut body = frame.slice(PREFIX_BYTES..);
            let header_version = ApiKey::ApiVersions.request_header_version(version);
            let header = TheirHeader::decode(&mut body, header_version).unwrap();
            assert_eq!((header.request_api_key, header.request_api_version), (18, version));
            assert_eq!(header.correlation_id, 77);
            assert_eq!(header.client_id.as_deref(), client_id);
            let mut again = BytesMut::new();
            header.encode(&mut again, header_version).unwrap();
            let ours = RequestHeader::decode(&mut Reader::new(again.freeze())).unwrap();
            assert_eq!(ours.client_id.as_deref(), client_id);
            assert_eq!(body, encode(&request, version));
        }
    }
}

/// Our table of errors against theirs; `CONCURRENT_TRANSACTIONS` is known to differ (theirs says
/// final, Java retries), and so are the codes that they lack.
#[test]
fn error_codes() {
    use brooklet_kafka::wire::ErrorCode;
    use kafka_protocol::error::ResponseError;
    for code in ErrorCode::ALL {
        let Some(error) = ResponseError::try_from_code(code.0) else { continue };
        if matches!(error, ResponseError::Unknown(_)) || *code == ErrorCode::CONCURRENT_TRANSACTIONS
        {
            continue;
        }
        assert_eq!(error.is_retriable(), code.is_retriable(), "{code}");
    }
}

/// Runs `check` for every request and response type at every version.
macro_rules! for_each_message {
    ($check:ident) => {{
        macro_rules! visit {
            ($request:ty) => {
                for version in <$request as Request>::VERSIONS {
                    $check::<$request>(version);
                    $check::<<$request as Request>::Response>(version);
                }
            };
        }
        brooklet_kafka::for_each_request!(visit);
    }};
}

#[test]
fn every_truncation_is_an_error() {
    fn check<M: Message>(version: i16) {
        for seed in 0..2 {
            let body = Bytes::from(sample::body(&M::SPEC, version, seed));
            for end in 0..body.len() {
                let cut = decode::<M>(&body.slice(..end), version);
                assert!(cut.is_err(), "{} {version} at {end}", std::any::type_name::<M>());
            }
        }
    }
    for_each_message!(check);
}

/// A counterfeit length or count anywhere: an error or another message, without a panic and
/// without memory for what is not there.
#[test]
fn counterfeit_lengths_are_cheap() {
    const FORGERIES: [&[u8]; 8] = [
        &[0x7f, 0xff, 0xff, 0xff],
        &[0xff, 0xff, 0xff, 0xff],
        &[0x80, 0x00, 0x00, 0x00],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0xff, 0xff, 0x7f],
        &[0x80, 0x00],
        &[0x7f, 0xff],
        &[0x00],
    ];
    fn check<M: Message>(version: i16) {
        let name = std::any::type_name::<M>();
        let body = sample::body(&M::SPEC, version, 1);
        for place in 0..body.len() {
            for forgery in FORGERIES {
                let mut forged = body.clone();
                let end = (place + forgery.len()).min(body.len());
                forged.splice(place..end, forgery.iter().copied());
                let limit = 16 * forged.len() as u64 + (1 << 20);
                let forged = Bytes::from(forged);
                let memory = allocation_counter::measure(|| {
                    if let Ok(message) = decode::<M>(&forged, version) {
                        let again = encode(&message, version);
                        assert!(decode::<M>(&again, version).is_ok(), "{name} {version}");
                    }
                });
                assert!(memory.bytes_max < limit, "{name} {version}: {memory:?} at {place}");
            }
        }
    }
    for_each_message!(check);
}

/// Empty strings are 1 byte on the wire and 24 in memory: the budget of a message stops them
/// before memory is taken.
#[test]
fn tiny_elements_cannot_multiply_without_bound() {
    let count = MESSAGE_ELEMENT_BYTES_MAX / size_of::<String>() + 1;
    let mut writer = Writer::new();
    writer.i8(0);
    writer.uvarint(count as u32 + 1);
    let mut body = writer.into_bytes();
    body.resize(body.len() + count + 1, 1);
    let body = body.freeze();
    let mut error = None;
    let memory = allocation_counter::measure(|| {
        error = decode::<find_coordinator::FindCoordinatorRequest>(&body, 4).err();
    });
    assert_eq!(error.map(|error| error.fault), Some(DecodeFault::ElementBytes));
    assert!(memory.bytes_max < 4096, "{memory:?}");
}

/// What one answer may cost: less than two and a half of the longest frames, and enough for large clusters.
#[test]
fn the_budget_of_a_message_has_room_for_a_million_partitions() {
    let partition = size_of::<metadata::MetadataResponsePartition>() + 6 * size_of::<i32>();
    let room = MESSAGE_ELEMENT_BYTES_MAX / partition;
    assert!(room > 1_000_000, "{room} partitions of {partition} bytes");
    let both = FRAME_BYTES_MAX + MESSAGE_ELEMENT_BYTES_MAX;
    assert!(2 * both < 5 * FRAME_BYTES_MAX, "{both} bytes");
}

/// Records are views into the frame: their size does not show in the memory of decoding.
#[test]
fn records_are_not_copied() {
    let partition = fetch::PartitionData {
        records: Some(Bytes::from(vec![7; 1 << 20])),
        ..fetch::PartitionData::default()
    };
    let topic = fetch::FetchableTopicResponse {
        partitions: vec![partition],
        ..fetch::FetchableTopicResponse::default()
    };
    let response = fetch::FetchResponse { responses: vec![topic], ..Default::default() };
    for version in fetch::FetchRequest::VERSIONS {
        let body = encode(&response, version);
        let memory = allocation_counter::measure(|| {
            let decoded = decode::<fetch::FetchResponse>(&body, version).unwrap();
            assert_eq!(decoded, response);
        });
        assert!(memory.bytes_max < 4096, "{memory:?}");
    }
}

/// A field of a newer broker is skipped; tags that do not rise, or lie about their size, are not.
#[test]
fn tags() {
    let default = encode(&init_producer_id::InitProducerIdResponse::default(), 4);
    let plain = &default[..default.len() - 1];
    let with = |tags: &[u8]| {
        let body = Bytes::from([plain, tags].concat());
        decode::<init_producer_id::InitProducerIdResponse>(&body, 4).map_err(|error| error.fault)
    };
    assert_eq!(with(&[1, 90, 2, 0, 0]), Ok(Default::default()));
    assert_eq!(with(&[2, 90, 0, 90, 0]), Err(DecodeFault::TagOrder { tag: 90 }));
    assert_eq!(with(&[2, 90, 0, 89, 0]), Err(DecodeFault::TagOrder { tag: 89 }));
    assert_eq!(with(&[3, 90, 0, 89, 0]), Err(DecodeFault::Count { count: 3, max: 2 }));
    assert_eq!(with(&[1, 90, 2, 0]), Err(DecodeFault::Truncated { needed: 2, remaining: 1 }));
    assert_eq!(with(&[0x81, 0x00, 90, 0]), Err(DecodeFault::Varint));

    // FetchResponse version 16, tag 0: an array of node endpoints that is empty, and one byte.
    let default = encode(&fetch::FetchResponse::default(), 16);
    let body = Bytes::from([&default[..default.len() - 1], &[1, 0, 2, 1, 9]].concat());
    let error = decode::<fetch::FetchResponse>(&body, 16).unwrap_err();
    assert_eq!(error.fault, DecodeFault::TagSize { tag: 0, left: 1 });
    assert_eq!(error.field, "FetchResponse.node_endpoints");
}

/// The seeds of the fuzz targets: each API at its highest version. `UPDATE=1` writes them.
#[test]
fn seeds_of_the_fuzz_targets() {
    fn seed(target: &str, name: &str, bytes: &[u8]) {
        let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        let file = corpus.join(target).join(name);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(corpus.join(target)).unwrap();
            std::fs::write(&file, bytes).unwrap();
        }
        let stored = std::fs::read(&file).unwrap_or_default();
        assert!(stored == bytes, "{} is not current: UPDATE=1 writes it", file.display());
    }
    fn check<R: Request>() {
        use brooklet_kafka::wire::frame::{PREFIX_BYTES, encode_request, encode_response};
        let version = *R::VERSIONS.end();
        let name = format!("{}-{version}", R::NAME);
        let request = Bytes::from(sample::body(&R::SPEC, version, 2));
        let request = decode::<R>(&request, version).unwrap();
        let frame = encode_request(9, Some("seed"), version, &request).unwrap();
        seed("frame", &name, &frame);
        let response = Bytes::from(sample::body(&R::Response::SPEC, version, 3));
        let response = decode(&response, version).unwrap();
        let frame = encode_response::<R>(9, version, &response).unwrap();
        let head = [R::KEY as u8, version as u8];
        seed("responses", &name, &[&head[..], &frame[PREFIX_BYTES..]].concat());
    }
    macro_rules! visit {
        ($request:ty) => {
            check::<$request>();
        };
    }
    brooklet_kafka::for_each_request!(visit);
}
