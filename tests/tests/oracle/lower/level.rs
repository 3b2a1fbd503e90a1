//! The scopes that lists of nodes are lowered in: the plan's own, that of a group, that of a group in a group. Each
//! knows its keys, so that only those types are made that plans have.

use deltaview::{In, IndexKey, Keyed, Looped, Root, Row, Scope, Stream};
use deltaview_tests::item::{Item, Key};
use deltaview_tests::plan::{Body, Edge, JoinOuter};
use deltaview_tests::total::Total;

use super::keys::{A, C3, Indexed, Visit};
use super::list::List;
use super::{joins, keys};
use crate::probe::{Expects, TableCheck};

/// A scope that a list of nodes is in.
pub(super) trait Level: Scope + Sized {
    /// The scope around it.
    type Around: Level;

    /// Whether it is inside of a group.
    const HAS_GROUPS: bool = false;

    /// Whether it is the deepest one, where only some operators are tried.
    const IS_DEEPEST: bool = false;

    /// Whether it is inside of a recursion.
    const IS_LOOPED: bool = false;

    /// With any key that is tried in the scope.
    fn with_key<V: Visit>(key: Key, visit: V) -> V::Out;

    /// With one of the scope's keys that are [`Key::WIDE`].
    fn with_wide<V: Visit>(key: Key, visit: V) -> V::Out {
        Self::with_key(key, visit)
    }

    /// A sub-query on the rows of each group, as rows again.
    fn per_group<'g>(
        _: &List<'_, 'g, '_, Self>,
        _: usize,
        _: usize,
        _: Key,
        _: &Body,
    ) -> Stream<'g, Item, Self> {
        panic!("no groups are tried here")
    }

    /// A recursion.
    fn recursive<'g>(
        _: &List<'_, 'g, '_, Self>,
        _: usize,
        _: (usize, u32),
        _: &Body,
    ) -> Stream<'g, Item, Self> {
        panic!("no recursion is tried here")
    }

    /// The pairs that edges join, as items again.
    fn closure<'g>(_: Stream<'g, Item, Self>) -> Stream<'g, Item, Self> {
        panic!("no recursion is tried here")
    }

    /// Rows leave their group, meet others, and come back.
    fn join_outer<'g>(
        _: Stream<'g, Item, Self>,
        _: Stream<'g, Item, Self::Around>,
        _: JoinOuter,
    ) -> Stream<'g, Item, Self> {
        panic!("rows leave nothing but groups")
    }

    /// What exactly is expected of the rows of a node of the plan.
    fn rows(_: String, _: &'static str, _: Expects) -> Option<TableCheck> {
        None
    }

    /// What exactly is expected of the state of an aggregate of the plan.
    fn states<K: Indexed + Row, State: Row>(
        _: String,
        _: usize,
        _: fn(State) -> Total,
    ) -> Option<TableCheck> {
        None
    }

    /// What exactly is expected of the number of rows of each key of a node of the plan.
    fn key_counts<K: Indexed + Row>(_: String, _: usize, _: bool) -> Option<TableCheck> {
        None
    }

    /// What exactly is expected of the number of rows of each key of each group of a node of the plan.
    fn keys_of_groups<K: Indexed + Row, V: Indexed + Row>(
        _: String,
        _: usize,
    ) -> Option<TableCheck> {
        None
    }

    /// Shows the groups of an aggregate as they are, where a plan can look at them.
    fn show_groups<'g, K: Indexed + Row, V: Row>(
        _: &List<'_, 'g, '_, Self>,
        _: usize,
        _: Stream<'g, Keyed<K, V>, Self>,
        _: fn(V) -> Total,
    ) {
    }
}

impl Level for Root {
    type Around = Self;

    fn with_key<V: Visit>(key: Key, visit: V) -> V::Out {
        keys::every_key(key, visit)
    }

    fn with_wide<V: Visit>(key: Key, visit: V) -> V::Out {
        keys::wide_key(key, visit)
    }

    fn per_group<'g>(
        list: &List<'_, 'g, '_, Self>,
        node: usize,
        input: usize,
        key: Key,
        body: &Body,
    ) -> Stream<'g, Item, Self> {
        match key {
            Key::A => grouped::<A, Self>(list, node, input, body),
            key => panic!("{key:?} makes no groups"),
        }
    }

    fn recursive<'g>(
        list: &List<'_, 'g, '_, Self>,
        node: usize,
        seed: (usize, u32),
        body: &Body,
    ) -> Stream<'g, Item, Self> {
        list.looped(node, seed, body)
    }

    fn closure<'g>(edges: Stream<'g, Item, Self>) -> Stream<'g, Item, Self> {
        edges.transitive_closure(Edge::of).map(Edge::into_item)
    }

    fn rows(vertex: String, role: &'static str, expects: Expects) -> Option<TableCheck> {
        Some(TableCheck::items(vertex, role, expects))
    }

    fn states<K: Indexed + Row, State: Row>(
        vertex: String,
        node: usize,
        total: fn(State) -> Total,
    ) -> Option<TableCheck> {
        let expects = Expects::GroupStates(node);
        Some(TableCheck::group_states::<K, State>(vertex, expects, total))
    }

    fn key_counts<K: Indexed + Row>(
        vertex: String,
        node: usize,
        twisted: bool,
    ) -> Option<TableCheck> {
        let expects = Expects::KeyCounts {
            node,
            key: K::KEY,
            twisted,
        };
        Some(TableCheck::group_states::<K, ()>(
            vertex,
            expects,
            Total::from,
        ))
    }

    fn keys_of_groups<K: Indexed + Row, V: Indexed + Row>(
        vertex: String,
        node: usize,
    ) -> Option<TableCheck> {
        Some(TableCheck::keys_of_groups::<K, V>(vertex, node))
    }

    fn show_groups<'g, K: Indexed + Row, V: Row>(
        list: &List<'_, 'g, '_, Self>,
        node: usize,
        groups: Stream<'g, Keyed<K, V>>,
        total: fn(V) -> Total,
    ) {
        if list.is_plan() {
            list.looks().groups(node, groups, total);
        }
    }
}

