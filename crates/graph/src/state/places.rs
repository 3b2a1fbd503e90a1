//! A hash index that is compiled once, for tables of any type: of each key it knows a part of its hash and its place in a
//! vector that somebody else owns. It never sees a key.

use std::hash::{BuildHasher, Hash};
use std::sync::LazyLock;

use foldhash::quality::RandomState;

/// The hash of a key. The seed is the process's own: whoever chooses the keys does not know which ones collide.
pub(crate) fn hash_of<K: Hash>(key: &K) -> u64 {
    static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);
    SEED.hash_one(key)
}

/// Places by the hashes of their keys: open addressing, at most two thirds full.
#[derive(Default)]
pub(crate) struct Places {
    /// Half a hash above, and below the place plus one; 0 where there is none. A power of two of them, or none at all.
    slots: Vec<u64>,
    len: usize,
}

const LEAST: usize = 8;

impl Places {
    /// Room for so many keys.
    pub(crate) fn with_capacity(keys: usize) -> Self {
        let slots = (keys + keys / 2 + 1).next_power_of_two().max(LEAST);
        Self {
            slots: vec![0; slots],
            len: 0,
        }
    }

    /// The place of a key: among those with its hash, the one that is `same`.
    pub(crate) fn find(&self, hash: u64, mut same: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = home(hash, mask);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return None;
            }
            if slot >> 32 == hash >> 32 {
                let place = place_of(slot);
                if same(place) {
                    return Some(place);
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a key that is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, place: u32) {
        if (self.len + 1) * 3 > self.slots.len() * 2 {
            self.grow();
        }
        self.len += 1;
        self.put(slot(hash, place));
    }

    /// Removes a key that is there.
    pub(crate) fn remove(&mut self, hash: u64, place: u32) {
        let mask = self.slots.len() - 1;
        let slot = slot(hash, place);
        let mut hole = home(hash, mask);
        while self.slots[hole] != slot {
            debug_assert!(self.slots[hole] != 0, "only what is there is removed");
            hole = (hole + 1) & mask;
        }
        // What comes behind moves up, as far as it may, so that no search ends at the hole.
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let next = self.slots[at];
            if next == 0 {
                break;
            }
            let from_home = at.wrapping_sub(home(next, mask)) & mask;
            if from_home >= at.wrapping_sub(hole) & mask {
                self.slots[hole] = next;
                hole = at;
            }
        }
        self.slots[hole] = 0;
        self.len -= 1;
    }

    /// A key that is there gets another place.
    pub(crate) fn rename(&mut self, hash: u64, from: u32, to: u32) {
        let mask = self.slots.len() - 1;
        let slot = slot(hash, from);
        let mut at = home(hash, mask);
        while self.slots[at] != slot {
            debug_assert!(self.slots[at] != 0, "only what is there is renamed");
            at = (at + 1) & mask;
        }
        self.slots[at] = self::slot(hash, to);
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(LEAST);
        for slot in std::mem::replace(&mut self.slots, vec![0; slots]) {
            if slot != 0 {
                self.put(slot);
            }
        }
    }

    fn put(&mut self, slot: u64) {
        let mask = self.slots.len() - 1;
        let mut at = home(slot, mask);
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }
}

fn slot(hash: u64, place: u32) -> u64 {
    (hash >> 32 << 32) | (u64::from(place) + 1)
}

/// Where the search for a hash begins: by the half of it that is kept.
#[allow(
    clippy::cast_possible_truncation,
    reason = "half a hash is 32 bits, and an index has no more slots than that"
)]
fn home(hash: u64, mask: usize) -> usize {
    (hash >> 32) as usize & mask
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half")]
fn place_of(slot: u64) -> u32 {
    slot as u32 - 1
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_are_a_map(steps in prop::collection::vec((0_u64..40, 0_u64..3, any::<bool>()), 0..400)) {
            // Few different hashes, so that many keys collide, also around the end.
            let hash = |key: u64, hashes: u64| (u64::MAX - key % (hashes + 5)) << 32;
            let mut model: BTreeMap<u64, (u64, u32)> = BTreeMap::new();
            let (mut places, mut keys) = (Places::default(), Vec::new());
            for (key, hashes, removes) in steps {
                let known = model.get(&key).map_or(hash(key, hashes), |(hash, _)| *hash);
                let found = places.find(known, |place| keys[place as usize] == key);
                prop_assert_eq!(found, model.get(&key).map(|(_, place)| *place));
                match found {
                    Some(place) if removes => {
                        places.remove(known, place);
                        model.remove(&key);
                    }
                    Some(_) => {}
                    None => {
                        let place = u32::try_from(keys.len()).expect("few");
                        keys.push(key);
                        places.insert(known, place);
                        model.insert(key, (known, place));
                    }
                }
                for (key, (hash, place)) in &model {
                    prop_assert_eq!(places.find(*hash, |place| keys[place as usize] == *key), Some(*place));
                }
            }
        }
    }
}
