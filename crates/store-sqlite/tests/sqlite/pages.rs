//! Views that are read page by page: rows with equal keys on both sides of a page's end, both directions, ranges, and
//! how little SQLite does for the first rows.

use std::cmp::Reverse;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use deltaview_graph::{Edit, Graph, ViewHandle};
use deltaview_schema::{Index, IndexKey};
use deltaview_store::{Rows, Store};
use deltaview_store_sqlite::SqliteStore;
use deltaview_store_sqlite::rusqlite::trace::{TraceEvent, TraceEventCodes};
use deltaview_store_sqlite::rusqlite::{Connection, StatementStatus};

/// More than three pages of 256 rows.
const ROWS: u32 = 1_000;

/// A row: its number, and two parts of keys.
type Cell = (u32, Option<i64>, String);

/// Keys of few values, so that equal ones go over the ends of pages; the greatest has 700 rows.
fn cell(number: u32) -> Cell {
    let column = if number < 700 {
        Some(7)
    } else {
        (!number.is_multiple_of(4)).then_some(i64::from(number % 4))
    };
    (
        number,
        column,
        ["", "left", "right"][(number / 3 % 3) as usize].to_string(),
    )
}

type Composite = (Option<i64>, Reverse<String>);

fn by_composite() -> Index<Cell, Composite> {
    Index::new("place", |cell: &Cell| (cell.1, Reverse(cell.2.clone())))
}

/// A sheet of cells, stored by the composite key, by the number, and in a table with one row a number.
struct Sheet {
    graph: Graph,
    clustered: ViewHandle<Cell, Composite>,
    numbered: ViewHandle<Cell, u32>,
    secondary: ViewHandle<Cell, Composite>,
    secondary_of_unique: ViewHandle<Cell, Composite>,
    unkeyed: ViewHandle<Cell, ()>,
}

fn sheet() -> (Sheet, SqliteStore) {
    let by_number = || Index::new("number", |cell: &Cell| cell.0);
    let built = Graph::build("sheet", |g| {
        let cells = g.input::<Cell>("cells");
        let clustered = cells.view_by("clustered", by_composite());
        let numbered = cells.view_by("numbered", by_number());
        let table = g.table("keyed", by_number());
        // By the key of the table: one row a key.
        let unique = table.view_by("unique", by_number());
        (
            (cells.handle(), table.handle()),
            clustered,
            numbered,
            g.also_by(numbered, by_composite()),
            g.also_by(unique, by_composite()),
            cells.view("unkeyed"),
        )
    });
    let (graph, ((cells, table), clustered, numbered, secondary, secondary_of_unique, unkeyed)) =
        built.unwrap();
    let mut store = SqliteStore::open(":memory:", &graph).unwrap();
    let all = || (0..ROWS).map(cell);
    store
        .change()
        .insert(cells, all())
        .insert(table, all())
        .commit()
        .unwrap();
    let sheet = Sheet {
        graph,
        clustered,
        numbered,
        secondary,
        secondary_of_unique,
        unkeyed,
    };
    (sheet, store)
}

fn cells(rows: Rows<'_, Cell>) -> Vec<Cell> {
    rows.map(|row| row.unwrap())
        .map(|(cell, weight)| {
            assert_eq!(weight, 1);
            cell
        })
        .collect()
}

/// Checks that these are the rows within bounds, each once, in the order of their keys.
fn assert_in_order<K: IndexKey>(
    read: &[Cell],
    key: impl Fn(&Cell) -> K,
    within: impl Fn(&K) -> bool,
    backwards: bool,
) {
    let mut keys: Vec<K> = read.iter().map(&key).collect();
    if backwards {
        keys.reverse();
    }
    assert!(keys.is_sorted());
    let mut read = read.to_vec();
    read.sort();
    let expected: Vec<Cell> = (0..ROWS)
        .map(cell)
        .filter(|cell| within(&key(cell)))
        .collect();
    assert_eq!(read.len(), expected.len());
    assert!(read == expected, "the very rows");
}

