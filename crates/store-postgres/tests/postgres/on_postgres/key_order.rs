//! The order of keys in Postgres is Rust's `Ord`, for each type of key, alone and in composites: forwards and backwards,
//! as the primary key and as a secondary index, by the store and by a literal `ORDER BY`. A key is found by equality,
//! `None` included; ranges are those of a `BTreeMap`; and a column is NULL where its value is `None` alone.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::ops::Bound;
use std::sync::Arc;

use deltaview_graph::{Edit, Graph, ViewHandle};
use deltaview_schema::{Index, IndexKey, KeyColumn, KeyValue, codec};
use deltaview_store::{Rows, Store};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use tokio::runtime::Runtime;

use crate::blocking::Blocking;
use crate::common::{Place, blocking, config, pool};
use crate::keys::*;

macro_rules! order_test {
    ($name:ident, $type:ty, $strategy:expr) => {
        #[test]
        fn $name() {
            check_type::<$type>($strategy);
        }
    };
}

for_each_key_type!(order_test);

/// The server that the tests are run on may order text by its bytes by default, so that a column that forgot to say so
/// would not be seen. This database does not.
#[test]
fn text_is_ordered_by_bytes_in_a_database_that_orders_it_otherwise() {
    let runtime = Arc::new(blocking());
    let name = Place::new().schema.clone();
    runtime.block_on(async {
        let client = Place::new().pool.get().await.unwrap();
        let version = "SELECT current_setting('server_version_num')::integer";
        let version: i32 = client.query_one(version, &[]).await.unwrap().get(0);
        let locale = if version >= 150_000 {
            "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'".to_string()
        } else {
            let found = "SELECT collcollate::text FROM pg_collation WHERE collprovider = 'c' \
                         AND collname LIKE 'en_US%' AND collencoding = pg_char_to_encoding('UTF8') LIMIT 1";
            let found = client.query_one(found, &[]).await;
            let found: String = found.expect("the server's machine has the locale en_US.UTF-8").get(0);
            format!("LC_COLLATE '{found}' LC_CTYPE '{found}'")
        };
        let create =
            format!("CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' {locale}");
        client.batch_execute(&create).await.unwrap();
    });
    let mut config = config();
    config.dbname(&name);
    let place = Arc::new(Place::with_pool(pool(config, 8)));
    let is_otherwise: bool = runtime.block_on(async {
        let client = place.pool.get().await.unwrap();
        let sql = "SELECT 'a' < 'B' AND NOT 'a' COLLATE \"C\" < 'B'";
        client.query_one(sql, &[]).await.unwrap().get(0)
    });
    assert!(is_otherwise);
    PLACE.set(Some((Arc::clone(&runtime), place)));
    check_type::<String>(string_keys());
    runtime.block_on(async {
        let client = Place::new().pool.get().await.unwrap();
        let drop = format!("DROP DATABASE \"{name}\" WITH (FORCE)");
        client.batch_execute(&drop).await.unwrap();
    });
}

mod uuids {
    use super::check_type;
    use crate::{keys::*, uuid_keys::*};
    for_each_uuid_key_type!(order_test);
}

mod decimals {
    use super::check_type;
    use crate::{decimal_keys::*, keys::*};
    for_each_decimal_key_type!(order_test);
}

mod chronos {
    use super::check_type;
    use crate::{chrono_keys::*, keys::*};
    for_each_chrono_key_type!(order_test);
}

mod jiffs {
    use super::check_type;
    use crate::{jiff_keys::*, keys::*};
    for_each_jiff_key_type!(order_test);
}

/// So many keys are drawn of each type.
const KEYS: usize = 16;

fn check_type<K: IndexKey>(strategy: impl Strategy<Value = K>) {
    let mut runner = TestRunner::default();
    let mut keys: Vec<K> = (0..KEYS)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect();
    keys.extend_from_within(..5);
    let optional = || keys.iter().cloned().map(Some).chain([None, None]);
    check(optional().collect::<Vec<Option<K>>>());
    check(
        keys.iter()
            .cloned()
            .map(Reverse)
            .collect::<Vec<Reverse<K>>>(),
    );
    check(
        optional()
            .map(Some)
            .chain([None])
            .collect::<Vec<Option<Option<K>>>>(),
    );
    check(
        optional()
            .map(|key| key.map(Reverse))
            .collect::<Vec<Option<Reverse<K>>>>(),
    );
    check(optional().map(Reverse).collect::<Vec<Reverse<Option<K>>>>());
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
    check(triples.collect::<Vec<(K, Option<i64>, Reverse<K>)>>());
    check(keys);
    PLACE.take();
}

/// Checks keys of one type, which is forgotten: the graph and the store are compiled once for all types.
fn check<K: IndexKey>(keys: Vec<K>) {
    COLUMNS.set(K::columns());
    check_keys(keys.into_iter().map(|key| AnyKey(Arc::new(key))).collect());
}

thread_local! {
    /// The columns of the type that is being checked.
    static COLUMNS: RefCell<Vec<KeyColumn>> = const { RefCell::new(Vec::new()) };
    /// Where the stores of one type are, and how many there were.
    static PLACE: RefCell<Option<(Arc<Runtime>, Arc<Place>)>> = const { RefCell::new(None) };
    static GRAPHS: Cell<u32> = const { Cell::new(0) };
}

