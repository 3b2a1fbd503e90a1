//! Names of vertices and tables.

use deltaview_graph::Graph;
use deltaview_schema::Index;
use deltaview_zset::Keyed;

use super::{by_length, tables, vertices};

#[test]
fn names_come_from_operators_inputs_and_indexes() {
    let (graph, _) = Graph::build("g", |g| {
        let words = g.input::<String>("words");
        let names = g.input::<String>("names");
        words
            .join(names, by_length(), by_length())
            .group_by(Index::new("all", |_| 0_u8))
            .count()
            .view("pairs")
    })
    .expect("the graph is right");
    assert_eq!(
        tables(&graph),
        [
            "g__words__by_length",
            "g__names__by_length",
            "g__words_join_names_count_by_all__groups",
            "g__pairs__view"
        ]
    );
}

#[test]
fn a_given_name_carries_on() {
    let (graph, _) = Graph::build("g", |g| {
        let long = g
            .input::<String>("words")
            .filter(|word| word.len() > 3)
            .named("long_words");
        long.group_by(by_length()).count().view("lengths")
    })
    .expect("the graph is right");
    assert_eq!(tables(&graph)[0], "g__long_words_count_by_length__groups");
    assert!(vertices(&graph).contains(&("long_words".to_string(), "filter".to_string())));
}

#[test]
fn a_view_of_groups_has_one_row_a_key_and_a_view_of_what_is_made_of_them_has_not() {
    let (graph, _) = Graph::build("g", |g| {
        let counts = g.input::<String>("words").group_by(by_length()).count();
        let flipped = counts.map(|group| Keyed::new(group.value, group.key));
        (counts.view("counts"), flipped.view("flipped"))
    })
    .expect("the graph is right");
    let unique = |name: &str| {
        let table = graph
            .tables()
            .iter()
            .find(|table| table.schema().vertex == name);
        table.expect("the view has a table").schema().unique
    };
    assert!(unique("counts"));
    assert!(!unique("flipped"));
}
