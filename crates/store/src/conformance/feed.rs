//! Following a view: subscriptions, named cursors, and waiting for a time.

use std::time::{Duration, Instant};

use deltaview_graph::{Edit, Graph, InputHandle, ViewHandle};
use deltaview_schema::{Index, Row};
use deltaview_zset::Keyed;

use super::Harness;
use super::rows::{Line, Product};
use super::support::{Dice, Must, Opened, graph, once, weighted, words};
use crate::{Delta, ErrorKind, Store, Subscription};

/// Longer than anything takes that is waited for in earnest.
const LONG: Duration = Duration::from_secs(60);

/// What is there by now, without waiting for more.
#[track_caller]
fn there<T: Row>(subscription: &mut Subscription<T>) -> Vec<Delta<T>> {
    let next = || subscription.next_within(Duration::ZERO).must();
    std::iter::from_fn(next).collect()
}

/// The next delta, which comes.
#[track_caller]
fn next<T: Row>(subscription: &mut Subscription<T>) -> Delta<T> {
    let next = subscription.next_within(LONG).must();
    next.expect("there is another delta")
}

struct Numbers {
    graph: Graph,
    numbers: InputHandle<i64>,
    view: ViewHandle<i64, ()>,
    even: ViewHandle<i64, ()>,
}

fn numbers() -> Numbers {
    let (graph, (numbers, view, even)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        let even = numbers.filter(|number| number % 2 == 0).view("even");
        (numbers.handle(), numbers.view("view"), even)
    });
    Numbers {
        graph,
        numbers,
        view,
        even,
    }
}

pub fn each_delta_comes_once_and_in_order<H: Harness>() {
    let (graph, (lines, view, totals)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let totals = lines.group_by(Line::by_product()).sum(|line| line.quantity);
        let view = lines.view_by("view", Line::by_basket());
        (lines.handle(), view, totals.view("totals"))
    });
    let mut it = Opened::<H>::new(&graph);
    let mut dice = Dice::new(11);
    let mut line = || {
        let product = ["tv", "radio", "lamp"][usize::try_from(dice.below(3)).expect("small")];
        let line = Line::new(dice.below(4) as u32, product, dice.within(-2, 2));
        (line, dice.within(-1, 1))
    };
    it.change().add(lines, weighted([line()])).commit().must();
    let (mut of_view, mut of_totals) = (
        it.view(view).subscribe().must(),
        it.view(totals).subscribe().must(),
    );
    assert_eq!(of_view.time(), it.time().must());
    let (mut rows, mut sums) = (it.rows(view), it.rows(totals));
    let mut expected = Vec::new();
    for round in 0..40 {
        let rows = weighted((0..3).map(|_| line()));
        let committed = it.change().add(lines, rows).commit().must();
        let delta = committed.get(view).must();
        if !delta.is_empty() {
            expected.push(Delta::new(committed.time(), delta));
        }
        // Some are read one by one, others many at once.
        if round % 7 < 3 {
            for delta in there(&mut of_totals) {
                sums = sums.try_add(delta.rows()).must();
            }
        }
    }
    let got = there(&mut of_view);
    assert_eq!(got, expected);
    assert_eq!(of_view.place(), expected.last().expect("something").time());
    for delta in got {
        rows = rows.try_add(&delta.into_rows()).must();
    }
    assert_eq!(rows, it.rows(view));
    for delta in there(&mut of_totals) {
        sums = sums.try_add(delta.rows()).must();
    }
    assert_eq!(sums, it.rows(totals));
    assert_eq!(there(&mut of_view), [], "nothing comes twice");
}

pub fn a_copy_is_kept_by_what_comes<H: Harness>() {
    let n = numbers();
    let mut it = Opened::<H>::new(&n.graph);
    it.change().insert(n.numbers, [1]).commit().must();
    let mut subscription = it.view(n.view).subscribe().must();
    it.change().insert(n.numbers, [2]).commit().must();
    // The state has what came since the view was subscribed to.
    let mut copy = {
        let _one_state = it.reading().must();
        subscription.skip_to(it.time().must());
        it.rows(n.view)
    };
    it.change().insert(n.numbers, [3]).commit().must();
    let deltas = there(&mut subscription);
    assert_eq!(deltas.len(), 1);
    copy = copy.try_add(deltas[0].rows()).must();
    assert_eq!(copy, once([1, 2, 3]));
    assert_eq!(copy, it.rows(n.view));
}

