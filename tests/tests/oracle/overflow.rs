//! The edges of the types: a sum or a weight that does not fit is a typed error exactly where the exact sum does not
//! fit, and leaves everything as it was. One row changes at a time, so that the order of additions plays no part.

use std::collections::BTreeMap;

use deltaview::prelude::*;
use deltaview::{Change, Error, TickErrorKind, WeightOverflow};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::graphs::config;
use crate::probe::failed;

const REGRESSIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/oracle/regressions/overflow.txt"
);

fn extreme() -> impl Strategy<Value = i64> {
    let half = i64::MAX / 2;
    prop::sample::select(vec![
        1,
        -1,
        i64::MAX,
        i64::MIN + 1,
        half,
        -half,
        half + 1,
        7,
        i64::MIN,
    ])
}

/// Both stores, and how one change ended on them.
struct Both {
    memory: MemoryStore,
    sqlite: SqliteStore,
    _folder: tempfile::TempDir,
}

impl Both {
    fn new(graph: &Graph) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = SqliteOptions::new().synchronous(deltaview::Synchronous::Off);
        let sqlite = options
            .open(folder.path().join("edge.db"), graph)
            .expect("a new file opens");
        Self {
            memory: MemoryStore::new(graph),
            sqlite,
            _folder: folder,
        }
    }

    /// Whether the change was made; if not, it failed on both, as it should have.
    fn commit(
        &mut self,
        change: &Change,
        is_right: fn(&TickErrorKind) -> bool,
    ) -> Result<bool, TestCaseError> {
        let outcomes = [
            self.memory.commit(change).err(),
            self.sqlite.commit(change).err(),
        ];
        let [memory, sqlite] = &outcomes;
        prop_assert_eq!(memory.is_none(), sqlite.is_none(), "{:?}", outcomes);
        for error in outcomes.iter().flatten() {
            let kind = error.tick().map(|tick| tick.kind());
            prop_assert!(kind.is_some_and(is_right), "{:?}", error);
        }
        Ok(memory.is_none())
    }

    /// What both have in a view.
    fn read<T: deltaview::Row, K: IndexKey + deltaview::IndexKey>(
        &self,
        view: ViewHandle<T, K>,
    ) -> Result<Vec<(T, i64)>, TestCaseError> {
        let memory: Result<Vec<_>, Error> =
            self.memory.view(view).iter().and_then(Iterator::collect);
        let sqlite: Result<Vec<_>, Error> =
            self.sqlite.view(view).iter().and_then(Iterator::collect);
        let (memory, sqlite) = (memory.map_err(failed)?, sqlite.map_err(failed)?);
        prop_assert_eq!(&memory, &sqlite);
        Ok(memory)
    }
}

fn is_aggregate(kind: &TickErrorKind) -> bool {
    matches!(kind, TickErrorKind::AggregateOverflow { .. })
}

fn is_weight(kind: &TickErrorKind) -> bool {
    matches!(kind, TickErrorKind::WeightOverflow(WeightOverflow))
}

fn fits(number: i128) -> bool {
    i64::try_from(number).is_ok()
}

