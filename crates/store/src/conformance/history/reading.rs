//! Reading the past: by key and by range, by instants, several views at once, what changed, versions and times.

use std::time::{Duration, SystemTime};

use deltaview_graph::{Edit, Order, Retention};
use deltaview_zset::ZSet;

use super::super::Harness;
use super::super::rows::{Account, Line};
use super::super::support::{Dice, Must, MustNot, Opened, graph, once, weighted};
use super::copies::{Copies, Query};
use crate::{ErrorKind, Flush, Moment, Store, Time};

/// Commits random changes at times with gaps, in all the ways in which a change is committed.
pub(super) fn run<H: Harness>(
    it: Opened<H>,
    query: &Query,
    copies: &mut Copies,
    dice: &mut Dice,
    steps: u64,
) -> Opened<H> {
    let mut it = it;
    for step in 1..=steps {
        let change = copies.change(query, dice);
        let mut time = match dice.below(8) {
            0 => Time::at(copies.last() + dice.within(2, 5)),
            1 => Time::at(copies.last() + dice.within(60, 70)),
            _ => Time::default(),
        };
        if dice.below(2) == 0 {
            time = time.flush(Flush::EachTable);
        }
        let options = crate::CommitOptions::new().at(time);
        let committed = it.commit_with(&change, &options).must();
        copies.note(query, &committed);
        if step % 20 == 0 {
            it = it.reopened();
        }
    }
    it
}

pub fn every_state_is_read_as_it_was<H: Harness>() {
    let query = Query::new();
    let mut dice = Dice::new(6);
    let mut copies = Copies::new();
    let it = Opened::<H>::new(&query.graph);
    copies.check_at(&*it, &query, 0, &mut dice);
    let it = run(it, &query, &mut copies, &mut dice, 45);
    for time in -1..=copies.last() {
        // All times, and of those between two iterations a few.
        if copies.lines.at(time) != copies.lines.at(time - 1) || time % 11 == 0 || time < 1 {
            copies.check_at(&*it, &query, time, &mut dice);
        }
    }
    // The present is the state at the last time.
    assert_eq!(&it.rows(query.by_basket), copies.lines.at(copies.last()));
}

