//! [`Index`]: a named key of a row. It owns the closure that computes the key and the names of its columns; it never
//! stores a row.

use std::any::TypeId;
use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use deltaview_zset::{Keyed, Pair};

use crate::table::{Column, IndexSchema};
use crate::{IndexKey, KeyColumn};

/// A key computed from a row, with a name: what joins meet on, groups are made by, and views are ordered by.
///
/// `#[derive(Indexable)]` makes one for each `#[index]`: `Product::by_name()`. By hand:
///
/// ```
/// use deltaview_schema::Index;
/// use deltaview_zset::Pair;
///
/// let by_word = Index::new("word", |word: &String| word.clone());
/// // Lifted to the left of a pair, as a join makes them:
/// let by_left = by_word.on_left::<u32>();
/// assert_eq!(by_left.key(&Pair::new("delta".to_string(), 7)), "delta");
/// assert_eq!(by_left.name(), "left_word");
/// ```
///
/// The closure must be a pure function: equal rows always have equal keys.
pub struct Index<T, K> {
    name: String,
    fields: Fields,
    key: Arc<dyn Fn(&T) -> K + Send + Sync>,
    identity: IndexIdentity,
}

/// Tells whether two indexes are the same key of the same type: made by the same closure expression, lifted the same
/// way. Two closures that capture values are the same only when they are clones of one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexIdentity {
    name: String,
    fields: Fields,
    path: Vec<TypeId>,
    /// The addresses of the closures that capture something.
    instances: Vec<usize>,
}

/// The names of the columns of a key: of the key as a whole, or of each part of a tuple.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fields {
    Whole(String),
    Parts(Vec<Fields>),
}

impl Fields {
    fn of<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        if names.len() == 1 {
            Self::Whole(names.remove(0))
        } else {
            Self::Parts(names.into_iter().map(Self::Whole).collect())
        }
    }

    /// The name of the column at a path of nested tuples.
    fn name(&self, path: &[usize]) -> String {
        match (self, path.split_first()) {
            (Self::Whole(name), _) => path
                .iter()
                .fold(name.clone(), |name, part| format!("{name}_{part}")),
            (Self::Parts(parts), Some((first, rest))) => match parts.get(*first) {
                Some(part) => part.name(rest),
                None => Self::Whole(format!("key_{first}")).name(rest),
            },
            (Self::Parts(parts), None) => parts
                .first()
                .map_or_else(|| "key".to_string(), |part| part.name(&[])),
        }
    }

    /// The same names, each with a prefix.
    fn prefixed(&self, prefix: &str) -> Self {
        match self {
            Self::Whole(name) => Self::Whole(format!("{prefix}_{name}")),
            Self::Parts(parts) => {
                Self::Parts(parts.iter().map(|part| part.prefixed(prefix)).collect())
            }
        }
    }
}

impl<T, K> Clone for Index<T, K> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            fields: self.fields.clone(),
            key: Arc::clone(&self.key),
            identity: self.identity.clone(),
        }
    }
}

