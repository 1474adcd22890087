//! The time of day, where jobs need it.

use std::fmt;

/// The machine's clock, asked anew each time: it is set while jobs run, and stands still for none of them when the
/// machine sleeps, which the job's own clock may.
#[derive(Clone, Copy)]
pub struct WallClock(fn() -> i64);

impl WallClock {
    /// `millis` gives milliseconds since 1970 UTC.
    pub fn new(millis: fn() -> i64) -> WallClock {
        WallClock(millis)
    }

    /// Milliseconds since 1970 UTC.
    pub fn millis(self) -> i64 {
        (self.0)()
    }

    /// Microseconds since 1970 UTC, in whole milliseconds as Flink's functions of the current time have them.
    pub fn micros(self) -> i64 {
        self.millis().saturating_mul(1000)
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}