pub fn the_past_of_few_rows_is_as_deep_as_it_was<H: Harness>() {
    let (graph, (accounts, view, by_owner)) = graph(|g| {
        let accounts = g.table("accounts", Account::by_id());
        let view = accounts.view_by("view", Account::by_id());
        let view = g.with_history(view, Retention::Forever);
        (
            accounts.handle(),
            view,
            g.also_by(view, Account::by_owner()),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let owner = |time: i64| [None, Some("Ada"), Some("Eve")][(time % 3) as usize];
    for time in 1..=130 {
        // One account changes each time, one every seventh time, and one comes and goes.
        let mut change = graph.change();
        change = change.upsert(accounts, [Account::new(1, owner(time), time)]);
        if time % 7 == 1 {
            change = change.upsert(accounts, [Account::new(2, owner(time / 7), time)]);
        }
        change = match time % 10 {
            3 => change.insert(accounts, [Account::new(3, None, 0)]),
            8 => change.delete(accounts, 3),
            _ => change,
        };
        assert_eq!(it.commit(&change).must().time(), time);
    }
    for time in 1..=130 {
        let seventh = (time - 1) / 7 * 7 + 1;
        let mut rows = vec![
            Account::new(1, owner(time), time),
            Account::new(2, owner(seventh / 7), seventh),
        ];
        if (3..8).contains(&(time % 10)) {
            rows.push(Account::new(3, None, 0));
        }
        let then = it.view(view).as_of(time).must();
        assert_eq!(
            then.iter().must().into_zset().must(),
            once(rows.clone()),
            "{time}"
        );
        assert_eq!(then.get(&1).must().as_ref(), rows.first());
        assert_eq!(then.get(&3).must(), rows.get(2).cloned());
        let of_ada = it.as_of(time).must().view(by_owner);
        let ada = Some("Ada".to_string());
        let expected = rows.into_iter().filter(|row| row.owner == ada);
        assert_eq!(of_ada.key(&ada).must().into_zset().must(), once(expected));
    }
    let versions: Vec<_> = it.view(view).versions(&1).must().collect();
    assert_eq!(versions.len(), 130);
    let of_three: Vec<_> = it.view(view).versions(&3).must().map(Must::must).collect();
    let spans: Vec<_> = of_three.iter().map(|it| (it.from, it.until)).collect();
    let expected = (0..13).rev().map(|ten| (ten * 10 + 3, Some(ten * 10 + 8)));
    assert_eq!(spans, expected.collect::<Vec<_>>());
}

pub fn many_rows_of_the_past_are_paged_right<H: Harness>() {
    let (graph, (lines, view, by_product)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let view = g.with_history(lines.view_by("view", Line::by_basket()), Retention::Forever);
        (lines.handle(), view, g.also_by(view, Line::by_product()))
    });
    let mut it = Opened::<H>::new(&graph);
    let row = |number: u32| {
        let name = ["tv", "a lamp of a very long name"][(number % 2) as usize];
        (Line::new(number % 900, name, i64::from(number)), 1)
    };
    let all = weighted((0..3000).map(row));
    let first = it.change().add(lines, all.clone()).commit().must().time();
    // Every third row goes, every fifth comes twice; some come back.
    let gone = weighted((0..3000).step_by(3).map(row)).try_neg().must();
    let twice = weighted((0..3000).step_by(5).map(row));
    let second = it.change().add(lines, gone.try_add(&twice).must());
    let second = second.commit().must().time();
    let back = it.change().add(lines, gone.try_neg().must());
    let third = back.commit().must().time();
    let at_second = all.try_add(&gone).must().try_add(&twice).must();
    let at_third = all.try_add(&twice).must();
    for (time, state) in [(first, &all), (second, &at_second), (third, &at_third)] {
        for order in [Order::Forward, Order::Backward] {
            let view = it.view(view).as_of(time).must();
            let view = if order == Order::Backward {
                view.rev()
            } else {
                view
            };
            let rows: Result<Vec<_>, _> = view.iter().must().collect();
            let rows = rows.must();
            let mut keys: Vec<u32> = rows.iter().map(|(row, _)| row.basket).collect();
            if order == Order::Backward {
                keys.reverse();
            }
            assert!(keys.is_sorted());
            assert_eq!(rows.len(), state.len());
            assert_eq!(&weighted(rows), state);
        }
        let of_product = it.as_of(time).must().view(by_product);
        let tv = of_product.key(&"tv".to_string()).must().into_zset().must();
        assert_eq!(tv, state.filter(|row| row.product == "tv"));
    }
    assert_eq!(it.view(view).between(first, third).must(), twice);
    let deltas: Vec<_> = it
        .view(view)
        .deltas(0, third)
        .must()
        .map(Must::must)
        .collect();
    assert_eq!(deltas.len(), 3);
    assert_eq!(deltas[0].rows(), &all);
}

pub fn several_views_are_read_at_one_time<H: Harness>() {
    let query = Query::new();
    let (mut dice, mut copies) = (Dice::new(7), Copies::new());
    let it = run(
        Opened::<H>::new(&query.graph),
        &query,
        &mut copies,
        &mut dice,
        20,
    );
    let middle = copies.last() / 2;
    let then = it.as_of(middle).must();
    let lines = then.view(query.by_basket).iter().must();
    let mut sums = std::collections::BTreeMap::<String, (i64, i64)>::new();
    for line in lines {
        let (line, weight) = line.must();
        let sum = sums.entry(line.product).or_default();
        *sum = (sum.0 + line.quantity * weight, sum.1 + weight);
    }
    let sums: Vec<_> = sums
        .into_iter()
        .filter(|(_, (_, count))| *count != 0)
        .map(|(product, (sum, _))| (product, sum))
        .collect();
    let read = then.view(query.sums).iter().must();
    let read: Vec<_> = read.map(|row| row.must().0).collect();
    let read: Vec<_> = read.into_iter().map(|row| (row.key, row.value)).collect();
    assert_eq!(read, sums);
}

pub fn what_changed_between_two_times_is_net<H: Harness>() {
    let query = Query::new();
    let (mut dice, mut copies) = (Dice::new(8), Copies::new());
    let it = run(
        Opened::<H>::new(&query.graph),
        &query,
        &mut copies,
        &mut dice,
        30,
    );
    for _ in 0..20 {
        let (from, to) = (dice.within(0, copies.last()), dice.within(0, copies.last()));
        let net = |from, to| copies.lines.at(to).try_sub(copies.lines.at(from)).must();
        let lines = it.view(query.by_basket);
        assert_eq!(
            lines.between(from, to).must(),
            net(from, to),
            "{from} to {to}"
        );
        let met = copies.met.at(to).try_sub(copies.met.at(from)).must();
        assert_eq!(it.view(query.met).between(from, to).must(), met);
        let accounts = copies
            .accounts
            .at(to)
            .try_sub(copies.accounts.at(from))
            .must();
        assert_eq!(it.view(query.by_owner).between(from, to).must(), accounts);
        let deltas = lines.deltas(from, to).must();
        let deltas: Vec<_> = deltas.map(Must::must).collect();
        let expected: Vec<_> = if from < to {
            let range = copies.lines.deltas.range(from + 1..=to);
            range.map(|(time, rows)| (*time, rows.clone())).collect()
        } else {
            Vec::new()
        };
        let deltas: Vec<_> = deltas
            .into_iter()
            .map(|delta| (delta.time(), delta.into_rows()))
            .collect();
        assert_eq!(deltas, expected);
    }
}

pub fn versions_of_a_key_come_the_last_one_first<H: Harness>() {
    let query = Query::new();
    let (mut dice, mut copies) = (Dice::new(9), Copies::new());
    let it = run(
        Opened::<H>::new(&query.graph),
        &query,
        &mut copies,
        &mut dice,
        40,
    );
    for at in [0, 1, copies.last() / 3, copies.last() - 1, copies.last()] {
        copies.check_versions(&*it, &query, (at, 0));
    }
    let never = it.view(query.by_basket).versions(&77).must();
    assert_eq!(never.count(), 0);
}

pub fn many_versions_are_paged_right<H: Harness>() {
    let (graph, (lines, view)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let view = lines.view_by("view", Line::by_basket());
        (lines.handle(), g.with_history(view, Retention::Forever))
    });
    let mut it = Opened::<H>::new(&graph);
    for time in 1..=6 {
        // Three hundred rows of one key begin and end at each time.
        let row = |time: i64, number| Line::new(1, "tv", time * 1000 + number);
        let mut change = it.change();
        change = change.insert(lines, (0..300).map(|number| row(time, number)));
        if time > 1 {
            change = change.remove(lines, (0..300).map(|number| row(time - 1, number)));
        }
        change.commit().must();
    }
    let versions: Vec<_> = it.view(view).versions(&1).must().map(Must::must).collect();
    let ends: Vec<_> = versions.iter().map(|version| version.until).collect();
    let expected = [None, Some(6), Some(5), Some(4), Some(3), Some(2)];
    let expected: Vec<_> = expected.into_iter().flat_map(|end| [end; 300]).collect();
    assert_eq!(ends, expected);
    let rows: ZSet<_> = once(versions.into_iter().map(|version| version.row));
    assert_eq!(rows.len(), 1800);
}

pub fn times_are_those_at_which_the_view_changed<H: Harness>() {
    let query = Query::new();
    let (mut dice, mut copies) = (Dice::new(10), Copies::new());
    let it = run(
        Opened::<H>::new(&query.graph),
        &query,
        &mut copies,
        &mut dice,
        40,
    );
    let newest_first = |times: Vec<i64>| times.into_iter().rev().collect::<Vec<_>>();
    let of_lines = newest_first(copies.lines.deltas.keys().copied().collect());
    let times: Result<Vec<_>, _> = it.view(query.by_product).times().must().collect();
    assert_eq!(times.must(), of_lines);
    assert!(of_lines.len() < 40, "some times left them as they were");
    let of_met = newest_first(copies.met.deltas.keys().copied().collect());
    let times: Result<Vec<_>, _> = it.view(query.met).times().must().collect();
    assert_eq!(times.must(), of_met);
    let middle = of_lines[of_lines.len() / 2];
    let then = it.view(query.by_basket).as_of(middle).must();
    let times: Result<Vec<_>, _> = then.times().must().collect();
    assert_eq!(times.must(), of_lines[of_lines.len() / 2..]);
}

pub fn an_instant_finds_the_time_that_was_current<H: Harness>() {
    let query = Query::new();
    let mut it = Opened::<H>::new(&query.graph);
    let before = SystemTime::now() - Duration::from_secs(1);
    assert_eq!(it.time_at(SystemTime::now()).must(), 0);
    assert_eq!(it.instant_of(0).must(), None);
    let mut seen = Vec::new();
    for time in [3, 4, 9] {
        let line = Line::new(1, "tv", time);
        let change = it.change().insert(query.lines, [line]).at(Time::at(time));
        assert_eq!(change.commit().must().time(), time);
        let instant = it.instant_of(time).must().expect("it was committed");
        assert!(instant > before, "by the clock of whoever commits");
        // The next one has another instant.
        while SystemTime::now() <= instant + Duration::from_millis(2) {
            std::thread::yield_now();
        }
        seen.push((time, instant));
    }
    it = it.reopened();
    assert!(seen.is_sorted_by(|one, next| one.1 < next.1));
    for (place, (time, instant)) in seen.iter().enumerate() {
        let next = seen.get(place + 1);
        assert_eq!(it.time_at(*instant).must(), *time);
        let just_before = *instant - Duration::from_micros(1);
        let earlier = place.checked_sub(1).map_or(0, |place| seen[place].0);
        assert_eq!(it.time_at(just_before).must(), earlier);
        let count = |moment: Moment| {
            let then = it.view(query.by_basket).as_of(moment).must();
            then.iter().must().count()
        };
        assert_eq!(count((*instant).into()), place + 1);
        assert_eq!(count(just_before.into()), place);
        assert_eq!(it.as_of(*instant).must().time(), *time);
        // A time between two iterations has the instant of the one before.
        if next.is_some_and(|(next, _)| *next > time + 1) {
            assert_eq!(it.instant_of(time + 1).must(), Some(*instant));
        }
    }
    assert_eq!(
        it.time_at(SystemTime::now() + Duration::from_secs(9999))
            .must(),
        9
    );
    assert_eq!(it.time_at(before).must(), 0);
}

pub fn what_has_no_past_or_is_to_come_is_an_error<H: Harness>() {
    let (graph, (words, plain, kept)) = graph(|g| {
        let words = g.input::<String>("words");
        let kept = words.map(|word| word.len() as i64).view("kept");
        (
            words.handle(),
            words.view("plain"),
            g.with_history(kept, Retention::Forever),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(words, ["one".to_string()])
        .commit()
        .must();
    let view = it.view(plain);
    let errors = [
        view.as_of(1).err(),
        view.as_of(0).err(),
        view.between(0, 1).err(),
        view.deltas(0, 1).err(),
        view.times().err(),
        view.versions(&()).err(),
        view.horizon().err(),
        view.since_time(0).err(),
        view.since_from("cursor", 0).err(),
        it.as_of(1).must().view(plain).iter().err(),
    ];
    for error in errors {
        let error = error.expect("it has no history");
        assert_eq!(error.kind(), ErrorKind::NoHistory, "{error}");
        let text = error.to_string();
        assert!(
            text.contains("`plain`") && text.contains("with_history"),
            "{text}"
        );
    }
    let forgotten = it.forget_before(plain, 1);
    assert_eq!(forgotten.must_not().kind(), ErrorKind::NoHistory);
    let view = it.view(kept);
    let errors = [
        view.as_of(2).err(),
        view.between(0, 2).err(),
        view.deltas(1, 2).err(),
        view.since_time(2).err(),
        it.as_of(2).err(),
        it.instant_of(2).err(),
    ];
    for error in errors {
        let error = error.expect("the time has not come");
        assert_eq!(error.kind(), ErrorKind::NotYet, "{error}");
        assert!(error.to_string().contains("last one is 1"), "{error}");
    }
    let forgotten = it.forget_before(kept, 2);
    assert_eq!(forgotten.must_not().kind(), ErrorKind::NotYet);
    assert_eq!(it.view(kept).horizon().must(), 0);
    let (other, foreign) = super::super::support::graph(|g| {
        let view = g.input::<String>("words").view("plain");
        g.with_history(view, Retention::Forever)
    });
    assert!(other.has_history());
    assert_eq!(
        it.view(foreign).as_of(1).must_not().kind(),
        ErrorKind::Handle
    );
    let (without, _) = super::super::support::graph(|g| g.input::<String>("words").view("plain"));
    let without = Opened::<H>::new(&without);
    for error in [
        without.as_of(0).err(),
        without.time_at(SystemTime::now()).err(),
    ] {
        assert_eq!(error.expect("no history").kind(), ErrorKind::NoHistory);
    }
}

pub fn a_failed_change_leaves_no_version<H: Harness>() {
    let (graph, (accounts, view)) = graph(|g| {
        let accounts = g.table("accounts", Account::by_id());
        let view = accounts.view_by("view", Account::by_id());
        (accounts.handle(), g.with_history(view, Retention::Forever))
    });
    let mut it = Opened::<H>::new(&graph);
    let account = |balance| Account::new(1, None, balance);
    it.change().insert(accounts, [account(1)]).commit().must();
    let change = it.change().upsert(accounts, [account(2)]);
    change.insert(accounts, [account(3)]).commit().must_not();
    let last = it
        .change()
        .upsert(accounts, [account(4)])
        .commit()
        .must()
        .time();
    let times: Vec<_> = it.view(view).times().must().map(Must::must).collect();
    assert_eq!(times, [last, 1]);
    let versions: Vec<_> = it.view(view).versions(&1).must().map(Must::must).collect();
    let balances: Vec<_> = versions.iter().map(|it| it.row.balance).collect();
    assert_eq!(balances, [4, 1]);
}

pub fn the_past_is_read_while_others_commit<H: Harness>() {
    let (graph, (lines, view)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let view = lines.view_by("view", Line::by_basket());
        (lines.handle(), g.with_history(view, Retention::Forever))
    });
    let mut it = Opened::<H>::new(&graph);
    let row = |number: u32| (Line::new(number, "tv", 1), 1);
    let all = weighted((0..2000).map(row));
    let first = it.change().add(lines, all.clone()).commit().must().time();
    let half = weighted((0..1000).map(row)).try_neg().must();
    let second = it.change().add(lines, half.clone()).commit().must().time();
    let mut other = it.harness.beside(&it.store);
    let mut rows = it.view(view).as_of(first).must().iter().must();
    let mut read: Vec<_> = rows.by_ref().take(10).map(Must::must).collect();
    // What is read stays as it was, whatever becomes of its rows.
    let back = other.change().add(lines, half.try_neg().must());
    back.commit().must();
    let gone = other.change().add(lines, all.try_neg().must());
    gone.commit().must();
    read.extend(rows.by_ref().map(Must::must));
    drop(rows);
    assert_eq!(weighted(read), all);
    let then = it.view(view).as_of(second).must();
    assert_eq!(
        then.iter().must().into_zset().must(),
        all.try_add(&half).must()
    );
    assert_eq!(it.rows(view), ZSet::new());
}