proptest! {
    #![proptest_config(config(6, REGRESSIONS))]

    #[test]
    fn a_sum_overflows_exactly_where_it_does_not_fit(
        changes in prop::collection::vec((0_i64..2, extreme(), any::<bool>()), 1..12),
    ) {
        let (graph, (numbers, sums)) = Graph::build("edge", |g| {
            let numbers = g.input::<(i64, i64)>("numbers");
            let by_group = Index::new("group", |row: &(i64, i64)| row.0);
            (numbers.handle(), numbers.group_by(by_group).sum(|row| row.1).view("sums"))
        })
        .unwrap();
        let mut stores = Both::new(&graph);
        let mut groups: BTreeMap<i64, (i64, i128)> = BTreeMap::new();
        for (group, number, inserts) in changes {
            let weight = if inserts { 1 } else { -1 };
            let added = i128::from(number) * i128::from(weight);
            let (count, sum) = groups.get(&group).copied().unwrap_or_default();
            let change = graph.change();
            let change = if inserts {
                change.insert(numbers, [(group, number)])
            } else {
                change.remove(numbers, [(group, number)])
            };
            let made = stores.commit(&change, is_aggregate)?;
            // The inverse of the least number does not fit by itself.
            prop_assert_eq!(made, fits(sum + added) && fits(added), "{} + {}", sum, added);
            if made {
                groups.insert(group, (count + weight, sum + added));
            }
            let there = groups.iter().filter(|(_, (count, _))| *count != 0);
            let expected: Vec<_> =
                there.map(|(group, (_, sum))| (Keyed::new(*group, *sum as i64), 1)).collect();
            prop_assert_eq!(stores.read(sums)?, expected);
        }
    }

    #[test]
    fn a_weight_overflows_exactly_where_it_does_not_fit(
        changes in prop::collection::vec((0_i64..2, extreme()), 1..12),
    ) {
        let (graph, (rows, seen)) = Graph::build("edge", |g| {
            let rows = g.input::<i64>("rows");
            (rows.handle(), rows.view_by("seen", Index::new("row", |row: &i64| *row)))
        })
        .unwrap();
        let mut stores = Both::new(&graph);
        let mut expected: BTreeMap<i64, i128> = BTreeMap::new();
        for (row, weight) in changes {
            let sum = expected.get(&row).copied().unwrap_or_default() + i128::from(weight);
            let change = graph.change().add(rows, ZSet::from_pairs([(row, weight)]).unwrap());
            prop_assert_eq!(stores.commit(&change, is_weight)?, fits(sum));
            if fits(sum) {
                expected.insert(row, sum);
            }
            let there = expected.iter().filter(|(_, weight)| **weight != 0);
            let there: Vec<_> = there.map(|(row, weight)| (*row, *weight as i64)).collect();
            prop_assert_eq!(stores.read(seen)?, there);
        }
    }

    #[test]
    fn the_weights_of_a_join_overflow_exactly_where_their_product_does_not_fit(
        (one, other) in (extreme(), extreme()),
        one_first in any::<bool>(),
    ) {
        let (graph, (left, right, met)) = Graph::build("edge", |g| {
            let (left, right) = (g.input::<i64>("left"), g.input::<i64>("right"));
            let key = || Index::new("row", |row: &i64| *row);
            let met = left.join_map(right, key(), key(), |key, _, _| *key);
            (left.handle(), right.handle(), met.view("met"))
        })
        .unwrap();
        let mut stores = Both::new(&graph);
        let of = |weight: i64| ZSet::from_pairs([(0, weight)]).unwrap();
        let (first, second) = if one_first {
            (graph.change().add(left, of(one)), graph.change().add(right, of(other)))
        } else {
            (graph.change().add(right, of(other)), graph.change().add(left, of(one)))
        };
        prop_assert!(stores.commit(&first, is_weight)?);
        let product = i128::from(one) * i128::from(other);
        prop_assert_eq!(stores.commit(&second, is_weight)?, fits(product));
        let expected: Vec<_> =
            i64::try_from(product).into_iter().map(|product| (0_i64, product)).collect();
        prop_assert_eq!(stores.read(met)?, expected);
    }
}

#[test]
fn counts_and_inverses_overflow_as_errors() {
    let (graph, (rows, counts, _)) = Graph::build("edge", |g| {
        let rows = g.input::<(i64, i64)>("rows");
        let all = rows.group_by(Index::unkeyed()).count();
        let inverse = rows.negate();
        (rows.handle(), all.view("counts"), inverse.output("inverse"))
    })
    .unwrap();
    let mut stores = Both::new(&graph);
    let of = |row: i64, weight: i64| {
        graph
            .change()
            .add(rows, ZSet::from_pairs([((row, row), weight)]).unwrap())
    };
    assert!(stores.commit(&of(1, i64::MAX), is_weight).unwrap());
    // Other rows, the same group.
    assert!(!stores.commit(&of(2, 1), is_weight).unwrap());
    assert!(
        !stores.commit(&of(3, i64::MIN), is_weight).unwrap(),
        "its inverse does not fit"
    );
    assert!(stores.commit(&of(1, -i64::MAX), is_weight).unwrap());
    assert_eq!(stores.read(counts).unwrap(), []);
    assert!(stores.commit(&of(2, 1), is_weight).unwrap());
    assert_eq!(stores.read(counts).unwrap(), [(Keyed::new((), 1), 1)]);
}
