//! The tables of a history: what is in them, what is left when all is forgotten, and how they are searched.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::{Duration, SystemTime};

use deltaview_graph::{Edit, Graph, InputHandle, Retention, ViewHandle};
use deltaview_schema::Index;
use deltaview_store::{CommitOptions, ErrorKind, Store, Time};
use deltaview_store_sqlite::SqliteStore;
use deltaview_store_sqlite::rusqlite::trace::{TraceEvent, TraceEventCodes};
use deltaview_store_sqlite::rusqlite::{Connection, TransactionBehavior};
use deltaview_zset::Keyed;

use crate::common::{Temp, change, product, shop};

/// The number of rows of a table.
fn count(conn: &Connection, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM \"{table}\"");
    conn.query_row(&sql, [], |row| row.get(0)).unwrap()
}

const VIEWS: [&str; 5] = ["all", "sold", "totals", "seen", "count"];

fn counts(conn: &Connection) -> Vec<i64> {
    let tables = VIEWS.iter().flat_map(|view| {
        ["versions", "rows", "log"].map(|table| format!("shop__{view}__view__{table}"))
    });
    tables.map(|table| count(conn, &table)).collect()
}

#[test]
fn when_all_is_forgotten_nothing_is_left() {
    let (temp, shop) = (Temp::new(), shop());
    let mut store = temp.open(&shop.graph).unwrap();
    for n in 1..=30 {
        store.commit(&change(&shop, n)).unwrap();
    }
    assert!(counts(store.connection()).iter().sum::<i64>() > 300);
    let now = store.time().unwrap();
    let forgotten = store.forget_before(shop.all, now).unwrap();
    assert!(forgotten.is_done && forgotten.horizon == now && forgotten.rows > 10);
    store.forget_before(shop.sold, now).unwrap();
    store.forget_before(shop.totals, now).unwrap();
    store.forget_before(shop.seen, now).unwrap();
    store.forget_before(shop.count, now).unwrap();
    assert_eq!(counts(store.connection()), [0; 15]);
    assert_eq!(count(store.connection(), "deltaview_instants"), 1);
}

#[test]
fn a_row_that_comes_back_is_stored_once() {
    let (temp, shop) = (Temp::new(), shop());
    let mut store = temp.open(&shop.graph).unwrap();
    for n in 0..50 {
        store
            .change()
            .upsert(shop.products, [product(1, n % 2)])
            .commit()
            .unwrap();
    }
    assert_eq!(count(store.connection(), "shop__all__view__versions"), 49);
    assert_eq!(count(store.connection(), "shop__all__view__rows"), 2);
}

/// A store of words that are counted, with all that their counts have been.
fn counts_of_words() -> (Graph, InputHandle<String>, Counts) {
    let built = Graph::build("words", |g| {
        let words = g.input::<String>("words");
        let by_word = Index::new("word", |word: &String| word.clone());
        let counts = words.group_by(by_word).count().view("counts");
        (words.handle(), g.with_history(counts, Retention::Forever))
    });
    let (graph, (words, counts)) = built.unwrap();
    (graph, words, counts)
}

type Counts = ViewHandle<Keyed<String, i64>, String>;

