//! What expressions know of the world while a job runs.

use crate::expr::EvalEnv;

/// An environment whose time moves: in streaming mode `CURRENT_TIMESTAMP` is the time of the batch, in batch mode that
/// of the start of the job.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimedEnv {
    env: EvalEnv,
    moves: bool,
}

impl TimedEnv {
    pub(super) fn new(env: EvalEnv, moves: bool) -> TimedEnv {
        TimedEnv { env, moves }
    }

    pub(super) fn advance(&mut self, now_micros: i64) {
        if self.moves {
            self.env.now_micros = now_micros;
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
            timed.advance(6_500_000);
            assert_eq!(timed.get().now_micros, later);
        }
    }
}