/// A key of the type that is being checked: it does in all things as the key inside.
#[derive(Clone, Debug)]
struct AnyKey(Arc<dyn ErasedKey>);

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
struct Case {
    keys: Arc<Vec<AnyKey>>,
    store: Blocking,
    // After the store, whose connections are in it.
    place: Arc<Place>,
    primary: ViewHandle<u32, AnyKey>,
    secondary: ViewHandle<u32, AnyKey>,
}

impl Case {
    fn new(keys: Vec<AnyKey>) -> Self {
        let keys = Arc::new(keys);
        let index = || {
            let keys = Arc::clone(&keys);
            Index::new("key", move |row: &u32| keys[*row as usize].clone())
        };
        let number = GRAPHS.with(|graphs| graphs.replace(graphs.get() + 1));
        let (graph, (input, primary, secondary)) = Graph::build(format!("keys{number}"), |g| {
            let input = g.input::<u32>("rows");
            let primary = input.view_by("primary", index());
            let by_row = input.view_by("by_row", Index::new("row", |row: &u32| *row));
            (input.handle(), primary, g.also_by(by_row, index()))
        })
        .unwrap();
        let (runtime, place) = PLACE.with_borrow_mut(|place| {
            let new = || (Arc::new(blocking()), Arc::new(Place::new()));
            place.get_or_insert_with(new).clone()
        });
        let mut store = crate::blocking::connect(&runtime, &place, &graph).unwrap();
        let rows = 0..u32::try_from(keys.len()).unwrap();
        store.change().insert(input, rows).commit().unwrap();
        Self {
            keys,
            store,
            place,
            primary,
            secondary,
        }
    }

    /// The keys of rows as they come.
    fn keys_of(&self, rows: Rows<'_, u32>) -> Vec<AnyKey> {
        rows.map(|row| self.keys[row.unwrap().0 as usize].clone())
            .collect()
    }
}

fn check_keys(mut keys: Vec<AnyKey>) {
    // Postgres can't hold them: that is an error, which other tests see.
    keys.retain(|key| {
        let mut values = Vec::new();
        key.values(&mut values);
        !values
            .iter()
            .any(|value| matches!(value, KeyValue::Text(text) if text.contains('\0')))
    });
    let case = Case::new(keys);
    for view in [case.primary, case.secondary] {
        check_iteration(&case, view);
        check_lookups(&case, view);
        check_ranges(&case, view);
        check_sql(&case, view);
    }
}

fn check_iteration(case: &Case, view: ViewHandle<u32, AnyKey>) {
    let mut sorted = case.keys.to_vec();
    sorted.sort();
    assert_eq!(case.keys_of(case.store.view(view).iter().unwrap()), sorted);
    sorted.reverse();
    assert_eq!(
        case.keys_of(case.store.view(view).rev().iter().unwrap()),
        sorted
    );
}

fn check_lookups(case: &Case, view: ViewHandle<u32, AnyKey>) {
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

fn check_ranges(case: &Case, view: ViewHandle<u32, AnyKey>) {
    let mut map: BTreeMap<&AnyKey, usize> = BTreeMap::new();
    case.keys
        .iter()
        .for_each(|key| *map.entry(key).or_default() += 1);
    let some: Vec<&AnyKey> = case
        .keys
        .iter()
        .step_by(case.keys.len().div_ceil(2))
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

/// Reads the table as a person would, by the documented names of its columns.
fn check_sql(case: &Case, view: ViewHandle<u32, AnyKey>) {
    let graph = case.store.graph();
    let schema = graph.view_table(view).unwrap().schema();
    let index = if view.index() == 0 {
        &schema.primary
    } else {
        &schema.secondary[0]
    };
    let nulls: String = index
        .sql_names()
        .map(|name| format!(", \"{name}\" IS NULL"))
        .collect();
    let order: Vec<String> = index
        .sql_names()
        .zip(&index.columns)
        .map(|(name, column)| {
            let direction = if column.descending {
                "DESC NULLS LAST"
            } else {
                "NULLS FIRST"
            };
            format!("\"{name}\" {direction}")
        })
        .collect();
    let order = if order.is_empty() {
        String::new()
    } else {
        format!(" ORDER BY {}", order.join(", "))
    };
    let sql = format!(
        "SELECT \"identity\"{nulls} FROM \"{}\".\"{}\"{order}",
        case.place.schema,
        schema.name(Some(63)),
    );
    let rows = case.store.block_on(async {
        let client = case.place.pool.get().await.unwrap();
        client.query(&sql, &[]).await.unwrap()
    });
    let mut in_sql = Vec::new();
    for row in rows {
        let key = case.keys[codec::decode::<u32>(row.get(0)).unwrap() as usize].clone();
        let mut values = Vec::new();
        key.values(&mut values);
        for (position, value) in values.iter().enumerate() {
            assert_eq!(
                row.get::<_, bool>(1 + position),
                *value == KeyValue::Null,
                "{key:?}"
            );
        }
        in_sql.push(key);
    }
    let mut sorted = case.keys.to_vec();
    sorted.sort();
    assert_eq!(in_sql, sorted, "{sql}");
}
