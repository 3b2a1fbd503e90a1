//! A dozen kernels, each small and the same every time, for `cargo xtask bench --instructions` to count what they execute.
//!
//! `kernels list` prints their names; `kernels NAME` prepares one, runs it once to warm up and once within [`measured`]: the
//! counter is told to count in there only.

use std::hint::black_box;

use deltaview::codec::{decode, encode};
use deltaview::prelude::*;
use deltaview::ttkv::TimeMap;
use deltaview::{SqliteOptions, SqliteStore, Synchronous};
use deltaview_benches::meters::{self, Read};
use deltaview_benches::operators::{Kernel, OPERATORS, Size, items};

/// The operators' changes: so many rows, over so many that are there.
const SIZE: Size = Size {
    state: 10_000,
    change: 100,
};
const USERS: u64 = 100;

/// Makes what a kernel works on, and the kernel.
type Make = fn() -> Kernel;

/// The kernels that are no operators.
const OTHERS: [(&str, Make); 11] = [
    ("meters, one read", one_read),
    ("meters, 1,000 reads", many_reads),
    ("codec, 100 rows out", codec_out),
    ("codec, 100 rows in", codec_in),
    ("keys, 100 encoded", keys),
    ("Z-sets, 100 rows merged into 1,000", zset_merge),
    ("sqlite, one read", || sqlite_one_read(1 << 20)),
    ("sqlite, one read, nothing kept", || sqlite_one_read(0)),
    ("sqlite, 100 look-ups", sqlite_look_ups),
    ("sqlite, a range of 1,000 rows", sqlite_range),
    ("ttkv, 10 put and got in memory", ttkv),
];

fn main() {
    let asked = std::env::args().nth(1).unwrap_or_default();
    let operator = OPERATORS.iter().find(|(name, _)| *name == asked);
    let other = OTHERS.iter().find(|(name, _)| *name == asked);
    let mut kernel = match (operator, other) {
        (Some((_, make)), _) => make(SIZE),
        (_, Some((_, make))) => make(),
        _ => return list(),
    };
    kernel();
    measured(&mut kernel);
}

#[expect(clippy::print_stdout, reason = "a command line speaks by printing")]
fn list() {
    let operators = OPERATORS.iter().map(|(name, _)| name);
    for name in operators.chain(OTHERS.iter().map(|(name, _)| name)) {
        println!("{name}");
    }
}

/// What is counted. The counter knows it by its name.
#[inline(never)]
fn measured(kernel: &mut Kernel) {
    kernel();
    // Something after the call: it would be a jump out of this function otherwise.
    black_box(());
}

/// A change of so many reads and its reverse, over ten reads of each user.
fn reads_in(mut store: impl Store + 'static, handles: meters::Meters, count: usize) -> Kernel {
    let mut reads = meters::reads(USERS, 42);
    let change = store.graph().change();
    let load = change
        .insert(handles.users, meters::users(USERS))
        .insert(handles.meters, meters::meters(USERS))
        .insert(handles.reads, reads.by_ref().take(10 * USERS as usize));
    store.commit(&load).expect("the rows are right");
    let rows: Vec<Read> = reads.take(count).collect();
    let forth = store.graph().change();
    let forth = forth.insert(handles.reads, rows.iter().copied());
    let back = store.graph().change().remove(handles.reads, rows);
    Box::new(move || {
        store.commit(&forth).expect("the rows are right");
        store.commit(&back).expect("the rows are there");
    })
}

fn one_read() -> Kernel {
    let (graph, handles) = meters::graph();
    reads_in(MemoryStore::new(&graph), handles, 1)
}

fn many_reads() -> Kernel {
    let (graph, handles) = meters::graph();
    reads_in(MemoryStore::new(&graph), handles, 1_000)
}

/// What was looked up stays in so many bytes.
fn sqlite_one_read(hot_set: usize) -> Kernel {
    let (graph, handles) = meters::graph();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteOptions::new()
        .synchronous(Synchronous::Off)
        .hot_set(hot_set)
        .open(folder.path().join("meters.db"), &graph)
        .expect("the folder is writable");
    let mut kernel = reads_in(store, handles, 1);
    Box::new(move || {
        kernel();
        // The folder lives as long as the kernel.
        black_box(&folder);
    })
}

/// A store of the sums of twenty reads of each user.
fn sqlite_sums() -> (tempfile::TempDir, SqliteStore, meters::Meters) {
    let (graph, handles) = meters::graph();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut store = SqliteOptions::new()
        .synchronous(Synchronous::Off)
        .open(folder.path().join("meters.db"), &graph)
        .expect("the folder is writable");
    let change = graph.change().insert(handles.users, meters::users(USERS));
    let change = change.insert(handles.meters, meters::meters(USERS));
    let reads = meters::reads(USERS, 42).take(20 * USERS as usize);
    let change = change.insert(handles.reads, reads);
    store.commit(&change).expect("the rows are right");
    (folder, store, handles)
}

fn sqlite_look_ups() -> Kernel {
    let (folder, store, handles) = sqlite_sums();
    let keys: Vec<meters::Group> = (0..100)
        .map(|user| ((user % 31) as u32, user, meters::meter_of(user)))
        .collect();
    Box::new(move || {
        for key in &keys {
            black_box(store.view(handles.sums).get(key).expect("it can be read"));
        }
        black_box(&folder);
    })
}

fn sqlite_range() -> Kernel {
    let (folder, store, handles) = sqlite_sums();
    Box::new(move || {
        let rows = store.view(handles.sums).range((1, 0, 0)..);
        let rows = rows.expect("it can be read").take(1_000);
        assert_eq!(rows.map(black_box).count(), 1_000);
        black_box(&folder);
    })
}

fn rows() -> Vec<Read> {
    meters::reads(USERS, 42).take(100).collect()
}

fn codec_out() -> Kernel {
    let rows = rows();
    Box::new(move || {
        for row in &rows {
            black_box(encode(row).expect("a row has bytes"));
        }
    })
}

fn codec_in() -> Kernel {
    let rows = rows().into_iter();
    let rows: Vec<Vec<u8>> = rows
        .map(|row| encode(&row).expect("a row has bytes"))
        .collect();
    Box::new(move || {
        for row in &rows {
            black_box(decode::<Read>(row).expect("they are of a row"));
        }
    })
}

fn keys() -> Kernel {
    let keys: Vec<(u32, u64, u128)> = rows()
        .iter()
        .map(|read| (read.day(), 7, read.meter))
        .collect();
    let mut bytes = Vec::new();
    Box::new(move || {
        for key in &keys {
            bytes.clear();
            key.encode(&mut bytes);
            black_box(&bytes);
        }
    })
}

fn zset_merge() -> Kernel {
    let of = |numbers, weight| {
        let rows = items(numbers).map(|item| (item, weight));
        ZSet::from_pairs(rows).expect("weights are small")
    };
    let mut large = of(0..1_000, 1);
    let (plus, minus) = (of(0..100, 1), of(0..100, -1));
    Box::new(move || {
        large.try_add_assign(&plus).expect("weights are small");
        large.try_add_assign(&minus).expect("weights are small");
    })
}

fn ttkv() -> Kernel {
    let map: TimeMap<u32, String> = TimeMap::in_memory("rows").expect("the name is right");
    let value = "a value of some length".to_string();
    Box::new(move || {
        for key in 0..10 {
            map.put(&key, &value).expect("it fits");
            black_box(map.get(&key).expect("memory can be read"));
        }
    })
}
