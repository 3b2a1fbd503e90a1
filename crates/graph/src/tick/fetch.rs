//! What a tick must see of a table, as a driver sees it: what to look up, and how to hand in what it finds.

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::Arc;

use deltaview_schema::codec::CodecError;
use deltaview_schema::{Identity, KeyValue};
use deltaview_zset::Weight;

use super::Slot;
use crate::error::TickErrorKind;
use crate::plan::{ErasedTable, TableId};
use crate::state::scan::Order;
use crate::state::{ErasedArrangement, WorkingSet};

/// Rows of one table that a tick must see: one set of questions of one kind, for a driver to answer.
///
/// [`Self::keys`] says of which kind, and how many there are. A step may have several fetches of one table, but no two
/// of one kind; so each can be one statement, and all of a step can go to the database together. A question that is
/// not found is answered by handing in nothing, but a range must always be [ended](FetchKeys::Ranges).
pub struct Fetch {
    table: TableId,
    /// Its names, for whoever must tell them.
    described: Arc<dyn ErasedTable>,
    keys: Box<dyn ErasedFetch>,
    /// What was handed in.
    pushed: Pushed,
}

/// How much a store has handed in to a fetch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// The rows.
    pub rows: usize,
    /// The bytes of their encodings, as far as they were handed in.
    pub bytes: usize,
}

impl Pushed {
    fn count(&mut self, encoded: &[u8]) {
        self.rows += 1;
        self.bytes += encoded.len();
    }
}

impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetch")
            .field("table", &self.name())
            .field("keys", &self.keys.keys())
            .finish()
    }
}

/// What a fetch asks for. The columns of a key are always those of the table's primary index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchKeys {
    /// All rows of the table. Hand each in with [`Fetch::push`].
    All,
    /// All rows of so many keys. Look each [`Fetch::key`] up by equality of all columns, and hand each row in with
    /// [`Fetch::push`].
    Some(usize),
    /// So many single rows. Look each up by its [`Fetch::key`] and [`Fetch::identity`], the whole primary key, and
    /// hand its weight in with [`Fetch::push_weight`]. Never of a table with one row a key.
    Rows(usize),
    /// So many ranges of the index, [`Fetch::range`]. Read each in its order, and hand the rows in one by one with
    /// [`Fetch::push_in_range`] until it says that they are enough. If the rows of the group run out before that, say
    /// so with [`Fetch::end_range`].
    ///
    /// A driver that can't look at rows one by one may read a number of its own choice, at best the one that the range
    /// wishes for, as long as it has all rows of the last key (`FETCH FIRST … ROWS WITH TIES`), and then say
    /// [`Fetch::pause_range`].
    Ranges(usize),
}

/// A part of a group of rows, to be read in the order of the primary index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRange<'a> {
    /// What the leading columns of the index are equal to, as many as there are values.
    pub group: Vec<KeyValue<'a>>,
    /// Where in the group reading begins, if not at its beginning (or backward, at its end).
    pub start: Option<RangeStart<'a>>,
    /// In which direction of the index, whose columns have directions of their own.
    pub order: Order,
    /// After so many rows they are probably enough. At least 1.
    pub rows: usize,
}

/// Where in a group reading begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeStart<'a> {
    /// The values of the columns that follow those of the group.
    pub columns: Vec<KeyValue<'a>>,
    /// Whether rows with exactly these values are read too, or only those beyond them in the range's order.
    pub inclusive: bool,
}

/// A fetch without its types. Each kind answers to its own part of it.
pub(crate) trait ErasedFetch: Any + Send + Sync {
    fn keys(&self) -> FetchKeys;

    fn key<'a>(&'a self, _position: usize, _values: &mut Vec<KeyValue<'a>>) {
        self.has_no("keys")
    }

    /// What is asked at a position as a person would write it.
    fn key_text(&self, _position: usize) -> String {
        self.has_no("keys")
    }

    fn identity(&self, _position: usize) -> Identity {
        self.has_no("identities")
    }

    fn range(&self, _position: usize) -> FetchRange<'_> {
        self.has_no("ranges")
    }

    fn push(&mut self, _: Option<usize>, _data: &[u8], _: Weight) -> Result<(), PushError> {
        self.has_no("keys to push rows of")
    }

    fn push_weight(&mut self, _position: usize, _: Weight) {
        self.has_no("rows to push weights of")
    }

    fn push_in_range(
        &mut self,
        _position: usize,
        _data: &[u8],
        _: Weight,
    ) -> Result<ControlFlow<()>, PushError> {
        self.has_no("ranges")
    }

    fn pause_range(&mut self, _position: usize) {
        self.has_no("ranges")
    }

    fn end_range(&mut self, _position: usize) {
        self.has_no("ranges")
    }

    /// Whether the driver has answered all that can't be left without an answer.
    fn is_answered(&self) -> bool {
        true
    }

    /// Takes all rows of an arrangement that has them all.
    fn answer_from(&mut self, _arrangement: &dyn ErasedArrangement) {
        self.has_no("answer in memory")
    }

    /// The rows that were handed in, as what flows along an edge.
    fn into_contents(self: Box<Self>) -> Slot {
        self.has_no("contents")
    }

    fn finish(self: Box<Self>, arrangement: &mut dyn ErasedArrangement);

    /// For what a driver must not do with a fetch of this kind.
    fn has_no(&self, what: &str) -> ! {
        unreachable!("a fetch of {:?} has no {what}", self.keys())
    }
}

