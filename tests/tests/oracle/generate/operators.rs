//! Random operators, without inputs yet. What is drawn depends on the place: a body has fewer keys, so that the types of
//! nested groups stay few, and a recursion mostly does what lets it come to an end.

use deltaview_tests::item::Key;
use deltaview_tests::plan::{
    Aggregate, Both, End, JoinKind, Mapping, Meeting, Moment, Several, Spread, Test, Window,
};
use proptest::prelude::*;
use proptest::sample::select;

/// An operator that has no inputs yet.
#[derive(Clone, Debug)]
pub(crate) enum Operator {
    Map(Mapping),
    Filter(Test),
    FlatMap(Spread),
    FilterMap(Test, Mapping),
    Negate,
    Inspect,
    Plus,
    Distinct,
    Both(Both),
    Join {
        kind: JoinKind,
        key: Key,
        twisted: bool,
        in_pairs: bool,
        meeting: Meeting,
    },
    /// In the body of a sub-query; elsewhere the stream itself.
    JoinOuter(Key, Meeting),
    /// In the body of a recursion; elsewhere the stream itself.
    Outer,
    Group(Key, Aggregate),
    Whole(Aggregate),
    Pick {
        by: Option<Key>,
        order: Key,
        end: End,
        offset: Option<u64>,
        n: u64,
    },
    Window(Option<Key>, Key, Window),
    PerGroup(Key, Vec<Step>),
    Recursive(usize, Vec<Step>),
    Closure,
    RetainFor(Moment, i64),
    Integrate,
    Delay,
    Differentiate,
}

/// An operator, and the numbers that its inputs are found by.
pub(crate) type Step = (Operator, u8, u8);

/// Where an operator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// In how many groups.
    pub(crate) groups: u8,
    /// Whether it is in a recursion.
    pub(crate) in_recursion: bool,
}

impl Place {
    pub(crate) const ROOT: Self = Self {
        groups: 0,
        in_recursion: false,
    };

    /// How deep groups are in groups.
    const DEEPEST: u8 = 2;

    fn is_deepest(self) -> bool {
        self.groups + u8::from(self.in_recursion) == Self::DEEPEST
    }

    fn in_group(self) -> Self {
        Self {
            groups: self.groups + 1,
            ..self
        }
    }

    fn in_recursion(self) -> Self {
        Self {
            in_recursion: true,
            ..self
        }
    }

    /// The keys that indexes are of here.
    fn keys(self) -> Vec<Key> {
        if self.groups == 0 && self.in_recursion {
            Key::WIDE.to_vec()
        } else if self.groups == 0 {
            Key::ALL.to_vec()
        } else {
            Key::IN_GROUPS.to_vec()
        }
    }

    /// The keys that all operators are tried with here.
    fn wide(self) -> Vec<Key> {
        if self.groups == 0 {
            Key::WIDE.to_vec()
        } else {
            Key::IN_GROUPS.to_vec()
        }
    }

    /// The keys that rows are grouped by for a sub-query here.
    fn group_keys(self) -> Vec<Key> {
        match self.groups {
            0 => Key::OF_GROUPS.to_vec(),
            _ => Key::OF_INNER_GROUPS.to_vec(),
        }
    }
}

fn mapping() -> impl Strategy<Value = Mapping> {
    select(vec![
        Mapping::Shift,
        Mapping::Swap,
        Mapping::Collapse,
        Mapping::Constant,
        Mapping::Fold,
    ])
}

fn test() -> impl Strategy<Value = Test> {
    select(vec![Test::HasA, Test::HasB, Test::IsPositive, Test::IsEven])
}

fn meeting() -> impl Strategy<Value = Meeting> {
    select(vec![Meeting::Mixed, Meeting::Product, Meeting::Keyed])
}

fn key(place: Place) -> impl Strategy<Value = Key> {
    select(place.keys())
}

fn by(place: Place) -> impl Strategy<Value = Option<Key>> {
    prop::option::weighted(0.7, select(place.wide()))
}

/// An aggregate that is tried with every key, and everywhere.
fn narrow_aggregate() -> impl Strategy<Value = Aggregate> {
    select(vec![Aggregate::Count, Aggregate::Sum])
}

