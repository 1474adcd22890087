//! The checker: committed output against numbered input.

use crate::support::Rec;
use std::collections::BTreeMap;

/// Lines of a report: one fault shows in many records.
const PROBLEMS_MAX: usize = 20;

/// A sink of a job and what it must hold.
#[derive(Clone, Debug)]
pub(super) struct Sink {
    pub(super) topic: String,
    /// Whether the query keeps a number.
    pub(super) keeps: fn(i64) -> bool,
    /// One partition and one way to it: numbers of a source partition rise.
    pub(super) ordered: bool,
}

/// Takes the committed records of a sink as they are read, and says what is lost, duplicated, reordered, or was not asked
/// for.
#[derive(Debug)]
pub(super) struct Checker {
    sink: Sink,
    partitions: BTreeMap<i32, Seen>,
    /// Records so far.
    pub(super) records: usize,
    found: Vec<String>,
}

/// What came of one source partition.
#[derive(Debug, Default)]
struct Seen {
    /// By number.
    numbers: Vec<bool>,
    /// Behind the highest number.
    end: i64,
    last: Option<i64>,
    /// Below it nothing is missing.
    complete: i64,
}

impl Checker {
    pub(super) fn new(sink: &Sink) -> Checker {
        Checker { sink: sink.clone(), partitions: BTreeMap::new(), records: 0, found: Vec::new() }
    }

    fn problem(&mut self, line: impl FnOnce() -> String) {
        if self.found.len() < PROBLEMS_MAX {
            self.found.push(line());
        }
    }

    /// The next record; those of a partition of the sink in their order.
    pub(super) fn see(&mut self, record: &Rec) {
        self.records += 1;
        let text = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default());
        let place = || format!("{text} at {}-{}", record.partition, record.offset);
        let Some((partition, number, index)) = parse(&text) else {
            return self.problem(|| format!("foreign: {}", place()));
        };
        let seen = self.partitions.entry(partition).or_default();
        if seen.numbers.len() <= index {
            seen.numbers.resize(index + 1, false);
        }
        let doubled = std::mem::replace(&mut seen.numbers[index], true);
        let before = seen.last.replace(number);
        seen.end = seen.end.max(number + 1);
        if doubled {
            self.problem(|| format!("duplicated: {}", place()));
        } else if self.sink.ordered && before.is_some_and(|before| before >= number) {
            self.problem(|| format!("reordered: {} behind {before:?}", place()));
        }
        if !(self.sink.keeps)(number) {
            self.problem(|| format!("not asked for: {}", place()));
        }
    }

    /// Everything that is wrong when the source partitions were worked off up to `ends`. At most 20 lines.
    pub(super) fn covers(&mut self, ends: &BTreeMap<i32, i64>) -> &[String] {
        let keeps = self.sink.keeps;
        let mut lines = Vec::new();
        for (partition, seen) in &self.partitions {
            let end = ends.get(partition).copied().unwrap_or(0);
            if seen.end > end {
                lines
                    .push(format!("not asked for: {partition}:{}, the end is {end}", seen.end - 1));
            }
        }
        for (partition, end) in ends {
            let seen = self.partitions.entry(*partition).or_default();
            let has = |number: &i64| {
                usize::try_from(*number).is_ok_and(|at| seen.numbers.get(at) == Some(&true))
            };
            let lost = (seen.complete..*end).filter(|number| keeps(*number) && !has(number));
            lines.extend(
                lost.take(PROBLEMS_MAX).map(|number| format!("lost: {partition}:{number}")),
            );
            seen.complete = seen.complete.max(*end);
        }
        lines.into_iter().for_each(|line| self.problem(|| line));
        &self.found
    }
}

/// The same of records that were read already.
pub(super) fn problems(sink: &Sink, records: &[Rec], ends: &BTreeMap<i32, i64>) -> Vec<String> {
    let mut checker = Checker::new(sink);
    records.iter().for_each(|record| checker.see(record));
    checker.covers(ends).to_vec()
}

/// Partition and number of `{"v":"1:42","n":42}`, and the number once more as an index.
fn parse(json: &str) -> Option<(i32, i64, usize)> {
    let (v, n) = json.strip_prefix(r#"{"v":""#)?.strip_suffix('}')?.split_once(r#"","n":"#)?;
    let (partition, number) = v.split_once(':')?;
    let (partition, number) = (partition.parse().ok()?, number.parse().ok()?);
    let index = usize::try_from(number).ok()?;
    (n.parse() == Ok(number)).then_some((partition, number, index))
}

#[test]
fn the_checker_finds_each_kind_of_fault() {
    let sink = Sink { topic: String::new(), keeps: |n| n != 1, ordered: true };
    let ends: BTreeMap<i32, i64> = [(0, 4)].into();
    let row = |n: &i64| Rec::value(format!(r#"{{"v":"0:{n}","n":{n}}}"#));
    let check = |numbers: &[i64]| {
        let records: Vec<Rec> = numbers.iter().map(row).collect();
        problems(&sink, &records, &ends).iter().map(|line| line[..4].to_owned()).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(check(&[0, 2, 3]), none);
    assert_eq!(check(&[0, 3]), ["lost"]);
    assert_eq!(check(&[0, 2, 2, 3]), ["dupl"]);
    assert_eq!(check(&[2, 0, 3]), ["reor"]);
    assert_eq!(check(&[0, 1, 2, 3]), ["not "]);
    assert_eq!(check(&[0, 2, 3, 4]), ["not "]);
    assert_eq!(problems(&sink, &[Rec::value("x")], &[].into()).len(), 1);
    // Looked at once more when there is more.
    let mut checker = Checker::new(&sink);
    [0, 2].iter().for_each(|n| checker.see(&row(n)));
    assert_eq!(checker.covers(&[(0, 3)].into()), none);
    checker.see(&row(&5));
    assert_eq!(checker.covers(&[(0, 6)].into()), ["lost: 0:3", "lost: 0:4"]);
}
