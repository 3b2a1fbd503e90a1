//! The Z-set: a finite map from rows to weights that are not zero.
//!
//! Owns the canonical form (no zero weights, rows in `Ord` order) and the group operations. Never wraps a
//! weight, and never changes a Z-set by an operation that fails.

use std::borrow::Borrow;
use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::ops::RangeBounds;

use crate::{IntoIter, Iter, Range, Weight, WeightOverflow};

/// Rows with signed counts (DBSP §4.1).
///
/// A row that is not in the Z-set has weight zero, and a row whose weight becomes zero is no longer in it.
/// So two Z-sets are equal exactly when every row has the same weight in both, whatever operations made
/// them. Iteration is in the order of the rows.
///
/// Z-sets of a row type are an abelian group under [`try_add`](Self::try_add), with
/// [`new`](Self::new) as zero and [`try_neg`](Self::try_neg) as the inverse. The operations are partial:
/// where a weight would not fit, they return [`WeightOverflow`] and change nothing. Sums are checked at
/// each addition, so a sum that leaves the range on its way is an error even if its end would fit.
///
/// [`Display`](fmt::Display) prints a table; see [`render_table`](crate::render_table).
///
/// ```
/// use deltaview_zset::ZSet;
///
/// let mut fruit = ZSet::new();
/// fruit.insert("apple", 2)?;
/// fruit.insert("pear", 1)?;
/// fruit.insert("apple", -2)?;
/// assert_eq!(fruit.iter().collect::<Vec<_>>(), [(&"pear", 1)]);
/// # Ok::<(), deltaview_zset::WeightOverflow>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZSet<T> {
    /// No weight is zero.
    rows: BTreeMap<T, Weight>,
}

impl<T> ZSet<T> {
    /// The Z-set without rows: the group's zero.
    pub const fn new() -> Self {
        Self {
            rows: BTreeMap::new(),
        }
    }

    /// How many distinct rows there are, whatever their weights.
    ///
    /// [`total`](Self::total) counts each row as often as its weight says.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether every row has weight zero.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows with their weights, in the order of the rows. No weight is zero.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self.rows.iter())
    }

    /// The sum of all weights: how many rows a table has, or by how many a change grows it.
    ///
    /// # Errors
    ///
    /// [`WeightOverflow`] where the sum does not fit. Only the final sum counts, not the way to it.
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// let change = ZSet::from_pairs([("tv", -1), ("radio", 3)])?;
    /// assert_eq!(change.total()?, 2);
    /// # Ok::<(), deltaview_zset::WeightOverflow>(())
    /// ```
    pub fn total(&self) -> Result<Weight, WeightOverflow> {
        // No memory holds the 2^64 rows that it would take to overflow this sum.
        let total: i128 = self.rows.values().map(|weight| i128::from(*weight)).sum();
        Weight::try_from(total).map_err(|_| WeightOverflow)
    }

    /// Whether every row is there exactly once: the paper's *isset*.
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// assert!(ZSet::from_iter(["tv", "radio"]).is_set());
    /// assert!(!ZSet::from_iter(["tv", "tv"]).is_set());
    /// ```
    pub fn is_set(&self) -> bool {
        self.rows.values().all(|weight| *weight == 1)
    }

    /// Whether no weight is negative, as in an SQL table with duplicates: the paper's *ispositive*.
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// let table = ZSet::from_iter(["tv", "tv"]);
    /// assert!(table.is_bag());
    /// assert!(!table.try_neg()?.is_bag());
    /// # Ok::<(), deltaview_zset::WeightOverflow>(())
    /// ```
    pub fn is_bag(&self) -> bool {
        self.rows.values().all(|weight| *weight > 0)
    }
}

/// Single rows.
impl<T: Ord> ZSet<T> {
    /// Adds `weight` to the weight of `row`; the row leaves the Z-set where they sum to zero.
    ///
    /// Costs a look-up in a B-tree.
    ///
    /// # Errors
    ///
    /// [`WeightOverflow`] where the sum does not fit. The Z-set is then unchanged, and `row` is dropped.
    ///
    /// ```
    /// use deltaview_zset::{Weight, WeightOverflow, ZSet};
    ///
    /// let mut rows = ZSet::new();
    /// rows.insert("tv", Weight::MAX)?;
    /// assert_eq!(rows.insert("tv", 1), Err(WeightOverflow));
    /// assert_eq!(rows.weight(&"tv"), Weight::MAX);
    /// # Ok::<(), WeightOverflow>(())
    /// ```
    pub fn insert(&mut self, row: T, weight: Weight) -> Result<(), WeightOverflow> {
        if weight == 0 {
            return Ok(());
        }
        match self.rows.entry(row) {
            btree_map::Entry::Vacant(vacant) => {
                vacant.insert(weight);
            }
            btree_map::Entry::Occupied(mut occupied) => {
                match occupied.get().checked_add(weight).ok_or(WeightOverflow)? {
                    0 => drop(occupied.remove()),
                    sum => *occupied.get_mut() = sum,
                }
            }
        }
        Ok(())
    }

