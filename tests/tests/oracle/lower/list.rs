//! A list of nodes in any scope: each node is an operator of the builder.

use deltaview::{In, Index, Keyed, Looped, Row, Stream};
use deltaview_tests::item::Item;
use deltaview_tests::plan::{Body, Both, JoinKind, Query};
use deltaview_tests::total::Total;

use super::aggregates::{GroupBy, whole};
use super::joins::{JoinBy, cross};
use super::keys::Indexed;
use super::level::Level;
use super::{Looks, ordered};
use crate::probe::{Expects, TableCheck};

/// The streams of a list of nodes.
pub(super) struct List<'l, 'g, 'p, S: Level> {
    looks: &'l Looks<'g, 'p>,
    /// What the names of the nodes begin with.
    prefix: String,
    streams: Vec<Stream<'g, Item, S>>,
    /// What the streams are called: one from around a body has its name from there.
    names: Vec<String>,
    /// Whether a stream has a value at each step of a recursion.
    stepped: Vec<bool>,
    /// Those of the list around, for what leaves its group.
    around: Around<'g, S::Around>,
}

/// The streams of a list around a body, and whether they are stepped.
type Around<'g, S> = (Vec<Stream<'g, Item, S>>, Vec<bool>);

impl<'l, 'g, 'p, S: Level> List<'l, 'g, 'p, S> {
    pub(super) fn of_plan(looks: &'l Looks<'g, 'p>) -> Self {
        Self {
            looks,
            prefix: "n".to_string(),
            streams: Vec::new(),
            names: Vec::new(),
            stepped: Vec::new(),
            around: Around::default(),
        }
    }

