//! A keyed table: a source that remembers its rows, one a key, so that a change can name a row by its key, and one that
//! makes no sense is an error.

use std::collections::BTreeMap;

use deltaview_schema::{Index, IndexKey, Row};

use super::{Apply, Operator, Reads};
use crate::change::{Edited, KeyEdit, RowEdit};
use crate::delta::{Delta, consolidate};
use crate::error::TickErrorKind;
use crate::plan::{TableId, VertexId};
use crate::state::key_text;
use crate::tick::Explain;

/// Reads one key for each row that the change names. The rows are in the arrangement of its stream by its key, which
/// writes them.
pub(crate) struct KeyedTable<K, T> {
    pub(crate) vertex: VertexId,
    pub(crate) primary_key: Index<T, K>,
    pub(crate) table: TableId,
}

impl<K: IndexKey, T: Row> Operator for KeyedTable<K, T> {
    fn reads(&self, reads: &mut Reads<'_>) -> Result<(), TickErrorKind> {
        let keys = reads
            .edits::<T>(self.vertex)
            .iter()
            .map(|edit| self.key_of(edit))
            .collect::<Result<Vec<K>, _>>()?;
        reads.need::<K, T>(self.table, &keys);
        reads.keep(keys);
        Ok(())
    }

    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let keys: Vec<K> = apply.kept();
        let state = apply.arrangement::<K, T>(self.table);
        // Where a key is named more than once, each step sees what the ones before it made.
        let mut now: BTreeMap<K, Option<T>> = BTreeMap::new();
        let mut delta: Delta<T> = Vec::new();
        for (edit, key) in apply.edits::<T>(self.vertex).iter().zip(keys) {
            let old = now
                .get(&key)
                .cloned()
                .unwrap_or_else(|| state.row_of(&key).cloned());
            let new = self.edited(edit, &key, old.as_ref())?;
            if let Some(old) = old {
                delta.push((old, -1));
            }
            if let Some(new) = &new {
                delta.push((new.clone(), 1));
            }
            now.insert(key, new);
        }
        consolidate(&mut delta)?;
        apply.emit(delta);
        Ok(())
    }

    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        Ok(explain.find::<T>()?)
    }
}

impl<K: IndexKey, T: Row> KeyedTable<K, T> {
    fn key_of(&self, edit: &Edited<T>) -> Result<K, TickErrorKind> {
        Ok(match edit {
            Edited::Row(RowEdit::Insert(row) | RowEdit::Remove(row) | RowEdit::Upsert(row)) => {
                self.primary_key.key(row)
            }
            Edited::Row(RowEdit::Weigh(..)) => return Err(TickErrorKind::RawWeights),
            Edited::Key(edit) => match Self::by_key(edit.as_ref()) {
                KeyEdit::Update(key, _) | KeyEdit::Delete(key) => key.clone(),
            },
        })
    }

    /// The row of a key after one step.
    fn edited(
        &self,
        edit: &Edited<T>,
        key: &K,
        old: Option<&T>,
    ) -> Result<Option<T>, TickErrorKind> {
        let named = || key_text(key);
        let there = || old.ok_or_else(|| TickErrorKind::MissingKey { key: named() });
        match edit {
            Edited::Row(RowEdit::Insert(_)) if old.is_some() => {
                Err(TickErrorKind::DuplicateKey { key: named() })
            }
            Edited::Row(RowEdit::Insert(row) | RowEdit::Upsert(row)) => Ok(Some(row.clone())),
            Edited::Row(RowEdit::Remove(row)) if there()? != row => {
                Err(TickErrorKind::DifferentRow { key: named() })
            }
            Edited::Row(RowEdit::Remove(_)) => Ok(None),
            Edited::Row(RowEdit::Weigh(..)) => Err(TickErrorKind::RawWeights),
            Edited::Key(edit) => match Self::by_key(edit.as_ref()) {
                KeyEdit::Delete(_) => there().map(|_| None),
                KeyEdit::Update(_, update) => {
                    let mut row = there()?.clone();
                    update(&mut row);
                    if self.primary_key.key(&row) != *key {
                        return Err(TickErrorKind::UpdatedKey { key: named() });
                    }
                    Ok(Some(row))
                }
            },
        }
    }

    fn by_key(edit: &(dyn std::any::Any + Send + Sync)) -> &KeyEdit<T, K> {
        edit.downcast_ref()
            .expect("the handle has the table's key type")
    }
}
