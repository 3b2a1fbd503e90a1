//! Views that somebody else has changed in the file: `verify` finds the rows, and names them.

use deltaview_graph::Edit;
use deltaview_schema::codec;
use deltaview_store::{ErrorKind, RowDifference, Store, Verified};
use deltaview_store_sqlite::SqliteStore;
use deltaview_zset::{Keyed, Pair};

use crate::common::{Shop, Sold, Temp, Total, assert_error, item, product, shop};

fn filled() -> (Temp, Shop, SqliteStore) {
    let (temp, shop) = (Temp::new(), shop());
    let mut store = SqliteStore::open(temp.db(), &shop.graph).unwrap();
    shop.fill(&mut store);
    assert!(store.verify(shop.sold).unwrap().is_right());
    assert!(store.verify(shop.totals).unwrap().is_right());
    (temp, shop, store)
}

fn tamper(store: &SqliteStore, sql: &str, data: &[u8]) {
    let changed = store.connection().execute(sql, [data]).unwrap();
    assert_eq!(changed, 1, "{sql}");
}

/// A row as it is stored with the whole of its key.
fn stored<T: serde::Serialize>(row: &T) -> Vec<u8> {
    [vec![0], codec::encode(row).unwrap()].concat()
}

fn sold(number: u64, of: u32, qty: i64, price: i64) -> Sold {
    Pair::new(item(number, of, qty), product(of, price))
}

#[track_caller]
fn differ<T: std::fmt::Debug + PartialEq>(verified: &Verified<T>, expected: &[(T, i64, i64)]) {
    assert!(!verified.is_right());
    assert_eq!(verified.differing(), expected.len() as u64, "{verified}");
    let found = verified.differences().iter();
    let found: Vec<(&T, i64, i64)> = found
        .map(
            |RowDifference {
                 row,
                 stored,
                 derived,
             }| (row, *stored, *derived),
        )
        .collect();
    let expected: Vec<(&T, i64, i64)> = expected
        .iter()
        .map(|(row, stored, derived)| (row, *stored, *derived))
        .collect();
    assert_eq!(found, expected);
    let text = verified.to_string();
    assert!(text.contains(&format!("{:?}", expected[0].0)), "{text}");
}

#[test]
fn a_count_that_was_changed_is_found() {
    let (_temp, shop, store) = filled();
    let sql = "UPDATE shop__sold__view SET c = 7 WHERE ixd__number__key = 2 AND ?1 = x''";
    tamper(&store, sql, &[]);
    let verified = store.verify(shop.sold).unwrap();
    differ(&verified, &[(sold(2, 1, 5, 3), 7, 1)]);
    assert_eq!(verified.rows(), 3);
    // By another index of the view too; the other views are right.
    differ(
        &store.verify(shop.sold_by_qty).unwrap(),
        &[(sold(2, 1, 5, 3), 7, 1)],
    );
    assert!(store.verify(shop.totals).unwrap().is_right());
}

#[test]
fn a_row_that_was_deleted_is_found() {
    let (_temp, shop, store) = filled();
    tamper(
        &store,
        "DELETE FROM shop__sold__view WHERE ixd__qty__key = 4 AND ?1 = x''",
        &[],
    );
    differ(
        &store.verify(shop.sold).unwrap(),
        &[(sold(3, 2, 4, 5), 0, 1)],
    );
    tamper(
        &store,
        "DELETE FROM shop__totals__view WHERE ixd__key__key = 1 AND ?1 = x''",
        &[],
    );
    differ::<Total>(
        &store.verify(shop.totals).unwrap(),
        &[(Keyed::new(1, 21), 0, 1)],
    );
}

#[test]
fn a_row_that_was_added_is_found() {
    let (_temp, shop, store) = filled();
    let sql = "INSERT INTO shop__totals__view (ixd__key__key, data) VALUES (9, ?1)";
    tamper(&store, sql, &stored(&Keyed::new(9_u32, 1_i64)));
    differ::<Total>(
        &store.verify(shop.totals).unwrap(),
        &[(Keyed::new(9, 1), 1, 0)],
    );
    // Also where it is the copy of another one, under another identity.
    let copied = "INSERT INTO shop__sold__view (ixd__number__key, ixd__qty__key, identity, data, c)
        SELECT ixd__number__key, ixd__qty__key, ?1, coalesce(data, identity), c FROM shop__sold__view WHERE ixd__qty__key = 5";
    tamper(&store, copied, &[1; 16]);
    let verified = store.verify(shop.sold).unwrap();
    differ(&verified, &[(sold(2, 1, 5, 3), 1, 0)]);
}

