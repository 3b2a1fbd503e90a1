//! A list of nodes in any scope: each node is an operator of the builder.

use deltaview::{In, Row, Stream};
use deltaview_tests::item::Item;
use deltaview_tests::plan::{Body, Both, Query};

use super::Looks;
use super::aggregates::{GroupBy, whole};
use super::joins::JoinBy;
use super::keys::Indexed;
use super::level::Level;
use crate::probe::Expects;

/// The streams of a list of nodes.
pub(super) struct List<'l, 'g, 'p, S: Level> {
    looks: &'l Looks<'g, 'p>,
    /// What the names of the nodes begin with.
    prefix: String,
    streams: Vec<Stream<'g, Item, S>>,
    /// Those of the list around, for what leaves its group.
    around: Vec<Stream<'g, Item, S::Around>>,
}

impl<'l, 'g, 'p, S: Level> List<'l, 'g, 'p, S> {
    pub(super) fn of_plan(looks: &'l Looks<'g, 'p>, _: &[Query]) -> Self {
        Self {
            looks,
            prefix: "n".to_string(),
            streams: Vec::new(),
            around: Vec::new(),
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

    pub(super) fn streams(&self) -> &[Stream<'g, Item, S>] {
        &self.streams
    }

    pub(super) fn push(&mut self, stream: Stream<'g, Item, S>) {
        let node = self.streams.len();
        let check = S::rows(self.name(node), "by_", Expects::Contents(node));
        self.looks.table(check);
        self.streams.push(stream);
    }

    /// The result of a sub-query on the rows of each group.
    pub(super) fn inside<K: Indexed + Row>(
        &self,
        node: usize,
        rows: Stream<'g, Item, In<K, S>>,
        body: &Body,
    ) -> Stream<'g, Item, In<K, S>>
    where
        In<K, S>: Level<Around = S>,
    {
        let mut list = List {
            looks: self.looks,
            prefix: format!("{}b", self.name(node)),
            streams: Vec::new(),
            around: self.streams.clone(),
        };
        for (node, query) in body.nodes.iter().enumerate() {
            let stream = match query {
                Query::Feed => rows.named(list.name(node)),
                query => list.query(node, query),
            };
            list.push(stream);
        }
        *list.streams.last().expect("a body has a feed")
    }

    pub(super) fn query(&self, node: usize, query: &Query) -> Stream<'g, Item, S> {
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
            Query::Join(join) => {
                let list = self;
                S::with_key(join.key, JoinBy { list, node, join })
            }
            Query::JoinOuter(join) => S::join_outer(of(join.left), self.around[join.outer], join),
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
            Query::Whole(input, aggregate) => whole(self, node, input, aggregate),
            Query::PerGroup { input, key, body } => S::per_group(self, node, of(input), key, &body),
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
            missing => unreachable!("{missing:?} is missing"),
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
        self.looks.table(S::rows(self.name(node), role, expects));
        stream()
    }
}
