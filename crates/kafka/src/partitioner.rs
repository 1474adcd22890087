//! Which partition a record goes to: Java's default partitioner, so that keyed data of both
//! clients lands in the same place.

use crate::rng::Rng;

/// Java's 32-bit murmur2 (`org.apache.kafka.common.utils.Utils`), seed `0x9747b28c`.
pub fn murmur2(data: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let mut h = SEED ^ data.len() as u32;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        k = k.wrapping_mul(M);
        k ^= k >> R;
        k = k.wrapping_mul(M);
        h = h.wrapping_mul(M);
        h ^= k;
    }
    let tail = chunks.remainder();
    if !tail.is_empty() {
        for (i, byte) in tail.iter().enumerate() {
            h ^= u32::from(*byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^= h >> 15;
    h as i32
}

/// Partition of a record with a key: all partitions count, also those without a leader, since a
/// key must not move when a broker is down. `partitions` is at least 1.
pub fn for_key(key: &[u8], partitions: u32) -> i32 {
    let positive = (murmur2(key) & 0x7fff_ffff) as u32;
    (positive % partitions.max(1)) as i32
}

/// Partition of records without a key (KIP-794): stay until about one batch of bytes went there,
/// then draw another among those that have a leader.
#[derive(Debug, Clone)]
pub struct Sticky {
    current: Option<i32>,
    bytes: usize,
    batch_size: usize,
    rng: Rng,
}

impl Sticky {
    /// Changes partition every `batch_size` bytes.
    pub fn new(batch_size: usize, seed: u64) -> Self {
        Self { current: None, bytes: 0, batch_size: batch_size.max(1), rng: Rng::new(seed) }
    }

    /// Partition of the next record of `record_bytes`; `available` are the partitions with a
    /// leader, `partitions` the number of all of them.
    pub fn next(&mut self, record_bytes: usize, available: &[i32], partitions: u32) -> i32 {
        let gone = self.current.is_some_and(|p| !available.is_empty() && !available.contains(&p));
        if self.current.is_none() || gone || self.bytes >= self.batch_size {
            self.current = Some(self.draw(available, partitions));
            self.bytes = 0;
        }
        self.bytes += record_bytes;
        self.current.unwrap_or(0)
    }

    fn draw(&mut self, available: &[i32], partitions: u32) -> i32 {
        let candidates = available.len();
        if candidates == 0 {
            return self.rng.below(partitions.max(1) as usize) as i32;
        }
        let drawn = self.rng.below(candidates);
        let next = available.get(drawn).copied().unwrap_or(0);
        if Some(next) == self.current && candidates > 1 {
            return available.get((drawn + 1) % candidates).copied().unwrap_or(0);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_agrees_with_java() {
        for (text, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn keys_stay_below_the_number_of_partitions() {
        for partitions in [1, 2, 3, 7, 64] {
            for key in 0..1000u32 {
                let partition = for_key(&key.to_be_bytes(), partitions);
                assert!((0..partitions as i32).contains(&partition));
            }
        }
        assert_eq!(for_key(b"abc", 10), 7);
    }

    #[test]
    fn sticky_changes_after_a_batch_and_avoids_partitions_without_leader() {
        let mut sticky = Sticky::new(100, 3);
        let first = sticky.next(60, &[0, 2], 3);
        assert_eq!(sticky.next(60, &[0, 2], 3), first);
        let second = sticky.next(60, &[0, 2], 3);
        assert_ne!(second, first);
        assert_ne!(sticky.next(1, &[first], 3), second);
    }
}