impl<T, K> fmt::Debug for Index<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<T: 'static, K: IndexKey> Index<T, K> {
    /// An index by hand: a name, and the closure that computes the key.
    ///
    /// The name becomes part of table and column names: `ixd__<name>__key`, or `ixd__<name>__key_0`, `…_1` for a
    /// tuple. Name the columns yourself with [`Self::with_columns`].
    pub fn new<F>(name: impl Into<String>, key: F) -> Self
    where
        F: Fn(&T) -> K + Send + Sync + 'static,
    {
        Self::declared(name, ["key"], key)
    }

    /// An index with names for its columns: one for the whole key, or one for each part of a tuple. The derive calls
    /// this.
    pub fn declared<F, N>(
        name: impl Into<String>,
        fields: impl IntoIterator<Item = N>,
        key: F,
    ) -> Self
    where
        F: Fn(&T) -> K + Send + Sync + 'static,
        N: Into<String>,
    {
        let name = name.into();
        let key: Arc<dyn Fn(&T) -> K + Send + Sync> = Arc::new(key);
        // A closure that captures nothing is told by its type alone; any other also by its address.
        let instance = (size_of::<F>() > 0).then(|| Arc::as_ptr(&key).cast::<()>().addr());
        let fields = Fields::of(fields);
        let path = vec![TypeId::of::<F>()];
        let identity = IndexIdentity {
            name: name.clone(),
            fields: fields.clone(),
            path,
            instances: instance.into_iter().collect(),
        };
        Self {
            name,
            fields,
            key,
            identity,
        }
    }

    /// Names the columns: one name for the whole key, or one for each part of a tuple key.
    ///
    /// ```
    /// use deltaview_schema::Index;
    ///
    /// let index = Index::new("day", |&(user, day): &(u32, u16)| (day, user)).with_columns(["day", "user"]);
    /// let names: Vec<String> = index.schema().columns.iter().map(|c| c.sql_name("day")).collect();
    /// assert_eq!(names, ["ixd__day__day", "ixd__day__user"]);
    /// ```
    #[must_use]
    pub fn with_columns<N: Into<String>>(mut self, fields: impl IntoIterator<Item = N>) -> Self {
        self.fields = Fields::of(fields);
        self.identity.fields.clone_from(&self.fields);
        self
    }

    /// The name of the index.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key of a row.
    pub fn key(&self, row: &T) -> K {
        (self.key)(row)
    }

    /// Tells whether two indexes are the same.
    pub fn identity(&self) -> &IndexIdentity {
        &self.identity
    }

    /// The index as data: its name and its columns.
    pub fn schema(&self) -> IndexSchema {
        let columns = K::columns()
            .into_iter()
            .map(|column| self.column(column))
            .collect();
        IndexSchema {
            name: self.name.clone(),
            columns,
        }
    }

    fn column(&self, column: KeyColumn) -> Column {
        let KeyColumn {
            column_type,
            nullable,
            descending,
            path,
        } = column;
        let name = self.fields.name(&path);
        Column {
            name,
            column_type,
            nullable,
            descending,
        }
    }

    /// The same index in descending order.
    #[must_use]
    pub fn reverse(self) -> Index<T, Reverse<K>> {
        let name = format!("{}_desc", self.name);
        self.lift::<T, Reverse<K>, Descending>(name, |index, row| Reverse(index.key(row)))
    }

    /// The same index of the left side of a pair; its name gets the prefix `left_`.
    #[must_use]
    pub fn on_left<R: 'static>(self) -> Index<Pair<T, R>, K> {
        let name = format!("left_{}", self.name);
        self.lift::<Pair<T, R>, K, OnLeft>(name, |index, pair| index.key(&pair.left))
    }

    /// The same index of the right side of a pair; its name gets the prefix `right_`.
    #[must_use]
    pub fn on_right<L: 'static>(self) -> Index<Pair<L, T>, K> {
        let name = format!("right_{}", self.name);
        self.lift::<Pair<L, T>, K, OnRight>(name, |index, pair| index.key(&pair.right))
    }

    /// The same index of the key of a group; its name gets the prefix `key_`.
    #[must_use]
    pub fn on_key<V: 'static>(self) -> Index<Keyed<T, V>, K> {
        let name = format!("key_{}", self.name);
        self.lift::<Keyed<T, V>, K, OnKey>(name, |index, group| index.key(&group.key))
    }

    /// The same index of the value of a group; its name gets the prefix `value_`.
    #[must_use]
    pub fn on_value<G: 'static>(self) -> Index<Keyed<G, T>, K> {
        let name = format!("value_{}", self.name);
        self.lift::<Keyed<G, T>, K, OnValue>(name, |index, group| index.key(&group.value))
    }

    /// The index of both keys: the rows by this one, and by the other among those with the same key.
    ///
    /// ```
    /// use deltaview_schema::Index;
    ///
    /// let by_user = Index::new("user", |row: &(u32, u16)| row.0);
    /// let by_day = Index::new("day", |row: &(u32, u16)| row.1);
    /// let both = by_user.and(by_day);
    /// assert_eq!((both.name(), both.key(&(7, 31))), ("user_and_day", (7, 31)));
    /// ```
    #[must_use]
    pub fn and<K2: IndexKey>(self, other: Index<T, K2>) -> Index<T, (K, K2)> {
        self.combine::<K2, (K, K2), Both>(other, |one, other| (one, other))
    }

    /// The index of a key made of both keys, which has the columns of the pair of them. `Via` names the way, so that
    /// equal combinations are the same index. For operators.
    #[doc(hidden)]
    #[must_use]
    pub fn combine<K2: IndexKey, K3: IndexKey, Via: 'static>(
        self,
        other: Index<T, K2>,
        combine: impl Fn(K, K2) -> K3 + Send + Sync + 'static,
    ) -> Index<T, K3> {
        let name = match (K::columns().len(), K2::columns().len()) {
            (0, _) => other.name.clone(),
            (_, 0) => self.name.clone(),
            _ => format!("{}_and_{}", self.name, other.name),
        };
        let (one, two) = (&self.fields, &other.fields);
        let again = format!("{}_again", other.name);
        // As the columns are called; else with the names of the indexes; else it is the same index twice.
        let ways = [
            [one.clone(), two.clone()],
            [one.prefixed(&self.name), two.prefixed(&other.name)],
            [one.prefixed(&self.name), two.prefixed(&again)],
        ];
        let mut ways = ways.map(|way| Fields::Parts(way.to_vec())).into_iter();
        let columns = <(K, K2)>::columns();
        let are_distinct = |fields: &Fields| {
            let names = columns.iter().map(|column| fields.name(&column.path));
            let names: std::collections::BTreeSet<String> =
                names.map(|name| name.to_lowercase()).collect();
            names.len() == columns.len()
        };
        let last = ways.next_back();
        let fields = ways.find(are_distinct).or(last);
        let fields = fields.expect("there are three ways");
        let path = [&self.identity.path, &other.identity.path].map(|path| path.iter().copied());
        let [one, two] = path;
        let identity = IndexIdentity {
            name: name.clone(),
            fields: fields.clone(),
            path: one.chain([TypeId::of::<Via>()]).chain(two).collect(),
            instances: [self.identity.instances, other.identity.instances].concat(),
        };
        let (first, second) = (self.key, other.key);
        Index {
            name,
            fields,
            key: Arc::new(move |row: &T| combine(first(row), second(row))),
            identity,
        }
    }

    /// The same index of the rows of a group, after the group's key. For operators that work inside of groups.
    #[doc(hidden)]
    #[must_use]
    pub fn within<G: IndexKey>(self) -> Index<Keyed<G, T>, (G, K)> {
        let group = Index::declared("group", ["group"], |row: &Keyed<G, T>| row.key.clone());
        let inner = self.inside::<G>();
        // Without columns of its own it is told apart from the index of the rows outside of groups that has none.
        let name = if K::columns().is_empty() {
            "group".to_string()
        } else {
            inner.name.clone()
        };
        group
            .combine::<K, (G, K), Within>(inner, |group, key| (group, key))
            .called(name)
    }

    /// The same index by another name. For operators.
    #[doc(hidden)]
    #[must_use]
    pub fn called(mut self, name: String) -> Self {
        self.identity.name.clone_from(&name);
        self.name = name;
        self
    }

    /// The same index of the rows of a group, by the same key. For operators that work inside of groups.
    #[doc(hidden)]
    #[must_use]
    pub fn inside<G: IndexKey>(self) -> Index<Keyed<G, T>, K> {
        let name = self.name.clone();
        self.lift::<Keyed<G, T>, K, Inside>(name, |index, row| index.key(&row.value))
    }

    /// A new index that goes through this one; `Via` names the way, so that equal lifts are the same index.
    fn lift<U: 'static, K2: IndexKey, Via: 'static>(
        self,
        name: String,
        key: impl Fn(&Self, &U) -> K2 + Send + Sync + 'static,
    ) -> Index<U, K2> {
        let mut identity = self.identity.clone();
        identity.name.clone_from(&name);
        identity.path.push(TypeId::of::<Via>());
        let fields = self.fields.clone();
        let inner = self;
        Index {
            name,
            fields,
            key: Arc::new(move |row: &U| key(&inner, row)),
            identity,
        }
    }
}

