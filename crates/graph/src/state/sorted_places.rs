//! Places of a vector in the order of the keys that are there: compiled once, for keys of any type. It never sees a key;
//! who owns them compares.

/// So many places are moved faster than split.
const FULL: usize = 512;

/// Places in order, in pieces of a limited length.
#[derive(Default)]
pub(crate) struct SortedPlaces {
    /// None is empty.
    pieces: Vec<Vec<u32>>,
    len: usize,
}

/// A place between two neighbours: that before `at` of a piece. After all of them it is at the beginning of the piece
/// that would come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    piece: usize,
    at: usize,
}

impl SortedPlaces {
    /// Before all places.
    pub(crate) fn start(&self) -> Spot {
        Spot { piece: 0, at: 0 }
    }

    /// After all places.
    pub(crate) fn end(&self) -> Spot {
        Spot {
            piece: self.pieces.len(),
            at: 0,
        }
    }

    /// The first spot that is not behind a place that is `before`. Those that are come first.
    pub(crate) fn spot(&self, before: &dyn Fn(u32) -> bool) -> Spot {
        let skipped = |piece: &Vec<u32>| piece.last().is_some_and(|last| before(*last));
        let piece = self.pieces.partition_point(skipped);
        let within = self.pieces.get(piece);
        Spot {
            piece,
            at: within.map_or(0, |places| places.partition_point(|place| before(*place))),
        }
    }

    /// Inserts a place behind those that are `before` it.
    pub(crate) fn insert(&mut self, place: u32, before: &dyn Fn(u32) -> bool) {
        self.len += 1;
        let Spot { mut piece, mut at } = self.spot(before);
        if piece == self.pieces.len() {
            match self.pieces.last() {
                None => self.pieces.push(Vec::new()),
                Some(last) => {
                    piece -= 1;
                    at = last.len();
                }
            }
        }
        let places = &mut self.pieces[piece];
        places.insert(at, place);
        if places.len() > FULL {
            let rest = places.split_off(FULL / 2);
            self.pieces.insert(piece + 1, rest);
        }
    }

    /// Removes the place behind those that are `before` it. It must be there.
    pub(crate) fn remove(&mut self, place: u32, before: &dyn Fn(u32) -> bool) {
        let Spot { piece, at } = self.spot(before);
        let removed = self.pieces[piece].remove(at);
        debug_assert_eq!(removed, place, "each key has one place");
        if self.pieces[piece].is_empty() {
            self.pieces.remove(piece);
        }
        self.len -= 1;
    }

    /// Puts another place where one is, behind those that are `before` it.
    pub(crate) fn rename(&mut self, from: u32, to: u32, before: &dyn Fn(u32) -> bool) {
        let Spot { piece, at } = self.spot(before);
        debug_assert_eq!(self.pieces[piece][at], from, "each key has one place");
        self.pieces[piece][at] = to;
    }

    /// Inserts so many places, which are in order.
    pub(crate) fn merge(
        &mut self,
        len: usize,
        added: &mut dyn Iterator<Item = u32>,
        less: &dyn Fn(u32, u32) -> bool,
    ) {
        if len < self.len / 8 {
            for place in added {
                self.insert(place, &|other| less(other, place));
            }
            return;
        }
        let mut merged = Self::default();
        let mut added = added.peekable();
        for place in std::mem::take(&mut self.pieces).into_iter().flatten() {
            while let Some(before) = added.next_if(|other| less(*other, place)) {
                merged.push(before);
            }
            merged.push(place);
        }
        added.for_each(|place| merged.push(place));
        *self = merged;
    }

    /// Appends a place, and leaves room in each piece.
    fn push(&mut self, place: u32) {
        self.len += 1;
        match self.pieces.last_mut() {
            Some(last) if last.len() < FULL * 3 / 4 => last.push(place),
            _ => {
                let mut piece = Vec::with_capacity(FULL * 3 / 4);
                piece.push(place);
                self.pieces.push(piece);
            }
        }
    }

    /// The places between two spots.
    pub(crate) fn between(&self, start: Spot, end: Spot) -> Between<'_> {
        Between {
            pieces: &self.pieces,
            start,
            end,
        }
    }
}

/// Places between two spots, in order.
#[derive(Clone)]
pub(crate) struct Between<'a> {
    pieces: &'a [Vec<u32>],
    start: Spot,
    end: Spot,
}

impl Iterator for Between<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.start >= self.end {
            return None;
        }
        let piece = &self.pieces[self.start.piece];
        let place = piece[self.start.at];
        self.start.at += 1;
        if self.start.at == piece.len() {
            self.start = Spot {
                piece: self.start.piece + 1,
                at: 0,
            };
        }
        Some(place)
    }
}

impl DoubleEndedIterator for Between<'_> {
    fn next_back(&mut self) -> Option<u32> {
        if self.start >= self.end {
            return None;
        }
        if self.end.at == 0 {
            self.end.piece -= 1;
            self.end.at = self.pieces[self.end.piece].len();
        }
        self.end.at -= 1;
        Some(self.pieces[self.end.piece][self.end.at])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn check(places: &SortedPlaces, model: &BTreeSet<u32>, bounds: (u32, u32)) {
        let all = places.between(places.start(), places.end());
        assert!(all.eq(model.iter().copied()));
        let (start, end) = (bounds.0.min(bounds.1), bounds.0.max(bounds.1));
        let spots = (
            places.spot(&|place| place < start),
            places.spot(&|place| place < end),
        );
        let within: Vec<u32> = places.between(spots.0, spots.1).collect();
        assert!(within.iter().eq(model.range(start..end)));
        let back = places.between(spots.0, spots.1).rev();
        assert!(back.eq(within.into_iter().rev()));
        assert_eq!(places.len, model.len());
    }

    proptest! {
        #[test]
        fn places_are_an_ordered_set(
            first in prop::collection::btree_set(0_u32..4_000, 0..3_000),
            steps in prop::collection::vec((0_u32..4_000, 0_u32..4_000), 0..40),
            second in prop::collection::btree_set(0_u32..4_000, 0..2_000),
        ) {
            let less = |one: u32, other: u32| one < other;
            let (mut places, mut model) = (SortedPlaces::default(), first.clone());
            places.merge(first.len(), &mut first.into_iter(), &less);
            for (place, bound) in steps {
                let before = |other: u32| other < place;
                if model.remove(&place) {
                    places.remove(place, &before);
                } else {
                    model.insert(place);
                    places.insert(place, &before);
                }
                check(&places, &model, (place, bound));
            }
            let added: Vec<u32> = second.difference(&model).copied().collect();
            places.merge(added.len(), &mut added.into_iter(), &less);
            model.extend(second);
            check(&places, &model, (1_000, 3_000));
        }
    }

    #[test]
    fn pieces_split_and_go() {
        let (mut places, mut model) = (SortedPlaces::default(), BTreeSet::new());
        for place in (0..3_000).chain((0..3_000).map(|place| 9_000 - place)) {
            places.insert(place, &|other| other < place);
            model.insert(place);
        }
        check(&places, &model, (100, 8_000));
        assert!(places.pieces.len() > 6_000 / FULL);
        for place in 0..3_000 {
            places.remove(place, &|other| other < place);
            model.remove(&place);
        }
        check(&places, &model, (100, 8_000));
    }
}
