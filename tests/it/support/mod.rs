//! What the end-to-end tests share: the program as a process, and clusters to run it against.

mod cluster;
mod hostile;
mod ledger;
mod memory;
mod program;
mod registry;
mod terminal;

pub(crate) use cluster::{Cluster, OBSERVER, Rec};
pub(crate) use hostile::{Hostile, api};
pub(crate) use ledger::{Start, Task};
pub(crate) use memory::{START, World};
pub(crate) use program::{Ended, Program, Running};
pub(crate) use registry::Registry;
pub(crate) use terminal::Terminal;

/// SplitMix64 (Steele, Lea, Flood 2014): moments of kills that a printed seed brings back.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Milliseconds since 1970 UTC.
#[expect(clippy::disallowed_methods, reason = "records of a test carry the time of the run")]
pub(crate) fn now_millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
