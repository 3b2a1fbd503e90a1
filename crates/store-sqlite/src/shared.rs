//! Tables that a view shares with the groups that it shows: one row a key has the view's row in `data` and the state of
//! the group in `state`. It owns how both are written and read together. Either may be missing: a group whose rows add up to
//! nothing is not shown, and where an iteration goes stage by stage its groups are stored before the view.
//!
//! A state repeats most of the view's row. So it is stored as a byte, how much of it is the beginning of the view's row (four
//! bits) and how much the end, and what is between. Where either is longer the byte is 255, and two more have the lengths.

use deltaview_graph::{TableWrites, Write};
use deltaview_schema::KeyValue;
use deltaview_store::Error;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::engine::EngineTable;
use crate::error::from_sqlite;
use crate::packed::Packing;
use crate::values::{Bound, bind_key};
use crate::write::Held;

/// What lengths that do not fit a byte together are marked by.
const LONG: u8 = u8::MAX;
/// The first length that does not fit four bits, with no byte of lengths like the mark.
const TOO_LONG: usize = 15;

/// A state as it is stored beside the data of its key.
fn apart(state: &[u8], data: Option<&[u8]>, stored: &mut Vec<u8>) {
    let data = data.unwrap_or_default();
    let longest = state.len().min(data.len()).min(usize::from(u8::MAX));
    let same = |pairs: &mut dyn Iterator<Item = (&u8, &u8)>, at_most: usize| {
        pairs.take(at_most).take_while(|(a, b)| a == b).count()
    };
    let begin = same(&mut state.iter().zip(data), longest);
    let end = same(
        &mut state.iter().rev().zip(data.iter().rev()),
        longest - begin,
    );
    stored.clear();
    let lengths = [begin, end].map(|it| u8::try_from(it).expect("no longer than the longest"));
    if begin < TOO_LONG && end < TOO_LONG {
        stored.push(lengths[0] << 4 | lengths[1]);
    } else {
        stored.push(LONG);
        stored.extend_from_slice(&lengths);
    }
    stored.extend_from_slice(&state[begin..state.len() - end]);
}

/// A state as it was before it was stored. What is damaged comes out as something that does not decode. `state` is where
/// it is put together.
pub(crate) fn whole<'r>(stored: &'r [u8], data: Option<&[u8]>, state: &'r mut Vec<u8>) -> &'r [u8] {
    let data = data.unwrap_or_default();
    let (begin, end, between) = match stored {
        [LONG, begin, end, between @ ..] => (*begin, *end, between),
        [] | [LONG, ..] => return stored,
        [lengths, between @ ..] => (lengths >> 4, lengths & 0xf, between),
    };
    let (begin, end) = (usize::from(begin), usize::from(end));
    if begin > data.len() || end > data.len() {
        return stored;
    }
    state.clear();
    state.extend_from_slice(&data[..begin]);
    state.extend_from_slice(between);
    state.extend_from_slice(&data[data.len() - end..]);
    state
}

/// What happens to a part of a row.
#[derive(Clone, Copy)]
enum Becomes<'a> {
    Same,
    Nothing,
    Row(&'a [u8]),
}

/// The groups that change, gathered until the view's rows are there. Keys are in their order.
#[derive(Default)]
pub(crate) struct Groups {
    rows: Vec<(Vec<KeyValue<'static>>, Option<std::ops::Range<usize>>)>,
    bytes: Vec<u8>,
}

impl Groups {
    /// Gathers what is written to the groups' own table; `visit` sees each write.
    pub(crate) fn gather(
        writes: &TableWrites<'_>,
        visit: &dyn Fn(&Write<'_>),
    ) -> Result<Self, Error> {
        let mut groups = Self::default();
        writes.for_each(|write| {
            visit(&write);
            let (key, data) = parts(&write);
            let data = data.map(|data| {
                let begin = groups.bytes.len();
                groups.bytes.extend_from_slice(data);
                begin..groups.bytes.len()
            });
            let key = key.iter().cloned().map(KeyValue::into_owned).collect();
            groups.rows.push((key, data));
            Ok::<(), Error>(())
        })?;
        Ok(groups)
    }
}

/// The key of a write to a table with one row a key, and the row.
fn parts<'a>(write: &Write<'a>) -> (&'a [KeyValue<'a>], Option<&'a [u8]>) {
    match *write {
        Write::Put { key, data, .. } => (key, Some(data)),
        Write::Delete { key } => (key, None),
        _ => unreachable!("a table with one row a key is not added to"),
    }
}

