use bytes::Bytes;

use super::*;
use crate::wire::compression::{Compression, Compressor, DecompressError, Decompressor};

const LIMIT: usize = 1 << 20;

type OwnedHeader = (Vec<u8>, Option<Vec<u8>>);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Owned {
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<OwnedHeader>,
}

fn own(record: &Record<'_>) -> Owned {
    Owned {
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: record
            .headers
            .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
            .collect(),
    }
}

fn one(frame: Bytes) -> BatchView {
    let mut batches = Batches::new(frame);
    let view = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    assert!(!batches.truncated());
    view
}

fn read(frame: Bytes) -> Result<Vec<Owned>, BatchError> {
    let view = one(frame);
    let records = view.records(&mut Decompressor::new(), LIMIT)?;
    records.iter().map(|record| record.map(|record| own(&record))).collect()
}

fn build(codec: Compression, records: &[Owned]) -> SealedBatch {
    let mut builder = BatchBuilder::new(codec, LIMIT);
    for record in records {
        let headers: Vec<Header<'_>> = record
            .headers
            .iter()
            .map(|(key, value)| Header { key, value: value.as_deref() })
            .collect();
        builder
            .append(record.timestamp, record.key.as_deref(), record.value.as_deref(), &headers)
            .unwrap();
    }
    assert_eq!(builder.record_count() as usize, records.len());
    builder.seal(&mut Compressor::new()).unwrap()
}

/// Every combination that once confused some client: null against empty, duplicate and non-UTF-8
/// header keys, timestamps that go backwards and further than 32 bits.
fn samples() -> Vec<Owned> {
    let key = |text: &str| Some(text.as_bytes().to_vec());
    vec![
        Owned { offset: 0, timestamp: 1_700_000_000_000, value: key("v"), ..Owned::default() },
        Owned {
            offset: 1,
            timestamp: 1_700_000_000_000 + (1 << 40),
            key: key(""),
            value: key(""),
            headers: vec![
                (b"same".to_vec(), key("1")),
                (b"same".to_vec(), key("2")),
                (vec![0xff, 0xfe], None),
                (b"same".to_vec(), key("")),
                (b"".to_vec(), key("x")),
            ],
        },
        Owned { offset: 2, timestamp: 5, key: key("tombstone"), ..Owned::default() },
        Owned { offset: 3, timestamp: -1, value: Some(vec![7; 20_000]), ..Owned::default() },
        Owned {
            offset: 4,
            timestamp: 1_700_000_000_001,
            key: key("k"),
            value: key("v"),
            ..Owned::default()
        },
    ]
}

/// A batch written out by hand: two records, the second with two headers of the same key.
const GOLDEN: &[u8] = &[
    0, 0, 0, 0, 0, 0, 0, 0, // base offset
    0, 0, 0, 74, // batch length
    0xff, 0xff, 0xff, 0xff, // leader epoch
    2,    // magic
    0, 0, 0, 0, // checksum, filled in by the test
    0, 0x10, // attributes: transactional
    0, 0, 0, 1, // last offset delta
    0, 0, 0, 0, 0, 0, 0x03, 0xe8, // base timestamp 1000
    0, 0, 0, 0, 0, 0, 0x07, 0xd0, // max timestamp 2000
    0, 0, 0, 0, 0, 0, 0, 42, // producer id
    0, 7, // producer epoch
    0, 0, 0, 99, // base sequence
    0, 0, 0, 2, // record count
    16, 0, 0, 0, 1, 4, b'h', b'i', 0, // null key, "hi", no headers
    30, 0, 0xd0, 0x0f, 2, 2, b'k', 1, // delta 1000, "k", null value
    4, 2, b'h', 2, b'1', 2, b'h', 0, // h = "1", h = ""
];

