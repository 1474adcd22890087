//! What the members of a job tell each other beside partitions, as text in Kafka's user data.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

/// First word: the form and its version.
const FORM: &str = "brooklet/1";

/// Slots that are looked through for dead processes: one that claims more is not believed.
const SLOTS_MAX: u32 = 1024;

/// From a member to the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Fingerprint of what it reads.
    pub(super) script: u64,
    /// The slot that it had.
    pub(super) slot: Option<u32>,
    /// How many slots there have been, as far as it knows.
    pub(super) slots: u32,
    /// A generation that it was in has known where everything starts.
    pub(super) looked: bool,
}

/// From the leader to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// Its slot, and how many there have been.
    Slot { slot: u32, slots: u32 },
    /// It runs another script.
    Refused,
    /// Nobody has told anything: it was the coordinator who assigned, because the others are members under the other
    /// protocol.
    Nothing,
    /// The leader speaks another form.
    Unknown,
}

impl Display for Told {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let looked = u8::from(self.looked);
        write!(f, "{FORM} script={:x} slots={} looked={looked}", self.script, self.slots)?;
        self.slot.map_or(Ok(()), |slot| write!(f, " slot={slot}"))
    }
}

impl Told {
    pub(super) fn parse(text: &str) -> Option<Told> {
        let script = u64::from_str_radix(field(text, "script")?, 16).ok()?;
        let slot = field(text, "slot").and_then(number).filter(|slot| *slot < SLOTS_MAX);
        let slots = field(text, "slots").and_then(number)?.min(SLOTS_MAX);
        Some(Told { script, slot, slots, looked: field(text, "looked") == Some("1") })
    }
}

impl Display for Given {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Given::Slot { slot, slots } => write!(f, "{FORM} slot={slot} slots={slots}"),
            Given::Refused | Given::Nothing | Given::Unknown => write!(f, "{FORM} refused=script"),
        }
    }
}

impl Given {
    pub(super) fn parse(text: &str) -> Given {
        let number = |name| field(text, name).and_then(number);
        match (number("slot"), number("slots")) {
            (Some(slot), Some(slots)) => Given::Slot { slot, slots: slots.min(SLOTS_MAX) },
            _ if field(text, "refused").is_some() => Given::Refused,
            _ if text.is_empty() => Given::Nothing,
            _ => Given::Unknown,
        }
    }
}

/// A field of a text of this form.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = text.strip_prefix(FORM)?.split_whitespace().filter_map(|p| p.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}

/// The slots of a generation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Slots {
    /// Members by their slots.
    pub(super) given: Vec<(String, u32)>,
    /// Slots that nobody has, and whose ids are to be taken.
    pub(super) free: Vec<u32>,
    /// How many there are, up to the last one that somebody has or that is to be taken.
    pub(super) count: u32,
}

/// Gives every member that told something a slot: the one that it had, else the lowest that is free, so that the
/// transaction of a process that died is ended by the one that takes its place. `swept` slots have nothing open.
pub(super) fn slots(members: &[(&str, Option<Told>)], known: u32, swept: &BTreeSet<u32>) -> Slots {
    let mut taken = BTreeSet::new();
    let mut given = Vec::new();
    let mut new = Vec::new();
    let mut count = known;
    for (id, told) in members.iter().filter_map(|(id, told)| Some((*id, told.as_ref()?))) {
        count = count.max(told.slots);
        match told.slot.filter(|slot| taken.insert(*slot)) {
            Some(slot) => given.push((id.to_owned(), slot)),
            None => new.push(id),
        }
    }
    for id in new {
        let free = (0..).find(|slot| !taken.contains(slot)).unwrap_or_default();
        taken.insert(free);
        given.push((id.to_owned(), free));
    }
    given.sort_by_key(|(_, slot)| *slot);
    let free = (0..count).filter(|slot| !taken.contains(slot) && !swept.contains(slot));
    let free: Vec<u32> = free.collect();
    let last = taken.last().max(free.last());
    let count = last.map_or(0, |last| last + 1);
    Slots { given, free, count }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(slot: Option<u32>) -> Option<Told> {
        let slots = slot.map_or(0, |slot| slot + 1);
        Some(Told { script: 7, slot, slots, looked: slot.is_some() })
    }

    #[test]
    fn what_is_written_is_read() {
        for told in [told(None), told(Some(3))].into_iter().flatten() {
            assert_eq!(Told::parse(&told.to_string()), Some(told));
        }
        for given in [Given::Slot { slot: 1, slots: 4 }, Given::Refused] {
            assert_eq!(Given::parse(&given.to_string()), given);
        }
        assert_eq!(Told::parse("something else"), None);
        assert_eq!(Given::parse(""), Given::Nothing);
        assert_eq!(Given::parse("another form"), Given::Unknown);
        assert_eq!(Told::parse("brooklet/1 script=7 slots=4000000000").unwrap().slots, SLOTS_MAX);
    }

    #[test]
    fn slots_are_kept_and_free_ones_are_used_again() {
        let members = [("a", told(Some(2))), ("b", told(None)), ("c", None), ("d", told(Some(0)))];
        let slots = slots(&members, 0, &BTreeSet::new());
        let given = [("d", 0), ("b", 1), ("a", 2)].map(|(id, slot)| (id.to_owned(), slot));
        assert_eq!(slots, Slots { given: given.to_vec(), free: vec![], count: 3 });
    }

    #[test]
    fn a_slot_that_two_claim_goes_to_one_of_them() {
        let members = [("a", told(Some(4))), ("b", told(Some(4)))];
        let slots = slots(&members, 0, &BTreeSet::new());
        let given = [("b", 0), ("a", 4)].map(|(id, slot)| (id.to_owned(), slot));
        assert_eq!(slots, Slots { given: given.to_vec(), free: vec![1, 2, 3], count: 5 });
    }

    #[test]
    fn slots_that_were_taken_are_forgotten() {
        let members = [("a", told(Some(0))), ("b", told(Some(2)))];
        let counted = |known, swept: &[u32]| {
            let slots = slots(&members, known, &swept.iter().copied().collect());
            (slots.free, slots.count)
        };
        assert_eq!(counted(6, &[]), (vec![1, 3, 4, 5], 6));
        assert_eq!(counted(6, &[1, 3, 5]), (vec![4], 5));
        assert_eq!(counted(6, &[1, 3, 4, 5]), (vec![], 3));
    }
}
