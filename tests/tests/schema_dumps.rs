//! What the `schema` command prints, run on a real database: it must make what a store makes when it first opens one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use deltaview::prelude::*;
use deltaview::schema_command::{Outcome, SchemaCommand};
use deltaview::sqlite::SqliteDialect;
use rusqlite::Connection;
use rusqlite::types::Value;

#[allow(
    dead_code,
    reason = "the examples' programs are in it, of which only the graphs are used"
)]
#[path = "../../xtask/src/schema/examples.rs"]
mod examples;

#[test]
fn every_dump_makes_what_open_makes() {
    let graphs = examples::graphs().unwrap();
    let mut seen = Vec::new();
    for file in dumps() {
        let name = file.file_name().unwrap().to_str().unwrap();
        let [graph, dialect, "sql"] = name.split('.').collect::<Vec<_>>()[..] else {
            panic!("{name} is not named <graph>.<dialect>.sql");
        };
        if dialect == "postgres" {
            // The tests in `postgres_dumps` run them, each of them and no other.
            continue;
        }
        assert_eq!(
            dialect, "sqlite",
            "{name}: no test runs the dumps of this dialect"
        );
        let graph = graphs.iter().find(|known| known.name() == graph);
        let graph = graph.unwrap_or_else(|| panic!("{name} is the dump of no example's graph"));
        assert_makes_what_open_makes(&fs::read_to_string(&file).unwrap(), &[graph]);
        seen.push(graph.name());
    }
    seen.sort_unstable();
    let mut expected: Vec<&str> = graphs.iter().map(Graph::name).collect();
    expected.sort_unstable();
    assert_eq!(seen, expected, "every example's graph has one dump");
}

#[test]
fn several_graphs_make_one_database() {
    let graphs = examples::graphs().unwrap();
    let graphs: Vec<&Graph> = graphs.iter().collect();
    assert_makes_what_open_makes(&printed(&graphs), &graphs);
}

#[test]
fn names_and_keys_of_every_kind_are_written_as_open_writes_them() {
    let awkward = awkward("it's \"odd\"; --\n*/ 名");
    assert_makes_what_open_makes(&printed(&[&awkward]), &[&awkward]);
}

#[test]
fn the_comparison_sees_a_table_an_index_and_a_field() {
    let graph = awkward("odd");
    let made = Made::by_open(&[&graph]);
    let sql = printed(&[&graph]);
    for (what, changed) in [
        ("an index", sql.replacen(" DESC", "", 1)),
        (
            "a column",
            sql.replacen("\"c\" INTEGER NOT NULL", "\"c\" INTEGER", 1),
        ),
        (
            "a field of the row",
            sql.replacen("row.shelf", "row.place", 1),
        ),
    ] {
        assert_ne!(changed, sql, "{what} is in the text");
        assert_ne!(Made::by_sql(&changed).0, made, "{what}");
    }
}

/// A row with a key that may be missing, a descending one, and a quote to escape.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(name = "by_place", columns(shelf, weight desc))]
struct Item {
    #[index]
    shelf: Option<String>,
    #[index]
    weight: u64,
    label: String,
}

/// Inputs, a keyed table, a join, a group, a view by two indexes and a view of one row.
fn awkward(name: &str) -> Graph {
    let built = Graph::build(name, |g| {
        let items = g.input::<Item>("items");
        let weights = g.table("the \"weights\" it's", Item::by_weight());
        let view = items.view_by("by place", Item::by_place());
        g.also_by(view, Item::by_weight());
        items
            .join(weights, Item::by_shelf(), Item::by_shelf())
            .view("pairs");
        items
            .group_by(Item::by_shelf())
            .sum(|item| item.weight as i64)
            .view("totals");
        items
            .group_by(Index::new("all", |_: &Item| ()))
            .count()
            .view("count");
    });
    built.unwrap().0
}

/// What is in a database: its schema, as SQLite keeps it, and the rows of the tables that every store has.
#[derive(Debug, PartialEq)]
struct Made {
    schema: Vec<Vec<Value>>,
    catalog: Vec<Vec<Value>>,
    last_update: Vec<Vec<Value>>,
    clock: Vec<Vec<Value>>,
}

impl Made {
    fn by_open(graphs: &[&Graph]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("opened.db");
        for graph in graphs {
            SqliteStore::open(&file, graph).unwrap();
        }
        Self::read(&file)
    }

    /// The folder goes with the file in it when it is dropped.
    fn by_sql(sql: &str) -> (Self, tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("made.db");
        Connection::open(&file).unwrap().execute_batch(sql).unwrap();
        (Self::read(&file), folder, file)
    }

    fn read(file: &Path) -> Self {
        let conn = Connection::open(file).unwrap();
        let rows = |sql: &str| -> Vec<Vec<Value>> {
            let mut statement = conn.prepare(sql).unwrap();
            let columns = statement.column_count();
            let rows = statement.query_map([], |row| (0..columns).map(|i| row.get(i)).collect());
            rows.unwrap().collect::<Result<_, _>>().unwrap()
        };
        Self {
            schema: rows("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"),
            catalog: rows("SELECT * FROM deltaview_catalog ORDER BY 1, 2, 3"),
            last_update: rows("SELECT * FROM deltaview_last_update ORDER BY 1, 2"),
            clock: rows("SELECT * FROM deltaview_clock ORDER BY 1"),
        }
    }
}

fn assert_makes_what_open_makes(sql: &str, graphs: &[&Graph]) {
    let (made, _folder, file) = Made::by_sql(sql);
    assert_eq!(made, Made::by_open(graphs), "\n{sql}");
    assert!(made.schema.len() > 3, "the graphs have tables of their own");
    for graph in graphs {
        SqliteStore::open_existing(&file, graph).unwrap();
    }
}

fn printed(graphs: &[&Graph]) -> String {
    let command = graphs.iter().fold(
        SchemaCommand::new().dialect(SqliteDialect),
        |command, graph| command.graph(*graph),
    );
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let outcome = command.execute(["--dialect", "sqlite"], &mut out, &mut err);
    assert_eq!(outcome, Outcome::Done, "{}", String::from_utf8_lossy(&err));
    String::from_utf8(out).unwrap()
}

fn dumps() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema");
    let listed =
        fs::read_dir(&folder).expect("the workspace has its dumps: cargo xtask schema --write");
    let files = listed.map(|entry| entry.unwrap().path());
    files
        .filter(|file| file.extension().is_some_and(|extension| extension == "sql"))
        .collect()
}
