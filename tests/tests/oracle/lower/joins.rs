//! The joins.

use deltaview::{In, Index, Keyed, Pair, Row, Stream};
use deltaview_tests::item::Item;
use deltaview_tests::plan::{Join, JoinKind, JoinOuter};

use super::keys::{Indexed, Visit, inner_key};
use super::level::Level;
use super::list::List;

/// A join by a key.
pub(super) struct JoinBy<'a, 'l, 'g, 'p, S: Level> {
    pub(super) list: &'a List<'l, 'g, 'p, S>,
    pub(super) node: usize,
    pub(super) join: Join,
}

impl<'g, S: Level> Visit for JoinBy<'_, '_, 'g, '_, S> {
    type Out = Stream<'g, Item, S>;

    fn visit<K: Indexed + Row>(self) -> Stream<'g, Item, S> {
        let Self { list, node, join } = self;
        let (left, right) = (list.streams()[join.left], list.streams()[join.right]);
        let index = K::index();
        let right_index = if join.twisted {
            K::twisted()
        } else {
            K::index()
        };
        let meeting = join.meeting;
        let key_of =
            |left: Option<&Item>| left.map_or_else(Item::default, |left| K::of(left).project());
        let pairs = format!("p{}", list.name(node));
        let counts = |of: usize, index: &Index<Item, K>, twisted: bool| {
            let vertex = format!("{}_keys_by_{}", list.name_of(of), index.name());
            list.looks()
                .table(list.key_counts::<K>(vertex, of, twisted));
        };
        counts(join.right, &right_index, join.twisted);
        counts(join.left, &index, false);
        match join.kind {
            JoinKind::Inner if join.in_pairs => left
                .join(right, index, right_index)
                .named(pairs)
                .map(move |Pair { left, right }| {
                    meeting.apply(&K::of(&left).project(), &left, &right)
                }),
            JoinKind::Inner => left.join_map(right, index, right_index, move |key, left, right| {
                meeting.apply(&key.project(), left, right)
            }),
            JoinKind::Cross => panic!("a cross join has no key"),
            JoinKind::Semi => left.semi_join(right, index, right_index),
            JoinKind::Anti => left.anti_join(right, index, right_index),
            outer if !K::IS_WIDE || S::IS_DEEPEST => panic!("{outer:?} by {:?}", K::KEY),
            JoinKind::Left => {
                left.left_join(right, index, right_index)
                    .map(move |Pair { left, right }| {
                        meeting.outer(&key_of(Some(&left)), Some(&left), right.as_ref())
                    })
            }
            JoinKind::Right => {
                left.right_join(right, index, right_index)
                    .map(move |Pair { left, right }| {
                        meeting.outer(&key_of(left.as_ref()), left.as_ref(), Some(&right))
                    })
            }
            JoinKind::Full => {
                left.full_join(right, index, right_index)
                    .map(move |Pair { left, right }| {
                        meeting.outer(&key_of(left.as_ref()), left.as_ref(), right.as_ref())
                    })
            }
        }
    }
}

/// Every row with every row.
pub(super) fn cross<'g, S: Level>(list: &List<'_, 'g, '_, S>, join: Join) -> Stream<'g, Item, S> {
    let (left, right) = (list.streams()[join.left], list.streams()[join.right]);
    let meeting = join.meeting;
    left.cross_join(right)
        .map(move |Pair { left, right }| meeting.apply(&Item::default(), &left, &right))
}

/// Rows leave their group, meet others, and come back.
pub(super) fn join_outer<'g, G: Indexed + Row, P: Level>(
    left: Stream<'g, Item, In<G, P>>,
    outer: Stream<'g, Item, P>,
    join: JoinOuter,
) -> Stream<'g, Item, In<G, P>> {
    inner_key(join.key, Leaving { left, outer, join })
}

struct Leaving<'g, G, P> {
    left: Stream<'g, Item, In<G, P>>,
    outer: Stream<'g, Item, P>,
    join: JoinOuter,
}

impl<'g, G: Indexed + Row, P: Level> Visit for Leaving<'g, G, P> {
    type Out = Stream<'g, Item, In<G, P>>;

    fn visit<K: Indexed + Row>(self) -> Stream<'g, Item, In<G, P>> {
        let index = Index::new(format!("{}_of_row", K::NAME), |row: &Keyed<G, Item>| {
            K::of(&row.value)
        });
        let meeting = self.join.meeting;
        let met = move |key: &K, left: &Keyed<G, Item>, right: &Item| {
            let made = meeting.apply(&key.project(), &left.value, right);
            Keyed::new(left.key.clone(), made)
        };
        let joined = self
            .left
            .flat()
            .join_map(self.outer, index, K::index(), met);
        joined.grouped()
    }
}
