use super::super::decode::DecodePlan;
use super::super::options::{Place, SpecificOffsets, TopicChange};
use super::*;
use crate::base::{Error, ErrorKind};
use crate::table::{Decoded, Decoder, DecoderFactory, Payload, Readiness, Waker, Warnings};
use brooklet_kafka::error::{Error as KafkaError, ErrorKind as KafkaErrorKind};
use brooklet_kafka::transport::{MemoryNetwork, Nobody};
use brooklet_kafka::wire::Uuid;
use brooklet_kafka::wire::compression::{Compression, Compressor};
use brooklet_kafka::wire::records::BatchBuilder;
use brooklet_kafka::{Client, ClientConfig, Network};
use bytes::{Bytes, BytesMut};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A row without columns for each record.
#[derive(Debug, Default)]
struct Count(u32);

impl Decoder for Count {
    fn push(&mut self, _: &Bytes, payloads: &[Payload], _: &mut RowErrors) -> Result<()> {
        self.0 += u32::try_from(payloads.len()).unwrap();
        Ok(())
    }

    fn rows(&self) -> usize {
        self.0 as usize
    }

    fn finish(&mut self) -> Result<Decoded> {
        let rows = std::mem::take(&mut self.0);
        Ok(Decoded { sources: (0..rows).collect(), ..Decoded::default() })
    }

    fn ignored(&self) -> u64 {
        0
    }
}

/// Batches of this many records of this size, compressed, with ten unused offsets behind each.
fn records(batches: &[(i64, usize)]) -> (Bytes, i64) {
    let (mut bytes, mut offset) = (BytesMut::new(), 0i64);
    for (records, size) in batches {
        let mut builder = BatchBuilder::new(Compression::Gzip, 1 << 26);
        for _ in 0..*records {
            builder.append(0, None, Some(&vec![0; *size]), &[]).unwrap();
        }
        let mut batch = builder.seal(&mut Compressor::new()).unwrap();
        let start = bytes.len();
        bytes.extend_from_slice(&batch.stamp(-1, -1, -1, false));
        // The checksum does not cover the offset.
        bytes[start..start + 8].copy_from_slice(&offset.to_be_bytes());
        offset += records + 10;
    }
    (bytes.freeze(), offset)
}

fn reader(end: Option<i64>) -> KafkaReader {
    reader_with(end, TopicChange::Fail)
}

fn client() -> Client {
    let network = Network::memory(&MemoryNetwork::new(Box::new(Nobody), 1));
    Client::new(ClientConfig::new("127.0.0.1:9092").unwrap(), &network)
}

fn reader_with(end: Option<i64>, change: TopicChange) -> KafkaReader {
    reader_of(Arc::new(|| Ok(Box::<Count>::default())), end, change)
}

fn reader_of(value: DecoderFactory, end: Option<i64>, change: TopicChange) -> KafkaReader {
    let client = client();
    let plan = DecodePlan {
        value_columns: 0,
        upsert: false,
        value,
        key: None,
        drops_null_keys: false,
        outputs: Vec::new(),
        predicate: None,
        time_zone: chrono_tz::UTC,
    };
    let decoder = Arc::new(plan).decoder(Arc::new(|| {})).unwrap();
    let consumer = client.consumer(Arc::new(|| ()));
    let loss = Loss::new(change, None, Warnings::to(|_| ()));
    let mut reader =
        KafkaReader::new(consumer, decoder, Isolation::ReadUncommitted, true, loss, None);
    let id = Arc::new(SplitId { name: "in".into(), index: 0 });
    reader.assign(vec![Split { id, start: Position::at(0), end }]).unwrap();
    reader
}

/// Has the reader take a fetch from the start of the partition.
fn fetch(reader: &mut KafkaReader, batches: &[(i64, usize)]) {
    let (records, next_offset) = records(batches);
    let fetched = FetchedPartition {
        partition: TopicPartition::new("in", 0),
        topic_id: Uuid::ZERO,
        fetch_offset: 0,
        records,
        next_offset,
        // As if markers of a later leader stood behind the records.
        leader_epoch: Some(7),
        high_watermark: next_offset,
        last_stable_offset: next_offset,
        log_start_offset: 0,
        aborted: Vec::new(),
    };
    let batches = fetched.batches(reader.isolation, reader.check_crcs);
    reader.current = Some(Current { fetched, batches, opened: None });
}