pub fn iterations_that_leave_a_view_as_it_is_give_nothing<H: Harness>() {
    let n = numbers();
    let mut it = Opened::<H>::new(&n.graph);
    let mut even = it.view(n.even).subscribe().must();
    it.change().insert(n.numbers, [1]).commit().must();
    it.change().commit().must();
    it.change()
        .insert(n.numbers, [2])
        .remove(n.numbers, [2])
        .commit()
        .must();
    assert_eq!(there(&mut even), []);
    let time = it.change().insert(n.numbers, [4]).commit().must().time();
    assert_eq!(there(&mut even), [Delta::new(time, once([4]))]);
}

pub fn a_failed_change_gives_nothing<H: Harness>() {
    let (graph, (numbers, view, _doubled)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        let doubled = numbers.map(|number: i64| {
            assert!(number < 100, "too large");
            number * 2
        });
        (
            numbers.handle(),
            numbers.view("view"),
            doubled.view("doubled"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let mut subscription = it.view(view).subscribe().must();
    let failed = it.change().insert(numbers, [100]).commit();
    failed.expect_err("the closure panics");
    assert_eq!(there(&mut subscription), []);
    // It fails when the weight is added to the one that is stored.
    let most = weighted([(1, i64::MAX)]);
    let time = it.change().add(numbers, most).commit().must().time();
    let failed = it.change().insert(numbers, [1]).commit();
    failed.expect_err("the weight does not fit");
    let expected = Delta::new(time, weighted([(1, i64::MAX)]));
    assert_eq!(there(&mut subscription), [expected]);
}

pub fn each_subscription_begins_where_it_was_made<H: Harness>() {
    let n = numbers();
    let mut it = Opened::<H>::new(&n.graph);
    let mut first = it.view(n.view).subscribe().must();
    let one = it.change().insert(n.numbers, [1]).commit().must().time();
    let mut second = it.view(n.view).subscribe().must();
    let mut even = it.view(n.even).subscribe().must();
    let two = it.change().insert(n.numbers, [2]).commit().must().time();
    let deltas = [Delta::new(one, once([1])), Delta::new(two, once([2]))];
    assert_eq!(there(&mut second), deltas[1..]);
    assert_eq!(there(&mut first), deltas);
    assert_eq!(there(&mut even), deltas[1..]);
    let three = it.change().insert(n.numbers, [3]).commit().must().time();
    for subscription in [&mut first, &mut second] {
        assert_eq!(there(subscription), [Delta::new(three, once([3]))]);
    }
    assert_eq!(there(&mut even), []);
}

pub fn a_subscription_that_is_dropped_disturbs_nobody<H: Harness>() {
    let n = numbers();
    let mut it = Opened::<H>::new(&n.graph);
    let dropped = it.view(n.view).subscribe().must();
    let removed = it.view(n.view).subscribe().must();
    let mut stays = it.view(n.view).subscribe().must();
    it.change().insert(n.numbers, [1]).commit().must();
    drop(dropped);
    removed.remove().must();
    it.change().insert(n.numbers, [2]).commit().must();
    assert_eq!(there(&mut stays).len(), 2);
    drop(stays);
    it.change().insert(n.numbers, [3]).commit().must();
    assert_eq!(it.rows(n.view), once([1, 2, 3]));
}

pub fn a_large_delta_comes_whole<H: Harness>() {
    let (graph, (texts, view)) = graph(|g| {
        let texts = g.input::<String>("texts");
        (texts.handle(), texts.view("view"))
    });
    let mut it = Opened::<H>::new(&graph);
    let mut subscription = it.view(view).subscribe().must();
    // Many rows, a row that is larger than any part of a log, and a small change behind them.
    let many = (0..3000).map(|i| format!("{i} {}", "a text ".repeat(100)));
    let rows: Vec<String> = many.chain(["x".repeat(3_000_000)]).collect();
    let first = it.change().insert(texts, rows.clone()).commit().must();
    let second = it.change().insert(texts, words(["one"])).commit().must();
    let third = it.change().remove(texts, rows.clone()).commit().must();
    let delta = next(&mut subscription);
    assert_eq!(delta.time(), first.time());
    assert!(*delta.rows() == once(rows), "all rows come");
    let delta = next(&mut subscription);
    assert_eq!(delta, Delta::new(second.time(), once(words(["one"]))));
    let delta = next(&mut subscription);
    assert!(*delta.rows() == third.get(view).must(), "all rows go");
    assert_eq!(there(&mut subscription), []);
}

pub fn a_row_that_is_replaced_is_taken_away<H: Harness>() {
    let (graph, (products, view, prices)) = graph(|g| {
        let products = g.table("products", Product::by_name());
        let by_name = Index::new("name", |product: &Product| product.name.clone());
        let prices = products.group_by(by_name).sum(|product| product.price);
        let view = products.view_by("view", Product::by_name());
        (products.handle(), view, prices.view("prices"))
    });
    let mut it = Opened::<H>::new(&graph);
    let (old, new) = (Product::new("tv", 3), Product::new("tv", 4));
    it.change().insert(products, [old.clone()]).commit().must();
    let mut of_view = it.view(view).subscribe().must();
    let mut of_prices = it.view(prices).subscribe().must();
    it.change()
        .update(products, "tv".to_string(), |row| row.price = 4)
        .commit()
        .must();
    it.change()
        .delete(products, "tv".to_string())
        .commit()
        .must();
    let got = there(&mut of_view);
    assert_eq!(*got[0].rows(), weighted([(old, -1), (new.clone(), 1)]));
    assert_eq!(*got[1].rows(), weighted([(new, -1)]));
    let got = there(&mut of_prices);
    let price = |price| Keyed::new("tv".to_string(), price);
    assert_eq!(*got[0].rows(), weighted([(price(3), -1), (price(4), 1)]));
    assert_eq!(*got[1].rows(), weighted([(price(4), -1)]));
}

pub fn deltas_have_weights_of_any_sign<H: Harness>() {
    let n = numbers();
    let mut it = Opened::<H>::new(&n.graph);
    let mut subscription = it.view(n.view).subscribe().must();
    let all = weighted([(0, i64::MAX), (1, i64::MIN), (2, -3), (-5, 40)]);
    it.change().add(n.numbers, all.clone()).commit().must();
    it.change()
        .add(n.numbers, weighted([(2, 3), (-5, -41)]))
        .commit()
        .must();
    assert_eq!(*next(&mut subscription).rows(), all);
    let second = weighted([(2, 3), (-5, -41)]);
    assert_eq!(*next(&mut subscription).rows(), second);
}

pub fn a_delta_is_waited_for_on_another_thread<H: Harness>() {
    const ROUNDS: i64 = 30;
    let n = numbers();
    let mut it = Opened::<H>::new(&n.graph);
    let subscription = it.view(n.view).subscribe().must();
    let (got, heard) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for delta in subscription.take(usize::try_from(ROUNDS).expect("small")) {
                got.send(delta.must()).must();
            }
        });
        for number in 0..ROUNDS {
            let committed = it.change().insert(n.numbers, [number]).commit().must();
            // Now and then it has nothing to do but wait.
            if number % 3 == 0 {
                let mut last = None;
                while last != Some(committed.time()) {
                    last = Some(heard.recv_timeout(LONG).must().time());
                }
            }
        }
    });
    assert!(heard.try_iter().all(|delta| delta.rows().len() == 1));
}

