//! The hot set: rows that are kept in memory from one change to the next, within a budget, as long as nobody else writes.

use std::path::Path;
use std::time::Duration;

use deltaview_graph::{Edit, Graph, InputHandle, ViewHandle};
use deltaview_schema::Index;
use deltaview_store::{ChangeId, CommitOptions, ErrorKind, Store};
use deltaview_store_sqlite::rusqlite::TransactionBehavior;
use deltaview_store_sqlite::{SqliteOptions, SqliteStore};
use deltaview_zset::Keyed;

/// A shop, what is sold there, and its prices.
type Sale = (String, i64);

struct Shop {
    graph: Graph,
    sales: InputHandle<Sale>,
    sums: ViewHandle<Keyed<String, i64>, String>,
}

fn shop() -> Shop {
    let (graph, (sales, sums)) = Graph::build("shop", |g| {
        let sales = g.input::<Sale>("sales");
        let by_shop = Index::new("shop", |sale: &Sale| sale.0.clone());
        let sums = sales.group_by(by_shop).sum(|sale| sale.1).view("sums");
        (sales.handle(), sums)
    })
    .unwrap();
    Shop { graph, sales, sums }
}

impl Shop {
    fn open(&self, path: impl AsRef<Path>) -> SqliteStore {
        let options = SqliteOptions::new().hot_set(1_000_000);
        options.open(path, &self.graph).unwrap()
    }

    fn sell(&self, store: &mut SqliteStore, name: &str, price: i64) {
        let change = store
            .change()
            .insert(self.sales, [(name.to_string(), price)]);
        change.commit().unwrap();
    }

    fn sum(&self, store: &SqliteStore, name: &str) -> Option<i64> {
        let row = store.view(self.sums).get(&name.to_string()).unwrap();
        row.map(|row| row.value)
    }
}

/// Changes the stored sum of a shop behind the store's back, so that a change tells whether it has looked at it.
const TAMPER: &str = "DELETE FROM shop__sums__view";

#[test]
fn what_was_looked_up_is_not_looked_up_again() {
    let (folder, shop) = (tempfile::tempdir().unwrap(), shop());
    let path = folder.path().join("shop.db");
    let mut store = shop.open(&path);
    shop.sell(&mut store, "a", 1);
    let held = store.hot_set_bytes();
    assert!(held > 0);
    // A row that is known is counted as it is put, and no key is looked up.
    shop.sell(&mut store, "a", 2);
    let known = store.hot_set_bytes() - held;
    shop.sell(&mut store, "b", 3);
    let looked_up = store.hot_set_bytes() - held - known;
    assert!(known > 0 && known < looked_up, "{known} {looked_up}");
    assert_eq!(shop.sum(&store, "a"), Some(3));
}

#[test]
fn it_never_exceeds_its_budget() {
    let shop = shop();
    let budget = 20_000;
    let options = SqliteOptions::new().hot_set(budget);
    let mut store = options.open(":memory:", &shop.graph).unwrap();
    let (mut largest, mut dropped) = (0, false);
    for number in 0..200_i64 {
        let before = store.hot_set_bytes();
        shop.sell(&mut store, &format!("shop {}", number % 150), number);
        let held = store.hot_set_bytes();
        assert!(held <= budget, "{held}");
        largest = largest.max(held);
        dropped |= held < before;
    }
    assert!(dropped && largest > budget / 2, "{largest}");
    assert_eq!(shop.sum(&store, "shop 3"), Some(3 + 153));
    assert_eq!(store.view(shop.sums).iter().unwrap().count(), 150);

    // One change that is more than the budget is computed, and leaves nothing behind.
    let many: Vec<Sale> = (0..1_000).map(|number| (format!("{number}"), 1)).collect();
    store.change().insert(shop.sales, many).commit().unwrap();
    assert_eq!(store.hot_set_bytes(), 0);

    let mut without = SqliteOptions::new()
        .hot_set(0)
        .open(":memory:", &shop.graph)
        .unwrap();
    shop.sell(&mut without, "a", 1);
    assert_eq!(without.hot_set_bytes(), 0);
}

#[test]
fn what_another_connection_commits_is_seen() {
    let (folder, shop) = (tempfile::tempdir().unwrap(), shop());
    let path = folder.path().join("shop.db");
    let mut one = shop.open(&path);
    let mut other = shop.open(&path);
    for price in [1, 10, 100] {
        shop.sell(&mut one, "a", price);
        shop.sell(&mut other, "a", price);
        // Also where one has read in between what the other has committed.
        assert_eq!(shop.sum(&one, "a"), shop.sum(&other, "a"));
    }
    assert_eq!(shop.sum(&one, "a"), Some(222));
}

#[test]
fn what_is_written_by_the_same_connection_is_seen() {
    let shop = shop();
    let mut store = shop.open(":memory:");
    shop.sell(&mut store, "a", 1);
    {
        let tx = store.connection().unchecked_transaction().unwrap();
        let change = shop
            .graph
            .change()
            .insert(shop.sales, [("a".to_string(), 10)]);
        store.commit_in(&tx, &change).unwrap();
        tx.commit().unwrap();
    }
    shop.sell(&mut store, "a", 100);
    assert_eq!(shop.sum(&store, "a"), Some(111));
    {
        let tx = store.connection().unchecked_transaction().unwrap();
        tx.execute(TAMPER, []).unwrap();
        tx.rollback().unwrap();
    }
    shop.sell(&mut store, "a", 1_000);
    assert_eq!(shop.sum(&store, "a"), Some(1_111));
    store.connection().execute(TAMPER, []).unwrap();
    shop.sell(&mut store, "a", 5);
    assert_eq!(shop.sum(&store, "a"), Some(5));
}

