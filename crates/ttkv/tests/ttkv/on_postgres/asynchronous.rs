//! The asynchronous map: that it says what the blocking one says of the same table, and its writes in a transaction of the
//! caller's.

use std::time::Duration;

use deltaview::PostgresOptions;
use deltaview::prelude::*;
use deltaview_ttkv::{BlockingPostgresTimeMap, Error, PostgresTimeMap, Time};

use super::maps::{Place, url};
use crate::common::time;

type Blocking = BlockingPostgresTimeMap<String, i64>;
type Map = PostgresTimeMap<String, i64>;

fn maps(place: &Place) -> (Blocking, Map) {
    let blocking = Blocking::connect(&url(), "rows", &place.options()).unwrap();
    let map = Map::over(blocking.versions().versions().clone());
    (blocking, map)
}

fn key(name: &str) -> String {
    name.to_string()
}

/// Collects what has a `next` to be awaited.
macro_rules! all {
    ($rows:expr) => {{
        let mut rows = $rows;
        let mut found = Vec::new();
        while let Some(row) = rows.next().await {
            found.push(row.unwrap());
        }
        found
    }};
}

#[test]
fn it_says_what_the_blocking_one_says() {
    let place = Place::new();
    let (blocking, map) = maps(&place);
    let [first, second, gone] = blocking.versions().block_on(async {
        assert_eq!(map.last().await.unwrap(), None);
        let first = map
            .put_many((0..2_500).map(|i| (format!("{i:04}"), i)))
            .await
            .unwrap();
        let second = map.put(&key("0007"), &-7).await.unwrap();
        let gone = map.remove(&key("0008")).await.unwrap();
        [first, second, gone]
    });
    let times: Vec<Time> = blocking.times_all().collect::<Result<_, _>>().unwrap();
    assert_eq!(times, [gone, second, first]);
    let rows: Vec<(String, i64)> = blocking
        .iter_at(second)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let history: Vec<_> = blocking
        .history(&key("0007"))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let delta = blocking.between(first, gone).unwrap();
    assert_eq!(delta.len(), 3);
    blocking.versions().block_on(async {
        assert_eq!(all!(map.times_all()), times);
        assert_eq!(all!(map.iter_at(second).await.unwrap()), rows);
        assert_eq!(all!(map.history(&key("0007")).unwrap()), history);
        let times_of: Vec<Time> = history.iter().map(|version| version.time).collect();
        assert_eq!(all!(map.times(&key("0007")).unwrap()), times_of);
        let mut since = map
            .watch_since(key("0007")..=key("0008"), first)
            .await
            .unwrap();
        for (time, name, value) in [(second, "0007", Some(-7)), (gone, "0008", None)] {
            let change = since.next_within(Duration::ZERO).await.unwrap().unwrap();
            assert_eq!(
                (change.time, change.key, change.value),
                (time, key(name), value)
            );
        }
        assert!(since.next_within(Duration::ZERO).await.unwrap().is_none());
        assert_eq!(map.between(first, gone).await.unwrap(), delta);
        assert_eq!(
            map.between(gone, first).await.unwrap(),
            delta.try_neg().unwrap()
        );
        let mut both = map.range(key("0007")..key("0010")).await.unwrap();
        assert_eq!(both.next_back().await.unwrap().unwrap(), (key("0009"), 9));
        assert_eq!(both.next().await.unwrap().unwrap(), (key("0007"), -7));
        assert!(both.next().await.is_none() && both.next_back().await.is_none());
        let snapshot = map.snapshot(first).await.unwrap();
        assert_eq!(snapshot.get(&key("0008")).await.unwrap(), Some(8));
        assert_eq!(
            snapshot.get_many([key("0007"), key("x")]).await.unwrap(),
            [Some(7), None]
        );
        assert_eq!(all!(snapshot.range(..key("0002")).await.unwrap()).len(), 2);

        let seen = map.get_version(&key("0007")).await.unwrap().unwrap();
        map.compare_and_put(&key("0007"), Some(seen.time), &1)
            .await
            .unwrap();
        let error = map
            .compare_and_remove(&key("0007"), seen.time)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Changed { .. }), "{error}");

        let mut watch = map.watch(key("a")..).await.unwrap();
        map.put(&key("0001"), &0).await.unwrap();
        let put = map.put(&key("b"), &1).await.unwrap();
        let change = watch
            .next_within(Duration::from_secs(60))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (change.time, change.key, change.value),
            (put, key("b"), Some(1))
        );
        assert!(watch.next_within(Duration::ZERO).await.unwrap().is_none());

        // What is over and not settled yet is settled by whoever asks.
        let after = time(put.nanos() + 1);
        while let Err(Error::Future { .. }) = map.get_at(&key("b"), after).await {}
        assert!(map.last().await.unwrap() >= Some(after));
        let error = map.get_at(&key("b"), Time::MAX).await.unwrap_err();
        assert!(matches!(error, Error::Future { .. }));
        // Two of 0007, the two of 0008, and one of 0001.
        let steps = all!(map.forget_in_steps(put).await.unwrap());
        assert!(
            steps.len() > 1,
            "more than two thousand versions are looked at"
        );
        assert_eq!(steps.iter().sum::<usize>(), 5);
        assert_eq!(map.forget_before(put).await.unwrap(), 0);
        assert_eq!(map.horizon().await.unwrap(), Some(put));
        let error = map.get_at(&key("b"), gone).await.unwrap_err();
        assert!(matches!(error, Error::Forgotten { .. }));
    });
}

#[test]
fn a_map_is_an_input_of_a_graph() {
    let place = Place::new();
    let (blocking, map) = maps(&place);
    let (graph, (prices, dear)) = Graph::build("shop", |g| {
        let prices = g.input::<(String, i64)>("prices");
        (prices.handle(), prices.filter(|row| row.1 > 3).view("dear"))
    })
    .unwrap();
    blocking.versions().block_on(async {
        let pool = blocking.versions().versions().pool().clone();
        let options: PostgresOptions = place.options();
        let store = options.connect(pool.clone(), &graph).await.unwrap();
        let mut client = pool.get().await.unwrap();
        for (keep, expected) in [(false, 0), (true, 1)] {
            let tx = client.transaction().await.unwrap();
            let changed = map.put_in(&tx, &key("tea"), &3).await.unwrap();
            let change = graph.change().add(prices, changed.rows);
            store.commit_in(&tx, &change).await.unwrap();
            let entries = [(key("tea"), Some(4)), (key("rice"), Some(2))];
            let changed = map.change_in(&tx, entries).await.unwrap();
            assert_eq!(changed.rows.len(), 3);
            let change = graph.change().add(prices, changed.rows);
            store.commit_in(&tx, &change).await.unwrap();
            if keep {
                tx.commit().await.unwrap();
            } else {
                tx.rollback().await.unwrap();
            }
            let mut rows = store.view(dear).iter().await.unwrap();
            let mut count = 0;
            while let Some(row) = rows.next().await {
                assert_eq!(row.unwrap().0, (key("tea"), 4));
                count += 1;
            }
            assert_eq!(count, expected);
            assert_eq!(map.get(&key("tea")).await.unwrap(), keep.then_some(4));
        }
    });
}