/// Versions go from the log to the others some at a time, and are found wherever they are; also where each change is of
/// another process.
#[test]
fn versions_are_found_before_and_after_they_are_filed() {
    for reopens in [false, true] {
        let temp = Temp::new();
        let (graph, words, counts) = counts_of_words();
        let mut store = temp.open(&graph).unwrap();
        let word = |n: i64| format!("{}", n * n % 7);
        let mut all: BTreeMap<String, i64> = BTreeMap::new();
        let mut model = vec![all.clone()];
        for n in 1..=200 {
            if reopens {
                store = temp.open(&graph).unwrap();
            }
            store.change().insert(words, [word(n)]).commit().unwrap();
            *all.entry(word(n)).or_default() += 1;
            model.push(all.clone());
        }
        // All but the first of each word end a version.
        let versions = 200 - i64::try_from(all.len()).unwrap();
        let filed = count(store.connection(), "words__counts__view__versions");
        assert_eq!(filed, versions / 64 * 64);
        for (time, expected) in (0..).zip(&model) {
            let then = store.view(counts).as_of(time).unwrap();
            let rows = then.iter().unwrap().map(Result::unwrap);
            let rows: BTreeMap<_, _> = rows.map(|(row, _)| (row.key, row.value)).collect();
            assert_eq!(&rows, expected, "as of {time}");
            for (word, count) in expected {
                let row = then.get(word).unwrap();
                assert_eq!(
                    row.map(|row| row.value),
                    Some(*count),
                    "{word} as of {time}"
                );
            }
        }
        for (word, count) in &all {
            let of_word = store.view(counts).versions(word).unwrap();
            let values: Vec<i64> = of_word.map(|version| version.unwrap().row.value).collect();
            assert_eq!(values, (1..=*count).rev().collect::<Vec<_>>());
        }
        // A horizon among those that are filed, and one among the others.
        for horizon in [100, 190, 200] {
            let forgotten = store.forget_before(counts, horizon).unwrap();
            assert!(forgotten.is_done);
            let then = store.view(counts).as_of(horizon).unwrap();
            let first = then.get(&word(1)).unwrap().map(|row| row.value);
            assert_eq!(
                first,
                Some(model[usize::try_from(horizon).unwrap()][&word(1)])
            );
        }
        for table in ["versions", "rows", "log"] {
            let table = format!("words__counts__view__{table}");
            assert_eq!(count(store.connection(), &table), 0);
        }
    }
}

/// A version whose row is too long to be its own identity is in the log with a hash, and its row goes with it.
#[test]
fn a_long_row_is_kept_until_its_version_is_forgotten() {
    let temp = Temp::new();
    let (graph, words, counts) = counts_of_words();
    let mut store = temp.open(&graph).unwrap();
    let long = "word".repeat(100);
    for _ in 1..=3 {
        store
            .change()
            .insert(words, [long.clone()])
            .commit()
            .unwrap();
    }
    assert_eq!(
        count(store.connection(), "words__counts__view__versions"),
        0
    );
    assert_eq!(count(store.connection(), "words__counts__view__rows"), 2);
    let second = store.view(counts).as_of(2).unwrap().get(&long).unwrap();
    assert_eq!(second.map(|row| row.value), Some(2));
    store.forget_before(counts, 2).unwrap();
    assert_eq!(count(store.connection(), "words__counts__view__rows"), 1);
    store.forget_before(counts, 3).unwrap();
    assert_eq!(count(store.connection(), "words__counts__view__rows"), 0);
}

/// What else than deltaview has written is not filed.
#[test]
fn a_version_that_begins_behind_its_end_is_an_error() {
    let temp = Temp::new();
    let (graph, words, _) = counts_of_words();
    let mut store = temp.open(&graph).unwrap();
    let commit = |store: &mut SqliteStore| store.change().insert(words, ["a".into()]).commit();
    for _ in 0..64 {
        commit(&mut store).unwrap();
    }
    let sql = "UPDATE words__counts__view__log SET since = 9 WHERE t = 3 AND since IS NOT NULL";
    assert_eq!(store.connection().execute(sql, []).unwrap(), 1);
    let error = commit(&mut store).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("restore the file"), "{error}");
    assert_eq!(store.time().unwrap(), 64);
}

#[test]
fn a_change_within_the_applications_transaction_is_taken_back_with_its_history() {
    let (temp, shop) = (Temp::new(), shop());
    let mut store = temp.open(&shop.graph).unwrap();
    store.commit(&change(&shop, 1)).unwrap();
    let before = counts(store.connection());
    let mut app = temp.connection();
    let tx = app
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    store.commit_in(&tx, &change(&shop, 2)).unwrap();
    tx.rollback().unwrap();
    assert_eq!(counts(store.connection()), before);
    let error = store.view(shop.all).as_of(2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotYet);

    let tx = app
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    store.commit_in(&tx, &change(&shop, 2)).unwrap();
    store.commit_in(&tx, &change(&shop, 3)).unwrap();
    tx.commit().unwrap();
    let then = store.view(shop.all).as_of(2).unwrap();
    assert_eq!(then.get(&2).unwrap(), Some(product(2, 2)));
    assert_eq!(store.view(shop.all).get(&2).unwrap(), None);
}

