//! From a plan to a graph, through the public builder. Every node is named after its position, so that each table can
//! be told from which node it is.

mod aggregates;
mod joins;
mod keys;
mod level;
mod list;
mod ordered;

use std::cell::RefCell;
use std::cmp::Reverse;
use std::sync::Arc;

use deltaview::{Builder, Graph, Index, InputHandle, Keyed, Row, Stream, TableHandle, ViewHandle};
use deltaview_tests::item::{Item, Key};
use deltaview_tests::plan::{Plan, Query, Sink, Source};
use deltaview_tests::total::Total;

pub(crate) use keys::Indexed;
use keys::{Visit, every_key};
use list::List;

use crate::probe::{Expects, OutputProbe, Probe, Shown, TableCheck, ViewProbe};

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
    let (graph, (sources, looks)) = Graph::build("oracle", |g| {
        let looks = Looks::new(g, plan);
        let mut list = List::of_plan(&looks);
        let mut sources = Vec::new();
        for (node, query) in plan.nodes.iter().enumerate() {
            if let Query::Source(source) = query {
                let (stream, handle) = looks.source(list.name(node), plan.sources[*source]);
                sources.push(handle);
                list.push(stream, false);
            } else {
                list.add(node, query);
            }
        }
        for (position, sink) in plan.sinks.iter().enumerate() {
            looks.sink(list.streams(), position, sink);
        }
        (sources, (looks.probes, looks.tables))
    })
    .unwrap_or_else(|error| panic!("{error}\n{plan:#?}"));
    Lowered {
        graph,
        sources,
        probes: looks.0.into_inner(),
        tables: looks.1.into_inner(),
    }
}

/// What is looked at, while the graph is built.
struct Looks<'g, 'p> {
    builder: &'g Builder,
    plan: &'p Plan,
    probes: RefCell<Vec<Box<dyn Probe>>>,
    tables: RefCell<Vec<TableCheck>>,
}

impl<'g, 'p> Looks<'g, 'p> {
    fn new(builder: &'g Builder, plan: &'p Plan) -> Self {
        Self {
            builder,
            plan,
            probes: RefCell::default(),
            tables: RefCell::default(),
        }
    }

    fn table(&self, check: TableCheck) {
        self.tables.borrow_mut().push(check);
    }

    fn source(&self, name: String, source: Source) -> (Stream<'g, Item>, Handle) {
        macro_rules! table {
            ($handle:ident, $key:ty) => {{
                let table = self.builder.table(name, <$key>::index());
                let handle = Handle::$handle(table.handle());
                (table.into(), handle)
            }};
        }
        match source {
            Source::Raw => {
                let input = self.builder.input(name);
                (input, Handle::Raw(input.handle()))
            }
            Source::Table(Key::A) => table!(A, Option<i8>),
            Source::Table(Key::Ab) => table!(Ab, (Option<i8>, Reverse<String>)),
            Source::Table(_) => table!(Unit, ()),
        }
    }

    fn sink(&self, streams: &[Stream<'g, Item>], position: usize, sink: &Sink) {
        match sink {
            Sink::Groups(_) => {}
            Sink::Output(node) => {
                let handle = streams[*node].output(format!("o{position}"));
                self.probes.borrow_mut().push(Box::new(OutputProbe {
                    handle,
                    expects: Expects::Contents(*node),
                }));
            }
            Sink::View(node, keys) => {
                let name = format!("v{position}");
                let expects = Expects::Contents(*node);
                self.table(TableCheck::items(name.clone(), "view", expects));
                let (first, more) = keys.split_first().expect("a view has an index");
                let stream = streams[*node];
                every_key(
                    *first,
                    ViewBy {
                        looks: self,
                        stream,
                        name,
                        node: *node,
                        more,
                    },
                );
            }
        }
    }

    fn item_view<K: Indexed>(&self, view: ViewHandle<Item, K>, node: usize) {
        self.probe(
            view,
            Shown::item,
            |shown| K::of(&shown.item),
            Expects::Contents(node),
        );
    }

    /// A view of the groups as they are, by their key and by a value, where the plan says so.
    fn groups<K: Indexed + Row, V: Row>(
        &self,
        node: usize,
        groups: Stream<'g, Keyed<K, V>>,
        total: fn(V) -> Total,
    ) {
        let is_asked = |sink: &Sink| matches!(sink, Sink::Groups(of) if *of == node);
        if !self.plan.sinks.iter().any(is_asked) {
            return;
        }
        let show = move |group: Keyed<K, V>| Shown::group(group.key.project(), total(group.value));
        let view = groups.view(format!("vg{node}"));
        let by_value = Index::new("digest", move |group: &Keyed<K, V>| {
            total(group.value.clone()).digest()
        });
        let by_value = self.builder.also_by(view, by_value);
        self.table(TableCheck::groups::<K, V>(format!("vg{node}"), node, total));
        self.probe(
            view,
            show,
            |shown| K::of(&shown.item),
            Expects::Groups(node),
        );
        let digest = |shown: &Shown| shown.total.as_ref().map_or(0, Total::digest);
        self.probe(by_value, show, digest, Expects::Groups(node));
    }

    fn probe<T: Row, K: deltaview::IndexKey>(
        &self,
        handle: ViewHandle<T, K>,
        show: impl Fn(T) -> Shown + 'static,
        key: impl Fn(&Shown) -> K + 'static,
        expects: Expects,
    ) {
        self.probes.borrow_mut().push(Box::new(ViewProbe {
            handle,
            show: Arc::new(show),
            key: Arc::new(key),
            expects,
        }));
    }
}

/// A view by one key, and then by others.
struct ViewBy<'a, 'g, 'p> {
    looks: &'a Looks<'g, 'p>,
    stream: Stream<'g, Item>,
    name: String,
    node: usize,
    more: &'a [Key],
}

impl Visit for ViewBy<'_, '_, '_> {
    type Out = ();

    fn visit<K: Indexed + Row>(self) {
        let Self { looks, node, .. } = self;
        let view = self.stream.view_by(self.name, K::index());
        looks.item_view(view, node);
        for key in self.more {
            every_key(*key, AlsoBy { looks, view, node });
        }
    }
}

/// A further index of a view.
struct AlsoBy<'a, 'g, 'p, K> {
    looks: &'a Looks<'g, 'p>,
    view: ViewHandle<Item, K>,
    node: usize,
}

impl<K: Indexed> Visit for AlsoBy<'_, '_, '_, K> {
    type Out = ();

    fn visit<K2: Indexed + Row>(self) {
        let also = self.looks.builder.also_by(self.view, K2::index());
        self.looks.item_view(also, self.node);
    }
}
