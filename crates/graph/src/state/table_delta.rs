//! The change of a table in one tick: what a store writes, and what the arrangement takes over once it is written.

use std::any::Any;
use std::sync::Arc;

use deltaview_schema::codec::{self, CodecError};
use deltaview_schema::{Identity, IndexKey, KeyValue, Row};
use deltaview_zset::{Weight, ZSet};

use super::secondary::SecondaryKeys;
use super::{Arrangement, ErasedArrangement, TypedTable};
use crate::delta::{ArrangedDelta, by_key};
use crate::error::TickErrorKind;
use crate::tick::{RowChange, Slot, Write, shared};

/// The bytes that there is room for from the beginning where rows are encoded one after the other: most take less.
const ROW: usize = 128;

/// The change of a table, without its types.
pub(crate) trait ErasedDelta: Any + Send + Sync {
    /// Hands each row to `visit` as it is to be written, in the order of the keys.
    fn writes(&self, visit: &mut dyn FnMut(Write<'_>) -> Visit) -> Result<(), CodecError>;
    /// Hands each row to `visit` with its encoding and what is added to its weight, in the order of the keys.
    fn rows(&self, visit: &mut dyn FnMut(&[u8], Weight) -> Visit) -> Result<(), CodecError>;
    /// Hands each row to `visit` with its columns, in the order of the keys.
    fn changes(&self, visit: &mut dyn FnMut(RowChange<'_>) -> Visit) -> Result<(), CodecError>;
    /// The number of changed rows.
    fn len(&self) -> usize;
    /// The rows as a Z-set: a `ZSet<T>`.
    fn to_zset(&self) -> Box<dyn Any + Send + Sync>;
    /// The change as it flows along the edges of the vertex that arranges: an `ArrangedDelta<K, T>`.
    fn slot(&self) -> Slot;
    fn as_any(&self) -> &dyn Any;
    /// Takes the change over. It was checked before, and can't fail.
    fn absorb(&self, arrangement: &mut dyn ErasedArrangement);
}

/// Whether to go on.
pub(crate) enum Visit {
    Continue,
    Stop,
}

/// The change of a table with its types.
pub(crate) struct TableDelta<K, T> {
    rows: Arc<ArrangedDelta<K, T>>,
    /// The weight that each row has before, where it is known; nothing where none was looked at.
    before: Vec<Option<Weight>>,
    /// The keys of the rows by each secondary index.
    secondary: Vec<Box<dyn SecondaryKeys>>,
    unique: bool,
}

impl<K: IndexKey, T: Row> TableDelta<K, T> {
    /// Checks that a delta can be taken over, and computes all that the user's closures have a part in.
    pub(crate) fn prepare(
        rows: Arc<ArrangedDelta<K, T>>,
        table: &TypedTable<K, T>,
        arrangement: &Arrangement<K, T>,
    ) -> Result<Self, TickErrorKind> {
        let weights = rows.iter().map(|(_, _, weight)| weight.unsigned_abs());
        if arrangement.has_room_for(weights.fold(0, u64::saturating_add)) {
            return Ok(Self::unseen(rows, table));
        }
        let mut before = Vec::with_capacity(rows.len());
        for (key, row, weight) in rows.iter() {
            let known = arrangement.known_weight(key, row);
            if known.is_some_and(|known| known.checked_add(*weight).is_none()) {
                return Err(deltaview_zset::WeightOverflow.into());
            }
            before.push(known);
        }
        Ok(Self {
            before,
            ..Self::unseen(rows, table)
        })
    }

    /// A delta of rows whose weights so far are not known.
    pub(crate) fn unseen(rows: Arc<ArrangedDelta<K, T>>, table: &TypedTable<K, T>) -> Self {
        let secondary = table
            .secondary
            .iter()
            .map(|index| index.keys(&mut rows.iter().map(|(_, row, _)| row)))
            .collect();
        Self {
            before: Vec::new(),
            rows,
            secondary,
            unique: table.schema.unique,
        }
    }

    /// Of a table with one row a key and no further index.
    pub(super) fn of_unique(rows: Arc<ArrangedDelta<K, T>>) -> Self {
        Self {
            rows,
            before: Vec::new(),
            secondary: Vec::new(),
            unique: true,
        }
    }

    pub(super) fn rows(&self) -> &[(K, T, Weight)] {
        &self.rows
    }

    pub(super) fn secondary(&self) -> &[Box<dyn SecondaryKeys>] {
        &self.secondary
    }

    fn push_secondary<'a>(&'a self, row: usize, values: &mut Vec<KeyValue<'a>>) {
        for keys in &self.secondary {
            keys.values(row, values);
        }
    }

    /// The positions of the rows, with what is added to their weights: in the order of keys and rows, each row once.
    fn in_order(&self) -> Vec<(usize, Weight)> {
        let row_at = |position: usize| {
            let (key, row, _) = &self.rows[position];
            (key, row)
        };
        let rows = self.rows.iter().enumerate();
        let mut order: Vec<(usize, Weight)> = rows
            .map(|(position, (_, _, weight))| (position, *weight))
            .collect();
        if self.rows.is_sorted_by(|a, b| (&a.0, &a.1) < (&b.0, &b.1)) {
            return order;
        }
        order.sort_by(|one, other| row_at(one.0).cmp(&row_at(other.0)));
        order.dedup_by(|next, kept| {
            let is_same = row_at(next.0) == row_at(kept.0);
            if is_same {
                let sum = kept.1.checked_add(next.1);
                kept.1 = sum.expect("what is not in order has room in the arrangement");
            }
            is_same
        });
        order.retain(|(_, weight)| *weight != 0);
        order
    }

    /// A table with one row a key: of the rows of a key, the one that is added is put, or else the key is deleted.
    fn unique_writes(&self, visit: &mut dyn FnMut(Write<'_>) -> Visit) -> Result<(), CodecError> {
        let mut data = Vec::with_capacity(ROW);
        let order = self.in_order();
        let key_at = |position: usize| &self.rows[position].0;
        for run in order.chunk_by(|one, next| key_at(one.0) == key_at(next.0)) {
            let mut columns = Vec::new();
            key_at(run[0].0).values(&mut columns);
            let added = run.iter().find(|(_, weight)| *weight > 0);
            let go_on = if let Some((added, _)) = added {
                data.clear();
                codec::encode_into(&self.rows[*added].1, &mut data)?;
                let mut more = Vec::new();
                self.push_secondary(*added, &mut more);
                visit(Write::Put {
                    key: &columns,
                    secondary: &more,
                    data: &data,
                    replaces: run.iter().any(|(_, weight)| *weight < 0),
                })
            } else {
                visit(Write::Delete { key: &columns })
            };
            if let Visit::Stop = go_on {
                break;
            }
        }
        Ok(())
    }

    fn bag_writes(&self, visit: &mut dyn FnMut(Write<'_>) -> Visit) -> Result<(), CodecError> {
        let mut encoded = Vec::with_capacity(ROW);
        for (position, weight) in self.in_order() {
            let (key, row, _) = &self.rows[position];
            encoded.clear();
            codec::encode_into(row, &mut encoded)?;
            let identity = Identity::of(&encoded);
            let mut columns = Vec::new();
            key.values(&mut columns);
            let mut more = Vec::new();
            self.push_secondary(position, &mut more);
            let data = (!identity.holds_row()).then_some(encoded.as_slice());
            let before = self.before.get(position).copied().flatten();
            let write = Write::Add {
                key: &columns,
                secondary: &more,
                identity,
                data,
                weight,
                before,
            };
            if let Visit::Stop = visit(write) {
                break;
            }
        }
        Ok(())
    }
}

impl<K: IndexKey, T: Row> ErasedDelta for TableDelta<K, T> {
    fn writes(&self, visit: &mut dyn FnMut(Write<'_>) -> Visit) -> Result<(), CodecError> {
        if self.unique {
            self.unique_writes(visit)
        } else {
            self.bag_writes(visit)
        }
    }

    fn rows(&self, visit: &mut dyn FnMut(&[u8], Weight) -> Visit) -> Result<(), CodecError> {
        let mut encoded = Vec::new();
        for (position, weight) in self.in_order() {
            encoded.clear();
            codec::encode_into(&self.rows[position].1, &mut encoded)?;
            if let Visit::Stop = visit(&encoded, weight) {
                break;
            }
        }
        Ok(())
    }

    fn changes(&self, visit: &mut dyn FnMut(RowChange<'_>) -> Visit) -> Result<(), CodecError> {
        let mut encoded = Vec::new();
        for (position, (key, row, weight)) in self.rows.iter().enumerate() {
            encoded.clear();
            codec::encode_into(row, &mut encoded)?;
            let mut columns = Vec::new();
            key.values(&mut columns);
            let mut more = Vec::new();
            self.push_secondary(position, &mut more);
            let change = RowChange {
                key: &columns,
                secondary: &more,
                identity: Identity::of(&encoded),
                data: &encoded,
                weight: *weight,
                before: self.before.get(position).copied().flatten(),
            };
            if let Visit::Stop = visit(change) {
                break;
            }
        }
        Ok(())
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn to_zset(&self) -> Box<dyn Any + Send + Sync> {
        let rows = self
            .rows
            .iter()
            .map(|(_, row, weight)| (row.clone(), *weight));
        Box::new(ZSet::from_pairs(rows).expect("the sum was checked before the commit was written"))
    }

    fn slot(&self) -> Slot {
        shared(&self.rows)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn absorb(&self, arrangement: &mut dyn ErasedArrangement) {
        let arrangement: &mut Arrangement<K, T> = arrangement
            .as_any_mut()
            .downcast_mut()
            .expect("a table's arrangement has the table's types");
        if self.unique && arrangement.is_complete() {
            for (key, run) in by_key(&self.rows) {
                match run.iter().find(|(_, _, weight)| *weight > 0) {
                    Some((_, row, _)) => arrangement.put(key, row),
                    None => run
                        .iter()
                        .for_each(|(_, row, _)| arrangement.take(key, row)),
                }
            }
        } else {
            arrangement.add_delta(&self.rows);
        }
        for (state, keys) in arrangement
            .secondaries_mut()
            .iter_mut()
            .zip(&self.secondary)
        {
            state.absorb(
                keys.as_ref(),
                &mut self.rows.iter().map(|(_, row, weight)| (row, *weight)),
            );
        }
    }
}

/// A key as a person would write it, for errors.
pub(crate) fn key_text<K: IndexKey>(key: &K) -> String {
    let mut values = Vec::new();
    key.values(&mut values);
    let text = |value: &KeyValue<'_>| match value {
        KeyValue::Null => "none".to_string(),
        KeyValue::Bool(value) => value.to_string(),
        KeyValue::Int(value) => value.to_string(),
        KeyValue::Text(value) => format!("\"{}\"", value.escape_debug()),
        KeyValue::Bytes(value) => hex_text(value),
    };
    let texts: Vec<String> = values.iter().map(text).collect();
    if let [one] = texts.as_slice() {
        one.clone()
    } else {
        format!("({})", texts.join(", "))
    }
}

/// Bytes as SQL writes them: `x'00ff'`.
pub(crate) fn hex_text(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("x'{digits}'")
}
