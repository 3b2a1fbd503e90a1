//! The tables of a graph, word for word.

use deltaview::prelude::*;
use deltaview_store_postgres::schema_sql;

/// A row type with every sort of column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(name = "by_all", columns(name desc, size, big))]
struct Thing {
    name: Option<String>,
    size: i32,
    big: u64,
    #[index]
    there: Option<bool>,
}

fn tables_sql(graph: &Graph) -> String {
    let sql = schema_sql(graph);
    let start = sql
        .find("CREATE TABLE \"deltaview\".\"g")
        .expect("the graph has a table");
    let end = sql
        .find("INSERT INTO")
        .expect("the tables are entered in the catalog");
    sql[start..end].to_string()
}

#[test]
fn every_sort_of_column_is_native_and_indexed_as_rust_orders_it() {
    let (graph, ()) = Graph::build("g", |g| {
        let view = g.input::<Thing>("things").view_by("v", Thing::by_all());
        g.also_by(view, Thing::by_there());
    })
    .expect("the graph is right");
    assert_eq!(
        tables_sql(&graph),
        r#"CREATE TABLE "deltaview"."g__v__view" (
  "ixd__all__name" text COLLATE "C",
  "ixd__all__size" bigint NOT NULL,
  "ixd__all__big" bytea NOT NULL,
  "identity" bytea NOT NULL,
  "data" bytea,
  "c" bigint NOT NULL,
  "ixd__there__there" boolean
);
CREATE UNIQUE INDEX "g__v__view__key" ON "deltaview"."g__v__view" (("ixd__all__name" IS NOT NULL) DESC, (COALESCE("ixd__all__name", '')) DESC, "ixd__all__size", "ixd__all__big", "identity");
CREATE INDEX "g__v__view__ix__there" ON "deltaview"."g__v__view" (("ixd__there__there" IS NOT NULL), (COALESCE("ixd__there__there", false)), "identity");
"#
    );
}

#[test]
fn one_row_a_key_needs_no_identity_and_no_count() {
    let (graph, ()) = Graph::build("g", |g| {
        g.table("t", Index::new("id", |row: &(u32, String)| row.0));
    })
    .expect("the graph is right");
    assert_eq!(
        tables_sql(&graph),
        r#"CREATE TABLE "deltaview"."g__t__by_id" (
  "ixd__id__key" bigint NOT NULL,
  "data" bytea NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "g__t__by_id__key" ON "deltaview"."g__t__by_id" ("ixd__id__key");
"#
    );
}

/// Also where a group is not shown, or its row is not written yet.
#[test]
fn a_view_by_the_key_of_its_groups_has_their_states() {
    let by_size = || Index::new("size", |it: &Keyed<u32, i64>| it.value);
    let (graph, ()) = Graph::build("g", |g| {
        let things = g.input::<(u32, i64)>("things");
        let sums = things
            .group_by(Index::new("key", |it: &(u32, i64)| it.0))
            .sum(|it| it.1);
        sums.view("v");
        sums.view_by("w", by_size());
    })
    .expect("the graph is right");
    let sql = tables_sql(&graph);
    let shared = r#"CREATE TABLE "deltaview"."g__v__view" (
  "ixd__key__key" bigint NOT NULL,
  "data" bytea,
  "state" bytea
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "g__v__view__key" ON "deltaview"."g__v__view" ("ixd__key__key");
"#;
    assert!(sql.contains(shared), "{sql}");
    assert!(!sql.contains("groups"), "{sql}");
    // By another index it is a table like any other.
    let (_, other) = sql
        .split_once("g__w__view")
        .expect("the other view has a table");
    assert!(!other.contains("state"), "{sql}");
}

#[test]
fn names_are_cut_to_what_postgres_holds() {
    let long = "an_input_with_a_long_name".repeat(4);
    let (graph, ()) = Graph::build("g", |g| {
        let _handle = g.input::<String>("words").view(long.as_str());
    })
    .expect("the graph is right");
    let sql = schema_sql(&graph);
    let names = sql.split('"').skip(1).step_by(2);
    let longest = names.map(str::len).max().expect("there are names");
    assert_eq!(longest, 63);
}
