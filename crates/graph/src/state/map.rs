//! A map whose entries are found by the hashes of their keys, and read in the order of the keys where somebody asks for it.
//! Nothing here is seen in the order of a hash: what is not read in the order of keys is read in the order of places,
//! which is that in which keys came and went. The order of keys is made when it is first asked for.

use std::cmp::Ordering;
use std::hash::Hash;
use std::ops::Bound;

use super::lazy_order::{Came, LazyOrder};
use super::places::{Places, hash_of};
use super::sort::{self, begin_of};
use super::sorted_places::{Between, SortedPlaces};

/// From so many new places on they are compared by the beginnings of their encodings first.
const MANY: usize = 64;

/// The order-preserving encoding of a key, appended to what is there.
type Encode<K> = fn(&K, &mut Vec<u8>);

/// What a map holds: a key and what belongs to it.
pub(crate) trait Entry {
    type Key;

    fn key(&self) -> &Self::Key;
}

impl<K, V> Entry for (K, V) {
    type Key = K;

    fn key(&self) -> &K {
        &self.0
    }
}

/// Entries by key.
pub(crate) struct Map<E: Entry> {
    /// In the order in which they came, but that the last one takes the place of one that goes.
    entries: Vec<E>,
    places: Places,
    encode: Option<Encode<E::Key>>,
    /// The places in the order of their keys.
    order: LazyOrder,
}

impl<E: Entry> Map<E> {
    /// An empty map. With an encoding many keys at once are sorted faster; none may be a prefix of another.
    pub(crate) fn new(encode: Option<Encode<E::Key>>) -> Self {
        Self {
            entries: Vec::new(),
            places: Places::default(),
            encode,
            order: LazyOrder::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// As they lie, in the order of their places.
    pub(crate) fn entries(&self) -> &[E] {
        &self.entries
    }

    pub(crate) fn into_entries(self) -> Vec<E> {
        self.entries
    }

    /// The entry at a place, to be changed so that its key stays.
    pub(crate) fn entry_mut(&mut self, place: u32) -> &mut E {
        &mut self.entries[place as usize]
    }
}

impl<E: Entry> Map<E>
where
    E::Key: Ord + Hash,
{
    pub(crate) fn get(&self, key: &E::Key) -> Option<&E> {
        let place = self.find(hash_of(key), key)?;
        Some(&self.entries[place as usize])
    }

    /// The place of a key, which it has as long as it is there.
    pub(crate) fn find(&self, hash: u64, key: &E::Key) -> Option<u32> {
        self.places.find(hash, |place| self.key_at(place) == key)
    }

    /// The place of a key where it was found, or elsewhere by now.
    pub(crate) fn find_again(&self, place: u32, key: &E::Key) -> Option<u32> {
        match self.entries.get(place as usize) {
            Some(entry) if entry.key() == key => Some(place),
            _ => self.find(hash_of(key), key),
        }
    }

    /// The entries within bounds, in the order of the keys.
    ///
    /// Costs a search; and where keys came since it was last asked, that of sorting them in.
    pub(crate) fn range(&self, bounds: (Bound<&E::Key>, Bound<&E::Key>)) -> Range<'_, E> {
        let order = self.in_order();
        let start = match bounds.0 {
            Bound::Unbounded => order.start(),
            Bound::Included(key) => order.spot(&|place| self.key_at(place) < key),
            Bound::Excluded(key) => order.spot(&|place| self.key_at(place) <= key),
        };
        let end = match bounds.1 {
            Bound::Unbounded => order.end(),
            Bound::Included(key) => order.spot(&|place| self.key_at(place) <= key),
            Bound::Excluded(key) => order.spot(&|place| self.key_at(place) < key),
        };
        Range {
            entries: &self.entries,
            places: order.between(start, end),
        }
    }

    fn key_at(&self, place: u32) -> &E::Key {
        self.entries[place as usize].key()
    }

    /// Puts an entry in whose key is not there.
    pub(crate) fn insert(&mut self, hash: u64, entry: E) {
        let place = u32::try_from(self.entries.len());
        let place = place.expect("a table in memory has less than 2^32 keys");
        self.entries.push(entry);
        self.places.insert(hash, place);
        self.order.came(place);
    }

    /// Takes the key of a place out; the last one gets its place.
    pub(crate) fn remove_at(&mut self, hash: u64, place: u32) {
        let last = u32::try_from(self.entries.len() - 1).expect("a map has less than 2^32 keys");
        // Where there is an order the places are put right in it now.
        if self.order.is_kept() {
            self.in_order();
            let mut order = self.order.take();
            let (key, last_key) = (self.key_at(place), self.key_at(last));
            order.remove(place, &|other| self.key_at(other) < key);
            if last != place {
                order.rename(last, place, &|other| self.key_at(other) < last_key);
            }
            self.order.put(order);
        }
        self.places.remove(hash, place);
        if last != place {
            self.places.rename(hash_of(self.key_at(last)), last, place);
        }
        self.entries.swap_remove(place as usize);
    }

    /// The places in the order of their keys.
    fn in_order(&self) -> &SortedPlaces {
        self.order.get(
            self.entries.len(),
            |came| self.sorted(came),
            &|one, other| self.compare(one, other),
        )
    }

    fn sorted(&self, came: &Came) -> Vec<Vec<u32>> {
        let compare = |one, other| self.compare(one, other);
        let Some(encode) = self.encode.filter(|_| came.len() >= MANY) else {
            let mut places: Vec<u32> = came.iter().collect();
            sort::sort(&mut places, &compare);
            return vec![places];
        };
        let mut encoded = Vec::new();
        let mut begin = |place| {
            encoded.clear();
            encode(self.key_at(place), &mut encoded);
            begin_of(&mut encoded)
        };
        sort::sort_by_begins(came, &mut begin, &compare)
    }

    fn compare(&self, one: u32, other: u32) -> Ordering {
        self.key_at(one).cmp(self.key_at(other))
    }
}

/// Entries in the order of their keys.
pub(crate) struct Range<'a, E> {
    entries: &'a [E],
    places: Between<'a>,
}

impl<'a, E> Iterator for Range<'a, E> {
    type Item = &'a E;

    fn next(&mut self) -> Option<Self::Item> {
        let entries = self.entries;
        self.places.next().map(|place| &entries[place as usize])
    }
}

impl<E> DoubleEndedIterator for Range<'_, E> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let entries = self.entries;
        self.places
            .next_back()
            .map(|place| &entries[place as usize])
    }
}
