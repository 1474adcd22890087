//! Record batches against the `kafka-protocol` crate, and what reading and writing allocate.
//!
//! The other codec keeps header keys in a map and reads 32-bit timestamp deltas, so the records
//! compared here have distinct UTF-8 header keys and near timestamps.

use allocation_counter::measure;
use brooklet_kafka::wire::compression::{Compression, Compressor, Decompressor};
use brooklet_kafka::wire::records::{BatchBuilder, Batches, Header, Records};
use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression as TheirCompression, Record, RecordBatchDecoder, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType,
};

const LIMIT: usize = 1 << 20;

fn theirs(index: i64) -> Record {
    let headers = (0..index % 4).map(|header| {
        let value = (header != 1).then(|| Bytes::from(vec![7; (header * 50) as usize]));
        (StrBytes::from_string(format!("header {header}")), value)
    });
    Record {
        transactional: true,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: 1 << 40,
        producer_epoch: 9,
        timestamp_type: TimestampType::Creation,
        offset: index,
        sequence: 100 + index as i32,
        timestamp: 1_700_000_000_000 + index * 37,
        key: (index % 3 != 0).then(|| Bytes::from(format!("{index}").repeat(index as usize % 5))),
        value: (index % 7 != 0).then(|| Bytes::from(vec![index as u8; (index * index) as usize])),
        headers: headers.collect(),
    }
}

fn ours(records: &[Record], codec: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(codec, LIMIT);
    for record in records {
        let headers: Vec<Header<'_>> = record
            .headers
            .iter()
            .map(|(key, value)| Header { key: key.as_bytes(), value: value.as_deref() })
            .collect();
        builder
            .append(record.timestamp, record.key.as_deref(), record.value.as_deref(), &headers)
            .expect("room");
    }
    builder.seal(&mut Compressor::new()).expect("a batch").stamp(1 << 40, 9, 100, true)
}

fn open(frame: &Bytes) -> Records {
    let view = Batches::new(frame.clone()).next().expect("a batch").expect("a valid batch");
    view.verify_crc().expect("a checksum");
    view.records(&mut Decompressor::new(), LIMIT).expect("records")
}

#[test]
fn the_other_codec_reads_our_batches() {
    let expected: Vec<Record> = (0..200).map(theirs).collect();
    let mut frame = ours(&expected, Compression::None);
    let read = RecordBatchDecoder::decode(&mut frame).expect("a batch");
    assert_eq!(read.records, expected);
    assert!(frame.is_empty());
}

#[test]
fn we_read_batches_of_the_other_codec() {
    let expected: Vec<Record> = (0..200).map(theirs).collect();
    let mut frame = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: TheirCompression::None };
    RecordBatchEncoder::encode(&mut frame, &expected, &options).expect("a batch");
    let frame = frame.freeze();
    let view = Batches::new(frame.clone()).next().expect("a batch").expect("a valid batch");
    let header = view.header();
    assert_eq!((header.producer_id, header.producer_epoch), (1 << 40, 9));
    assert_eq!((header.base_sequence, header.last_offset()), (100, 199));
    assert!(header.is_transactional());

    let records = open(&frame);
    let mut read = 0;
    for (record, expected) in records.iter().zip(&expected) {
        let record = record.expect("a record");
        assert_eq!((record.offset, record.timestamp), (expected.offset, expected.timestamp));
        assert_eq!(record.key, expected.key.as_deref());
        assert_eq!(record.value, expected.value.as_deref());
        let expected = expected.headers.iter().map(|(k, v)| (k.as_bytes(), v.as_deref()));
        assert!(record.headers.map(|header| (header.key, header.value)).eq(expected));
        read += 1;
    }
    assert_eq!(read, 200);
    // Both codecs choose the same bytes.
    assert_eq!(frame, ours(&expected, Compression::None));
}

#[test]
fn nothing_is_allocated_per_record() {
    let records: Vec<Record> = (1..2000).map(|index| theirs(index % 50)).collect();
    for codec in Compression::ALL {
        let frame = ours(&records, codec);
        let mut decompressor = Decompressor::new();
        let mut read = |count: &mut usize| {
            for view in Batches::new(frame.clone()) {
                let view = view.expect("a batch");
                view.verify_crc().expect("a checksum");
                let mut records = view.records(&mut decompressor, LIMIT << 3).expect("records");
                while let Some(record) = records.next_record() {
                    *count += record.expect("a record").headers.count() + 1;
                }
            }
        };
        let (mut warm, mut counted) = (0, 0);
        read(&mut warm);
        let used = measure(|| read(&mut counted));
        assert_eq!(warm, counted);
        // A few for the shared handles of the slab, none for its memory or for a record.
        assert!(used.count_total <= 4, "{codec}: {used:?}");
        assert!(used.bytes_total < 1024, "{codec}: {used:?}");
    }

    let mut builder = BatchBuilder::new(Compression::Lz4, LIMIT);
    let mut compressor = Compressor::new();
    let mut append = || {
        for record in &records {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            builder.append(record.timestamp, key, value, &[]).expect("room");
        }
        builder.seal(&mut compressor).expect("a batch")
    };
    append();
    let used = measure(|| drop(append()));
    assert!(used.count_total <= 8, "{used:?}");
}

/// Peers choose the bytes: memory must follow what they sent or what is allowed, never what they say.
#[test]
fn bombs_cost_no_more_than_the_limit() {
    let zeros = vec![0; 64 << 20];
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let mut packed = Vec::new();
        Compressor::new().compress(codec, &zeros, &mut packed).expect("compressed");
        let packed = Bytes::from(packed);
        let used = measure(|| {
            Decompressor::new().decompress(codec, &packed, LIMIT).expect_err("too large");
        });
        // Growing moves the content once more: twice the limit at the worst moment, and contexts.
        let allowed = 3 * LIMIT as u64 + 4 * packed.len() as u64 + (256 << 10);
        assert!(used.bytes_max <= allowed, "{codec}: {used:?} for {} bytes", packed.len());
    }
}

#[test]
fn declared_sizes_allocate_nothing() {
    let lz4_4_mib_block = b"\x04\x22\x4d\x18\x60\x70\x73\x04\0\0\0\x1fa\x01\0".as_slice();
    let cases: [(Compression, &[u8]); 4] = [
        (Compression::Snappy, b"\xff\xff\xff\xff\x0f\0a"),
        (Compression::Snappy, b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x06\x80\x80\x80\x40\0a"),
        (Compression::Lz4, lz4_4_mib_block),
        (Compression::Zstd, b"\x28\xb5\x2f\xfd\xe0\0\0\0\xff\0\0\0\0\x01\0\0"),
    ];
    for (codec, bytes) in cases {
        let packed = Bytes::from_static(bytes);
        let used = measure(|| {
            Decompressor::new().decompress(codec, &packed, 128 << 20).expect_err("corrupt");
        });
        assert!(used.bytes_max <= 64 << 10, "{codec}: {used:?}");
    }

    // A header that promises 2^31 - 1 records in an empty section.
    let frame = ours(&[theirs(1)], Compression::None);
    let view = Batches::new(frame).next().expect("a batch").expect("a valid batch");
    let mut header = *view.header();
    header.record_count = i32::MAX;
    let frame = brooklet_kafka::wire::records::assemble(&header, &[]);
    let used = measure(|| {
        let view = Batches::new(frame.clone()).next().expect("a batch").expect("a valid batch");
        view.records(&mut Decompressor::new(), LIMIT).expect_err("too many");
    });
    assert!(used.bytes_max <= 1024, "{used:?}");
}
