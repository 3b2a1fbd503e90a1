//! Tables that a view shares with the groups that it shows: one row a key has the view's row in `data` and the state of
//! the group in `state`. It owns which tables these are, and how both are written by one statement. Either may be NULL: a
//! group whose rows add up to nothing is not shown, and where an iteration goes stage by stage its groups are stored before
//! the view. A row with neither is deleted.

use std::ops::Range;

use deltaview_graph::{Graph, TableId, TableWrites, Write};
use deltaview_schema::KeyValue;
use deltaview_store::Error;

use crate::table::EngineTable;
use crate::write::{Batch, Expected, Kind, Writer};

/// What of a stored table a table of the graph is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// The rows of a view that shares its table: those with data.
    Rows,
    /// The groups that a view shows: those with a state.
    Groups,
}

impl Part {
    /// What a table of a graph is, and the view whose table it is kept in, where that is another one's.
    pub(crate) fn of(graph: &Graph, table: TableId) -> (Self, Option<TableId>) {
        let mut others = graph.tables().iter();
        match graph.view_of_groups(table) {
            Some(view) => (Self::Groups, Some(view)),
            None if others.any(|other| graph.view_of_groups(other.id()) == Some(table)) => {
                (Self::Rows, None)
            }
            None => (Self::Whole, None),
        }
    }
}

/// What happens to a part of a row.
#[derive(Clone, Copy)]
enum Becomes<'a> {
    Same,
    Nothing,
    /// Whether the tick has seen one that this replaces, and what there is then.
    Row(bool, &'a [u8]),
}

/// The groups that change, gathered until the view's rows are there. Keys are in their order.
#[derive(Default)]
pub(crate) struct Groups {
    rows: Vec<(Vec<KeyValue<'static>>, Option<State>)>,
    bytes: Vec<u8>,
}

/// The state of a group: where its bytes are.
struct State {
    replaces: bool,
    bytes: Range<usize>,
}

impl Groups {
    /// Gathers what is written to the groups' own table.
    pub(crate) fn gather(writes: &TableWrites<'_>) -> Result<Self, Error> {
        let mut groups = Self {
            rows: Vec::with_capacity(writes.rows()),
            bytes: Vec::new(),
        };
        writes.for_each(|write| {
            let (key, becomes) = parts(&write);
            let state = match becomes {
                Becomes::Row(replaces, state) => {
                    let begin = groups.bytes.len();
                    groups.bytes.extend_from_slice(state);
                    let bytes = begin..groups.bytes.len();
                    Some(State { replaces, bytes })
                }
                _ => None,
            };
            let key = key.iter().cloned().map(KeyValue::into_owned).collect();
            groups.rows.push((key, state));
            Ok::<(), Error>(())
        })?;
        Ok(groups)
    }

    fn state(&self, state: Option<&State>) -> Becomes<'_> {
        match state {
            Some(state) => Becomes::Row(state.replaces, &self.bytes[state.bytes.clone()]),
            None => Becomes::Nothing,
        }
    }
}

/// The key of a write to a table with one row a key, and what becomes of the row.
fn parts<'a>(write: &Write<'a>) -> (&'a [KeyValue<'a>], Becomes<'a>) {
    match *write {
        Write::Put {
            key,
            data,
            replaces,
            ..
        } => (key, Becomes::Row(replaces, data)),
        Write::Delete { key } => (key, Becomes::Nothing),
        _ => unreachable!("a table with one row a key is not added to"),
    }
}

/// The batches of a table and the groups in it.
pub(crate) fn batches(
    groups: &Groups,
    view: Option<&TableWrites<'_>>,
    table: &EngineTable,
    expected: Expected,
) -> Result<Vec<Batch>, Error> {
    let mut writer = Writer::new(table, expected);
    let mut rest = groups.rows.iter().peekable();
    if let Some(view) = view {
        view.for_each(|write| {
            let (key, data) = parts(&write);
            let mut state = Becomes::Same;
            while let Some((group, row)) =
                rest.next_if(|(group, _)| table.schema.primary.order(group, key).is_le())
            {
                if group == key {
                    state = groups.state(row.as_ref());
                } else {
                    write_parts(
                        &mut writer,
                        group,
                        Becomes::Same,
                        groups.state(row.as_ref()),
                        expected,
                    )?;
                }
            }
            write_parts(&mut writer, key, data, state, expected)
        })?;
    }
    rest.try_for_each(|(group, row)| {
        write_parts(
            &mut writer,
            group,
            Becomes::Same,
            groups.state(row.as_ref()),
            expected,
        )
    })?;
    Ok(writer.finish())
}

fn write_parts(
    writer: &mut Writer<'_>,
    key: &[KeyValue<'_>],
    data: Becomes<'_>,
    state: Becomes<'_>,
    expected: Expected,
) -> Result<(), Error> {
    use Becomes::{Nothing, Row, Same};
    let bytes = |part| match part {
        Row(_, bytes) => Some(bytes),
        Same | Nothing => None,
    };
    match (data, state) {
        (Same, Same) => Ok(()),
        (Nothing, Nothing) => writer.push_parts(Kind::Delete, key, &[]),
        (Nothing, Same) => writer.push_parts(Kind::ForgetData, key, &[]),
        (Same, Nothing) => writer.push_parts(Kind::ForgetState, key, &[]),
        (Row(_, data), Same) => writer.push_parts(Kind::PutData, key, &[Some(data)]),
        (Same, Row(_, state)) => writer.push_parts(Kind::PutState, key, &[Some(state)]),
        (data, state) => {
            // Where either is there the key has a row.
            let is_there = [data, state]
                .iter()
                .any(|part| matches!(part, Row(true, _) | Nothing));
            let kind = match (expected, is_there) {
                (Expected::Anything, _) => Kind::Put,
                (Expected::Usual, true) => Kind::Replace,
                (Expected::Usual, false) => Kind::Insert,
            };
            writer.push_parts(kind, key, &[bytes(data), bytes(state)])
        }
    }
}