#[test]
fn golden_bytes() {
    let mut golden = GOLDEN.to_vec();
    let crc = crc32c::crc32c(&golden[21..]);
    golden[17..21].copy_from_slice(&crc.to_be_bytes());

    let mut builder = BatchBuilder::new(Compression::None, LIMIT);
    builder.append(1000, None, Some(b"hi"), &[]).unwrap();
    let headers = [Header { key: b"h", value: Some(b"1") }, Header { key: b"h", value: Some(b"") }];
    builder.append(2000, Some(b"k"), None, &headers).unwrap();
    assert_eq!(builder.estimated_size(), golden.len());
    let mut sealed = builder.seal(&mut Compressor::new()).unwrap();
    assert_eq!(sealed.stamp(42, 7, 99, true), golden);
    assert_eq!(sealed.size(), golden.len());

    let view = one(golden.into());
    view.verify_crc().unwrap();
    let header = view.header();
    assert!(header.is_transactional() && !header.is_control());
    assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (42, 7, 99));
    assert_eq!((header.last_offset(), header.max_timestamp), (1, 2000));
    assert_eq!(header.to_bytes().as_slice(), &view.frame()[..61]);
}

#[test]
fn round_trips_in_every_codec() {
    for codec in Compression::ALL {
        let mut sealed = build(codec, &samples());
        let frame = sealed.stamp(1, 2, 3, false);
        let view = one(frame.clone());
        view.verify_crc().unwrap();
        assert_eq!(view.header().compression(), Ok(codec));
        assert_eq!(read(frame).unwrap(), samples(), "{codec}");
    }
}

#[test]
fn stamping_again_changes_only_the_header_and_keeps_earlier_bytes() {
    let mut sealed = build(Compression::Lz4, &samples());
    let first = sealed.stamp(1, 2, 3, false);
    let copy = first.to_vec();
    let second = sealed.stamp(9, 0, 0, true);
    assert_eq!(first, copy);
    assert_eq!(first[61..], second[61..]);
    for (frame, id, transactional) in [(first, 1, false), (second, 9, true)] {
        let view = one(frame);
        view.verify_crc().unwrap();
        assert_eq!(view.header().producer_id, id);
        assert_eq!(view.header().is_transactional(), transactional);
    }
    // Alone, the bytes are stamped in place.
    let mut sealed = build(Compression::None, &samples());
    let address = sealed.stamp(1, 1, 1, true).as_ptr();
    assert_eq!(sealed.stamp(2, 2, 2, true).as_ptr(), address);
    let header = sealed.stamp_header(5, 5, 5, false);
    let parts = Bytes::from([header.as_slice(), &sealed.records_section()].concat());
    one(parts.clone()).verify_crc().unwrap();
    assert_eq!(parts, sealed.stamp(5, 5, 5, false));
}

#[test]
fn values_encoded_in_place_equal_appended_ones() {
    let lengths = [0usize, 3, 63, 64, 5, 8191, 8192, 1, 8192, 70, 70, 1_100_000, 2];
    let mut appended = BatchBuilder::new(Compression::None, LIMIT);
    let mut in_place = BatchBuilder::new(Compression::None, LIMIT);
    let headers = [Header { key: b"h", value: None }];
    for (index, len) in lengths.into_iter().enumerate() {
        let value = vec![index as u8; len];
        let headers = if index % 2 == 0 { &headers[..] } else { &[] };
        let time = 1000 * index as i64;
        appended.append(time, Some(b"key"), Some(&value), headers).unwrap();
        in_place
            .append_with::<AppendError>(time, Some(b"key"), headers, |out| {
                out.extend_from_slice(&value);
                Ok(())
            })
            .unwrap();
        // A failed encoder leaves nothing behind.
        let failed = in_place.append_with(time, None, &[], |out| {
            out.extend_from_slice(b"half");
            Err(AppendError::Timestamp)
        });
        assert_eq!(failed, Err(AppendError::Timestamp));
    }
    let mut compressor = Compressor::new();
    let expected = appended.seal(&mut compressor).unwrap().stamp(1, 1, 1, false);
    let actual = in_place.seal(&mut compressor).unwrap().stamp(1, 1, 1, false);
    assert!(expected == actual);
}

