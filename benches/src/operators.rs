//! One operator at a time, in memory: a store with so many rows, and a change that inserts some more and one that removes
//! them again. What the benchmarks measure by time, and the kernels by instructions.

use deltaview::prelude::*;

use crate::meters::Numbers;

/// A group and a value.
pub type Item = (u32, i64);

/// Does something again and again, leaving all as it was.
pub type Kernel = Box<dyn FnMut()>;

/// How many rows are there, and how many come and go.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// How many rows are there before.
    pub state: u32,
    /// How many rows a change has.
    pub change: u32,
}

/// How a kernel is made.
pub type Make = fn(Size) -> Kernel;

/// The operators, each with its name.
pub const OPERATORS: [(&str, Make); 6] = [
    ("map and filter", map_and_filter),
    ("join", join),
    ("sum", sum),
    ("distinct", distinct),
    ("top_n", top_n),
    ("transitive closure", closure),
];

/// Items with the numbers of a range: ten of a group.
pub fn items(numbers: std::ops::Range<u32>) -> impl Iterator<Item = Item> {
    let groups = (numbers.end / 10).max(1);
    numbers.map(move |number| {
        let chance = Numbers::new(u64::from(number)).any();
        (number % groups, (chance % 1_000) as i64)
    })
}

fn map_and_filter(size: Size) -> Kernel {
    let built = Graph::build("linear", |g| {
        let items = g.input::<Item>("items");
        let out = items
            .map(|item| (item.0, item.1 * 2))
            .filter(|item| item.1 % 3 != 0);
        out.output("out");
        items.handle()
    });
    let (graph, items) = built.expect("the graph is right");
    come_and_go(&graph, items, size)
}

fn join(size: Size) -> Kernel {
    let built = Graph::build("join", |g| {
        let groups = g.input::<(u32, u32)>("groups");
        let items = g.input::<Item>("items");
        let by_group = Index::new("group", |group: &(u32, u32)| group.0);
        groups
            .join(items, by_group, by_group_of_item())
            .output("out");
        (groups.handle(), items.handle())
    });
    let (graph, (groups, items)) = built.expect("the graph is right");
    let mut store = MemoryStore::new(&graph);
    let all = (0..(size.state / 10).max(1)).map(|group| (group, group % 7));
    commit(&mut store, &graph.change().insert(groups, all));
    come_and_go_in(store, items, size)
}

fn sum(size: Size) -> Kernel {
    let built = Graph::build("sum", |g| {
        let items = g.input::<Item>("items");
        let sums = items.group_by(by_group_of_item()).sum(|item| item.1);
        sums.output("out");
        items.handle()
    });
    let (graph, items) = built.expect("the graph is right");
    come_and_go(&graph, items, size)
}

fn distinct(size: Size) -> Kernel {
    let built = Graph::build("distinct", |g| {
        let items = g.input::<Item>("items");
        items.distinct().output("out");
        items.handle()
    });
    let (graph, items) = built.expect("the graph is right");
    come_and_go(&graph, items, size)
}

fn top_n(size: Size) -> Kernel {
    let built = Graph::build("top_n", |g| {
        let items = g.input::<Item>("items");
        let by_value = Index::new("value", |item: &Item| item.1);
        let top = items.group_by(by_group_of_item()).top_n(by_value, 3);
        top.output("out");
        items.handle()
    });
    let (graph, items) = built.expect("the graph is right");
    come_and_go(&graph, items, size)
}

/// Chains of ten edges: those that come are the last of so many chains.
fn closure(size: Size) -> Kernel {
    let built = Graph::build("closure", |g| {
        let edges = g.input::<(u32, u32)>("edges");
        edges.transitive_closure(|edge| *edge).output("out");
        edges.handle()
    });
    let (graph, edges) = built.expect("the graph is right");
    let mut store = MemoryStore::new(&graph);
    let chains = (size.state / 10).max(size.change);
    let links = (0..chains).flat_map(|chain| (0..9).map(move |link| (chain, link)));
    let edge = |(chain, link): (u32, u32)| (chain * 16 + link, chain * 16 + link + 1);
    commit(&mut store, &graph.change().insert(edges, links.map(edge)));
    let ends: Vec<_> = (0..size.change).map(|chain| edge((chain, 9))).collect();
    back_and_forth(store, edges, ends)
}

fn by_group_of_item() -> Index<Item, u32> {
    Index::new("group", |item: &Item| item.0)
}

fn come_and_go(graph: &Graph, input: InputHandle<Item>, size: Size) -> Kernel {
    come_and_go_in(MemoryStore::new(graph), input, size)
}

fn come_and_go_in(mut store: MemoryStore, input: InputHandle<Item>, size: Size) -> Kernel {
    // The numbers after those that are there: the groups are then those of the larger range.
    let rows: Vec<Item> = items(0..size.state + size.change).collect();
    let (there, more) = rows.split_at(size.state as usize);
    let load = store.graph().change().insert(input, there.iter().copied());
    commit(&mut store, &load);
    back_and_forth(store, input, more.to_vec())
}

/// Inserts rows and removes them again. The changes are made before.
fn back_and_forth<T>(mut store: MemoryStore, input: InputHandle<T>, rows: Vec<T>) -> Kernel
where
    T: deltaview::Row,
{
    let forth = store.graph().change().insert(input, rows.iter().cloned());
    let back = store.graph().change().remove(input, rows);
    Box::new(move || {
        commit(&mut store, &forth);
        commit(&mut store, &back);
    })
}

fn commit(store: &mut MemoryStore, change: &deltaview::Change) {
    store.commit(change).expect("the rows are right");
}
