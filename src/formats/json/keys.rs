//! Which column a field name belongs to.
//!
//! Writers keep the order of keys: each key remembers the key that followed it last time, and a scan first compares
//! with that. Only keys that come in a new order are looked up.

/// Keys outside of the schema that are remembered; further ones are looked up every time.
const LEARNED_KEYS_MAX: usize = 256;

/// Bytes of a key that is remembered; longer ones are looked up every time.
const LEARNED_KEY_BYTES_MAX: usize = 64;

/// A key's number: its position among the schema's keys and the learned ones.
pub(crate) type KeyId = u32;

/// No key.
pub(crate) const NO_KEY: KeyId = u32::MAX;

/// A key that is no column.
pub(crate) const NO_SLOT: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Key {
    /// First 16 bytes of `name":`, little-endian, zero where it is shorter.
    head: u128,
    /// Which bytes of the record count in the comparison with `head`.
    mask: u128,
    /// The pattern `name":` in the arena.
    start: usize,
    len: usize,
    /// Token of the row that the value goes to, or [`NO_SLOT`].
    slot: u32,
    /// The key that followed last time.
    next: KeyId,
}

/// The keys of one object type.
#[derive(Debug)]
pub(crate) struct Keys {
    keys: Vec<Key>,
    arena: Vec<u8>,
    /// Open addressing by name; `NO_KEY` is free. Its size is a power of two.
    table: Vec<KeyId>,
    /// Which key came first last time.
    first: KeyId,
    learned: usize,
}

