//! What a file may have beside a map, and what it may not.

use std::collections::BTreeMap;

use deltaview_store::ErrorKind;
use deltaview_store_sqlite::rusqlite::{Connection, TransactionBehavior};
use deltaview_ttkv::{Error, SqliteTimeMap, Time};

use crate::common::{Temp, options};

fn refused<T>(result: Result<T, Error>, kind: ErrorKind, parts: &[&str]) {
    let Err(error) = result else {
        panic!("it was taken")
    };
    let text = error.to_string();
    assert!(
        matches!(&error, Error::Store(store) if store.kind() == kind),
        "{text}"
    );
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn maps_of_two_names_are_apart() {
    let temp = Temp::new();
    let prices: SqliteTimeMap<String, i64> = temp.map("prices");
    let odd: SqliteTimeMap<u8, Vec<String>> = temp.map("an \"odd\" name; --");
    let at = prices.put(&"a".to_string(), &1).unwrap();
    odd.put(&1, &vec!["x".to_string()]).unwrap();
    assert_eq!(prices.iter().unwrap().count(), 1);
    assert_eq!(prices.last().unwrap(), Some(at));
    drop((prices, odd));
    let odd: SqliteTimeMap<u8, Vec<String>> = temp.map("an \"odd\" name; --");
    assert_eq!(odd.get(&1).unwrap(), Some(vec!["x".to_string()]));
}

#[test]
fn a_map_of_other_types_is_a_typed_error() {
    let temp = Temp::new();
    temp.map::<String, (i64, bool)>("prices")
        .put(&"a".to_string(), &(1, true))
        .unwrap();
    let before = std::fs::read(temp.db()).unwrap();
    refused(
        SqliteTimeMap::<u64, (i64, bool)>::open_with(temp.db(), "prices", &options()),
        ErrorKind::Mismatch,
        &["`prices`", "keys", "`text`", "`integer`"],
    );
    refused(
        SqliteTimeMap::<String, (i64, String)>::open_existing(temp.db(), "prices"),
        ErrorKind::Mismatch,
        &["values", "`(integer, bool)`", "`(integer, text)`"],
    );
    refused(
        SqliteTimeMap::<String, i64>::open_existing(temp.db(), "price"),
        ErrorKind::NotDeltaview,
        &["`price`"],
    );
    assert_eq!(std::fs::read(temp.db()).unwrap(), before);
    // Another width is the same integer; and what says nothing of itself is not refused.
    let map: SqliteTimeMap<String, (u8, bool)> = temp.map("prices");
    assert_eq!(map.get(&"a".to_string()).unwrap(), Some((1, true)));
    let map: SqliteTimeMap<serde_json::Value, serde_json::Value> = temp.map("prices");
    assert_eq!(
        map.get(&"a".into()).unwrap(),
        Some(serde_json::json!([1, true]))
    );
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let temp = Temp::new();
    let conn = Connection::open(temp.db()).unwrap();
    conn.execute_batch("CREATE TABLE PRICES__versions (x)")
        .unwrap();
    let open = || SqliteTimeMap::<u8, u8>::open_with(temp.db(), "prices", &options());
    refused(
        open(),
        ErrorKind::Mismatch,
        &["`prices__versions`", "another name"],
    );
    conn.execute_batch("DROP TABLE PRICES__versions").unwrap();
    open().unwrap().put(&1, &1).unwrap();
    conn.execute_batch("UPDATE deltaview_maps SET format_version = 9")
        .unwrap();
    refused(
        open(),
        ErrorKind::NewerFormat,
        &["version 9", "newer deltaview"],
    );
    conn.execute_batch(
        "UPDATE deltaview_maps SET format_version = 1; DROP INDEX prices__versions__by_time",
    )
    .unwrap();
    refused(
        open(),
        ErrorKind::Mismatch,
        &["prices__versions__by_time", "only a part"],
    );
    let text = temp.db().with_extension("txt");
    std::fs::write(
        &text,
        "this is no database, and long enough to be seen as none".repeat(20),
    )
    .unwrap();
    refused(
        SqliteTimeMap::<u8, u8>::open(&text, "prices"),
        ErrorKind::NotADatabase,
        &[],
    );
}

#[test]
fn stored_bytes_that_are_none_of_ours_are_typed_errors() {
    let temp = Temp::new();
    let map: SqliteTimeMap<(u8, String), BTreeMap<String, u8>> = temp.map("rows");
    let at = map.put(&(1, "a".into()), &BTreeMap::new()).unwrap();
    let damage = |sql: &str| map.versions().connection().execute_batch(sql).unwrap();
    damage("UPDATE rows__versions SET data = x'ff'");
    assert!(matches!(
        map.get(&(1, "a".into())).unwrap_err(),
        Error::StoredValue { .. }
    ));
    assert!(matches!(
        map.iter_at(at).unwrap().next().unwrap().unwrap_err(),
        Error::StoredValue { .. }
    ));
    assert!(matches!(
        map.history(&(1, "a".into()))
            .unwrap()
            .next()
            .unwrap()
            .unwrap_err(),
        Error::StoredValue { .. }
    ));
    damage("UPDATE rows__versions SET data = x'a0', key = x'583101'");
    let mut rows = map.iter_at(at).unwrap();
    let error = rows.next().unwrap().unwrap_err();
    assert!(
        matches!(&error, Error::StoredKey { map, .. } if map == "rows"),
        "{error}"
    );
    assert!(rows.next().is_none());
    assert!(matches!(
        map.between(Time::MIN, at).unwrap_err(),
        Error::StoredKey { .. }
    ));
}

#[test]
fn a_read_only_map_reads() {
    let temp = Temp::new();
    let map: SqliteTimeMap<u8, u8> = temp.map("rows");
    let at = map.put(&1, &1).unwrap();
    let reader = SqliteTimeMap::<u8, u8>::open_read_only(temp.db(), "rows").unwrap();
    assert_eq!(reader.get_at(&1, at).unwrap(), Some(1));
    refused(reader.put(&1, &2), ErrorKind::ReadOnly, &["`rows`"]);
    map.put(&1, &3).unwrap();
    assert_eq!(reader.get(&1).unwrap(), Some(3));
    // What nobody has settled it can't settle.
    std::thread::sleep(std::time::Duration::from_millis(2));
    let after = Time::from_nanos(map.last().unwrap().unwrap().nanos() + 1);
    refused(reader.get_at(&1, after), ErrorKind::ReadOnly, &[]);
}

#[test]
fn a_write_in_the_callers_transaction_is_a_part_of_it() {
    let temp = Temp::new();
    let map: SqliteTimeMap<u8, u8> = temp.map("rows");
    map.put(&1, &1).unwrap();
    let mut app = Connection::open(temp.db()).unwrap();
    app.execute_batch("CREATE TABLE log (line TEXT)").unwrap();
    for keep in [false, true] {
        let tx = app
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .unwrap();
        tx.execute("INSERT INTO log VALUES ('put')", []).unwrap();
        let delta = map.put_in(&tx, &1, &2).unwrap();
        let delta_of_remove = map.remove_in(&tx, &1).unwrap();
        assert!(delta.time < delta_of_remove.time);
        let rows: Vec<_> = delta
            .rows
            .iter()
            .map(|(row, weight)| (*row, weight))
            .collect();
        assert_eq!(rows, [((1, 1), -1), ((1, 2), 1)]);
        let rows: Vec<_> = delta_of_remove
            .rows
            .iter()
            .map(|(row, weight)| (*row, weight))
            .collect();
        assert_eq!(rows, [((1, 2), -1)]);
        assert_eq!(map.get(&1).unwrap(), Some(1));
        if keep {
            tx.commit().unwrap();
        }
    }
    assert_eq!(map.get(&1).unwrap(), None);
    assert_eq!(map.history(&1).unwrap().count(), 3);
    let mut other = Connection::open_in_memory().unwrap();
    let tx = other.transaction().unwrap();
    refused(
        map.put_in(&tx, &1, &2),
        ErrorKind::NotDeltaview,
        &["`rows`"],
    );
}