fn aggregate(place: Place, by: Option<Key>) -> BoxedStrategy<Aggregate> {
    use Aggregate::{Avg, Collect, Count, Residue, Set, Sum, Two, Wide};
    use Aggregate::{CountDistinct, Fold, Max, MaxBy, Min, MinBy};
    if place.is_deepest() {
        return Just(Count).boxed();
    }
    let order = Key::order(by);
    let of_test: Vec<fn(Test) -> Aggregate> = vec![Aggregate::Any, Aggregate::Every];
    let several = vec![
        Several::Linear,
        Several::Sums,
        Several::Mixed,
        Several::Rows,
    ];
    let one = prop_oneof![
        4 => select(vec![Count, Sum, Avg, Collect]),
        4 => select(vec![Min, Max, MinBy, MaxBy, CountDistinct, Fold]).prop_map(move |of| of(order)),
        1 => (select(of_test), test()).prop_map(|(aggregate, test)| aggregate(test)),
    ];
    if place.groups > 0 || place.in_recursion || by.is_none() {
        return one.boxed();
    }
    prop_oneof![
        6 => one,
        2 => select(vec![Wide, Two, Set, Residue]),
        1 => select(several).prop_map(Aggregate::Several),
    ]
    .boxed()
}

fn group(place: Place) -> BoxedStrategy<Operator> {
    let narrow = (key(place), narrow_aggregate());
    let narrow = narrow.prop_map(|(key, aggregate)| Operator::Group(key, aggregate));
    let wide = select(place.wide()).prop_flat_map(move |key| {
        aggregate(place, Some(key)).prop_map(move |aggregate| Operator::Group(key, aggregate))
    });
    prop_oneof![1 => narrow, 4 => wide].boxed()
}

/// Operators that are linear: they commute with plus.
pub(crate) fn linear() -> impl Strategy<Value = Operator> {
    prop_oneof![
        4 => stateless(),
        2 => over_time(),
    ]
}

/// Linear operators that need no state.
fn stateless() -> impl Strategy<Value = Operator> {
    prop_oneof![
        mapping().prop_map(Operator::Map),
        test().prop_map(Operator::Filter),
        select(vec![Spread::Both, Spread::Copies, Spread::Letters]).prop_map(Operator::FlatMap),
        (test(), mapping()).prop_map(|(test, map)| Operator::FilterMap(test, map)),
        select(vec![Operator::Negate, Operator::Inspect]),
    ]
}

fn over_time() -> impl Strategy<Value = Operator> {
    select(vec![
        Operator::Integrate,
        Operator::Delay,
        Operator::Differentiate,
    ])
}

fn join(kinds: Vec<JoinKind>, keys: Vec<Key>) -> impl Strategy<Value = Operator> {
    let of = (
        select(kinds),
        select(keys),
        any::<bool>(),
        any::<bool>(),
        meeting(),
    );
    of.prop_map(|(kind, key, twisted, in_pairs, meeting)| Operator::Join {
        kind,
        key,
        twisted,
        in_pairs,
        meeting,
    })
}

/// Joins that are linear in each side.
pub(crate) fn inner_join() -> impl Strategy<Value = Operator> {
    let kinds = vec![JoinKind::Inner, JoinKind::Inner, JoinKind::Cross];
    join(kinds, Place::ROOT.keys())
}

fn any_join(place: Place) -> BoxedStrategy<Operator> {
    use JoinKind::{Anti, Cross, Full, Inner, Left, Right, Semi};
    let narrow = vec![Inner, Inner, Inner, Inner, Semi, Anti, Cross];
    let narrow = join(narrow, place.keys());
    if place.is_deepest() {
        return narrow.boxed();
    }
    let outer = join(vec![Left, Right, Full], place.wide());
    prop_oneof![3 => narrow, 2 => outer].boxed()
}

fn pick(place: Place) -> impl Strategy<Value = Operator> {
    let end = select(vec![End::First, End::Top]);
    let offset = prop::option::of(0_u64..4);
    let n = prop_oneof![8 => 1_u64..4, 1 => Just(0), 1 => Just(u64::MAX)];
    (by(place), end, offset, n).prop_map(move |(by, end, offset, n)| {
        let (by, end, offset) = if place.is_deepest() {
            (by.or(Some(Key::B)), End::First, None)
        } else {
            (by, end, offset)
        };
        Operator::Pick {
            by,
            order: Key::order(by),
            end,
            offset,
            n,
        }
    })
}

