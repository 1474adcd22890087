//! What the members of a consumer group tell each other through JoinGroup and SyncGroup: Kafka's
//! `ConsumerProtocolSubscription` and `ConsumerProtocolAssignment`, version 0, so that Kafka's tools can show them.

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::string_slice
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::topic::TopicPartition;

/// Type of protocol of groups that read topics.
pub(super) const PROTOCOL_TYPE: &str = "consumer";

/// What a member wants to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    /// Names of topics; for tools, the leader of the group decides.
    pub topics: Vec<String>,
    /// What the program adds.
    pub user_data: String,
}

/// What a member is to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assignment {
    /// The partitions, in order.
    pub partitions: Vec<TopicPartition>,
    /// What the program adds.
    pub user_data: String,
}

impl Subscription {
    /// The bytes of the protocol. Names that are too long for it are cut off; brokers have none.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = 0i16.to_be_bytes().to_vec();
        put_count(self.topics.len(), &mut out);
        for topic in &self.topics {
            put_text(topic, &mut out);
        }
        put_data(&self.user_data, &mut out);
        out.into()
    }

    /// Reads them; `None` is something else. What later versions append is passed over.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (_version, mut rest) = take::<2>(bytes)?;
        let count = take_count(&mut rest)?;
        let mut topics = Vec::new();
        for _ in 0..count {
            topics.push(take_text(&mut rest)?);
        }
        Some(Self { topics, user_data: take_data(&mut rest)? })
    }
}

impl Assignment {
    /// The bytes of the protocol.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for tp in &self.partitions {
            topics.entry(&tp.topic).or_default().push(tp.partition);
        }
        let mut out = 0i16.to_be_bytes().to_vec();
        put_count(topics.len(), &mut out);
        for (topic, partitions) in topics {
            put_text(topic, &mut out);
            put_count(partitions.len(), &mut out);
            for partition in partitions {
                out.extend(partition.to_be_bytes());
            }
        }
        put_data(&self.user_data, &mut out);
        out.into()
    }

    /// Reads them; `None` is something else. No bytes at all assign nothing.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let (_version, mut rest) = take::<2>(bytes)?;
        let count = take_count(&mut rest)?;
        let mut partitions = Vec::new();
        for _ in 0..count {
            let topic: Arc<str> = take_text(&mut rest)?.into();
            for _ in 0..take_count(&mut rest)? {
                let (number, left) = take::<4>(rest)?;
                rest = left;
                let partition = i32::from_be_bytes(number);
                partitions.push(TopicPartition::new(Arc::clone(&topic), partition));
            }
        }
        partitions.sort();
        Some(Self { partitions, user_data: take_data(&mut rest)? })
    }
}

fn put_count(count: usize, out: &mut Vec<u8>) {
    out.extend(i32::try_from(count).unwrap_or(i32::MAX).to_be_bytes());
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    let length = i16::try_from(text.len()).unwrap_or(i16::MAX);
    out.extend(length.to_be_bytes());
    out.extend(text.bytes().take(usize::try_from(length).unwrap_or(0)));
}

fn put_data(data: &str, out: &mut Vec<u8>) {
    put_count(data.len(), out);
    out.extend(data.bytes());
}

fn take<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    bytes.split_first_chunk::<N>().map(|(taken, rest)| (*taken, rest))
}

/// A count of elements, each of which takes at least a byte: a lie about it ends with the bytes.
fn take_count(bytes: &mut &[u8]) -> Option<usize> {
    let (count, rest) = take::<4>(bytes)?;
    *bytes = rest;
    usize::try_from(i32::from_be_bytes(count)).ok().filter(|count| *count <= rest.len())
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let (length, rest) = take::<2>(bytes)?;
    let length = usize::try_from(i16::from_be_bytes(length)).ok()?;
    let (text, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    String::from_utf8(text.to_vec()).ok()
}

/// Nullable bytes, as text; none is empty.
fn take_data(bytes: &mut &[u8]) -> Option<String> {
    let (length, rest) = take::<4>(bytes)?;
    let length = i32::from_be_bytes(length);
    if length < 0 {
        return Some(String::new());
    }
    let (data, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    String::from_utf8(data.to_vec()).ok()
}

/// Gives every member a range of the partitions, in the order of both: shares differ by one at most. Unlike Kafka's
/// `RangeAssignor` the ranges are of all topics together, so that the first members do not get the rest of each.
#[must_use]
pub fn ranges(members: usize, mut partitions: Vec<TopicPartition>) -> Vec<Vec<TopicPartition>> {
    partitions.sort();
    partitions.dedup();
    let mut shares = Vec::with_capacity(members);
    let mut left = partitions.len();
    let mut partitions = partitions.into_iter();
    for others in (1..=members).rev() {
        let share = left.div_ceil(others);
        shares.push(partitions.by_ref().take(share).collect());
        left = left.saturating_sub(share);
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tp(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition::new(topic, partition)
    }

    #[test]
    fn what_is_written_is_read() {
        let wants = Subscription {
            topics: vec!["a".to_owned(), "b".to_owned()],
            user_data: "slot=1".to_owned(),
        };
        assert_eq!(Subscription::decode(&wants.encode()), Some(wants.clone()));
        let gets = Assignment {
            partitions: vec![tp("a", 0), tp("a", 3), tp("b", 1)],
            user_data: String::new(),
        };
        assert_eq!(Assignment::decode(&gets.encode()), Some(gets.clone()));
        assert_eq!(Assignment::decode(&[]), Some(Assignment::default()));
        for end in 1..gets.encode().len() {
            assert_eq!(Assignment::decode(&gets.encode()[..end]), None, "{end}");
        }
        for end in 0..wants.encode().len() {
            assert_eq!(Subscription::decode(&wants.encode()[..end]), None, "{end}");
        }
    }

    #[test]
    fn the_bytes_are_kafkas() {
        let wants = Subscription { topics: vec!["t".to_owned()], user_data: "u".to_owned() };
        assert_eq!(&wants.encode()[..], b"\0\0\0\0\0\x01\0\x01t\0\0\0\x01u");
        let gets = Assignment { partitions: vec![tp("t", 2)], user_data: String::new() };
        assert_eq!(&gets.encode()[..], b"\0\0\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x02\0\0\0\0");
        // What Java writes without user data is null.
        assert!(Subscription::decode(b"\0\x01\0\0\0\0\xff\xff\xff\xff\0\0\0\0").is_some());
    }

    #[test]
    fn a_lie_about_a_count_is_refused() {
        assert_eq!(Subscription::decode(b"\0\0\x7f\xff\xff\xff\0\0"), None);
        assert_eq!(Assignment::decode(b"\0\0\xff\xff\xff\xff\0\0"), None);
    }

    #[test]
    fn shares_differ_by_one_at_most() {
        for members in 1..6 {
            for count in 0..12 {
                let all: Vec<_> = (0..count).map(|n| tp(["a", "b"][n as usize % 2], n)).collect();
                let shares = ranges(members, all.clone());
                assert_eq!(shares.len(), members);
                let sizes: Vec<usize> = shares.iter().map(Vec::len).collect();
                let spread = sizes.iter().max().unwrap() - sizes.iter().min().unwrap();
                assert!(spread <= 1, "{sizes:?}");
                let mut given: Vec<_> = shares.into_iter().flatten().collect();
                given.sort();
                let mut all = all;
                all.sort();
                assert_eq!(given, all);
            }
        }
        assert!(ranges(0, vec![tp("a", 0)]).is_empty());
    }
}