    /// The weight of `row`; zero where it is not in the Z-set.
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// let rows = ZSet::from_iter(["tv"]);
    /// assert_eq!((rows.weight(&"tv"), rows.weight(&"radio")), (1, 0));
    /// ```
    pub fn weight(&self, row: &T) -> Weight {
        self.rows.get(row).copied().unwrap_or(0)
    }

    /// The rows within `range`, in order, with their weights.
    ///
    /// # Panics
    ///
    /// As [`BTreeMap::range`]: where the range starts after its end, or starts and ends excluding the same
    /// row.
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// let rows = ZSet::from_iter([1, 5, 9]);
    /// assert_eq!(rows.range(2..).collect::<Vec<_>>(), [(&5, 1), (&9, 1)]);
    /// ```
    pub fn range<Q, R>(&self, range: R) -> Range<'_, T>
    where
        T: Borrow<Q>,
        Q: Ord + ?Sized,
        R: RangeBounds<Q>,
    {
        Range(self.rows.range(range))
    }

    /// Keeps the rows for which `keep` holds, with their weights; drops the others.
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// let mut rows = ZSet::from_pairs([("tv", 1), ("radio", -1)])?;
    /// rows.retain(|_, weight| weight > 0);
    /// assert_eq!(rows, ZSet::from_iter(["tv"]));
    /// # Ok::<(), deltaview_zset::WeightOverflow>(())
    /// ```
    pub fn retain(&mut self, mut keep: impl FnMut(&T, Weight) -> bool) {
        self.rows.retain(|row, weight| keep(row, *weight));
    }
}

/// The group: sums, inverses, multiples.
impl<T: Ord> ZSet<T> {
    /// Sums the weights given for each row.
    ///
    /// # Errors
    ///
    /// [`WeightOverflow`] where a row's weight does not fit, at the first addition that leaves the range.
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// let rows = ZSet::from_pairs([("tv", 1), ("radio", 2), ("tv", -1)])?;
    /// assert_eq!(rows.iter().collect::<Vec<_>>(), [(&"radio", 2)]);
    /// # Ok::<(), deltaview_zset::WeightOverflow>(())
    /// ```
    pub fn from_pairs(
        pairs: impl IntoIterator<Item = (T, Weight)>,
    ) -> Result<Self, WeightOverflow> {
        let mut sum = Self::new();
        for (row, weight) in pairs {
            sum.insert(row, weight)?;
        }
        Ok(sum)
    }

    /// The sum of all the given Z-sets.
    ///
    /// Costs no more than a look-up for each row of each Z-set, and clones nothing.
    ///
    /// # Errors
    ///
    /// [`WeightOverflow`] where a row's weight does not fit, at the first addition that leaves the range.
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// let changes = [ZSet::from_iter(["tv"]), ZSet::from_iter(["radio", "tv"])];
    /// assert_eq!(ZSet::try_sum(changes)?, ZSet::from_pairs([("radio", 1), ("tv", 2)])?);
    /// # Ok::<(), deltaview_zset::WeightOverflow>(())
    /// ```
    pub fn try_sum(zsets: impl IntoIterator<Item = Self>) -> Result<Self, WeightOverflow> {
        let mut sum = Self::new();
        for zset in zsets {
            sum.try_append(zset)?;
        }
        Ok(sum)
    }