struct Descending;
struct OnLeft;
struct OnRight;
struct OnKey;
struct OnValue;
struct Both;
struct Within;
struct Inside;

impl<T: 'static> Index<T, ()> {
    /// The index without a key: all rows are under one key, and are told apart by their identity alone.
    pub fn unkeyed() -> Self {
        Self::declared("row", ["key"], |_: &T| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_first() -> Index<(u32, String), u32> {
        Index::new("first", |row: &(u32, String)| row.0)
    }

    #[test]
    fn the_same_expression_is_the_same_index() {
        assert_eq!(by_first().identity(), by_first().identity());
        assert_eq!(
            by_first().on_left::<u8>().identity(),
            by_first().on_left::<u8>().identity()
        );
    }

    #[test]
    fn another_closure_another_lift_or_another_capture_is_another_index() {
        let other = Index::new("first", |row: &(u32, String)| row.0 + 1);
        assert_ne!(by_first().identity(), other.identity());
        let pair_left = by_first().on_left::<(u32, String)>();
        let pair_right = by_first().on_right::<(u32, String)>();
        assert_ne!(pair_left.identity(), pair_right.identity());
        let adding = |n: u32| Index::new("first", move |row: &(u32, String)| row.0 + n);
        let one = adding(1);
        assert_ne!(one.identity(), adding(1).identity());
        assert_eq!(one.identity(), one.clone().identity());
    }

    #[test]
    fn columns_are_named_by_the_parts_of_the_key() {
        let names = |schema: IndexSchema| {
            schema
                .columns
                .into_iter()
                .map(|c| c.name)
                .collect::<Vec<_>>()
        };
        let nested = Index::new("x", |_: &()| (1_i64, (2_i64, Reverse(3_i64))));
        assert_eq!(names(nested.schema()), ["key_0", "key_1_0", "key_1_1"]);
        assert_eq!(
            names(nested.clone().with_columns(["a", "b"]).schema()),
            ["a", "b_0", "b_1"]
        );
        assert!(nested.schema().columns[2].descending);
        assert_eq!(names(by_first().schema()), ["key"]);
        assert!(names(Index::<u8, ()>::unkeyed().schema()).is_empty());
    }
}
