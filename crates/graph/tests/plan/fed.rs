//! A join that fans out to an aggregate: the rows in between are handed on by and by, and nobody can tell.

#![expect(
    clippy::unwrap_used,
    reason = "where a test has no more to say, the panic says it"
)]

use deltaview::prelude::*;

type Read = (u64, i64);
type User = (u64, String);

/// More rows than are handed on at once, and no multiple of that.
const MANY: i64 = 10_001;

struct Fanned {
    store: MemoryStore,
    users: InputHandle<User>,
    reads: InputHandle<Read>,
    sums: ViewHandle<Keyed<(String, i64), i64>, (String, i64)>,
    /// All reads with the names of their users, where somebody listens: then they are put out at once.
    joined: Option<OutputHandle<(String, i64)>>,
}

/// Reads of users, of which the negative ones are left out, summed by name and last digit.
fn fanned(is_heard: bool) -> Fanned {
    let (graph, (users, reads, sums, joined)) = Graph::build("reads", |g| {
        let users = g.input::<User>("users");
        let reads = g.input::<Read>("reads");
        let by_id = Index::new("id", |user: &User| user.0);
        let by_user = Index::new("user", |read: &Read| read.0);
        let named = users.join_map(reads, by_id, by_user, |_, user, read| {
            (user.1.clone(), read.1)
        });
        let joined = is_heard.then(|| named.output("joined"));
        let by_digit = Index::new("digit", |read: &(String, i64)| {
            (read.0.clone(), read.1 % 10)
        });
        let sums = named
            .filter(|read| read.1 >= 0)
            .map(|read| {
                assert!(read.1 != 666, "a bad read");
                read
            })
            .named("checked")
            .group_by(by_digit)
            .sum(|read| read.1)
            .named("totals");
        (users.handle(), reads.handle(), sums.view("sums"), joined)
    })
    .unwrap();
    Fanned {
        store: MemoryStore::new(&graph),
        users,
        reads,
        sums,
        joined,
    }
}

impl Fanned {
    fn rename(&mut self, from: Option<&str>, to: &str) -> ZSet<Keyed<(String, i64), i64>> {
        let removed = from.map(|name| (1, name.to_string()));
        let change = self.store.change().remove(self.users, removed);
        let change = change.insert(self.users, [(1, to.to_string())]);
        change.commit().unwrap().get(self.sums).unwrap()
    }

    fn read(&mut self, values: impl IntoIterator<Item = i64>) -> ZSet<Keyed<(String, i64), i64>> {
        let reads = values.into_iter().map(|value| (1, value));
        let change = self.store.change().insert(self.reads, reads);
        change.commit().unwrap().get(self.sums).unwrap()
    }
}

#[test]
fn a_fan_out_changes_what_it_would_change_at_once() {
    let (mut fed, mut at_once) = (fanned(false), fanned(true));
    assert!(at_once.joined.is_some());
    let values = || (0..MANY).filter(|value| *value != 666);
    for fanned in [&mut fed, &mut at_once] {
        fanned.read(values().map(|value| -value));
        fanned.read(values());
    }
    for (from, to) in [(None, "one"), (Some("one"), "another")] {
        let changed = fed.rename(from, to);
        assert_eq!(changed, at_once.rename(from, to));
        assert_eq!(changed.len(), if from.is_some() { 20 } else { 10 });
    }
    assert_eq!(fed.read(0..5), at_once.read(0..5));
    let sum = |digit: i64| values().filter(|value| value % 10 == digit).sum::<i64>();
    for digit in 0..10 {
        let key = ("another".to_string(), digit);
        let row = fed.store.view(fed.sums).get(&key).unwrap().unwrap();
        let later = if digit < 5 { digit } else { 0 };
        assert_eq!(row.value, sum(digit) + later, "digit {digit}");
    }
}

/// Whatever is handed on, the error names the vertex that failed, and nothing has changed.
#[test]
fn a_row_that_can_not_be_taken_is_an_error_of_who_takes_it() {
    let mut fed = fanned(false);
    fed.read(0..600);
    fed.read(700..MANY);
    fed.read([666]);
    let change = fed
        .store
        .change()
        .insert(fed.users, [(1, "one".to_string())]);
    let error = change.commit().unwrap_err().to_string();
    assert!(error.contains("a bad read"), "{error}");
    assert!(error.contains("vertex `checked`"), "{error}");
    let rows = fed.store.view(fed.sums).iter().unwrap();
    assert_eq!(rows.count(), 0);
    // What is too much for a sum is told of the sum.
    let mut fed = fanned(false);
    fed.read(0..600);
    fed.read([i64::MAX - 7]);
    fed.read(700..MANY);
    let change = fed
        .store
        .change()
        .insert(fed.users, [(1, "one".to_string())]);
    let error = change.commit().unwrap_err().to_string();
    assert!(error.contains("vertex `totals`"), "{error}");
    let rows = fed.store.view(fed.sums).iter().unwrap();
    assert_eq!(rows.count(), 0);
}