/// In the groups of a plan, and in groups of these.
impl<G, P> Level for In<G, P>
where
    G: Indexed + Row,
    P: Level + Inner<G>,
{
    type Around = P;

    const HAS_GROUPS: bool = true;
    const IS_DEEPEST: bool = P::HAS_GROUPS || P::IS_LOOPED;
    const IS_LOOPED: bool = P::IS_LOOPED;

    fn with_key<V: Visit>(key: Key, visit: V) -> V::Out {
        keys::inner_key(key, visit)
    }

    fn per_group<'g>(
        list: &List<'_, 'g, '_, Self>,
        node: usize,
        input: usize,
        key: Key,
        body: &Body,
    ) -> Stream<'g, Item, Self> {
        assert_eq!(key, Key::C3, "the only key of groups in groups");
        <P as Inner<G>>::per_inner_group(list, node, input, body)
    }

    fn recursive<'g>(
        list: &List<'_, 'g, '_, Self>,
        node: usize,
        seed: (usize, u32),
        body: &Body,
    ) -> Stream<'g, Item, Self> {
        <P as Inner<G>>::recursive_in_group(list, node, seed, body)
    }

    fn closure<'g>(edges: Stream<'g, Item, Self>) -> Stream<'g, Item, Self> {
        <P as Inner<G>>::closure_in_group(edges)
    }

    fn join_outer<'g>(
        left: Stream<'g, Item, Self>,
        outer: Stream<'g, Item, P>,
        join: JoinOuter,
    ) -> Stream<'g, Item, Self> {
        joins::join_outer(left, outer, join)
    }
}

/// How far groups go: what a group in groups by `G` of this scope may have inside.
pub(super) trait Inner<G>: Level
where
    G: IndexKey + Row,
{
    fn per_inner_group<'g>(
        _: &List<'_, 'g, '_, In<G, Self>>,
        _: usize,
        _: usize,
        _: &Body,
    ) -> Stream<'g, Item, In<G, Self>>
    where
        In<G, Self>: Level,
    {
        panic!("no groups are tried this deep")
    }

    fn recursive_in_group<'g>(
        _: &List<'_, 'g, '_, In<G, Self>>,
        _: usize,
        _: (usize, u32),
        _: &Body,
    ) -> Stream<'g, Item, In<G, Self>>
    where
        In<G, Self>: Level,
    {
        panic!("no recursion is tried this deep")
    }

    fn closure_in_group<'g>(_: Stream<'g, Item, In<G, Self>>) -> Stream<'g, Item, In<G, Self>> {
        panic!("no recursion is tried this deep")
    }
}

impl<G: Indexed + Row> Inner<G> for Root {
    fn per_inner_group<'g>(
        list: &List<'_, 'g, '_, In<G, Self>>,
        node: usize,
        input: usize,
        body: &Body,
    ) -> Stream<'g, Item, In<G, Self>> {
        grouped::<C3, In<G, Self>>(list, node, input, body)
    }

    fn recursive_in_group<'g>(
        list: &List<'_, 'g, '_, In<G, Self>>,
        node: usize,
        seed: (usize, u32),
        body: &Body,
    ) -> Stream<'g, Item, In<G, Self>> {
        list.looped(node, seed, body)
    }

    fn closure_in_group<'g>(edges: Stream<'g, Item, In<G, Self>>) -> Stream<'g, Item, In<G, Self>> {
        edges.transitive_closure(Edge::of).map(Edge::into_item)
    }
}

/// Groups are two deep at most.
impl<G: Indexed + Row> Inner<C3> for In<G, Root> {}

/// Groups inside of a recursion are one deep at most.
impl<G: Indexed + Row> Inner<G> for Looped<Root> {}

/// Inside of a recursion of the plan.
impl Level for Looped<Root> {
    type Around = Self;

    const IS_LOOPED: bool = true;

    fn with_key<V: Visit>(key: Key, visit: V) -> V::Out {
        keys::wide_key(key, visit)
    }

    fn per_group<'g>(
        list: &List<'_, 'g, '_, Self>,
        node: usize,
        input: usize,
        key: Key,
        body: &Body,
    ) -> Stream<'g, Item, Self> {
        assert_eq!(key, Key::A, "the only key of groups");
        grouped::<A, Self>(list, node, input, body)
    }
}

/// Inside of a recursion inside of a group.
impl<G: Indexed + Row> Level for Looped<In<G, Root>> {
    type Around = Self;

    const HAS_GROUPS: bool = true;
    const IS_DEEPEST: bool = true;
    const IS_LOOPED: bool = true;

    fn with_key<V: Visit>(key: Key, visit: V) -> V::Out {
        keys::inner_key(key, visit)
    }
}

fn grouped<'g, K: Indexed + Row, S: Level>(
    list: &List<'_, 'g, '_, S>,
    node: usize,
    input: usize,
    body: &Body,
) -> Stream<'g, Item, S>
where
    In<K, S>: Level<Around = S>,
{
    let rows = list.streams()[input];
    let keyed = rows.per_group(K::index(), |rows| list.inside(node, input, rows, body));
    keyed.map(|row| Body::keyed(&row.key.project(), &row.value))
}
