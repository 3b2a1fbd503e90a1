//! Rows as JSON: what SQL decodes of a row is what `serde_json` makes of it, but where the docs say otherwise; and what
//! the option makes is made once, renewed, readable by others, and never in the place of somebody else's.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use deltaview::prelude::*;
use deltaview_schema::{Row, Shape};
use deltaview_store::ErrorKind;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Number, Value, json};

use crate::common::{Place, blocking};
use crate::json_rows::{Tree, compounds, floats, inner, int, scalars, text, tree};
use crate::shop::Shop;

/// Whether both are the same JSON. A database has one sort of number.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(read), Value::Number(expected)) => is_same_number(read, expected),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(key, a)| b.get(key).is_some_and(|b| is_same(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        _ => one == other,
    }
}

/// Writes the rows, each under a number, and reads each as JSON's text.
async fn texts<T: Row>(rows: &[T]) -> Vec<String> {
    let (graph, input) = Graph::build("rows", |g| {
        let input = g.input::<Keyed<u32, T>>("input");
        input.view("all");
        input.handle()
    })
    .unwrap();
    let place = Place::new();
    let options = place.options().json(true);
    let store = options.connect(place.pool.clone(), &graph).await.unwrap();
    let numbered = (0..).zip(rows).map(|(n, row)| Keyed::new(n, row.clone()));
    store
        .change()
        .insert(input, numbered)
        .commit()
        .await
        .unwrap();
    let sql = format!(
        "SELECT (\"row\" -> 'value')::text, c, ixd__key__key = (\"row\" ->> 'key')::bigint \
         FROM \"{}\".rows__all__view__json ORDER BY ixd__key__key",
        place.schema
    );
    let read = place
        .pool
        .get()
        .await
        .unwrap()
        .query(&sql, &[])
        .await
        .unwrap();
    for row in &read {
        assert_eq!(row.get::<_, i64>(1), 1);
        assert!(row.get::<_, bool>(2));
    }
    read.iter().map(|row| row.get(0)).collect()
}

/// Whatever they are written like. Where `serde_json` keeps the text of numbers, which another crate of the build may ask
/// of it, an `f32` is written in fewer digits than the `f64` that it is.
fn is_same_number(read: &Number, expected: &Number) -> bool {
    let of_f32 = expected.to_string().parse::<f32>().ok().map(f64::from);
    read == expected || read.as_f64() == expected.as_f64() || read.as_f64() == of_f32
}

