//! The order of keys in a database is Rust's `Ord`, for each type of key, alone and in composites: forwards and
//! backwards, as the primary key and as a secondary index, by the store and by a literal `ORDER BY`. A key is found by
//! equality, `None` included; ranges are those of a `BTreeMap`; and the columns show the key.
//!
//! The tests of a store include this file from a module that has a type `Tried`, its [`Database`], beside it. The key
//! types are those of `crates/schema/tests/common`, which the root of the tests includes.

use std::any::Any;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use deltaview_graph::{Edit, Graph, ViewHandle};
use deltaview_schema::{Index, IndexKey, IndexSchema, KeyColumn, KeyValue, TableSchema, codec};
use deltaview_store::{Rows, Store};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::Tried;
use crate::keys::*;

/// Where the keys of one type are tried, and how the database shows them.
pub(super) trait Database: Sized {
    type Store: Store;

    /// So many keys are drawn of each type.
    const KEYS: usize;

    /// So many keys, about, are the bounds of ranges.
    const BOUNDS: usize;

    /// Whether the database can hold the key at all.
    fn holds(_: &AnyKey) -> bool {
        true
    }

    /// A store for a graph of a name of its own.
    fn open(&self, graph: &Graph) -> Self::Store;

    /// Reads the table as a person would, by the documented names of its columns, in the order of the index; checks
    /// that the index's columns show the keys. Returns the query, and the keys as they came.
    fn in_sql(
        &self,
        case: &Case<Self>,
        table: &TableSchema,
        index: &IndexSchema,
    ) -> (String, Vec<AnyKey>);
}

macro_rules! order_test {
    ($name:ident, $type:ty, $strategy:expr) => {
        #[test]
        fn $name() {
            check_type::<Tried, $type>(Tried::new(), $strategy);
        }
    };
}

for_each_key_type!(order_test);

mod uuids {
    use super::{Tried, check_type};
    use crate::{keys::*, uuid_keys::*};
    for_each_uuid_key_type!(order_test);
}

mod decimals {
    use super::{Tried, check_type};
    use crate::{decimal_keys::*, keys::*};
    for_each_decimal_key_type!(order_test);
}

mod chronos {
    use super::{Tried, check_type};
    use crate::{chrono_keys::*, keys::*};
    for_each_chrono_key_type!(order_test);
}

mod jiffs {
    use super::{Tried, check_type};
    use crate::{jiff_keys::*, keys::*};
    for_each_jiff_key_type!(order_test);
}

/// Draws keys of a type and checks them, and options, reverses and triples of them. The database is gone at the end.
pub(super) fn check_type<D: Database, K: IndexKey>(
    database: D,
    strategy: impl Strategy<Value = K>,
) {
    let mut runner = TestRunner::default();
    let mut keys: Vec<K> = (0..D::KEYS)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect();
    keys.extend_from_within(..5);
    let optional = || keys.iter().cloned().map(Some).chain([None, None]);
    check(&database, optional().collect::<Vec<Option<K>>>());
    check(
        &database,
        keys.iter()
            .cloned()
            .map(Reverse)
            .collect::<Vec<Reverse<K>>>(),
    );
    check(
        &database,
        optional()
            .map(Some)
            .chain([None])
            .collect::<Vec<Option<Option<K>>>>(),
    );
    check(
        &database,
        optional()
            .map(|key| key.map(Reverse))
            .collect::<Vec<Option<Reverse<K>>>>(),
    );
    check(
        &database,
        optional().map(Reverse).collect::<Vec<Reverse<Option<K>>>>(),
    );
    let few = &keys[..5];
    let triples = few.iter().flat_map(|a| {
        few.iter().enumerate().map(|(i, b)| {
            (
                a.clone(),
                (i % 3 > 0).then_some(i as i64 % 2),
                Reverse(b.clone()),
            )
        })
    });
    check(
        &database,
        triples.collect::<Vec<(K, Option<i64>, Reverse<K>)>>(),
    );
    check(&database, keys);
}

/// Checks keys of one type, which is forgotten: the graph and the store are compiled once for all types.
fn check<D: Database, K: IndexKey>(database: &D, keys: Vec<K>) {
    COLUMNS.set(K::columns());
    let mut keys: Vec<AnyKey> = keys.into_iter().map(|key| AnyKey(Arc::new(key))).collect();
    keys.retain(D::holds);
    check_keys(database, keys);
}

/// The graphs in one database have different names.
static GRAPHS: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// The columns of the type that is being checked.
    static COLUMNS: RefCell<Vec<KeyColumn>> = const { RefCell::new(Vec::new()) };
}

/// A key of the type that is being checked: it does in all things as the key inside.
#[derive(Clone, Debug)]
pub(super) struct AnyKey(Arc<dyn ErasedKey>);

trait ErasedKey: Any + std::fmt::Debug + Send + Sync {
    fn order(&self, other: &dyn Any) -> Ordering;
    fn column_values<'a>(&'a self, out: &mut Vec<KeyValue<'a>>);
    fn encoding(&self, out: &mut Vec<u8>);
}

impl<K: IndexKey> ErasedKey for K {
    fn order(&self, other: &dyn Any) -> Ordering {
        self.cmp(other.downcast_ref().expect("keys of one type"))
    }
    fn column_values<'a>(&'a self, out: &mut Vec<KeyValue<'a>>) {
        self.values(out);
    }
    fn encoding(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

impl PartialEq for AnyKey {
    fn eq(&self, other: &Self) -> bool {
        Ord::cmp(self, other).is_eq()
    }
}

impl Eq for AnyKey {}

impl PartialOrd for AnyKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(Ord::cmp(self, other))
    }
}

impl Ord for AnyKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let other: &dyn Any = other.0.as_ref();
        self.0.as_ref().order(other)
    }
}

