//! What depends on the order of rows: the first ones, and the windows.

use crate::item::{Item, Key, small};

/// The first rows of each group in an order.
#[derive(Clone, Copy, Debug)]
pub struct Pick {
    /// What rows are picked from.
    pub input: usize,
    /// By which key they are grouped; `None` for all rows.
    pub by: Option<Key>,
    /// The order: by this key, then by the row.
    pub order: Key,
    /// From which end.
    pub end: End,
    /// How many copies are left out first; `None` for the method that has no offset.
    pub offset: Option<u64>,
    /// How many copies are picked.
    pub n: u64,
}

/// An end of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The least rows.
    First,
    /// The greatest rows.
    Top,
}

/// A window over each group in an order.
#[derive(Clone, Copy, Debug)]
pub struct Windowed {
    /// The rows.
    pub input: usize,
    /// By which key they are partitioned; `None` for all rows.
    pub by: Option<Key>,
    /// The order: by this key, then by the row.
    pub order: Key,
    /// What is told of each row.
    pub window: Window,
}

/// What a window tells of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Its number, each copy its own.
    RowNumber,
    /// One more than the copies with a lesser key.
    Rank,
    /// One more than the lesser keys.
    DenseRank,
    /// The copy that is so many before.
    Lag(u32),
    /// The copy that is so many after.
    Lead(u32),
    /// The sum of the small numbers of all copies up to its key.
    RunningSum,
    /// Its rank, the running sum, and the next copy, at once.
    Together,
}

impl Window {
    /// The row that a row with its number becomes.
    pub fn numbered(item: &Item, number: i64) -> Item {
        Item::new(item.a, item.b.clone(), small(item.c) * 7 + small(number))
    }

    /// The row that a row with its neighbour becomes.
    pub fn neighboured(item: &Item, neighbour: Option<&Item>) -> Item {
        match neighbour {
            None => Item::new(item.a, format!("{}-", item.b), small(item.c)),
            Some(other) => Item::new(item.a, other.b.clone(), small(item.c) * 5 + small(other.c)),
        }
    }
}