/// What is written to a view, and who sees each write.
pub(crate) type ViewWrites<'a> = (&'a TableWrites<'a>, &'a dyn Fn(&Write<'_>));

/// Writes groups and their view, in the order of the keys.
pub(crate) fn write(
    conn: &Connection,
    table: &EngineTable,
    groups: &Groups,
    view: Option<ViewWrites<'_>>,
    in_callers: bool,
) -> Result<(), Error> {
    let mut writer = Writer::new(conn, table, in_callers);
    let state_of = |data: &Option<std::ops::Range<usize>>| match data {
        Some(range) => Becomes::Row(&groups.bytes[range.clone()]),
        None => Becomes::Nothing,
    };
    let mut rest = groups.rows.iter().peekable();
    if let Some((view, visit)) = view {
        view.for_each(|write| {
            visit(&write);
            let (key, data) = parts(&write);
            let data = data.map_or(Becomes::Nothing, Becomes::Row);
            let mut state = Becomes::Same;
            while let Some((group, row)) =
                rest.next_if(|(group, _)| table.schema.primary.order(group, key).is_le())
            {
                if group == key {
                    state = state_of(row);
                } else {
                    writer.write(group, state_of(row), Becomes::Same)?;
                }
            }
            writer.write(key, state, data)
        })?;
    }
    rest.try_for_each(|(group, row)| writer.write(group, state_of(row), Becomes::Same))
}

/// Writes the rows of a shared table.
struct Writer<'a> {
    table: &'a EngineTable,
    both: Held<'a>,
    put: Held<'a>,
    delete: Held<'a>,
    data: Vec<u8>,
    state: Vec<u8>,
    stored: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(conn: &'a Connection, table: &'a EngineTable, in_callers: bool) -> Self {
        let statements = &table.statements;
        Self {
            table,
            both: Held::new(conn, &statements.both),
            // A transaction of the caller's must outlive a full disk, as in `Writer` of all other tables.
            put: Held::new(
                conn,
                if in_callers {
                    &statements.put_both
                } else {
                    &statements.replace_both
                },
            ),
            delete: Held::new(conn, &statements.delete),
            data: Vec::new(),
            state: Vec::new(),
            stored: Vec::new(),
        }
    }

    fn write(
        &mut self,
        key: &[KeyValue<'_>],
        state: Becomes<'_>,
        data: Becomes<'_>,
    ) -> Result<(), Error> {
        self.merge(key, state, data)
            .map_err(|error| from_sqlite(error, &format!("writing table `{}`", self.table.name)))
    }

    /// Only where one part stays as it is it must be read, for a state is stored by the data beside it.
    fn merge(
        &mut self,
        key: &[KeyValue<'_>],
        state: Becomes<'_>,
        data: Becomes<'_>,
    ) -> rusqlite::Result<()> {
        let schema = &self.table.schema;
        let (mut old_data, mut old_state) = (None, None);
        if matches!(state, Becomes::Same) || matches!(data, Becomes::Same) {
            let statement = self.both.bind(bind_key(key, schema))?;
            let mut rows = statement.raw_query();
            if let Some(row) = rows.next()? {
                old_data = row.get::<_, Option<Vec<u8>>>(0)?;
                let stored = row.get::<_, Option<Vec<u8>>>(1)?;
                old_state = stored
                    .map(|stored| whole(&stored, old_data.as_deref(), &mut self.stored).to_vec());
            }
        }
        let packing = &self.table.packing;
        let data = become_packed(packing, key, data, old_data, &mut self.data);
        let state = become_packed(packing, key, state, old_state, &mut self.state);
        if data.is_none() && state.is_none() {
            self.delete.execute(bind_key(key, schema))?;
            return Ok(());
        }
        let state = state.map(|state| {
            apart(state, data, &mut self.stored);
            self.stored.as_slice()
        });
        let parts = [data, state].map(|part| Bound(part.map_or(ValueRef::Null, ValueRef::Blob)));
        self.put.execute(bind_key(key, schema).chain(parts))?;
        Ok(())
    }
}

/// What a part of a row is stored as, but for what a state shares with its data.
fn become_packed<'b>(
    packing: &Packing,
    key: &[KeyValue<'_>],
    becomes: Becomes<'_>,
    old: Option<Vec<u8>>,
    buffer: &'b mut Vec<u8>,
) -> Option<&'b [u8]> {
    match becomes {
        Becomes::Nothing => return None,
        Becomes::Same => *buffer = old?,
        Becomes::Row(row) => packing.pack(key, row, buffer),
    }
    Some(buffer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_state_is_read_back(
            state in prop::collection::vec(0_u8..2, 0..300),
            data in prop::option::of(prop::collection::vec(0_u8..2, 0..300)),
        ) {
            let mut stored = Vec::new();
            apart(&state, data.as_deref(), &mut stored);
            prop_assert_eq!(whole(&stored, data.as_deref(), &mut Vec::new()).to_vec(), state);
        }

        #[test]
        fn what_is_damaged_does_not_panic(
            stored in prop::collection::vec(any::<u8>(), 0..40),
            data in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
        ) {
            whole(&stored, data.as_deref(), &mut Vec::new());
        }
    }

    #[test]
    fn a_state_like_its_data_is_short() {
        let mut stored = Vec::new();
        apart(b"key 1, 99", Some(b"key 99"), &mut stored);
        assert_eq!(stored, b"\x421, ");
    }
}