#[test]
fn a_retention_of_a_span_forgets_what_is_older() {
    let temp = Temp::new();
    let built = Graph::build("words", |g| {
        let words = g.input::<String>("words");
        let span = Retention::Span(Duration::from_secs(60));
        (words.handle(), g.with_history(words.view("seen"), span))
    });
    let (graph, (words, seen)) = built.unwrap();
    let mut store = temp.open(&graph).unwrap();
    for n in 0..3 {
        store
            .change()
            .insert(words, [format!("{n}")])
            .commit()
            .unwrap();
    }
    assert_eq!(store.view(seen).horizon().unwrap(), 0);
    // As if the first two commits had been a while ago.
    let sql = "UPDATE deltaview_instants SET at = at - ?1 WHERE t < 3";
    store.connection().execute(sql, [120_000_000]).unwrap();
    store
        .change()
        .insert(words, ["more".to_string()])
        .commit()
        .unwrap();
    assert_eq!(store.view(seen).horizon().unwrap(), 2);
    let minute_ago = SystemTime::now() - Duration::from_secs(60);
    assert_eq!(store.time_at(minute_ago).unwrap(), 2);
    assert_eq!(count(store.connection(), "deltaview_instants"), 3);
}

#[test]
fn times_with_gaps_have_a_history_too() {
    let temp = Temp::new();
    let built = Graph::build("words", |g| {
        let words = g.input::<String>("words");
        let last = Retention::Times(NonZeroU64::new(2).unwrap());
        (words.handle(), g.with_history(words.view("seen"), last))
    });
    let (graph, (words, seen)) = built.unwrap();
    let mut store = temp.open(&graph).unwrap();
    let times = [1, 1 << 20, 1 << 40, (1 << 62) + 5, i64::MAX - 1];
    for (n, time) in times.into_iter().enumerate() {
        let change = store.graph().change().insert(words, [format!("{n}")]);
        let options = CommitOptions::default().at(Time::at(time));
        store.commit_with(&change, &options).unwrap();
        let horizon = if n == 0 { 0 } else { times[n - 1] };
        assert_eq!(store.view(seen).horizon().unwrap(), horizon);
        let then = store.view(seen).as_of(horizon).unwrap();
        assert_eq!(then.iter().unwrap().count(), n);
        if n > 1 {
            let until_then = store.view(seen).as_of(time - 1).unwrap();
            assert_eq!(until_then.iter().unwrap().count(), n);
        }
    }
}

/// The plans of the statements that a read of the past makes never scan a table, and sort nothing but the versions that are
/// not filed, which are few.
#[test]
fn reads_of_the_past_search_and_never_sort() {
    let (temp, shop) = (Temp::new(), shop());
    let mut store = temp.open(&shop.graph).unwrap();
    for n in 1..=30 {
        store.commit(&change(&shop, n)).unwrap();
    }
    let mut plans: Vec<(bool, Vec<String>)> = Vec::new();
    let mut look = |view: &dyn Fn(&SqliteStore)| {
        let plan = |sql: String| (sql.contains("\"filed\""), plan(store.connection(), &sql));
        plans.extend(traced(&temp, &shop.graph, view).into_iter().map(plan));
    };
    look(&|store| {
        let _ = store.view(shop.all).as_of(9).unwrap().get(&1).unwrap();
    });
    look(&|store| {
        let _ = store
            .view(shop.sold)
            .as_of(9)
            .unwrap()
            .key(&1)
            .unwrap()
            .count();
    });
    look(&|store| {
        let _ = store
            .view(shop.sold_by_qty)
            .as_of(9)
            .unwrap()
            .rev()
            .iter()
            .unwrap()
            .count();
    });
    look(&|store| {
        let _ = store
            .view(shop.seen)
            .as_of(9)
            .unwrap()
            .range(Some(2)..)
            .unwrap()
            .count();
    });
    look(&|store| {
        let _ = store.view(shop.totals).versions(&1).unwrap().count();
    });
    look(&|store| {
        let _ = store.view(shop.totals).times().unwrap().count();
    });
    look(&|store| {
        let _ = store.view(shop.all).deltas(3, 9).unwrap().count();
    });
    assert!(plans.len() > 50, "{plans:#?}");
    // The one row that a sub-query finds is scanned too; and all of a view, by one of its indexes.
    let is_bad = |(is_of_unfiled, plan): &&(bool, Vec<String>)| {
        let is_one_row = plan.iter().any(|line| line == "CO-ROUTINE v");
        let scans = |line: &String| line.contains("SCAN") && !line.contains("USING INDEX");
        let sorts = |line: &String| line.contains("TEMP B-TREE") && !is_of_unfiled;
        plan.iter()
            .any(|line| sorts(line) || scans(line) && !is_one_row)
    };
    let bad: Vec<_> = plans.iter().filter(is_bad).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

thread_local! {
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn note(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(statement, _) = event {
        let sql = statement.expanded_sql().unwrap_or_default();
        SEEN.with(|seen| seen.borrow_mut().push(sql));
    }
}

/// The statements that a read makes, with their values.
fn traced(temp: &Temp, graph: &Graph, read: &dyn Fn(&SqliteStore)) -> Vec<String> {
    let mut conn = temp.connection();
    conn.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note))
        .unwrap();
    let store = SqliteStore::from_connection(conn, graph).unwrap();
    SEEN.with(|seen| seen.borrow_mut().clear());
    read(&store);
    let seen = SEEN.with(|seen| seen.take());
    let is_of_views = |sql: &String| sql.contains("shop__");
    seen.into_iter().filter(is_of_views).collect()
}

