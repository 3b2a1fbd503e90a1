//! The aggregates, of groups and of all rows.

use deltaview::{Grouped, Keyed, Row, Stream, ZSet, agg};
use deltaview_tests::item::{Item, small};
use deltaview_tests::plan::{Aggregate, Several, Test};
use deltaview_tests::total::Total;

use super::keys::{B, Indexed, Visit};
use super::level::Level;
use super::list::List;

/// Calls the method of a grouped stream, or of a stream, that an aggregate is; and gives `$done` what it puts out, with
/// what its state and its value are as totals.
macro_rules! aggregate {
    ($rows:expr, $aggregate:expr, $done:expr, $distinct:expr) => {{
        let (rows, done) = ($rows, $done);
        match $aggregate {
            Aggregate::Count => done.put_out(rows.count(), of::<()>, Total::from),
            Aggregate::Sum => done.put_out(rows.sum(|item| small(item.c)), of::<i64>, Total::from),
            Aggregate::Wide => {
                done.put_out(rows.sum(|item| i128::from(item.c)), of::<i128>, Total::from)
            }
            Aggregate::Two => {
                let two = |item: &Item| (small(item.c), item.b.len() as i64);
                done.put_out(rows.sum(two), of::<(i64, i64)>, Total::from)
            }
            Aggregate::Set => {
                let set = |item: &Item| ZSet::from_iter([item.b.clone()]);
                done.put_out(rows.sum(set), of::<ZSet<String>>, Total::from)
            }
            Aggregate::Residue => {
                let reduced = rows.reduce(0_i64, residues, residue);
                done.put_out(reduced, of::<i64>, Total::from)
            }
            Aggregate::Avg => done.put_out(rows.avg(|item| small(item.c)), of::<i64>, Total::from),
            Aggregate::Collect => done.put_out(
                rows.collect(|item| item.b.clone()),
                of::<ZSet<String>>,
                Total::from,
            ),
            Aggregate::Any(test) => done.put_out(
                rows.any(move |item| test.holds(item)),
                of::<i64>,
                Total::from,
            ),
            Aggregate::Every(test) => done.put_out(
                rows.every(move |item| test.holds(item)),
                of::<i64>,
                Total::from,
            ),
            Aggregate::CountDistinct(key) => S::with_order(key, $distinct),
            Aggregate::Several(Several::Linear) => {
                let linear = rows.aggregate((
                    agg::count(),
                    agg::avg(|item: &Item| small(item.c)),
                    agg::any(|item| Test::IsEven.holds(item)),
                    agg::count_distinct(B::index()),
                    agg::collect(|item: &Item| item.b.clone()),
                    agg::every(|item| Test::IsPositive.holds(item)),
                    agg::reduce(0_i64, residues, residue),
                    agg::sum(|item: &Item| small(item.c)),
                ));
                let state: fn(((), i64, i64, i64, ZSet<String>, i64, i64, i64)) -> Total =
                    |((), sum, even, distinct, set, positive, residue, again)| {
                        Total::Several(vec![
                            Total::Int(0),
                            sum.into(),
                            even.into(),
                            distinct.into(),
                            set.into(),
                            positive.into(),
                            residue.into(),
                            again.into(),
                        ])
                    };
                done.put_out(
                    linear,
                    state,
                    |(count, avg, any, distinct, set, every, residue, sum)| {
                        Total::Several(vec![
                            count.into(),
                            avg.into(),
                            any.into(),
                            distinct.into(),
                            set.into(),
                            every.into(),
                            residue.into(),
                            sum.into(),
                        ])
                    },
                )
            }
            missing => unreachable!("{missing:?} is missing"),
        }
    }};
}

fn of<T: Into<Total>>(value: T) -> Total {
    value.into()
}

fn residues(one: &i64, other: &i64) -> Option<i64> {
    Some((one + other) % 97)
}

fn residue(item: &Item, weight: i64) -> Option<i64> {
    Some(item.c.rem_euclid(97) * weight.rem_euclid(97) % 97)
}

/// An aggregate by a key.
pub(super) struct GroupBy<'a, 'l, 'g, 'p, S: Level> {
    pub(super) list: &'a List<'l, 'g, 'p, S>,
    pub(super) node: usize,
    pub(super) input: usize,
    pub(super) aggregate: Aggregate,
}

