//! What the store says of stored state that is damaged, and of weights that leave 64 bits: a typed error that names the
//! table and the row, never a panic, and nothing written.

use deltaview_graph::{Edit, Graph, InputHandle, TickErrorKind, ViewHandle};
use deltaview_schema::Index;
use deltaview_store::{ErrorKind, Store};
use deltaview_store_sqlite::SqliteStore;
use deltaview_zset::{Weight, ZSet};

use crate::common::{Temp, assert_error, dump, item, product, rows, shop};

struct Words {
    graph: Graph,
    words: InputHandle<String>,
    by_word: ViewHandle<String, String>,
    by_length: ViewHandle<String, i64>,
}

fn words() -> Words {
    words_by(String::clone)
}

fn words_by(key: impl Fn(&String) -> String + Send + Sync + 'static) -> Words {
    let (graph, (words, by_word, by_length)) = Graph::build("dictionary", |g| {
        let words = g.input::<String>("words");
        let by_word = words.view_by("entries", Index::new("word", key));
        let by_length = g.also_by(
            by_word,
            Index::new("length", |word: &String| word.len() as i64),
        );
        (words.handle(), by_word, by_length)
    })
    .unwrap();
    Words {
        graph,
        words,
        by_word,
        by_length,
    }
}

/// A row in a table with many rows a key: its identity is named, in a change that reads it and in a view.
#[test]
fn a_row_that_does_not_decode_is_named_by_its_identity() {
    let (temp, shop) = (Temp::new(), shop());
    let mut store = SqliteStore::open(temp.db(), &shop.graph).unwrap();
    shop.fill(&mut store);
    let identity: String = store
        .connection()
        .query_row(
            "UPDATE shop__items__by_product SET identity = x'82FF', data = NULL
             WHERE ixd__product__key = 2 RETURNING lower(hex(identity))",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let sold: String = store
        .connection()
        .query_row(
            "UPDATE shop__sold__view SET data = x'FF' WHERE ixd__qty__key = 5 RETURNING lower(hex(identity))",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!((identity.as_str(), sold.len()), ("82ff", 50));
    let before = dump(store.connection());

    let error = store
        .change()
        .upsert(shop.products, [product(2, 1)])
        .commit()
        .unwrap_err();
    assert_error(
        &error,
        ErrorKind::Corrupt,
        &[
            "`shop`",
            "`shop__items__by_product`",
            "x'82ff'",
            "does not decode",
        ],
    );
    assert!(matches!(
        error.tick().unwrap().kind(),
        TickErrorKind::Decode { .. }
    ));
    assert_eq!(dump(store.connection()), before);
    // What does not touch that row goes on.
    store
        .change()
        .upsert(shop.products, [product(1, 4)])
        .commit()
        .unwrap();
    assert_eq!(shop.totals_of(&store), [(1, 28), (2, 20)]);

    // The rows before it are read, then the error comes, then nothing.
    store
        .connection()
        .execute(
            "UPDATE shop__sold__view SET data = x'FF' WHERE ixd__qty__key = 5",
            [],
        )
        .unwrap();
    for (view, read) in [
        (store.view(shop.sold).iter(), 1),
        (store.view(shop.sold).rev().iter(), 1),
    ] {
        let mut view = view.unwrap();
        for _ in 0..read {
            view.next().unwrap().unwrap();
        }
        let error = view.next().unwrap().unwrap_err();
        assert_error(
            &error,
            ErrorKind::Corrupt,
            &["`sold`", "`shop__sold__view`", "x'", "does not decode"],
        );
        assert!(view.next().is_none());
    }
    assert!(
        store
            .view(shop.sold_by_qty)
            .key(&5)
            .unwrap()
            .next()
            .unwrap()
            .is_err()
    );
    assert!(
        store
            .view(shop.sold_by_qty)
            .key(&4)
            .unwrap()
            .next()
            .unwrap()
            .is_ok()
    );
}

/// A row in a table with one row a key has no identity: its key is named.
#[test]
fn a_row_of_a_key_that_does_not_decode_is_named_by_its_key() {
    let (temp, shop) = (Temp::new(), shop());
    let mut store = SqliteStore::open(temp.db(), &shop.graph).unwrap();
    shop.fill(&mut store);
    let damaged = store.connection().execute_batch(
        "UPDATE shop__totals__view SET data = x'FF' WHERE ixd__key__key = 2;
             UPDATE shop__products__by_id SET data = x'FF' WHERE ixd__id__key = 2",
    );
    damaged.unwrap();
    let mut totals = store.view(shop.totals).iter().unwrap();
    assert_eq!(totals.next().unwrap().unwrap().0.value, 21);
    let error = totals.next().unwrap().unwrap_err();
    assert_error(
        &error,
        ErrorKind::Corrupt,
        &["`totals`", "`shop__totals__view`", "identity 2 "],
    );
    drop(totals);
    let error = store
        .change()
        .upsert(shop.products, [product(2, 1)])
        .commit()
        .unwrap_err();
    assert_error(
        &error,
        ErrorKind::Corrupt,
        &["`products`", "`shop__products__by_id`", "identity 2 "],
    );
}

/// The same index name over another closure: rows are not where the graph would look for them.
#[test]
fn a_changed_closure_of_an_index_is_noticed() {
    let build = |offset: u32| {
        Graph::build("shop", |g| {
            let left = g.input::<(u32, u32)>("left");
            let right = g.input::<u32>("right");
            let by_id = Index::new("id", move |row: &(u32, u32)| row.0 + offset * row.1);
            let joined = left.join(right, by_id, Index::new("id", |row: &u32| *row));
            (left.handle(), right.handle(), joined.view("joined"))
        })
        .unwrap()
    };
    let temp = Temp::new();
    let (graph, (left, ..)) = build(0);
    SqliteStore::open(temp.db(), &graph)
        .unwrap()
        .change()
        .insert(left, [(1, 1), (2, 0)])
        .commit()
        .unwrap();
    let (graph, (_, right, joined)) = build(1);
    let mut store = SqliteStore::open(temp.db(), &graph).unwrap();
    let before = dump(store.connection());
    let error = store.change().insert(right, [1]).commit().unwrap_err();
    assert_error(
        &error,
        ErrorKind::Corrupt,
        &["`shop__left__by_id`", "x'038201'", "index `id`", "new name"],
    );
    assert!(matches!(
        error.tick().unwrap().kind(),
        TickErrorKind::KeyChanged { .. }
    ));
    assert_eq!(dump(store.connection()), before);
    // Where both closures agree the rows are where they are looked for.
    store.change().insert(right, [2]).commit().unwrap();
    assert_eq!(rows(&store, joined).len(), 1);
}

/// Reading in the order of an index whose closure is another one would give rows in no order.
#[test]
fn a_changed_closure_of_a_views_index_is_noticed() {
    let temp = Temp::new();
    let first = words();
    let all = ["b", "a", "c"].map(str::to_string);
    SqliteStore::open(temp.db(), &first.graph)
        .unwrap()
        .change()
        .insert(first.words, all)
        .commit()
        .unwrap();
    let second = words_by(|word| word.replace('b', "z"));
    let store = SqliteStore::open(temp.db(), &second.graph).unwrap();
    let mut read = store.view(second.by_word).iter().unwrap();
    assert_eq!(read.next().unwrap().unwrap().0, "a");
    let error = read.next().unwrap().unwrap_err();
    assert_error(
        &error,
        ErrorKind::Corrupt,
        &["`entries`", "`dictionary__entries__view`", "index `word`"],
    );
    assert!(read.next().is_none());
    // The other index is as it was.
    assert_eq!(
        store
            .view(second.by_length)
            .key(&1)
            .unwrap()
            .filter(Result::is_ok)
            .count(),
        3
    );
}

/// Weights are added up without being read; SQLite itself refuses a sum that does not fit.
#[test]
fn a_weight_that_overflows_names_the_vertex_and_writes_nothing() {
    let most = |weight: Weight| {
        ZSet::from_pairs([
            ("long enough for a hash".to_string(), weight),
            ("short".to_string(), 1),
        ])
    };
    for (first, second) in [
        (i64::MAX, 1),
        (i64::MIN, -1),
        (i64::MAX, i64::MAX),
        (i64::MIN, i64::MIN),
    ] {
        let (temp, words) = (Temp::new(), words());
        let mut store = SqliteStore::open(temp.db(), &words.graph).unwrap();
        store
            .change()
            .add(words.words, most(first).unwrap())
            .commit()
            .unwrap();
        let before = dump(store.connection());
        let error = store
            .change()
            .add(words.words, most(second).unwrap())
            .commit()
            .unwrap_err();
        assert_error(&error, ErrorKind::Tick, &["`dictionary`", "`entries`"]);
        assert_eq!(error.tick().unwrap().vertex(), "entries");
        assert!(
            matches!(
                error.tick().unwrap().kind(),
                TickErrorKind::WeightOverflow(_)
            ),
            "{error}"
        );
        assert_eq!(dump(store.connection()), before);
        // What is left is −1: `!first` is −first − 1.
        store
            .change()
            .add(words.words, most(!first).unwrap())
            .commit()
            .unwrap();
        let weights: Vec<Weight> = rows(&store, words.by_word)
            .into_iter()
            .map(|(_, weight)| weight)
            .collect();
        assert_eq!(weights, [-1, 2]);
    }
}

/// The largest sums that do fit.
#[test]
fn the_extreme_weights_fit() {
    for (first, second) in [
        (i64::MAX - 1, 1),
        (i64::MIN + 1, -1),
        (i64::MAX, i64::MIN),
        (i64::MIN, i64::MAX),
    ] {
        let (temp, words) = (Temp::new(), words());
        let mut store = SqliteStore::open(temp.db(), &words.graph).unwrap();
        for weight in [first, second] {
            let rows = ZSet::from_pairs([("word".to_string(), weight)]).unwrap();
            store.change().add(words.words, rows).commit().unwrap();
        }
        assert_eq!(
            rows(&store, words.by_word),
            [("word".to_string(), first + second)]
        );
    }
}

/// Each page of the file is overwritten in turn. What is still whole is read; what is not is a typed error.
#[test]
fn a_damaged_page_is_an_error_and_no_panic() {
    let shop = shop();
    let pristine = Temp::new();
    let mut store = SqliteStore::open(pristine.db(), &shop.graph).unwrap();
    shop.fill(&mut store);
    store
        .change()
        .insert(shop.items, (10..400).map(|n| item(n, 1, n as i64)))
        .commit()
        .unwrap();
    let page_size: u32 = store
        .connection()
        .query_row("PRAGMA page_size", [], |row| row.get(0))
        .unwrap();
    let page_size = page_size as usize;
    drop(store);
    let pristine = pristine.bytes();
    let mut damaged = 0;
    for page in 0..pristine.len() / page_size {
        for (offset, fill) in [(0, 0xA5), (100, 0xFF), (page_size / 2, 0x00)] {
            let mut bytes = pristine.clone();
            let start = page * page_size + offset;
            bytes[start..(page + 1) * page_size].fill(fill);
            let temp = Temp::new();
            std::fs::write(temp.db(), bytes).unwrap();
            damaged += usize::from(is_damaged(&temp, &shop));
        }
    }
    assert!(damaged > 10, "only {damaged} were noticed");
}

/// Does all that can be done with a damaged file; returns whether any of it was an error.
fn is_damaged(temp: &Temp, shop: &crate::common::Shop) -> bool {
    let check = |error: deltaview_store::Error| {
        let kinds = [
            ErrorKind::Corrupt,
            ErrorKind::NotADatabase,
            ErrorKind::Mismatch,
            ErrorKind::NotDeltaview,
            ErrorKind::NewerFormat,
            ErrorKind::Database,
            ErrorKind::Tick,
        ];
        assert!(kinds.contains(&error.kind()), "{error:?}");
    };
    let mut failures = 0;
    let mut store = match SqliteStore::open_existing(temp.db(), &shop.graph) {
        Ok(store) => store,
        Err(error) => {
            check(error);
            return true;
        }
    };
    let errors = [
        store
            .view(shop.sold)
            .iter()
            .and_then(|rows| rows.into_zset().map(drop)),
        store
            .view(shop.sold_by_qty)
            .rev()
            .iter()
            .and_then(|rows| rows.into_zset().map(drop)),
        store
            .view(shop.totals)
            .iter()
            .and_then(|rows| rows.into_zset().map(drop)),
        store.time().map(drop),
    ];
    for error in errors.into_iter().filter_map(Result::err) {
        check(error);
        failures += 1;
    }
    let change = shop
        .graph
        .change()
        .upsert(shop.products, [product(1, 4), product(2, 6), product(7, 1)])
        .insert(shop.items, [item(11, 1, 5), item(500, 7, 5)]);
    if let Err(error) = store.commit(&change) {
        check(error);
        failures += 1;
    }
    failures > 0
}
