//! Views beside what is derived of their inputs: damage is found, in one state, and the inputs of a row are named. What
//! holds of all stores is in the conformance suite.

use deltaview::prelude::*;
use deltaview_store::ErrorKind;

use crate::common::Place;

/// A graph of words, whose lengths are counted.
struct Words {
    graph: Graph,
    words: InputHandle<String>,
    seen: ViewHandle<String, ()>,
    lengths: ViewHandle<Keyed<i64, i64>, i64>,
}

impl Words {
    fn new() -> Self {
        let (graph, (words, seen, lengths)) = Graph::build("words", |g| {
            let words = g.input::<String>("words");
            let by_length = Index::new("length", |word: &String| word.len() as i64);
            let lengths = words.group_by(by_length).count();
            (words.handle(), words.view("seen"), lengths.view("lengths"))
        })
        .unwrap();
        Self {
            graph,
            words,
            seen,
            lengths,
        }
    }
}

#[tokio::test]
async fn damage_of_a_view_is_found() {
    let words = Words::new();
    let place = Place::new();
    let store = place.connect(&words.graph).await;
    let all = ["a", "bb", "cc", "ddd"].map(String::from);
    store
        .change()
        .insert(words.words, all)
        .commit()
        .await
        .unwrap();
    let verified = store.verify(words.lengths).await.unwrap();
    assert!(verified.is_right(), "{verified}");
    assert_eq!(verified.rows(), 3);

    // One row goes, one takes the place of another.
    place
        .run(
            "DELETE FROM words__lengths__view WHERE ixd__key__key = 1; \
             UPDATE words__lengths__view AS one SET data = decode('820204', 'hex') WHERE ixd__key__key = 2",
        )
        .await;
    let verified = store.verify(words.lengths).await.unwrap();
    assert_eq!(verified.differing(), 3, "{verified}");
    let differences = verified.differences().iter();
    let shown: Vec<_> = differences
        .map(|row| (row.row.key, row.row.value, row.stored, row.derived))
        .collect();
    assert_eq!(shown, [(2, 4, 1, 0), (1, 1, 0, 1), (2, 2, 0, 1)]);
    let first = store.verify_up_to(words.lengths, 1).await.unwrap();
    assert_eq!((first.differing(), first.differences().len()), (3, 1));
    let error = store.verify(words.seen).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRederivable, "{error}");
}

#[tokio::test]
async fn a_view_is_verified_while_others_write() {
    let words = Words::new();
    let place = Place::new();
    let store = place.connect(&words.graph).await;
    let writer = place.connect(&words.graph).await;
    let writing = async {
        for number in 0..20_u32 {
            let change = writer
                .change()
                .insert(words.words, ["x".repeat(number as usize)]);
            change.commit().await.unwrap();
        }
    };
    let verifying = async {
        let mut states = 0;
        while store.time().await.unwrap() < 20 {
            let verified = store.verify(words.lengths).await.unwrap();
            assert!(verified.is_right(), "{verified}");
            states += 1;
        }
        states
    };
    let ((), states) = tokio::join!(writing, verifying);
    assert!(states > 0);
}

#[tokio::test]
async fn the_inputs_of_a_row_are_named() {
    let words = Words::new();
    let place = Place::new();
    let store = place.connect(&words.graph).await;
    let all = ["a", "bb", "cc", "cc"].map(String::from);
    store
        .change()
        .insert(words.words, all)
        .commit()
        .await
        .unwrap();
    let row = store.view(words.lengths).get(&2).await.unwrap().unwrap();
    let explained = store.explain(words.lengths, &row).await.unwrap();
    let rows = explained.rows_of(words.words).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows.weight(&"cc".to_string()), 2);
    let nothing = store.explain(words.lengths, &Keyed::new(2, 7)).await;
    assert!(nothing.unwrap().is_empty());
}
