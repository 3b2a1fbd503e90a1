//! Names that need quoting, names that SQLite takes for one another, and rows that are large or have a NUL.

use deltaview_graph::{Edit, Graph};
use deltaview_schema::Index;
use deltaview_store::{ErrorKind, Store};
use deltaview_store_sqlite::SqliteStore;

use crate::common::{Temp, assert_error, rows, shop_named};

/// Graphs, vertices, indexes and columns with these in their names work like any other.
const ODD: [&str; 9] = [
    "a\"b",
    "it's",
    "two words",
    "semi;colon -- comment",
    "größe 大小 🦀",
    "brackets [x] `y` (z)",
    "percent % under _ star *",
    "new\nline\ttab",
    "select",
];

#[test]
fn odd_names_work() {
    for odd in ODD {
        let temp = Temp::new();
        let build = || {
            Graph::build(odd, |g| {
                let words = g.input::<String>(odd);
                let index = || {
                    Index::new(odd, |word: &String| (word.len() as i64, Some(word.clone())))
                        .with_columns([odd, "other"])
                };
                let view = words.view_by(format!("{odd} view"), index());
                let first = Index::new(format!("{odd} first"), |word: &String| word.chars().next());
                let first = g.also_by(view, first.with_columns([odd]));
                let counts = words.group_by(index()).count().view(format!("{odd} count"));
                (words.handle(), view, first, counts)
            })
            .unwrap()
        };
        let (graph, (words, view, first, counts)) = build();
        let mut store = SqliteStore::open(temp.db(), &graph).unwrap();
        let all = ["one", "two", "three", ""].map(str::to_string);
        store.change().insert(words, all.clone()).commit().unwrap();
        store
            .change()
            .remove(words, ["two".to_string()])
            .insert(words, all)
            .commit()
            .unwrap();
        drop(store);
        let (graph, (words, ..)) = (graph, (words, ()));
        let mut store = SqliteStore::open_existing(temp.db(), &graph).unwrap();
        store
            .change()
            .insert(words, ["one".to_string()])
            .commit()
            .unwrap();
        let read = |view| {
            rows(&store, view)
                .into_iter()
                .map(|(word, weight): (String, _)| format!("{word} {weight}"))
        };
        assert_eq!(
            read(view).collect::<Vec<_>>(),
            [" 2", "one 3", "two 1", "three 2"],
            "{odd}"
        );
        let found = store.view(first).key(&Some('t')).unwrap();
        assert_eq!(found.into_zset().unwrap().total().unwrap(), 3, "{odd}");
        let three = store
            .view(counts)
            .get(&(3, Some("one".to_string())))
            .unwrap();
        assert_eq!(three.map(|group| group.value), Some(3), "{odd}");
        // The same names, built again, open the same file.
        let (again, (_, view, ..)) = build();
        assert_eq!(
            rows(&SqliteStore::open(temp.db(), &again).unwrap(), view).len(),
            4,
            "{odd}"
        );
    }
}

/// SQLite compares the names of tables without regard to the case of A to Z.
#[test]
fn graphs_that_differ_only_in_case_do_not_share_a_file() {
    let temp = Temp::new();
    let (lower, upper) = (shop_named("shop"), shop_named("SHOP"));
    lower.fill(&mut SqliteStore::open(temp.db(), &lower.graph).unwrap());
    let before = temp.bytes();
    let error = SqliteStore::open(temp.db(), &upper.graph).unwrap_err();
    assert_error(&error, ErrorKind::Mismatch, &["`SHOP`", "another name"]);
    assert_eq!(temp.bytes(), before);
}

/// Graph `a` with vertex `b__c`, and graph `a__b` with vertex `c`, would have a table of one name.
#[test]
fn graphs_whose_tables_would_have_one_name_do_not_share_a_file() {
    let view = |graph: &str, vertex: &str| {
        Graph::build(graph, |g| {
            let input = g.input::<i64>(format!("input of {vertex}"));
            input.view(vertex);
        })
        .unwrap()
        .0
    };
    let temp = Temp::new();
    drop(SqliteStore::open(temp.db(), &view("a", "b__c")).unwrap());
    let before = temp.bytes();
    let error = SqliteStore::open(temp.db(), &view("a__b", "c")).unwrap_err();
    assert_error(
        &error,
        ErrorKind::Mismatch,
        &["`a__b__c__view`", "`a__b`", "another name"],
    );
    assert_eq!(temp.bytes(), before);
}

