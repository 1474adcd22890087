//! Nanoseconds per record of the record batch codec, for 100-byte values on one core.
//!
//! `cargo run --release -p brooklet-kafka --example records_throughput`
#![allow(clippy::print_stdout, reason = "the figures are the purpose")]

use std::hint::black_box;
use std::time::Instant;

use brooklet_kafka::wire::compression::{Compression, Compressor, Decompressor};
use brooklet_kafka::wire::records::{AppendError, BatchBuilder, Batches};
use bytes::Bytes;

const VALUE_BYTES: usize = 100;
const RECORDS_PER_BATCH: usize = 2500;
const BATCHES: usize = 2000;
const ROUNDS: usize = 5;
const LIMIT: usize = 16 << 20;

fn main() {
    println!("{VALUE_BYTES}-byte values, {RECORDS_PER_BATCH} records per batch, best of {ROUNDS}");
    let values: Vec<Vec<u8>> = (0..RECORDS_PER_BATCH).map(value).collect();
    let mut compressor = Compressor::new();

    let append = best(|| {
        let mut builder = BatchBuilder::new(Compression::None, 1 << 20);
        for _ in 0..BATCHES {
            black_box(batch(&values, &mut builder, &mut compressor));
        }
    });
    report("append", append);

    let append_with = best(|| {
        let mut builder = BatchBuilder::new(Compression::None, 1 << 20);
        for _ in 0..BATCHES {
            for (index, value) in values.iter().enumerate() {
                let written = builder.append_with::<AppendError>(
                    1_700_000_000_000 + index as i64,
                    None,
                    &[],
                    |out| {
                        out.extend_from_slice(value);
                        Ok(())
                    },
                );
                assert!(written.is_ok());
            }
            black_box(builder.seal(&mut compressor)).ok();
        }
    });
    report("append in place", append_with);

    for codec in Compression::ALL {
        let mut builder = BatchBuilder::new(codec, 1 << 20);
        let frame = batch(&values, &mut builder, &mut compressor);
        let mut decompressor = Decompressor::new();
        let decode = best(|| {
            for _ in 0..BATCHES {
                assert_eq!(decode(&frame, true, &mut decompressor), RECORDS_PER_BATCH);
            }
        });
        report(&format!("decode {codec}"), decode);
        if codec == Compression::None {
            let unchecked = best(|| {
                for _ in 0..BATCHES {
                    assert_eq!(decode_only(&frame, &mut decompressor), RECORDS_PER_BATCH);
                }
            });
            report("decode none, no checksum", unchecked);
        } else {
            let encode = best(|| {
                for _ in 0..BATCHES / 10 {
                    black_box(batch(&values, &mut builder, &mut compressor));
                }
            });
            report(&format!("append {codec}"), encode * 10.0);
        }
    }
}

/// JSON of 100 bytes that compresses as real rows do.
fn value(index: usize) -> Vec<u8> {
    let hash = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut text = format!(
        "{{\"id\":{index},\"user\":\"{:08x}\",\"amount\":{},\"pad\":\"",
        hash >> 40,
        hash % 9973
    );
    while text.len() < VALUE_BYTES - 2 {
        text.push(char::from(b'a' + (text.len() * (hash >> 56) % 26) as u8));
    }
    text.push_str("\"}");
    text.into_bytes()
}

fn batch(values: &[Vec<u8>], builder: &mut BatchBuilder, compressor: &mut Compressor) -> Bytes {
    for (index, value) in values.iter().enumerate() {
        let appended = builder.append(1_700_000_000_000 + index as i64, None, Some(value), &[]);
        assert_eq!(appended, Ok(()));
    }
    match builder.seal(compressor) {
        Ok(mut sealed) => sealed.stamp(1, 0, 0, false),
        Err(error) => panic!("{error}"),
    }
}

fn decode_only(frame: &Bytes, decompressor: &mut Decompressor) -> usize {
    decode(frame, false, decompressor)
}

fn decode(frame: &Bytes, check: bool, decompressor: &mut Decompressor) -> usize {
    let mut count = 0;
    for view in Batches::new(frame.clone()).flatten() {
        if check {
            assert_eq!(view.verify_crc(), Ok(()));
        }
        let Ok(mut records) = view.records(decompressor, LIMIT) else { continue };
        let mut sum = 0i64;
        while let Some(Ok(record)) = records.next_record() {
            let (start, len) = record.value_range().unwrap_or_default();
            sum = sum.wrapping_add(record.timestamp ^ i64::from(start ^ len));
            count += 1;
        }
        black_box(sum);
    }
    count
}

/// Seconds of the fastest round.
fn best(mut work: impl FnMut()) -> f64 {
    (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

fn report(what: &str, seconds: f64) {
    let nanos = seconds * 1e9 / (RECORDS_PER_BATCH * BATCHES) as f64;
    println!("{what:28} {nanos:7.1} ns/record {:7.1} M records/s", 1e3 / nanos);
}
