//! The row that flows through all generated queries, its keys, and the pure functions that queries are made of.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use deltaview::{IndexKey, Indexable, ZSet};
use serde::{Deserialize, Serialize};

/// A row: small enough that keys collide all the time, wide enough to have every kind of key.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable,
)]
#[index(name = "by_a_and_b", columns(a, b desc))]
pub struct Item {
    /// May be missing.
    #[index]
    pub a: Option<i8>,
    /// Of a tiny alphabet, with the empty text and one beyond ASCII.
    #[index]
    pub b: String,
    /// Any number; sums take it modulo 1000, unless they are wide enough.
    #[index(desc)]
    pub c: i64,
}

impl Item {
    /// A row of its fields.
    pub fn new(a: Option<i8>, b: impl Into<String>, c: i64) -> Self {
        Self { a, b: b.into(), c }
    }

    /// Another row, whose keys are other ones: the right sides of some joins see rows so. Twice gives the row itself.
    #[must_use]
    pub fn twisted(&self) -> Self {
        let a = match self.a {
            None => Some(0),
            Some(0) => None,
            other => other,
        };
        let b = match self.b.as_str() {
            "" => "é",
            "é" => "",
            other => other,
        };
        Self::new(a, b, !self.c)
    }
}

/// A number cut to one that sums without overflow.
pub fn small(number: i64) -> i64 {
    number % 1000
}

/// What rows are joined, grouped and read by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// `a`: an option of an integer.
    A,
    /// `b`: a text.
    B,
    /// `a`, and `b` descending: two columns.
    Ab,
    /// `c` descending.
    C,
    /// `c` modulo three.
    C3,
    /// `b` and `a`, or none where `b` is empty: a key with no plain column.
    Nested,
    /// No key: all rows are in one group.
    Unit,
}

impl Key {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::A,
        Self::B,
        Self::Ab,
        Self::C,
        Self::C3,
        Self::Nested,
        Self::Unit,
    ];

    /// The key of a row, as a row that has nothing else. Two rows have equal keys if these are equal.
    pub fn project(self, item: &Item) -> Item {
        match self {
            Self::A => Item::new(item.a, "", 0),
            Self::B => Item::new(None, item.b.clone(), 0),
            Self::Ab => Item::new(item.a, item.b.clone(), 0),
            Self::C => Item::new(None, "", item.c),
            Self::C3 => Item::new(None, "", item.c.rem_euclid(3)),
            Self::Nested if item.b.is_empty() => Item::default(),
            Self::Nested => Item::new(item.a, item.b.clone(), 0),
            Self::Unit => Item::default(),
        }
    }
}

/// A key as a type: computed from a row, and turned back into what [`Key::project`] gives.
pub trait TypedKey: IndexKey {
    /// The key of a row.
    fn of(item: &Item) -> Self;
    /// The row that has the key and nothing else.
    fn project(&self) -> Item;
}

impl TypedKey for Option<i8> {
    fn of(item: &Item) -> Self {
        item.a
    }
    fn project(&self) -> Item {
        Item::new(*self, "", 0)
    }
}

impl TypedKey for String {
    fn of(item: &Item) -> Self {
        item.b.clone()
    }
    fn project(&self) -> Item {
        Item::new(None, self.clone(), 0)
    }
}

impl TypedKey for (Option<i8>, Reverse<String>) {
    fn of(item: &Item) -> Self {
        (item.a, Reverse(item.b.clone()))
    }
    fn project(&self) -> Item {
        Item::new(self.0, self.1.0.clone(), 0)
    }
}

impl TypedKey for Reverse<i64> {
    fn of(item: &Item) -> Self {
        Reverse(item.c)
    }
    fn project(&self) -> Item {
        Item::new(None, "", self.0)
    }
}

impl TypedKey for i64 {
    fn of(item: &Item) -> Self {
        item.c.rem_euclid(3)
    }
    fn project(&self) -> Item {
        Item::new(None, "", *self)
    }
}

impl TypedKey for Option<(String, Option<i8>)> {
    fn of(item: &Item) -> Self {
        (!item.b.is_empty()).then(|| (item.b.clone(), item.a))
    }
    fn project(&self) -> Item {
        self.as_ref()
            .map_or_else(Item::default, |(b, a)| Item::new(*a, b.clone(), 0))
    }
}

impl TypedKey for () {
    fn of(_: &Item) -> Self {}
    fn project(&self) -> Item {
        Item::default()
    }
}

/// The value of a group, whatever its type was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Total {
    /// A count, a sum, a residue.
    Int(i64),
    /// A sum in 128 bits.
    Wide(i128),
    /// Two sums at once.
    Two(i64, i64),
    /// A Z-set.
    Set(BTreeMap<String, i64>),
}

impl Total {
    /// A small number that depends on all of the value.
    pub fn digest(&self) -> i64 {
        let digest = match self {
            Self::Int(value) => i128::from(*value),
            Self::Wide(value) => *value,
            Self::Two(one, other) => i128::from(*one) * 3 + i128::from(*other),
            Self::Set(rows) => rows
                .iter()
                .map(|(text, weight)| (text.len() as i128 * 7 + 1) * i128::from(*weight))
                .sum(),
        };
        i64::try_from(digest % 1000).expect("below a thousand")
    }

    /// The row that a group becomes, to flow on.
    pub fn into_item(self, key: &Item) -> Item {
        Item::new(key.a, key.b.clone(), small(key.c) * 31 + self.digest())
    }
}

impl From<()> for Total {
    fn from((): ()) -> Self {
        Self::Int(0)
    }
}

impl From<i64> for Total {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i128> for Total {
    fn from(value: i128) -> Self {
        Self::Wide(value)
    }
}

impl From<(i64, i64)> for Total {
    fn from(value: (i64, i64)) -> Self {
        Self::Two(value.0, value.1)
    }
}

impl From<ZSet<String>> for Total {
    fn from(value: ZSet<String>) -> Self {
        Self::Set(value.into_iter().collect())
    }
}