pub fn nothing_is_waited_for_in_vain_for_longer_than_asked<H: Harness>() {
    let n = numbers();
    let it = Opened::<H>::new(&n.graph);
    let mut subscription = it.view(n.view).subscribe().must();
    let start = Instant::now();
    let pause = Duration::from_millis(60);
    assert_eq!(subscription.next_within(pause).must(), None);
    assert!(start.elapsed() >= pause);
    assert!(start.elapsed() < LONG);
}

pub fn what_other_stores_of_the_place_commit_is_told<H: Harness>() {
    if !H::DURABLE {
        return;
    }
    let n = numbers();
    let it = Opened::<H>::new(&n.graph);
    let mut other = it.harness.open(&n.graph).must();
    let mut subscription = it.view(n.view).subscribe().must();
    let one = other.change().insert(n.numbers, [1]).commit().must();
    assert_eq!(next(&mut subscription), Delta::new(one.time(), once([1])));
    it.wait_for(one.time(), LONG).must();
    assert_eq!(it.rows(n.view), once([1]));
    // The one that was followed by is gone, and what follows goes on.
    let Opened { store, harness } = it;
    drop(store);
    let two = other.change().insert(n.numbers, [2]).commit().must();
    assert_eq!(next(&mut subscription), Delta::new(two.time(), once([2])));
    drop(subscription);
    drop((other, harness));
}