impl Keys {
    /// Keys of the columns `names` with the tokens that their values go to.
    pub(crate) fn new<'a>(names: impl IntoIterator<Item = (&'a str, u32)>) -> Keys {
        let names: Vec<(&str, u32)> = names.into_iter().collect();
        let room = names.len().saturating_add(LEARNED_KEYS_MAX).saturating_mul(2);
        let mut keys = Keys {
            keys: Vec::new(),
            arena: Vec::new(),
            table: vec![NO_KEY; room.next_power_of_two()],
            first: NO_KEY,
            learned: 0,
        };
        for (name, slot) in names {
            keys.add(name.as_bytes(), slot);
        }
        // Until a record shows another order, that of the schema is expected.
        keys.first = if keys.keys.is_empty() { NO_KEY } else { 0 };
        let count = keys.keys.len();
        for (at, key) in keys.keys.iter_mut().enumerate() {
            let following = at.wrapping_add(1);
            key.next = if following < count { following as KeyId } else { NO_KEY };
        }
        keys
    }

    fn add(&mut self, name: &[u8], slot: u32) -> KeyId {
        let id = self.keys.len() as KeyId;
        let start = self.arena.len();
        self.arena.extend_from_slice(name);
        self.arena.extend_from_slice(b"\":");
        let pattern = self.arena.get(start..).unwrap_or_default();
        let mut head = [0u8; 16];
        let mut mask = [0u8; 16];
        for ((head, mask), byte) in head.iter_mut().zip(&mut mask).zip(pattern) {
            (*head, *mask) = (*byte, 0xff);
        }
        let len = pattern.len();
        let (head, mut mask) = (u128::from_le_bytes(head), u128::from_le_bytes(mask));
        if name.iter().any(|b| matches!(b, b'"' | b'\\')) {
            // Such a name has escapes in JSON text: the comparison of raw text must never succeed.
            mask = 0;
        }
        let head = if mask == 0 { 1 } else { head };
        self.keys.push(Key { head, mask, start, len, slot, next: NO_KEY });
        let mut at = self.home(name);
        while let Some(place) = self.table.get_mut(at) {
            if *place == NO_KEY {
                *place = id;
                break;
            }
            at = self.beyond(at);
        }
        id
    }

    fn home(&self, name: &[u8]) -> usize {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in name {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        (hash ^ (hash >> 29)) as usize & self.table.len().wrapping_sub(1)
    }

    fn beyond(&self, at: usize) -> usize {
        at.wrapping_add(1) & self.table.len().wrapping_sub(1)
    }

    /// If the key that is expected after `previous` stands at `at` (inside of its opening quote) and a colon follows:
    /// that key and the position after the colon.
    #[inline(always)]
    pub(crate) fn expected(
        &self,
        previous: KeyId,
        bytes: &[u8],
        at: usize,
    ) -> Option<(KeyId, usize)> {
        let id = match self.keys.get(previous as usize) {
            Some(key) => key.next,
            None => self.first,
        };
        let key = self.keys.get(id as usize)?;
        let end = at.wrapping_add(key.len);
        if let Some(head) = bytes.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
            if u128::from_le_bytes(*head) & key.mask != key.head {
                return None;
            }
            if key.len <= 16 {
                return Some((id, end));
            }
        }
        let pattern = self.arena.get(key.start..key.start.wrapping_add(key.len))?;
        (key.mask != 0 && bytes.get(at..end) == Some(pattern)).then_some((id, end))
    }

    /// The key called `name`, or `NO_KEY`.
    pub(crate) fn find(&self, name: &[u8]) -> KeyId {
        let mut at = self.home(name);
        while let Some(id) = self.table.get(at).copied() {
            let Some(key) = self.keys.get(id as usize) else { return NO_KEY };
            let end = key.start.wrapping_add(key.len).wrapping_sub(2);
            if self.arena.get(key.start..end) == Some(name) {
                return id;
            }
            at = self.beyond(at);
        }
        NO_KEY
    }

    /// As [`Keys::find`] for a name as it stands in the record, which is learned where it is new.
    pub(crate) fn find_or_learn(&mut self, name: &[u8]) -> KeyId {
        let id = self.find(name);
        if id != NO_KEY || self.learned >= LEARNED_KEYS_MAX || name.len() > LEARNED_KEY_BYTES_MAX {
            return id;
        }
        self.learned = self.learned.saturating_add(1);
        self.add(name, NO_SLOT)
    }

    /// Remembers that `id` came after `previous`.
    pub(crate) fn remember(&mut self, previous: KeyId, id: KeyId) {
        match self.keys.get_mut(previous as usize) {
            Some(key) => key.next = id,
            None => self.first = id,
        }
    }

    /// Token that a key's value goes to.
    #[inline(always)]
    pub(crate) fn slot(&self, id: KeyId) -> u32 {
        self.keys.get(id as usize).map_or(NO_SLOT, |key| key.slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expects_the_order_seen_last() {
        let mut keys = Keys::new([("a", 0), ("a-name-of-more-than-16-bytes", 1), ("q\"", 2)]);
        let record = b"a\":1,  padding for a full word";
        assert_eq!(keys.expected(NO_KEY, record, 0), Some((0, 3)));
        assert_eq!(keys.expected(NO_KEY, b"a\":", 0), Some((0, 3)));
        assert_eq!(keys.expected(NO_KEY, b"ab\":", 0), None);
        let long = b"a-name-of-more-than-16-bytes\":";
        assert_eq!(keys.expected(0, long, 0), Some((1, 30)));
        assert_eq!(keys.expected(0, b"a-name-of-more-than-16-bytex\":", 0), None);
        assert_eq!(keys.expected(1, b"q\"\":             padding", 0), None);
        assert_eq!(keys.find(b"q\""), 2);
        let new = keys.find_or_learn(b"new");
        assert_eq!((new, keys.slot(new)), (3, NO_SLOT));
        keys.remember(0, new);
        assert_eq!(keys.expected(0, b"new\":", 0), Some((3, 5)));
    }

    #[test]
    fn learns_a_bounded_number_of_keys() {
        let mut keys = Keys::new([("a", 0)]);
        for number in 0..10_000 {
            keys.find_or_learn(format!("k{number}").as_bytes());
        }
        assert_eq!(keys.keys.len(), LEARNED_KEYS_MAX + 1);
        assert_eq!(keys.find(b"a"), 0);
        assert_eq!(keys.find(b"k9999"), NO_KEY);
    }
}