fn plan(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let lines = statement.query_map([], |row| row.get(3)).unwrap();
    lines.collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_view_without_history_says_what_to_write() {
    let temp = Temp::new();
    let built = Graph::build("words", |g| {
        let words = g.input::<String>("words");
        words.view("seen")
    });
    let (graph, seen): (Graph, ViewHandle<String, ()>) = built.unwrap();
    let store = temp.open(&graph).unwrap();
    let error = store.view(seen).as_of(0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoHistory);
    assert!(error.to_string().contains("with_history"), "{error}");
    assert!(!exists(store.connection(), "deltaview_instants"));
}

fn exists(conn: &Connection, table: &str) -> bool {
    let sql = "SELECT 1 FROM sqlite_schema WHERE name = ?1";
    conn.prepare(sql).unwrap().exists([table]).unwrap()
}

#[test]
fn a_table_that_is_gone_is_told() {
    for gone in [
        "TABLE shop__sold__view__log",
        "INDEX shop__all__view__versions__ix__price",
        "TABLE deltaview_history",
    ] {
        let (temp, shop) = (Temp::new(), shop());
        drop(temp.open(&shop.graph).unwrap());
        temp.connection()
            .execute_batch(&format!("DROP {gone}"))
            .unwrap();
        let error = temp.open(&shop.graph).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch);
        let name = gone.split(' ').next_back().unwrap();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn two_graphs_of_a_file_have_histories_of_their_own() {
    let temp = Temp::new();
    let graph = |name: &str| {
        let built = Graph::build(name, |g| {
            let words = g.input::<String>("words");
            let by = Index::new("length", |word: &String| word.len() as i64);
            let seen = g.with_history(words.view_by("seen", by), Retention::Forever);
            (words.handle(), seen)
        });
        built.unwrap()
    };
    let (one, (words, seen)) = graph("one");
    let (two, (other_words, other_seen)) = graph("two");
    let mut store = temp.open(&one).unwrap();
    let mut other = temp.open(&two).unwrap();
    store
        .change()
        .insert(words, ["a".to_string()])
        .commit()
        .unwrap();
    store
        .change()
        .insert(words, ["b".to_string()])
        .commit()
        .unwrap();
    other
        .change()
        .insert(other_words, ["c".to_string()])
        .commit()
        .unwrap();
    store.forget_before(seen, 2).unwrap();
    assert_eq!(store.view(seen).horizon().unwrap(), 2);
    assert_eq!(other.view(other_seen).horizon().unwrap(), 0);
    assert_eq!(
        other
            .view(other_seen)
            .as_of(0)
            .unwrap()
            .iter()
            .unwrap()
            .count(),
        0
    );
    assert!(other.instant_of(1).unwrap().is_some());
}
