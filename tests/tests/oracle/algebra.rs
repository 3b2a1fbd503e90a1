//! The algebra: each operator alone is `D ∘ Q ∘ I` of its definition `Q` (DBSP §3), and the laws that follow from the
//! definitions hold between graphs that must put out the same.

use deltaview::{MemoryStore, Store};
use deltaview_tests::naive::{Bag, Naive};
use deltaview_tests::plan::{Plan, Query, Sink, Source};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::generate::{Place, inner_join, linear, operator, query, resolve, turns};
use crate::graphs::config;
use crate::history::{Making, Turn};
use crate::lower::lower;
use crate::probe::{Returned, Shown, failed};
use crate::rig::Rig;

const REGRESSIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/oracle/regressions/algebra.txt"
);

/// The deltas of the outputs of a plan over raw inputs, iteration by iteration.
fn deltas(
    sources: usize,
    operators: &[Query],
    outputs: &[usize],
    turns: &[Turn],
) -> Result<Vec<Vec<Bag<Shown>>>, TestCaseError> {
    let sources = vec![Source::Raw; sources];
    let nodes = (0..sources.len())
        .map(Query::Source)
        .chain(operators.iter().cloned())
        .collect();
    let sinks = outputs.iter().map(|node| Sink::Output(*node)).collect();
    let plan = Plan {
        sources,
        nodes,
        sinks,
    };
    let lowered = lower(&plan);
    let mut store = MemoryStore::new(&lowered.graph);
    let mut inputs = Naive::new(&plan);
    let mut all = Vec::new();
    for turn in turns {
        let mut making = Making::new(&lowered, &plan.sources, inputs.contents());
        turn.edits
            .iter()
            .for_each(|(source, edit)| making.edit(*source, edit));
        let committed = store.commit(&making.change).map_err(failed)?;
        inputs.step(making.contents).map_err(failed)?;
        let deltas = lowered.probes.iter();
        all.push(
            deltas
                .map(|probe| probe.delta(Returned::Committed(&committed)))
                .collect(),
        );
    }
    Ok(all)
}

/// All outputs of each iteration are the same.
fn all_same(deltas: Vec<Vec<Bag<Shown>>>) -> Result<(), TestCaseError> {
    for outputs in deltas {
        for output in &outputs {
            prop_assert_eq!(output, &outputs[0]);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(4, REGRESSIONS))]

    #[test]
    fn an_operator_alone_is_its_definition(
        operator in operator(Place::ROOT),
        (left, right) in (0_u8..2, 0_u8..2),
        turns in turns(8),
    ) {
        let keys = vec![deltaview_tests::item::Key::Ab];
        let plan = resolve(vec![Source::Raw; 2], vec![(operator, left, right)], vec![(0, Some(keys))]);
        let mut rig = Rig::in_memory(&plan);
        for turn in &turns {
            prop_assert!(rig.turn(turn)?, "raw inputs refuse nothing");
        }
    }

    #[test]
    fn linear_operators_commute_with_plus(operator in linear(), turns in turns(8)) {
        let nodes = [
            Query::Plus(0, 1),
            query(operator.clone(), 2, 2),
            query(operator.clone(), 0, 0),
            query(operator.clone(), 1, 1),
            Query::Plus(4, 5),
        ];
        all_same(deltas(2, &nodes, &[3, 6], &turns)?)?;
    }

    #[test]
    fn a_join_is_linear_in_each_side(join in inner_join(), turns in turns(8)) {
        let nodes = [
            Query::Plus(0, 1),
            query(join.clone(), 3, 2),
            query(join.clone(), 0, 2),
            query(join.clone(), 1, 2),
            Query::Plus(5, 6),
            query(join.clone(), 2, 3),
            query(join.clone(), 2, 0),
            query(join.clone(), 2, 1),
            Query::Plus(9, 10),
        ];
        let by_side: Vec<_> = deltas(3, &nodes, &[4, 7, 8, 11], &turns)?;
        for outputs in by_side {
            prop_assert_eq!(&outputs[0], &outputs[1], "left");
            prop_assert_eq!(&outputs[2], &outputs[3], "right");
        }
    }

    #[test]
    fn integrate_and_differentiate_undo_each_other(turns in turns(8)) {
        let nodes = [
            Query::Integrate(0),
            Query::Differentiate(1),
            Query::Differentiate(0),
            Query::Integrate(3),
        ];
        all_same(deltas(1, &nodes, &[0, 2, 4], &turns)?)?;
    }

    #[test]
    fn delay_shifts_by_one_iteration(turns in turns(8)) {
        let nodes = [Query::Delay(0), Query::Delay(1)];
        let mut before = vec![Bag::new(); 3];
        for now in deltas(1, &nodes, &[0, 1, 2], &turns)? {
            prop_assert_eq!(&now[1], &before[0]);
            prop_assert_eq!(&now[2], &before[1]);
            before = now;
        }
    }

    #[test]
    fn delay_commutes_with_linear_operators(operator in linear(), turns in turns(8)) {
        let nodes = [
            query(operator.clone(), 0, 0),
            Query::Delay(1),
            Query::Delay(0),
            query(operator.clone(), 3, 3),
        ];
        all_same(deltas(1, &nodes, &[2, 4], &turns)?)?;
    }

    #[test]
    fn negate_is_the_inverse(turns in turns(8)) {
        let nodes = [Query::Negate(0), Query::Negate(1), Query::Plus(0, 1)];
        for now in deltas(1, &nodes, &[0, 2, 3], &turns)? {
            prop_assert_eq!(&now[0], &now[1]);
            prop_assert!(now[2].is_empty());
        }
    }

    #[test]
    fn differentiate_is_the_stream_less_its_delay(turns in turns(8)) {
        let nodes = [Query::Differentiate(0), Query::Delay(0), Query::Negate(2), Query::Plus(0, 3)];
        all_same(deltas(1, &nodes, &[1, 4], &turns)?)?;
    }
}