    /// Adds `other` to this Z-set without cloning a row.
    ///
    /// Costs two look-ups for each row of the smaller of the two.
    ///
    /// # Errors
    ///
    /// [`WeightOverflow`] where a row's weight does not fit. This Z-set is then unchanged.
    ///
    /// ```
    /// use deltaview_zset::{Weight, WeightOverflow, ZSet};
    ///
    /// let mut rows = ZSet::from_pairs([("radio", 1), ("tv", Weight::MAX)])?;
    /// rows.try_append(ZSet::from_iter(["radio"]))?;
    /// assert_eq!(rows.weight(&"radio"), 2);
    ///
    /// let before = rows.clone();
    /// assert_eq!(rows.try_append(ZSet::from_iter(["radio", "tv"])), Err(WeightOverflow));
    /// assert_eq!(rows, before);
    /// # Ok::<(), WeightOverflow>(())
    /// ```
    pub fn try_append(&mut self, mut other: Self) -> Result<(), WeightOverflow> {
        if self.len() >= other.len() {
            self.check_add(&other)?;
        } else {
            other.check_add(self)?;
            std::mem::swap(self, &mut other);
        }
        for (row, weight) in other {
            self.insert(row, weight)
                .expect("every sum was checked, and each row of `other` is met once");
        }
        Ok(())
    }

    /// Whether every row of `other` can be added to this Z-set.
    fn check_add(&self, other: &Self) -> Result<(), WeightOverflow> {
        for (row, weight) in other {
            self.weight(row).checked_add(weight).ok_or(WeightOverflow)?;
        }
        Ok(())
    }
}

/// The group, over rows that are shared by cloning.
impl<T: Ord + Clone> ZSet<T> {
    /// The sum of both Z-sets: each row with the sum of its weights.
    ///
    /// # Errors
    ///
    /// [`WeightOverflow`] where a row's weight does not fit.
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// let table = ZSet::from_iter(["radio", "tv"]);
    /// let change = ZSet::from_pairs([("radio", -1), ("tv", 1)])?;
    /// assert_eq!(table.try_add(&change)?, ZSet::from_pairs([("tv", 2)])?);
    /// # Ok::<(), deltaview_zset::WeightOverflow>(())
    /// ```
    pub fn try_add(&self, other: &Self) -> Result<Self, WeightOverflow> {
        let (larger, smaller) = if self.len() >= other.len() {
            (self, other)
        } else {
            (other, self)
        };
        let mut sum = larger.clone();
        for (row, weight) in smaller {
            sum.insert(row.clone(), weight)?;
        }
        Ok(sum)
    }

    /// Adds `other` to this Z-set, cloning the rows of `other`.
    ///
    /// Costs two look-ups for each row of `other`, however large this Z-set is.
    /// [`try_append`](Self::try_append) takes `other` by value and clones nothing.
    ///
    /// # Errors
    ///
    /// [`WeightOverflow`] where a row's weight does not fit. This Z-set is then unchanged.
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// let mut table = ZSet::from_iter(["tv"]);
    /// table.try_add_assign(&ZSet::from_pairs([("radio", 1), ("tv", -1)])?)?;
    /// assert_eq!(table, ZSet::from_iter(["radio"]));
    /// # Ok::<(), deltaview_zset::WeightOverflow>(())
    /// ```
    pub fn try_add_assign(&mut self, other: &Self) -> Result<(), WeightOverflow> {
        self.check_add(other)?;
        for (row, weight) in other {
            self.insert(row.clone(), weight)
                .expect("every sum was checked, and each row of `other` is met once");
        }
        Ok(())
    }

    /// This Z-set less `other`: the change that leads from `other` to this one.
    ///
    /// # Errors
    ///
    /// [`WeightOverflow`] where a row's weight does not fit.
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// let before = ZSet::from_iter(["radio"]);
    /// let after = ZSet::from_iter(["tv"]);
    /// assert_eq!(after.try_sub(&before)?, ZSet::from_pairs([("radio", -1), ("tv", 1)])?);
    /// # Ok::<(), deltaview_zset::WeightOverflow>(())
    /// ```
    pub fn try_sub(&self, other: &Self) -> Result<Self, WeightOverflow> {
        let mut difference = self.clone();
        for (row, weight) in other {
            // Not by adding the inverse: that of `Weight::MIN` doesn't fit where the difference may.
            let weight = self.weight(row).checked_sub(weight).ok_or(WeightOverflow)?;
            if weight == 0 {
                difference.rows.remove(row);
            } else {
                difference.rows.insert(row.clone(), weight);
            }
        }
        Ok(difference)
    }

    /// The inverse: each row with its weight negated.
    ///
    /// # Errors
    ///
    /// [`WeightOverflow`] where a row's weight is [`Weight::MIN`], whose inverse does not fit.
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// let change = ZSet::from_pairs([("radio", -1), ("tv", 1)])?;
    /// assert_eq!(change.try_neg()?, ZSet::from_pairs([("radio", 1), ("tv", -1)])?);
    /// # Ok::<(), deltaview_zset::WeightOverflow>(())
    /// ```
    pub fn try_neg(&self) -> Result<Self, WeightOverflow> {
        self.map_weights(Weight::checked_neg)
    }