fn window(place: Place) -> BoxedStrategy<Operator> {
    use Window::{DenseRank, Lag, Lead, Rank, RowNumber, RunningSum, Together};
    if place.is_deepest() {
        let numbers = select(place.wide());
        let numbers =
            numbers.prop_map(|by| Operator::Window(Some(by), Key::order(Some(by)), RowNumber));
        return numbers.boxed();
    }
    let window = prop_oneof![
        5 => select(vec![RowNumber, Rank, DenseRank, RunningSum, Together]),
        1 => (0_u32..4).prop_map(Lag),
        1 => (0_u32..4).prop_map(Lead),
    ];
    (by(place), window)
        .prop_map(|(by, window)| Operator::Window(by, Key::order(by), window))
        .boxed()
}

fn retain_for() -> impl Strategy<Value = Operator> {
    let spans = prop_oneof![
        4 => (Just(Moment::Soon), 0_i64..10),
        1 => (Just(Moment::Ever), select(vec![0, 5, 1000, i64::MAX])),
    ];
    spans.prop_map(|(moment, span)| Operator::RetainFor(moment, span))
}

/// Operators that make more of more, where no weight is negative.
fn monotone(place: Place) -> impl Strategy<Value = Operator> {
    let joins = vec![
        JoinKind::Inner,
        JoinKind::Inner,
        JoinKind::Semi,
        JoinKind::Cross,
    ];
    prop_oneof![
        4 => mapping().prop_map(Operator::Map),
        1 => test().prop_map(Operator::Filter),
        1 => Just(Operator::FlatMap(Spread::Both)),
        3 => Just(Operator::Outer),
        2 => Just(Operator::Plus),
        5 => join(joins, place.keys()),
        2 => select(vec![
            Operator::Distinct,
            Operator::Both(Both::Union),
            Operator::Both(Both::Intersect),
            Operator::Both(Both::IntersectAll),
        ]),
    ]
}

fn steps(operator: BoxedStrategy<Operator>, most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((operator, any::<u8>(), any::<u8>()), 1..=most)
}

fn per_group(place: Place) -> BoxedStrategy<Operator> {
    let inside = place.in_group();
    let outer = (key(inside), meeting()).prop_map(|(key, met)| Operator::JoinOuter(key, met));
    let operator = prop_oneof![6 => operator(inside), 1 => outer].boxed();
    (select(place.group_keys()), steps(operator, 4))
        .prop_map(|(key, steps)| Operator::PerGroup(key, steps))
        .boxed()
}

fn recursive(place: Place) -> BoxedStrategy<Operator> {
    let inside = place.in_recursion();
    let tame = steps(monotone(inside).boxed(), 4);
    let any = prop_oneof![3 => monotone(inside), 1 => operator(inside)];
    let most = prop_oneof![9 => Just(50_usize), 1 => 1_usize..6];
    (most, prop_oneof![3 => tame, 1 => steps(any.boxed(), 4)])
        .prop_map(|(most, steps)| Operator::Recursive(most, steps))
        .boxed()
}

/// Any operator that there is at a place.
pub(crate) fn operator(place: Place) -> BoxedStrategy<Operator> {
    use Both::{Except, ExceptAll, Intersect, IntersectAll, Union};
    let sets = vec![Union, Intersect, Except, IntersectAll, ExceptAll];
    let mut families: Vec<(u32, BoxedStrategy<Operator>)> = vec![
        (6, stateless().boxed()),
        (2, Just(Operator::Plus).boxed()),
        (1, Just(Operator::Distinct).boxed()),
        (3, select(sets).prop_map(Operator::Both).boxed()),
        (6, any_join(place)),
        (5, group(place)),
        (1, aggregate(place, None).prop_map(Operator::Whole).boxed()),
        (3, pick(place).boxed()),
        (3, window(place)),
    ];
    if !place.is_deepest() {
        families.push((2, per_group(place)));
    }
    // A recursion has no times of its own to look back to.
    if !place.in_recursion {
        families.push((2, over_time().boxed()));
        families.push((2, retain_for().boxed()));
    }
    if !place.in_recursion && !place.is_deepest() {
        families.push((2, recursive(place)));
        families.push((1, Just(Operator::Closure).boxed()));
    }
    prop::strategy::Union::new_weighted(families).boxed()
}
