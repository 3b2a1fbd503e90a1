//! What the cases have in common: a store that was opened for one case, and short ways to build, read and fail.

use std::fmt::{Debug, Display};
use std::ops::{Deref, DerefMut};

use deltaview_graph::{Builder, Graph, TickErrorKind, ViewHandle};
use deltaview_schema::{IndexKey, Row};
use deltaview_zset::{Weight, ZSet};

use super::Harness;
use crate::{Error, ErrorKind, Rows, Store};

/// A store that was opened for one case. It keeps the harness, and with it the place, alive.
pub(super) struct Opened<H: Harness> {
    pub(super) store: H::Store,
    // After the store, so that the store is closed before its place goes away.
    pub(super) harness: H,
}

impl<H: Harness> Opened<H> {
    /// A new place, and a store in it.
    #[track_caller]
    pub(super) fn new(graph: &Graph) -> Self {
        let harness = H::new();
        let store = harness.open(graph).must();
        Self { store, harness }
    }

    /// Closes the store, and opens it again.
    #[track_caller]
    pub(super) fn reopened(self) -> Self {
        let Self { store, harness } = self;
        let store = harness.reopen(store);
        Self { store, harness }
    }

    /// The rows of a view.
    #[track_caller]
    pub(super) fn rows<T: Row, K: IndexKey>(&self, view: ViewHandle<T, K>) -> ZSet<T> {
        self.store.view(view).iter().must().into_zset().must()
    }
}

impl<H: Harness> Deref for Opened<H> {
    type Target = H::Store;

    fn deref(&self) -> &H::Store {
        &self.store
    }
}

impl<H: Harness> DerefMut for Opened<H> {
    fn deref_mut(&mut self) -> &mut H::Store {
        &mut self.store
    }
}

/// What a case takes for granted: a failure is reported with the line of the case.
pub(super) trait Must<T> {
    /// The value.
    fn must(self) -> T;
}

impl<T, E: Display> Must<T> for Result<T, E> {
    #[track_caller]
    fn must(self) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("a step of the case failed: {error}"),
        }
    }
}

/// What a case takes for granted to fail.
pub(super) trait MustNot {
    /// The error.
    fn must_not(self) -> Error;
}

impl<T> MustNot for Result<T, Error> {
    #[track_caller]
    fn must_not(self) -> Error {
        match self {
            Ok(_) => panic!("a step of the case did not fail"),
            Err(error) => error,
        }
    }
}

/// Builds the graph of a case.
#[track_caller]
pub(super) fn graph<R>(build: impl FnOnce(&Builder) -> R) -> (Graph, R) {
    Graph::build("conformance", build).must()
}

/// Rows with their weights, as a Z-set.
#[track_caller]
pub(super) fn weighted<T: Ord>(rows: impl IntoIterator<Item = (T, Weight)>) -> ZSet<T> {
    ZSet::from_pairs(rows).must()
}

/// Rows that are there once each.
#[track_caller]
pub(super) fn once<T: Ord>(rows: impl IntoIterator<Item = T>) -> ZSet<T> {
    weighted(rows.into_iter().map(|row| (row, 1)))
}

/// Rows as they are read, weights left out.
#[track_caller]
pub(super) fn listed<T>(rows: Result<Rows<'_, T>, Error>) -> Vec<T> {
    let rows: Result<Vec<_>, Error> = rows.must().collect();
    rows.must().into_iter().map(|(row, _)| row).collect()
}

/// Words as rows.
pub(super) fn words<const N: usize>(words: [&str; N]) -> [String; N] {
    words.map(str::to_string)
}

/// Checks that an iteration failed at a vertex, and returns the error for a closer look at its kind.
#[track_caller]
pub(super) fn failed<T: Debug>(result: Result<T, Error>, vertex: &str) -> Error {
    let error = result.expect_err("the change must fail");
    assert_eq!(error.kind(), ErrorKind::Tick, "{error}");
    let tick = error.tick().expect("a failed iteration says why");
    assert_eq!(tick.vertex(), vertex, "{error}");
    assert_eq!(tick.graph(), "conformance");
    assert!(error.to_string().contains(vertex), "{error}");
    error
}

/// Why the iteration of an error failed.
#[track_caller]
pub(super) fn why(error: &Error) -> &TickErrorKind {
    error.tick().expect("a failed iteration says why").kind()
}

/// Checks that an error has a kind of failure, as a pattern.
macro_rules! assert_why {
    ($error:expr, $pattern:pat $(if $guard:expr)?) => {
        let error = $error;
        let kind = $crate::conformance::support::why(&error);
        assert!(matches!(kind, $pattern $(if $guard)?), "another failure than expected: {error}");
    };
}
pub(super) use assert_why;

/// A small generator of numbers that look random, the same in every run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below a limit (splitmix64).
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// A number within a range of both signs.
    pub(super) fn within(&mut self, least: i64, greatest: i64) -> i64 {
        let size = greatest.abs_diff(least) + 1;
        least + i64::try_from(self.below(size)).expect("the range is small")
    }

    /// Puts items into another order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1);
            items.swap(last, usize::try_from(other).expect("below a length"));
        }
    }
}
