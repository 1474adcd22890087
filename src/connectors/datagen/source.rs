//! One split per subtask; rows are emitted as they fall due.

use super::generator::{Moment, generate};
use super::options::Plan;
use crate::base::Result;
use crate::table::{
    Boundedness, CommitDomain, Discovered, Enumerator, JobContext, Polled, Position, Progress,
    Reader, ScanFacts, ScanName, Source, SourceStats, Split, Waker,
};
use crate::types::{Batch, RowErrors, SplitId};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How often a generator that waits for rows to fall due looks again.
const PACE: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct DataGenSource {
    plan: Arc<Plan>,
}

impl DataGenSource {
    pub(super) fn new(plan: Plan) -> DataGenSource {
        DataGenSource { plan: Arc::new(plan) }
    }
}

impl Source for DataGenSource {
    fn boundedness(&self) -> Boundedness {
        match self.plan.rows {
            Some(_) => Boundedness::Bounded,
            None => Boundedness::Unbounded,
        }
    }

    fn applies_predicate(&self) -> bool {
        false
    }

    fn enumerator(&mut self, _waker: Waker) -> Result<Box<dyn Enumerator>> {
        Ok(Box::new(Subtasks { plan: Arc::clone(&self.plan), found: None }))
    }

    fn reader(&mut self, _worker: usize, _waker: Waker) -> Result<Box<dyn Reader>> {
        Ok(Box::new(Generators {
            plan: Arc::clone(&self.plan),
            splits: VecDeque::new(),
            ended: Vec::new(),
            started: None,
            next: None,
            stats: SourceStats { lag: Some(0), ..SourceStats::default() },
        }))
    }

    fn facts(&self, name: ScanName) -> ScanFacts {
        let (source, reads) = ("datagen".to_owned(), Arc::new(|_: &SplitId| true));
        ScanFacts { name, source, reads, lag_group: None }
    }

    fn resumes(&self) -> bool {
        false
    }

    fn commit_domain(
        &mut self,
        _: &JobContext,
        _: &ScanName,
        _: Waker,
    ) -> Result<Option<Box<dyn CommitDomain>>> {
        Ok(None)
    }
}

/// Finds the subtasks, once.
#[derive(Debug)]
struct Subtasks {
    plan: Arc<Plan>,
    found: Option<Discovered>,
}

impl Enumerator for Subtasks {
    fn start(&mut self, restored: Option<&Progress>) -> Result<()> {
        let name: Arc<str> = "datagen".into();
        let count = i64::try_from(self.plan.parallelism).unwrap_or(1);
        let split = |index: i64| {
            let id = SplitId { name: Arc::clone(&name), index: i32::try_from(index).unwrap_or(0) };
            let restored = restored.and_then(|progress| progress.positions.get(&id));
            let end = self.plan.rows.map(|rows| {
                let rows = i64::try_from(rows).unwrap_or(i64::MAX);
                rows / count + i64::from(index < rows % count)
            });
            Split { id: Arc::new(id), start: restored.copied().unwrap_or(Position::at(0)), end }
        };
        let added = (0..count).map(split).collect();
        self.found = Some(Discovered { added, complete: true, ..Discovered::default() });
        Ok(())
    }

    fn poll(&mut self, _now: Duration) -> Result<Option<Discovered>> {
        Ok(self.found.take())
    }

    fn next_deadline(&self) -> Option<Duration> {
        None
    }
}

/// Generates the rows of a worker's subtasks, in turn.
#[derive(Debug)]
struct Generators {
    plan: Arc<Plan>,
    splits: VecDeque<Subtask>,
    ended: Vec<Subtask>,
    started: Option<Duration>,
    next: Option<Duration>,
    stats: SourceStats,
}

#[derive(Debug)]
struct Subtask {
    split: Split,
    /// Next row.
    row: i64,
    /// Row of the first poll: pace counts from there.
    base: i64,
}

impl Generators {
    /// Rows of one subtask that are due by now.
    fn due(&self, elapsed: Duration) -> i64 {
        let rows = elapsed.as_secs_f64() * self.plan.rows_per_second as f64;
        (rows / self.plan.parallelism as f64) as i64 + 1
    }

    fn batch(&self, subtask: &Subtask, end: i64) -> Result<Batch> {
        let moment = Moment {
            seed: self.plan.seed,
            now_millis: self.plan.wall_clock.millis(),
            zone: self.plan.time_zone,
            stride: i64::try_from(self.plan.parallelism).unwrap_or(1),
            first: i64::from(subtask.split.id.index),
        };
        let columns = self
            .plan
            .columns
            .iter()
            .enumerate()
            .map(|(at, (data_type, generator))| {
                generate(generator, data_type, at, subtask.row..end, &moment)
            })
            .collect::<Result<_>>()?;
        // Generated rows have no place that a user could look up.
        Ok(Batch::append(usize::try_from(end - subtask.row).unwrap_or(0), columns))
    }
}

impl Reader for Generators {
    fn assign(&mut self, splits: Vec<Split>) -> Result<()> {
        self.splits.extend(splits.into_iter().map(|split| {
            let row = split.start.offset;
            Subtask { split, row, base: row }
        }));
        Ok(())
    }

    fn revoke(&mut self, splits: &[SplitId]) {
        self.splits.retain(|subtask| !splits.contains(&subtask.split.id));
    }

    fn poll(&mut self, now: Duration, _errors: &mut RowErrors) -> Result<Polled> {
        let elapsed = now.saturating_sub(*self.started.get_or_insert(now));
        self.next = None;
        for _ in 0..self.splits.len() {
            let Some(mut subtask) = self.splits.pop_front() else { break };
            let last = subtask.split.end.unwrap_or(i64::MAX);
            if subtask.row >= last {
                let id = Arc::clone(&subtask.split.id);
                self.ended.push(subtask);
                return Ok(Polled::Ended(id));
            }
            let most = i64::try_from(self.plan.batch_rows()).unwrap_or(1);
            let due = subtask.base.saturating_add(self.due(elapsed));
            let end = due.min(last).min(subtask.row.saturating_add(most));
            if end <= subtask.row {
                self.splits.push_back(subtask);
                continue;
            }
            let batch = self.batch(&subtask, end)?;
            subtask.row = end;
            self.splits.push_back(subtask);
            self.stats.records += batch.rows as u64;
            return Ok(Polled::Data(batch));
        }
        if !self.splits.is_empty() {
            self.next = Some(now + PACE);
        }
        Ok(Polled::Idle)
    }

    fn positions(&self, out: &mut Vec<(Arc<SplitId>, Position)>) {
        for subtask in self.splits.iter().chain(&self.ended) {
            out.push((Arc::clone(&subtask.split.id), Position::at(subtask.row)));
        }
    }

    fn next_deadline(&self) -> Option<Duration> {
        self.next
    }

    fn stats(&self) -> SourceStats {
        self.stats
    }
}
