//! The aggregates, of groups and of all rows.

use deltaview::{Keyed, Row, Stream, ZSet, agg};
use deltaview_tests::item::{Item, TypedKey, small};
use deltaview_tests::plan::{Aggregate, Several, Test};
use deltaview_tests::total::Total;

use super::keys::{A, Ab, B, C, C3, Indexed, Visit};
use super::level::Level;
use super::list::List;

/// Calls the method of a grouped stream, or of a stream, that an aggregate is; and gives `$done` what it puts out, with
/// what its state and its value are as totals.
macro_rules! aggregate {
    ($rows:expr, $aggregate:expr, $done:expr, $key:ty, $all:expr) => {{
        let (rows, done) = ($rows, $done);
        match $aggregate {
            Aggregate::Count => done.put_out(rows.count(), of::<()>, Total::from),
            Aggregate::Sum => done.put_out(rows.sum(|item| small(item.c)), of::<i64>, Total::from),
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
            Aggregate::CountDistinct(_)
            | Aggregate::Min(_)
            | Aggregate::Max(_)
            | Aggregate::MinBy(_)
            | Aggregate::MaxBy(_)
            | Aggregate::Fold(_) => by_index!(rows, $aggregate, done, $key),
            other if !$all => panic!("{other:?} is not tried here"),
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
            Aggregate::Several(Several::Sums) => {
                let several = rows.aggregate((
                    agg::count(),
                    agg::sum(|item: &Item| small(item.c)),
                    agg::min(A::index()),
                ));
                let state: fn(((), i64, ())) -> Total =
                    |((), sum, ())| Total::Several(vec![().into(), sum.into(), ().into()]);
                done.put_out(several, state, |(count, sum, min)| {
                    Total::Several(vec![count.into(), sum.into(), Total::Row(min.project())])
                })
            }
            Aggregate::Several(Several::Mixed) => {
                let several = rows.aggregate((
                    agg::avg(|item: &Item| small(item.c)),
                    agg::max_by(C::index()),
                    agg::any(|item| Test::IsEven.holds(item)),
                    agg::count_distinct(B::index()),
                ));
                let state: fn((i64, (), i64, i64)) -> Total = |(sum, (), even, distinct)| {
                    Total::Several(vec![sum.into(), ().into(), even.into(), distinct.into()])
                };
                done.put_out(several, state, |(avg, max, any, distinct)| {
                    Total::Several(vec![avg.into(), max.into(), any.into(), distinct.into()])
                })
            }
            Aggregate::Several(Several::Rows) => {
                let several = rows.aggregate((
                    agg::collect(|item: &Item| item.b.clone()),
                    agg::every(|item| Test::IsPositive.holds(item)),
                    agg::fold(B::index(), Aggregate::FOLD_INIT, Aggregate::fold_step),
                    agg::reduce(0_i64, residues, residue),
                    agg::min_by(Ab::index()),
                    agg::max(C3::index()),
                ));
                let state: fn((ZSet<String>, i64, (), i64, (), ())) -> Total =
                    |(set, positive, (), residue, (), ())| {
                        Total::Several(vec![
                            set.into(),
                            positive.into(),
                            ().into(),
                            residue.into(),
                            ().into(),
                            ().into(),
                        ])
                    };
                done.put_out(several, state, |(set, every, folded, residue, min, max)| {
                    Total::Several(vec![
                        set.into(),
                        every.into(),
                        folded.into(),
                        residue.into(),
                        min.into(),
                        Total::Row(max.project()),
                    ])
                })
            }
        }
    }};
}

/// As `aggregate`, for those that are by an index.
macro_rules! by_index {
    ($rows:expr, $aggregate:expr, $done:expr, $key:ty) => {{
        let (rows, done, index) = ($rows, $done, <$key>::order_index());
        let row: fn(Item) -> Total = Total::Row;
        let key: fn(<$key as Indexed>::Order) -> Total = |key| Total::Row(key.project());
        match $aggregate {
            Aggregate::CountDistinct(_) => {
                done.put_out(rows.count_distinct(index), of::<i64>, Total::from)
            }
            Aggregate::Min(_) => done.put_out(rows.min(index), of::<()>, key),
            Aggregate::Max(_) => done.put_out(rows.max(index), of::<()>, key),
            Aggregate::MinBy(_) => done.put_out(rows.min_by(index), of::<()>, row),
            Aggregate::MaxBy(_) => done.put_out(rows.max_by(index), of::<()>, row),
            Aggregate::Fold(_) => {
                let folded = rows.fold(index, Aggregate::FOLD_INIT, Aggregate::fold_step);
                done.put_out(folded, of::<()>, Total::from)
            }
            other => panic!("{other:?} is by no index"),
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
        keys_of_groups::<K, K::Order, S>(list, input);
        keys_of_groups::<K, B, S>(list, input);
        aggregate!(groups, aggregate, done, K, !S::HAS_GROUPS && !S::IS_LOOPED)
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
    keys_of_groups::<(), <() as Indexed>::Order, S>(list, input);
    aggregate!(rows, aggregate, Whole { list, node }, (), false)
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

/// What is expected of the keys that are counted where distinct ones are.
fn keys_of_groups<K: Indexed + Row, V: Indexed + Row, S: Level>(
    list: &List<'_, '_, '_, S>,
    input: usize,
) {
    let (of, by) = (V::index(), K::index());
    let vertex = format!(
        "{}_{}_keys_by_{}",
        list.name_of(input),
        of.name(),
        by.name()
    );
    let check = list.keys_of_groups::<K, V>(vertex, input);
    list.looks().table(check);
}