#[test]
fn every_row_comes_once_and_in_order() {
    let (sheet, store) = sheet();
    let key = |cell: &Cell| (cell.1, Reverse(cell.2.clone()));
    for view in [sheet.clustered, sheet.secondary, sheet.secondary_of_unique] {
        assert_in_order(
            &cells(store.view(view).iter().unwrap()),
            key,
            |_| true,
            false,
        );
        assert_in_order(
            &cells(store.view(view).rev().iter().unwrap()),
            key,
            |_| true,
            true,
        );
    }
    let numbered = cells(store.view(sheet.numbered).iter().unwrap());
    assert_in_order(&numbered, |cell| cell.0, |_| true, false);
    assert_in_order(
        &cells(store.view(sheet.unkeyed).iter().unwrap()),
        |_| (),
        |()| true,
        false,
    );
    assert_in_order(
        &cells(store.view(sheet.unkeyed).rev().iter().unwrap()),
        |_| (),
        |()| true,
        true,
    );
}

/// One way and the other give the same rows, in exactly the opposite order: rows of equal keys included.
#[test]
fn backwards_is_forwards_turned_round() {
    let (sheet, store) = sheet();
    for view in [sheet.clustered, sheet.secondary] {
        let mut backwards = cells(store.view(view).rev().iter().unwrap());
        backwards.reverse();
        assert!(backwards == cells(store.view(view).iter().unwrap()));
        assert!(cells(store.view(view).rev().rev().iter().unwrap()) == backwards);
    }
}

#[test]
fn ranges_go_over_pages() {
    let (sheet, store) = sheet();
    let key = |cell: &Cell| (cell.1, Reverse(cell.2.clone()));
    let keys: Vec<Composite> = [None, Some(0), Some(2), Some(7), Some(9)]
        .into_iter()
        .flat_map(|column| ["", "left", "zzz"].map(|text| (column, Reverse(text.to_string()))))
        .collect();
    let each = |key: &Composite| [Bound::Included(key.clone()), Bound::Excluded(key.clone())];
    let bounds: Vec<Bound<Composite>> = keys
        .iter()
        .flat_map(each)
        .chain([Bound::Unbounded])
        .collect();
    for view in [sheet.clustered, sheet.secondary, sheet.secondary_of_unique] {
        for start in bounds.iter().step_by(5).chain(&bounds[29..]) {
            for end in bounds.iter().step_by(3) {
                let range = (start.clone(), end.clone());
                let within = |key: &Composite| std::ops::RangeBounds::contains(&range, key);
                let forwards = cells(store.view(view).range(range.clone()).unwrap());
                assert_in_order(&forwards, key, within, false);
                let backwards = cells(store.view(view).rev().range(range.clone()).unwrap());
                assert_in_order(&backwards, key, within, true);
            }
        }
    }
}

/// 700 rows of the first part of the key, 234 or so of each whole key; and keys in the order in which they are asked for.
#[test]
fn rows_of_one_key_go_over_pages() {
    let (sheet, store) = sheet();
    let key = (Some(7), Reverse("left".to_string()));
    for view in [sheet.clustered, sheet.secondary] {
        let found = cells(store.view(view).key(&key).unwrap());
        assert_in_order(
            &found,
            |cell| (cell.1, Reverse(cell.2.clone())),
            |other| *other == key,
            false,
        );
        assert_eq!(found.len(), 234);
    }
    let all = cells(store.view(sheet.unkeyed).key(&()).unwrap());
    assert_eq!(all.len(), ROWS as usize);
    let numbers = [999, 3, 5_000, 3];
    let found: Vec<u32> = store
        .view(sheet.numbered)
        .keys(numbers)
        .map(|row| row.unwrap().0.0)
        .collect();
    assert_eq!(found, [999, 3, 3]);
}

/// Exactly one page, one row less, one row more, and none at all.
#[test]
fn the_end_of_a_page_can_be_the_end_of_the_view() {
    for count in [0, 1, 255, 256, 257, 511, 512, 513] {
        let (graph, (numbers, view)) = Graph::build("numbers", |g| {
            let numbers = g.input::<u32>("numbers");
            (
                numbers.handle(),
                numbers.view_by("by_tens", Index::new("tens", |n: &u32| n / 10)),
            )
        })
        .unwrap();
        let mut store = SqliteStore::open(":memory:", &graph).unwrap();
        store.change().insert(numbers, 0..count).commit().unwrap();
        let read: Vec<u32> = store
            .view(view)
            .iter()
            .unwrap()
            .map(|row| row.unwrap().0)
            .collect();
        assert_eq!(read.len(), count as usize);
        assert!(read.is_sorted_by_key(|n| n / 10));
        let mut backwards: Vec<u32> = store
            .view(view)
            .rev()
            .iter()
            .unwrap()
            .map(|row| row.unwrap().0)
            .collect();
        backwards.reverse();
        assert_eq!(backwards, read);
    }
}

