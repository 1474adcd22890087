//! The open batches of one writer, one per place: records go in, sealed batches come out.
//!
//! A batch that waits for more records takes memory, and a writer may have thousands of them. They count against
//! `buffer.memory`: above their share of it, the larger ones are sealed early. Sealed ones wait for their acknowledgement
//! in the rest, see [`Producer::with_buffer`](crate::producer::Producer::with_buffer).

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::config::ClientConfig;
use crate::limits::OPEN_BATCHES_PART;
use crate::wire::compression::{Compression, Compressor};
use crate::wire::records::{AppendError, BatchBuilder, Header, SealError, SealedBatch};

/// See the module. `P` says where a batch goes.
#[derive(Debug)]
pub struct OpenBatches<P> {
    builders: BTreeMap<P, BatchBuilder>,
    compression: Compression,
    compressor: Compressor,
    batch_bytes: usize,
    /// What the builders have allocated.
    bytes: usize,
    bytes_max: usize,
}

/// Bytes that open batches of `batch_bytes` may take in a writer that has `buffer_bytes` of `buffer.memory`; the rest is for
/// sealed ones.
pub fn share(batch_bytes: usize, buffer_bytes: usize) -> usize {
    (buffer_bytes / OPEN_BATCHES_PART).max(batch_bytes.min(buffer_bytes / 2))
}

/// Batches that were sealed, and where they go.
pub type Sealed<P> = Vec<(P, SealedBatch)>;

impl<P: Ord + Copy> OpenBatches<P> {
    /// For batches of `batch_bytes` that take no more than `bytes_max` together, once they are [relieved](Self::relieve).
    pub fn new(config: &ClientConfig, batch_bytes: usize, bytes_max: usize) -> Self {
        let compression = config.compression.codec();
        let mut compressor = Compressor::new();
        if let Some(level) = config.compression_level {
            // The configuration has checked the level against the codec.
            drop(compressor.set_level(compression, level));
        }
        Self {
            builders: BTreeMap::new(),
            compression,
            compressor,
            batch_bytes,
            bytes: 0,
            bytes_max,
        }
    }

    /// Appends a record to the batch of `place`; `false` if that has no room and has to be [sealed](Self::seal) before.
    ///
    /// # Errors
    /// [`AppendError::TooLarge`] or [`AppendError::Timestamp`].
    pub fn append(
        &mut self,
        place: P,
        record_bytes: usize,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<bool, AppendError> {
        let (compression, batch_bytes) = (self.compression, self.batch_bytes);
        let count = self.builders.len();
        let builder = self
            .builders
            .entry(place)
            .or_insert_with(|| BatchBuilder::new(compression, batch_bytes));
        if builder.is_empty() {
            // What the last batch had is no promise where many share the memory.
            builder.set_reserve_max(self.bytes_max / 2 / count.max(1));
        } else if !builder.has_room_for(record_bytes) {
            return Ok(false);
        }
        let before = builder.allocated_bytes();
        let appended = builder.append(timestamp_ms, key, value, headers);
        self.bytes += builder.allocated_bytes() - before;
        appended.map(|()| true)
    }

    /// Whether the batches take more than they may: [`relieve`](Self::relieve).
    pub fn is_over(&self) -> bool {
        self.bytes > self.bytes_max
    }

    /// Seals the batches that take no less than the average, which is at least one, and frees their memory.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn relieve(&mut self) -> Result<Sealed<P>, SealError> {
        let sizes = self.builders.values().map(BatchBuilder::allocated_bytes);
        let average = self.bytes / sizes.filter(|bytes| *bytes > 0).count().max(1);
        let mut out = Vec::new();
        let Self { builders, compressor, bytes, .. } = self;
        for (place, builder) in builders {
            let before = builder.allocated_bytes();
            if before == 0 || before < average {
                continue;
            }
            if !builder.is_empty() {
                out.push((*place, builder.seal(compressor)?));
            }
            builder.free();
            *bytes -= before;
        }
        Ok(out)
    }

