//! Seeded randomness for jitter and for the order of deliveries in tests: never for secrets.

use std::time::Duration;

/// `SplitMix64`: one addition and two multiplications per number, any seed is fine.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// A generator that always yields the same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next_u64() % bound as u64) as usize }
    }
}

/// Exponential back-off with jitter, as KIP-580 and KIP-601 define it.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// Wait after the first failure.
    pub initial: Duration,
    /// Upper bound before jitter.
    pub max: Duration,
}

impl Backoff {
    /// The wait after `failures` failures in a row (0 counts as 1): doubles up to the bound, ±20 %.
    pub fn after(&self, failures: u32, rng: &mut Rng) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let base = self.initial.saturating_mul(1 << doublings).min(self.max);
        let jitter = 0.8 + 0.4 * (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        base.mul_f64(jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_bound_with_twenty_percent_jitter() {
        let mut rng = Rng::new(7);
        let backoff =
            Backoff { initial: Duration::from_millis(50), max: Duration::from_millis(1000) };
        for (failures, base) in [(1, 50), (2, 100), (3, 200), (5, 800), (6, 1000), (60, 1000)] {
            for _ in 0..50 {
                let wait = backoff.after(failures, &mut rng).as_micros();
                assert!((base * 800..=base * 1200).contains(&wait), "{failures}: {wait}");
            }
        }
    }

    #[test]
    fn same_seed_same_numbers() {
        let (mut a, mut b) = (Rng::new(1), Rng::new(1));
        assert!((0..100).all(|_| a.next_u64() == b.next_u64()));
    }
}
