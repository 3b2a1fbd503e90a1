//! Changes that go stage by stage make what changes make that go at once, one after the other and side by side.

use deltaview::prelude::*;
use deltaview_store::{CommitOptions, Flush};
use futures::future::{join_all, try_join_all};

use super::{staged, worker};
use crate::common::Place;
use crate::shop::Shop;
use crate::words::Words;

#[tokio::test]
async fn a_change_in_stages_is_the_same_change() {
    let mut shop = Shop::new();
    let place = Place::new();
    let store = place.connect(&shop.graph).await;
    for number in 0..8 {
        let change = shop.change(number);
        let flush = if number % 3 == 2 {
            Flush::AtEnd
        } else {
            Flush::EachTable
        };
        let options = CommitOptions::new().at(flush);
        let committed = store.commit_with(&change, &options).await.unwrap();
        let expected = shop.oracle.commit(&change).unwrap();
        assert_eq!(
            committed.get(shop.totals).unwrap(),
            expected.get(shop.totals).unwrap()
        );
        assert_eq!(committed.rows_written(), expected.rows_written());
        shop.assert_same(&store).await;
    }
    assert!(store.verify(shop.joined).await.unwrap().is_right());
}

#[tokio::test]
async fn many_workers_lose_and_double_nothing() {
    let mut words = Words::new();
    let place = Place::new();
    let names = ["many 0", "many 1", "many 2"];
    let stores = join_all(names.map(|name| worker(&words, &place, name))).await;
    let word = |number: usize| "x".repeat(number % 7 + 1);
    // Two at a time on each store, and more than its connections serve.
    let workers = (0..9).map(|number| {
        let (store, words) = (&stores[number % 3], &words);
        async move {
            for round in 0..5 {
                let change = words.change([&word(number + round), "all"]);
                let flush = if (number + round) % 4 == 0 {
                    Flush::AtEnd
                } else {
                    Flush::EachTable
                };
                let options = CommitOptions::new().at(flush);
                store.commit_with(&change, &options).await?;
            }
            Ok::<(), deltaview_store::Error>(())
        }
    });
    try_join_all(workers).await.unwrap();
    for number in 0..9 {
        for round in 0..5 {
            let change = words.change([&word(number + round), "all"]);
            words.expect(&change);
        }
    }
    words.assert_same(&stores[0]).await;
    words.assert_clean(&place, &names).await;
    assert_eq!(stores[0].time().await.unwrap(), 45);
}

#[tokio::test]
async fn those_who_follow_are_told_of_whole_iterations() {
    let words = Words::new();
    let place = Place::new();
    let store = worker(&words, &place, "follow").await;
    let mut subscription = store.view(words.all).subscribe().await.unwrap();
    for number in 0..4 {
        let text = "x".repeat(number + 1);
        let change = words.change([&text]);
        let committed = store.commit_with(&change, &staged()).await.unwrap();
        let delta = subscription.next().await.unwrap().unwrap();
        assert_eq!(delta.time(), committed.time());
        assert_eq!(*delta.rows(), committed.get(words.all).unwrap());
    }
    subscription.remove().await.unwrap();
}
