//! The journal of an iteration that commits stage by stage: what flows on to later stages, what it did to each table,
//! and what came in, as bytes. It owns their format. Where they are kept is the store's matter.
//!
//! Rows are framed: the length of a row's encoding (four bytes, little-endian), the encoding, and its weight (eight
//! bytes, little-endian), row after row.

use std::any::Any;
use std::sync::Arc;

use deltaview_schema::Row;
use deltaview_schema::codec::{self, CodecError};
use deltaview_zset::Weight;

use super::Slot;
use crate::change::{Edited, Edits, RowEdit};
use crate::delta::Delta;
use crate::error::TickErrorKind;
use crate::state::{ErasedDelta, Visit};

/// What an entry of a journal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JournalKind {
    /// What came into an input.
    Input,
    /// What a vertex has put out for vertices of later stages.
    Edge,
    /// What was done to a table.
    Table,
}

/// One entry of the journal of an iteration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// What it is about.
    pub kind: JournalKind,
    /// The name of the vertex, or of the table without a limit of its length.
    pub name: String,
    /// Rows with their weights.
    pub rows: Vec<u8>,
}

impl JournalKind {
    /// As one stores it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Edge => "edge",
            Self::Table => "table",
        }
    }

    /// The kind that was stored as this.
    pub fn from_stored(stored: &str) -> Option<Self> {
        [Self::Input, Self::Edge, Self::Table]
            .into_iter()
            .find(|kind| kind.as_str() == stored)
    }
}

/// How what flows along the edges of a vertex becomes bytes, and again what it was.
#[derive(Clone, Copy)]
pub(crate) struct RowCodec {
    /// Of a `Delta<T>`.
    pub(crate) encode: fn(&(dyn Any + Send + Sync)) -> Result<Vec<u8>, CodecError>,
    /// The number of rows of a `Delta<T>`; none of anything else.
    pub(crate) len: fn(&(dyn Any + Send + Sync)) -> Option<usize>,
    /// A `Delta<T>`.
    pub(crate) decode: fn(&[u8]) -> Result<Slot, TickErrorKind>,
    /// The `Edits<T>` that make the same delta, of a keyed table or of an input.
    pub(crate) edits: fn(&[u8], bool) -> Result<ErasedEdits, TickErrorKind>,
}

/// An `Edits<T>`.
type ErasedEdits = Box<dyn Any + Send + Sync>;

impl RowCodec {
    pub(crate) fn of<T: Row>() -> Self {
        Self {
            encode: |slot| {
                let delta: &Delta<T> = slot
                    .downcast_ref()
                    .expect("an edge carries the type that the builder gave it");
                encode_rows(delta.iter().map(|(row, weight)| (row, *weight)))
            },
            len: |slot| slot.downcast_ref::<Delta<T>>().map(Vec::len),
            decode: |bytes| {
                let delta: Delta<T> = decode_rows(bytes)?;
                Ok((!delta.is_empty()).then(|| Arc::new(delta) as Arc<dyn Any + Send + Sync>))
            },
            edits: |bytes, is_keyed| Ok(Box::new(edits::<T>(bytes, is_keyed)?)),
        }
    }
}

/// In a keyed table what goes goes first, so that what comes finds its key free.
fn edits<T: Row>(bytes: &[u8], is_keyed: bool) -> Result<Edits<T>, TickErrorKind> {
    let mut delta: Delta<T> = decode_rows(bytes)?;
    if !is_keyed {
        let weighed = delta
            .into_iter()
            .map(|(row, weight)| Edited::Row(RowEdit::Weigh(row, weight)));
        return Ok(weighed.collect());
    }
    delta.sort_by_key(|(_, weight)| *weight > 0);
    let edit = |(row, weight)| {
        Edited::Row(if weight > 0 {
            RowEdit::Insert(row)
        } else {
            RowEdit::Remove(row)
        })
    };
    Ok(delta.into_iter().map(edit).collect())
}

/// Rows as bytes.
fn encode_rows<'a, T: Row>(
    rows: impl Iterator<Item = (&'a T, Weight)>,
) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    for (row, weight) in rows {
        let start = bytes.len();
        bytes.extend([0; 4]);
        codec::encode_into(row, &mut bytes)?;
        finish_frame(&mut bytes, start, weight);
    }
    Ok(bytes)
}

fn finish_frame(bytes: &mut Vec<u8>, start: usize, weight: Weight) {
    let length = u32::try_from(bytes.len() - start - 4).expect("a row has less than 4 GiB");
    bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    bytes.extend(weight.to_le_bytes());
}

/// The rows of a table's delta as bytes.
pub(super) fn encode_delta(delta: &dyn ErasedDelta) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    delta.rows(&mut |row, weight| {
        let start = bytes.len();
        bytes.extend([0; 4]);
        bytes.extend_from_slice(row);
        finish_frame(&mut bytes, start, weight);
        Visit::Continue
    })?;
    Ok(bytes)
}

/// Rows from the bytes that [`encode_rows`] or [`encode_delta`] made of them.
pub(crate) fn decode_rows<T: Row>(bytes: &[u8]) -> Result<Delta<T>, TickErrorKind> {
    let mut rows = Vec::new();
    for frame in Frames(bytes) {
        let (row, weight) = frame?;
        let row = codec::decode(row).map_err(|error| TickErrorKind::DamagedJournal {
            reason: error.to_string(),
        })?;
        rows.push((row, weight));
    }
    Ok(rows)
}

/// The rows of a journal's entry, each with its weight.
struct Frames<'a>(&'a [u8]);

impl<'a> Iterator for Frames<'a> {
    type Item = Result<(&'a [u8], Weight), TickErrorKind>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let frame = split_frame(self.0);
        self.0 = frame.map_or(&[], |(_, _, rest)| rest);
        let damaged = || TickErrorKind::DamagedJournal {
            reason: "it ends within a row".to_string(),
        };
        Some(
            frame
                .map(|(row, weight, _)| (row, weight))
                .ok_or_else(damaged),
        )
    }
}

fn split_frame(bytes: &[u8]) -> Option<(&[u8], Weight, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (row, rest) = rest.split_at_checked(length)?;
    let (weight, rest) = rest.split_first_chunk::<8>()?;
    Some((row, Weight::from_le_bytes(*weight), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_with_their_weights() {
        let rows = [("a".to_string(), 3), (String::new(), -1)];
        let bytes = encode_rows(rows.iter().map(|(row, weight)| (row, *weight))).expect("encodes");
        assert_eq!(decode_rows::<String>(&bytes).expect("decodes"), rows);
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let rows = [("abc".to_string(), 3)];
        let bytes = encode_rows(rows.iter().map(|(row, weight)| (row, *weight))).expect("encodes");
        for length in 1..bytes.len() {
            let error = decode_rows::<String>(&bytes[..length]).expect_err("cut");
            assert!(matches!(error, TickErrorKind::DamagedJournal { .. }));
        }
    }
}
