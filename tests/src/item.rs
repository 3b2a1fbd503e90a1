//! The row that flows through all generated queries, its keys, and the pure functions that queries are made of.

use std::cmp::{Ordering, Reverse};

use deltaview::{IndexKey, Indexable};
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

    /// Those that all operators are tried with. The others have only some: each operator by each key is a type of its
    /// own, which takes long to compile.
    pub const WIDE: [Self; 2] = [Self::A, Self::B];
    /// The keys of indexes within groups.
    pub const IN_GROUPS: [Self; 1] = [Self::B];
    /// The keys that rows are grouped by for a sub-query.
    pub const OF_GROUPS: [Self; 1] = [Self::A];
    /// The keys that rows of a group are grouped by for a sub-query.
    pub const OF_INNER_GROUPS: [Self; 1] = [Self::C3];

    /// What rows that are grouped by a key are ordered by; all rows, if there is no key.
    pub fn order(by: Option<Self>) -> Self {
        match by {
            Some(Self::A) => Self::Ab,
            _ => Self::C,
        }
    }

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

    /// The order of the keys of two rows.
    pub fn compare(self, one: &Item, other: &Item) -> Ordering {
        let by_a = one.a.cmp(&other.a);
        let by_b = one.b.cmp(&other.b);
        match self {
            Self::A => by_a,
            Self::B => by_b,
            Self::Ab => by_a.then(by_b.reverse()),
            Self::C => other.c.cmp(&one.c),
            Self::C3 => one.c.rem_euclid(3).cmp(&other.c.rem_euclid(3)),
            // No text is no key, which is before all others.
            Self::Nested if one.b.is_empty() || other.b.is_empty() => {
                other.b.is_empty().cmp(&one.b.is_empty())
            }
            Self::Nested => by_b.then(by_a),
            Self::Unit => Ordering::Equal,
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
