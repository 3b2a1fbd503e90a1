//! The hot set: rows that are kept in memory from one change to the next, within a budget, as long as nobody else commits.

use std::sync::Arc;

use deltaview::prelude::*;
use deltaview_graph::Change;
use deltaview_store::{ChangeId, CommitOptions, ErrorKind, Flush, Time};
use deltaview_store_postgres::PostgresStore;
use futures::TryStreamExt;

use crate::common::{Place, config};
use crate::wire::Wire;

type Sale = (String, i64);

/// Shops, and what is sold there by town.
struct Shops {
    graph: Graph,
    sales: InputHandle<Sale>,
    towns: TableHandle<(String, String), String>,
    sums: ViewHandle<Keyed<String, i64>, String>,
}

fn shops() -> Shops {
    let (graph, (sales, towns, sums)) = Graph::build("shops", |g| {
        let sales = g.input::<Sale>("sales");
        let by_name = || Index::new("name", |shop: &(String, String)| shop.0.clone());
        let towns = g.table("towns", by_name());
        let by_shop = Index::new("shop", |sale: &Sale| sale.0.clone());
        let sold = sales.join(towns, by_shop, by_name());
        let by_town = Index::new("town", |sold: &Pair<Sale, (String, String)>| {
            sold.right.1.clone()
        });
        let sums = sold.group_by(by_town).sum(|sold| sold.left.1).view("sums");
        (sales.handle(), towns.handle(), sums)
    })
    .unwrap();
    Shops {
        graph,
        sales,
        towns,
        sums,
    }
}

impl Shops {
    fn sale(&self, shop: &str, price: i64) -> Change {
        let change = self.graph.change();
        change.insert(self.sales, [(shop.to_string(), price)])
    }

    async fn sell(&self, store: &PostgresStore, shop: &str, price: i64) {
        store.commit(&self.sale(shop, price)).await.unwrap();
    }

    /// Shops `a` and `b` in one town, and `c` in another.
    async fn open(&self, store: &PostgresStore) {
        let shop = |name: &str, town: &str| (name.to_string(), town.to_string());
        let shops = [shop("a", "here"), shop("b", "here"), shop("c", "there")];
        let change = store.change().insert(self.towns, shops);
        change.commit().await.unwrap();
    }

    async fn sum(&self, store: &PostgresStore, town: &str) -> Option<i64> {
        let row = store.view(self.sums).get(&town.to_string()).await.unwrap();
        row.map(|row| row.value)
    }
}

#[tokio::test]
async fn what_was_looked_up_is_not_looked_up_again() {
    for (budget, expected) in [(0, [3, 3, 3]), (1_000_000, [2, 2, 2])] {
        let (shops, wire) = (shops(), Arc::new(Wire::default()));
        let place = Place::with_pool(wire.pool(config(), 1));
        let options = place.options().hot_set(budget);
        let store = options.connect(place.pool.clone(), &shops.graph).await;
        let store = store.unwrap();
        shops.open(&store).await;
        let mut counted = Vec::new();
        for price in [1, 2, 4] {
            wire.round_trips();
            shops.sell(&store, "a", price).await;
            counted.push(wire.round_trips());
        }
        // Those of the shop, of its town, and the writes: the shop is known, and then its town as well.
        assert_eq!(counted, expected);
        assert_eq!(store.hot_set_bytes() > 0, budget > 0);
        assert_eq!(shops.sum(&store, "here").await, Some(7));
    }
}

#[tokio::test]
async fn what_another_store_commits_is_seen() {
    let (shops, place) = (shops(), Place::new());
    let one = place.connect(&shops.graph).await;
    let other = place.connect(&shops.graph).await;
    shops.open(&one).await;
    let mut sum = 0;
    for round in 0..20 {
        for store in [&one, &other] {
            shops
                .sell(store, if round % 3 == 0 { "a" } else { "b" }, 1)
                .await;
            sum += 1;
            assert_eq!(shops.sum(&one, "here").await, Some(sum));
        }
    }
    // A shop moves, of which one knows nothing.
    let moves = ("a".to_string(), "there".to_string());
    other
        .change()
        .upsert(shops.towns, [moves])
        .commit()
        .await
        .unwrap();
    for _ in 0..3 {
        shops.sell(&one, "a", 100).await;
    }
    let moved = [0, 3, 6, 9, 12, 15, 18].len() as i64 * 2;
    assert_eq!(shops.sum(&one, "here").await, Some(sum - moved));
    assert_eq!(shops.sum(&one, "there").await, Some(moved + 300));
    assert!(one.verify(shops.sums).await.unwrap().is_right());
}

