//! The shapes of derived rows: what a join and a group give.
//!
//! Owns two plain records, ordered field by field. Never computes anything: a row is data.

use serde::{Deserialize, Serialize};

/// A row of a join: one row of each side.
///
/// Pairs order by `left`, then by `right`. Joins of joins nest: `Pair<Pair<A, B>, C>`.
///
/// ```
/// use deltaview_zset::Pair;
///
/// let pair = Pair::new("tv", 3);
/// assert_eq!((pair.left, pair.right), ("tv", 3));
/// assert_eq!(pair.swap(), Pair::from((3, "tv")));
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Pair<L, R> {
    /// The row of the left side.
    pub left: L,
    /// The row of the right side.
    pub right: R,
}

impl<L, R> Pair<L, R> {
    /// Puts two rows together.
    pub const fn new(left: L, right: R) -> Self {
        Self { left, right }
    }

    /// The pair with its sides exchanged.
    pub fn swap(self) -> Pair<R, L> {
        Pair::new(self.right, self.left)
    }
}

impl<L, R> From<(L, R)> for Pair<L, R> {
    fn from((left, right): (L, R)) -> Self {
        Self::new(left, right)
    }
}

/// A row of a group: the group's key and the aggregate of its rows.
///
/// ```
/// use deltaview_zset::Keyed;
///
/// let total = Keyed::new("basket 1", 23);
/// assert_eq!((total.key, total.value), ("basket 1", 23));
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Keyed<K, V> {
    /// What the rows of the group have in common.
    pub key: K,
    /// What was computed from the rows of the group.
    pub value: V,
}

impl<K, V> Keyed<K, V> {
    /// Puts a key and its aggregate together.
    pub const fn new(key: K, value: V) -> Self {
        Self { key, value }
    }
}
