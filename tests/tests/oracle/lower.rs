//! From a plan to a graph, through the public builder. Every node is named after its position, so that each table can
//! be told from which node it is.

use std::cmp::Reverse;
use std::sync::Arc;

use deltaview::{
    Builder, Graph, Index, InputHandle, Keyed, Pair, Row, Stream, TableHandle, ViewHandle, ZSet,
};
use deltaview_tests::item::{Item, Key, TypedKey, small};
use deltaview_tests::plan::{Aggregate, Join, Plan, Query, Sink, Source};
use deltaview_tests::total::Total;

use crate::probe::{Expects, OutputProbe, Probe, Shown, TableCheck, ViewProbe};

/// A typed key with its index of items.
pub(crate) trait Indexed: TypedKey {
    const NAME: &'static str;
    fn index() -> Index<Item, Self>;
    /// The index of the item twisted.
    fn twisted() -> Index<Item, Self> {
        Index::new(format!("twisted_{}", Self::NAME), |item: &Item| {
            Self::of(&item.twisted())
        })
    }
}

macro_rules! indexed {
    ($($key:ty: $name:literal => $index:expr),* $(,)?) => { $(
        impl Indexed for $key {
            const NAME: &'static str = $name;
            fn index() -> Index<Item, Self> {
                $index
            }
        }
    )* };
}

indexed! {
    Option<i8>: "a" => Item::by_a(),
    String: "b" => Item::by_b(),
    (Option<i8>, Reverse<String>): "a_and_b" => Item::by_a_and_b(),
    Reverse<i64>: "c" => Item::by_c(),
    i64: "c3" => Index::new("c3", |item: &Item| i64::of(item)),
    Option<(String, Option<i8>)>: "nested" => Index::new("nested", |item: &Item| TypedKey::of(item)),
    (): "unit" => Index::unkeyed(),
}

/// Runs the body with the type of the key.
macro_rules! by_key {
    ($key:expr, $name:ident => $body:expr) => {
        match $key {
            Key::A => {
                type $name = Option<i8>;
                $body
            }
            Key::B => {
                type $name = String;
                $body
            }
            Key::Ab => {
                type $name = (Option<i8>, Reverse<String>);
                $body
            }
            Key::C => {
                type $name = Reverse<i64>;
                $body
            }
            Key::C3 => {
                type $name = i64;
                $body
            }
            Key::Nested => {
                type $name = Option<(String, Option<i8>)>;
                $body
            }
            Key::Unit => {
                type $name = ();
                $body
            }
        }
    };
}

/// What a source is changed by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Handle {
    Raw(InputHandle<Item>),
    A(TableHandle<Item, Option<i8>>),
    Ab(TableHandle<Item, (Option<i8>, Reverse<String>)>),
    Unit(TableHandle<Item, ()>),
}

/// A plan as a graph, with all that is looked at.
pub(crate) struct Lowered {
    pub(crate) graph: Graph,
    pub(crate) sources: Vec<Handle>,
    pub(crate) probes: Vec<Box<dyn Probe>>,
    pub(crate) tables: Vec<TableCheck>,
}

/// Builds the graph of a plan.
pub(crate) fn lower(plan: &Plan) -> Lowered {
    let (graph, (sources, probes, tables)) = Graph::build("oracle", |g| {
        let mut lowering = Lowering {
            builder: g,
            plan,
            streams: Vec::new(),
            sources: Vec::new(),
            probes: Vec::new(),
            tables: Vec::new(),
        };
        for (node, query) in plan.nodes.iter().enumerate() {
            let stream = lowering.query(node, query);
            lowering.streams.push(stream);
            lowering.tables.push(TableCheck::items(
                format!("n{node}"),
                "by_",
                Expects::Contents(node),
            ));
        }
        for (position, sink) in plan.sinks.iter().enumerate() {
            lowering.sink(position, sink);
        }
        (lowering.sources, lowering.probes, lowering.tables)
    })
    .unwrap_or_else(|error| panic!("{error}\n{plan:#?}"));
    Lowered {
        graph,
        sources,
        probes,
        tables,
    }
}