/// What SQLite did, statement by statement: the SQL, and the steps of its virtual machine.
type Log = Arc<Mutex<Vec<Done>>>;

#[derive(Clone, Debug)]
struct Done {
    sql: String,
    rows: usize,
    steps: i32,
    sorts: i32,
}

/// A connection that logs. SQLite counts a statement's steps from when it was prepared: what it says is made relative.
fn logged() -> (Connection, Log) {
    let log = Log::default();
    let mut conn = Connection::open_in_memory().unwrap();
    let to = Arc::clone(&log);
    let mut rows = 0;
    let mut before = std::collections::HashMap::new();
    let trace = move |event: TraceEvent<'_>| match event {
        TraceEvent::Row(_) => rows += 1,
        TraceEvent::Profile(statement, _) => {
            let sql = statement.sql().into_owned();
            let total = statement.get_status(StatementStatus::VmStep);
            let steps = total - before.insert(sql.clone(), total).unwrap_or(0);
            let sorts = statement.get_status(StatementStatus::Sort)
                + statement.get_status(StatementStatus::AutoIndex);
            let done = Done {
                sql,
                rows: std::mem::take(&mut rows),
                steps,
                sorts,
            };
            to.lock().unwrap_or_else(PoisonError::into_inner).push(done);
        }
        _ => {}
    };
    let events = TraceEventCodes::SQLITE_TRACE_ROW | TraceEventCodes::SQLITE_TRACE_PROFILE;
    conn.trace_v2(events, Some(trace)).unwrap();
    (conn, log)
}

fn take(log: &Log) -> Vec<Done> {
    let mut log = log.lock().unwrap();
    let reads = log.drain(..).filter(|done| done.sql.starts_with("SELECT"));
    reads.collect()
}

/// The first rows of a large view cost a page, wherever the reading begins; and nothing is ever sorted.
#[test]
fn the_first_rows_cost_one_page() {
    const MANY: u32 = 30_000;
    let (conn, log) = logged();
    let (graph, (cells, clustered, secondary)) = Graph::build("sheet", |g| {
        let cells = g.input::<Cell>("cells");
        let clustered = cells.view_by("clustered", by_composite());
        let numbered = cells.view_by("numbered", Index::new("number", |cell: &Cell| cell.0));
        (
            cells.handle(),
            clustered,
            g.also_by(numbered, by_composite()),
        )
    })
    .unwrap();
    let mut store = SqliteStore::from_connection(conn, &graph).unwrap();
    store
        .change()
        .insert(cells, (0..MANY).map(cell))
        .commit()
        .unwrap();
    take(&log);
    let middle = (Some(2), Reverse("left".to_string()));
    for view in [clustered, secondary] {
        let view = store.view(view);
        let each_way = [
            view.iter().unwrap(),
            view.rev().iter().unwrap(),
            view.range(middle.clone()..).unwrap(),
            view.rev().range(..middle.clone()).unwrap(),
            view.key(&middle).unwrap(),
        ];
        for mut rows in each_way {
            assert_eq!(rows.by_ref().take(10).filter(Result::is_ok).count(), 10);
            drop(rows);
            let done = take(&log);
            let (rows, steps) = done
                .iter()
                .fold((0, 0), |sum, done| (sum.0 + done.rows, sum.1 + done.steps));
            assert!((10..=256).contains(&rows), "{rows} rows in {done:?}");
            assert!(steps < 256 * 30, "{steps} steps in {done:?}");
            assert!(done.iter().all(|done| done.sorts == 0), "{done:?}");
        }
    }
    // Nothing was read of what nobody asked for; and all of it costs as many rows as there are.
    drop(store.view(clustered).iter().unwrap());
    assert!(take(&log).is_empty());
    assert_eq!(store.view(clustered).iter().unwrap().count(), MANY as usize);
    let done = take(&log);
    assert_eq!(
        done.iter().map(|done| done.rows).sum::<usize>(),
        MANY as usize
    );
    assert!(done.iter().map(|done| done.steps).sum::<i32>() < 30 * MANY as i32);
}