    pub(super) fn looks(&self) -> &'l Looks<'g, 'p> {
        self.looks
    }

    /// Whether it is the plan's own list.
    pub(super) fn is_plan(&self) -> bool {
        self.prefix == "n"
    }

    pub(super) fn name(&self, node: usize) -> String {
        format!("{}{node}", self.prefix)
    }

    /// What the stream of a node before is called.
    pub(super) fn name_of(&self, node: usize) -> &str {
        &self.names[node]
    }

    pub(super) fn streams(&self) -> &[Stream<'g, Item, S>] {
        &self.streams
    }

    pub(super) fn push(&mut self, stream: Stream<'g, Item, S>, is_stepped: bool) {
        let node = self.streams.len();
        let name = self.name(node);
        self.names.push(name.clone());
        self.looks.table(if is_stepped {
            TableCheck::decodes::<Keyed<u32, S::Row<Item>>>(name, "by_")
        } else {
            self.rows(name, "by_", Expects::Contents(node))
        });
        self.streams.push(stream);
        self.stepped.push(is_stepped);
    }

    /// What is expected of a table: exactly that, if it is one of the plan's own list; else only that it has rows of a
    /// type.
    fn exactly<T: Row>(
        &self,
        exact: impl FnOnce(String) -> Option<TableCheck>,
        vertex: String,
        role: &'static str,
    ) -> TableCheck {
        let exact = self.is_plan().then(|| exact(vertex.clone())).flatten();
        exact.unwrap_or_else(|| TableCheck::decodes::<T>(vertex, role))
    }

    /// What is expected of a table of rows.
    fn rows(&self, vertex: String, role: &'static str, expects: Expects) -> TableCheck {
        self.exactly::<S::Row<Item>>(|vertex| S::rows(vertex, role, expects), vertex, role)
    }

    /// What is expected of the state of an aggregate.
    pub(super) fn states<K: Indexed + Row, State: Row>(
        &self,
        vertex: String,
        node: usize,
        total: fn(State) -> Total,
    ) -> TableCheck {
        let exact = |vertex| S::states::<K, State>(vertex, node, total);
        self.exactly::<Keyed<S::Group<K>, (i64, State)>>(exact, vertex, "groups")
    }

    /// What is expected of the number of rows of each key of a node.
    pub(super) fn key_counts<K: Indexed + Row>(
        &self,
        vertex: String,
        node: usize,
        twisted: bool,
    ) -> TableCheck {
        let exact = |vertex| S::key_counts::<K>(vertex, node, twisted);
        self.exactly::<Keyed<S::Group<K>, (i64, ())>>(exact, vertex, "groups")
    }

    /// What is expected of the number of rows of each key of each group of a node.
    pub(super) fn keys_of_groups<K: Indexed + Row, V: Indexed + Row>(
        &self,
        vertex: String,
        node: usize,
    ) -> TableCheck {
        let exact = |vertex| S::keys_of_groups::<K, V>(vertex, node);
        self.exactly::<Keyed<(S::Group<K>, V), (i64, ())>>(exact, vertex, "groups")
    }

    fn body(&self, node: usize) -> String {
        format!("{}b", self.name(node))
    }

    /// The result of a sub-query on the rows of each group.
    pub(super) fn inside<K: Indexed + Row>(
        &self,
        node: usize,
        input: usize,
        rows: Stream<'g, Item, In<K, S>>,
        body: &Body,
    ) -> Stream<'g, Item, In<K, S>>
    where
        In<K, S>: Level<Around = S>,
    {
        let mut list = List {
            looks: self.looks,
            prefix: self.body(node),
            streams: Vec::new(),
            names: Vec::new(),
            stepped: Vec::new(),
            around: (self.streams.clone(), self.stepped.clone()),
        };
        for (node, query) in body.nodes.iter().enumerate() {
            if let Query::Feed = query {
                list.push(rows.named(list.name(node)), self.stepped[input]);
            } else {
                list.add(node, query);
            }
        }
        *list.streams.last().expect("a body has a feed")
    }

    /// A recursion.
    pub(super) fn looped(
        &self,
        node: usize,
        (seed, steps): (usize, u32),
        body: &Body,
    ) -> Stream<'g, Item, S>
    where
        Looped<S>: Level<Around = Looped<S>>,
    {
        let step = |found| self.step(node, seed, found, body);
        self.streams[seed].recursive_within(steps, step)
    }

    /// What a step of a recursion makes of what was found so far.
    fn step(
        &self,
        node: usize,
        seed: usize,
        found: Stream<'g, Item, Looped<S>>,
        body: &Body,
    ) -> Stream<'g, Item, Looped<S>>
    where
        Looped<S>: Level<Around = Looped<S>>,
    {
        let mut list: List<'_, 'g, '_, Looped<S>> = List {
            looks: self.looks,
            prefix: self.body(node),
            streams: Vec::new(),
            names: Vec::new(),
            stepped: Vec::new(),
            around: Around::default(),
        };
        for (node, query) in body.nodes.iter().enumerate() {
            match query {
                Query::Feed => list.push(found.named(list.name(node)), true),
                Query::Outer(outer) => {
                    list.push(self.streams[*outer].enter(), self.stepped[*outer]);
                    list.names[node] = self.names[*outer].clone();
                }
                query => list.add(node, query),
            }
        }
        // What is found at the next step is the sum of both.
        let last = list.name(body.nodes.len() - 1);
        let sum = format!("{}_plus_{last}", self.name_of(seed));
        let check = TableCheck::decodes::<Keyed<u32, S::Row<Item>>>(sum.clone(), "by_");
        let is_stepped = list.stepped.last().copied().unwrap_or(false);
        self.looks.table(if is_stepped {
            check
        } else {
            TableCheck::decodes::<S::Row<Item>>(sum, "by_")
        });
        *list.streams.last().expect("a body has a feed")
    }

    /// An operator.
    pub(super) fn add(&mut self, node: usize, query: &Query) {
        let stream = self.query(node, query);
        let mut inputs = query.inputs().into_iter();
        let leaves = matches!(query, Query::JoinOuter(join) if self.around.1[join.outer]);
        // Inside of a recursion only what is linear stays outside with all its inputs.
        let is_inside = S::IS_LOOPED && !query.is_linear();
        let is_stepped = is_inside || leaves || inputs.any(|input| self.stepped[input]);
        self.push(stream, is_stepped);
    }

    fn query(&self, node: usize, query: &Query) -> Stream<'g, Item, S> {
        let of = |input: usize| self.streams[input];
        let stream = match query.clone() {
            Query::Map(input, map) => of(input).map(move |item| map.apply(item)),
            Query::Filter(input, test) => of(input).filter(move |item| test.holds(item)),
            Query::FlatMap(input, spread) => of(input).flat_map(move |item| spread.apply(item)),
            Query::FilterMap(input, test, map) => {
                of(input).filter_map(move |item| test.holds(&item).then(|| map.apply(item)))
            }
            Query::Negate(input) => of(input).negate(),
            Query::Inspect(input) => of(input).inspect(|_, weight| assert_ne!(weight, 0)),
            Query::Plus(left, right) => of(left).plus(of(right)),
            Query::Distinct(input) => of(input).distinct(),
            Query::Both(both, left, right) => {
                let (left, right) = (of(left), of(right));
                match both {
                    Both::Union => left.union(right),
                    Both::Intersect => left.intersect(right),
                    Both::Except => left.except(right),
                    Both::IntersectAll => left.intersect_all(right),
                    Both::ExceptAll => left.except_all(right),
                }
            }
            Query::Join(join) if join.kind == JoinKind::Cross => cross(self, join),
            Query::Join(join) => {
                let list = self;
                S::with_key(join.key, JoinBy { list, node, join })
            }
            Query::JoinOuter(join) => S::join_outer(of(join.left), self.around.0[join.outer], join),
            Query::Group {
                input,
                key,
                aggregate,
            } => {
                let list = self;
                let group = GroupBy {
                    list,
                    node,
                    input,
                    aggregate,
                };
                S::with_key(key, group)
            }
            Query::Pick(pick) => ordered::pick(self, pick),
            Query::Window(windowed) => ordered::window(self, node, windowed),
            Query::Whole(input, aggregate) => whole(self, node, input, aggregate),
            Query::PerGroup { input, key, body } => S::per_group(self, node, input, key, &body),
            Query::Recursive { seed, steps, body } => {
                S::recursive(self, node, (seed, steps as u32), &body)
            }
            Query::RetainFor {
                input,
                moment,
                span,
            } => {
                let name = self.name(node);
                let kept = Expects::Contents(node);
                self.looks.table(self.rows(name.clone(), "kept", kept));
                self.looks
                    .table(TableCheck::decodes::<Keyed<S::Group<()>, i64>>(
                        name, "newest",
                    ));
                let index = Index::new("moment", move |item: &Item| moment.of(item));
                of(input).retain_for(index, span)
            }
            Query::Closure(input) => {
                assert!(!S::IS_LOOPED, "a recursion can't be inside of another");
                let name = self.name(node);
                // By its own name, so that no other vertex of the same input has the names of those inside.
                let edges = of(input).map(|item| item).named(format!("{name}e"));
                for (vertex, is_stepped) in closure_tables(&name) {
                    self.looks.table(if is_stepped {
                        TableCheck::decodes::<Keyed<u32, S::Row<(i64, i64)>>>(vertex, "by_")
                    } else {
                        TableCheck::decodes::<S::Row<(i64, i64)>>(vertex, "by_")
                    });
                }
                S::closure(edges)
            }
            Query::Integrate(input) => {
                self.over_time(node, "sum", Expects::Contents(input), || {
                    of(input).integrate()
                })
            }
            Query::Delay(input) => {
                self.over_time(node, "last", Expects::Last(input), || of(input).delay())
            }
            Query::Differentiate(input) => {
                self.over_time(node, "last", Expects::Last(input), || {
                    of(input).differentiate()
                })
            }
            other => unreachable!("{other:?} is no operator"),
        };
        stream.named(self.name(node))
    }

    fn over_time(
        &self,
        node: usize,
        role: &'static str,
        expects: Expects,
        stream: impl FnOnce() -> Stream<'g, Item, S>,
    ) -> Stream<'g, Item, S> {
        self.looks.table(self.rows(self.name(node), role, expects));
        stream()
    }
}

/// The tables of a closure, and whether their rows are stepped.
fn closure_tables(name: &str) -> Vec<(String, bool)> {
    let edges = format!("{name}e_map");
    let set = format!("{edges}_distinct");
    let paths = format!("{set}_feedback");
    vec![
        (format!("{set}_plus_{paths}_join_{set}"), true),
        (edges, false),
        (set, false),
        (paths, true),
    ]
}
