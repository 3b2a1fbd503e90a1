//! What has no peers: flights, a fan-out, the top ten of groups, a closure under deletes, a deep history, and a one-row change
//! over states of all sizes. Each is a graph, the changes that load it, and the changes that are measured, for any store.

use deltaview::Change;
use deltaview::prelude::*;

use std::path::Path;

use crate::flights::flights;
use crate::meters::{self, Meters, Numbers, Read, User};

/// A graph and what is done to it.
pub struct Workload {
    /// The graph.
    pub graph: Graph,
    /// What makes the state, change by change: made when they are asked for, so that they are no part of its memory.
    pub load: Load,
    /// How many rows that is.
    pub rows: u64,
    /// What is measured, one by one.
    pub changes: Vec<Change>,
}

/// Changes that make a state.
pub type Load = Box<dyn Iterator<Item = Change>>;

/// What a workload is made of.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// How many rows are there before.
    pub rows: u64,
    /// The folder of the five tables of nycflights13.
    pub flights: &'a Path,
}

/// How a workload is made.
pub type Make = fn(Asked<'_>) -> Workload;

/// All, each with its name.
pub const WORKLOADS: [(&str, Make); 7] = [
    ("one-row", one_row),
    ("history", history),
    ("no-history", no_history),
    ("flights", flights),
    ("fan-out", fan_out),
    ("top-10", top_ten),
    ("closure", closure),
];

/// So many rows are a change where the size of changes does not matter.
pub(crate) const BATCH: usize = 10_000;
pub(crate) const CHANGES: u64 = 1_000;

/// Meter reads, ten of each user: so that a key has as many rows however many there are. One read comes, one goes.
fn one_row(asked: Asked<'_>) -> Workload {
    let users = (asked.rows / 10).max(1);
    one_read((meters::graph(), BATCH), users, asked.rows)
}

/// The same sums, of ten users, as they were after each of the changes: so that each has been many things. Reads come by the
/// hundred.
fn history(asked: Asked<'_>) -> Workload {
    one_read((meters::graph_with_history(), 100), 10, asked.rows)
}

/// The same without their past, which shows what that costs.
fn no_history(asked: Asked<'_>) -> Workload {
    one_read((meters::graph(), 100), 10, asked.rows)
}

/// Reads of so many users, in changes of so many rows; then one read comes, one goes.
fn one_read(
    ((graph, handles), batch): ((Graph, Meters), usize),
    users: u64,
    rows: u64,
) -> Workload {
    let owners = graph
        .change()
        .insert(handles.users, meters::users(users))
        .insert(handles.meters, meters::meters(users));
    let all = || meters::reads(users, 42);
    let load = std::iter::once(owners).chain(batches(&graph, handles.reads, all(), rows, batch));
    let load = Box::new(load);
    let count = usize::try_from(rows).expect("they are in memory");
    let coming = all().skip(count).zip(all()).take(CHANGES as usize / 2);
    let changes = coming.flat_map(|(comes, goes)| {
        [
            graph.change().insert(handles.reads, [comes]),
            graph.change().remove(handles.reads, [goes]),
        ]
    });
    Workload {
        changes: changes.collect(),
        graph,
        load,
        rows,
    }
}

/// One user with all reads, which are summed by the user's name and day: the user is renamed.
fn fan_out(Asked { rows, .. }: Asked<'_>) -> Workload {
    let built = Graph::build("fan_out", |g| {
        let users = g.input::<User>("users");
        let reads = g.input::<(u64, Read)>("reads");
        let by_user = Index::new("user", |read: &(u64, Read)| read.0);
        let sums = users
            .join(reads, User::by_id(), by_user)
            .group_by(
                Index::new("name_day", |pair: &Pair<User, (u64, Read)>| {
                    (pair.left.name.clone(), pair.right.1.day())
                })
                .with_columns(["name", "day"]),
            )
            .sum(|pair| pair.right.1.value);
        sums.view("sums");
        (users.handle(), reads.handle())
    });
    let (graph, (users, reads)) = built.expect("the graph is right");
    let named = |name: &str| User {
        id: 0,
        name: name.to_string(),
    };
    let user = graph.change().insert(users, [named("one")]);
    let all = meters::reads(1, 42).map(|read| (0, read));
    let load = std::iter::once(user).chain(batches(&graph, reads, all, rows, BATCH));
    let load = Box::new(load);
    let rename = |from, to| {
        let change = graph.change().remove(users, [named(from)]);
        change.insert(users, [named(to)])
    };
    Workload {
        changes: vec![
            rename("one", "another"),
            rename("another", "one"),
            rename("one", "another"),
        ],
        graph,
        load,
        rows,
    }
}

/// The ten largest of each of a thousand groups. A row comes, the largest of its group or not, and goes again.
fn top_ten(Asked { rows, .. }: Asked<'_>) -> Workload {
    type Scored = (u32, i64, u64);
    let built = Graph::build("top_ten", |g| {
        let rows = g.input::<Scored>("rows");
        let by_group = Index::new("group", |row: &Scored| row.0);
        let by_score = Index::new("score", |row: &Scored| row.1);
        rows.group_by(by_group).top_n(by_score, 10).view("top");
        rows.handle()
    });
    let (graph, input) = built.expect("the graph is right");
    let mut numbers = Numbers::new(42);
    let mut scored = |number| -> Scored {
        let group = numbers.below(1_000) as u32;
        (group, numbers.below(1_000_000) as i64, number)
    };
    let load: Vec<Scored> = (0..rows).map(&mut scored).collect();
    let coming: Vec<Scored> = (rows..rows + CHANGES / 2).map(&mut scored).collect();
    let changes = coming.into_iter().zip(&load).flat_map(|(comes, goes)| {
        [
            graph.change().insert(input, [comes]),
            graph.change().remove(input, [*goes]),
        ]
    });
    let changes = changes.collect();
    Workload {
        load: batches(&graph, input, load.into_iter(), rows, BATCH),
        changes,
        graph,
        rows,
    }
}

/// What can be reached in many small graphs, each of ten places in a ring with chords: an edge goes, and comes back.
fn closure(Asked { rows, .. }: Asked<'_>) -> Workload {
    let built = Graph::build("closure", |g| {
        let edges = g.input::<(u64, u64)>("edges");
        edges.transitive_closure(|edge| *edge).view("paths");
        edges.handle()
    });
    let (graph, input) = built.expect("the graph is right");
    // A ring has ten edges and five chords.
    let edges: Vec<(u64, u64)> = (0..rows.div_ceil(15))
        .flat_map(|ring| {
            let place = move |number: u64| ring * 10 + number % 10;
            let around = (0..10).map(move |from| (place(from), place(from + 1)));
            around.chain((0..5).map(move |from| (place(2 * from), place(2 * from + 3))))
        })
        .collect();
    let mut numbers = Numbers::new(42);
    let changes = (0..CHANGES / 10).flat_map(|_| {
        let edge = edges[numbers.below(edges.len() as u64) as usize];
        [
            graph.change().remove(input, [edge]),
            graph.change().insert(input, [edge]),
        ]
    });
    let changes = changes.collect();
    let rows = edges.len() as u64;
    Workload {
        load: batches(&graph, input, edges.into_iter(), rows, BATCH),
        changes,
        graph,
        rows,
    }
}

/// So many rows as changes of a size.
pub(crate) fn batches<T: deltaview::Row>(
    graph: &Graph,
    input: InputHandle<T>,
    rows: impl Iterator<Item = T> + 'static,
    count: u64,
    batch: usize,
) -> Load {
    let graph = graph.clone();
    let count = usize::try_from(count).expect("they are in memory");
    let mut rows = rows.take(count).peekable();
    Box::new(std::iter::from_fn(move || {
        rows.peek()?;
        Some(graph.change().insert(input, rows.by_ref().take(batch)))
    }))
}