/// A change of one row looks up what it needs, however many rows there are.
#[test]
fn a_small_change_to_a_large_store_makes_few_steps() {
    let (conn, log) = logged();
    let shop = crate::common::shop();
    let mut store = SqliteStore::from_connection(conn, &shop.graph).unwrap();
    let products = (0..1_000).map(|id| crate::common::product(id, 2));
    let items = (0..20_000).map(|number| crate::common::item(number, (number % 1_000) as u32, 1));
    store
        .change()
        .insert(shop.products, products)
        .insert(shop.items, items)
        .commit()
        .unwrap();
    // What was read before is not trusted any more once somebody has written.
    let write = "UPDATE deltaview_clock SET t = t";
    store.connection().execute(write, []).unwrap();
    log.lock().unwrap().clear();
    store
        .change()
        .insert(shop.items, [crate::common::item(50_000, 7, 1)])
        .commit()
        .unwrap();
    let done = std::mem::take(&mut *log.lock().unwrap());
    let steps: i32 = done.iter().map(|done| done.steps).sum();
    assert!(steps < 2_000, "{steps} steps in {done:?}");
    assert!(done.iter().all(|done| done.sorts == 0), "{done:?}");
    store.connection().execute(write, []).unwrap();
    log.lock().unwrap().clear();
    // The price of one product: its twenty-one items, and no others.
    store
        .change()
        .upsert(shop.products, [crate::common::product(7, 3)])
        .commit()
        .unwrap();
    let done = std::mem::take(&mut *log.lock().unwrap());
    let read: usize = done
        .iter()
        .filter(|done| done.sql.starts_with("SELECT"))
        .map(|done| done.rows)
        .sum();
    assert!((21..=30).contains(&read), "{read} rows in {done:?}");
    assert_eq!(
        store
            .view(shop.totals)
            .get(&7)
            .unwrap()
            .map(|total| total.value),
        Some(63)
    );
}

/// A scan sees one state, though the page it reads now is younger than the one before.
#[test]
fn a_scan_sees_one_state_over_all_its_pages() {
    let temp = crate::common::Temp::new();
    let (graph, (numbers, view)) = Graph::build("numbers", |g| {
        let numbers = g.input::<u32>("numbers");
        (
            numbers.handle(),
            numbers.view_by("by_number", Index::new("number", |n: &u32| *n)),
        )
    })
    .unwrap();
    let mut writer = SqliteStore::open(temp.db(), &graph).unwrap();
    writer
        .change()
        .insert(numbers, (0..2_000).map(|n| 2 * n))
        .commit()
        .unwrap();
    let reader = SqliteStore::open_read_only(temp.db(), &graph).unwrap();
    let mut rows = reader.view(view).iter().unwrap();
    assert_eq!(rows.next().unwrap().unwrap(), (0, 1));
    writer
        .change()
        .insert(numbers, (0..2_000).map(|n| 2 * n + 1))
        .remove(numbers, (1_000..2_000).map(|n| 2 * n))
        .commit()
        .unwrap();
    // Another scan of the same store joins the state that is open.
    assert_eq!(reader.view(view).iter().unwrap().count(), 2_000);
    assert_eq!(reader.time().unwrap(), 1);
    assert!(rows.map(|row| row.unwrap().0).eq((1..2_000).map(|n| 2 * n)));
    assert_eq!(reader.view(view).iter().unwrap().count(), 3_000);
    assert_eq!(reader.time().unwrap(), 2);
}

/// The sheet has a table with one row a key, and tables with many: each is read its own way.
#[test]
fn the_sheet_has_both_sorts_of_tables() {
    let (sheet, _store) = sheet();
    let unique = |view| sheet.graph.view_table(view).unwrap().schema().unique;
    assert!(unique(sheet.secondary_of_unique));
    assert!(!unique(sheet.secondary) && !unique(sheet.clustered));
}