#[test]
fn a_change_that_fails_leaves_nothing_in_it() {
    let (folder, shop) = (tempfile::tempdir().unwrap(), shop());
    let path = folder.path().join("shop.db");
    let mut store = shop.open(&path);
    shop.sell(&mut store, "a", i64::MAX);
    let too_much = store
        .change()
        .insert(shop.sales, [("a".to_string(), 1), ("b".to_string(), 1)])
        .commit();
    assert!(too_much.is_err());
    assert_eq!(store.hot_set_bytes(), 0);
    shop.sell(&mut store, "a", -1);
    assert_eq!(shop.sum(&store, "a"), Some(i64::MAX - 1));

    // Nor does one that could not begin, because somebody else writes.
    let mut impatient = SqliteOptions::new()
        .busy_timeout(std::time::Duration::ZERO)
        .hot_set(1_000_000)
        .open(&path, &shop.graph)
        .unwrap();
    shop.sell(&mut impatient, "c", 1);
    let mut app = deltaview_store_sqlite::rusqlite::Connection::open(&path).unwrap();
    let tx = app
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    let change = shop
        .graph
        .change()
        .insert(shop.sales, [("c".to_string(), 10)]);
    let error = impatient.commit(&change).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert_eq!(impatient.hot_set_bytes(), 0);
    store.commit_in(&tx, &change).unwrap();
    tx.commit().unwrap();
    shop.sell(&mut impatient, "c", 100);
    assert_eq!(shop.sum(&impatient, "c"), Some(111));
}

#[test]
fn times_have_no_gap_where_a_transaction_of_the_callers_is_taken_back() {
    let (folder, shop) = (tempfile::tempdir().unwrap(), shop());
    let path = folder.path().join("shop.db");
    let mut store = shop.open(&path);
    let mut app = deltaview_store_sqlite::rusqlite::Connection::open(&path).unwrap();
    shop.sell(&mut store, "a", 1);
    shop.sell(&mut store, "a", 1);
    let tx = app
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    let change = store
        .graph()
        .change()
        .insert(shop.sales, [("a".to_string(), 1)]);
    assert_eq!(store.commit_in(&tx, &change).unwrap().time(), 3);
    tx.rollback().unwrap();
    assert_eq!(store.commit(&change).unwrap().time(), 3);
    // Under a name a time is drawn in another way.
    let named = CommitOptions::new().change_id(ChangeId::new("a change").unwrap());
    assert_eq!(store.commit_with(&change, &named).unwrap().time(), 4);
    for time in 5..8 {
        assert_eq!(store.commit(&change).unwrap().time(), time);
    }
    assert_eq!(store.time().unwrap(), 7);
    assert_eq!(shop.sum(&store, "a"), Some(7));
}

#[test]
fn a_view_is_logged_from_the_moment_that_it_is_followed() {
    let (folder, shop) = (tempfile::tempdir().unwrap(), shop());
    let path = folder.path().join("shop.db");
    let mut store = shop.open(&path);
    let other = shop.open(&path);
    for _ in 0..3 {
        shop.sell(&mut store, "a", 1);
    }
    let mut of_another = other.view(shop.sums).subscribe().unwrap();
    shop.sell(&mut store, "a", 1);
    assert_eq!(
        of_another
            .next_within(Duration::from_secs(60))
            .unwrap()
            .unwrap()
            .time(),
        4
    );
    drop(of_another);
    for _ in 0..3 {
        shop.sell(&mut store, "b", 1);
    }
    let mut own = store.view(shop.sums).subscribe().unwrap();
    shop.sell(&mut store, "a", 1);
    assert_eq!(
        own.next_within(Duration::from_secs(60))
            .unwrap()
            .unwrap()
            .time(),
        8
    );
}

/// After how many of so many changes nothing is kept, where each is of the next of so many shops.
fn kept_nothing(changes: i64, shops: i64) -> usize {
    let shop = shop();
    let options = SqliteOptions::new().hot_set(20_000);
    let mut store = options.open(":memory:", &shop.graph).unwrap();
    let kept_nothing = (0..changes).filter(|number| {
        shop.sell(&mut store, &format!("shop {}", number % shops), 1);
        store.hot_set_bytes() == 0
    });
    let kept_nothing = kept_nothing.count();
    let sums = store.view(shop.sums).iter().unwrap();
    let sums: Vec<i64> = sums.map(|row| row.unwrap().0.value).collect();
    assert_eq!(sums.len() as i64, shops.min(changes));
    assert_eq!(sums.iter().sum::<i64>(), changes);
    kept_nothing
}

#[test]
fn where_nothing_is_found_again_nothing_is_kept_for_a_while() {
    let useless = kept_nothing(3_000, 3_000);
    assert!((1_000..3_000).contains(&useless), "{useless}");
    // What is known is found again, and dropped only for what was counted twice.
    let of_use = kept_nothing(3_000, 10);
    assert!((1..300).contains(&of_use), "{of_use}");
}
