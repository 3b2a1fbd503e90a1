//! Groups in the table of the view that shows them: what is stored of each, and that a database without them is refused.
//! What reads and writes of such a view do is in the conformance suite.

use deltaview::prelude::*;
use deltaview_store::{CommitOptions, ErrorKind, Flush};

use crate::common::Place;

/// Numbers by their key, whose sums are shown.
struct Sums {
    graph: Graph,
    numbers: InputHandle<(u32, i64)>,
    sums: ViewHandle<Keyed<u32, i64>, u32>,
}

impl Sums {
    fn new() -> Self {
        let (graph, (numbers, sums)) = Graph::build("sums", |g| {
            let numbers = g.input::<(u32, i64)>("numbers");
            let by_key = Index::new("key", |number: &(u32, i64)| number.0);
            let sums = numbers.group_by(by_key).sum(|number| number.1);
            (numbers.handle(), sums.view("sums"))
        })
        .unwrap();
        Self {
            graph,
            numbers,
            sums,
        }
    }

    fn change(&self, rows: impl IntoIterator<Item = ((u32, i64), i64)>) -> deltaview_graph::Change {
        let mut added = ZSet::new();
        for (row, weight) in rows {
            added.insert(row, weight).unwrap();
        }
        self.graph.change().add(self.numbers, added)
    }
}

/// How many keys have data and a state, data alone, a state alone, neither.
async fn stored(place: &Place) -> [i64; 4] {
    let count = async |only: &str| {
        let sql = format!("SELECT count(*) FROM sums__sums__view WHERE {only}");
        place.number(&sql).await
    };
    [
        count("data IS NOT NULL AND state IS NOT NULL").await,
        count("data IS NOT NULL AND state IS NULL").await,
        count("data IS NULL AND state IS NOT NULL").await,
        count("data IS NULL AND state IS NULL").await,
    ]
}

#[tokio::test]
async fn a_group_and_its_row_are_one_row() {
    for flush in [Flush::AtEnd, Flush::EachTable] {
        let options = CommitOptions::new().at(flush);
        let (it, place) = (Sums::new(), Place::new());
        let store = place.options().json(true);
        let store = store.connect(place.pool.clone(), &it.graph).await.unwrap();
        let oracle = &mut MemoryStore::new(&it.graph);
        let changes = [
            // Three groups; the last one has no rows, and a sum all the same: it is not shown.
            (
                vec![((1, 5), 1), ((2, 7), 1), ((3, 1), 1), ((3, 2), -1)],
                [2, 0, 1, 0],
            ),
            // The sum of a group stays, and what it is made of does not.
            (vec![((1, 0), 1)], [2, 0, 1, 0]),
            // It is shown.
            (vec![((3, 3), 1), ((2, 1), 1)], [3, 0, 0, 0]),
            // One is hidden, one goes, one stays.
            (vec![((2, 7), -1), ((2, 2), -1), ((3, 1), -1)], [1, 0, 2, 0]),
            // One that is hidden goes; one that is hidden stays so.
            (
                vec![((2, 1), -1), ((2, 2), 1), ((3, 1), 1), ((3, 4), -1)],
                [1, 0, 1, 0],
            ),
            (vec![((1, 0), -1), ((1, 5), -1)], [0, 0, 1, 0]),
        ];
        for (rows, expected) in changes {
            let change = it.change(rows.clone());
            store.commit_with(&change, &options).await.unwrap();
            oracle.commit(&change).unwrap();
            let (view, right) = (store.view(it.sums), oracle.view(it.sums));
            let right = right.iter().unwrap().into_zset().unwrap();
            let found = view.iter().await.unwrap().into_zset().await.unwrap();
            assert_eq!(found, right, "{flush:?} {rows:?}");
            for key in 1..4 {
                let found = store.view(it.sums).get(&key).await.unwrap();
                assert_eq!(found, oracle.view(it.sums).get(&key).unwrap());
            }
            assert_eq!(stored(&place).await, expected, "{flush:?} {rows:?}");
            let shown = "SELECT count(*) FROM sums__sums__view__json";
            assert_eq!(place.number(shown).await, expected[0], "{flush:?} {rows:?}");
        }
    }
}

/// Many groups at once are written and taken out by other plans than few.
#[tokio::test]
async fn many_groups_come_and_go() {
    for flush in [Flush::AtEnd, Flush::EachTable] {
        let options = CommitOptions::new().at(flush);
        let (it, place) = (Sums::new(), Place::new());
        let store = place.connect(&it.graph).await;
        let all = |value, weight| (0..3000).map(move |key| ((key, value), weight));
        let come = it.change(all(1, 1));
        store.commit_with(&come, &options).await.unwrap();
        assert_eq!(stored(&place).await, [3000, 0, 0, 0]);
        // Each other one is hidden.
        let hide = it.change(all(2, -1).filter(|((key, _), _)| key % 2 == 0));
        store.commit_with(&hide, &options).await.unwrap();
        assert_eq!(stored(&place).await, [1500, 0, 1500, 0]);
        let show = it.change(all(2, 1).filter(|((key, _), _)| key % 2 == 0));
        store.commit_with(&show, &options).await.unwrap();
        assert_eq!(stored(&place).await, [3000, 0, 0, 0]);
        let go = it.change(all(1, -1));
        store.commit_with(&go, &options).await.unwrap();
        assert_eq!(stored(&place).await, [0; 4]);
    }
}

/// Groups had a table of their own once.
#[tokio::test]
async fn a_database_with_the_groups_elsewhere_is_refused() {
    let (it, place) = (Sums::new(), Place::new());
    drop(place.connect(&it.graph).await);
    place
        .run("ALTER TABLE sums__sums__view DROP COLUMN state")
        .await;
    let error = place.try_connect(&it.graph).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
    let told = error.to_string();
    assert!(told.contains("column `sums__sums__view.state`"), "{told}");
}
