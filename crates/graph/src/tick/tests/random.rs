//! Random reads and writes, one after the other, over a partial and a complete working set, for several sorts of places.

use std::cmp::Reverse;
use std::ops::Bound;

use deltaview_schema::IndexKey;
use deltaview_zset::Weight;
use proptest::prelude::*;

use super::driver::{Bytes, Style};
use super::probe::{Ask, Seen};
use super::{Item, Rig};
use crate::WorkingSet;
use crate::state::scan::Order;
use crate::state::{Ranked, Span};

/// An ask before its places are made.
#[derive(Clone, Debug)]
enum Drawn {
    Walk(i8, Bound<i8>, Order, usize, usize),
    Key(i8, i8),
    Row(Item),
    All,
}

#[derive(Clone, Debug)]
struct Turn {
    forget: bool,
    asks: Vec<Drawn>,
    delta: Vec<(Item, Weight)>,
}

fn item() -> impl Strategy<Value = Item> {
    let name = prop_oneof![
        "[ab]",
        Just("a name that is longer than an identity".to_string())
    ];
    (0_i8..3, -4_i8..12, name)
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let bound = prop_oneof![
        Just(Bound::Unbounded),
        (-5_i8..13).prop_map(Bound::Included),
        (-5_i8..13).prop_map(Bound::Excluded),
    ];
    let order = prop_oneof![Just(Order::Forward), Just(Order::Backward)];
    prop_oneof![
        8 => (0_i8..3, bound, order, 0_usize..12, 0_usize..5)
            .prop_map(|(group, from, order, limit, hint)| Drawn::Walk(group, from, order, limit, hint)),
        2 => (0_i8..3, -4_i8..12).prop_map(|(group, place)| Drawn::Key(group, place)),
        3 => item().prop_map(Drawn::Row),
        1 => Just(Drawn::All),
    ]
}

fn turn() -> impl Strategy<Value = Turn> {
    let delta = prop::collection::vec((item(), prop_oneof![Just(1_i64), Just(2), Just(-1)]), 0..12);
    let asks = prop::collection::vec(drawn(), 0..5);
    (prop::bool::weighted(0.2), asks, delta).prop_map(|(forget, asks, delta)| Turn {
        forget,
        asks,
        delta,
    })
}

/// Runs the turns over a partial and a complete working set, and compares what is seen.
fn check<O: IndexKey>(
    place: fn(i8) -> O,
    turns: &[Turn],
    style: Style,
) -> Result<(), TestCaseError> {
    let mut rig = Rig::new(place);
    let mut store = Bytes::new(style);
    let mut unused = Bytes::new(style);
    let mut partial = WorkingSet::partial(&rig.graph);
    let mut complete = WorkingSet::complete(&rig.graph);
    for turn in turns {
        if turn.forget {
            partial.forget();
        }
        let asks: Vec<Ask<i8, O, Item>> = turn
            .asks
            .iter()
            .map(|drawn| match drawn.clone() {
                Drawn::Walk(group, from, order, limit, hint) => {
                    let from = from.map(place);
                    Ask::Walk(Span { group, from, order }, limit, hint)
                }
                Drawn::Key(group, number) => Ask::Key(Ranked::at(group, place(number))),
                Drawn::Row(item) => Ask::Row(item),
                Drawn::All => Ask::All,
            })
            .collect();
        let expected: Vec<Seen<Item>> = asks.iter().map(|ask| rig.expected(ask)).collect();
        let seen = rig
            .run(&mut store, &mut partial, &asks, &turn.delta)
            .unwrap();
        prop_assert_eq!(&seen, &expected);
        let seen = rig
            .run(&mut unused, &mut complete, &asks, &turn.delta)
            .unwrap();
        prop_assert_eq!(&seen, &expected);
        prop_assert!(
            unused.steps.is_empty(),
            "a complete working set asks for nothing"
        );
        rig.note(&turn.delta);
        let is_known = asks.iter().any(|ask| matches!(ask, Ask::All));
        if is_known {
            prop_assert_eq!(partial.rows(), rig.rows.len());
        } else {
            prop_assert!(partial.rows() <= rig.rows.len());
        }
    }
    Ok(())
}

fn styles() -> impl Strategy<Value = Style> {
    prop_oneof![
        Just(Style::RowByRow),
        Just(Style::WithTies),
        Just(Style::OneKey)
    ]
}

proptest! {
    #[test]
    fn nullable_places(turns in prop::collection::vec(turn(), 1..8), style in styles()) {
        check(|number| (number >= 0).then_some(number / 2), &turns, style)?;
    }

    #[test]
    fn descending_texts(turns in prop::collection::vec(turn(), 1..8), style in styles()) {
        check(|number| Reverse(format!("{}", i32::from(number) + 7)), &turns, style)?;
    }

    #[test]
    fn places_of_several_columns(turns in prop::collection::vec(turn(), 1..8), style in styles()) {
        let place = |number: i8| {
            let rest = number.rem_euclid(3);
            (Reverse((rest > 0).then_some(rest)), number.div_euclid(3))
        };
        check(place, &turns, style)?;
    }

    #[test]
    fn one_place_without_columns(turns in prop::collection::vec(turn(), 1..8), style in styles()) {
        check(|_| (), &turns, style)?;
    }
}