/// What each poll brings, with the position behind it, until there is nothing left.
fn polls(reader: &mut KafkaReader) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    loop {
        let what = match reader.poll(Duration::ZERO, &mut RowErrors::new()).unwrap() {
            Polled::Data(batch) => format!("{} rows", batch.rows),
            Polled::Ended(_) => "ended".to_owned(),
            Polled::Gone(_) => "gone".to_owned(),
            Polled::Anew(_) => "anew".to_owned(),
            Polled::CaughtUp(_) => "caught up".to_owned(),
            Polled::Idle => return found,
        };
        let mut positions = Vec::new();
        reader.positions(&mut positions);
        found.push((what, positions[0].1.offset));
    }
}

const MIB: usize = 1 << 20;

#[test]
fn a_fetch_is_handed_on_in_pieces_with_the_position_behind_each() {
    type Case<'a> = (&'a [(i64, usize)], Option<i64>, &'a [(&'a str, i64)]);
    let cases: [Case<'_>; 9] = [
        (&[(3, 1), (4, 1)], None, &[("7 rows", 27), ("caught up", 27)]),
        (
            &[(5000, 1), (5000, 1), (100, 1)],
            None,
            &[("8192 rows", 8_202), ("1908 rows", 10_130), ("caught up", 10_130)],
        ),
        (
            &[(1, 10 * MIB), (1, 10 * MIB), (1, 10 * MIB)],
            None,
            &[("2 rows", 12), ("1 rows", 33), ("caught up", 33)],
        ),
        // What is behind the last rows is seen in a poll without rows.
        (&[(8192, 1)], None, &[("8192 rows", 8192), ("caught up", 8202)]),
        // One record batch holds more rows than a batch may, and more bytes than are decoded at once.
        (
            &[(20_000, 1)],
            None,
            &[
                ("8192 rows", 8192),
                ("8192 rows", 16_384),
                ("3616 rows", 20_010),
                ("caught up", 20_010),
            ],
        ),
        (&[(20, MIB)], None, &[("16 rows", 16), ("4 rows", 30), ("caught up", 30)]),
        // The end lies in the gap behind the rows, and inside a batch.
        (&[(8192, 1), (5, 1)], Some(8195), &[("8192 rows", 8192), ("ended", 8195)]),
        (
            &[(8192, 1), (5, 1)],
            Some(8204),
            &[("8192 rows", 8192), ("2 rows", 8204), ("ended", 8204)],
        ),
        (&[(20_000, 1)], Some(9000), &[("8192 rows", 8192), ("808 rows", 9000), ("ended", 9000)]),
    ];
    for (batches, end, expected) in cases {
        let mut reader = reader(end);
        fetch(&mut reader, batches);
        let expected: Vec<_> =
            expected.iter().map(|(what, at)| ((*what).to_owned(), *at)).collect();
        assert_eq!(polls(&mut reader), expected, "{end:?}");
    }
}

/// Markers and aborted transactions of a later leader move the position, so they move its epoch: brokers take an offset
/// with an older one for a sign that the log was cut (KIP-320).
#[test]
fn a_position_has_the_leader_epoch_of_the_batch_before_it() {
    let epochs = |end| {
        let mut reader = reader(end);
        fetch(&mut reader, &[(8192, 1)]);
        let mut epochs = Vec::new();
        for _ in 0..2 {
            reader.poll(Duration::ZERO, &mut RowErrors::new()).unwrap();
            let mut positions = Vec::new();
            reader.positions(&mut positions);
            epochs.push((positions[0].1.offset, positions[0].1.leader_epoch));
        }
        epochs
    };
    assert_eq!(epochs(None), [(8192, Some(-1)), (8202, Some(7))]);
    // The end lies before what the epoch is of.
    assert_eq!(epochs(Some(8195)), [(8192, Some(-1)), (8195, Some(-1))]);
}

#[test]
fn the_rest_of_a_fetch_does_not_outlive_its_assignment() {
    let id = SplitId { name: "in".into(), index: 0 };
    let mut reader = reader(None);
    fetch(&mut reader, &[(9000, 1), (5, 1)]);
    assert!(matches!(reader.poll(Duration::ZERO, &mut RowErrors::new()), Ok(Polled::Data(_))));
    let again = Split { id: Arc::new(id.clone()), start: Position::at(4), end: None };
    reader.assign(vec![again]).unwrap();
    assert_eq!(polls(&mut reader), []);
    fetch(&mut reader, &[(3, 1)]);
    reader.revoke(&[id]);
    assert_eq!(polls(&mut reader), []);
}

/// No schema of it can be had; counts how often it was asked.
#[derive(Debug)]
struct Refusing(Arc<AtomicUsize>);

impl Decoder for Refusing {
    fn needs_schemas(&self) -> bool {
        true
    }

