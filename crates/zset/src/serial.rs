//! Z-sets to and from serde: a sequence of (row, weight), in the order of the rows.
//!
//! Never trusts its input: what is read is summed again, so a Z-set that was written by hand, out of order
//! or with repeated or zero-weight rows still comes out canonical.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Weight, ZSet};

/// A sequence of (row, weight), in the order of the rows: equal Z-sets serialise alike.
impl<T: Serialize> Serialize for ZSet<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

/// Sums the sequence's weights row by row. A weight that overflows is an error of the format.
impl<'de, T: Ord + Deserialize<'de>> Deserialize<'de> for ZSet<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RowsVisitor(PhantomData))
    }
}

struct RowsVisitor<T>(PhantomData<T>);

impl<'de, T: Ord + Deserialize<'de>> Visitor<'de> for RowsVisitor<T> {
    type Value = ZSet<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence of rows, each with its weight")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut rows = ZSet::new();
        while let Some((row, weight)) = seq.next_element::<(T, Weight)>()? {
            rows.insert(row, weight).map_err(A::Error::custom)?;
        }
        Ok(rows)
    }
}
