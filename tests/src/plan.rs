//! Queries as data: a [`Plan`] is a list of nodes, each made of earlier ones, so that streams are shared freely.

use crate::item::{Item, Key, small};

/// A query.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the first nodes are: one source a node.
    pub sources: Vec<Source>,
    /// The nodes, each of earlier ones. The first are the sources.
    pub nodes: Vec<Query>,
    /// What is looked at.
    pub sinks: Vec<Sink>,
}

/// Where rows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Raw Z-set changes.
    Raw,
    /// A keyed table with this primary key: [`Key::A`], [`Key::Ab`] or [`Key::Unit`].
    Table(Key),
}

/// A node: an operator, and the nodes that it takes.
#[derive(Clone, Debug)]
pub enum Query {
    /// A source, by its position.
    Source(usize),
    /// Each row becomes one other.
    Map(usize, Mapping),
    /// Rows stay or go.
    Filter(usize, Test),
    /// Each row becomes several, some of them equal.
    FlatMap(usize, Spread),
    /// Rows go, or become others.
    FilterMap(usize, Test, Mapping),
    /// Each weight changes its sign.
    Negate(usize),
    /// Rows are looked at.
    Inspect(usize),
    /// The sum of two streams.
    Plus(usize, usize),
    /// The rows that meet.
    Join(Join),
    /// An aggregate by group; the groups become rows by [`Total::into_item`](crate::item::Total::into_item).
    Group {
        /// What is grouped.
        input: usize,
        /// By which key.
        key: Key,
        /// What is computed.
        aggregate: Aggregate,
    },
    /// The running sum.
    Integrate(usize),
    /// One iteration later.
    Delay(usize),
    /// The change since the iteration before.
    Differentiate(usize),
}

/// A join.
#[derive(Clone, Copy, Debug)]
pub struct Join {
    /// The left side.
    pub left: usize,
    /// The right side; possibly the same.
    pub right: usize,
    /// What they meet on.
    pub key: Key,
    /// Whether the right side is seen [twisted](Item::twisted).
    pub twisted: bool,
    /// Whether it is a join into pairs that are mapped, or a join that maps.
    pub in_pairs: bool,
    /// What two rows make.
    pub meeting: Meeting,
}

/// What [`Query::Map`] does.
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
        }
    }
}

/// What [`Query::Filter`] keeps.
#[derive(Clone, Copy, Debug)]
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

/// What [`Query::FlatMap`] makes of a row.
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
}

/// What is computed of a group.
#[derive(Clone, Copy, Debug)]
pub enum Aggregate {
    /// The total weight.
    Count,
    /// The sum of the small numbers.
    Sum,
    /// The sum of the numbers, in 128 bits.
    Wide,
    /// The sums of the small numbers and of the lengths of the texts.
    Two,
    /// The texts, as a Z-set.
    Set,
    /// The sum of the numbers modulo 97: a finite group, where many changes add up to nothing.
    Residue,
}

/// What is looked at.
#[derive(Clone, Debug)]
pub enum Sink {
    /// The delta of a node.
    Output(usize),
    /// The rows of a node, by several indexes, the first of which they are stored by.
    View(usize, Vec<Key>),
    /// The groups of an aggregate as they are, by their key and by a value.
    Groups(usize),
}
