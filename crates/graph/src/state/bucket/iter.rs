//! Going through the rows of a bucket.

use deltaview_zset::Weight;

use super::{heap, weighed};

/// The rows as they lie. What reads most goes through this.
pub(crate) enum AsTheyCame<'a, T> {
    One(Option<(&'a T, Weight)>),
    Once(heap::Rows<'a, T>),
    Weighed(std::slice::Iter<'a, (T, Weight)>),
}

impl<T> AsTheyCame<'_, T> {
    /// No rows.
    pub(crate) fn none() -> Self {
        Self::One(None)
    }
}

impl<'a, T> Iterator for AsTheyCame<'a, T> {
    type Item = (&'a T, Weight);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(row) => row.take(),
            Self::Once(rows) => rows.next().map(|row| (row, 1)),
            Self::Weighed(rows) => rows.next().map(|(row, weight)| (row, *weight)),
        }
    }
}

/// The rows of a bucket, in order.
pub(crate) enum Iter<'a, T> {
    One(Option<(&'a T, Weight)>),
    Few(std::slice::Iter<'a, T>),
    Many(heap::Iter<'a, T>),
    Weighed(weighed::Iter<'a, T>),
}

impl<'a, T: Eq> Iterator for Iter<'a, T> {
    type Item = (&'a T, Weight);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(row) => row.take(),
            Self::Few(rows) => rows.next().map(|row| (row, 1)),
            Self::Many(rows) => rows.next(),
            Self::Weighed(rows) => rows.next(),
        }
    }
}

impl<T: Eq> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(row) => row.take(),
            Self::Few(rows) => rows.next_back().map(|row| (row, 1)),
            Self::Many(rows) => rows.next_back(),
            Self::Weighed(rows) => rows.next_back(),
        }
    }
}
