//! The checker: committed output against numbered input.

use crate::support::Rec;
use std::collections::BTreeMap;

/// A sink of a job and what it must hold.
#[derive(Clone, Debug)]
pub(super) struct Sink {
    pub(super) topic: String,
    /// Whether the query keeps a number.
    pub(super) keeps: fn(i64) -> bool,
    /// One partition and one way to it: numbers of a source partition rise.
    pub(super) ordered: bool,
}

/// Everything that is wrong with the committed records of a sink whose source partitions were worked off up to `ends`:
/// what is lost, duplicated, reordered, or was not asked for. At most 20 lines.
pub(super) fn problems(sink: &Sink, records: &[Rec], ends: &BTreeMap<i32, i64>) -> Vec<String> {
    let mut found = Vec::new();
    let mut times: BTreeMap<(i32, i64), usize> = BTreeMap::new();
    let mut last: BTreeMap<i32, i64> = BTreeMap::new();
    for record in records {
        let text = record.text();
        let place = format!("{text} at {}-{}", record.partition, record.offset);
        let Some((partition, number)) = parse(&text) else {
            found.push(format!("foreign: {place}"));
            continue;
        };
        *times.entry((partition, number)).or_default() += 1;
        let before = last.insert(partition, number);
        if sink.ordered && before.is_some_and(|before| before >= number) {
            found.push(format!("reordered: {place} behind {before:?}"));
        }
    }
    for ((partition, number), times) in &times {
        let covered = ends.get(partition).is_some_and(|end| number < end);
        if !covered || !(sink.keeps)(*number) {
            found.push(format!("not asked for: {partition}:{number}"));
        }
        if *times > 1 {
            found.push(format!("duplicated: {partition}:{number}, {times} times"));
        }
    }
    for (partition, end) in ends {
        let lost = (0..*end)
            .filter(|number| (sink.keeps)(*number) && !times.contains_key(&(*partition, *number)));
        found.extend(lost.map(|number| format!("lost: {partition}:{number}")));
    }
    found.truncate(20);
    found
}

/// Partition and number of `{"v":"1:42","n":42}`.
fn parse(json: &str) -> Option<(i32, i64)> {
    let (v, n) = json.strip_prefix(r#"{"v":""#)?.strip_suffix('}')?.split_once(r#"","n":"#)?;
    let (partition, number) = v.split_once(':')?;
    let (partition, number) = (partition.parse().ok()?, number.parse().ok()?);
    (n.parse() == Ok(number)).then_some((partition, number))
}

#[test]
fn the_checker_finds_each_kind_of_fault() {
    let sink = Sink { topic: String::new(), keeps: |n| n != 1, ordered: true };
    let ends: BTreeMap<i32, i64> = [(0, 4)].into();
    let check = |numbers: &[i64]| {
        let row = |n: &i64| Rec::value(format!(r#"{{"v":"0:{n}","n":{n}}}"#));
        let records: Vec<Rec> = numbers.iter().map(row).collect();
        problems(&sink, &records, &ends).iter().map(|line| line[..4].to_owned()).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(check(&[0, 2, 3]), none);
    assert_eq!(check(&[0, 3]), ["lost"]);
    assert_eq!(check(&[0, 2, 2, 3]), ["reor", "dupl"]);
    assert_eq!(check(&[2, 0, 3]), ["reor"]);
    assert_eq!(check(&[0, 1, 2, 3]), ["not "]);
    assert_eq!(check(&[0, 2, 3, 4]), ["not "]);
    assert_eq!(problems(&sink, &[Rec::value("x")], &[].into()).len(), 1);
}