/// Rows of a type are what `serde_json` makes of them.
fn check<T: Row>(rows: impl Strategy<Value = T>) {
    let runtime = blocking();
    let mut runner = TestRunner::new(Config::with_cases(4));
    runner
        .run(&vec(rows, 1..64), |rows| {
            let read = runtime.block_on(texts(&rows));
            prop_assert_eq!(read.len(), rows.len());
            for (row, text) in rows.iter().zip(read) {
                let read: Value = serde_json::from_str(&text).unwrap();
                let expected = serde_json::to_value(row).unwrap();
                prop_assert!(is_same(&read, &expected), "{} for {}", read, expected);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn scalars_are_as_serde_has_them() {
    check(scalars());
}

#[test]
fn compounds_are_as_serde_has_them() {
    check(compounds());
}

#[test]
fn joined_rows_are_as_serde_has_them() {
    check((inner(), of(tree())).prop_map(|(left, right)| Pair::new(left, Keyed::new(7_u8, right))));
}

#[test]
fn rows_that_are_no_structs_are_as_serde_has_them() {
    check(int());
    check(text());
    check(of(any::<bool>()));
    check((any::<u16>(), of(inner())));
    check(floats().prop_map(OrderedFloat));
}

/// What the docs say is otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
struct Otherwise {
    #[serde(rename = "type")]
    kind: u8,
    skipping: Skipping,
    event: Event,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    address: IpAddr,
    floats: Vec<OrderedFloat<f64>>,
    above: u128,
    below: i128,
    nul: String,
    by_pair: BTreeMap<(u8, Option<String>), bool>,
    by_option: BTreeMap<Option<bool>, u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
struct Skipping {
    kept: u8,
    #[serde(skip)]
    left_out: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Event {
    Paid(i64),
    Moved { from: u8, to: u8 },
    Sent(u8, u8),
}

impl Indexable for Event {
    type Key = ();
    fn default_index() -> Index<Self, ()> {
        Index::unkeyed()
    }
    fn shape() -> Shape {
        Shape::opaque("Event")
    }
}

#[tokio::test]
async fn what_differs_is_as_the_docs_say() {
    let row = |event| Otherwise {
        kind: 3,
        skipping: Skipping {
            kept: 1,
            left_out: 0,
        },
        event,
        bytes: vec![0, 255],
        address: Ipv4Addr::new(127, 0, 0, 1).into(),
        floats: [f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
            .map(OrderedFloat)
            .into(),
        above: u128::MAX,
        below: i128::MIN,
        nul: "a\0b\0".to_string(),
        by_pair: [((1, Some("a".to_string())), true), ((2, None), false)].into(),
        by_option: [(None, 1), (Some(true), 2)].into(),
    };
    let rows = [
        row(Event::Paid(5)),
        row(Event::Moved { from: 1, to: 2 }),
        row(Event::Sent(3, 4)),
    ];
    let read = texts(&rows).await;
    // The whole numbers are more than `Value` can hold.
    let cut = read.iter().map(|text| {
        let text = text.replace("\"above\": 340282366920938463463374607431768211455, ", "");
        text.replace("\"below\": -170141183460469231731687303715884105728, ", "")
    });
    let events = [
        json!({"Paid": 5}),
        json!({"Moved": [1, 2]}),
        json!({"Sent": [3, 4]}),
    ];
    assert_eq!(read.len(), rows.len());
    for (text, event) in cut.zip(events) {
        let value: Value = serde_json::from_str(&text).unwrap();
        let expected = json!({
            "kind": 3, "skipping": [1], "event": event, "bytes": "\\x00ff", "address": {"V4": [127, 0, 0, 1]},
            "floats": ["NaN", "Infinity", "-Infinity"], "nul": "a\u{2400}b\u{2400}",
            "by_pair": {"[1,\"a\"]": true, "[2,null]": false}, "by_option": {"null": 1, "true": 2},
        });
        assert_eq!(value, expected);
    }
}

#[tokio::test]
async fn a_deep_row_and_a_long_one_are_decoded() {
    let mut tree = Tree {
        leaf: 0,
        left: None,
        more: Vec::new(),
    };
    for leaf in 1..40 {
        tree = Tree {
            leaf,
            left: None,
            more: vec![tree],
        };
    }
    let read = texts(std::slice::from_ref(&tree)).await;
    let value: Value = serde_json::from_str(&read[0]).unwrap();
    assert_eq!(value, serde_json::to_value(&tree).unwrap());

    let long: Vec<String> = (0..20_000).map(|n| "x".repeat(n % 300)).collect();
    let read = texts(std::slice::from_ref(&long)).await;
    let value: Value = serde_json::from_str(&read[0]).unwrap();
    assert_eq!(value, serde_json::to_value(&long).unwrap());
}

#[tokio::test]
async fn damaged_bytes_are_an_error() {
    let shop = Shop::new();
    let place = Place::new();
    let options = place.options().json(true);
    options
        .connect(place.pool.clone(), &shop.graph)
        .await
        .unwrap();
    let client = place.pool.get().await.unwrap();
    let decode = async |bytes: &str| {
        let sql = format!(
            "SELECT \"{}\".deltaview_json(decode('{bytes}', 'hex'), '{{\"root\": null, \"nodes\": []}}')::text",
            place.schema
        );
        let row = client.query_one(&sql, &[]).await;
        row.map(|row| row.get::<_, String>(0))
    };
    assert_eq!(decode("8201f5").await.unwrap(), "[1, true]");
    // Cut short, going on, of unknown length, an unknown tag, an unknown value.
    for bytes in [
        "",
        "82",
        "8201",
        "6261",
        "62",
        "5bffffffffffffffff",
        "19",
        "0101",
        "9f01ff",
        "c001",
        "f7",
        "fc",
    ] {
        assert!(decode(bytes).await.is_err(), "{bytes}");
    }
}

#[tokio::test]
async fn all_views_of_a_graph_are_there_and_a_role_that_reads_sees_them() {
    let mut shop = Shop::new();
    let place = Place::new();
    let options = place.options().json(true);
    let store = options
        .connect(place.pool.clone(), &shop.graph)
        .await
        .unwrap();
    for number in 0..5 {
        let change = shop.change(number);
        store.commit(&change).await.unwrap();
        shop.expect(&change);
    }
    let role = format!("reads {}", place.schema);
    let schema = &place.schema;
    place
        .run(&format!(
            "CREATE ROLE \"{role}\"; GRANT USAGE ON SCHEMA \"{schema}\" TO \"{role}\"; \
             GRANT SELECT ON shop__totals__view__json, shop__joined__view__json, shop__by_note__view__json TO \"{role}\""
        ))
        .await;
    let client = place.pool.get().await.unwrap();
    client
        .batch_execute(&format!(
            "SET ROLE \"{role}\"; SET search_path = \"{schema}\""
        ))
        .await
        .unwrap();

    let sql = "SELECT ixd__key__key, \"row\"::text, c FROM shop__totals__view__json ORDER BY 1";
    let totals = client.query(sql, &[]).await.unwrap();
    let expected = shop.oracle.view(shop.totals).iter().unwrap();
    let expected: Vec<_> = expected.collect::<Result<_, _>>().unwrap();
    assert_eq!(totals.len(), expected.len());
    for (row, (total, weight)) in totals.iter().zip(expected) {
        assert_eq!(row.get::<_, i64>(0), i64::from(total.key));
        let json: Value = serde_json::from_str(row.get(1)).unwrap();
        assert_eq!(json, serde_json::to_value(total).unwrap());
        assert_eq!(row.get::<_, i64>(2), weight);
    }

    let sql = "SELECT \"row\"::text, c FROM shop__joined__view__json";
    let mut joined = ZSet::<Pair<crate::shop::Line, crate::shop::Product>>::default();
    for row in client.query(sql, &[]).await.unwrap() {
        let pair = serde_json::from_str(row.get(0)).unwrap();
        joined.insert(pair, row.get(1)).unwrap();
    }
    let expected = shop.oracle.view(shop.joined).iter().unwrap();
    assert_eq!(joined, expected.into_zset().unwrap());

    let sql = "SELECT count(*) FROM shop__by_note__view__json \
               WHERE \"row\" ->> 'note' IS DISTINCT FROM ixd__note__key";
    assert_eq!(
        client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0),
        0
    );

    let reset =
        format!("RESET ROLE; DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\"; RESET search_path");
    client.batch_execute(&reset).await.unwrap();
}

#[tokio::test]
async fn it_is_made_where_it_is_asked_for_and_renewed_where_it_is_old() {
    let shop = Shop::new();
    let place = Place::new();
    let count = "SELECT count(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace \
                 WHERE relkind = 'v' AND nspname = current_schema()";
    // The text of the function and of all views, and when each was written last.
    let state = "SELECT hashtext(string_agg(x, ' ' ORDER BY x))::bigint FROM (SELECT prosrc || xmin::text FROM pg_proc \
                 WHERE pronamespace = quote_ident(current_schema())::regnamespace UNION ALL SELECT relname || xmin::text FROM pg_class \
                 WHERE relkind = 'v' AND relnamespace = quote_ident(current_schema())::regnamespace) AS all_of_it(x)";
    place.connect(&shop.graph).await;
    assert_eq!(place.number(count).await, 0);
    let with_json = async || {
        let options = place.options().json(true);
        options.connect(place.pool.clone(), &shop.graph).await
    };
    with_json().await.unwrap();
    assert_eq!(place.number(count).await, 3);
    let made = place.number(state).await;
    with_json().await.unwrap();
    place.connect(&shop.graph).await;
    assert_eq!(place.number(state).await, made, "there is nothing to do");

    place
        .run(
            "CREATE OR REPLACE FUNCTION deltaview_json(\"data\" bytea, \"shape\" jsonb) RETURNS jsonb LANGUAGE sql \
             AS 'SELECT NULL::jsonb'; COMMENT ON FUNCTION deltaview_json(bytea, jsonb) IS 'deltaview json 0: an old one'; \
             COMMENT ON VIEW shop__totals__view__json IS 'deltaview json 999: a newer one'; \
             DROP VIEW shop__joined__view__json",
        )
        .await;
    with_json().await.unwrap();
    let is_new = "SELECT count(*) FROM pg_proc WHERE proname = 'deltaview_json' AND prolang <> 14 \
                  AND pronamespace = quote_ident(current_schema())::regnamespace";
    assert_eq!(place.number(is_new).await, 1, "what is old is replaced");
    assert_eq!(place.number(count).await, 3, "what is missing is made");
    let newer = "SELECT count(*) FROM pg_description WHERE description = 'deltaview json 999: a newer one' \
                 AND objoid = 'shop__totals__view__json'::regclass";
    assert_eq!(place.number(newer).await, 1, "what is newer stays");
}

#[tokio::test]
async fn what_is_somebody_elses_stays() {
    for theirs in [
        "CREATE TABLE shop__totals__view__json (a integer)",
        "CREATE VIEW shop__totals__view__json AS SELECT 1 AS a",
        "CREATE FUNCTION deltaview_json(bytea, jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'",
    ] {
        let shop = Shop::new();
        let place = Place::new();
        place
            .pool
            .get()
            .await
            .unwrap()
            .batch_execute(&format!("CREATE SCHEMA \"{}\"", place.schema))
            .await
            .unwrap();
        place.run(theirs).await;
        let options = place.options().json(true);
        let error = options
            .connect(place.pool.clone(), &shop.graph)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
        assert!(
            error.to_string().contains("__json") || error.to_string().contains("deltaview_json")
        );
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'deltaview%'";
        assert_eq!(place.number(tables).await, 0, "the database is as it was");
        place.connect(&shop.graph).await;
    }
}

#[tokio::test]
async fn the_statements_can_be_run_by_hand() {
    let shop = Shop::new();
    let place = Place::new();
    place.connect(&shop.graph).await;
    let schema = format!("\"{}\"", place.schema);
    let sql = deltaview_store_postgres::json_sql(&shop.graph).replace("\"deltaview\"", &schema);
    place.run(&sql).await;
    let views = "SELECT count(*) FROM shop__joined__view__json";
    assert_eq!(place.number(views).await, 0);
}