impl Hash for AnyKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut bytes = Vec::new();
        self.0.as_ref().encoding(&mut bytes);
        bytes.hash(state);
    }
}

impl IndexKey for AnyKey {
    fn columns() -> Vec<KeyColumn> {
        COLUMNS.with_borrow(Clone::clone)
    }
    fn values<'a>(&'a self, out: &mut Vec<KeyValue<'a>>) {
        self.0.as_ref().column_values(out);
    }
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.as_ref().encoding(out);
    }
}

/// A store with a view by the keys, and a view with the keys as a secondary index. A row is the position of its key.
pub(super) struct Case<D: Database> {
    keys: Arc<Vec<AnyKey>>,
    pub(super) store: D::Store,
    primary: ViewHandle<u32, AnyKey>,
    secondary: ViewHandle<u32, AnyKey>,
}

impl<D: Database> Case<D> {
    fn new(database: &D, keys: Vec<AnyKey>) -> Self {
        let keys = Arc::new(keys);
        let index = || {
            let keys = Arc::clone(&keys);
            Index::new("key", move |row: &u32| keys[*row as usize].clone())
        };
        let number = GRAPHS.fetch_add(1, Relaxed);
        let (graph, (input, primary, secondary)) = Graph::build(format!("keys{number}"), |g| {
            let input = g.input::<u32>("rows");
            let primary = input.view_by("primary", index());
            let by_row = input.view_by("by_row", Index::new("row", |row: &u32| *row));
            (input.handle(), primary, g.also_by(by_row, index()))
        })
        .unwrap();
        let mut store = database.open(&graph);
        let rows = 0..u32::try_from(keys.len()).unwrap();
        store.change().insert(input, rows).commit().unwrap();
        Self {
            keys,
            store,
            primary,
            secondary,
        }
    }

    /// The key of a row, by the bytes that the table has of the row.
    pub(super) fn key(&self, identity: &[u8]) -> &AnyKey {
        &self.keys[codec::decode::<u32>(identity).unwrap() as usize]
    }

    /// The keys of rows as they come.
    fn keys_of(&self, rows: Rows<'_, u32>) -> Vec<AnyKey> {
        rows.map(|row| self.keys[row.unwrap().0 as usize].clone())
            .collect()
    }
}

fn check_keys<D: Database>(database: &D, keys: Vec<AnyKey>) {
    let case = Case::new(database, keys);
    for view in [case.primary, case.secondary] {
        check_iteration(&case, view);
        check_lookups(&case, view);
        check_ranges(&case, view);
        check_sql(database, &case, view);
    }
}

fn check_iteration<D: Database>(case: &Case<D>, view: ViewHandle<u32, AnyKey>) {
    let mut sorted = case.keys.to_vec();
    sorted.sort();
    assert_eq!(case.keys_of(case.store.view(view).iter().unwrap()), sorted);
    sorted.reverse();
    assert_eq!(
        case.keys_of(case.store.view(view).rev().iter().unwrap()),
        sorted
    );
}

fn check_lookups<D: Database>(case: &Case<D>, view: ViewHandle<u32, AnyKey>) {
    for key in case.keys.iter().step_by(2).chain(case.keys.last()) {
        let found = case.store.view(view).key(key).unwrap();
        let mut found: Vec<u32> = found.map(|row| row.unwrap().0).collect();
        found.sort_unstable();
        let equal: Vec<u32> = (0..)
            .zip(case.keys.iter())
            .filter(|(_, other)| *other == key)
            .map(|(row, _)| row)
            .collect();
        assert_eq!(found, equal, "the rows of {key:?}");
    }
}

fn check_ranges<D: Database>(case: &Case<D>, view: ViewHandle<u32, AnyKey>) {
    let mut map: BTreeMap<&AnyKey, usize> = BTreeMap::new();
    case.keys
        .iter()
        .for_each(|key| *map.entry(key).or_default() += 1);
    let some: Vec<&AnyKey> = case
        .keys
        .iter()
        .step_by(case.keys.len().div_ceil(D::BOUNDS))
        .collect();
    let bounds = |key: &AnyKey| [Bound::Included(key.clone()), Bound::Excluded(key.clone())];
    let all = some
        .iter()
        .flat_map(|key| bounds(key))
        .chain([Bound::Unbounded]);
    let all: Vec<Bound<AnyKey>> = all.collect();
    for start in &all {
        for end in &all {
            let within = map.iter().filter(|(key, _)| {
                std::ops::RangeBounds::contains(&(start.as_ref(), end.as_ref()), **key)
            });
            let mut expected: Vec<AnyKey> = within
                .flat_map(|(key, count)| std::iter::repeat_n((*key).clone(), *count))
                .collect();
            let range = (start.clone(), end.clone());
            let forwards = case.store.view(view).range(range.clone()).unwrap();
            assert_eq!(
                case.keys_of(forwards),
                expected,
                "forwards from {start:?} to {end:?}"
            );
            let backwards = case.store.view(view).rev().range(range).unwrap();
            expected.reverse();
            assert_eq!(
                case.keys_of(backwards),
                expected,
                "backwards from {start:?} to {end:?}"
            );
        }
    }
}

fn check_sql<D: Database>(database: &D, case: &Case<D>, view: ViewHandle<u32, AnyKey>) {
    let graph = case.store.graph();
    let schema = graph.view_table(view).unwrap().schema();
    let index = if view.index() == 0 {
        &schema.primary
    } else {
        &schema.secondary[0]
    };
    let (sql, in_sql) = database.in_sql(case, schema, index);
    let mut sorted = case.keys.to_vec();
    sorted.sort();
    assert_eq!(in_sql, sorted, "{sql}");
}
