//! Entry points of the fuzz targets for record batches and codecs. Not an interface.

use bytes::Bytes;

use crate::wire::compression::{Compression, Compressor, Decompressor};
use crate::wire::records::{AppendError, BatchBuilder, Batches, Header, Records};

/// Cap of decompressed bytes, small enough to be reached by a fuzzer.
const LIMIT: usize = 1 << 20;

/// A slab of batches as a broker sends it: every record that is read must survive being written again.
///
/// # Panics
/// When an invariant is broken: that is the finding.
pub fn record_batch(data: &[u8]) {
    let mut decompressor = Decompressor::new();
    for view in Batches::new(Bytes::copy_from_slice(data)).flatten() {
        drop(view.verify_crc());
        drop(view.control_record(&mut decompressor, LIMIT));
        let Ok(records) = view.records(&mut decompressor, LIMIT) else { continue };
        for record in records.iter().flatten() {
            assert!(record.offset >= view.header().base_offset);
            assert!(record.offset <= view.header().last_offset());
            for (range, bytes) in
                [(record.key_range(), record.key), (record.value_range(), record.value)]
            {
                let slice = range.and_then(|(start, len)| {
                    let start = start as usize;
                    records.slab().get(start..start.checked_add(len as usize)?)
                });
                assert_eq!(slice, bytes);
            }
        }
        rewrite(&records, &mut decompressor);
    }
}

fn rewrite(records: &Records, decompressor: &mut Decompressor) {
    let mut builder = BatchBuilder::new(Compression::Lz4, LIMIT);
    let mut appended = Vec::new();
    for record in records.iter().flatten() {
        let headers: Vec<Header<'_>> = record.headers.collect();
        match builder.append(record.timestamp, record.key, record.value, &headers) {
            Ok(()) => appended.push(record),
            Err(error) => assert_eq!(error, AppendError::Timestamp),
        }
    }
    let Ok(mut sealed) = builder.seal(&mut Compressor::new()) else {
        assert!(appended.is_empty());
        return;
    };
    let mut batches = Batches::new(sealed.stamp(1, 2, 3, true));
    let Some(Ok(view)) = batches.next() else { panic!("our own batch is not readable") };
    assert_eq!(view.verify_crc(), Ok(()));
    let again = view.records(decompressor, LIMIT << 4);
    let Ok(again) = again else { panic!("our own records are not readable") };
    let mut count = 0;
    for (index, record) in again.iter().enumerate() {
        let Ok(record) = record else { panic!("our own record is not readable") };
        let Some(before) = appended.get(index) else { panic!("a record too many") };
        assert_eq!(
            (record.timestamp, record.key, record.value),
            (before.timestamp, before.key, before.value)
        );
        assert!(record.headers.eq(before.headers));
        count = index.saturating_add(1);
    }
    assert_eq!(count, appended.len());
}

/// The first byte chooses the codec; the rest is read as its stream, and compressed and read back.
///
/// # Panics
/// When an invariant is broken: that is the finding.
pub fn codecs(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let Ok(codec) = Compression::from_attributes(i16::from(*choice & 7)) else { return };
    let data = Bytes::copy_from_slice(data);
    let mut decompressor = Decompressor::new();
    if let Ok(output) = decompressor.decompress(codec, &data, LIMIT) {
        assert!(output.len() <= LIMIT);
    }
    let mut packed = Vec::new();
    assert_eq!(Compressor::new().compress(codec, &data, &mut packed), Ok(()));
    let output = decompressor.decompress(codec, &packed.into(), data.len());
    assert_eq!(output, Ok(data));
}
