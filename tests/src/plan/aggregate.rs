//! What is computed of the rows of a group, or of all rows.

use super::Test;
use crate::item::{Item, Key, small};

/// An aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// The total weight.
    Count,
    /// The sum of the small numbers.
    Sum,
    /// The sum of the numbers, in 128 bits.
    Wide,
    /// The sums of the small numbers and of the lengths of the texts.
    Two,
    /// The texts, as a Z-set, by a sum.
    Set,
    /// The sum of the numbers modulo 97: a finite group, where many changes add up to nothing.
    Residue,
    /// The sum of the small numbers by the total weight.
    Avg,
    /// The least key.
    Min(Key),
    /// The greatest key.
    Max(Key),
    /// The first row in the order of a key, then of the rows.
    MinBy(Key),
    /// The last row in the order of a key, then of the rows.
    MaxBy(Key),
    /// How many keys have a total weight that is not zero.
    CountDistinct(Key),
    /// The texts, as a Z-set.
    Collect,
    /// Whether the rows that hold have a total weight that is not zero.
    Any(Test),
    /// Whether the rows that hold have the total weight of all.
    Every(Test),
    /// A number that depends on the order of the rows and on each weight.
    Fold(Key),
    /// Several at once.
    Several(Several),
}

/// Aggregates that are computed together, as tuples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Several {
    /// All that are linear.
    Linear,
    /// The count, the sum, and the least key.
    Sums,
    /// The average, the row with the greatest number, whether any is even, and how many texts there are.
    Mixed,
    /// The texts, whether all are positive, a fold, a residue, the first row and the greatest key.
    Rows,
}

impl Several {
    /// The aggregates, in the order of the tuple.
    pub fn parts(self) -> &'static [Aggregate] {
        use Aggregate::{
            Any, Avg, Collect, Count, CountDistinct, Every, Fold, Max, MaxBy, Min, MinBy, Residue,
            Sum,
        };
        match self {
            Self::Linear => &[
                Count,
                Avg,
                Any(Test::IsEven),
                CountDistinct(Key::B),
                Collect,
                Every(Test::IsPositive),
                Residue,
                Sum,
            ],
            Self::Sums => &[Count, Sum, Min(Key::A)],
            Self::Mixed => &[Avg, MaxBy(Key::C), Any(Test::IsEven), CountDistinct(Key::B)],
            Self::Rows => &[
                Collect,
                Every(Test::IsPositive),
                Fold(Key::B),
                Residue,
                MinBy(Key::Ab),
                Max(Key::C3),
            ],
        }
    }
}

impl Aggregate {
    /// One step of [`Aggregate::Fold`], which begins with [`Aggregate::FOLD_INIT`].
    pub fn fold_step(folded: &mut i64, item: &Item, weight: i64) {
        let row = small(item.c) + item.b.len() as i64 * 3 + item.a.map_or(-1, i64::from);
        *folded = (*folded * 31 + row + weight % 1000 * 13) % 1009;
    }

    /// What a fold begins with.
    pub const FOLD_INIT: i64 = 7;
}
