//! Sharing, fusing, dropping.

use deltaview_graph::Graph;
use deltaview_schema::Index;
use deltaview_zset::Pair;

use super::{by_length, by_word, tables, vertices};

#[test]
fn operators_that_want_the_same_stream_by_the_same_index_share_one_table() {
    let (graph, _) = Graph::build("g", |g| {
        let words = g.input::<String>("words");
        let names = g.input::<String>("names");
        let joined = words.join(names, by_length(), by_length());
        let itself = words.join_map(words, by_length(), by_length(), |_, left, right| {
            format!("{left}{right}")
        });
        (
            joined.output("joined"),
            itself.output("itself"),
            words.view_by("words_by_length", by_length()),
        )
    })
    .expect("the graph is right");
    assert_eq!(
        tables(&graph),
        ["g__words_by_length__view", "g__names__by_length"]
    );
}

#[test]
fn a_keyed_table_and_a_join_by_its_key_share_one_table() {
    let (graph, _) = Graph::build("g", |g| {
        let words = g.table("words", by_length());
        let names = g.input::<String>("names");
        words.join(names, by_length(), by_length()).output("joined")
    })
    .expect("the graph is right");
    assert_eq!(
        tables(&graph),
        ["g__words__by_length", "g__names__by_length"]
    );
    assert!(graph.tables()[0].schema().unique);
}

#[test]
fn another_closure_under_the_same_name_is_not_shared() {
    let other = Index::new("length", |word: &String| -(word.len() as i64));
    let built = Graph::build("g", |g| {
        let words = g.input::<String>("words");
        let left = words.join(words, by_length(), by_length());
        let right = words.join(words, other.clone(), other);
        (left.output("left"), right.output("right"))
    });
    let error = built
        .expect_err("two tables would have one name")
        .to_string();
    assert!(error.contains("`words_by_length`"), "{error}");
}

#[test]
fn runs_of_stateless_operators_are_one_vertex() {
    let (graph, _) = Graph::build("g", |g| {
        let words = g.input::<String>("words");
        let short = words
            .filter(|word| word.len() < 9)
            .map(|word| word.len() as i64)
            .negate();
        short.output("short")
    })
    .expect("the graph is right");
    let kinds: Vec<String> = vertices(&graph).into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["input", "filter + map + negate", "output"]);
}

#[test]
fn a_stream_that_two_read_is_computed_once() {
    let (graph, _) = Graph::build("g", |g| {
        let upper = g.input::<String>("words").map(|word| word.to_uppercase());
        (
            upper.filter(|word| word.len() > 1).output("long"),
            upper.map(|word| word.len() as i64).output("lengths"),
        )
    })
    .expect("the graph is right");
    let kinds: Vec<String> = vertices(&graph).into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["input", "map", "filter", "output", "map", "output"]);
}

#[test]
fn what_nobody_needs_is_dropped_and_sources_stay() {
    let (graph, ()) = Graph::build("g", |g| {
        let words = g.input::<String>("words");
        let names = g.table("names", by_word());
        let _unused = words
            .join(names, by_word(), by_word())
            .group_by(Index::new("all", |_: &Pair<_, _>| 0_u8))
            .count();
        let _ends_here = words.inspect(|_, _| ());
    })
    .expect("the graph is right");
    let kinds: Vec<String> = vertices(&graph).into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["input", "table", "arrange", "inspect"]);
    assert_eq!(tables(&graph), ["g__names__by_word"]);
}
