//! How a database logs the delta of a view: in parts of bounded size, each with whole rows. For stores.
//!
//! A part is a CBOR array of pairs: a row's encoding as a byte string, and the weight that was added.

use std::fmt;

use deltaview_graph::TableWrites;
use deltaview_schema::{Row, codec};
use deltaview_zset::{Weight, ZSet};
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use super::Delta;
use crate::{Error, ErrorKind};

/// A part ends with the row that fills it so far.
pub const PART_BYTES: usize = 256 * 1024;

/// A delta as it is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The time of the iteration.
    pub time: i64,
    /// The parts, in their order.
    pub parts: Vec<Vec<u8>>,
}

impl Logged {
    /// A delta of rows that are encoded, each with what was added to its weight. For stores that have it in another way.
    pub fn of_rows(time: i64, rows: impl IntoIterator<Item = (Vec<u8>, Weight)>) -> Self {
        let rows = rows.into_iter();
        let rows: Vec<_> = rows.map(|(row, weight)| (Encoded(row), weight)).collect();
        Self {
            time,
            parts: vec![part(&rows)],
        }
    }

    /// The delta itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`]: it is not what [`parts_of`] has made of a view of such rows.
    pub fn decode<T: Row>(self, vertex: &str) -> Result<Delta<T>, Error> {
        let time = self.time;
        let corrupt = |what: &dyn fmt::Display| {
            let message = format!(
                "the log of view `{vertex}` is damaged at time {time}: {what}. Follow the view anew, and read it"
            );
            Error::new(ErrorKind::Corrupt, message)
        };
        let mut rows: Vec<(T, Weight)> = Vec::new();
        for part in &self.parts {
            let encoded: Vec<(Encoded, Weight)> =
                codec::decode(part).map_err(|error| corrupt(&error).caused_by(error))?;
            for (row, weight) in encoded {
                let row =
                    codec::decode(&row.0).map_err(|error| corrupt(&error).caused_by(error))?;
                rows.push((row, weight));
            }
        }
        let rows = ZSet::from_pairs(rows).map_err(|error| corrupt(&error))?;
        Ok(Delta::new(time, rows))
    }
}

/// The parts of what an iteration changes of a view, in the order of its index.
///
/// # Errors
///
/// A row can't be encoded.
pub fn parts_of(writes: &TableWrites<'_>) -> Result<Vec<Vec<u8>>, Error> {
    let mut parts = Parts::default();
    writes.for_each_row(|row, weight| {
        parts.push(row, weight);
        Ok::<(), Error>(())
    })?;
    Ok(parts.finish())
}

/// The parts of a delta, as its rows come.
#[derive(Debug, Default)]
pub struct Parts {
    done: Vec<Vec<u8>>,
    open: Vec<(Encoded, Weight)>,
    size: usize,
}

impl Parts {
    /// Adds a row's encoding, and what is added to its weight.
    pub fn push(&mut self, row: &[u8], weight: Weight) {
        self.size += row.len();
        self.open.push((Encoded(row.to_vec()), weight));
        if self.size >= PART_BYTES {
            self.done.push(part(&self.open));
            self.open.clear();
            self.size = 0;
        }
    }

    /// All of them.
    pub fn finish(mut self) -> Vec<Vec<u8>> {
        if !self.open.is_empty() {
            self.done.push(part(&self.open));
        }
        self.done
    }
}

fn part(rows: &[(Encoded, Weight)]) -> Vec<u8> {
    codec::encode(rows).expect("pairs of bytes and numbers have an encoding")
}

/// An encoded row: a byte string, and not a list of numbers.
#[derive(Debug)]
struct Encoded(Vec<u8>);

impl Serialize for Encoded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Encoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Encoded;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an encoded row")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Encoded, E> {
                Ok(Encoded(bytes.to_vec()))
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}