struct Lowering<'g, 'p> {
    builder: &'g Builder,
    plan: &'p Plan,
    streams: Vec<Stream<'g, Item>>,
    sources: Vec<Handle>,
    probes: Vec<Box<dyn Probe>>,
    tables: Vec<TableCheck>,
}

impl<'g> Lowering<'g, '_> {
    fn query(&mut self, node: usize, query: &Query) -> Stream<'g, Item> {
        let name = format!("n{node}");
        let of = |input: usize| self.streams[input];
        let stream = match query.clone() {
            Query::Source(source) => return self.source(name, source),
            Query::Map(input, map) => of(input).map(move |item| map.apply(item)),
            Query::Filter(input, test) => of(input).filter(move |item| test.holds(item)),
            Query::FlatMap(input, spread) => of(input).flat_map(move |item| spread.apply(item)),
            Query::FilterMap(input, test, map) => {
                of(input).filter_map(move |item| test.holds(&item).then(|| map.apply(item)))
            }
            Query::Negate(input) => of(input).negate(),
            Query::Inspect(input) => of(input).inspect(|_, weight| assert_ne!(weight, 0)),
            Query::Plus(left, right) => of(left).plus(of(right)),
            Query::Join(join) => by_key!(join.key, K => self.join::<K>(node, join)),
            Query::Group {
                input,
                key,
                aggregate,
            } => {
                by_key!(key, K => self.group::<K>(node, of(input), aggregate))
            }
            Query::Integrate(input) => {
                self.tables.push(TableCheck::items(
                    name.clone(),
                    "sum",
                    Expects::Contents(input),
                ));
                of(input).integrate()
            }
            Query::Delay(input) => {
                self.tables.push(TableCheck::items(
                    name.clone(),
                    "last",
                    Expects::Last(input),
                ));
                of(input).delay()
            }
            Query::Differentiate(input) => {
                self.tables.push(TableCheck::items(
                    name.clone(),
                    "last",
                    Expects::Last(input),
                ));
                of(input).differentiate()
            }
            missing => unreachable!("{missing:?} is missing"),
        };
        stream.named(name)
    }

    fn source(&mut self, name: String, source: usize) -> Stream<'g, Item> {
        macro_rules! table {
            ($handle:ident, $key:ty) => {{
                let table = self.builder.table(name, <$key>::index());
                self.sources.push(Handle::$handle(table.handle()));
                table.into()
            }};
        }
        match self.plan.sources[source] {
            Source::Raw => {
                let input = self.builder.input(name);
                self.sources.push(Handle::Raw(input.handle()));
                input
            }
            Source::Table(Key::A) => table!(A, Option<i8>),
            Source::Table(Key::Ab) => table!(Ab, (Option<i8>, Reverse<String>)),
            Source::Table(_) => table!(Unit, ()),
        }
    }

    fn join<K: Indexed>(&self, node: usize, join: Join) -> Stream<'g, Item> {
        let (left, right) = (self.streams[join.left], self.streams[join.right]);
        let right_index = if join.twisted {
            K::twisted()
        } else {
            K::index()
        };
        let meeting = join.meeting;
        if join.in_pairs {
            left.join(right, K::index(), right_index)
                .named(format!("p{node}"))
                .map(move |Pair { left, right }| {
                    meeting.apply(&K::of(&left).project(), &left, &right)
                })
        } else {
            left.join_map(right, K::index(), right_index, move |key, left, right| {
                meeting.apply(&key.project(), left, right)
            })
        }
    }

    fn group<K: Indexed + Row>(
        &mut self,
        node: usize,
        input: Stream<'g, Item>,
        aggregate: Aggregate,
    ) -> Stream<'g, Item> {
        let groups = input.group_by(K::index());
        match aggregate {
            Aggregate::Count => self.groups::<K, _, ()>(node, groups.count()),
            Aggregate::Sum => self.groups::<K, _, i64>(node, groups.sum(|item| small(item.c))),
            Aggregate::Wide => {
                self.groups::<K, _, i128>(node, groups.sum(|item| i128::from(item.c)))
            }
            Aggregate::Two => self.groups::<K, _, (i64, i64)>(
                node,
                groups.sum(|item| (small(item.c), item.b.len() as i64)),
            ),
            Aggregate::Set => self.groups::<K, _, ZSet<String>>(
                node,
                groups.sum(|item| ZSet::from_iter([item.b.clone()])),
            ),
            Aggregate::Residue => {
                let scaled = |item: &Item, weight: i64| {
                    Some(item.c.rem_euclid(97) * weight.rem_euclid(97) % 97)
                };
                let reduced = groups.reduce(0, |one, other| Some((one + other) % 97), scaled);
                self.groups::<K, _, i64>(node, reduced)
            }
            missing => unreachable!("{missing:?} is missing"),
        }
    }

    /// The groups, whose state has an `A`: viewed as they are where the plan says so, and turned into items.
    fn groups<K: Indexed + Row, V: Row + Into<Total>, A: Row + Into<Total>>(
        &mut self,
        node: usize,
        groups: Stream<'g, Keyed<K, V>>,
    ) -> Stream<'g, Item> {
        let groups = groups.named(format!("g{node}"));
        self.tables
            .push(TableCheck::group_states::<K, A>(format!("g{node}"), node));
        if self
            .plan
            .sinks
            .iter()
            .any(|sink| matches!(sink, Sink::Groups(of) if *of == node))
        {
            let show = |group: Keyed<K, V>| Shown::group(group.key.project(), group.value.into());
            let view = groups.view(format!("vg{node}"));
            let by_value = Index::new("digest", |group: &Keyed<K, V>| {
                let total: Total = group.value.clone().into();
                total.digest()
            });
            let by_value = self.builder.also_by(view, by_value);
            self.tables
                .push(TableCheck::groups::<K, V>(format!("vg{node}"), node));
            self.probe(
                view,
                show,
                |shown| K::of(&shown.item),
                Expects::Groups(node),
            );
            let digest = |shown: &Shown| shown.total.as_ref().map_or(0, Total::digest);
            self.probe(by_value, show, digest, Expects::Groups(node));
        }
        groups.map(|group| {
            let total: Total = group.value.into();
            total.into_item(&group.key.project())
        })
    }

    fn sink(&mut self, position: usize, sink: &Sink) {
        match sink {
            Sink::Groups(_) => {}
            Sink::Output(node) => {
                let handle = self.streams[*node].output(format!("o{position}"));
                self.probes.push(Box::new(OutputProbe {
                    handle,
                    expects: Expects::Contents(*node),
                }));
            }
            Sink::View(node, keys) => {
                let name = format!("v{position}");
                self.tables.push(TableCheck::items(
                    name.clone(),
                    "view",
                    Expects::Contents(*node),
                ));
                let (first, more) = keys.split_first().expect("a view has an index");
                by_key!(*first, K => {
                    let view = self.streams[*node].view_by(name, K::index());
                    self.item_view(view, *node);
                    for key in more {
                        by_key!(*key, K2 => {
                            let also = self.builder.also_by(view, K2::index());
                            self.item_view(also, *node);
                        });
                    }
                });
            }
        }
    }

    fn item_view<K: Indexed>(&mut self, view: ViewHandle<Item, K>, node: usize) {
        self.probe(
            view,
            Shown::item,
            |shown| K::of(&shown.item),
            Expects::Contents(node),
        );
    }

    fn probe<T: Row, K: deltaview::IndexKey>(
        &mut self,
        handle: ViewHandle<T, K>,
        show: impl Fn(T) -> Shown + 'static,
        key: impl Fn(&Shown) -> K + 'static,
        expects: Expects,
    ) {
        self.probes.push(Box::new(ViewProbe {
            handle,
            show: Arc::new(show),
            key: Arc::new(key),
            expects,
        }));
    }
}
