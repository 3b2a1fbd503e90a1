//! The pure functions that queries are made of: what a user would have written as closures. Both sides of the oracle call
//! them, so they know nothing of operators.

use crate::item::{Item, small};

/// What [`Query::Map`](super::Query::Map) does.
#[derive(Clone, Copy, Debug)]
pub enum Mapping {
    /// `a` and `c` change places, as far as they can.
    Swap,
    /// Many rows become one.
    Collapse,
    /// All rows become one.
    Constant,
    /// Another number.
    Shift,
    /// Into a domain of a few dozen rows: what a recursion needs to come to an end.
    Fold,
}

impl Mapping {
    /// The row that a row becomes.
    pub fn apply(self, item: Item) -> Item {
        match self {
            Self::Swap => {
                let a = i8::try_from(item.c.rem_euclid(4)).ok().filter(|a| *a < 3);
                Item::new(a, item.b, item.a.map_or(-1, i64::from))
            }
            Self::Collapse => Item::new(item.a, "", item.c % 2),
            Self::Constant => Item::default(),
            Self::Shift => Item::new(item.a, item.b, small(item.c) + 1),
            Self::Fold => {
                let a = item.a.map(|a| a.rem_euclid(2));
                let b = item.b.chars().find(|letter| matches!(letter, 'a' | 'b'));
                Item::new(
                    a,
                    b.map(String::from).unwrap_or_default(),
                    item.c.rem_euclid(5),
                )
            }
        }
    }
}

/// What [`Query::Filter`](super::Query::Filter) keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Rows with an `a`.
    HasA,
    /// Rows with a text.
    HasB,
    /// Rows with a number above zero.
    IsPositive,
    /// Rows with an even number.
    IsEven,
}

impl Test {
    /// Whether a row is kept.
    pub fn holds(self, item: &Item) -> bool {
        match self {
            Self::HasA => item.a.is_some(),
            Self::HasB => !item.b.is_empty(),
            Self::IsPositive => item.c > 0,
            Self::IsEven => item.c & 1 == 0,
        }
    }
}

/// What [`Query::FlatMap`](super::Query::FlatMap) makes of a row.
#[derive(Clone, Copy, Debug)]
pub enum Spread {
    /// The row, and the row twisted.
    Both,
    /// The row up to twice, or not at all.
    Copies,
    /// A row for each character of the text.
    Letters,
}

impl Spread {
    /// The rows that a row becomes.
    pub fn apply(self, item: Item) -> Vec<Item> {
        match self {
            Self::Both => vec![item.twisted(), item],
            Self::Copies => vec![item.clone(); item.c.rem_euclid(3) as usize],
            Self::Letters => item
                .b
                .chars()
                .map(|letter| Item::new(item.a, letter, small(item.c)))
                .collect(),
        }
    }
}

/// What two rows that meet make.
#[derive(Clone, Copy, Debug)]
pub enum Meeting {
    /// A field of each, and the sum.
    Mixed,
    /// What is common to many.
    Product,
    /// The key, and the difference.
    Keyed,
}

impl Meeting {
    /// The row made of two rows that meet on a key.
    pub fn apply(self, key: &Item, left: &Item, right: &Item) -> Item {
        match self {
            Self::Mixed => Item::new(left.a, right.b.clone(), small(left.c) + small(right.c)),
            Self::Product => Item::new(right.a, left.b.clone(), small(left.c) * small(right.c) % 5),
            Self::Keyed => Item::new(
                key.a,
                key.b.clone(),
                small(key.c) + small(left.c) % 10 - small(right.c) % 10,
            ),
        }
    }

    /// The row made of what an outer join gives: of a row that met none, one that no two rows make.
    ///
    /// # Panics
    ///
    /// Both sides are missing.
    pub fn outer(self, key: &Item, left: Option<&Item>, right: Option<&Item>) -> Item {
        match (left, right) {
            (Some(left), Some(right)) => self.apply(key, left, right),
            (Some(left), None) => Item::new(left.a, format!("{}<", left.b), small(left.c)),
            (None, Some(right)) => Item::new(right.a, format!("{}>", right.b), small(right.c)),
            (None, None) => panic!("a join made a row of nothing"),
        }
    }
}

/// The edge that a row is for [`Query::Closure`](super::Query::Closure), and back.
#[derive(Clone, Copy, Debug)]
pub struct Edge;

impl Edge {
    /// From where to where.
    pub fn of(item: &Item) -> (i64, i64) {
        let a = item.a.map_or(3, i64::from);
        (
            item.c.rem_euclid(6),
            (a + item.b.len() as i64).rem_euclid(6),
        )
    }

    /// The row that a pair becomes.
    pub fn into_item((from, to): (i64, i64)) -> Item {
        Item::new(
            i8::try_from(from).ok().filter(|from| *from < 3),
            "",
            from * 6 + to,
        )
    }
}

/// When a row happened, for [`Query::RetainFor`](super::Query::RetainFor).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Among a few moments.
    Soon,
    /// At any time, the first and the last among them.
    Ever,
}

impl Moment {
    /// The moment of a row.
    pub fn of(self, item: &Item) -> i64 {
        match self {
            Self::Soon => item.c.rem_euclid(12),
            Self::Ever => item.c,
        }
    }
}