pub fn a_named_cursor_goes_on_behind_its_last_commit<H: Harness>() {
    let n = numbers();
    let mut it = Opened::<H>::new(&n.graph);
    it.change().insert(n.numbers, [0]).commit().must();
    let mut cursor = it.view(n.view).since("mailer").must();
    assert_eq!(cursor.time(), 1);
    for number in 1..=4 {
        it.change().insert(n.numbers, [number]).commit().must();
    }
    assert_eq!(next(&mut cursor).time(), 2);
    assert_eq!(next(&mut cursor).time(), 3);
    cursor.commit().must();
    assert_eq!(next(&mut cursor).time(), 4, "handed out, and not committed");
    drop(cursor);
    let mut it = it.reopened();
    it.change().insert(n.numbers, [5]).commit().must();
    let mut cursor = it.view(n.view).since("mailer").must();
    assert_eq!(cursor.time(), 3);
    let times: Vec<i64> = there(&mut cursor).iter().map(Delta::time).collect();
    assert_eq!(times, [4, 5, 6]);
    // A cursor is of one view: another one of this name is another one.
    let mut even = it.view(n.even).since("mailer").must();
    assert_eq!(there(&mut even), []);
    cursor.commit().must();
    drop(cursor);
    let mut cursor = it.view(n.view).since("mailer").must();
    assert_eq!(there(&mut cursor), []);
    it.change().insert(n.numbers, [6]).commit().must();
    assert_eq!(*next(&mut cursor).rows(), once([6]));
}

pub fn a_named_cursor_that_somebody_else_moved_is_lagged<H: Harness>() {
    let n = numbers();
    let mut it = Opened::<H>::new(&n.graph);
    let mut one = it.view(n.view).since("mailer").must();
    let mut two = it.view(n.view).since("mailer").must();
    it.change().insert(n.numbers, [1]).commit().must();
    assert_eq!(next(&mut one), next(&mut two));
    one.commit().must();
    let error = two.commit().expect_err("the other was first");
    assert_eq!(error.kind(), ErrorKind::Lagged, "{error}");
    assert!(error.to_string().contains("`view`"), "{error}");
    it.change().insert(n.numbers, [2]).commit().must();
    assert_eq!(*next(&mut one).rows(), once([2]));
    one.commit().must();
}

pub fn a_cursor_that_was_removed_begins_anew<H: Harness>() {
    let n = numbers();
    let mut it = Opened::<H>::new(&n.graph);
    let first = it.view(n.view).since("mailer").must();
    let mut second = it.view(n.view).since("mailer").must();
    it.change().insert(n.numbers, [1]).commit().must();
    first.remove().must();
    let error = second.next_within(Duration::ZERO);
    let error = error.expect_err("its cursor is gone");
    assert_eq!(error.kind(), ErrorKind::Lagged, "{error}");
    let error = second.commit().expect_err("its cursor is gone");
    assert_eq!(error.kind(), ErrorKind::Lagged, "{error}");
    let mut third = it.view(n.view).since("mailer").must();
    assert_eq!(third.time(), 1);
    assert_eq!(there(&mut third), []);
    it.change().insert(n.numbers, [2]).commit().must();
    assert_eq!(*next(&mut third).rows(), once([2]));
}

pub fn names_that_can_be_no_cursor_are_refused<H: Harness>() {
    let n = numbers();
    let it = Opened::<H>::new(&n.graph);
    for name in ["", "a\0b", &"x".repeat(201)] {
        let error = it.view(n.view).since(name).expect_err("no name");
        assert_eq!(error.kind(), ErrorKind::UnsupportedKey, "{error}");
    }
    it.view(n.view).since("Robert'); DROP \"x\" \\ – ü").must();
}

pub fn a_view_of_another_graph_is_not_followed<H: Harness>() {
    let n = numbers();
    let it = Opened::<H>::new(&n.graph);
    let error = it.view(numbers().view).subscribe().expect_err("another");
    assert_eq!(error.kind(), ErrorKind::Handle, "{error}");
    let error = it.view(numbers().view).since("a").expect_err("another");
    assert_eq!(error.kind(), ErrorKind::Handle, "{error}");
}

pub fn a_time_is_waited_for<H: Harness>() {
    let n = numbers();
    let mut it = Opened::<H>::new(&n.graph);
    it.wait_for(0, Duration::ZERO).must();
    let time = it.change().insert(n.numbers, [1]).commit().must().time();
    it.wait_for(time, Duration::ZERO).must();
    let error = it.wait_for(time + 5, Duration::from_millis(30));
    let error = error.expect_err("nobody commits");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    for word in [
        "`conformance`",
        &format!("{}", time + 5),
        &format!("at {time}"),
    ] {
        assert!(error.to_string().contains(word), "{error}");
    }
    if !H::DURABLE {
        return;
    }
    let mut other = it.harness.open(&n.graph).must();
    let time = other.change().insert(n.numbers, [2]).commit().must().time();
    it.wait_for(time, LONG).must();
    assert_eq!(it.rows(n.view), once([1, 2]));
}