/// Whoever commits, and however: each change sees all that were committed before it.
#[tokio::test]
async fn each_way_of_committing_is_noticed() {
    let (shops, place) = (shops(), Place::new());
    let store = place.connect(&shops.graph).await;
    let other = place.connect(&shops.graph).await;
    shops.open(&store).await;
    let mut sum = 0;
    for way in 0..5 {
        for _ in 0..6 {
            // So that something is kept again.
            shops.sell(&store, "a", 1).await;
            sum += 1;
        }
        let sale = shops.sale("a", 10);
        let options = CommitOptions::new();
        let options = match way {
            0 => options,
            1 => options.change_id(ChangeId::new("a change").unwrap()),
            2 => options.at(Flush::EachTable),
            3 => options.at(Time::at(1_000)),
            _ => {
                // Within a transaction of the application's, which is taken back once, and kept once.
                for keeps in [false, true] {
                    let mut client = place.pool.get().await.unwrap();
                    let tx = client.transaction().await.unwrap();
                    store.commit_in(&tx, &sale).await.unwrap();
                    if keeps {
                        tx.commit().await.unwrap();
                        sum += 10;
                    } else {
                        tx.rollback().await.unwrap();
                    }
                    shops.sell(&store, "b", 1).await;
                    sum += 1;
                }
                continue;
            }
        };
        other.commit_with(&sale, &options).await.unwrap();
        sum += 10;
        shops.sell(&store, "b", 1).await;
        sum += 1;
        assert_eq!(shops.sum(&store, "here").await, Some(sum), "way {way}");
    }
    assert_eq!(shops.sum(&store, "here").await, Some(sum));
    assert!(store.verify(shops.sums).await.unwrap().is_right());
}

#[tokio::test]
async fn many_tasks_of_one_store_lose_nothing() {
    let (shops, place) = (Arc::new(shops()), Place::new());
    let store = place.connect(&shops.graph).await;
    shops.open(&store).await;
    let tasks = (0..4).map(|_| {
        let (store, shops) = (store.clone(), Arc::clone(&shops));
        tokio::spawn(async move {
            for _ in 0..10 {
                shops.sell(&store, "a", 1).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(shops.sum(&store, "here").await, Some(40));
    assert!(store.verify(shops.sums).await.unwrap().is_right());
}

#[tokio::test]
async fn a_change_that_fails_leaves_nothing_in_it() {
    let (shops, place) = (shops(), Place::new());
    let store = place.connect(&shops.graph).await;
    shops.open(&store).await;
    shops.sell(&store, "a", i64::MAX).await;
    let error = store.commit(&shops.sale("b", 1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tick);
    assert_eq!(store.hot_set_bytes(), 0);
    shops.sell(&store, "a", -1).await;
    assert_eq!(shops.sum(&store, "here").await, Some(i64::MAX - 1));
}

#[tokio::test]
async fn it_never_exceeds_its_budget() {
    let (shops, place) = (shops(), Place::new());
    let budget = 20_000;
    let options = place.options().hot_set(budget);
    let store = options
        .connect(place.pool.clone(), &shops.graph)
        .await
        .unwrap();
    let shop = |n: i64| (format!("shop {n}"), format!("town {n}"));
    let change = store.change().insert(shops.towns, (0..60).map(shop));
    change.commit().await.unwrap();
    let (mut largest, mut dropped) = (0, false);
    for n in 0..90 {
        let before = store.hot_set_bytes();
        shops.sell(&store, &format!("shop {}", n % 60), n).await;
        let held = store.hot_set_bytes();
        assert!(held <= budget, "{held}");
        largest = largest.max(held);
        dropped |= held < before;
    }
    assert!(dropped && largest > budget / 2, "{largest}");
    assert_eq!(shops.sum(&store, "town 3").await, Some(3 + 63));
    let rows: Vec<_> = store
        .view(shops.sums)
        .iter()
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(rows.len(), 60);

    let without = place.options().hot_set(0);
    let without = without
        .connect(place.pool.clone(), &shops.graph)
        .await
        .unwrap();
    shops.sell(&without, "shop 1", 1).await;
    assert_eq!(without.hot_set_bytes(), 0);
}
