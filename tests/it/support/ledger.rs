//! What a sink topic of one partition must hold after a job was stopped and started again at any moment: at least
//! once, and nothing twice that was committed.
//!
//! Records are `PARTITION:NUMBER`, where the number is the offset in the source topic. For each source partition the
//! written numbers are then runs that rise; a run may only begin anew after a restart, and no earlier than what was
//! committed before that restart.

use std::collections::BTreeMap;

/// What was known before a start of the job.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) sink_end: i64,
    pub(crate) committed: BTreeMap<i32, i64>,
}

/// What the job had to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// First number of a partition that the job reads.
    pub(crate) first: fn(i32) -> i64,
    /// Whether the job's filter keeps a number.
    pub(crate) keeps: fn(i64) -> bool,
}

impl Task {
    fn next(&self, mut number: i64) -> i64 {
        while !(self.keeps)(number) {
            number += 1;
        }
        number
    }

    /// Checks the records of the sink, given with their offsets in order, against all starts of the job (the first one
    /// included) and the ends of the source partitions. Gives the number of records written more than once.
    pub(crate) fn check(
        &self,
        sink: &[(i64, String)],
        starts: &[Start],
        ends: &BTreeMap<i32, i64>,
    ) -> usize {
        // The number behind the last one of the current run, and the start that the run belongs to.
        let mut runs: BTreeMap<i32, (i64, usize)> = BTreeMap::new();
        let mut times: BTreeMap<i32, Vec<usize>> =
            ends.iter().map(|(p, end)| (*p, vec![0; usize::try_from(*end).unwrap()])).collect();
        for (offset, text) in sink {
            let (partition, number) = text.split_once(':').expect("partition and number");
            let (partition, number): (i32, i64) =
                (partition.parse().unwrap(), number.parse().unwrap());
            times.get_mut(&partition).unwrap()[usize::try_from(number).unwrap()] += 1;
            let start = starts.partition_point(|start| start.sink_end <= *offset) - 1;
            let place = format!("{text} at offset {offset} of the sink, after start {start}");
            let first = (self.first)(partition);
            let run = runs.get(&partition).copied();
            let (expected, last_start) = run.unwrap_or((self.next(first), usize::MAX));
            if run.is_none() || number != expected {
                assert!(number <= expected, "{place}: {expected} is missing before it");
                assert!(
                    last_start != start,
                    "{place}: a run began twice after one start, at {expected}"
                );
                let committed = starts[start].committed.get(&partition).copied().unwrap_or(first);
                assert!(
                    number >= committed,
                    "{place}: {committed} was committed before this start"
                );
                runs.insert(partition, (self.next(number + 1), start));
            } else {
                runs.insert(partition, (self.next(number + 1), last_start));
            }
        }
        for (partition, times) in &times {
            let first = (self.first)(*partition);
            for (number, times) in (0..).zip(times) {
                let wanted = number >= first && (self.keeps)(number);
                assert!(*times > 0 || !wanted, "lost: {partition}:{number}, ends {ends:?}");
                assert!(*times == 0 || wanted, "not asked for: {partition}:{number}");
            }
        }
        times.values().flatten().filter(|times| **times > 1).count()
    }
}
