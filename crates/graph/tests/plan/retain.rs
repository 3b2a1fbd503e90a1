//! `retain_for` bounds what is kept and what is read.

use deltaview_graph::{Edit, Fetch, FetchKeys, Graph, ProblemKind, Step, WorkingSet};
use deltaview_schema::Index;

fn by_time() -> Index<(u8, i64), i64> {
    Index::new("time", |reading: &(u8, i64)| reading.1)
}

#[test]
fn state_is_constant_over_an_endless_input() {
    const SPAN: i64 = 50;
    let (graph, (readings, _)) = Graph::build("g", |g| {
        let readings = g.input::<(u8, i64)>("readings");
        let by_place = Index::new("place", |reading: &(u8, i64)| reading.0);
        let recent = readings.per_group(by_place, |rows| rows.retain_for(by_time(), SPAN));
        (readings.handle(), recent.view("recent"))
    })
    .expect("the graph is right");
    let mut state = WorkingSet::complete(&graph);
    // Two places: a newest time each, and the rows of the span, in the operator and in the view.
    let bound = 2 + 2 * 2 * (usize::try_from(SPAN).expect("small") + 1);
    for time in 0..10_000 {
        // The second reading is late each other time, and dropped.
        let late = time - (time % 2) * 2 * SPAN;
        let change = graph
            .change()
            .insert(readings, [(0, time), (1, time), (1, late)]);
        let change = if late == time {
            change.remove(readings, [(1, time)])
        } else {
            change
        };
        let Ok(Step::Done(commit)) = graph.begin(&mut state, &change) else {
            panic!("a complete working set has nothing to fetch")
        };
        state.absorb(commit);
        assert!(state.rows() <= bound, "{} at {time}", state.rows());
    }
    assert_eq!(state.rows(), bound);
}

/// What each step of an iteration asks for, where nothing is found.
fn asked(
    graph: &Graph,
    state: &mut WorkingSet,
    change: &deltaview_graph::Change,
) -> Vec<Vec<FetchKeys>> {
    let mut asked = Vec::new();
    let mut step = graph.begin(state, change).expect("the change is right");
    loop {
        match step {
            Step::Done(commit) => {
                state.absorb(commit);
                return asked;
            }
            Step::Fetch(mut fetches, tick) => {
                asked.push(fetches.iter().map(Fetch::keys).collect());
                for fetch in &mut fetches {
                    if let FetchKeys::Ranges(ranges) = fetch.keys() {
                        (0..ranges).for_each(|range| fetch.end_range(range));
                    }
                }
                step = tick.resume(fetches).expect("it is answered");
            }
        }
    }
}

#[test]
fn rows_are_read_only_where_time_goes_on() {
    let (graph, (readings, _)) = Graph::build("g", |g| {
        let readings = g.input::<(u8, i64)>("readings");
        (
            readings.handle(),
            readings.retain_for(by_time(), 5).output("recent"),
        )
    })
    .expect("the graph is right");
    let mut state = WorkingSet::partial(&graph);
    let insert = |time| graph.change().insert(readings, [(0, time)]);
    // The newest time, then what expires by the new one; after that all of it is known.
    let steps = asked(&graph, &mut state, &insert(10));
    assert_eq!(steps, [[FetchKeys::Some(1)], [FetchKeys::Ranges(1)]]);
    assert!(asked(&graph, &mut state, &insert(20)).is_empty());
    assert_eq!(state.rows(), 2); // the newest time and the row
}

#[test]
fn it_can_not_be_inside_of_a_recursion() {
    let line = line!();
    let built = Graph::build("g", |g| {
        let readings = g.input::<(u8, i64)>("readings");
        readings
            .recursive(|all| all.retain_for(by_time(), 5))
            .view("all")
    });
    let error = built.expect_err("a recursion has no time of its own");
    let problem = &error.problems()[0];
    assert_eq!(problem.kind(), ProblemKind::InsideRecursion);
    assert_eq!(problem.location().line(), line + 4);
}
