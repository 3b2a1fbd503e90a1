//! The value of a group as one type, whatever the aggregate's type was.

use std::collections::BTreeMap;

use deltaview::{OrderedFloat, ZSet};

use crate::item::{Item, small};

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
    /// An average.
    Real(OrderedFloat<f64>),
    /// Yes or no.
    Flag(bool),
    /// A row, or a key as a row that has nothing else.
    Row(Item),
    /// Several at once.
    Several(Vec<Self>),
}

impl Total {
    /// A small number that depends on all of the value.
    pub fn digest(&self) -> i64 {
        i64::try_from(self.number() % 1000).expect("below a thousand")
    }

    fn number(&self) -> i128 {
        match self {
            Self::Int(value) => i128::from(*value),
            Self::Wide(value) => *value,
            Self::Two(one, other) => i128::from(*one) * 3 + i128::from(*other),
            Self::Real(value) => (value.0 * 16.0) as i128,
            Self::Flag(value) => i128::from(*value),
            Self::Row(item) => {
                let a = item.a.map_or(-1, i128::from);
                a * 7 + item.b.len() as i128 * 3 + i128::from(item.c)
            }
            Self::Several(parts) => parts
                .iter()
                .fold(0, |all, part| all * 5 + part.number() % 1000),
            Self::Set(rows) => rows
                .iter()
                .map(|(text, weight)| (text.len() as i128 * 7 + 1) * i128::from(*weight))
                .sum(),
        }
    }

    /// Whether it is the sum of no rows.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Int(value) => *value == 0,
            Self::Wide(value) => *value == 0,
            Self::Two(one, other) => (*one, *other) == (0, 0),
            Self::Set(rows) => rows.is_empty(),
            Self::Several(parts) => parts.iter().all(Self::is_zero),
            Self::Real(_) | Self::Flag(_) | Self::Row(_) => false,
        }
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

impl From<OrderedFloat<f64>> for Total {
    fn from(value: OrderedFloat<f64>) -> Self {
        Self::Real(value)
    }
}

impl From<bool> for Total {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}

impl From<Item> for Total {
    fn from(value: Item) -> Self {
        Self::Row(value)
    }
}