    /// Each row with its weight multiplied by `factor`; empty where the factor is zero.
    ///
    /// # Errors
    ///
    /// [`WeightOverflow`] where a row's weight does not fit.
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// let order = ZSet::from_pairs([("radio", 1), ("tv", 2)])?;
    /// assert_eq!(order.try_scale(3)?, ZSet::from_pairs([("radio", 3), ("tv", 6)])?);
    /// # Ok::<(), deltaview_zset::WeightOverflow>(())
    /// ```
    pub fn try_scale(&self, factor: Weight) -> Result<Self, WeightOverflow> {
        if factor == 0 {
            return Ok(Self::new());
        }
        self.map_weights(|weight| weight.checked_mul(factor))
    }

    /// The rows of positive weight, each once: SQL's `DISTINCT` (DBSP §4.1).
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// let rows = ZSet::from_pairs([("pear", -1), ("radio", 1), ("tv", 2)])?;
    /// assert_eq!(rows.distinct(), ZSet::from_iter(["radio", "tv"]));
    /// # Ok::<(), deltaview_zset::WeightOverflow>(())
    /// ```
    pub fn distinct(&self) -> Self {
        let present = self.iter().filter(|(_, weight)| *weight > 0);
        Self {
            rows: present.map(|(row, _)| (row.clone(), 1)).collect(),
        }
    }

    /// The rows for which `keep` holds, with their weights: SQL's `WHERE`.
    ///
    /// [`retain`](Self::retain) does the same in place.
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// let prices = ZSet::from_pairs([(3, 1), (5, -1)])?;
    /// assert_eq!(prices.filter(|price| *price < 4), ZSet::from_iter([3]));
    /// # Ok::<(), deltaview_zset::WeightOverflow>(())
    /// ```
    pub fn filter(&self, mut keep: impl FnMut(&T) -> bool) -> Self {
        let kept = self.iter().filter(|(row, _)| keep(row));
        Self {
            rows: kept.map(|(row, weight)| (row.clone(), weight)).collect(),
        }
    }

    /// Each row with another weight; `change` must not make a weight zero.
    fn map_weights(
        &self,
        change: impl Fn(Weight) -> Option<Weight>,
    ) -> Result<Self, WeightOverflow> {
        let rows = self.iter().map(|(row, weight)| {
            let weight = change(weight).ok_or(WeightOverflow)?;
            Ok((row.clone(), weight))
        });
        Ok(Self {
            rows: rows.collect::<Result<_, _>>()?,
        })
    }
}

impl<T> ZSet<T> {
    /// Each row replaced by `f` of it, the weights of rows that become equal summed: SQL's `SELECT`
    /// (DBSP §4.2).
    ///
    /// # Errors
    ///
    /// [`WeightOverflow`] where the sum of such weights does not fit.
    ///
    /// ```
    /// use deltaview_zset::ZSet;
    ///
    /// let prices = ZSet::from_iter([("radio", 5), ("tv", 3), ("bell", 3)]);
    /// assert_eq!(prices.map(|(_, price)| *price)?, ZSet::from_pairs([(3, 2), (5, 1)])?);
    /// # Ok::<(), deltaview_zset::WeightOverflow>(())
    /// ```
    pub fn map<U: Ord>(&self, mut f: impl FnMut(&T) -> U) -> Result<ZSet<U>, WeightOverflow> {
        ZSet::from_pairs(self.iter().map(|(row, weight)| (f(row), weight)))
    }
}

impl<T> Default for ZSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for ZSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.rows).finish()
    }
}

/// Each row once, so a row that the iterator gives `n` times has weight `n`.
///
/// Rows that come with weights go through [`ZSet::from_pairs`].
impl<T: Ord> FromIterator<T> for ZSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(rows: I) -> Self {
        Self::from_pairs(rows.into_iter().map(|row| (row, 1)))
            .expect("counting a row up to 2^63 one by one takes centuries")
    }
}

impl<T> IntoIterator for ZSet<T> {
    type Item = (T, Weight);
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter(self.rows.into_iter())
    }
}

impl<'a, T> IntoIterator for &'a ZSet<T> {
    type Item = (&'a T, Weight);
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
