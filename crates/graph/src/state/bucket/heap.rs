//! Many rows of one key, as they came: a row that came twice is there twice, and no weights are kept. What only comes is
//! appended, and never searched. Where rows are is indexed once searches have cost as much as the index does.

use std::cmp::Ordering;
use std::sync::OnceLock;

use deltaview_zset::Weight;

use super::BucketRow;
use crate::state::lazy_order::{Came, LazyOrder};
use crate::state::places::{Places, hash_of};
use crate::state::sort;
use crate::state::sorted_places::{Between, SortedPlaces};

/// So many times over the rows are looked at one by one before they are indexed.
const LOOKS: usize = 2;

/// So many rows are in a piece: what a key leaves unused is less than that.
const PIECE: usize = 64;

/// Rows that are each there once, or as often as they are here.
pub(crate) struct Heap<T> {
    /// In the order in which they came, but that the last one takes the place of one that goes. All pieces but the last
    /// are full, and none is empty.
    pieces: Vec<Vec<T>>,
    len: usize,
    /// By hash, once somebody has searched enough.
    places: OnceLock<Places>,
    /// The places in the order of the rows; among those of equal rows in that of the places.
    order: LazyOrder,
    /// How many rows searches have looked at without an index.
    looked_at: usize,
}

impl<T: BucketRow> Heap<T> {
    pub(super) fn of(rows: Vec<T>) -> Self {
        let mut heap = Self {
            pieces: Vec::new(),
            len: 0,
            places: OnceLock::new(),
            order: LazyOrder::default(),
            looked_at: 0,
        };
        rows.into_iter().for_each(|row| heap.push(row));
        heap
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// As they lie.
    pub(super) fn rows(&self) -> Rows<'_, T> {
        Rows {
            piece: [].iter(),
            pieces: self.pieces.iter(),
        }
    }

    pub(super) fn into_rows(self) -> Vec<T> {
        self.pieces.into_iter().flatten().collect()
    }

    /// How often a row is there.
    pub(super) fn weight(&self, row: &T) -> Weight {
        let mut count = 0;
        let is_other = |place: u32| {
            count += Weight::from(self.at(place) == row);
            false
        };
        self.places().find(hash_of(row), is_other);
        count
    }

    pub(super) fn push(&mut self, row: T) {
        let place = u32::try_from(self.len);
        let place = place.expect("a key in memory has less than 2^32 rows");
        if let Some(places) = self.places.get_mut() {
            places.insert(hash_of(&row), place);
        }
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(row),
            _ => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(row);
                self.pieces.push(piece);
            }
        }
        self.len += 1;
        self.order.came(place);
    }

    /// Takes a row out, once; says whether it was there.
    pub(super) fn take(&mut self, row: &T) -> bool {
        let Some(place) = self.find(row) else {
            return false;
        };
        let last = u32::try_from(self.len - 1).expect("places are 32 bits");
        if self.order.is_kept() {
            self.in_order();
            let mut order = self.order.take();
            order.remove(place, &|other| self.compare(other, place).is_lt());
            if last != place {
                order.remove(last, &|other| self.compare(other, last).is_lt());
                let moved = (self.at(last), place);
                order.insert(place, &|other| (self.at(other), other) < moved);
            }
            self.order.put(order);
        }
        if let Some(places) = self.places.get_mut() {
            places.remove(hash_of(row), place);
            if last != place {
                places.rename(hash_of(at(&self.pieces, last)), last, place);
            }
        }
        self.swap_remove(place, last);
        true
    }

    fn swap_remove(&mut self, place: u32, last: u32) {
        let piece = self.pieces.last_mut().expect("it has a last row");
        let row = piece.pop().expect("no piece is empty");
        if piece.is_empty() {
            self.pieces.pop();
        }
        self.len -= 1;
        if place != last {
            self.pieces[place as usize / PIECE][place as usize % PIECE] = row;
        }
    }

    fn find(&mut self, row: &T) -> Option<u32> {
        if self.places.get().is_none() && self.looked_at < LOOKS * self.len {
            let found = self.rows().position(|other| other == row);
            self.looked_at += found.map_or(self.len, |place| place + 1);
            return found.and_then(|place| u32::try_from(place).ok());
        }
        self.places()
            .find(hash_of(row), |place| self.at(place) == row)
    }

    fn places(&self) -> &Places {
        self.places.get_or_init(|| {
            let mut places = Places::with_capacity(self.len);
            for (place, row) in (0..).zip(self.rows()) {
                places.insert(hash_of(row), place);
            }
            places
        })
    }

    /// The rows in order, equal ones as one.
    pub(super) fn iter(&self) -> Iter<'_, T> {
        let order = self.in_order();
        Iter {
            pieces: &self.pieces,
            places: order.between(order.start(), order.end()),
        }
    }

    fn in_order(&self) -> &SortedPlaces {
        let compare = |one: u32, other: u32| self.compare(one, other);
        let sort = |came: &Came| {
            let mut places: Vec<u32> = came.iter().collect();
            sort::sort(&mut places, &compare);
            vec![places]
        };
        self.order.get(self.len, sort, &compare)
    }

    fn compare(&self, one: u32, other: u32) -> Ordering {
        let rows = self.at(one).cmp(self.at(other));
        rows.then_with(|| one.cmp(&other))
    }

    fn at(&self, place: u32) -> &T {
        at(&self.pieces, place)
    }
}

fn at<T>(pieces: &[Vec<T>], place: u32) -> &T {
    &pieces[place as usize / PIECE][place as usize % PIECE]
}

/// The rows as they lie.
pub(crate) struct Rows<'a, T> {
    piece: std::slice::Iter<'a, T>,
    pieces: std::slice::Iter<'a, Vec<T>>,
}

impl<'a, T> Rows<'a, T> {
    /// Of one piece.
    pub(super) fn of(rows: &'a [T]) -> Self {
        Self {
            piece: rows.iter(),
            pieces: [].iter(),
        }
    }
}

impl<'a, T> Iterator for Rows<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(row) = self.piece.next() {
                return Some(row);
            }
            self.piece = self.pieces.next()?.iter();
        }
    }
}

/// The rows in order, each with how often it is there.
pub(crate) struct Iter<'a, T> {
    pieces: &'a [Vec<T>],
    places: Between<'a>,
}

impl<'a, T: Eq> Iter<'a, T> {
    /// The next row from one end, with those that are equal.
    fn run(&mut self, next: impl Fn(&mut Between<'a>) -> Option<u32>) -> Option<(&'a T, Weight)> {
        let row = at(self.pieces, next(&mut self.places)?);
        let mut count = 1;
        let is_same = |place: u32| at(self.pieces, place) == row;
        while next(&mut self.places.clone()).is_some_and(is_same) {
            next(&mut self.places);
            count += 1;
        }
        Some((row, count))
    }
}

impl<'a, T: Eq> Iterator for Iter<'a, T> {
    type Item = (&'a T, Weight);

    fn next(&mut self) -> Option<Self::Item> {
        self.run(Between::next)
    }
}

impl<T: Eq> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.run(Between::next_back)
    }
}
