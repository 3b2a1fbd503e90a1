//! The tick as a driver sees it: what it asks for, what it writes, and that it can be suspended anywhere.

use deltaview_graph::{Commit, Edit, Fetch, FetchKeys, Graph, Step, Tick, WorkingSet, Write};
use deltaview_schema::KeyValue;

use super::by_length;

fn send<T: Send>() {}

#[test]
fn what_a_driver_holds_across_an_await_is_send() {
    send::<Tick<'_>>();
    send::<Fetch>();
    send::<&Fetch>();
    send::<Commit>();
    send::<Graph>();
    send::<WorkingSet>();
}

#[test]
fn fetches_of_one_step_come_together_and_name_only_what_changed() {
    let (graph, (words, names, _)) = Graph::build("g", |g| {
        let words = g.input::<String>("words");
        let names = g.input::<String>("names");
        let joined = words.join(names, by_length(), by_length());
        let counts = words.group_by(by_length()).count();
        (
            words.handle(),
            names.handle(),
            (joined.output("joined"), counts.output("counts")),
        )
    })
    .expect("the graph is right");
    let mut state = WorkingSet::partial(&graph);
    let change = graph
        .change()
        .insert(words, ["one".to_string()])
        .insert(names, ["seven".to_string()]);
    let Ok(Step::Fetch(fetches, tick)) = graph.begin(&mut state, &change) else {
        panic!("nothing is resident")
    };
    let asked: Vec<(String, i64)> = fetches
        .iter()
        .flat_map(|fetch| {
            let table = graph.table(fetch.table()).schema().name(None);
            let FetchKeys::Some(keys) = fetch.keys() else {
                panic!("only keys are asked for")
            };
            (0..keys).map(move |position| {
                let mut key = Vec::new();
                fetch.key(position, &mut key);
                let [KeyValue::Int(length)] = key[..] else {
                    panic!("the key is one integer")
                };
                (table.clone(), length)
            })
        })
        .collect();
    assert_eq!(
        asked,
        [
            ("g__words__by_length".to_string(), 5),
            ("g__names__by_length".to_string(), 3),
            ("g__words_count_by_length__groups".to_string(), 3),
        ]
    );
    let Ok(Step::Done(commit)) = tick.resume(fetches) else {
        panic!("one step is enough")
    };
    let written: Vec<(String, usize)> = commit
        .tables()
        .map(|writes| (writes.schema().name(None), writes.rows()))
        .collect();
    assert_eq!(
        written,
        [
            ("g__words__by_length".to_string(), 1),
            ("g__names__by_length".to_string(), 1),
            ("g__words_count_by_length__groups".to_string(), 1),
        ]
    );
}

#[test]
fn a_tick_that_is_dropped_or_fails_changes_nothing() {
    let (graph, (words, view)) = Graph::build("g", |g| {
        let words = g.input::<String>("words");
        let lengths = words.map(|word| {
            assert!(word != "bad", "a bad word");
            word.len() as i64
        });
        (words.handle(), lengths.view("lengths"))
    })
    .expect("the graph is right");
    let mut state = WorkingSet::complete(&graph);
    let good = graph.change().insert(words, ["good".to_string()]);
    drop(
        graph
            .begin(&mut state, &good)
            .expect("a tick that is given up"),
    );
    assert_eq!(state.rows(), 0);

    let bad = graph
        .change()
        .insert(words, ["good".to_string(), "bad".to_string()]);
    let error = graph
        .begin(&mut state, &bad)
        .expect_err("the closure panics")
        .to_string();
    assert!(
        error.contains("`words_map`") && error.contains("a bad word"),
        "{error}"
    );
    assert_eq!(state.rows(), 0);

    let Ok(Step::Done(commit)) = graph.begin(&mut state, &good) else {
        panic!("nothing to fetch")
    };
    let mut rows = 0;
    for writes in commit.tables() {
        writes
            .for_each(|write| {
                assert!(matches!(
                    write,
                    Write::Add {
                        weight: 1,
                        before: None,
                        ..
                    }
                ));
                rows += 1;
                Ok::<(), deltaview_graph::TickError>(())
            })
            .expect("the row can be encoded");
    }
    let changes = state.absorb(commit);
    assert_eq!((rows, state.rows()), (1, 1));
    assert_eq!(
        changes
            .get(view)
            .expect("the view is of this graph")
            .weight(&4),
        1
    );
}
