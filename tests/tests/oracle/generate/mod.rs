//! Random plans and histories, that shrink: operators are a list, and each names its inputs by a number that is always
//! resolved to some earlier node, so that what is left after one is taken out is a plan again.

mod operators;
mod resolve;

use deltaview_tests::item::{Item, Key};
use deltaview_tests::plan::{Plan, Source};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

pub(crate) use operators::{Operator, Place, inner_join, linear, operator};
pub(crate) use resolve::{query, resolve};

use crate::history::{Edit, Turn};

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
        1 => Just("a text that is longer than an identity, which has up to sixty-four bytes"),
    ];
    let c = prop_oneof![
        6 => -2_i64..4,
        2 => -1000_i64..1000,
        1 => select(vec![i64::MIN, i64::MAX, -1, 0]),
    ];
    (a, b, c).prop_map(|(a, b, c)| Item::new(a, b, c))
}

/// A sink before it has a node: a view with these keys, or else an output.
pub(crate) type RawSink = (u8, Option<Vec<Key>>);

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![
        3 => Just(Source::Raw),
        2 => select(vec![Key::A, Key::Ab, Key::Unit]).prop_map(Source::Table),
    ]
}

/// Any plan.
pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let operators = prop::collection::vec((operator(Place::ROOT), any::<u8>(), any::<u8>()), 1..10);
    let keys = subsequence(Key::ALL.to_vec(), 1..=3).prop_shuffle();
    let sinks = prop::collection::vec((any::<u8>(), prop::option::weighted(0.8, keys)), 1..5);
    (prop::collection::vec(source(), 1..=3), operators, sinks)
        .prop_map(|(sources, operators, sinks)| resolve(sources, operators, sinks))
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
