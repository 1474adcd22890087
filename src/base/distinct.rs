//! Finding a value among those before it: one by one while they are few, by their hashes from then on.

use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};

/// Values up to which each is compared with all others: below it a table costs more than it saves.
pub const COMPARED_MAX: usize = 16;

/// Values in the order in which they came, of equal ones the first. What is equal the callers say, each time the same:
/// `same` of two values, and `hash`, which writes the same for values that are.
#[derive(Debug)]
pub struct Distinct<T> {
    kept: Vec<T>,
    /// Places in `kept` by hash, once there are more than [`COMPARED_MAX`] of them.
    by_hash: HashMap<u64, Vec<usize>>,
    /// Seeded by chance: values come from outside, and many of one hash would be compared with each other.
    hashing: RandomState,
}

impl<T> Default for Distinct<T> {
    fn default() -> Distinct<T> {
        Distinct { kept: Vec::new(), by_hash: HashMap::new(), hashing: RandomState::new() }
    }
}

impl<T> Distinct<T> {
    /// Forgets all values.
    pub fn clear(&mut self) {
        if self.kept.len() > COMPARED_MAX {
            // A table that was made for many values is not kept: emptying it takes as long as it is large.
            self.by_hash = HashMap::new();
        }
        self.kept.clear();
    }

    /// The values.
    pub fn as_slice(&self) -> &[T] {
        &self.kept
    }

    /// The values.
    pub fn into_vec(self) -> Vec<T> {
        self.kept
    }

    /// Whether a value is there.
    pub fn contains(
        &self,
        value: &T,
        same: impl Fn(&T, &T) -> bool,
        hash: impl Fn(&T, &mut DefaultHasher),
    ) -> bool {
        self.place(value, same, hash).is_some()
    }

    /// Adds a value; where an equal one is there already, gives that one instead.
    pub fn insert(
        &mut self,
        value: T,
        same: impl Fn(&T, &T) -> bool,
        hash: impl Fn(&T, &mut DefaultHasher),
    ) -> Option<&mut T> {
        if let Some(place) = self.place(&value, same, &hash) {
            return self.kept.get_mut(place);
        }
        self.kept.push(value);
        let first = match self.kept.len() {
            ..=COMPARED_MAX => return None,
            length if length == COMPARED_MAX + 1 => 0,
            length => length - 1,
        };
        for (place, value) in self.kept.iter().enumerate().skip(first) {
            self.by_hash.entry(hash_of(&self.hashing, value, &hash)).or_default().push(place);
        }
        None
    }

    fn place(
        &self,
        value: &T,
        same: impl Fn(&T, &T) -> bool,
        hash: impl Fn(&T, &mut DefaultHasher),
    ) -> Option<usize> {
        if self.kept.len() <= COMPARED_MAX {
            return self.kept.iter().position(|kept| same(kept, value));
        }
        let places = self.by_hash.get(&hash_of(&self.hashing, value, hash))?;
        places.iter().copied().find(|at| self.kept.get(*at).is_some_and(|kept| same(kept, value)))
    }
}

fn hash_of<T>(hashing: &RandomState, value: &T, hash: impl Fn(&T, &mut DefaultHasher)) -> u64 {
    let mut hasher = hashing.build_hasher();
    hash(value, &mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::hash::Hash;

    #[test]
    fn of_equal_values_the_first_is_kept() {
        for count in [3, COMPARED_MAX, COMPARED_MAX + 1, 100] {
            let mut distinct = Distinct::default();
            let same = |a: &(usize, usize), b: &(usize, usize)| a.0 == b.0;
            let hash = |value: &(usize, usize), hasher: &mut DefaultHasher| value.0.hash(hasher);
            for round in 0..2 {
                for at in 0..count {
                    let known = distinct.insert((at, round), same, hash).copied();
                    assert_eq!(known, (round > 0).then_some((at, 0)), "{count} values");
                }
            }
            let expected: Vec<_> = (0..count).map(|at| (at, 0)).collect();
            assert_eq!(distinct.as_slice(), expected);
            assert!(distinct.contains(&(count - 1, 9), same, hash));
            distinct.clear();
            assert!(!distinct.contains(&(count - 1, 9), same, hash));
        }
    }

    #[test]
    fn many_values_are_not_compared_with_each_other() {
        let compared = Cell::new(0);
        let same = |a: &u32, b: &u32| {
            compared.set(compared.get() + 1);
            a == b
        };
        let mut distinct = Distinct::default();
        for value in 0..10_000 {
            distinct.insert(value, same, Hash::hash);
        }
        assert!(compared.get() < COMPARED_MAX * COMPARED_MAX, "{} times", compared.get());
    }
}
