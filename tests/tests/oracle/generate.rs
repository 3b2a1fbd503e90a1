//! Random plans and histories, that shrink: operators are a list, and each names its inputs by a number that is always
//! resolved to some earlier node, so that what is left after one is taken out is a plan again.

use deltaview_tests::item::{Item, Key};
use deltaview_tests::plan::{
    Aggregate, Join, Mapping, Meeting, Plan, Query, Sink, Source, Spread, Test,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::history::{Edit, Turn};

/// An operator that has no inputs yet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operator {
    Map(Mapping),
    Filter(Test),
    FlatMap(Spread),
    FilterMap(Test, Mapping),
    Negate,
    Inspect,
    Plus,
    Join {
        key: Key,
        twisted: bool,
        in_pairs: bool,
        meeting: Meeting,
    },
    Group(Key, Aggregate),
    Integrate,
    Delay,
    Differentiate,
}

/// Any row.
pub(crate) fn item() -> impl Strategy<Value = Item> {
    let a = prop_oneof![
        2 => Just(None),
        6 => (0_i8..3).prop_map(Some),
        1 => select(vec![Some(i8::MIN), Some(i8::MAX)]),
    ];
    let b = prop_oneof![
        8 => select(vec!["", "a", "b", "é"]),
        // Longer than an identity: its row is told by a hash.
        1 => Just("a text that is longer than an identity"),
    ];
    let c = prop_oneof![
        6 => -2_i64..4,
        2 => -1000_i64..1000,
        1 => select(vec![i64::MIN, i64::MAX, -1, 0]),
    ];
    (a, b, c).prop_map(|(a, b, c)| Item::new(a, b, c))
}

pub(crate) fn key() -> impl Strategy<Value = Key> {
    select(Key::ALL.to_vec())
}

fn mapping() -> impl Strategy<Value = Mapping> {
    select(vec![
        Mapping::Shift,
        Mapping::Swap,
        Mapping::Collapse,
        Mapping::Constant,
    ])
}

fn test() -> impl Strategy<Value = Test> {
    select(vec![Test::HasA, Test::HasB, Test::IsPositive, Test::IsEven])
}

fn meeting() -> impl Strategy<Value = Meeting> {
    select(vec![Meeting::Mixed, Meeting::Product, Meeting::Keyed])
}

pub(crate) fn aggregate() -> impl Strategy<Value = Aggregate> {
    use Aggregate::{Count, Residue, Set, Sum, Two, Wide};
    select(vec![Count, Sum, Wide, Two, Set, Residue])
}

/// Operators that are linear: they commute with plus.
pub(crate) fn linear() -> impl Strategy<Value = Operator> {
    prop_oneof![
        mapping().prop_map(Operator::Map),
        test().prop_map(Operator::Filter),
        select(vec![Spread::Both, Spread::Copies, Spread::Letters]).prop_map(Operator::FlatMap),
        (test(), mapping()).prop_map(|(test, map)| Operator::FilterMap(test, map)),
        select(vec![
            Operator::Negate,
            Operator::Inspect,
            Operator::Integrate,
            Operator::Delay,
            Operator::Differentiate,
        ]),
    ]
}

pub(crate) fn join() -> impl Strategy<Value = Operator> {
    (key(), any::<bool>(), any::<bool>(), meeting()).prop_map(
        |(key, twisted, in_pairs, meeting)| Operator::Join {
            key,
            twisted,
            in_pairs,
            meeting,
        },
    )
}

/// Any operator.
pub(crate) fn operator() -> impl Strategy<Value = Operator> {
    prop_oneof![
        4 => linear(),
        1 => Just(Operator::Plus),
        3 => join(),
        3 => (key(), aggregate()).prop_map(|(key, aggregate)| Operator::Group(key, aggregate)),
    ]
}

/// A sink before it has a node: a view with these keys, or else an output.
type RawSink = (u8, Option<Vec<Key>>);

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![
        3 => Just(Source::Raw),
        2 => select(vec![Key::A, Key::Ab, Key::Unit]).prop_map(Source::Table),
    ]
}

/// Any plan.
pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let operators = prop::collection::vec((operator(), any::<u8>(), any::<u8>()), 1..10);
    let keys = subsequence(Key::ALL.to_vec(), 1..=3).prop_shuffle();
    let sinks = prop::collection::vec((any::<u8>(), prop::option::weighted(0.8, keys)), 1..5);
    (prop::collection::vec(source(), 1..=3), operators, sinks)
        .prop_map(|(sources, operators, sinks)| resolve(sources, operators, sinks))
}

/// An operator on two nodes, or on the left one alone.
pub(crate) fn query(operator: Operator, left: usize, right: usize) -> Query {
    let sizes = vec![Size { weight: 7, rows: 4 }; left.max(right) + 1];
    bounded(operator, left, right, &sizes).0
}

/// How large the contents of a node can become: the powers of two of its weights and of the number of its rows.
#[derive(Clone, Copy)]
struct Size {
    weight: u32,
    rows: u32,
}

/// Gives every operator its inputs. What would grow beyond what the naive evaluator can do in a moment, or beyond
/// weights of 64 bits, becomes a lesser operator.
pub(crate) fn resolve(
    sources: Vec<Source>,
    operators: Vec<(Operator, u8, u8)>,
    sinks: Vec<RawSink>,
) -> Plan {
    let mut nodes: Vec<Query> = (0..sources.len()).map(Query::Source).collect();
    let mut sizes = vec![Size { weight: 7, rows: 4 }; nodes.len()];
    for (operator, first, second) in operators {
        let (left, right) = (earlier(first, nodes.len()), earlier(second, nodes.len()));
        let (node, size) = bounded(operator, left, right, &sizes);
        nodes.push(node);
        sizes.push(size);
    }
    let sinks = resolve_sinks(&nodes, sinks);
    Plan {
        sources,
        nodes,
        sinks,
    }
}