#[test]
fn two_graphs_in_one_file_do_not_meet() {
    let temp = Temp::new();
    let (north, south) = (shop_named("north"), shop_named("south"));
    let mut of_north = SqliteStore::open(temp.db(), &north.graph).unwrap();
    let of_south = SqliteStore::open(temp.db(), &south.graph).unwrap();
    north.fill(&mut of_north);
    assert_eq!(north.totals_of(&of_north), [(1, 21), (2, 20)]);
    assert_eq!(south.totals_of(&of_south), []);
    assert_eq!((of_north.time().unwrap(), of_south.time().unwrap()), (1, 0));
}

/// A name that SQLite keeps for itself is refused as SQLite says, and nothing is created.
#[test]
fn a_reserved_name_is_refused() {
    let temp = Temp::new();
    temp.connection()
        .execute_batch("CREATE TABLE app (x)")
        .unwrap();
    let before = temp.bytes();
    let graph = Graph::build("sqlite_stat", |g| g.input::<i64>("numbers").view("seen"))
        .unwrap()
        .0;
    let error = SqliteStore::open(temp.db(), &graph).unwrap_err();
    assert_error(&error, ErrorKind::Database, &["`sqlite_stat`", "reserved"]);
    assert_eq!(temp.bytes(), before);
}

/// SQLite would read the statement up to the NUL only.
#[test]
fn an_index_name_with_a_nul_creates_nothing() {
    let built = Graph::build("shop", |g| {
        g.input::<i64>("numbers")
            .view_by("seen", Index::new("a\0b", |n: &i64| *n))
    });
    let graph = match built {
        Ok((graph, _)) => graph,
        // Better still: the graph says so.
        Err(error) => return assert!(error.to_string().contains("NUL"), "{error}"),
    };
    let temp = Temp::new();
    temp.connection()
        .execute_batch("CREATE TABLE app (x)")
        .unwrap();
    let before = temp.bytes();
    SqliteStore::open(temp.db(), &graph).unwrap_err();
    assert_eq!(temp.bytes(), before);
}

#[test]
fn a_nul_in_text_is_text() {
    let (temp, (graph, (words, view))) = (
        Temp::new(),
        Graph::build("words", |g| {
            let words = g.input::<String>("words");
            let view = words.view_by("by_word", Index::new("word", String::clone));
            (words.handle(), view)
        })
        .unwrap(),
    );
    let mut store = SqliteStore::open(temp.db(), &graph).unwrap();
    let all = ["a", "a\0", "a\0b", "a\0c", "\0", ""].map(str::to_string);
    store.change().insert(words, all.clone()).commit().unwrap();
    store
        .change()
        .remove(words, ["a\0b".to_string()])
        .commit()
        .unwrap();
    let read: Vec<String> = rows(&store, view)
        .into_iter()
        .map(|(word, _)| word)
        .collect();
    assert_eq!(read, ["", "\0", "a", "a\0", "a\0c"]);
    assert_eq!(store.view(view).key(&"a\0".to_string()).unwrap().count(), 1);
}

#[test]
fn a_row_of_five_megabytes_comes_and_goes() {
    let (temp, (graph, (words, view))) = (
        Temp::new(),
        Graph::build("words", |g| {
            let words = g.input::<String>("words");
            let view = words.view_by("by_word", Index::new("word", String::clone));
            let by_length = Index::new("length", |word: &String| word.len() as i64);
            g.also_by(view, by_length);
            (words.handle(), view)
        })
        .unwrap(),
    );
    let huge = "ü".repeat(5 << 19);
    let mut store = SqliteStore::open(temp.db(), &graph).unwrap();
    store
        .change()
        .insert(words, [huge.clone(), "small".to_string()])
        .commit()
        .unwrap();
    assert_eq!(store.view(view).key(&huge).unwrap().count(), 1);
    assert!(rows(&store, view) == [("small".to_string(), 1), (huge.clone(), 1)]);
    store.change().remove(words, [huge]).commit().unwrap();
    assert_eq!(rows(&store, view), [("small".to_string(), 1)]);
}