#[test]
fn data_that_was_changed_is_found() {
    let (_temp, shop, store) = filled();
    let other = stored(&sold(1, 1, 2, 4));
    tamper(
        &store,
        "UPDATE shop__sold__view SET data = ?1 WHERE ixd__qty__key = 2",
        &other,
    );
    let expected = [(sold(1, 1, 2, 4), 1, 0), (sold(1, 1, 2, 3), 0, 1)];
    differ(&store.verify(shop.sold).unwrap(), &expected);
    let sum = stored(&Keyed::new(2_u32, 21_i64));
    tamper(
        &store,
        "UPDATE shop__totals__view SET data = ?1 WHERE ixd__key__key = 2",
        &sum,
    );
    let expected = [(Keyed::new(2, 21), 1, 0), (Keyed::new(2, 20), 0, 1)];
    differ::<Total>(&store.verify(shop.totals).unwrap(), &expected);
    // What is under another key than it says, or no row at all, is an error as in any other reading.
    let other = stored(&sold(1, 1, 9, 3));
    tamper(
        &store,
        "UPDATE shop__sold__view SET data = ?1 WHERE ixd__qty__key = 2",
        &other,
    );
    let error = store.verify(shop.sold_by_qty).unwrap_err();
    assert_error(
        &error,
        ErrorKind::Corrupt,
        &["`shop__sold__view`", "index `qty`"],
    );
    tamper(
        &store,
        "UPDATE shop__items__by_product SET identity = ?1 WHERE ixd__product__key = 2",
        &[0x82],
    );
    let error = store.verify(shop.sold).unwrap_err();
    assert_error(
        &error,
        ErrorKind::Corrupt,
        &["`shop__items__by_product`", "x'82'"],
    );
}

#[test]
fn only_so_many_rows_are_returned_and_all_are_counted() {
    let (_temp, shop, store) = filled();
    store
        .connection()
        .execute("UPDATE shop__sold__view SET c = 2", [])
        .unwrap();
    let verified = store.verify_up_to(shop.sold, 2).unwrap();
    assert_eq!((verified.differing(), verified.differences().len()), (3, 2));
    assert_eq!(verified.differences()[0].row, sold(1, 1, 2, 3));
    assert!(verified.to_string().ends_with("and 1 more"), "{verified}");
    assert_eq!(store.verify(shop.sold).unwrap().differences().len(), 3);
}

#[test]
fn an_input_that_was_changed_shows_in_the_views() {
    let (_temp, shop, store) = filled();
    tamper(
        &store,
        "DELETE FROM shop__items__by_product WHERE ixd__product__key = 2 AND ?1 = x''",
        &[],
    );
    differ::<Total>(
        &store.verify(shop.totals).unwrap(),
        &[(Keyed::new(2, 20), 1, 0)],
    );
}

/// Inputs and view are of one state, whoever commits in between.
#[test]
fn a_reading_sees_one_state() {
    let (temp, shop, store) = filled();
    let reading = store.reading().unwrap();
    let first = store.view(shop.totals).iter().unwrap().count();
    let mut other = SqliteStore::open(temp.db(), &shop.graph).unwrap();
    let more = other
        .change()
        .insert(shop.products, [product(3, 1)])
        .insert(shop.items, [item(4, 3, 1)]);
    more.commit().unwrap();
    assert_eq!(store.view(shop.totals).iter().unwrap().count(), first);
    assert!(store.verify(shop.totals).unwrap().is_right());
    drop(reading);
    assert_eq!(store.view(shop.totals).iter().unwrap().count(), first + 1);
    assert_eq!(store.verify(shop.totals).unwrap().rows(), 3);
}
