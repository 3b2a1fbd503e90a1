//! What a tick must see of a table: keys, and the rows that a driver found for them.

use std::any::Any;
use std::collections::BTreeSet;

use deltaview_schema::codec::{self, CodecError};
use deltaview_schema::{IndexKey, KeyValue, Row, TableSchema};
use deltaview_zset::Weight;

use crate::error::TickErrorKind;
use crate::plan::TableId;
use crate::state::{Arrangement, ErasedArrangement, TypedTable};

/// The keys of one table that a tick must see, and the rows found for them.
///
/// A driver looks up each key of [`Self::keys`] (by equality of all index columns of the table's primary index), and
/// pushes every row that it finds. A key without rows is left without.
pub struct Fetch {
    table: TableId,
    name: String,
    index: String,
    keys: Box<dyn ErasedFetch>,
}

impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetch")
            .field("table", &self.name)
            .field("keys", &self.keys.keys())
            .finish()
    }
}

/// Which keys a fetch asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchKeys {
    /// All rows of the table.
    All,
    /// So many keys: see [`Fetch::key`].
    Some(usize),
}

/// A fetch without its types.
pub(crate) trait ErasedFetch: Any + Send + Sync {
    fn as_any_mut(&mut self) -> &mut dyn Any;
    fn keys(&self) -> FetchKeys;
    fn key<'a>(&'a self, position: usize, values: &mut Vec<KeyValue<'a>>);
    /// The key at a position as a person would write it.
    fn key_text(&self, position: usize) -> String;
    fn push(&mut self, key: Option<usize>, data: &[u8], weight: Weight) -> Result<(), PushError>;
    fn finish(self: Box<Self>, arrangement: &mut dyn ErasedArrangement);
}

/// Why a stored row can't be taken.
pub(crate) enum PushError {
    Decode(CodecError),
    OtherKey,
}

impl Fetch {
    pub(crate) fn new(schema: &TableSchema, table: TableId, keys: Box<dyn ErasedFetch>) -> Self {
        Self {
            table,
            name: schema.name(None),
            index: schema.primary.name.clone(),
            keys,
        }
    }

    /// The table to look in.
    pub fn table(&self) -> TableId {
        self.table
    }

    /// Which keys to look up.
    pub fn keys(&self) -> FetchKeys {
        self.keys.keys()
    }

    /// Pushes the values of the columns of the key at a position below [`FetchKeys::Some`]'s number. Keys are in
    /// ascending order.
    pub fn key<'a>(&'a self, position: usize, values: &mut Vec<KeyValue<'a>>) {
        self.keys.key(position, values);
    }

    /// Hands in a row that was found: under which key (`None` if all rows were asked for), its data, which is its
    /// `identity` where the data is not stored apart, and its weight.
    ///
    /// # Errors
    ///
    /// The row does not decode, or has another key: the table and the identity are named, or the key where the table
    /// has no identities.
    pub fn push(
        &mut self,
        key: Option<usize>,
        identity: &[u8],
        data: Option<&[u8]>,
        weight: Weight,
    ) -> Result<(), TickErrorKind> {
        self.keys
            .push(key, data.unwrap_or(identity), weight)
            .map_err(|error| {
                let table = self.name.clone();
                let identity = match key {
                    Some(position) if identity.is_empty() => self.keys.key_text(position),
                    _ => crate::state::hex_text(identity),
                };
                match error {
                    PushError::Decode(error) => TickErrorKind::Decode {
                        table,
                        identity,
                        error,
                    },
                    PushError::OtherKey => TickErrorKind::KeyChanged {
                        table,
                        identity,
                        index: self.index.clone(),
                    },
                }
            })
    }

    pub(crate) fn finish(self, arrangement: &mut dyn ErasedArrangement) {
        self.keys.finish(arrangement);
    }
}

/// The keys asked for of one table, by all operators of a step, and the rows found.
pub(crate) struct TypedFetch<K, T> {
    table: std::sync::Arc<dyn crate::plan::ErasedTable>,
    asked: BTreeSet<K>,
    /// The keys asked for, by position: filled when the first is looked at.
    sorted: std::sync::OnceLock<Vec<K>>,
    all: bool,
    rows: Vec<(K, T, Weight)>,
}

impl<K: IndexKey, T: Row> TypedFetch<K, T> {
    pub(crate) fn new(table: std::sync::Arc<dyn crate::plan::ErasedTable>) -> Self {
        Self {
            table,
            asked: BTreeSet::new(),
            sorted: std::sync::OnceLock::new(),
            all: false,
            rows: Vec::new(),
        }
    }

    pub(crate) fn ask(&mut self, key: &K) {
        if !self.asked.contains(key) {
            self.asked.insert(key.clone());
        }
    }

    pub(crate) fn ask_all(&mut self) {
        self.all = true;
    }

    fn sorted(&self) -> &[K] {
        self.sorted
            .get_or_init(|| self.asked.iter().cloned().collect())
    }

    fn typed_table(&self) -> &TypedTable<K, T> {
        self.table
            .as_any()
            .downcast_ref()
            .expect("a fetch has the types of its table")
    }
}

impl<K: IndexKey, T: Row> ErasedFetch for TypedFetch<K, T> {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn keys(&self) -> FetchKeys {
        if self.all {
            FetchKeys::All
        } else {
            FetchKeys::Some(self.asked.len())
        }
    }

    fn key<'a>(&'a self, position: usize, values: &mut Vec<KeyValue<'a>>) {
        self.sorted()[position].values(values);
    }

    fn key_text(&self, position: usize) -> String {
        crate::state::key_text(&self.sorted()[position])
    }

    fn push(&mut self, key: Option<usize>, data: &[u8], weight: Weight) -> Result<(), PushError> {
        let row: T = codec::decode(data).map_err(PushError::Decode)?;
        let computed = self.typed_table().index.key(&row);
        if key.is_some_and(|position| self.sorted()[position] != computed) {
            return Err(PushError::OtherKey);
        }
        self.rows.push((computed, row, weight));
        Ok(())
    }

    fn finish(self: Box<Self>, arrangement: &mut dyn ErasedArrangement) {
        let arrangement: &mut Arrangement<K, T> = arrangement
            .as_any_mut()
            .downcast_mut()
            .expect("a table's arrangement has the table's types");
        let known: BTreeSet<&K> = if self.all {
            // Keys that were fetched before come again with all the others.
            self.rows
                .iter()
                .map(|(key, ..)| key)
                .filter(|key| arrangement.is_resident(key))
                .collect()
        } else {
            BTreeSet::new()
        };
        let fresh: Vec<&(K, T, Weight)> = self
            .rows
            .iter()
            .filter(|(key, ..)| !known.contains(key))
            .collect();
        for key in &self.asked {
            arrangement.make_resident(key.clone());
        }
        if self.all {
            arrangement.make_all_resident();
        }
        for (key, row, weight) in fresh {
            arrangement.add(key, row, *weight);
        }
    }
}