    fn ready(&mut self, _: &Bytes, payloads: &[Payload], _: &Waker) -> Result<Readiness> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let refused = |at| (at, Error::new(ErrorKind::Data, "no schema"));
        Ok(Readiness::Failed((0..payloads.len()).map(refused).collect()))
    }

    fn push(&mut self, _: &Bytes, payloads: &[Payload], _: &mut RowErrors) -> Result<()> {
        assert!(payloads.iter().all(|payload| payload.len < 0));
        Ok(())
    }

    fn rows(&self) -> usize {
        0
    }

    fn finish(&mut self) -> Result<Decoded> {
        Ok(Decoded::default())
    }

    fn ignored(&self) -> u64 {
        0
    }
}

#[test]
fn all_records_without_schema_of_a_batch_are_found_in_one_pass() {
    const RECORDS: usize = 1_000;
    let asked = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&asked);
    let decoder: DecoderFactory = Arc::new(move || Ok(Box::new(Refusing(Arc::clone(&counter)))));
    let mut reader = reader_of(decoder, None, TopicChange::Fail);
    reader.tolerate(false);
    fetch(&mut reader, &[(RECORDS as i64, 1)]);
    let mut errors = RowErrors::new();
    reader.poll(Duration::ZERO, &mut errors).unwrap();
    assert_eq!((asked.load(Ordering::Relaxed), errors.rows().len()), (1, RECORDS));
    let first = errors.kept().first().map(|error| error.message.as_str());
    let told = "no schema (while reading the value at topic 'in' partition 0 offset 0)";
    assert_eq!(first, Some(told));
}

/// The end of a log that is gone would never be reached, or would leave out what is behind it.
#[test]
fn a_bounded_partition_whose_topic_changed_ends_where_the_new_one_does() {
    let recreated = || KafkaErrorKind::TopicRecreated { topic: "in".to_owned() };
    let truncated = || KafkaErrorKind::Truncated { offset: 13, end: 3 };
    let shorter = || KafkaErrorKind::OffsetOutOfRange { offset: 13, earliest: 0, latest: 3 };
    let aged = || KafkaErrorKind::OffsetOutOfRange { offset: 0, earliest: 20, latest: 100 };
    for (kind, new_end, start, end) in [
        (recreated(), 7, 0, Some(7)),
        (recreated(), 200, 0, Some(200)),
        (recreated(), 0, 0, None),
        (truncated(), 7, 3, Some(7)),
        (shorter(), 3, 0, Some(3)),
        (aged(), 7, 20, Some(100)),
    ] {
        let mut reader = reader_with(Some(100), TopicChange::Restart);
        let new_end = SpecificOffsets(BTreeMap::from([((None, 0), new_end)]));
        reader.ends = Some(Ends::at(Place::Specific(new_end), &client()));
        let failed = PartitionError {
            partition: TopicPartition::new("in", 0),
            fetch_offset: 13,
            topic_id: Uuid([1; 16]),
            error: KafkaError::new(kind.clone(), "why"),
        };
        KafkaReader::failed(&mut reader, &failed, Duration::ZERO).unwrap();
        let mut expected = vec![("anew".to_owned(), start)];
        expected.extend(end.is_none().then(|| ("ended".to_owned(), start)));
        assert_eq!(polls(&mut reader), expected, "{kind:?}");
        let left = reader.splits.values().next();
        assert_eq!(left.and_then(|split| split.end), end, "{kind:?}");
    }
}

#[test]
fn a_topic_that_is_waited_for_keeps_its_position() {
    let mut reader = reader_with(None, TopicChange::Restart);
    fetch(&mut reader, &[(3, 1)]);
    assert_eq!(polls(&mut reader).last().unwrap().1, 13);
    let failed = |error| PartitionError {
        partition: TopicPartition::new("in", 0),
        fetch_offset: 13,
        topic_id: Uuid([1; 16]),
        error,
    };
    let position = |reader: &KafkaReader| {
        let mut positions = Vec::new();
        reader.positions(&mut positions);
        positions[0].1
    };
    KafkaReader::failed(&mut reader, &failed(KafkaError::unknown_topic("in")), Duration::ZERO)
        .unwrap();
    let waiting = position(&reader);
    assert_eq!(waiting.offset, 13, "a gap in metadata is no other topic");
    assert_eq!(waiting.identity, Some([1; 16]), "which topic it was stays known");
    let kind = KafkaErrorKind::TopicRecreated { topic: "in".to_owned() };
    KafkaReader::failed(&mut reader, &failed(KafkaError::new(kind, "why")), Duration::ZERO)
        .unwrap();
    assert_eq!(position(&reader).offset, 0);
    assert_eq!(polls(&mut reader), [("anew".to_owned(), 0)]);
}