/// One of the nodes so far: mostly a late one, so that graphs grow deep.
fn earlier(number: u8, nodes: usize) -> usize {
    let number = usize::from(number);
    let reach = if number < 160 { nodes.min(3) } else { nodes };
    nodes - 1 - number % reach
}

fn bounded(operator: Operator, left: usize, right: usize, sizes: &[Size]) -> (Query, Size) {
    let (one, other) = (sizes[left], sizes[right]);
    let grown = |weight: u32, rows: u32| Size {
        weight: one.weight + weight,
        rows: one.rows + rows,
    };
    let sum = Size {
        weight: one.weight.max(other.weight) + 1,
        rows: one.rows.max(other.rows) + 1,
    };
    match operator {
        Operator::Map(map) => (Query::Map(left, map), one),
        Operator::Filter(test) => (Query::Filter(left, test), one),
        Operator::FilterMap(test, map) => (Query::FilterMap(left, test, map), one),
        Operator::FlatMap(spread) => (Query::FlatMap(left, spread), grown(2, 1)),
        Operator::Negate => (Query::Negate(left), one),
        Operator::Inspect => (Query::Inspect(left), one),
        Operator::Plus => (Query::Plus(left, right), sum),
        Operator::Group(key, aggregate) => (
            Query::Group {
                input: left,
                key,
                aggregate,
            },
            one,
        ),
        Operator::Delay => (Query::Delay(left), one),
        Operator::Differentiate => (Query::Differentiate(left), grown(1, 1)),
        Operator::Integrate if one.weight > 36 => (Query::Delay(left), one),
        Operator::Integrate => (Query::Integrate(left), grown(4, 0)),
        Operator::Join {
            key,
            twisted,
            in_pairs,
            meeting,
        } => {
            let met = if matches!(key, Key::Unit) { 0 } else { 2 };
            let size = Size {
                weight: one.weight + other.weight,
                rows: (one.rows + other.rows) - met,
            };
            if size.weight > 40 || size.rows > 9 {
                return (Query::Plus(left, right), sum);
            }
            let join = Join {
                left,
                right,
                key,
                twisted,
                in_pairs,
                meeting,
            };
            (Query::Join(join), size)
        }
    }
}

/// Sinks for the nodes that were asked for, an output for each that nothing else reads, and the groups of every second
/// aggregate as they are.
fn resolve_sinks(nodes: &[Query], sinks: Vec<RawSink>) -> Vec<Sink> {
    let mut resolved: Vec<Sink> = Vec::new();
    for (number, keys) in sinks {
        let node = earlier(number, nodes.len());
        let Some(keys) = keys else {
            resolved.push(Sink::Output(node));
            continue;
        };
        let same =
            |sink: &Sink| matches!(sink, Sink::View(of, with) if *of == node && with[0] == keys[0]);
        if !resolved.iter().any(same) {
            resolved.push(Sink::View(node, keys));
        }
    }
    for (node, query) in nodes.iter().enumerate() {
        if matches!(query, Query::Group { .. }) && node % 2 == 0 {
            resolved.push(Sink::Groups(node));
        }
        if !nodes.iter().any(|reader| inputs(reader).contains(&node)) {
            resolved.push(Sink::Output(node));
        }
    }
    resolved
}

/// The nodes that a node is made of.
pub(crate) fn inputs(query: &Query) -> Vec<usize> {
    match query {
        Query::Source(_) => vec![],
        Query::Plus(left, right) | Query::Join(Join { left, right, .. }) => vec![*left, *right],
        Query::Map(input, _)
        | Query::Filter(input, _)
        | Query::FlatMap(input, _)
        | Query::FilterMap(input, ..)
        | Query::Negate(input)
        | Query::Inspect(input)
        | Query::Group { input, .. }
        | Query::Integrate(input)
        | Query::Delay(input)
        | Query::Differentiate(input) => vec![*input],
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let weights = prop::collection::vec((item(), -3_i64..=3), 1..4);
    prop_oneof![
        8 => item().prop_map(Edit::Insert),
        2 => item().prop_map(Edit::Twice),
        3 => any::<u8>().prop_map(Edit::RemoveOne),
        1 => item().prop_map(Edit::Remove),
        3 => (any::<u8>(), item()).prop_map(|(which, item)| Edit::Replace(which, item)),
        3 => weights.prop_map(Edit::Weigh),
        2 => item().prop_map(Edit::RemoveAllLike),
        1 => item().prop_map(Edit::ComeAndGo),
        4 => item().prop_map(Edit::Upsert),
        2 => any::<u8>().prop_map(Edit::Update),
        2 => any::<u8>().prop_map(Edit::Delete),
        1 => prop_oneof![
            item().prop_map(Edit::DeleteKey),
            item().prop_map(Edit::UpdateKey),
            any::<u8>().prop_map(Edit::ChangeKey),
            any::<u8>().prop_map(Edit::Panic),
        ],
    ]
}

/// One change, with what is done around it. Now and then an empty one.
pub(crate) fn turn() -> impl Strategy<Value = Turn> {
    let edits = prop::collection::vec((any::<u8>(), edit()), 0..6);
    (edits, prop::collection::vec(item(), 2), 0_u8..6).prop_map(|(edits, seeds, around)| Turn {
        edits,
        seeds,
        around,
    })
}

/// A history of changes.
pub(crate) fn turns(most: usize) -> impl Strategy<Value = Vec<Turn>> {
    prop::collection::vec(turn(), 1..=most)
}