#[test]
fn an_encoder_that_eats_the_batch_gives_it_up() {
    let mut builder = BatchBuilder::new(Compression::None, LIMIT);
    builder.append(1, None, Some(b"one"), &[]).unwrap();
    let result = builder.append_with(2, None, &[], |out| {
        out.clear();
        Ok(())
    });
    assert_eq!(result, Err(AppendError::Encoder));
    assert!(builder.is_empty());
    assert_eq!(builder.seal(&mut Compressor::new()).unwrap_err(), SealError::Empty);
    builder.append(3, None, Some(b"two"), &[]).unwrap();
    let frame = builder.seal(&mut Compressor::new()).unwrap().stamp(-1, -1, -1, false);
    assert_eq!(read(frame).unwrap()[0].value.as_deref(), Some(b"two".as_slice()));
}

#[test]
fn a_timestamp_too_far_away_is_refused_and_the_batch_goes_on() {
    let mut builder = BatchBuilder::new(Compression::None, LIMIT);
    builder.append(-2, None, None, &[]).unwrap();
    assert_eq!(builder.append(i64::MAX, None, None, &[]), Err(AppendError::Timestamp));
    builder.append(i64::MAX - 2, None, None, &[]).unwrap();
    let sealed = builder.seal(&mut Compressor::new()).unwrap();
    assert_eq!((sealed.record_count(), sealed.max_timestamp()), (2, i64::MAX - 2));
}

#[test]
fn truncation_at_each_byte_stops_silently() {
    let first = build(Compression::None, &samples()[..3]).stamp(1, 1, 1, false);
    let second = build(Compression::Zstd, &samples()[2..]).stamp(1, 1, 4, false);
    let slab = Bytes::from([first.clone(), second.clone()].concat());
    for len in 0..=slab.len() {
        let mut batches = Batches::new(slab.slice(..len));
        let views: Result<Vec<_>, _> = batches.by_ref().collect();
        let expected = usize::from(len >= first.len()) + usize::from(len == slab.len());
        assert_eq!(views.unwrap().len(), expected, "{len}");
        assert_eq!(batches.complete(), expected);
        let whole = [0, first.len(), slab.len()].contains(&len);
        assert_eq!(batches.truncated(), !whole, "{len}");
    }
}

#[test]
fn a_cut_records_section_is_an_error_at_each_byte() {
    let frame = build(Compression::None, &samples()).stamp(1, 1, 1, false);
    let view = one(frame);
    let payload = view.payload();
    for len in (0..payload.len()).filter(|len| *len < 200 || *len + 200 > payload.len()) {
        let result = read(assemble(view.header(), &payload[..len]));
        let error = result.unwrap_err();
        assert!(
            matches!(error.fault, BatchFault::Record { .. } | BatchFault::RecordCount { .. }),
            "{len}: {error}"
        );
    }
    let longer = assemble(view.header(), &[&payload[..], b"x"].concat());
    let error = read(longer).unwrap_err();
    assert_eq!(error.to_string(), "record batch at offset 0: 1 bytes follow the last record");
}

#[test]
fn mutations_never_panic() {
    let mut decompressor = Decompressor::new();
    let mut state = 0x9e37_79b9u32;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize
    };
    let mut samples = samples();
    samples[3].value = Some(vec![1; 50]);
    for codec in Compression::ALL {
        let frame = build(codec, &samples).stamp(1, 1, 1, false);
        for round in 0..4000 {
            let mut bytes = frame.to_vec();
            for _ in 0..=round % 3 {
                let at = random() % bytes.len();
                bytes[at] = if random() % 2 == 0 { random() as u8 } else { 0xff };
            }
            for view in Batches::new(bytes.into()).flatten() {
                if let Ok(mut records) = view.records(&mut decompressor, LIMIT) {
                    while let Some(Ok(record)) = records.next_record() {
                        assert!(record.offset >= view.header().base_offset);
                        assert!(record.offset <= view.header().last_offset());
                        assert!(record.headers.count() <= LIMIT);
                    }
                }
                view.control_record(&mut decompressor, LIMIT).ok();
            }
        }
    }
}