impl<'g, S: Level> Visit for GroupBy<'_, '_, 'g, '_, S> {
    type Out = Stream<'g, Item, S>;

    fn visit<K: Indexed + Row>(self) -> Stream<'g, Item, S> {
        let Self {
            list,
            node,
            input,
            aggregate,
        } = self;
        let groups = list.streams()[input].group_by(K::index());
        let done = Groups { list, node };
        if !K::IS_WIDE || S::IS_DEEPEST {
            return match aggregate {
                Aggregate::Count => done.put_out(groups.count(), of::<()>, Total::from),
                Aggregate::Sum => {
                    let sums = groups.sum(|item| small(item.c));
                    done.put_out(sums, of::<i64>, Total::from)
                }
                other => panic!("{other:?} by {:?}", K::KEY),
            };
        }
        let distinct = DistinctOf {
            list,
            node,
            input,
            groups: groups.clone(),
        };
        keys_of_groups::<K, B, S>(list, input);
        aggregate!(groups, aggregate, done, distinct)
    }
}

/// The groups of an aggregate: viewed as they are where the plan says so, and turned into items.
struct Groups<'a, 'l, 'g, 'p, S: Level> {
    list: &'a List<'l, 'g, 'p, S>,
    node: usize,
}

impl<'g, S: Level> Groups<'_, '_, 'g, '_, S> {
    fn put_out<K: Indexed + Row, V: Row, State: Row>(
        &self,
        groups: Stream<'g, Keyed<K, V>, S>,
        state: fn(State) -> Total,
        total: fn(V) -> Total,
    ) -> Stream<'g, Item, S> {
        let vertex = format!("g{}", self.list.name(self.node));
        let groups = groups.named(vertex.clone());
        let states = self.list.states::<K, State>(vertex, self.node, state);
        self.list.looks().table(states);
        S::show_groups(self.list, self.node, groups, total);
        groups.map(move |group| total(group.value).into_item(&group.key.project()))
    }
}

struct DistinctOf<'a, 'l, 'g, 'p, K, S: Level> {
    list: &'a List<'l, 'g, 'p, S>,
    node: usize,
    input: usize,
    groups: Grouped<'g, Item, K, S>,
}

impl<'g, K: Indexed + Row, S: Level> Visit for DistinctOf<'_, '_, 'g, '_, K, S> {
    type Out = Stream<'g, Item, S>;

    fn visit<V: Indexed + Row>(self) -> Stream<'g, Item, S> {
        let Self {
            list,
            node,
            input,
            groups,
        } = self;
        keys_of_groups::<K, V, S>(list, input);
        Groups { list, node }.put_out(groups.count_distinct(V::index()), of::<i64>, Total::from)
    }
}

/// An aggregate of all rows.
pub(super) fn whole<'g, S: Level>(
    list: &List<'_, 'g, '_, S>,
    node: usize,
    input: usize,
    aggregate: Aggregate,
) -> Stream<'g, Item, S> {
    let rows = list.streams()[input];
    if S::IS_DEEPEST {
        assert_eq!(aggregate, Aggregate::Count, "the only one this deep");
        return Whole { list, node }.put_out(rows.count(), of::<()>, Total::from);
    }
    let distinct = DistinctOfAll {
        list,
        node,
        input,
        rows,
    };
    keys_of_groups::<(), B, S>(list, input);
    aggregate!(rows, aggregate, Whole { list, node }, distinct)
}

struct Whole<'a, 'l, 'g, 'p, S: Level> {
    list: &'a List<'l, 'g, 'p, S>,
    node: usize,
}

impl<'g, S: Level> Whole<'_, '_, 'g, '_, S> {
    fn put_out<V: Row, State: Row>(
        &self,
        value: Stream<'g, V, S>,
        state: fn(State) -> Total,
        total: fn(V) -> Total,
    ) -> Stream<'g, Item, S> {
        let vertex = format!("g{}", self.list.name(self.node));
        let states = self
            .list
            .states::<(), State>(vertex.clone(), self.node, state);
        self.list.looks().table(states);
        value
            .named(vertex)
            .map(move |value| total(value).into_item(&Item::default()))
    }
}

struct DistinctOfAll<'a, 'l, 'g, 'p, S: Level> {
    list: &'a List<'l, 'g, 'p, S>,
    node: usize,
    input: usize,
    rows: Stream<'g, Item, S>,
}

impl<'g, S: Level> Visit for DistinctOfAll<'_, '_, 'g, '_, S> {
    type Out = Stream<'g, Item, S>;

    fn visit<V: Indexed + Row>(self) -> Stream<'g, Item, S> {
        let Self {
            list,
            node,
            input,
            rows,
        } = self;
        keys_of_groups::<(), V, S>(list, input);
        Whole { list, node }.put_out(rows.count_distinct(V::index()), of::<i64>, Total::from)
    }
}

/// What is expected of the keys that are counted where distinct ones are.
fn keys_of_groups<K: Indexed + Row, V: Indexed + Row, S: Level>(
    list: &List<'_, '_, '_, S>,
    input: usize,
) {
    let (of, by) = (V::index(), K::index());
    let vertex = format!("{}_{}_keys_by_{}", list.name(input), of.name(), by.name());
    let check = list.keys_of_groups::<K, V>(vertex, input);
    list.looks().table(check);
}
