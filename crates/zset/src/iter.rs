//! The iterators over a Z-set.
//!
//! Owns their types, so that a signature can name them. Never yields a weight of zero.

use std::collections::btree_map;
use std::iter::FusedIterator;

use crate::Weight;

/// The rows of a Z-set with their weights, by value, in order: of [`ZSet::into_iter`](crate::ZSet).
#[derive(Debug)]
pub struct IntoIter<T>(pub(crate) btree_map::IntoIter<T, Weight>);

/// The rows of a Z-set with their weights, by reference, in order: of [`ZSet::iter`](crate::ZSet::iter).
#[derive(Debug)]
pub struct Iter<'a, T>(pub(crate) btree_map::Iter<'a, T, Weight>);

/// Some rows of a Z-set with their weights, by reference, in order: of
/// [`ZSet::range`](crate::ZSet::range).
#[derive(Debug)]
pub struct Range<'a, T>(pub(crate) btree_map::Range<'a, T, Weight>);

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Clone for Range<'_, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

macro_rules! row_iterator {
    ($name:ident [$($lifetime:lifetime)?] $row:ty, $owned:expr) => {
        impl<$($lifetime,)? T> Iterator for $name<$($lifetime,)? T> {
            type Item = ($row, Weight);

            fn next(&mut self) -> Option<Self::Item> {
                self.0.next().map($owned)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.0.size_hint()
            }
        }

        impl<$($lifetime,)? T> DoubleEndedIterator for $name<$($lifetime,)? T> {
            fn next_back(&mut self) -> Option<Self::Item> {
                self.0.next_back().map($owned)
            }
        }

        impl<$($lifetime,)? T> FusedIterator for $name<$($lifetime,)? T> {}
    };
}

row_iterator!(IntoIter [] T, |entry| entry);
row_iterator!(Iter ['a] &'a T, |(row, weight)| (row, *weight));
row_iterator!(Range ['a] &'a T, |(row, weight)| (row, *weight));

impl<T> ExactSizeIterator for IntoIter<T> {}
impl<T> ExactSizeIterator for Iter<'_, T> {}