#[test]
fn damage_is_found_by_the_checksum() {
    let frame = build(Compression::None, &samples()).stamp(1, 1, 1, false);
    for at in [21, 60, 61, frame.len() - 1] {
        let mut bytes = frame.to_vec();
        bytes[at] ^= 0x40;
        let Ok(view) = BatchView::parse(bytes.into()) else { continue };
        let error = view.verify_crc().unwrap_err();
        assert!(matches!(error.fault, BatchFault::Crc { .. }), "{error}");
    }
    // Offset and leader epoch are the broker's to change.
    let mut bytes = frame.to_vec();
    bytes[7] = 9;
    bytes[12] = 0;
    one(bytes.into()).verify_crc().unwrap();
}

#[test]
fn log_append_time_replaces_every_timestamp() {
    let view = one(build(Compression::Gzip, &samples()).stamp(1, 1, 1, false));
    let mut header = *view.header();
    header.set_timestamp_type(TimestampType::LogAppendTime);
    header.max_timestamp = 777;
    let frame = assemble(&header, &view.payload());
    one(frame.clone()).verify_crc().unwrap();
    assert!(read(frame).unwrap().iter().all(|record| record.timestamp == 777));
}

#[test]
fn compacted_batches_keep_offsets_and_their_last_offset() {
    let view = one(build(Compression::None, &samples()).stamp(1, 1, 1, false));
    let payload = view.payload();
    let first_len = 1 + usize::from(payload[0] >> 1);
    let mut header = *view.header();
    header.base_offset = 100;
    header.last_offset_delta = 40;
    header.record_count = 4;
    let frame = assemble(&header, &payload[first_len..]);
    let offsets: Vec<i64> = read(frame.clone()).unwrap().iter().map(|r| r.offset).collect();
    assert_eq!(offsets, [101, 102, 103, 104]);
    assert_eq!(one(frame).header().last_offset(), 140);

    // Emptied by compaction: no record, but offsets to move past.
    header.record_count = 0;
    let frame = assemble(&header, &[]);
    assert_eq!(read(frame.clone()).unwrap(), []);
    assert_eq!(one(frame).header().last_offset(), 140);
}

#[test]
fn ranges_point_into_the_slab() {
    for codec in [Compression::None, Compression::Lz4] {
        let frame = build(codec, &samples()).stamp(1, 1, 1, false);
        let view = one(frame.clone());
        let mut records = view.records(&mut Decompressor::new(), LIMIT).unwrap();
        let slab = records.slab().clone();
        let range = |(start, len): (u32, u32)| &slab[start as usize..(start + len) as usize];
        assert_eq!(slab.as_ptr() == frame[61..].as_ptr(), codec == Compression::None);
        assert_eq!(records.remaining(), 5);
        while let Some(record) = records.next_record() {
            let record = record.unwrap();
            assert_eq!(record.key_range().map(range), record.key);
            assert_eq!(record.value_range().map(range), record.value);
        }
        assert_eq!(records.remaining(), 0);
    }
}

#[test]
fn a_reader_goes_on_where_it_stopped() {
    let view = one(build(Compression::None, &samples()).stamp(1, 1, 1, false));
    let mut records = view.records(&mut Decompressor::new(), LIMIT).unwrap();
    assert_eq!(own(&records.next_record().unwrap().unwrap()), samples()[0]);
    let rest: Vec<_> = records.iter().map(|record| own(&record.unwrap())).collect();
    assert_eq!(rest, samples()[1..]);
    assert_eq!(records.remaining(), 4);
}