    /// Seals the batch of `place`, if it has records.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(&mut self, place: P) -> Result<Option<SealedBatch>, SealError> {
        let builder = self.builders.get_mut(&place).filter(|builder| !builder.is_empty());
        let Some(builder) = builder else { return Ok(None) };
        let before = builder.allocated_bytes();
        let batch = builder.seal(&mut self.compressor)?;
        self.bytes = self.bytes - before + builder.allocated_bytes();
        Ok(Some(batch))
    }

    /// Seals all batches.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal_all(&mut self) -> Result<Sealed<P>, SealError> {
        let mut places = self.builders.keys().copied();
        let Some(first) = places.next() else { return Ok(Vec::new()) };
        let last = places.next_back().unwrap_or(first);
        self.seal_range(first..=last)
    }

    /// Seals the batches of these places.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal_range(&mut self, places: RangeInclusive<P>) -> Result<Sealed<P>, SealError> {
        let mut out = Vec::new();
        for (place, builder) in self.builders.range_mut(places).filter(|(_, b)| !b.is_empty()) {
            let before = builder.allocated_bytes();
            out.push((*place, builder.seal(&mut self.compressor)?));
            self.bytes = self.bytes - before + builder.allocated_bytes();
        }
        Ok(out)
    }

    /// Whether no place has a record.
    pub fn is_empty(&self) -> bool {
        self.builders.values().all(BatchBuilder::is_empty)
    }

    /// Whether none of these places has a record.
    pub fn are_empty(&self, places: RangeInclusive<P>) -> bool {
        self.builders.range(places).all(|(_, builder)| builder.is_empty())
    }

    /// Forgets these places; their records are dropped.
    pub fn remove(&mut self, places: RangeInclusive<P>) {
        let gone: Vec<P> = self.builders.range(places).map(|(place, _)| *place).collect();
        for builder in gone.iter().filter_map(|place| self.builders.remove(place)) {
            self.bytes -= builder.allocated_bytes();
        }
    }

    /// Bytes of a batch that holds this record and nothing else; `None` where there can be none.
    pub fn sealed_alone(
        &mut self,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Option<usize> {
        let mut alone = BatchBuilder::new(self.compression, self.batch_bytes);
        alone.append(timestamp_ms, key, value, headers).ok()?;
        Some(alone.seal(&mut self.compressor).ok()?.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::records::record_size_bound;

    const KIB: usize = 1024;

    fn open(compression: &str, buffer_bytes: usize) -> OpenBatches<i32> {
        let pairs = [("bootstrap.servers", "b:1"), ("compression.type", compression)];
        let (config, _) = ClientConfig::parse(pairs).unwrap();
        OpenBatches::new(&config, 256 * KIB, share(256 * KIB, buffer_bytes))
    }

    /// Appends a record of a KiB as writers do; what had to be sealed for it.
    fn put(open: &mut OpenBatches<i32>, place: i32) -> Sealed<i32> {
        let value: Vec<u8> = (0..KIB).map(|at| (at * at / 7) as u8).collect();
        let value = Some(&*value);
        let bytes = record_size_bound(None, value, &[]);
        let mut sealed = Vec::new();
        if !open.append(place, bytes, 1, None, value, &[]).unwrap() {
            sealed.extend(open.seal(place).unwrap().map(|batch| (place, batch)));
            assert!(open.append(place, bytes, 1, None, value, &[]).unwrap());
        }
        if open.is_over() {
            sealed.extend(open.relieve().unwrap());
        }
        sealed
    }

    fn allocated(open: &OpenBatches<i32>) -> usize {
        open.builders.values().map(BatchBuilder::allocated_bytes).sum()
    }

    #[test]
    fn open_batches_stay_within_their_share() {
        for compression in ["none", "lz4"] {
            let mut open = open(compression, 4096 * KIB);
            let mut records = 0;
            for n in 0..20_000 {
                let sealed = put(&mut open, n * 7 % 2000);
                records += sealed.iter().map(|(_, batch)| batch.record_count()).sum::<i32>();
                assert_eq!(allocated(&open), open.bytes, "{compression}");
                assert!(open.bytes <= 1024 * KIB, "{compression}: {} after {n}", open.bytes);
            }
            records += open.seal_all().unwrap().iter().map(|(_, b)| b.record_count()).sum::<i32>();
            assert_eq!(records, 20_000, "{compression}");
            open.remove(0..=1999);
            assert_eq!((open.bytes, open.builders.len()), (0, 0));
        }
    }

    #[test]
    fn few_partitions_have_whole_batches() {
        let mut open = open("none", 4096 * KIB);
        let sealed: Vec<_> = (0..2000).flat_map(|n| put(&mut open, n % 2)).collect();
        let full = |(_, batch): &(i32, SealedBatch)| batch.size() > 250 * KIB;
        assert!(sealed.len() >= 6 && sealed.iter().all(full), "{}", sealed.len());
    }

    #[test]
    fn the_larger_ones_go_first() {
        let mut open = open("none", 1024 * KIB);
        for place in 0..4 {
            assert!(put(&mut open, place).is_empty());
        }
        let sealed =
            (0..).find_map(|_| Some(put(&mut open, 9)).filter(|sealed| !sealed.is_empty()));
        let places: Vec<i32> = sealed.unwrap().iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [9]);
        assert!(!open.are_empty(0..=3) && open.are_empty(4..=9));
    }
}