/// Why a stored row can't be taken.
pub(crate) enum PushError {
    Decode(CodecError),
    OtherKey,
}

/// What is said of a position is for each that is below the number in [`Fetch::keys`].
impl Fetch {
    pub(crate) fn new(
        described: &Arc<dyn ErasedTable>,
        table: TableId,
        keys: Box<dyn ErasedFetch>,
    ) -> Self {
        Self {
            table,
            described: Arc::clone(described),
            keys,
            pushed: Pushed::default(),
        }
    }

    fn name(&self) -> String {
        self.described.schema().name(None)
    }

    /// The table to look in.
    pub fn table(&self) -> TableId {
        self.table
    }

    /// What to look up.
    pub fn keys(&self) -> FetchKeys {
        self.keys.keys()
    }

    /// Pushes the values of the columns of the key at a position. Keys are in ascending order.
    ///
    /// # Panics
    ///
    /// The fetch is not of [`FetchKeys::Some`] or [`FetchKeys::Rows`].
    pub fn key<'a>(&'a self, position: usize, values: &mut Vec<KeyValue<'a>>) {
        self.keys.key(position, values);
    }

    /// What tells the row at a position from others with its key.
    ///
    /// # Panics
    ///
    /// The fetch is not of [`FetchKeys::Rows`].
    pub fn identity(&self, position: usize) -> Identity {
        self.keys.identity(position)
    }

    /// How much was handed in so far.
    pub fn pushed(&self) -> Pushed {
        self.pushed
    }

    /// The range at a position.
    ///
    /// # Panics
    ///
    /// The fetch is not of [`FetchKeys::Ranges`].
    pub fn range(&self, position: usize) -> FetchRange<'_> {
        self.keys.range(position)
    }

    /// Hands in a row that was found: under which key (`None` if all rows were asked for), its data, which is its
    /// `identity` where the data is not stored apart, and its weight.
    ///
    /// # Errors
    ///
    /// The row does not decode, or has another key: the table and the identity are named, or the key where the table
    /// has no identities.
    ///
    /// # Panics
    ///
    /// The fetch is not of [`FetchKeys::Some`] or [`FetchKeys::All`].
    pub fn push(
        &mut self,
        key: Option<usize>,
        identity: &[u8],
        data: Option<&[u8]>,
        weight: Weight,
    ) -> Result<(), TickErrorKind> {
        let data = data.unwrap_or(identity);
        self.pushed.count(data);
        let pushed = self.keys.push(key, data, weight);
        pushed.map_err(|error| self.damaged(key, identity, error))
    }

    /// Hands in the weight of the row at a position. A row that is not found has none.
    ///
    /// # Panics
    ///
    /// The fetch is not of [`FetchKeys::Rows`].
    pub fn push_weight(&mut self, position: usize, weight: Weight) {
        self.pushed.count(&[]);
        self.keys.push_weight(position, weight);
    }

    /// Hands in the next row of the range at a position, as [`Self::push`] does. [`ControlFlow::Break`] says that
    /// there are enough: this row was the first of a key that is not taken any more, and the range is ended.
    ///
    /// # Errors
    ///
    /// As [`Self::push`]; a row that is not in the range, or before the one that was pushed last, has another key than
    /// it is stored by.
    ///
    /// # Panics
    ///
    /// The fetch is not of [`FetchKeys::Ranges`].
    pub fn push_in_range(
        &mut self,
        position: usize,
        identity: &[u8],
        data: Option<&[u8]>,
        weight: Weight,
    ) -> Result<ControlFlow<()>, TickErrorKind> {
        let data = data.unwrap_or(identity);
        self.pushed.count(data);
        let pushed = self.keys.push_in_range(position, data, weight);
        pushed.map_err(|error| self.damaged(Some(position), identity, error))
    }

    /// Says that the group has no more rows in the range at a position.
    ///
    /// # Panics
    ///
    /// The fetch is not of [`FetchKeys::Ranges`].
    pub fn end_range(&mut self, position: usize) {
        self.keys.end_range(position);
    }

    /// Says that the range at a position is read up to the last row that was pushed, and that all rows of its key
    /// were. It must have been pushed at least one: without any, it is not an answer.
    ///
    /// # Panics
    ///
    /// The fetch is not of [`FetchKeys::Ranges`].
    pub fn pause_range(&mut self, position: usize) {
        self.keys.pause_range(position);
    }

    fn damaged(&self, key: Option<usize>, identity: &[u8], error: PushError) -> TickErrorKind {
        let table = self.name();
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
                index: self.described.schema().primary.name.clone(),
            },
        }
    }

    pub(crate) fn check_answered(&self) -> Result<(), TickErrorKind> {
        if self.keys.is_answered() {
            return Ok(());
        }
        Err(TickErrorKind::Unanswered { table: self.name() })
    }

    /// Answers a fetch of [`Rederivation::fetches`](super::Rederivation::fetches) from a state in memory that is
    /// complete, without encoding a row.
    ///
    /// # Panics
    ///
    /// It is another fetch: a complete state has none of those to answer.
    pub fn answer_from(&mut self, state: &WorkingSet) {
        self.keys.answer_from(state.erased(self.table));
    }

    pub(crate) fn into_contents(self) -> Slot {
        self.keys.into_contents()
    }

    pub(crate) fn finish(self, arrangement: &mut dyn ErasedArrangement) {
        self.keys.finish(arrangement);
    }
}