#[test]
fn headers_that_contradict_their_bytes() {
    let view = one(build(Compression::None, &samples()).stamp(1, 1, 1, false));
    type Edit = fn(&mut BatchHeader);
    let cases: [(Edit, &str); 6] = [
        (|h| h.record_count = -1, "record count -1 does not fit into 20093 bytes"),
        (|h| h.record_count = i32::MAX, "record count 2147483647 does not fit into 20093 bytes"),
        (|h| h.last_offset_delta = -1, "last offset delta -1 gives no valid offset"),
        (|h| h.base_offset = i64::MAX - 4, "last offset delta 4 gives no valid offset"),
        (|h| h.attributes |= 7, "unknown compression code 7"),
        (|h| h.last_offset_delta = 3, "record 4: offset delta 4 is outside of the batch"),
    ];
    for (edit, expected) in cases {
        let mut header = *view.header();
        edit(&mut header);
        let frame = assemble(&header, &view.payload());
        let mut decompressor = Decompressor::new();
        let error = Batches::new(frame)
            .next()
            .unwrap()
            .and_then(|view| view.records(&mut decompressor, LIMIT))
            .and_then(|records| records.iter().try_for_each(|record| record.map(drop)))
            .unwrap_err();
        assert_eq!(error.fault.to_string(), expected);
    }
}

#[test]
fn lengths_and_formats_are_refused_with_their_offset() {
    let frame = build(Compression::None, &samples()).stamp(1, 1, 1, false);
    let cases: [(usize, &[u8], &str); 6] = [
        (8, &[0xff, 0xff, 0xff, 0xff], "batch length -1 is smaller than a batch header"),
        (8, &[0, 0, 0, 48], "batch length 48 is smaller than a batch header"),
        (16, &[0], "record 0: key runs past the end of the record"),
        (16, &[1], "record 0: key runs past the end of the record"),
        (16, &[3], "unknown message format 3"),
        (16, &[0xff], "unknown message format -1"),
    ];
    for (at, bytes, expected) in cases {
        let mut damaged = frame.to_vec();
        damaged[7] = 55;
        damaged[at..at + bytes.len()].copy_from_slice(bytes);
        let mut batches = Batches::new(damaged.into());
        let error = batches.next().unwrap().unwrap_err().to_string();
        assert!(error.starts_with(&format!("record batch at offset 55: {expected}")), "{error}");
        assert!(batches.next().is_none());
        assert_eq!(batches.complete(), 0);
    }
}

#[test]
fn timestamps_that_overflow_are_errors() {
    let view = one(build(Compression::None, &samples()).stamp(1, 1, 1, false));
    let mut header = *view.header();
    header.base_timestamp = i64::MAX;
    let error = read(assemble(&header, &view.payload())).unwrap_err();
    let fault = BatchFault::Record { index: 1, fault: RecordFault::Timestamp };
    assert_eq!(error.fault, fault);
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let zeros = Owned { value: Some(vec![0; 4 << 20]), ..Owned::default() };
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let view = one(build(codec, std::slice::from_ref(&zeros)).stamp(1, 1, 1, false));
        let error = view.records(&mut Decompressor::new(), LIMIT).unwrap_err();
        let expected = BatchFault::Decompress(DecompressError::TooLarge { limit: LIMIT });
        assert_eq!(error.fault, expected, "{codec}");
    }
}

#[test]
fn control_batches() {
    let header = {
        let mut header = *one(build(Compression::None, &samples()).stamp(5, 6, 7, true)).header();
        header.base_offset = 30;
        header
    };
    for kind in [ControlKind::Abort, ControlKind::Commit, ControlKind::Unknown(5)] {
        let marker = ControlRecord { version: 0, kind, coordinator_epoch: Some(12) };
        let view = one(marker.to_batch(&header));
        view.verify_crc().unwrap();
        assert!(view.header().is_control() && view.header().is_transactional());
        assert_eq!((view.header().producer_id, view.header().last_offset()), (5, 30));
        assert_eq!(view.control_record(&mut Decompressor::new(), LIMIT), Ok(Some(marker)));
    }
    assert_eq!(ControlRecord::parse(&[0, 0, 0], None), None);
    assert_eq!(ControlRecord::parse(&[0xff, 0xff, 0, 0], None), None);
    let newer = ControlRecord::parse(&[0, 9, 0, 1, 4], Some(&[0])).unwrap();
    assert_eq!(
        (newer.version, newer.kind, newer.coordinator_epoch),
        (9, ControlKind::Commit, None)
    );
}

