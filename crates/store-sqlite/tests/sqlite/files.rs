//! Files that are not what they should be: each is refused with an error that names it, and stays as it was.

use std::path::Path;

use deltaview_graph::{Edit, Graph};
use deltaview_store::{Error, ErrorKind, Store};
use deltaview_store_sqlite::{SqliteOptions, SqliteStore, rusqlite};

use crate::common::{Temp, assert_error, dump, item, product, rows, shop, shop_named};

type Open = fn(&Path, &Graph) -> Result<SqliteStore, Error>;

const EACH_WAY: [Open; 3] = [
    |path, graph| SqliteStore::open(path, graph),
    |path, graph| SqliteStore::open_existing(path, graph),
    |path, graph| SqliteStore::open_read_only(path, graph),
];

const WITHOUT_CREATING: [Open; 2] = [EACH_WAY[1], EACH_WAY[2]];

/// Random bytes; bytes that are fewer than the header of a SQLite file; a text.
#[test]
fn a_file_that_is_no_database_is_refused_and_kept() {
    let noise: Vec<u8> = (0..10_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for content in [
        noise.as_slice(),
        b"short",
        b"Dear diary, ".repeat(200).as_slice(),
    ] {
        for open in EACH_WAY {
            let temp = Temp::new();
            std::fs::write(temp.db(), content).unwrap();
            let error = open(&temp.db(), &shop().graph).unwrap_err();
            let name = temp.db().display().to_string();
            assert_error(
                &error,
                ErrorKind::NotADatabase,
                &[&name, "not a SQLite database"],
            );
            assert_eq!(temp.bytes(), content);
            assert_eq!(temp.files(), ["test.db"]);
        }
    }
}

#[test]
fn an_empty_file_is_a_new_database_only_for_open() {
    for open in WITHOUT_CREATING {
        let temp = Temp::new();
        std::fs::write(temp.db(), b"").unwrap();
        let error = open(&temp.db(), &shop().graph).unwrap_err();
        assert_error(&error, ErrorKind::NotDeltaview, &["test.db", "`shop`"]);
        assert!(temp.bytes().is_empty());
    }
    let temp = Temp::new();
    std::fs::write(temp.db(), b"").unwrap();
    let shop = shop();
    shop.fill(&mut SqliteStore::open(temp.db(), &shop.graph).unwrap());
    let store = SqliteStore::open_existing(temp.db(), &shop.graph).unwrap();
    assert_eq!(shop.totals_of(&store), [(1, 21), (2, 20)]);
}

#[test]
fn a_folder_is_no_database() {
    let temp = Temp::new();
    for open in EACH_WAY {
        let error = open(temp.folder.path(), &shop().graph).unwrap_err();
        assert_error(
            &error,
            ErrorKind::Database,
            &[temp.folder.path().to_str().unwrap()],
        );
    }
}

#[test]
fn a_path_in_a_missing_folder_can_not_be_opened() {
    let temp = Temp::new();
    let path = temp.folder.path().join("missing").join("test.db");
    for open in EACH_WAY {
        let error = open(&path, &shop().graph).unwrap_err();
        assert_error(
            &error,
            ErrorKind::Database,
            &[path.to_str().unwrap(), "can't be opened"],
        );
    }
    assert!(temp.files().is_empty());
}

#[test]
fn a_missing_file_is_created_only_by_open() {
    let temp = Temp::new();
    for open in WITHOUT_CREATING {
        let error = open(&temp.db(), &shop().graph).unwrap_err();
        assert_error(&error, ErrorKind::Database, &["test.db", "can't be opened"]);
        assert!(temp.files().is_empty());
    }
    SqliteStore::open(temp.db(), &shop().graph).unwrap();
    assert_eq!(temp.files(), ["test.db"]);
}

/// The application's own database: it is refused by what creates nothing, and `open` adds its tables beside.
#[test]
fn the_applications_own_database_is_shared() {
    let temp = Temp::new();
    let app = temp.connection();
    app.execute_batch(
        "CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('ann'); CREATE INDEX by_name ON users (name)",
    )
    .unwrap();
    drop(app);
    let before = temp.bytes();
    let shop = shop();
    for open in WITHOUT_CREATING {
        let error = open(&temp.db(), &shop.graph).unwrap_err();
        assert_error(
            &error,
            ErrorKind::NotDeltaview,
            &["test.db", "`shop`", "open"],
        );
        assert_eq!(temp.bytes(), before);
    }
    shop.fill(&mut SqliteStore::open(temp.db(), &shop.graph).unwrap());
    let store = SqliteStore::open(temp.db(), &shop.graph).unwrap();
    assert_eq!(shop.totals_of(&store), [(1, 21), (2, 20)]);
    let name: String = store
        .connection()
        .query_row("SELECT name FROM users", [], |row| row.get(0))
        .unwrap();
    assert_eq!(name, "ann");
}

#[test]
fn a_graph_that_the_file_does_not_have_is_not_there() {
    let temp = Temp::new();
    drop(SqliteStore::open(temp.db(), &shop().graph).unwrap());
    let before = temp.bytes();
    for open in WITHOUT_CREATING {
        let error = open(&temp.db(), &shop_named("other").graph).unwrap_err();
        assert_error(&error, ErrorKind::NotDeltaview, &["`other`"]);
        assert_eq!(temp.bytes(), before);
    }
}

#[test]
fn a_newer_format_is_refused_and_kept() {
    for sql in [
        "UPDATE deltaview_clock SET format_version = 7",
        "UPDATE deltaview_catalog SET format_version = 7 WHERE vertex = 'totals'",
    ] {
        let (temp, shop) = (Temp::new(), shop());
        drop(SqliteStore::open(temp.db(), &shop.graph).unwrap());
        temp.connection().execute_batch(sql).unwrap();
        let before = temp.bytes();
        for open in EACH_WAY {
            let error = open(&temp.db(), &shop.graph).unwrap_err();
            assert_error(
                &error,
                ErrorKind::NewerFormat,
                &["`shop`", "version 7", "newer deltaview"],
            );
            assert_eq!(temp.bytes(), before);
        }
    }
}

#[test]
fn an_older_format_is_refused_and_kept() {
    let (temp, shop) = (Temp::new(), shop());
    drop(SqliteStore::open(temp.db(), &shop.graph).unwrap());
    let sql = "UPDATE deltaview_clock SET format_version = 2";
    temp.connection().execute_batch(sql).unwrap();
    let before = temp.bytes();
    for open in EACH_WAY {
        let error = open(&temp.db(), &shop.graph).unwrap_err();
        assert_error(
            &error,
            ErrorKind::OlderFormat,
            &["`shop`", "version 2", "reads 3", "from its inputs"],
        );
        assert_eq!(temp.bytes(), before);
    }
}

#[test]
fn a_table_that_is_gone_is_named() {
    let (temp, shop) = (Temp::new(), shop());
    drop(SqliteStore::open(temp.db(), &shop.graph).unwrap());
    temp.connection()
        .execute_batch("DROP TABLE shop__sold__view")
        .unwrap();
    let before = temp.bytes();
    for open in EACH_WAY {
        let error = open(&temp.db(), &shop.graph).unwrap_err();
        assert_error(
            &error,
            ErrorKind::Mismatch,
            &["`shop`", "`sold`", "`shop__sold__view`"],
        );
        assert_eq!(temp.bytes(), before);
    }
}

#[test]
fn an_index_that_is_gone_is_named() {
    let (temp, shop) = (Temp::new(), shop());
    drop(SqliteStore::open(temp.db(), &shop.graph).unwrap());
    temp.connection()
        .execute_batch("DROP INDEX shop__sold__view__ix__qty")
        .unwrap();
    let error = SqliteStore::open(temp.db(), &shop.graph).unwrap_err();
    assert_error(
        &error,
        ErrorKind::Mismatch,
        &["`sold`", "`shop__sold__view__ix__qty`"],
    );
}

/// A table, a view or an index of the application's that has a name of ours, however it is spelt.
#[test]
fn a_name_that_somebody_else_has_taken_is_refused() {
    for (sql, name) in [
        (
            "CREATE TABLE shop__totals__view (x)",
            "`shop__totals__view`",
        ),
        (
            "CREATE TABLE SHOP__Totals__view (x)",
            "`shop__totals__view`",
        ),
        (
            "CREATE VIEW shop__totals__view AS SELECT 1",
            "`shop__totals__view`",
        ),
        (
            "CREATE TABLE x (y); CREATE INDEX shop__sold__view__ix__qty ON x (y)",
            "`shop__sold__view__ix__qty`",
        ),
    ] {
        let (temp, shop) = (Temp::new(), shop());
        temp.connection().execute_batch(sql).unwrap();
        let before = temp.bytes();
        let error = SqliteStore::open(temp.db(), &shop.graph).unwrap_err();
        assert_error(&error, ErrorKind::Mismatch, &[name, "another name"]);
        assert_eq!(temp.bytes(), before, "{sql}");
    }
}

/// A catalog that lost its other half is not created over.
#[test]
fn a_catalog_without_its_clock_is_refused_and_kept() {
    for sql in [
        "DROP TABLE deltaview_clock",
        "DELETE FROM deltaview_clock",
        "DELETE FROM deltaview_catalog",
    ] {
        let (temp, shop) = (Temp::new(), shop());
        drop(SqliteStore::open(temp.db(), &shop.graph).unwrap());
        temp.connection().execute_batch(sql).unwrap();
        let before = temp.bytes();
        let error = SqliteStore::open(temp.db(), &shop.graph).unwrap_err();
        assert_error(&error, ErrorKind::Mismatch, &["`shop`"]);
        assert_eq!(temp.bytes(), before, "{sql}");
    }
}

#[test]
fn a_store_that_only_reads_refuses_to_write() {
    let (temp, shop) = (Temp::new(), shop());
    shop.fill(&mut SqliteStore::open(temp.db(), &shop.graph).unwrap());
    let before = temp.bytes();
    let mut store = SqliteStore::open_read_only(temp.db(), &shop.graph).unwrap();
    let error = store
        .change()
        .insert(shop.items, [item(4, 2, 1)])
        .commit()
        .unwrap_err();
    assert_error(&error, ErrorKind::ReadOnly, &["can only be read"]);
    assert!(!error.is_retryable());
    assert_eq!(shop.totals_of(&store), [(1, 21), (2, 20)]);
    assert_eq!(store.time().unwrap(), 1);
    drop(store);
    assert_eq!(temp.bytes(), before);
}

#[test]
fn a_connection_that_only_reads_refuses_to_write() {
    let (temp, shop) = (Temp::new(), shop());
    shop.fill(&mut SqliteStore::open(temp.db(), &shop.graph).unwrap());
    let conn = temp.connection();
    conn.pragma_update(None, "query_only", true).unwrap();
    let mut store = SqliteStore::from_connection(conn, &shop.graph).unwrap();
    let error = store
        .change()
        .upsert(shop.products, [product(1, 9)])
        .commit()
        .unwrap_err();
    assert_error(&error, ErrorKind::ReadOnly, &["can only be read"]);
    assert_eq!(shop.totals_of(&store), [(1, 21), (2, 20)]);

    let conn = temp.connection();
    conn.pragma_update(None, "query_only", true).unwrap();
    let error = SqliteStore::from_connection(conn, &shop_named("other").graph).unwrap_err();
    assert_error(&error, ErrorKind::ReadOnly, &["`other`"]);
}

/// A full disk stops a commit as a whole; the same change commits once there is room.
#[test]
fn a_full_disk_stops_a_commit_as_a_whole() {
    let (temp, shop) = (Temp::new(), shop());
    let mut store = SqliteStore::open(temp.db(), &shop.graph).unwrap();
    shop.fill(&mut store);
    let before = dump(store.connection());
    let pages: i64 = store
        .connection()
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    limit_pages(store.connection(), pages + 2);
    let change = shop
        .graph
        .change()
        .upsert(shop.products, [product(1, 1)])
        .insert(shop.items, (10..2_000).map(|number| item(number, 1, 1)));
    let error = store.commit(&change).unwrap_err();
    assert_error(
        &error,
        ErrorKind::Full,
        &["disk is full", "commit the change again"],
    );
    assert_eq!(dump(store.connection()), before);
    assert_eq!(shop.totals_of(&store), [(1, 21), (2, 20)]);
    assert_eq!(store.time().unwrap(), 1);

    limit_pages(store.connection(), i64::from(u32::MAX) - 1);
    assert_eq!(store.commit(&change).unwrap().time(), 2);
    assert_eq!(shop.totals_of(&store), [(1, 7 + 1_990), (2, 20)]);
    assert_eq!(rows(&store, shop.sold).len(), 3 + 1_990);
}

#[test]
fn a_full_disk_stops_the_creation_as_a_whole() {
    let temp = Temp::new();
    let conn = temp.connection();
    conn.execute_batch("CREATE TABLE app (x)").unwrap();
    limit_pages(&conn, 4);
    let before = temp.bytes();
    let error = SqliteStore::from_connection(conn, &shop().graph).unwrap_err();
    assert_error(&error, ErrorKind::Full, &["`shop`"]);
    assert_eq!(temp.bytes(), before);
}

fn limit_pages(conn: &rusqlite::Connection, pages: i64) {
    conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
        .unwrap();
}

/// The settings that the options promise, read back from SQLite.
#[test]
fn a_file_is_opened_as_the_options_say() {
    use deltaview_store_sqlite::Synchronous;
    let (temp, shop) = (Temp::new(), shop());
    let synchronous = |options: SqliteOptions| -> (String, i64, i64) {
        let store = options.open(temp.db(), &shop.graph).unwrap();
        let read = |pragma: &str| {
            store
                .connection()
                .query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
                .unwrap()
        };
        let mode = store
            .connection()
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .unwrap();
        (mode, read("synchronous"), read("cache_size"))
    };
    let wal = |synchronous, cache| ("wal".to_string(), synchronous, cache);
    assert_eq!(synchronous(SqliteOptions::new()), wal(2, -64 * 1024));
    let less = SqliteOptions::new()
        .synchronous(Synchronous::Normal)
        .cache_kib(100);
    assert_eq!(synchronous(less), wal(1, -100));
    assert_eq!(
        synchronous(SqliteOptions::new().synchronous(Synchronous::Off)),
        wal(0, -64 * 1024)
    );
}
