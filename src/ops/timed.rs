//! What expressions know of the world while a job runs.

use crate::expr::EvalEnv;
use std::time::Duration;

/// An environment whose time moves with the worker's clock: in streaming mode `CURRENT_TIMESTAMP` is the time of the
/// batch, in batch mode the start of the job.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimedEnv {
    env: EvalEnv,
    started_micros: i64,
    /// What the worker's clock showed at the first batch.
    base: Option<Duration>,
    moves: bool,
}

impl TimedEnv {
    pub(super) fn new(env: EvalEnv, moves: bool) -> TimedEnv {
        TimedEnv { env, started_micros: env.now_micros, base: None, moves }
    }

    pub(super) fn advance(&mut self, now: Duration) {
        if self.moves {
            let passed = now.saturating_sub(*self.base.get_or_insert(now));
            let passed = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
            self.env.now_micros = self.started_micros.saturating_add(passed);
        }
    }

    pub(super) fn get(&self) -> &EvalEnv {
        &self.env
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_moves_in_streaming_mode_only() {
        let env = EvalEnv { time_zone: chrono_tz::UTC, now_micros: 5_000_000 };
        for (moves, later) in [(true, 6_500_000), (false, 5_000_000)] {
            let mut timed = TimedEnv::new(env, moves);
            timed.advance(Duration::from_secs(100));
            assert_eq!(timed.get().now_micros, 5_000_000);
            timed.advance(Duration::from_millis(101_500));
            assert_eq!(timed.get().now_micros, later);
        }
    }
}