#[test]
fn splitting_halves_by_record() {
    let mut compressor = Compressor::new();
    let mut decompressor = Decompressor::new();
    for codec in Compression::ALL {
        let mut halves =
            build(codec, &samples()).split(&mut compressor, &mut decompressor).unwrap();
        let counts: Vec<i32> = halves.iter().map(SealedBatch::record_count).collect();
        assert_eq!(counts, [2, 3]);
        let mut all = Vec::new();
        for half in &mut halves {
            let base = all.len() as i64;
            let part = read(half.stamp(1, 1, base as i32, true)).unwrap();
            all.extend(part.into_iter().map(|r| Owned { offset: r.offset + base, ..r }));
        }
        assert_eq!(all, samples(), "{codec}");
    }
    let mut single = build(Compression::None, &samples()[..1]);
    let error = single.split(&mut compressor, &mut decompressor).unwrap_err();
    assert_eq!(error, SplitError::OneRecord);
}

#[test]
fn sizes_guide_when_to_seal() {
    let mut builder = BatchBuilder::new(Compression::Lz4, 300);
    assert!(builder.has_room_for(1_000_000), "the first record always fits");
    builder.append(0, None, Some(&[1; 150]), &[]).unwrap();
    let bound = record_size_bound(None, Some(&[1; 150]), &[]);
    assert!(!builder.has_room_for(bound));
    builder.set_ratio_permille(250);
    assert!(builder.has_room_for(bound));
    let sealed = builder.seal(&mut Compressor::new()).unwrap();
    assert_eq!(sealed.uncompressed_size(), 150 + 9);
    assert!(sealed.size() < 61 + 150);
    assert!(builder.is_empty());
}

#[test]
fn records_are_taken_off_in_pieces() {
    let view = one(build(Compression::Gzip, &samples()).stamp(1, 1, 1, false));
    let all = view.records(&mut Decompressor::new(), LIMIT).unwrap();
    let whole: Vec<Owned> = all.iter().map(|record| own(&record.unwrap())).collect();
    for (records_max, bytes_max) in
        [(2, LIMIT), (LIMIT, 0), (0, LIMIT), (LIMIT, 30), (LIMIT, LIMIT)]
    {
        let (mut rest, mut pieces, mut bytes) = (all.clone(), Vec::new(), 0);
        while rest.remaining() > 0 {
            let piece = rest.split_front(records_max, bytes_max);
            let length = piece.remaining_bytes();
            assert!(
                piece.remaining() == 1 || piece.remaining() <= records_max && length <= bytes_max
            );
            bytes += length;
            for record in &piece {
                let record = record.unwrap();
                let (start, len) = record.value_range().unwrap_or_default();
                let place = start as usize..(start + len) as usize;
                assert_eq!(&piece.slab()[place], record.value.unwrap_or_default());
                pieces.push(own(&record));
            }
        }
        assert_eq!((pieces, bytes), (whole.clone(), all.slab().len()), "{records_max} {bytes_max}");
    }
}

#[test]
fn damage_in_a_piece_is_found_by_its_reader() {
    let payload = one(build(Compression::None, &samples()).stamp(1, 1, 1, false)).payload();
    for cut in 0..payload.len() {
        let mut header = *one(build(Compression::None, &samples()).stamp(1, 1, 1, false)).header();
        header.base_offset = 0;
        let frame = assemble(&header, &payload[..cut]);
        let Ok(mut rest) = one(frame).records(&mut Decompressor::new(), LIMIT) else { continue };
        let mut errors = 0;
        while rest.remaining() > 0 {
            errors += rest.split_front(1, LIMIT).iter().filter(Result::is_err).count();
        }
        assert_eq!(errors, 1, "{cut}");
    }
}
