//! What everybody does first: connect, commit, read.

use deltaview::prelude::*;
use deltaview_store::ErrorKind;
use deltaview_store_postgres::tokio_postgres::IsolationLevel;
use deltaview_store_postgres::tokio_postgres::types::Type;
use futures::TryStreamExt;

use crate::common::Place;
use crate::shop::Shop;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
struct Product {
    #[index]
    name: String,
    price: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
struct Line {
    basket: u32,
    #[index]
    product: String,
    quantity: i64,
}

#[tokio::test]
async fn totals_of_baskets_are_kept() {
    let (graph, (products, lines, joined, totals)) = Graph::build("receipts", |g| {
        let products = g.input::<Product>("products");
        let lines = g.input::<Line>("lines");
        let joined = products.join(lines, Product::by_name(), Line::by_product());
        let totals = joined
            .group_by(Index::new("basket", |p: &Pair<Product, Line>| {
                p.right.basket
            }))
            .sum(|p| p.left.price * p.right.quantity);
        (
            products.handle(),
            lines.handle(),
            joined.output("joined"),
            totals.view("totals"),
        )
    })
    .unwrap();
    let place = Place::new();
    let store = place.connect(&graph).await;
    let product = |name: &str, price| Product {
        name: name.to_string(),
        price,
    };
    let line = |basket, product: &str, quantity| Line {
        basket,
        product: product.to_string(),
        quantity,
    };
    store
        .change()
        .insert(products, [product("tv", 3), product("radio", 5)])
        .commit()
        .await
        .unwrap();
    let changed = store
        .change()
        .insert(
            lines,
            [line(1, "tv", 2), line(1, "radio", 1), line(2, "tv", 1)],
        )
        .commit()
        .await
        .unwrap();
    assert_eq!(changed.time(), 2);
    assert_eq!(changed.get(joined).unwrap().len(), 3);
    let again = place.connect(&graph).await;
    let rows: Vec<_> = again
        .view(totals)
        .iter()
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(rows, [(Keyed::new(1, 11), 1), (Keyed::new(2, 3), 1)]);
    assert_eq!(
        store.view(totals).get(&2).await.unwrap(),
        Some(Keyed::new(2, 3))
    );
    assert_eq!(store.time().await.unwrap(), 2);
}

#[tokio::test]
async fn rows_and_views_are_committed_together() {
    let mut shop = Shop::new();
    let place = Place::new();
    let store = place.connect(&shop.graph).await;
    place.run("CREATE TABLE log (line text PRIMARY KEY)").await;
    let insert = format!("INSERT INTO \"{}\".log VALUES ('a')", place.schema);
    let settings = "SELECT current_setting('enable_sort') || current_setting('enable_bitmapscan') \
                    || current_setting('jit')";
    let mut client = place.pool.get().await.unwrap();

    let tx = client.transaction().await.unwrap();
    tx.batch_execute(&insert).await.unwrap();
    tx.batch_execute("SET LOCAL jit = on").await.unwrap();
    for number in 0..3 {
        let change = shop.change(number);
        let committed = store.commit_in(&tx, &change).await.unwrap();
        assert_eq!(committed.time(), i64::from(number) + 1);
        shop.expect(&change);
    }
    assert_eq!(
        store.time().await.unwrap(),
        0,
        "nobody sees it before it is committed"
    );
    let row = tx.query_one(settings, &[]).await.unwrap();
    assert_eq!(
        row.get::<_, &str>(0),
        "ononon",
        "the settings are the caller's"
    );
    tx.commit().await.unwrap();
    shop.assert_same(&store).await;

    // A change that fails leaves the transaction usable; one that is rolled back leaves nothing.
    let tx = client.transaction().await.unwrap();
    let again = store.commit_in(&tx, &shop.change(1)).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Tick, "{again}");
    let change = shop.change(3);
    store.commit_in(&tx, &change).await.unwrap();
    tx.batch_execute(&insert).await.unwrap_err();
    drop(tx);
    shop.assert_same(&store).await;

    // The transactions of `deadpool_postgres` are taken, and savepoints of the caller's own.
    let mut tx = client.transaction().await.unwrap();
    let savepoint = tx.transaction().await.unwrap();
    store.commit_in(&savepoint, &change).await.unwrap();
    savepoint.rollback().await.unwrap();
    store.commit_in(&tx, &change).await.unwrap();
    tx.commit().await.unwrap();
    shop.expect(&change);
    shop.assert_same(&store).await;
    assert_eq!(place.number("SELECT count(*) FROM log").await, 1);
}

#[tokio::test]
async fn a_transaction_that_sees_an_older_state_is_in_conflict() {
    let mut shop = Shop::new();
    let place = Place::new();
    let store = place.connect(&shop.graph).await;
    for isolation in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let mut client = place.pool.get().await.unwrap();
        let tx = client.build_transaction().isolation_level(isolation);
        let tx = tx.start().await.unwrap();
        tx.query_one("SELECT 1", &[]).await.unwrap();
        let number = u32::try_from(store.time().await.unwrap()).unwrap();
        let change = shop.change(number);
        store.commit(&change).await.unwrap();
        shop.expect(&change);
        let error = store
            .commit_in(&tx, &shop.change(number + 1))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.is_retryable());
        drop(tx);
        let tx = client.build_transaction().isolation_level(isolation);
        let tx = tx.start().await.unwrap();
        let change = shop.change(number + 1);
        store.commit_in(&tx, &change).await.unwrap();
        tx.commit().await.unwrap();
        shop.expect(&change);
        shop.assert_same(&store).await;
    }
}

#[tokio::test]
async fn a_transaction_on_another_database_is_told() {
    let shop = Shop::new();
    let place = Place::new();
    let store = place.connect(&shop.graph).await;
    place
        .run("ALTER TABLE deltaview_clock RENAME TO somewhere_else")
        .await;
    let mut client = place.pool.get().await.unwrap();
    let tx = client.transaction().await.unwrap();
    let error = store.commit_in(&tx, &shop.change(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotDeltaview, "{error}");
    drop(tx);
    let error = place
        .options()
        .connect_existing(place.pool.clone(), &shop.graph)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
}

#[tokio::test]
async fn connecting_makes_what_the_dialect_says() {
    let shop = Shop::new();
    let place = Place::new();
    let missing = place
        .options()
        .connect_existing(place.pool.clone(), &shop.graph)
        .await
        .unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotDeltaview, "{missing}");
    let twin = Place::new();
    let schema = format!("\"{}\"", twin.schema.replace('"', "\"\""));
    let sql = deltaview_store_postgres::schema_sql(&shop.graph).replace("\"deltaview\"", &schema);
    twin.run(&sql).await;
    place.connect(&shop.graph).await;
    let columns = "SELECT table_name::text || ' ' || column_name || ' ' || udt_name || ' ' || is_nullable || ' ' || \
                   coalesce(collation_name, '') FROM information_schema.columns WHERE table_schema = $1 \
                   UNION ALL SELECT replace(indexdef, quote_ident($1), '') FROM pg_indexes WHERE schemaname = $1 ORDER BY 1";
    let client = place.pool.get().await.unwrap();
    let mut made = Vec::new();
    for schema in [&place.schema, &twin.schema] {
        let rows = client
            .query_typed(columns, &[(schema, Type::TEXT)])
            .await
            .unwrap();
        let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert!(lines.len() > 20, "{lines:?}");
        made.push(lines);
    }
    assert_eq!(made[0], made[1]);
    twin.options()
        .connect_existing(twin.pool.clone(), &shop.graph)
        .await
        .unwrap();
}
